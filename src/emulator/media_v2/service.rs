//! The context of every operation: the account of one region, its storage, and the clock.

use std::sync::{Arc, MutexGuard};

use super::errors::ApiError;
use crate::emulator::media_account::dates::Moment;
use crate::emulator::media_account::schema::Kind;
use crate::emulator::media_account::store::State;
use crate::emulator::settings::MediaSettings;
use crate::emulator::storage_account::StorageAccount;
use crate::emulator::world::{Region, World};

/// The account of one region, and what its operations need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service<'w> {
    pub(super) world: &'w World,
    pub(super) index: usize,
}

impl<'w> Service<'w> {
    pub(super) fn region(self) -> &'w Region {
        &self.world.regions[self.index]
    }

    pub(super) fn settings(self) -> &'w MediaSettings {
        &self.region().settings.media
    }

    /// The account's tables. Never hold the guard over an await.
    pub(super) fn state(self) -> MutexGuard<'w, State> {
        self.region().media.lock()
    }

    /// The API root, with its trailing slash.
    pub(super) fn root(self) -> String {
        format!("{}/api/", self.region().urls.cluster)
    }

    pub(super) fn now(self) -> Moment {
        Moment::of_clock(self.world.clock.now())
    }

    /// An attached storage account.
    pub(super) fn storage(self, name: &str) -> Result<&'w Arc<StorageAccount>, ApiError> {
        self.region().storage.iter().find(|s| s.name() == name).ok_or_else(|| ApiError::no_storage(name))
    }

    /// The storage account for assets that name none.
    pub(super) fn default_storage(self) -> Result<&'w Arc<StorageAccount>, ApiError> {
        self.region().storage.first().ok_or_else(|| ApiError::no_storage(""))
    }

    /// Refuses a request for a missing entity.
    pub(super) fn check_exists(self, kind: &'static Kind, key: &str) -> Result<(), ApiError> {
        self.state().get(kind, key).map(|_| ()).ok_or_else(|| ApiError::no_entity(kind.name))
    }
}
