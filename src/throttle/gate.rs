//! A rate gate on tokio's clock: so many units a second, with a small burst. The rate is the configured one, or less while
//! the service says that it is too much ([`Pace`]).
//!
//! A virtual schedule (GCRA) kept as one moment, under one lock. No library here: the rate changes while callers wait.

use std::num::NonZeroU64;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::pace::Pace;

/// Burst in time: small enough that a service counting per 100 ms is not overrun, large enough that timers of one
/// millisecond keep the rate full.
const BURST: Duration = Duration::from_millis(50);

/// Lets a number of units pass per second.
#[derive(Debug)]
pub(crate) struct RateGate {
    /// No rate to keep and nothing to learn: no lock and no look at the clock.
    open: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    /// When all that has passed would have passed at an even pace.
    due: Instant,
}

impl RateGate {
    /// A gate of at most that many units per second; `None` = as many as the service bears.
    #[expect(clippy::cast_precision_loss, reason = "rates far below 2^52")]
    pub(crate) fn new(per_second: Option<NonZeroU64>) -> Self {
        let now = Instant::now();
        let pace = Pace::new(per_second.map(|rate| rate.get() as f64), now);
        Self { open: AtomicBool::new(pace.is_open()), state: Mutex::new(State { pace, due: now }) }
    }

    /// Waits until `units` may pass. More than a burst passes in portions, so that no request is too big for its gate.
    #[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
    pub(crate) async fn pass(&self, units: u64) {
        if units == 0 || self.open.load(Ordering::Relaxed) {
            return;
        }
        let (mut left, mut waited) = (units as f64, false);
        while let Some(not_before) = self.take(&mut left, units as f64, waited) {
            waited = true;
            tokio::time::sleep_until(not_before).await;
        }
    }

    /// Takes as much of what is left as may pass now; when to come back, if that is not all.
    fn take(&self, left: &mut f64, whole: f64, waited: bool) -> Option<Instant> {
        let mut state = self.state.lock().expect("no panic while held");
        let now = Instant::now();
        if let Some(rate) = state.pace.rate() {
            // One unit at least is a burst, however low the rate.
            let burst = BURST.as_secs_f64().max(1.0 / rate);
            while *left > 0.0 {
                let portion = left.min(burst * rate);
                let after = state.due.max(now) + Duration::from_secs_f64(portion / rate);
                let latest = now + Duration::from_secs_f64(burst);
                if after > latest {
                    return Some(now + (after - latest));
                }
                state.due = after;
                *left -= portion;
            }
        }
        state.pace.sent(whole, waited, now);
        self.open.store(state.pace.is_open(), Ordering::Relaxed);
        None
    }

    /// Takes note that a request was refused because the account's limit is reached.
    #[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
    pub(crate) fn refused(&self, units: u64, sent_at: Instant) {
        let mut state = self.state.lock().expect("no panic while held");
        state.pace.refused(units as f64, sent_at, Instant::now());
        self.open.store(state.pace.is_open(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_gate_holds_its_rate() {
        let gate = RateGate::new(NonZeroU64::new(1_000));
        let started = Instant::now();
        for _ in 0..2_000 {
            gate.pass(1).await;
        }
        let seconds = started.elapsed().as_secs_f64();
        assert!((1.9..2.1).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn every_rate_is_held_from_one_a_second_to_terabytes() {
        for (per_second, units) in
            [(1, 1), (7, 1), (3_333, 1), (20_000, 1), (1_500_001, 3_000), (10_u64.pow(13), 10_u64.pow(9))]
        {
            let gate = RateGate::new(NonZeroU64::new(per_second));
            let started = Instant::now();
            let passes = (3 * per_second).div_ceil(units);
            for _ in 0..passes {
                gate.pass(units).await;
            }
            let seconds = started.elapsed().as_secs_f64();
            assert!(seconds < 3.15 && seconds > 1.9, "{per_second}/s: {seconds} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_a_second_of_bytes_passes_in_portions() {
        let gate = RateGate::new(NonZeroU64::new(60_000_000_000));
        let started = Instant::now();
        gate.pass(120_000_000_000).await;
        let seconds = started.elapsed().as_secs_f64();
        assert!((1.8..2.1).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_gate_without_a_rate_lets_all_pass_until_it_meets_refusals() {
        let gate = RateGate::new(None);
        let started = Instant::now();
        for _ in 0..10_000 {
            gate.pass(1).await;
        }
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert!(gate.open.load(Ordering::Relaxed));
        gate.refused(1, started);
        assert!(!gate.open.load(Ordering::Relaxed));
    }
}
