//! Stops a run at its limits.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Run;
use crate::engine::counts::RequestCounts;
use crate::engine::limits::{Limit, RunLimits};

/// How often the counts are checked.
const LOOK: Duration = Duration::from_millis(200);

impl Run {
    /// Waits until the run reaches a limit, and asks it to stop. Without limits it never ends.
    pub(crate) async fn reach(&self, limits: RunLimits, stop: &CancellationToken) -> Limit {
        if !limits.is_any() {
            return std::future::pending().await;
        }
        let sent = || {
            let sent = RequestCounts::sent(&self.pair);
            sent.media + sent.blob
        };
        loop {
            if let Some(limit) = limits.reached(|| self.bytes_copied(), sent) {
                stop.cancel();
                return limit;
            }
            let until = limits.until.map_or(LOOK, |(until, _)| until.saturating_duration_since(Instant::now()));
            tokio::time::sleep(until.clamp(Duration::from_millis(1), LOOK)).await;
        }
    }

    /// Bytes of the blobs that were copied so far.
    fn bytes_copied(&self) -> u64 {
        self.tally.lock().expect("no panic while held").bytes_copied
    }
}
