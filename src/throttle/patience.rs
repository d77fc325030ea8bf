//! How long a lane pauses in all because its service names a time (`Retry-After`).

use std::time::Duration;

use tokio::time::Instant;

/// What is granted in any run. A service that asks for more has no use for a run that waits for hours: its requests fail after
/// the usual retries, and the next run goes on.
pub(super) const LEAST: Duration = Duration::from_mins(15);

/// A long run may pause for one part in so many of its time.
const SHARE: u32 = 10;

/// What was granted.
#[derive(Debug)]
pub(super) struct Patience {
    since: Instant,
    /// Until then. Pauses side by side count once.
    until: Instant,
    pub(super) granted: Duration,
    /// More was asked for.
    pub(super) is_over: bool,
}

impl Patience {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, until: now, granted: Duration::ZERO, is_over: false }
    }

    /// Grants as much of a pause as there is patience left for; `None`: there is none.
    pub(super) fn grant(&mut self, asked: Duration, now: Instant) -> Option<Duration> {
        let most = LEAST.max((now - self.since) / SHARE);
        let granted_already = self.until.saturating_duration_since(now);
        let more = asked.saturating_sub(granted_already).min(most.saturating_sub(self.granted));
        let pause = (granted_already + more).min(asked);
        let is_cut = pause < asked;
        self.is_over |= is_cut;
        self.granted += more;
        self.until = now + granted_already + more;
        (!is_cut || !pause.is_zero()).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn pauses_side_by_side_count_once_and_their_sum_is_bounded() {
        let start = Instant::now();
        let mut patience = Patience::new(start);
        for _ in 0..256 {
            assert_eq!(patience.grant(5 * MINUTE, start), Some(5 * MINUTE));
        }
        assert_eq!(patience.granted, 5 * MINUTE);
        assert_eq!(patience.grant(5 * MINUTE, start + 3 * MINUTE), Some(5 * MINUTE));
        assert_eq!(patience.granted, 8 * MINUTE);
        assert_eq!(patience.grant(5 * MINUTE, start + 60 * MINUTE), Some(5 * MINUTE));
        assert!(!patience.is_over);
        assert_eq!(patience.grant(5 * MINUTE, start + 120 * MINUTE), Some(2 * MINUTE));
        assert!(patience.is_over);
        // What was granted holds for all that ask meanwhile.
        assert_eq!(patience.grant(5 * MINUTE, start + 121 * MINUTE), Some(MINUTE));
        assert_eq!(patience.grant(5 * MINUTE, start + 130 * MINUTE), None);
        assert_eq!(
            patience.grant(Duration::ZERO, start + 130 * MINUTE),
            Some(Duration::ZERO),
            "no pause is a pause, too"
        );
        assert_eq!(patience.granted, LEAST);
        assert_eq!(patience.grant(5 * MINUTE, start + 200 * MINUTE), Some(5 * MINUTE), "the run is long");
    }
}
