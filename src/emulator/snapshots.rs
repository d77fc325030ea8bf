//! Containers and media accounts as they were before the last write to each, for reads that lag behind.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::blob::account::BlobAccount;
use super::media_account::Past;

/// Why a lock is never poisoned.
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
    /// Keeps snapshots from now on, or no more.
    pub(crate) fn arm(&self, armed: bool) {
        self.containers.lock().expect(WHOLE).clear();
        self.libraries.lock().expect(WHOLE).clear();
        self.armed.store(armed, Ordering::Release);
    }

    /// Are snapshots kept?
    pub(crate) fn armed(&self) -> bool {
        self.armed.load(Ordering::Acquire)
    }

    /// Keeps what the media account of a region holds now.
    pub(crate) fn keep_library(&self, region: usize, past: Past) {
        self.libraries.lock().expect(WHOLE).insert(region, past);
    }

    /// Keeps an account that holds what one container holds now.
    pub(crate) fn keep_container(&self, place: Place, account: BlobAccount) {
        self.containers.lock().expect(WHOLE).insert(place, Arc::new(account));
    }

    /// What the media account of a region held before its last write.
    pub(crate) fn library(&self, region: usize) -> Option<Past> {
        self.libraries.lock().expect(WHOLE).get(&region).cloned()
    }

    /// What a container held before its last write.
    pub(crate) fn container(&self, place: &Place) -> Option<Arc<BlobAccount>> {
        self.containers.lock().expect(WHOLE).get(place).cloned()
    }
}
