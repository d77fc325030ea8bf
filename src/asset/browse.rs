//! Looking: which asset is meant, and where its blobs are.

use std::sync::Arc;

use crate::blob::BlobAccount;
use crate::connect::Endpoint;
use crate::error::Error;
use crate::media::MediaService;
use crate::model::{Asset, AssetId};

/// What an asset's id begins with.
const ID_PREFIX: &str = "nb:cid:";

/// The one asset of that id or name.
///
/// # Errors
/// There is none, or there are several of that name; then their ids are told.
pub async fn find(account: &Endpoint, id_or_name: &str) -> Result<Asset, Error> {
    let refused = |reason: String| Error::Unsuitable { subject: id_or_name.to_owned(), reason };
    if id_or_name.to_ascii_lowercase().starts_with(ID_PREFIX) {
        let found = account.v2.asset(&AssetId::new(id_or_name)).await?;
        return found.ok_or_else(|| refused(format!("account {} has no asset of that id", account.v2.account())));
    }
    let mut found = account.v2.assets_named(id_or_name).await?;
    match (found.pop(), found.len()) {
        (None, _) => Err(refused(format!("account {} has no asset of that name", account.v2.account()))),
        (Some(asset), 0) => Ok(asset),
        (Some(last), _) => {
            let ids: Vec<String> = found.iter().chain([&last]).map(|asset| asset.id.to_string()).collect();
            Err(refused(format!("{} assets have that name; use one's id: {}", ids.len(), ids.join(", "))))
        }
    }
}

/// The storage account an asset is in.
///
/// # Errors
/// It is not among the configured ones.
pub fn storage_of<'a>(account: &'a Endpoint, asset: &Asset) -> Result<&'a Arc<BlobAccount>, Error> {
    account.blobs(asset.storage_account.as_ref()).ok_or_else(|| Error::Unsuitable {
        subject: asset.label().to_owned(),
        reason: format!(
            "it is in storage account {}, whose key the configuration does not have; add it as a `[[{}.storage]]`",
            asset.storage_account.as_ref().map_or("?", |name| name.as_str()),
            account.side,
        ),
    })
}
