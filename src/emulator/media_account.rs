//! The state of one media account: its tables, the changes of state of its streaming endpoint, its throttle.
//!
//! The account does not know requests. The Media Services API decides what a client may do with it.

pub(crate) mod dates;
mod endpoints;
pub(crate) mod guids;
pub(crate) mod schema;
pub(crate) mod store;
mod throttle;
pub(crate) mod value;

use std::sync::{Arc, Mutex, MutexGuard};

use self::endpoints::Endpoints;
use self::store::State;
use self::throttle::Throttle;
use super::settings::RegionSettings;

/// The state of one media account.
#[derive(Debug)]
pub(crate) struct MediaAccount {
    key: String,
    state: Mutex<State>,
    /// The changes of state of its streaming endpoint.
    pub(crate) endpoints: Endpoints,
    /// The limit of requests.
    pub(crate) throttle: Throttle,
    /// Single changes share it; a changeset holds it exclusively, so that no other request sees or disturbs an
    /// intermediate state.
    pub(crate) changes: tokio::sync::RwLock<()>,
}

/// A saved state of an account, for stale reads.
#[derive(Debug, Clone)]
pub(crate) struct Past(pub(crate) Arc<State>);

impl MediaAccount {
    /// An empty account. `key` is the account key in base64.
    pub(crate) fn new(settings: &RegionSettings, key: String) -> Self {
        let mut state = State::new();
        let endpoints = Endpoints::furnish(settings, &mut state);
        Self {
            key,
            state: Mutex::new(state),
            endpoints,
            throttle: Throttle::new(settings.media.requests_per_second),
            changes: tokio::sync::RwLock::new(()),
        }
    }

    /// The account key in base64.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Its tables. Never hold the guard over an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no operation panics while it holds the tables")
    }

    /// Its current state.
    pub(crate) fn snapshot(&self) -> Past {
        Past(Arc::new(self.lock().clone()))
    }

    /// Is the default streaming endpoint running?
    pub(crate) fn endpoint_running(&self) -> bool {
        let mut state = self.lock();
        self.endpoints.settle(&mut state);
        Endpoints::running(&state)
    }
}
