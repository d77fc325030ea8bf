//! The scratch asset of a write test. It is created and removed again, also after a failure or an interruption.

use super::{Findings, is_storage_account};
use crate::blob::BlobAccount;
use crate::clock;
use crate::connect::Endpoint;
use crate::error::Error;
use crate::model::{Asset, AssetEncryption, ContainerName, NewAsset, SCRATCH};
use crate::verdict::Cause;

/// Creates a scratch asset in that storage account. Each one has a new name, because the name of a deleted container
/// cannot be used again immediately.
pub(super) async fn create(endpoint: &Endpoint, storage: &BlobAccount) -> Result<Asset, Error> {
    let name = format!("{SCRATCH}{}-{:08x}", clock::now().as_millisecond(), fastrand::u32(..));
    let scratch = NewAsset {
        name: Some(name.clone()),
        alternate_id: name,
        encryption: AssetEncryption::None,
        // A single account is not named: older versions of the API have no choice.
        storage_account: (endpoint.storage.len() > 1).then(|| storage.name().clone()),
    };
    endpoint.library.create_asset(&scratch).await
}

/// Removes the scratch assets of interrupted tests. If this is not permitted, returns one to use again.
pub(super) async fn remove_leftovers(findings: &mut Findings<'_>, leftovers: Vec<Asset>) -> Option<Asset> {
    let endpoint = findings.endpoint;
    let account = endpoint.library.account();
    if !may_remove(endpoint) {
        return leftovers.into_iter().next();
    }
    for asset in leftovers {
        match remove_leftover(endpoint, &asset).await {
            Ok(()) => findings.ok(account, "leftover", format!("{} of an earlier test is removed", asset.label())),
            Err(error) => findings.failed(account, "leftover", error),
        }
    }
    None
}

/// Reads it again before, because the listing can be old.
async fn remove_leftover(endpoint: &Endpoint, asset: &Asset) -> Result<(), Error> {
    match endpoint.library.asset(&asset.id).await? {
        Some(there) if there.is_scratch() => endpoint.library.delete_asset(&asset.id).await,
        _ => Ok(()),
    }
}

/// Does the credential permit to remove a scratch asset? If containers are the assets, a run needs no permission to
/// delete, so a signature may not have it.
pub(super) fn may_remove(endpoint: &Endpoint) -> bool {
    let lacks = |account: &BlobAccount| account.shared_access().is_some_and(|access| !access.permissions.contains('d'));
    !(is_storage_account(endpoint) && endpoint.storage.iter().any(|account| lacks(account)))
}

/// The storage account and container of the scratch asset.
pub(super) async fn place<'a>(
    endpoint: &'a Endpoint,
    asset: &Asset,
) -> Result<(&'a BlobAccount, ContainerName), Error> {
    let container = match &asset.container {
        Some(container) => container.clone(),
        None => endpoint
            .library
            .container(&asset.id)
            .await?
            .ok_or_else(|| Error::found(asset.label(), Cause::NotThereWhenReadBack, "the scratch asset"))?,
    };
    let account = endpoint.blobs(asset.storage_account.as_ref()).ok_or_else(|| {
        let detail = "the media account puts new assets there";
        Error::found(asset.label(), Cause::StorageAccountNotConfigured, detail)
    })?;
    Ok((account, container))
}
