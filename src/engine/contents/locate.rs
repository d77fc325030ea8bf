//! Locates the blobs of an asset, on either side.

use crate::blob::BlobAccount;
use crate::claims::TargetAsset;
use crate::connect::Endpoint;
use crate::error::Error;
use crate::model::{AccountName, Asset, AssetId, ContainerName, Extent, Side};
use crate::verdict::Cause;

/// The location of an asset's blobs.
#[derive(Debug, Clone)]
pub(crate) struct Place<'a> {
    pub(crate) account: &'a BlobAccount,
    pub(crate) container: ContainerName,
    /// The part of the container.
    pub(crate) extent: Extent,
}

/// Locates the blobs of a target asset.
pub(crate) async fn locate_copy<'a>(side: &'a Endpoint, target: &TargetAsset) -> Result<Place<'a>, Error> {
    let account = target.storage_account.as_ref();
    let account = side.blobs(account).ok_or_else(|| unknown_storage(target.label(), account, "target"))?;
    place(side, account, target.container.as_ref(), &target.id).await
}

/// Locates the blobs of a source asset, in that account.
pub(crate) async fn locate_in<'a>(
    side: &'a Endpoint,
    account: &'a BlobAccount,
    asset: &Asset,
) -> Result<Place<'a>, Error> {
    place(side, account, asset.container.as_ref(), &asset.id).await
}

async fn place<'a>(
    side: &'a Endpoint,
    account: &'a BlobAccount,
    known: Option<&ContainerName>,
    asset: &AssetId,
) -> Result<Place<'a>, Error> {
    let container = container_of(side, known, asset).await?;
    Ok(Place { account, container, extent: side.library.extent(asset) })
}

/// The container; requested if the listing does not name it (`x-ms-version` below 2.2).
async fn container_of(side: &Endpoint, known: Option<&ContainerName>, asset: &AssetId) -> Result<ContainerName, Error> {
    match known {
        Some(container) => Ok(container.clone()),
        None => side.library.container(asset).await?.ok_or_else(|| vanished(side.side, asset)),
    }
}

/// The error of an asset that was listed and no longer exists.
fn vanished(side: Side, asset: &AssetId) -> Error {
    match side {
        Side::Source => Error::found(asset.as_str(), Cause::SourceVanished, ""),
        Side::Target => Error::found(asset.as_str(), Cause::DiffersAfterCopy, "the copy was deleted during the run"),
    }
}

/// The configured storage account that holds an asset.
pub(crate) fn storage<'a>(
    side: &'a Endpoint,
    account: Option<&AccountName>,
    asset: &Asset,
    word: &str,
) -> Result<&'a BlobAccount, Error> {
    side.blobs(account).map(AsRef::as_ref).ok_or_else(|| unknown_storage(asset.label(), account, word))
}

fn unknown_storage(label: &str, account: Option<&AccountName>, word: &str) -> Error {
    let account = account.map_or("", AccountName::as_str);
    Error::found(label, Cause::StorageAccountNotConfigured, format!("{account:?}, [[{word}.storage]]"))
}

/// Does the error say that the container does not exist, or is being deleted?
pub(crate) fn is_missing_container(error: &Error) -> bool {
    let code = error.failure().and_then(|failure| failure.code());
    matches!(code, Some("ContainerNotFound" | "ContainerBeingDeleted"))
}
