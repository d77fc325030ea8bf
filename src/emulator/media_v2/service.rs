//! The handle every operation works with: the account of one region, and the transaction that takes back what a
//! refused request or changeset has done, in the tables and in storage.

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use super::dates::Moment;
use super::errors::ApiError;
use super::schema::LOCATORS;
use super::store::{Journal, State};
use super::{jobs, locators};
use crate::emulator::settings::MediaSettings;
use crate::emulator::storage::{StorageError, StoredPolicy};
use crate::emulator::storage_account::StorageAccount;
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
    DeleteContainer {
        storage: String,
        container: String,
    },
    RemovePolicy {
        storage: String,
        container: String,
        id: String,
    },
    /// Only after the settings' activation delay.
    SetPolicy {
        storage: String,
        container: String,
        locator: String,
        permissions: String,
    },
    StartJob(String),
    /// A cancellation takes a moment.
    EndCancel(String),
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

    /// Runs the deferred deeds, and returns the slow ones.
    pub(super) async fn commit(self, service: Service<'_>) -> Vec<Deed> {
        let mut slow = Vec::new();
        for deed in self.finish {
            if matches!(deed, Deed::SetPolicy { .. } | Deed::StartJob(_) | Deed::EndCancel(_)) {
                slow.push(deed);
            } else {
                perform(service, deed).await;
            }
        }
        slow
    }
}

/// Ends a transaction that was granted. One that is acknowledged only is taken back.
pub(super) async fn end(world: &Arc<World>, region: usize, tx: Transaction, pretended: bool) {
    let service = Service { world, index: region };
    if pretended {
        tx.roll_back(service).await;
    } else {
        launch(world, region, tx.commit(service).await);
    }
}

/// Sets going what takes its time: jobs, and stored access policies that become active with a delay.
fn launch(world: &Arc<World>, region: usize, slow: Vec<Deed>) {
    let settings = &world.regions[region].settings.media;
    for deed in slow {
        let world = Arc::clone(world);
        let delay = match deed {
            Deed::StartJob(id) => {
                tokio::spawn(async move { jobs::run(Service { world: &world, index: region }, &id).await });
                continue;
            }
            Deed::EndCancel(_) => settings.encode_queue_ms / 2,
            _ => settings.sas_activation_ms,
        };
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            perform(Service { world: &world, index: region }, deed).await;
        });
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
        Deed::SetPolicy { storage, container, locator, permissions } => {
            let there = service.state().get(&LOCATORS, locator).is_some();
            match service.storage(storage) {
                Ok(account) if there => {
                    let policy = StoredPolicy { start: None, expiry: None, permissions: permissions.clone() };
                    account.set_policy(container, locators::guid(locator), policy).await
                }
                _ => Ok(()),
            }
        }
        // A job runs by itself.
        Deed::StartJob(_) => Ok(()),
        Deed::EndCancel(id) => {
            jobs::end_cancel(service, id);
            Ok(())
        }
    };
    match outcome {
        Ok(()) | Err(StorageError::NoContainer(_)) => {}
        Err(error) => tracing::warn!(%error, ?deed, "storage did not follow the media service"),
    }
}
