//! How long a run may take, and how much it may cost. At a limit it starts nothing new; the next run goes on.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
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
    /// Is there one?
    pub(crate) fn is_any(&self) -> bool {
        self.until.is_some() || self.requests.is_some() || self.bytes.is_some()
    }

    /// Which limit a run has reached that has copied so many bytes and sent so many requests.
    pub(crate) fn reached(&self, bytes: impl FnOnce() -> u64, requests: impl FnOnce() -> u64) -> Option<Limit> {
        match self {
            Self { until: Some((until, limit)), .. } if Instant::now() >= *until => Some(*limit),
            Self { bytes: Some(most), .. } if bytes() >= most.get() => Some(Limit::Bytes),
            Self { requests: Some(most), .. } if requests() >= most.get() => Some(Limit::Requests),
            _ => None,
        }
    }
}
