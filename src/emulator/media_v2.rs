//! The Media Services v2 plane (stub).
use super::world::World;
use super::{Request, Response};
use std::sync::Arc;

/// What one media account holds.
#[derive(Debug)]
pub(crate) struct MediaAccount(String);

/// A streaming locator as the streaming host sees it.
#[derive(Debug, Clone)]
pub(crate) struct PublishedLocator {
    /// Storage account that holds the asset.
    pub(crate) storage_account: String,
    /// The asset's container.
    pub(crate) container: String,
    pub(crate) start: Option<jiff::Timestamp>,
    pub(crate) expiry: jiff::Timestamp,
}

impl MediaAccount {
    /// An empty account. `key` is the account key in base64.
    pub(crate) fn new(_settings: &super::settings::RegionSettings, key: String) -> Self {
        Self(key)
    }
    /// The account key in base64.
    pub(crate) fn key(&self) -> &str {
        &self.0
    }
    /// The on-demand locator of that guid (lower case, no prefix), of whatever state of time.
    pub(crate) fn published(&self, _guid: &str) -> Option<PublishedLocator> {
        todo!("E2")
    }
    /// Is the default streaming endpoint running?
    pub(crate) fn endpoint_running(&self) -> bool {
        todo!("E2")
    }
    /// Makes an asset (with its container) for the library loader and returns (asset id, container).
    pub(crate) async fn seed_asset(
        &self,
        _world: &World,
        _region: usize,
        _asset: SeedAsset,
    ) -> Result<(String, String), super::storage::StorageError> {
        todo!("E2")
    }
    /// Makes the file records of an asset from its container, sets MIME types by name and the primary.
    pub(crate) async fn seed_files(
        &self,
        _world: &World,
        _region: usize,
        _asset_id: &str,
        _primary: Option<&str>,
    ) -> Result<(), super::storage::StorageError> {
        todo!("E2")
    }
    /// Makes an on-demand locator with a given guid.
    pub(crate) fn seed_locator(
        &self,
        _world: &World,
        _region: usize,
        _asset_id: &str,
        _guid: &str,
        _name: Option<&str>,
        _start: Option<jiff::Timestamp>,
        _expiry: jiff::Timestamp,
    ) {
        todo!("E2")
    }
    /// Removes the container of an asset behind the service's back (an awkward asset).
    pub(crate) async fn seed_lose_container(&self, _world: &World, _region: usize, _asset_id: &str) {
        todo!("E2")
    }
}

/// What the library loader says of an asset.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeedAsset {
    pub(crate) name: Option<String>,
    pub(crate) alternate_id: Option<String>,
    /// 0 none, 1 storage-encrypted, 2 common, 4 envelope.
    pub(crate) options: i32,
    /// Fixed guid, so that the same seed makes the same library.
    pub(crate) guid: Option<String>,
}

/// Answers one request to the cluster of a region.
pub(crate) async fn serve(_world: &Arc<World>, _region: usize, _request: Request) -> Response {
    todo!("E2")
}
/// Answers one request to the front door of a region: 301 to the cluster.
pub(crate) async fn front_door(_world: &Arc<World>, _region: usize, _request: Request) -> Response {
    todo!("E2")
}
/// Answers one request to the token service of a region (ACS and Entra).
pub(crate) async fn tokens(_world: &Arc<World>, _region: usize, _request: Request) -> Response {
    todo!("E2")
}
