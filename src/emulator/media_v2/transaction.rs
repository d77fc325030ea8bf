//! The transaction that rolls back the changes of a refused request or changeset, in the tables and in storage.

use super::service::Service;
use crate::emulator::media_account::store::Journal;
use crate::emulator::storage::StorageError;

/// A change in storage that waits for the end of the transaction.
#[derive(Debug)]
pub(super) enum Deed {
    DeleteContainer { storage: String, container: String },
    RemovePolicy { storage: String, container: String, id: String },
}

/// Work that continues in the background after the answer.
#[derive(Debug)]
pub(super) enum SlowDeed {
    /// Only after the settings' activation delay.
    SetPolicy {
        storage: String,
        container: String,
        locator: String,
        permissions: String,
    },
    StartJob(String),
    /// A cancellation takes time.
    EndCancel(String),
}

/// The changes of one request or changeset so far.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) journal: Journal,
    /// Executed if it is refused.
    pub(super) undo: Vec<Deed>,
    /// Executed if it succeeds: changes that cannot be undone.
    pub(super) finish: Vec<Deed>,
    /// Started if it succeeds.
    pub(super) later: Vec<SlowDeed>,
}

impl Transaction {
    /// Takes everything back.
    pub(super) async fn roll_back(self, service: Service<'_>) {
        service.state().roll_back(self.journal);
        for deed in self.undo.into_iter().rev() {
            perform(service, deed).await;
        }
    }

    /// Executes the deferred changes, and returns the slow ones.
    pub(super) async fn commit(self, service: Service<'_>) -> Vec<SlowDeed> {
        for deed in self.finish {
            perform(service, deed).await;
        }
        self.later
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
    };
    match outcome {
        Ok(()) | Err(StorageError::NoContainer(_)) => {}
        Err(error) => tracing::warn!(%error, ?deed, "storage did not follow the media service"),
    }
}
