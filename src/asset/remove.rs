//! Removes assets with everything that belongs to them.

use super::publish::unpublish;
use crate::connect::Endpoint;
use crate::error::Error;
use crate::library::every;
use crate::model::{Asset, AssetId};

/// Removes an asset: its locators first, so that nothing plays during the removal, then its records and its container.
/// It is a success if the asset does not exist.
pub async fn remove(account: &Endpoint, asset: &AssetId) -> Result<(), Error> {
    match unpublish(account, asset).await {
        // It does not exist any more.
        Err(error) if error.failure().and_then(crate::error::Failure::status) == Some(404) => Ok(()),
        Err(error) => Err(error),
        Ok(_) => account.library.delete_asset(asset).await,
    }
}

/// Every asset of an account.
pub async fn all(account: &Endpoint) -> Result<Vec<Asset>, Error> {
    every(account.library.assets(), |asset| asset.id.as_str()).await
}
