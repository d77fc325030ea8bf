//! Stores the assets of a plan in a region, with their records in the media account.

use futures::stream::{self, TryStreamExt as _};

use super::error::LibraryError;
use super::plan::{PlannedAsset, PlannedProtection};
use crate::emulator::media_v2::{NewLocator, SeedAsset, Seeder};
use crate::emulator::storage_account::StorageAccount;
use crate::emulator::world::World;

/// Assets that are stored at the same time in an external account, which answers through a socket.
const AT_ONCE_OUTSIDE: usize = 8;

/// Stores assets in a region, in their order.
pub(super) async fn store_all(
    world: &World,
    region: usize,
    assets: impl Iterator<Item = Result<PlannedAsset, LibraryError>>,
) -> Result<(), LibraryError> {
    let outside = matches!(*world.regions[region].storage[0], StorageAccount::External(_));
    let at_once = if outside { AT_ONCE_OUTSIDE } else { 1 };
    stream::iter(assets).try_for_each_concurrent(at_once, |asset| store(world, region, asset)).await
}

/// Stores one asset: container, blobs, file records, locators.
async fn store(world: &World, region: usize, asset: PlannedAsset) -> Result<(), LibraryError> {
    let media = Seeder::new(world, region);
    let storage = &world.regions[region].storage[0];
    let seed = SeedAsset {
        name: Some(asset.name.clone()),
        options: asset.options,
        guid: Some(asset.guid.to_string()),
        ..SeedAsset::default()
    };
    let failed = |error| LibraryError::storage(&asset.name, &error);
    let (id, container) = media.add_asset(seed).await.map_err(failed)?;
    for blob in asset.blobs {
        let name = blob.name.clone();
        storage.put_blob(&container, &name, blob.stored()).await.map_err(failed)?;
    }
    if !asset.unregistered {
        media.add_files(&id, asset.primary.as_deref()).await.map_err(failed)?;
    }
    for locator in &asset.locators {
        let guid = locator.guid.to_string();
        let new = NewLocator { guid: Some(guid), name: None, start: locator.start, expiry: locator.expiry };
        media.add_locator(&id, &new);
    }
    if let Some(PlannedProtection { key, policy }) = asset.protection {
        if let Some((key_type, guid)) = key {
            media.add_key(&id, (key_type, &guid.to_string()));
        }
        if let Some((policy_type, protocols, guid)) = policy {
            media.add_policy(&id, (policy_type, protocols, &guid.to_string()));
        }
    }
    if asset.lose_container {
        media.lose_container(&id).await;
    }
    Ok(())
}
