//! How many retries a lane may send: a share of its successes and a small steady rate. Arithmetic only; the caller
//! brings the time.
//!
//! It delays retries and refuses none: over budget, a retry waits a little longer. So an outage does not cause a storm
//! of retries, and a service that fails every tenth request (one retry per nine successes) never reaches the budget.

use std::time::Duration;

/// Retries per success, the share of gRPC's and Finagle's budgets. More retries would be an additional load.
const PER_SUCCESS: f64 = 0.2;

/// Retries per second that need no success: a guess, half a percent of the 10,000 requests/s for which a lane is
/// designed.
const STEADY_PER_SECOND: f64 = 50.0;

/// Retries that may be saved up: two seconds of the steady rate.
const MOST_SAVED: f64 = 100.0;

/// The longest a retry waits because of the budget, so that a long outage cannot delay it for hours.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Retries left. Below zero: reserved for waiting retries.
#[derive(Debug, Clone)]
pub struct RetryBudget {
    left: f64,
    counted_at: Duration,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { left: MOST_SAVED, counted_at: Duration::ZERO }
    }
}

impl RetryBudget {
    /// Records a success.
    pub fn succeeded(&mut self) {
        self.left = (self.left + PER_SUCCESS).min(MOST_SAVED);
    }

    /// Takes one retry out of the budget and returns the shortest time that it must wait. `now`: time since any fixed
    /// instant.
    pub fn take(&mut self, now: Duration) -> Duration {
        let passed = now.saturating_sub(self.counted_at).as_secs_f64();
        self.counted_at = self.counted_at.max(now);
        let most_owed = -LONGEST_WAIT.as_secs_f64() * STEADY_PER_SECOND;
        self.left = (STEADY_PER_SECOND.mul_add(passed, self.left).min(MOST_SAVED) - 1.0).max(most_owed);
        Duration::from_secs_f64((-self.left).max(0.0) / STEADY_PER_SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_in_which_every_tenth_request_fails_never_waits() {
        let mut budget = RetryBudget::default();
        for n in 0..100_000_u64 {
            if n % 10 == 0 {
                assert_eq!(budget.take(Duration::ZERO), Duration::ZERO, "at request {n}");
            } else {
                budget.succeeded();
            }
        }
    }

    #[test]
    fn retries_during_an_outage_continue_at_the_steady_rate_and_no_wait_exceeds_the_limit() {
        let mut budget = RetryBudget::default();
        let waits: Vec<Duration> = (0..2_000).map(|_| budget.take(Duration::ZERO)).collect();
        assert!(waits[..100].iter().all(Duration::is_zero));
        assert_eq!(waits[149], Duration::from_secs(1));
        assert_eq!(waits[1_999], LONGEST_WAIT);
    }

    fn take_many(budget: &mut RetryBudget, now: Duration) {
        for _ in 0..150 {
            budget.take(now);
        }
    }

    #[test]
    fn time_and_successes_refill_the_budget() {
        let mut budget = RetryBudget::default();
        take_many(&mut budget, Duration::ZERO);
        assert_eq!(budget.take(Duration::from_secs(2)), Duration::ZERO);
        take_many(&mut budget, Duration::from_secs(2));
        (0..1_000).for_each(|_| budget.succeeded());
        assert_eq!(budget.take(Duration::from_secs(2)), Duration::ZERO);
    }
}
