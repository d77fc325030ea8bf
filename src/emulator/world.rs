//! Everything the emulator holds: its clock, its counters, its regions, and which service listens where.

use std::collections::HashMap;
use std::sync::Arc;

use super::clock::Clock;
use super::faults::Faults;
use super::media_v2::MediaAccount;
use super::settings::{RegionSettings, Settings};
use super::stats::Stats;
use super::storage::StorageAccount;

/// The whole emulated world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) stats: Stats,
    pub(crate) settings: Settings,
    pub(crate) regions: Vec<Region>,
    /// `host:port` of every listener -> what answers there.
    pub(crate) routes: HashMap<String, Route>,
    /// The one place where answers may be spoiled on purpose.
    pub(crate) faults: Faults,
}

/// One region: a media account, its storage accounts (the first is the default one), its streaming host.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) settings: RegionSettings,
    pub(crate) media: MediaAccount,
    pub(crate) storage: Vec<Arc<StorageAccount>>,
    pub(crate) urls: RegionUrls,
}

/// Where a region's services answer; all without a trailing slash.
#[derive(Debug, Clone)]
pub(crate) struct RegionUrls {
    /// Token service root, such as `http://127.0.0.1:5001`.
    pub(crate) token: String,
    /// The front door, which answers 301.
    pub(crate) front: String,
    /// The cluster that really serves the account.
    pub(crate) cluster: String,
    /// The blob service root; an account's URL is this + `/` + its name.
    pub(crate) blob: String,
    /// The streaming host.
    pub(crate) streaming: String,
}

/// Which service answers at an authority. The number is the region's index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Token(usize),
    Front(usize),
    Cluster(usize),
    Blob(usize),
    Streaming(usize),
    Admin,
}

impl World {
    /// The storage account of that name in any region.
    pub(crate) fn storage(&self, name: &str) -> Option<&Arc<StorageAccount>> {
        self.regions.iter().flat_map(|r| &r.storage).find(|s| s.name() == name)
    }
}
