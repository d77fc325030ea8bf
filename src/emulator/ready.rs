//! The line that lists the addresses of the emulator for the process that started it.
//!
//! Its field names are stable, because scripts read them.

use schemars::JsonSchema;
use serde::Serialize;

use super::world::{Region, World};

/// The ready line.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Ready {
    /// Always true.
    pub ready: bool,
    /// Root of the admin service, without a trailing slash.
    pub admin: String,
    /// The regions in the order of the settings; libraries are loaded into the first.
    pub regions: Vec<ReadyRegion>,
}

/// The addresses and keys of one region.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct ReadyRegion {
    /// The region's name.
    pub name: String,
    /// The media front door, with its `/api/`.
    pub media: String,
    /// The whole URL of the ACS token endpoint.
    pub token: String,
    /// The default storage account's blob URL.
    pub blob: String,
    /// The streaming host, without a trailing slash.
    pub streaming: String,
    /// The media account.
    pub account: String,
    /// The default storage account.
    pub storage_account: String,
    /// The media account's key.
    pub account_key: String,
    /// The default storage account's key.
    pub storage_key: String,
    /// `host:port` of the cluster behind the front door, for clients that allow-list hosts.
    pub cluster: String,
    /// All storage accounts, the default one first.
    pub storage: Vec<ReadyStorage>,
}

/// One storage account.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct ReadyStorage {
    /// Its name.
    pub account: String,
    /// Its key.
    pub key: String,
    /// Its blob URL.
    pub blob: String,
}

impl Ready {
    pub(super) fn of(world: &World) -> Self {
        Self { ready: true, admin: world.admin.clone(), regions: world.regions.iter().map(ReadyRegion::of).collect() }
    }

    /// The one line of JSON, without the line end.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("strings alone always serialise")
    }
}

impl ReadyRegion {
    fn of(region: &Region) -> Self {
        let storage: Vec<_> = region
            .storage
            .iter()
            .map(|s| ReadyStorage { account: s.name().to_owned(), key: s.key().to_owned(), blob: s.url().to_owned() })
            .collect();
        let default = storage[0].clone();
        Self {
            name: region.settings.name.clone(),
            media: format!("{}/api/", region.urls.front),
            token: format!("{}/v2/OAuth2-13", region.urls.token),
            blob: default.blob,
            streaming: region.urls.streaming.clone(),
            account: region.settings.account.clone(),
            storage_account: default.account,
            account_key: region.media.key().to_owned(),
            storage_key: default.key,
            cluster: region.urls.cluster.trim_start_matches("http://").to_owned(),
            storage,
        }
    }
}
