//! The known read policies of an account.

use std::collections::{BTreeMap, HashSet};

/// The policies known so far.
#[derive(Debug, Default)]
pub(super) struct Policies(pub(super) tokio::sync::Mutex<Option<Known>>);

/// Our policies from the listing, and those made since.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The policies whose terms match their names, by minutes.
    pub(super) by_minutes: BTreeMap<u32, String>,
    /// The ids of all policies whose names are ours, with any permission.
    pub(super) ids: HashSet<String>,
}
