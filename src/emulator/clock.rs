//! The emulator's wall clock: the real time at start plus what tokio's clock has advanced since.
//!
//! With tokio's clock paused, SAS and token expiry, copy progress and locator times all follow virtual time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A wall clock that follows tokio's time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    anchor: SystemTime,
    started: tokio::time::Instant,
}

impl Clock {
    /// A clock that reads the real time now and follows tokio's clock from here on.
    pub(crate) fn start() -> Self {
        Self { anchor: SystemTime::now(), started: tokio::time::Instant::now() }
    }

    /// The current wall-clock time.
    pub(crate) fn now(&self) -> SystemTime {
        self.anchor + self.started.elapsed()
    }

    /// The current time in whole milliseconds since 1970, UTC.
    pub(crate) fn unix_millis(&self) -> i64 {
        let since = self.now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// The current time as a jiff timestamp.
    pub(crate) fn timestamp(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.unix_millis()).unwrap_or(jiff::Timestamp::MAX)
    }
}
