//! The end of a successful transaction, and what then continues in the background: jobs, their cancellations, and
//! stored access policies that become active with a delay.

use std::sync::Arc;
use std::time::Duration;

use super::jobs;
use super::service::Service;
use super::transaction::{SlowDeed, Transaction};
use crate::emulator::media_account::guids::guid_of_id;
use crate::emulator::media_account::schema::LOCATORS;
use crate::emulator::storage::{StorageError, StoredPolicy};
use crate::emulator::world::World;

/// Ends a successful transaction. One that is only acknowledged is rolled back.
pub(super) async fn end(world: &Arc<World>, region: usize, tx: Transaction, pretended: bool) {
    let service = Service { world, index: region };
    if pretended {
        tx.roll_back(service).await;
        return;
    }
    for deed in tx.commit(service).await {
        launch(Arc::clone(world), region, deed);
    }
}

/// Starts background work.
fn launch(world: Arc<World>, region: usize, deed: SlowDeed) {
    tokio::spawn(async move {
        let service = Service { world: &world, index: region };
        let pause = |millis| tokio::time::sleep(Duration::from_millis(millis));
        match deed {
            SlowDeed::StartJob(job) => jobs::run(service, &job).await,
            SlowDeed::EndCancel(job) => {
                pause(service.settings().encode_queue_ms / 2).await;
                jobs::end_cancel(service, &job);
            }
            SlowDeed::SetPolicy { storage, container, locator, permissions } => {
                pause(service.settings().sas_activation_ms).await;
                set_policy(service, (&storage, &container), &locator, permissions).await;
            }
        }
    });
}

/// Activates the stored access policy of a SAS locator, if the locator is still there.
async fn set_policy(service: Service<'_>, (storage, container): (&str, &str), locator: &str, permissions: String) {
    let there = service.state().get(&LOCATORS, locator).is_some();
    let Some(account) = service.storage(storage).ok().filter(|_| there) else { return };
    let policy = StoredPolicy { start: None, expiry: None, permissions };
    match account.set_policy(container, guid_of_id(locator), policy).await {
        Ok(()) | Err(StorageError::NoContainer(_)) => {}
        Err(error) => tracing::warn!(%error, locator, "storage did not follow the media service"),
    }
}
