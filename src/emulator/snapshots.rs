//! Containers and media accounts as they were before the last write to each, for reads that lag behind.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::blob::account::BlobAccount;
use super::media_account::Past;

/// The message for a poisoned lock, which cannot happen.
const WHOLE: &str = "a map is never left half done";

/// Account and container.
pub(crate) type Place = (String, String);

/// Containers and media accounts as they were before the last write to each.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    armed: AtomicBool,
    containers: Mutex<HashMap<Place, Arc<BlobAccount>>>,
    libraries: Mutex<HashMap<usize, Past>>,
}

impl Snapshots {
    /// Starts or stops keeping snapshots.
    pub(crate) fn arm(&self, armed: bool) {
        self.containers.lock().expect(WHOLE).clear();
        self.libraries.lock().expect(WHOLE).clear();
        self.armed.store(armed, Ordering::Release);
    }

    /// Are snapshots kept?
    pub(crate) fn armed(&self) -> bool {
        self.armed.load(Ordering::Acquire)
    }

    /// Stores the current state of a region's media account.
    pub(crate) fn keep_library(&self, region: usize, past: Past) {
        self.libraries.lock().expect(WHOLE).insert(region, past);
    }

    /// Stores an account with the current state of one container.
    pub(crate) fn keep_container(&self, place: Place, account: BlobAccount) {
        self.containers.lock().expect(WHOLE).insert(place, Arc::new(account));
    }

    /// The state of a region's media account before its last write.
    pub(crate) fn library(&self, region: usize) -> Option<Past> {
        self.libraries.lock().expect(WHOLE).get(&region).cloned()
    }

    /// The state of a container before its last write.
    pub(crate) fn container(&self, place: &Place) -> Option<Arc<BlobAccount>> {
        self.containers.lock().expect(WHOLE).get(place).cloned()
    }
}
