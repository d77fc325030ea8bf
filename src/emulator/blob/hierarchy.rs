//! Accounts with a hierarchical namespace: each blob is in directories, which exist as objects.
//!
//! They are stored among the blobs, under their names without a slash at the end.

use std::ops::Bound;
use std::sync::Arc;

use super::content::Body;
use super::kind::Kind;
use super::properties::BlobHeaders;
use super::refusal::{DIRECTORY_IS_NOT_EMPTY, INVALID_URI, ON_DIRECTORY, PATH_TYPE, Refusal};
use super::stored::{Blob, Contents, Extras};

/// The metadata by which clients that do not know directories recognise one.
pub(super) const MARKER: &str = "hdi_isfolder";

/// The names of the directories above a path, the lowest one first.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(parent(path), |path| parent(path))
}

fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}

impl Blob {
    /// A directory that is made for a blob in it.
    fn directory_above(blob: &Self) -> Self {
        Self {
            body: Body::empty(),
            headers: Arc::<BlobHeaders>::default(),
            metadata: Some([(MARKER.into(), "true".into())].into()),
            extras: Some(Box::new(Extras { kind: Kind::Directory, ..Extras::default() })),
            etag: blob.etag,
            modified: blob.modified,
            created: blob.created,
        }
    }

    /// 409 for an operation that a directory does not support.
    pub(super) fn refuse_directory(&self) -> Result<(), Refusal> {
        if self.kind() == Kind::Directory { Err(ON_DIRECTORY) } else { Ok(()) }
    }
}

impl Contents {
    /// 409 if the blob's path is that of a directory, or the path of a directory above it is that of a blob.
    pub(super) fn check_path(&self, path: &str) -> Result<(), Refusal> {
        if !self.hierarchical {
            return Ok(());
        }
        if path.split('/').any(str::is_empty) {
            return Err(INVALID_URI);
        }
        let is_directory = |path: &str| self.blobs.get(path).map(|blob| blob.kind() == Kind::Directory);
        let blocked = is_directory(path) == Some(true) || above(path).any(|path| is_directory(path) == Some(false));
        if blocked { Err(PATH_TYPE) } else { Ok(()) }
    }

    /// Makes the directories above a blob.
    pub(super) fn make_directories(&mut self, path: &str, blob: &Blob) {
        for directory in above(path).filter(|_| self.hierarchical) {
            if self.blobs.contains_key(directory) {
                break;
            }
            self.blobs.insert(directory.into(), Blob::directory_above(blob));
        }
    }

    /// 409 for a directory that is not empty.
    pub(super) fn check_empty(&self, path: &str) -> Result<(), Refusal> {
        if self.first_in(&format!("{path}/")).is_some() { Err(DIRECTORY_IS_NOT_EMPTY) } else { Ok(()) }
    }

    /// The first path with that prefix, in the order of [`Self::after`].
    pub(super) fn first_in(&self, prefix: &str) -> Option<&str> {
        let (name, _) = self.blobs.range::<str, _>((Bound::Included(prefix), Bound::Unbounded)).next()?;
        Some(&**name).filter(|name| name.starts_with(prefix))
    }

    /// The next path. A directory is followed by its contents, and then by its neighbours. With `enters`, the contents
    /// of the path come next. The path need not exist.
    pub(super) fn after(&self, path: &str, enters: bool) -> Option<&str> {
        if enters && let Some(first) = self.first_in(&format!("{path}/")) {
            return Some(first);
        }
        std::iter::once(path).chain(above(path)).find_map(|path| self.neighbour(path))
    }

    /// The next path in the same directory.
    fn neighbour(&self, path: &str) -> Option<&str> {
        let directory = parent(path).map(|parent| format!("{parent}/")).unwrap_or_default();
        let mut from = Bound::Excluded(path.to_owned());
        loop {
            let bounds = (from.as_ref().map(String::as_str), Bound::Unbounded);
            let (name, _) = self.blobs.range::<str, _>(bounds).next()?;
            let rest = name.strip_prefix(&*directory)?;
            let Some((folder, _)) = rest.split_once('/') else { return Some(name) };
            // After everything in the folder: the character after a slash is a zero.
            from = Bound::Included(format!("{directory}{folder}0"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::blob::properties::Stamp;
    use crate::emulator::blob::stored::Container;

    #[test]
    fn a_directory_is_followed_by_its_contents() {
        let stamp = Stamp { etag: 1, millis: 0 };
        let container = Container::new("c", None, stamp, true);
        let mut contents = container.lock().unwrap();
        let blob = Blob { extras: None, ..Blob::directory_above(&blank()) };
        for name in ["a.txt", "a/b/1", "a-1/x", "a/b.txt", "a/c", "b"] {
            contents.put(name, blob.clone(), 0);
        }
        let all: Vec<&str> = std::iter::successors(contents.first_in(""), |path| contents.after(path, true)).collect();
        assert_eq!(all, ["a", "a/b", "a/b/1", "a/b.txt", "a/c", "a-1", "a-1/x", "a.txt", "b"]);
        let top: Vec<&str> = std::iter::successors(contents.first_in(""), |path| contents.after(path, false)).collect();
        assert_eq!(top, ["a", "a-1", "a.txt", "b"]);
        assert_eq!(contents.after("a/bx", false), Some("a/c"), "a path that is gone");
    }

    fn blank() -> Blob {
        Blob {
            body: Body::empty(),
            headers: Arc::default(),
            metadata: None,
            extras: None,
            etag: 1,
            modified: 0,
            created: 0,
        }
    }
}
