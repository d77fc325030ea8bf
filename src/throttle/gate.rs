//! A rate gate: a number of units per second, with a small burst. The rate is the configured one, or a lower one while
//! the service refuses it ([`Pace`]). The configured rate can depend on the time of day ([`Schedule`]).

mod limiter;
mod schedule;

use std::num::NonZeroU64;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::pace::Pace;
use limiter::Limiter;
pub(super) use schedule::{Schedule, WallClock};

/// Limits the units per second.
#[derive(Debug)]
pub(crate) struct RateGate {
    /// There is no rate to keep and nothing to count: then no lock and no reading of the clock is needed.
    open: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    /// The timetable of the configured rate; `None` = always the same.
    schedule: Option<Schedule>,
    /// The limiter of the pace's rate; `None` = no limit.
    limiter: Option<(f64, Limiter)>,
    /// When a caller last had to wait.
    held: Option<Instant>,
}

impl RateGate {
    /// A gate of at most that many units per second; `None` = as many as the service accepts. Refusals never slow it
    /// below `least`.
    pub(crate) fn new(per_second: Option<NonZeroU64>, least: f64) -> Self {
        Self::with(per_second, None, least)
    }

    /// A gate whose rate depends on the time of day.
    pub(super) fn scheduled(mut schedule: Schedule, least: f64) -> Self {
        let per_second = schedule.look(Instant::now());
        Self::with(per_second, Some(schedule), least)
    }

    fn with(per_second: Option<NonZeroU64>, schedule: Option<Schedule>, least: f64) -> Self {
        let pace = Pace::new(per_second.map(as_float), least, Instant::now());
        let limiter = per_second.map(|rate| (as_float(rate), Limiter::new(rate)));
        let state = State { pace, schedule, limiter, held: None };
        Self { open: AtomicBool::new(state.is_open()), state: Mutex::new(state) }
    }

    /// Units per second that pass now; `None`: any number.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.state.lock().expect("no panic while held").pace.rate()
    }

    /// The same, if a caller had to wait for it since then.
    pub(super) fn rate_kept(&self, since: Option<Instant>) -> Option<f64> {
        let state = self.state.lock().expect("no panic while held");
        state.held.filter(|held| since.is_none_or(|since| *held >= since)).and_then(|_| state.pace.rate())
    }

    /// Waits until `units` may pass.
    pub(crate) async fn pass(&self, units: u64) {
        if units == 0 || self.open.load(Ordering::Relaxed) {
            return;
        }
        let (mut left, mut waited) = (units, false);
        while let Some(not_before) = self.take(&mut left, units, waited) {
            waited = true;
            tokio::time::sleep_until(not_before).await;
        }
    }

    /// Takes as many of the remaining units as may pass now; returns when to continue, if some remain.
    #[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
    fn take(&self, left: &mut u64, whole: u64, waited: bool) -> Option<Instant> {
        let mut state = self.state.lock().expect("no panic while held");
        let now = Instant::now();
        state.follow(now);
        if let Some(wait) = state.limiter().and_then(|limiter| limiter.take(left)) {
            state.held = Some(now);
            return Some(now + wait);
        }
        state.pace.sent(whole as f64, waited, now);
        self.open.store(state.is_open(), Ordering::Relaxed);
        None
    }

    /// Records that a request was refused because the account's limit was reached.
    #[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
    pub(crate) fn refused(&self, units: u64, sent_at: Instant) {
        let mut state = self.state.lock().expect("no panic while held");
        state.pace.refused(units as f64, sent_at, Instant::now());
        self.open.store(state.is_open(), Ordering::Relaxed);
    }
}

#[expect(clippy::cast_precision_loss, reason = "rates far below 2^52")]
fn as_float(rate: NonZeroU64) -> f64 {
    rate.get() as f64
}

impl State {
    /// Is there no rate to keep, nothing to count, and no timetable?
    fn is_open(&self) -> bool {
        self.schedule.is_none() && self.pace.is_open()
    }

    /// Applies the rate of the time of day, if it may have changed. Waiting callers continue after at most one second,
    /// because they take their units in portions of a burst.
    fn follow(&mut self, now: Instant) {
        if let Some(schedule) = self.schedule.as_mut().filter(|schedule| schedule.look_again() <= now) {
            let per_second = schedule.look(now);
            self.pace.configure(per_second.map(as_float), now);
        }
    }

    /// The limiter of the current rate: a new one after each change, which happens a few times a second at most.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::float_cmp,
        reason = "a rate above zero, kept as it is"
    )]
    fn limiter(&mut self) -> Option<&Limiter> {
        let Some(rate) = self.pace.rate() else {
            self.limiter = None;
            return None;
        };
        if self.limiter.as_ref().is_none_or(|(kept, _)| *kept != rate) {
            let whole = NonZeroU64::new(rate as u64).unwrap_or(NonZeroU64::MIN);
            self.limiter = Some((rate, Limiter::under_way(whole)));
        }
        self.limiter.as_ref().map(|(_, limiter)| limiter)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_gate_keeps_its_rate() {
        let gate = RateGate::new(NonZeroU64::new(1_000), 1.0);
        let started = Instant::now();
        for _ in 0..2_000 {
            gate.pass(1).await;
        }
        let seconds = started.elapsed().as_secs_f64();
        assert!((1.9..2.1).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn every_rate_from_one_per_second_to_terabytes_is_kept() {
        for (per_second, units) in
            [(1, 1), (7, 1), (3_333, 1), (20_000, 1), (1_500_001, 3_000), (10_u64.pow(13), 10_u64.pow(9))]
        {
            let gate = RateGate::new(NonZeroU64::new(per_second), 1.0);
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
        let gate = RateGate::new(NonZeroU64::new(60_000_000_000), 1.0);
        let started = Instant::now();
        gate.pass(120_000_000_000).await;
        let seconds = started.elapsed().as_secs_f64();
        assert!((1.8..2.1).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_of_small_requests_do_not_stop_a_large_one() {
        let gate = RateGate::new(None, 1e6);
        for _ in 0..100 {
            let sent_at = Instant::now();
            gate.pass(500).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
            gate.refused(500, sent_at);
        }
        let started = Instant::now();
        gate.pass(60_000_000).await;
        assert!(started.elapsed() <= Duration::from_secs(61), "{:?}", started.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_gate_without_a_rate_has_no_limit_until_there_are_refusals() {
        let gate = RateGate::new(None, 1.0);
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
