//! The emulator's wall clock: the real time at start plus what tokio's clock has advanced since.
//!
//! With tokio's clock paused, SAS and token expiry, copy progress and locator times all follow virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A wall clock that follows tokio's time. Clones show the same time, also when it is set wrong.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    anchor: SystemTime,
    started: tokio::time::Instant,
    /// The error of the clock, in seconds.
    skew: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that follows tokio's from now on. It starts with the real time plus the virtual time that has already
    /// passed.
    pub(crate) fn start() -> Self {
        let (started, real) = (tokio::time::Instant::now(), std::time::Instant::now());
        let now = SystemTime::now();
        let anchor = match started.into_std().checked_duration_since(real) {
            Some(ahead) => now + ahead,
            None => now - (real - started.into_std()),
        };
        Self { anchor, started, skew: Arc::default() }
    }

    /// The current wall-clock time.
    pub(crate) fn now(&self) -> SystemTime {
        let right = self.anchor + self.started.elapsed();
        let skew = self.skew.load(Ordering::Relaxed);
        let by = Duration::from_secs(skew.unsigned_abs());
        if skew < 0 { right.checked_sub(by) } else { right.checked_add(by) }.unwrap_or(right)
    }

    /// Milliseconds since it was started, independent of the time it shows. Durations are measured with this.
    pub(crate) fn elapsed_millis(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Sets its error in seconds; 0 corrects it.
    pub(crate) fn skew(&self, seconds: i64) {
        self.skew.store(seconds, Ordering::Relaxed);
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
