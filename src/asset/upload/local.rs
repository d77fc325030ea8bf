//! The local files of an upload, and the mark that identifies an interrupted upload of them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::mime;
use crate::error::Error;
use crate::model::AssetEncryption;

/// Small enough that a dozen fit into memory, large enough that the overhead of a request does not matter. The
/// service's own .NET library uses the same size.
const SMALLEST_BLOCK: u64 = 4 << 20;
/// The service's limit.
const MOST_BLOCKS: u64 = 50_000;
/// The service's limit.
const LARGEST_BLOCK: u64 = 4_000 << 20;
/// The prefix of the mark of an unfinished upload. The number is the version of the rules that name the blocks.
const MARK: &str = "mediamirror upload 1 ";

/// A file that is to be uploaded, as it was when the upload began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LocalFile {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its last component.
    pub(super) name: String,
    /// Bytes.
    pub(super) length: u64,
    /// Last change, nanoseconds since 1970.
    pub(super) modified: u128,
}

impl LocalFile {
    /// Reads the current state of a file.
    fn look(path: &Path) -> Result<Self, Error> {
        let unusable = |reason: String, remedy| Error::input(path.display().to_string(), reason, remedy);
        let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error.to_string()))?;
        if !metadata.is_file() {
            return Err(unusable("it is not a file".to_owned(), "name the files that are in it one by one"));
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let name =
            name.ok_or_else(|| unusable("its name is not UTF-8, as a blob's has to be".to_owned(), "rename it"))?;
        let length = metadata.len();
        if length > MOST_BLOCKS * LARGEST_BLOCK {
            let reason = format!("it has {length} bytes, more than a block blob may have");
            return Err(unusable(reason, "split it"));
        }
        let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            path: path.to_owned(),
            name: name.to_owned(),
            length,
            modified: modified.map_or(0, |since| since.as_nanos()),
        })
    }

    #[cfg(test)]
    pub(super) fn of(name: &str, length: u64) -> Self {
        Self { path: name.into(), name: name.to_owned(), length, modified: 7 }
    }

    /// Is it unchanged since the upload started?
    pub(super) fn unchanged(&self) -> bool {
        Self::look(&self.path).is_ok_and(|now| now == *self)
    }

    /// The size of its blocks.
    pub(super) fn block_size(&self) -> u64 {
        self.length.div_ceil(MOST_BLOCKS).next_multiple_of(1 << 20).clamp(SMALLEST_BLOCK, LARGEST_BLOCK)
    }

    /// Its MIME type.
    pub(super) fn mime_type(&self) -> &'static str {
        mime::of(&self.name)
    }

    /// Is it a server manifest (`.ism`), with which a streaming origin starts?
    pub(super) fn is_server_manifest(&self) -> bool {
        self.name.to_ascii_lowercase().ends_with(".ism")
    }

    /// The id of one of its blocks: the file and its block size, the index, and the checksum. All ids of a blob have
    /// the same length.
    pub(super) fn block_id(&self, index: u64, crc64: u64) -> Vec<u8> {
        let state = Sha256::digest(self.state());
        let state = state[..8].iter().fold(0_u64, |state, byte| state << 8 | u64::from(*byte));
        format!("{state:016x}{index:08x}{crc64:016x}").into_bytes()
    }

    fn state(&self) -> String {
        format!("{}\0{}\0{}\0{}\0", self.name, self.length, self.modified, self.block_size())
    }
}

/// What to do about a file that cannot be read.
const READABLE: &str = "check the path and its permissions";

/// The error of a file that cannot be read.
pub(super) fn unreadable(path: &Path, reason: &str) -> Error {
    Error::input(path.display().to_string(), format!("failed to read it: {reason}"), READABLE)
}

/// Reads the state of the files.
pub(super) async fn read(paths: &[PathBuf]) -> Result<Vec<LocalFile>, Error> {
    let paths = paths.to_vec();
    let looked = tokio::task::spawn_blocking(move || paths.iter().map(|path| LocalFile::look(path)).collect());
    let files: Vec<LocalFile> = looked
        .await
        .unwrap_or_else(|error| Err(Error::input("the files", format!("failed to read them: {error}"), READABLE)))?;
    let mut names = HashSet::new();
    if let Some(twice) = files.iter().find(|file| !names.insert(file.name.as_str())) {
        let reason = "two files have that name, but names in an asset are unique";
        return Err(Error::input(&twice.name, reason, "rename one of them"));
    }
    if files.is_empty() {
        return Err(Error::input("the asset", "there are no files to upload", "name at least one file"));
    }
    Ok(files)
}

/// The mark of an unfinished upload of those files: the same unchanged files always have the same mark.
pub(super) fn mark(name: &str, encryption: AssetEncryption, files: &[LocalFile]) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{name}\0{encryption:?}\0"));
    for file in files {
        digest.update(file.state());
    }
    let digest = digest.finalize();
    digest[..16].iter().fold(MARK.to_owned(), |mark, byte| format!("{mark}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_small_unless_a_file_would_have_too_many() {
        for (length, size) in [(0, 4), (1 << 30, 4), (50_000 * (4 << 20), 4), (50_000 * (4 << 20) + 1, 5)] {
            let file = LocalFile::of("a", length);
            assert_eq!(file.block_size(), size << 20, "{length}");
            assert!(length.div_ceil(file.block_size()) <= MOST_BLOCKS);
        }
        let largest = LocalFile::of("a", MOST_BLOCKS * LARGEST_BLOCK);
        assert_eq!(largest.block_size(), LARGEST_BLOCK);
    }

    #[test]
    fn a_changed_file_has_other_block_ids_and_another_mark() {
        let file = LocalFile::of("a", 9);
        let states = [
            file.clone(),
            LocalFile { modified: 8, ..file.clone() },
            LocalFile { length: 10, ..file.clone() },
            LocalFile { name: "b".to_owned(), ..file.clone() },
        ];
        let ids: HashSet<Vec<u8>> = states.iter().map(|file| file.block_id(0, 1)).collect();
        let marks: HashSet<String> =
            states.iter().map(|file| mark("n", AssetEncryption::None, std::slice::from_ref(file))).collect();
        assert_eq!((ids.len(), marks.len()), (4, 4));
        assert_ne!(file.block_id(0, 1), file.block_id(0, 2), "other bytes are another block");
        assert_eq!(file.block_id(0, 1).len(), file.block_id(MOST_BLOCKS, u64::MAX).len());
        assert_ne!(mark("n", AssetEncryption::None, &states), mark("n", AssetEncryption::Common, &states));
    }

    #[tokio::test]
    async fn two_files_with_the_same_name_and_a_directory_are_refused() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("d")).unwrap();
        let paths = [place.path().join("a"), place.path().join("d").join("a")];
        for path in &paths {
            std::fs::write(path, "x").unwrap();
        }
        assert!(read(&paths).await.unwrap_err().to_string().contains("two files have that name"));
        assert!(read(&[place.path().join("d")]).await.unwrap_err().to_string().contains("it is not a file"));
    }
}
