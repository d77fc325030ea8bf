//! How long a run may take, and how much it may cost. At a limit it starts nothing new; the next run goes on.

use std::num::NonZeroU64;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::counts::RequestCounts;
use crate::engine::run::Run;

/// How often counts are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// The limits of a run; `None` = there is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunLimits {
    /// When it stops, and which of the limits that is.
    pub until: Option<(Instant, Limit)>,
    /// Requests to both sides.
    pub requests: Option<NonZeroU64>,
    /// Bytes of the blobs that were copied.
    pub bytes: Option<NonZeroU64>,
}

/// What a run reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The time that it may take.
    Duration,
    /// The end of the window in which it may run.
    Window,
    /// The bytes that it may copy.
    Bytes,
    /// The requests that it may send.
    Requests,
}

impl RunLimits {
    fn is_any(&self) -> bool {
        self.until.is_some() || self.requests.is_some() || self.bytes.is_some()
    }

    /// Which limit the run has reached.
    fn reached(&self, run: &Run) -> Option<Limit> {
        let beyond = |limit: Option<NonZeroU64>, count: u64| limit.is_some_and(|limit| count >= limit.get());
        let sent = || {
            let sent = RequestCounts::sent(&run.pair);
            sent.media + sent.blob
        };
        match self.until {
            Some((until, limit)) if Instant::now() >= until => Some(limit),
            _ if self.bytes.is_some() && beyond(self.bytes, run.bytes_copied()) => Some(Limit::Bytes),
            _ if self.requests.is_some() && beyond(self.requests, sent()) => Some(Limit::Requests),
            _ => None,
        }
    }
}

/// Waits until the run reaches a limit, and asks it to stop. Without limits it waits for ever.
pub(crate) async fn watch(limits: RunLimits, run: &Run, stop: &CancellationToken) -> Limit {
    if !limits.is_any() {
        return std::future::pending().await;
    }
    loop {
        if let Some(limit) = limits.reached(run) {
            stop.cancel();
            return limit;
        }
        let until = limits.until.map_or(LOOK, |(until, _)| until.saturating_duration_since(Instant::now()).min(LOOK));
        tokio::time::sleep(until.max(Duration::from_millis(1))).await;
    }
}
