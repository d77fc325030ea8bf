//! The rates of an account.

use std::num::NonZeroU64;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use super::LaneLimits;
use super::gate::{RateGate, Schedule, WallClock};
use super::timetable::{Timetable, Timetables};
use crate::clock;
use crate::retry::AccountLimit;

/// The lowest rate of a lane, in requests per second: no request waits longer than a second.
const LEAST_REQUESTS: f64 = 1.0;

/// Bytes per second that a lane is never slowed below: a thousandth of what an account moves by the published limits
/// (50 Gbps). If even that is refused, the reason is not the bytes, and slower copies would not help.
const LEAST_BYTES: f64 = 6_250_000.0;

/// The most changes of the rates that a forecast follows, at least a few weeks.
const MOST_CHANGES: usize = 1_000;

/// The rates of an account, shared by all its lanes and by the copies that read from it: the service counts per account.
#[derive(Debug)]
pub struct Rates {
    limits: LaneLimits,
    timetables: Timetables,
    wall: WallClock,
    pub(super) requests: RateGate,
    pub(super) bytes: RateGate,
}

impl Rates {
    /// The rates of those limits.
    pub fn new(limits: LaneLimits) -> Arc<Self> {
        Self::timed(limits, Timetables::default())
    }

    /// The same, with timetables for the rates that depend on the time of day.
    pub fn timed(limits: LaneLimits, timetables: Timetables) -> Arc<Self> {
        Self::by_clock(limits, timetables, clock::now)
    }

    /// The same with another wall clock.
    pub(super) fn by_clock(limits: LaneLimits, timetables: Timetables, wall: WallClock) -> Arc<Self> {
        let gate = |timetable: &Option<Arc<Timetable>>, per_second, least| match timetable {
            Some(timetable) => RateGate::scheduled(Schedule::new(Arc::clone(timetable), wall), least),
            None => RateGate::new(per_second, least),
        };
        let requests = gate(&timetables.requests, limits.requests_per_second, LEAST_REQUESTS);
        let bytes = gate(&timetables.bytes, limits.bytes_per_second, LEAST_BYTES);
        Arc::new(Self { limits, timetables, wall, requests, bytes })
    }

    /// The limits now.
    pub(super) fn limits(&self) -> LaneLimits {
        if self.timetables.is_empty() { self.limits } else { self.at((self.wall)()).0 }
    }

    /// Does a rate depend on the time of day?
    pub(super) fn has_timetable(&self) -> bool {
        !self.timetables.is_empty()
    }

    /// The limits at a time, and until when; `None` = forever.
    fn at(&self, now: Timestamp) -> (LaneLimits, Option<Timestamp>) {
        let (mut limits, mut until) = (self.limits, None::<Timestamp>);
        let Timetables { requests, bytes } = &self.timetables;
        for (timetable, rate) in [(requests, &mut limits.requests_per_second), (bytes, &mut limits.bytes_per_second)] {
            if let Some(timetable) = timetable {
                let holds = timetable.at(now);
                *rate = holds.per_second;
                until = Some(until.map_or(holds.until, |until| until.min(holds.until)));
            }
        }
        (limits, until)
    }

    /// How many seconds the work takes from now on, with changing rates; `answers`: how long it takes without any
    /// rates.
    pub(super) fn seconds_for(&self, answers: f64, requests: u64, bytes: u64) -> f64 {
        let (mut now, mut seconds, mut done) = ((self.wall)(), 0.0, 0.0);
        for _ in 0..MOST_CHANGES {
            let (limits, until) = self.at(now);
            let whole =
                answers.max(over(requests, limits.requests_per_second)).max(over(bytes, limits.bytes_per_second));
            let rest = (1.0 - done) * whole;
            let length = until.map_or(f64::INFINITY, |until| until.duration_since(now).as_secs_f64());
            let Some(until) = until.filter(|_| rest > length) else { return seconds + rest };
            (now, seconds, done) = (until, seconds + length, done + length / whole);
        }
        // It is assumed that the rest continues in the same way.
        seconds / done
    }

    /// Waits until one more request that moves `bytes` is within the rates.
    pub(super) async fn pass(&self, bytes: u64) {
        self.bytes.pass(bytes).await;
        self.requests.pass(1).await;
    }

    /// Slows the gate of that limit.
    pub(super) fn refused(&self, limit: AccountLimit, bytes: u64, sent_at: Instant) {
        match limit {
            AccountLimit::Operations => self.requests.refused(1, sent_at),
            // An account is either read or written, so one gate is used for both.
            AccountLimit::Ingress | AccountLimit::Egress => self.bytes.refused(bytes, sent_at),
        }
    }
}

/// Seconds in which that much passes.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn over(amount: u64, per_second: Option<NonZeroU64>) -> f64 {
    per_second.map_or(0.0, |rate| amount as f64 / rate.get() as f64)
}
