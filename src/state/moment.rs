//! A time by all available clocks: the largest elapsed time of all clocks is used.
//!
//! The monotonic clock stops while a machine is suspended, the boot clock while a virtual machine is saved, and the
//! wall clock can be set back. A lease continues in all three cases.

use jiff::{SignedDuration, Timestamp};

use crate::clock;

/// A moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    steady: tokio::time::Instant,
    boot: SignedDuration,
    wall: Timestamp,
}

impl Moment {
    /// Now.
    pub(super) fn now() -> Self {
        Self { steady: tokio::time::Instant::now(), boot: clock::since_boot(), wall: clock::now() }
    }

    /// The time since then.
    pub(super) fn elapsed(&self) -> SignedDuration {
        self.until(&Self::now())
    }

    /// The time until a later moment, by the clock with the largest difference.
    fn until(&self, later: &Self) -> SignedDuration {
        let steady = later.steady.saturating_duration_since(self.steady);
        let steady = SignedDuration::try_from(steady).unwrap_or(SignedDuration::MAX);
        steady.max(later.boot.saturating_sub(self.boot)).max(later.wall.duration_since(self.wall))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_clock_with_the_largest_difference_is_used() {
        let start = Moment::now();
        let later = |steady: u64, boot: i64, wall: i64| Moment {
            steady: start.steady + Duration::from_secs(steady),
            boot: start.boot + SignedDuration::from_secs(boot),
            wall: start.wall + SignedDuration::from_secs(wall),
        };
        for (moment, elapsed) in [
            (later(7, 7, 7), 7),
            // Suspended.
            (later(7, 50, 50), 50),
            // A virtual machine that was saved and resumed.
            (later(7, 7, 3600), 3600),
            // The wall clock was set back.
            (later(7, 8, -3600), 8),
            (later(9, 8, -3600), 9),
        ] {
            assert_eq!(start.until(&moment), SignedDuration::from_secs(elapsed));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_elapsed_time_follows_virtual_time() {
        let start = Moment::now();
        tokio::time::advance(Duration::from_secs(44)).await;
        let elapsed = start.elapsed().as_secs_f64();
        assert!((elapsed - 44.0).abs() < 0.5, "{elapsed}");
    }
}
