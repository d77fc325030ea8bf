//! Limits of the duration and the cost of a run. At a limit the run starts nothing new; the next run continues.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;

/// The limits of a run; `None`: no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunLimits {
    /// The time at which it stops, and the limit that sets this time.
    pub until: Option<(Instant, Limit)>,
    /// Requests to both sides.
    pub requests: Option<NonZeroU64>,
    /// Bytes of the copied blobs.
    pub bytes: Option<NonZeroU64>,
}

/// The limit that stopped a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The longest duration.
    Duration,
    /// The end of the window in which it may run.
    Window,
    /// The most bytes to copy.
    Bytes,
    /// The most requests.
    Requests,
}

impl RunLimits {
    /// Is there a limit?
    pub(crate) fn is_any(&self) -> bool {
        self.until.is_some() || self.requests.is_some() || self.bytes.is_some()
    }

    /// The limit that a run with this many copied bytes and sent requests has reached.
    pub(crate) fn reached(&self, bytes: impl FnOnce() -> u64, requests: impl FnOnce() -> u64) -> Option<Limit> {
        match self {
            Self { until: Some((until, limit)), .. } if Instant::now() >= *until => Some(*limit),
            Self { bytes: Some(most), .. } if bytes() >= most.get() => Some(Limit::Bytes),
            Self { requests: Some(most), .. } if requests() >= most.get() => Some(Limit::Requests),
            _ => None,
        }
    }
}
