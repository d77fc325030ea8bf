//! Finds the container of an asset.

use crate::emulator::media_account::store::Row;

/// The storage account and container of an asset.
pub(super) fn place(asset: &Row) -> (String, String) {
    let container = asset.text("Uri").rsplit('/').next().unwrap_or_default();
    (asset.text("StorageAccountName").to_owned(), container.to_owned())
}
