//! A rate on tokio's clock, over governor's arithmetic. (Its own sleeps ignore a paused clock.)

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

/// The burst as a fraction of a second: small enough that a service counting per 100 ms is not overrun, large enough
/// that timers of one millisecond keep the rate full.
const BURST_PER_SECOND: u64 = 20;

/// The most units of the limiter per second: its interval is in whole nanoseconds, which at a million per second is
/// exact to a thousandth.
const FINEST: u64 = 1_000_000;

/// tokio's clock for governor.
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

/// One rate. Another rate is another limiter.
#[derive(Debug)]
pub(super) struct Limiter {
    governor: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Tick>>,
    /// Units of the caller per unit of the limiter, so that its interval stays a thousand nanoseconds or more.
    scale: u64,
    burst: NonZeroU32,
}

impl Limiter {
    /// That many units per second; a burst may pass immediately.
    pub(super) fn new(per_second: NonZeroU64) -> Self {
        let scale = per_second.get().div_ceil(FINEST);
        let rate = nonzero(per_second.get() / scale);
        let burst = nonzero(u64::from(rate.get()) / BURST_PER_SECOND);
        let quota = Quota::per_second(rate).allow_burst(burst);
        Self { governor: RateLimiter::direct_with_clock(quota, TokioClock), scale, burst }
    }

    /// The same, with a used burst.
    pub(super) fn under_way(per_second: NonZeroU64) -> Self {
        let limiter = Self::new(per_second);
        // A new limiter allows a burst, so this does not fail or wait.
        let _ = limiter.governor.check_n(limiter.burst);
        limiter
    }

    /// Takes as much of `left` as may pass now, in portions of a burst, so that no amount is too large; returns how
    /// long to wait for the rest, if some remains.
    pub(super) fn take(&self, left: &mut u64) -> Option<Duration> {
        while *left > 0 {
            let portion = nonzero(left.div_ceil(self.scale).min(u64::from(self.burst.get())));
            match self.governor.check_n(portion) {
                Ok(Ok(())) => *left = left.saturating_sub(u64::from(portion.get()) * self.scale),
                Ok(Err(not_yet)) => return Some(not_yet.wait_time_from(TokioClock.now())),
                Err(_) => unreachable!("a portion is at most the burst"),
            }
        }
        None
    }
}

/// The nearest non-zero 32-bit number.
fn nonzero(value: u64) -> NonZeroU32 {
    NonZeroU32::new(u32::try_from(value).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN)
}
