//! What the first region is filled with: folders of real files, or a library made up from a seed.

use std::path::PathBuf;

mod awkward;
mod bars;
mod dice;
pub mod generate;
pub(crate) mod load;
mod manifests;
mod ordinary;
mod plan;
mod protected;

use futures::stream::{self, TryStreamExt as _};

use self::plan::PlannedAsset;
use super::storage::StorageError;
use super::storage_account::StorageAccount;
use super::world::World;

/// An account outside answers through a socket, so that several assets are stored at once; in memory nothing waits.
const AT_ONCE_OUTSIDE: usize = 8;

/// Why a library could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// A file or folder cannot be read.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
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
        /// What the account said.
        problem: String,
    },
}

impl LibraryError {
    fn storage(asset: &str, error: &StorageError) -> Self {
        Self::Storage { asset: asset.to_owned(), problem: error.to_string() }
    }
}

/// Stores assets in a region, in their order.
async fn store_all(
    world: &World,
    region: usize,
    assets: impl Iterator<Item = Result<PlannedAsset, LibraryError>>,
) -> Result<(), LibraryError> {
    let outside = matches!(*world.regions[region].storage[0], StorageAccount::External(_));
    let at_once = if outside { AT_ONCE_OUTSIDE } else { 1 };
    stream::iter(assets).try_for_each_concurrent(at_once, |asset| plan::store(world, region, asset)).await
}
