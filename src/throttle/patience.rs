//! How long a lane waits in all because its service names a time (`Retry-After`).

use std::time::Duration;

use tokio::time::Instant;

/// The most that is granted in a run. A service that asks for more has no use for a run that waits for hours: its requests
/// fail after the usual retries, and the next run goes on.
pub(super) const MOST: Duration = Duration::from_mins(15);

/// What was granted.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Until then. Waits side by side count once.
    until: Option<Instant>,
    pub(super) granted: Duration,
    /// More was asked for.
    pub(super) is_over: bool,
}

impl Patience {
    /// Grants as much of a wait as there is patience left for; `None`: there is none.
    pub(super) fn grant(&mut self, asked: Duration, now: Instant) -> Option<Duration> {
        let granted_already = self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let more = asked.saturating_sub(granted_already).min(MOST.saturating_sub(self.granted));
        let wait = (granted_already + more).min(asked);
        self.is_over |= wait < asked;
        self.granted += more;
        self.until = Some(now + granted_already + more);
        (wait > Duration::ZERO).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn waits_side_by_side_count_once_and_their_sum_is_bounded() {
        let (mut patience, start) = (Patience::default(), Instant::now());
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
        assert_eq!(patience.granted, MOST);
    }
}
