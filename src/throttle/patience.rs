//! Limits the total time of a lane's pauses that its service requests (`Retry-After`).

use std::time::Duration;

use tokio::time::Instant;

/// Pauses that every run grants (guess). If a service requests more, its requests are retried as if it had not
/// requested a pause. If they fail, the next run does the rest.
pub(super) const LEAST: Duration = Duration::from_mins(15);

/// A long run grants pauses of one tenth of its time.
const SHARE: u32 = 10;

/// The pauses of a lane.
#[derive(Debug)]
pub(super) struct Patience {
    since: Instant,
    /// End of the last pause. Pauses that overlap count once.
    until: Instant,
    pub(super) granted: Duration,
    /// Has the service requested more than was granted?
    pub(super) is_over: bool,
}

impl Patience {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, until: now, granted: Duration::ZERO, is_over: false }
    }

    /// Grants a pause, or a shorter one if the limit is near; `None`: the limit is reached.
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
    async fn overlapping_pauses_count_once_and_their_sum_is_limited() {
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
        // A granted pause applies to all requests during it.
        assert_eq!(patience.grant(5 * MINUTE, start + 121 * MINUTE), Some(MINUTE));
        assert_eq!(patience.grant(5 * MINUTE, start + 130 * MINUTE), None);
        assert_eq!(
            patience.grant(Duration::ZERO, start + 130 * MINUTE),
            Some(Duration::ZERO),
            "a pause of zero is always granted"
        );
        assert_eq!(patience.granted, LEAST);
        assert_eq!(patience.grant(5 * MINUTE, start + 200 * MINUTE), Some(5 * MINUTE), "the run is long");
    }
}
