//! Edits of the library loader, without requests. A failed edit is a warning, because the rest of the library can still
//! be used.

use super::asset_container::place;
use super::assets::{self, SeedAsset};
use super::locators::{self, NewLocator};
use super::service::Service;
use super::{files, links};
use crate::emulator::media_account::schema::ASSETS;
use crate::emulator::storage::StorageError;
use crate::emulator::world::World;

/// The library loader's access to the account of a region.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seeder<'w> {
    service: Service<'w>,
}

impl<'w> Seeder<'w> {
    pub(crate) fn new(world: &'w World, region: usize) -> Self {
        Self { service: Service { world, index: region } }
    }

    /// Makes an asset (with its container) for the library loader and returns (asset id, container).
    pub(crate) async fn add_asset(self, asset: SeedAsset) -> Result<(String, String), StorageError> {
        assets::seed(self.service, asset).await
    }

    /// Makes the file records of an asset from its container, sets MIME types by name and the primary.
    pub(crate) async fn add_files(self, asset_id: &str, primary: Option<&str>) -> Result<(), StorageError> {
        files::seed(self.service, asset_id, primary).await
    }

    /// Publishes an asset for the library loader.
    pub(crate) fn add_locator(self, asset_id: &str, locator: &NewLocator) {
        if let Err(error) = locators::add(self.service, asset_id, locator) {
            tracing::warn!(asset_id, error = error.message, "the asset could not be published");
        }
    }

    /// Links a content key of that type and guid to an asset of a library.
    pub(crate) fn add_key(self, asset_id: &str, (key_type, guid): (i32, &str)) {
        if let Err(error) = links::add_key(self.service, asset_id, key_type, guid) {
            tracing::warn!(asset_id, error = error.message, "the asset could not be given a content key");
        }
    }

    /// Links a delivery policy of that type, protocols and guid to an asset of a library; its content key comes first.
    pub(crate) fn add_policy(self, asset_id: &str, policy: (i32, i32, &str)) {
        let (policy_type, protocols, guid) = policy;
        if let Err(error) = links::add_policy(self.service, asset_id, (policy_type, protocols), guid) {
            tracing::warn!(asset_id, error = error.message, "the asset could not be given a delivery policy");
        }
    }

    /// Removes the container of an asset without the media service (an awkward asset).
    pub(crate) async fn lose_container(self, asset_id: &str) {
        let place = self.service.state().get(&ASSETS, asset_id).map(place);
        if let Some((storage, container)) = place
            && let Ok(account) = self.service.storage(&storage)
            && let Err(error) = account.delete_container(&container).await
        {
            tracing::warn!(%error, asset_id, "the container could not be lost");
        }
    }
}
