//! Why a library could not be loaded.

use std::path::PathBuf;

use crate::emulator::storage::StorageError;

/// Why a library could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// A file or folder cannot be read.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// A file or folder whose name is not Unicode cannot become a blob.
    #[error("{}: the name is not Unicode; rename it", .0.display())]
    Name(PathBuf),
    /// The storage account refused it.
    #[error("asset {asset:?}: {problem}")]
    Storage {
        /// The asset.
        asset: String,
        /// The error of the account.
        problem: String,
    },
}

impl LibraryError {
    pub(super) fn storage(asset: &str, error: &StorageError) -> Self {
        Self::Storage { asset: asset.to_owned(), problem: error.to_string() }
    }
}
