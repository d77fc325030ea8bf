//! The state of the emulator: its clock, its counters, its regions, and the addresses of its services.

use std::collections::HashMap;
use std::sync::Arc;

use super::blob::Surroundings;
use super::blob::account::BlobAccount;
use super::clock::Clock;
use super::directory::{Directory, Principal};
use super::external::ExternalAccount;
use super::faults::Faults;
use super::faults::plan::{Fault, FaultPlan};
use super::media_account::MediaAccount;
use super::restarts::Restarts;
use super::settings::{RegionSettings, Role, Settings, SettingsError, StorageSettings, keys};
use super::snapshots::Snapshots;
use super::stats::Stats;
use super::storage_account::StorageAccount;

/// The whole emulated world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) stats: Stats,
    pub(crate) regions: Vec<Region>,
    /// The service at `host:port` of every listener.
    pub(crate) routes: HashMap<String, Route>,
    /// Root of the admin service, without a trailing slash.
    pub(crate) admin: String,
    /// The fault plan in force.
    pub(crate) faults: Faults,
    /// The data for stale reads.
    pub(crate) snapshots: Snapshots,
    /// The tenant that issues tokens for the blob service.
    pub(crate) directory: Directory,
    /// Restarts its services.
    pub(super) restarts: Restarts,
}

/// One region: a media account, its storage accounts (the first is the default one), its streaming host.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) settings: RegionSettings,
    pub(crate) media: MediaAccount,
    pub(crate) storage: Vec<Arc<StorageAccount>>,
    pub(crate) urls: RegionUrls,
}

/// The addresses of a region's services; all without a trailing slash.
#[derive(Debug, Clone)]
pub(crate) struct RegionUrls {
    /// Token service root, such as `http://127.0.0.1:5001`.
    pub(crate) token: String,
    /// The front door, which answers 301.
    pub(crate) front: String,
    /// The cluster that serves the account.
    pub(crate) cluster: String,
    /// The blob service root; an account's URL is this + `/` + its name.
    pub(crate) blob: String,
    /// The streaming host.
    pub(crate) streaming: String,
}

/// Which service answers at an authority. The number is the region's index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Route {
    Token(usize),
    Front(usize),
    Cluster(usize),
    Blob(usize),
    Streaming(usize),
    Admin,
}

impl Route {
    /// Every route of these settings, with the requested port.
    pub(super) fn all(settings: &Settings) -> Vec<(Self, u16)> {
        let mut routes = vec![(Self::Admin, settings.admin_port)];
        for (index, region) in settings.regions.iter().enumerate() {
            let ports = region.ports;
            routes.extend([
                (Self::Token(index), ports.token),
                (Self::Front(index), ports.front),
                (Self::Cluster(index), ports.cluster),
                (Self::Blob(index), ports.blob),
                (Self::Streaming(index), ports.streaming),
            ]);
        }
        routes
    }
}

impl World {
    /// The world of these settings, empty; `authorities` has the address of each service.
    pub(super) fn build(settings: &Settings, authorities: &HashMap<Route, String>) -> Result<Self, SettingsError> {
        settings.check()?;
        let clock = Clock::start();
        let root = |route: Route| {
            format!("http://{}", authorities.get(&route).expect("every route of the settings has an authority"))
        };
        let region = |(index, settings): (usize, &RegionSettings)| {
            let urls = RegionUrls {
                token: root(Route::Token(index)),
                front: root(Route::Front(index)),
                cluster: root(Route::Cluster(index)),
                blob: root(Route::Blob(index)),
                streaming: root(Route::Streaming(index)),
            };
            let key = settings.account_key.clone().unwrap_or_else(|| keys::media(&settings.account));
            Region {
                settings: settings.clone(),
                media: MediaAccount::new(settings, key),
                storage: settings.storage.iter().map(|s| Arc::new(storage_account(s, &urls.blob, &clock))).collect(),
                urls,
            }
        };
        let regions = settings.regions.iter().enumerate().map(region).collect();
        let world = Self {
            clock,
            stats: Stats::default(),
            regions,
            routes: authorities.iter().map(|(route, authority)| (authority.clone(), *route)).collect(),
            admin: root(Route::Admin),
            faults: Faults::default(),
            snapshots: Snapshots::default(),
            directory: Directory::new(settings),
            restarts: Restarts::default(),
        };
        for principal in &settings.principals {
            for assignment in &principal.roles {
                world.assign_role(&assignment.account, &principal.client_id, Some(assignment.role));
            }
        }
        Ok(world)
    }

    /// Gives a principal a role on a storage account, or removes it; `false` if there is no such principal or account
    /// here.
    pub(super) fn assign_role(&self, account: &str, client_id: &str, role: Option<Role>) -> bool {
        match (self.storage(account).map(AsRef::as_ref), self.directory.principal(client_id)) {
            (Some(StorageAccount::Internal(account)), Some(principal)) => {
                account.assign_role(&principal.object_id, role);
                true
            }
            _ => false,
        }
    }

    /// Activates a checked fault plan.
    pub(super) fn set_faults(&self, plan: &FaultPlan) {
        self.clock.skew(plan.clock_skew_s);
        self.faults.set(plan);
        self.snapshots.arm(plan.rules.iter().any(|rule| rule.fault == Fault::Stale));
    }

    /// The storage account of that name in any region.
    pub(crate) fn storage(&self, name: &str) -> Option<&Arc<StorageAccount>> {
        self.regions.iter().flat_map(|r| &r.storage).find(|s| s.name() == name)
    }
}

impl Surroundings for World {
    fn account(&self, region: usize, name: &str) -> Option<&BlobAccount> {
        let found = self.regions.get(region)?.storage.iter().find(|account| account.name() == name)?;
        match &**found {
            StorageAccount::Internal(account) => Some(account),
            StorageAccount::External(_) => None,
        }
    }

    fn account_at(&self, authority: &str, name: &str) -> Option<&BlobAccount> {
        match self.routes.get(authority) {
            Some(Route::Blob(region)) => self.account(*region, name),
            _ => None,
        }
    }

    fn stats(&self) -> &Stats {
        &self.stats
    }

    fn principal(&self, token: &str) -> Option<Principal> {
        self.directory.admits_to_storage(token, self.clock.unix_millis().div_euclid(1000))
    }
}

fn storage_account(settings: &StorageSettings, blob_root: &str, clock: &Clock) -> StorageAccount {
    let name = &settings.account;
    let key = settings.key.clone().unwrap_or_else(|| keys::storage(name));
    if let Some(url) = &settings.external_url {
        return StorageAccount::External(ExternalAccount::new(name, &key, url.trim_end_matches('/')));
    }
    let url = format!("{blob_root}/{name}");
    let account = BlobAccount::new(name, &key, &url, &settings.limits, clock);
    account.set_source_access(settings.source_access);
    account.set_index_tags(settings.index_tags);
    account.allow_public_access(settings.public_access);
    if settings.hierarchical {
        account.make_hierarchical();
    }
    settings.protected.iter().for_each(|(container, protection)| account.protect(container, Some(*protection)));
    StorageAccount::Internal(account)
}
