//! Which blobs of an account belong to the library.

use globset::GlobSet;

use super::{Blob, ContainerName};

/// Which blobs of an account belong to the library. The default selects all.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only blobs with a path that one of these matches; `None` = any path. A path is `CONTAINER/BLOB`.
    pub include: Option<GlobSet>,
    /// No blobs with a path that one of these matches.
    pub exclude: Option<GlobSet>,
    /// What happens to blobs that cannot be read.
    pub archived: Archived,
}

/// What happens to blobs in the archive tier, which cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Archived {
    /// Their asset is not mirrored, and the cause names the first of them.
    #[default]
    Report,
    /// They are left out.
    Skip,
}

/// Blobs that are left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, schemars::JsonSchema, serde::Serialize)]
pub struct LeftOut {
    /// For their paths.
    pub by_path: u64,
    /// Because they are archived.
    pub archived: u64,
}

impl LeftOut {
    /// How many.
    pub fn blobs(self) -> u64 {
        self.by_path + self.archived
    }

    /// Adds those of another page or asset.
    pub fn add(&mut self, other: Self) {
        self.by_path += other.by_path;
        self.archived += other.archived;
    }
}

impl Selection {
    /// Does it select every blob?
    pub fn takes_all(&self) -> bool {
        self.include.is_none() && self.exclude.is_none() && self.archived == Archived::Report
    }

    /// Does a blob of that container belong to the library? One that does not is counted.
    pub fn takes(&self, container: &ContainerName, blob: &Blob, left_out: &mut LeftOut) -> bool {
        let path = format!("{container}/{}", blob.name);
        let is_in = |globs: &Option<GlobSet>| globs.as_ref().map(|globs| globs.is_match(&path));
        if is_in(&self.include) == Some(false) || is_in(&self.exclude) == Some(true) {
            left_out.by_path += 1;
        } else if self.archived == Archived::Skip && blob.is_archived() {
            left_out.archived += 1;
        } else {
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use globset::{Glob, GlobSetBuilder};

    use super::*;
    use crate::model::{BlobKind, BlobProperties};

    fn blobs(names: &[&str]) -> Vec<Blob> {
        let blob = |name: &&str| Blob {
            name: (*name).to_owned(),
            length: 1,
            etag: "\"0x1\"".to_owned(),
            last_modified: None,
            properties: BlobProperties::default(),
            tier: name.starts_with("old").then(|| "Archive".to_owned()),
            kind: BlobKind::Block,
            copy: None,
        };
        names.iter().map(blob).collect()
    }

    fn globs(globs: &[&str]) -> GlobSet {
        let mut builder = GlobSetBuilder::new();
        for glob in globs {
            builder.add(Glob::new(glob).unwrap());
        }
        builder.build().unwrap()
    }

    fn of(selection: &Selection, names: &[&str]) -> (Vec<String>, LeftOut) {
        let (films, mut left_out) = (ContainerName::new("films"), LeftOut::default());
        let mut taken = blobs(names);
        taken.retain(|blob| selection.takes(&films, blob, &mut left_out));
        (taken.into_iter().map(|blob| blob.name).collect(), left_out)
    }

    #[test]
    fn a_path_is_container_and_blob_and_exclusions_have_priority() {
        let (include, exclude) = (Some(globs(&["films/a/*", "series/*"])), Some(globs(&["*.tmp"])));
        let selection = Selection { include, exclude, ..Selection::default() };
        let (taken, left_out) = of(&selection, &["a/1.ts", "a/b/2.ts", "a/3.tmp", "b/1.ts"]);
        assert_eq!(taken, ["a/1.ts", "a/b/2.ts"]);
        assert_eq!(left_out, LeftOut { by_path: 2, archived: 0 });
    }

    #[test]
    fn archived_blobs_are_left_out_only_if_configured() {
        let names = ["b.ts", "old.ts"];
        assert_eq!(of(&Selection::default(), &names), (vec!["b.ts".into(), "old.ts".into()], LeftOut::default()));
        let selection = Selection { archived: Archived::Skip, ..Selection::default() };
        assert_eq!(of(&selection, &names), (vec!["b.ts".into()], LeftOut { by_path: 0, archived: 1 }));
    }
}
