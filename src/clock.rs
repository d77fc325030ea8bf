//! The wall clock. It follows tokio's clock, so that in virtual time SAS starts, token expiries and durations move too.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime};

use jiff::Timestamp;

/// The current wall-clock time, UTC.
pub fn now() -> Timestamp {
    static ANCHOR: OnceLock<(Instant, SystemTime)> = OnceLock::new();
    let (started, wall) = *ANCHOR.get_or_init(|| (Instant::now(), SystemTime::now()));
    let elapsed = tokio::time::Instant::now().into_std().saturating_duration_since(started);
    Timestamp::try_from(wall + elapsed).unwrap_or(Timestamp::MAX)
}
