//! The handle of a running emulator, for tests and the command line.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::faults::plan::FaultPlan;
use super::in_process::InProcessClient;
use super::media_v2::Operator;
use super::ready::Ready;
use super::settings::{BlobLimits, Role, SettingsError};
use super::stats::StatsSnapshot;
use super::storage_account::StorageAccount;
use super::streaming::plays::{self, Played};
use super::world::World;

/// A running emulator. Dropping it stops the listeners; [`Self::shutdown`] also waits for answers in progress.
#[derive(Debug)]
pub struct EmulatorHandle {
    pub(super) world: Arc<World>,
    ready: Ready,
    stop: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl EmulatorHandle {
    pub(super) fn new(
        world: Arc<World>,
        run: impl FnOnce(&Arc<World>, CancellationToken) -> Option<JoinHandle<()>>,
    ) -> Self {
        let stop = CancellationToken::new();
        let ready = Ready::of(&world);
        let server = run(&world, stop.clone());
        Self { world, ready, stop, server }
    }

    /// The addresses of all services, and the keys.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// A client of the official SDK that answers for every authority of this emulator inside the process, and fails
    /// to connect to any other.
    pub fn http_client(&self) -> Arc<dyn azure_core::http::HttpClient> {
        Arc::new(InProcessClient::new(Arc::clone(&self.world), self.stop.clone()))
    }

    /// The requests so far.
    pub fn stats(&self) -> StatsSnapshot {
        self.world.stats.snapshot()
    }

    /// A digest of a blob's content, equal for equal content however it was copied or divided into blocks, and made
    /// without producing synthetic bytes; `None` if there is no such blob, or if it is stored externally.
    pub fn fingerprint(&self, account: &str, container: &str, blob: &str) -> Option<[u8; 32]> {
        match self.world.storage(account)?.as_ref() {
            StorageAccount::Internal(account) => account.fingerprint(container, blob).ok(),
            StorageAccount::External(_) => None,
        }
    }

    /// Deletes a blob as another program would, without a request; `false` if there is no such blob, or if it is stored
    /// externally.
    #[must_use]
    pub fn delete_blob(&self, account: &str, container: &str, blob: &str) -> bool {
        match self.world.storage(account).map(AsRef::as_ref) {
            Some(StorageAccount::Internal(account)) => account.delete_blob(container, blob).is_ok(),
            Some(StorageAccount::External(_)) | None => false,
        }
    }

    /// Access to a region's media account as its operator: edits and reads without a request.
    ///
    /// # Panics
    /// When there is no such region.
    pub fn operator(&self, region: usize) -> Operator<'_> {
        assert!(region < self.world.regions.len(), "there is no region {region}");
        Operator::new(&self.world, region)
    }

    /// What plays: the current answers of the streaming host, by the guids of all streaming locators of a region. No
    /// request is counted.
    ///
    /// # Panics
    /// When there is no such region.
    pub async fn plays(&self, region: usize) -> BTreeMap<String, Played> {
        assert!(region < self.world.regions.len(), "there is no region {region}");
        plays::plays(&self.world, region).await
    }

    /// Activates another fault plan from its start; an empty one ends all faults.
    pub fn set_faults(&self, plan: &FaultPlan) -> Result<(), SettingsError> {
        plan.check()?;
        self.world.set_faults(plan);
        Ok(())
    }

    /// Changes the limits of a storage account; `false` if there is no such account here.
    #[must_use]
    pub fn set_limits(&self, account: &str, limits: &BlobLimits) -> bool {
        match self.world.storage(account).map(AsRef::as_ref) {
            Some(StorageAccount::Internal(account)) => {
                account.set_limits(limits);
                true
            }
            Some(StorageAccount::External(_)) | None => false,
        }
    }

    /// Gives a principal a role on a storage account, or removes it; `false` if there is no such principal or account
    /// here.
    #[must_use]
    pub fn assign_role(&self, account: &str, client_id: &str, role: Option<Role>) -> bool {
        self.world.assign_role(account, client_id, role)
    }

    /// How often each rule of the fault plan has caused its fault since the plan was activated.
    pub fn fault_strikes(&self) -> Vec<u64> {
        self.world.faults.strikes()
    }

    /// Counts from zero again.
    pub fn reset_stats(&self) {
        self.world.stats.reset();
    }

    /// Stops accepting requests and waits for answers in progress, for a limited time.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if let Some(server) = self.server.take() {
            // The server ends by itself within its grace period; an error here is its panic, which was already
            // reported.
            let _ = server.await;
        }
    }
}

impl Drop for EmulatorHandle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
