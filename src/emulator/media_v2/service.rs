//! The handle every operation works with: the account of one region, and the transaction that takes back what a
//! refused request or changeset has done, in the tables and in storage.

use std::sync::{Arc, MutexGuard};

use super::dates::Moment;
use super::errors::ApiError;
use super::store::{Journal, State};
use crate::emulator::settings::MediaSettings;
use crate::emulator::storage::{StorageAccount, StorageError};
use crate::emulator::world::{Region, World};

/// One region's account at work.
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
}

/// A deed in storage that waits for the end of the transaction.
#[derive(Debug)]
pub(super) enum Deed {
    DeleteContainer { storage: String, container: String },
    RemovePolicy { storage: String, container: String, id: String },
    StartJob(String),
}

/// What one request or changeset has done so far.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) journal: Journal,
    /// To be done when it is refused.
    pub(super) undo: Vec<Deed>,
    /// To be done when it is granted: what cannot be undone.
    pub(super) finish: Vec<Deed>,
}

impl Transaction {
    /// Takes everything back.
    pub(super) async fn roll_back(self, service: Service<'_>) {
        service.state().roll_back(self.journal);
        for deed in self.undo.into_iter().rev() {
            perform(service, deed).await;
        }
    }

    /// Does what was put off, and names the jobs to start.
    pub(super) async fn commit(self, service: Service<'_>) -> Vec<String> {
        let mut jobs = Vec::new();
        for deed in self.finish {
            if let Deed::StartJob(id) = deed {
                jobs.push(id);
            } else {
                perform(service, deed).await;
            }
        }
        jobs
    }
}

async fn perform(service: Service<'_>, deed: Deed) {
    let outcome = match &deed {
        Deed::DeleteContainer { storage, container } => match service.storage(storage) {
            Ok(account) => account.delete_container(container).await,
            Err(_) => Ok(()),
        },
        Deed::RemovePolicy { storage, container, id } => match service.storage(storage) {
            Ok(account) => account.remove_policy(container, id).await,
            Err(_) => Ok(()),
        },
        Deed::StartJob(_) => Ok(()),
    };
    match outcome {
        Ok(()) | Err(StorageError::NoContainer(_)) => {}
        Err(error) => tracing::warn!(%error, ?deed, "storage did not follow the media service"),
    }
}
