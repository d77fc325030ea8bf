//! Counts the requests to the emulator: one count per (account, plane, operation, status), and how many requests were
//! answered at the same time.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Which of an account's services answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// The Media Services API.
    Media,
    /// Blob storage.
    Blob,
    /// The streaming host.
    Streaming,
    /// The token endpoints.
    Token,
}

/// One row of the statistics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatRow {
    /// Media or storage account.
    pub account: String,
    /// The service.
    pub plane: Plane,
    /// The API's name of the operation, such as `PutBlobFromUrl`.
    pub operation: String,
    /// The HTTP status answered; 0 if a fault suppressed the answer.
    pub status: u16,
    /// How often.
    pub count: u64,
}

/// A snapshot of everything counted so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatsSnapshot {
    /// Rows in order of account, plane, operation, status.
    pub requests: Vec<StatRow>,
    /// Requests being answered now.
    pub concurrency: u64,
    /// The most requests that were answered at the same time since the last reset.
    pub max_concurrency: u64,
}

type Key = (String, Plane, &'static str, u16);

/// The counters. Cheap enough to be updated on every request.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    counts: Mutex<BTreeMap<Key, u64>>,
    running: AtomicU64,
    peak: AtomicU64,
}

impl Stats {
    /// Records the start of a request; dropping the guard records its end.
    pub(crate) fn begin(&self) -> Running<'_> {
        let now = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(now, Ordering::Relaxed);
        Running(self)
    }

    /// Counts one answered request.
    pub(crate) fn count(&self, account: &str, plane: Plane, operation: &'static str, status: u16) {
        let mut counts = self.counts.lock().expect("stats are never poisoned");
        *counts.entry((account.to_owned(), plane, operation, status)).or_default() += 1;
    }

    /// Everything counted since the start or the last reset.
    pub(crate) fn snapshot(&self) -> StatsSnapshot {
        let counts = self.counts.lock().expect("stats are never poisoned");
        StatsSnapshot {
            requests: counts
                .iter()
                .map(|((account, plane, operation, status), count)| StatRow {
                    account: account.clone(),
                    plane: *plane,
                    operation: (*operation).to_owned(),
                    status: *status,
                    count: *count,
                })
                .collect(),
            concurrency: self.running.load(Ordering::Relaxed),
            max_concurrency: self.peak.load(Ordering::Relaxed),
        }
    }

    /// Forgets all counts; the peak starts again with the requests in progress.
    pub(crate) fn reset(&self) {
        self.counts.lock().expect("stats are never poisoned").clear();
        self.peak.store(self.running.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// A request being answered.
#[derive(Debug)]
pub(crate) struct Running<'a>(&'a Stats);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}
