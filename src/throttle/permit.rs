//! The right to send.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Lane, Outcome};

/// The right to send one attempt. Dropped without an outcome (the call was cancelled) it only frees its slot.
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
    /// Counts the request: from here on it is on its way, whether or not its end is waited for.
    pub fn begin(&mut self) {
        if !std::mem::replace(&mut self.counted, true) {
            self.lane.state().stats.requests += 1;
        }
    }

    /// Gives the permit back, with what happened.
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
