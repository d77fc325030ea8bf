//! One account of the service: its connection, and its known features.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use azure_core::http::HttpClient;

use super::front_door::FrontDoor;
use super::known_policies::Policies;
use super::listing::Query;
use super::wire::Wire;
use crate::call::Caller;
use crate::config::AmsV2Config;
use crate::identity::Tokens;
use crate::model::AccountName;
use crate::transport::AllowedHosts;

/// `major.minor` of an `x-ms-version`.
pub(super) type Version = (u32, u32);

/// The first version whose assets name their container and storage account, and whose locators have names.
pub(super) const WITH_URI: Version = (2, 2);
/// The first version with streaming endpoints.
pub(super) const WITH_STREAMING_ENDPOINTS: Version = (2, 7);
/// The first version with delivery policies.
pub(super) const WITH_DELIVERY_POLICIES: Version = (2, 7);
/// The first version with filters.
pub(super) const WITH_FILTERS: Version = (2, 11);

/// Locators of an asset: Azure Storage allows five stored access policies per container. Expired ones count.
pub(super) const LOCATORS_OF_AN_ASSET: usize = 5;

/// A Media Services v2 account. Clones share everything.
#[derive(Debug, Clone)]
pub struct AmsV2(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) account: AccountName,
    pub(super) default_storage: Option<AccountName>,
    pub(super) version: Version,
    pub(super) wire: Arc<Wire>,
    pub(super) policies: Policies,
    /// The service refused `$batch`.
    pub(super) no_batch: AtomicBool,
    /// The service refused a `$batch` of queries.
    pub(super) no_query_batch: AtomicBool,
    /// The service refused to filter files by several parents.
    pub(super) no_parent_filter: AtomicBool,
}

impl AmsV2 {
    /// A client of that account. It sends nothing yet.
    ///
    /// `client` is the guarded transport whose allow-list is `hosts`; the endpoint's and the token service's host are
    /// added to it, and the cluster's when it is known. `media` is the caller of the account's media lane.
    /// `default_storage` is where the service creates new assets.
    pub fn new(
        account: AccountName,
        default_storage: Option<AccountName>,
        settings: &AmsV2Config,
        client: Arc<dyn HttpClient>,
        hosts: AllowedHosts,
        media: Caller,
    ) -> Self {
        let tokens = Tokens::new(settings.auth.clone(), Arc::clone(&client), &hosts, media.for_another_host());
        let door = FrontDoor::new(&settings.endpoint, &settings.redirect_hosts, hosts);
        Self(Arc::new(Inner {
            account,
            default_storage,
            version: version(&settings.api_version),
            wire: Arc::new(Wire::new(client, media, tokens, door, settings.api_version.clone())),
            policies: Policies::default(),
            no_batch: AtomicBool::new(false),
            no_query_batch: AtomicBool::new(false),
            no_parent_filter: AtomicBool::new(false),
        }))
    }

    pub(super) fn wire(&self) -> &Arc<Wire> {
        &self.0.wire
    }

    /// Does the configured version include this?
    pub(super) fn speaks(&self, version: Version) -> bool {
        self.0.version >= version
    }

    pub(super) fn batches(&self) -> bool {
        !self.0.no_batch.load(Ordering::Relaxed)
    }

    /// A query of a whole set of this account.
    pub(super) fn query(&self, operation: &'static str, attempted: &'static str, path: &str) -> Query {
        let subject = format!("of account {}", self.0.account);
        Query { operation, attempted, subject, path: path.to_owned(), filter: None }
    }
}

/// Reads an `x-ms-version`; an unreadable one is treated as the newest, so that all features are used.
fn version(text: &str) -> Version {
    let numbers = text.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    numbers.unwrap_or((u32::MAX, 0))
}
