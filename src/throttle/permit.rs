//! The right to send.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Lane, Outcome};

/// The right to send one attempt. If it is dropped without an outcome (the call was cancelled), it only frees its slot.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    pub(super) lane: Arc<Lane>,
    pub(super) bytes: u64,
    /// When it was given.
    pub(super) since: Instant,
    pub(super) counted: bool,
}

impl Permit {
    /// Counts the request: from now on it is in flight, even if the caller does not wait for its end.
    pub fn begin(&mut self) {
        if !std::mem::replace(&mut self.counted, true) {
            self.lane.state().stats.requests += 1;
        }
    }

    /// Returns the permit with the outcome.
    pub fn finish(mut self, operation: &'static str, outcome: Outcome) {
        self.begin();
        self.lane.note(&self, operation, outcome);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.lane.state().used -= 1;
        self.lane.control.freed.notify_one();
        self.lane.copies.freed.notify_one();
    }
}
