//! A rate gate on tokio's clock: so many units a second, with a small burst.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

/// Burst as a part of a second: small enough that a service counting per 100 ms is not overrun, large enough that timers
/// of one millisecond keep the rate full.
const BURST_PER_SECOND: u64 = 20;

/// Units of the limiter per second at most: its interval is whole nanoseconds, which at a million a second are exact to a
/// thousandth.
const FINEST: u64 = 1_000_000;

/// tokio's clock as governor wants it (its own sleeps ignore a paused clock, so only its arithmetic is used).
#[derive(Debug, Clone, Copy, Default)]
struct TokioClock;

/// An instant of tokio's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Tick(Instant);

impl Reference for Tick {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_duration_since(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.checked_sub(duration.into()).unwrap_or(self.0))
    }
}

impl std::ops::Add<Nanos> for Tick {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0 + Duration::from(other))
    }
}

impl Clock for TokioClock {
    type Instant = Tick;

    fn now(&self) -> Tick {
        Tick(Instant::now())
    }
}

/// Lets a fixed number of units pass per second.
#[derive(Debug)]
pub(crate) struct RateGate {
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Tick>>,
    /// Units of the caller per unit of the limiter, so that its interval stays a thousand nanoseconds or more.
    scale: u64,
    burst: NonZeroU32,
}

impl RateGate {
    /// A gate of that many units per second.
    pub(crate) fn new(per_second: NonZeroU64) -> Self {
        let scale = per_second.get().div_ceil(FINEST);
        let rate = nonzero(per_second.get() / scale);
        let burst = nonzero(u64::from(rate.get()) / BURST_PER_SECOND);
        let quota = Quota::per_second(rate).allow_burst(burst);
        Self { limiter: RateLimiter::direct_with_clock(quota, TokioClock), scale, burst }
    }

    /// Waits until `units` may pass. More than a burst passes in portions, so that no request is too big for its gate.
    pub(crate) async fn pass(&self, units: u64) {
        let mut left = units.div_ceil(self.scale);
        while left > 0 {
            let portion = nonzero(left.min(u64::from(self.burst.get())));
            match self.limiter.check_n(portion) {
                Ok(Ok(())) => left -= u64::from(portion.get()),
                Ok(Err(not_yet)) => tokio::time::sleep(not_yet.wait_time_from(TokioClock.now())).await,
                Err(_) => unreachable!("a portion is at most the burst"),
            }
        }
    }
}

/// The nearest non-zero 32-bit number.
fn nonzero(value: u64) -> NonZeroU32 {
    NonZeroU32::new(u32::try_from(value).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_gate_holds_its_rate() {
        let gate = RateGate::new(NonZeroU64::new(1_000).unwrap());
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
            let gate = RateGate::new(NonZeroU64::new(per_second).unwrap());
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
        let gate = RateGate::new(NonZeroU64::new(60_000_000_000).unwrap());
        let started = Instant::now();
        gate.pass(120_000_000_000).await;
        let seconds = started.elapsed().as_secs_f64();
        assert!((1.8..2.1).contains(&seconds), "{seconds}");
    }
}
