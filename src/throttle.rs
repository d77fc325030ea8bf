//! Lanes: the limits of one service of an account, for simultaneous requests and for rates. Every attempt holds a
//! permit.
//!
//! The order is fixed: wait in the queue, then for the lane's cool-down, for the rate of bytes, for a slot and for the
//! rate of requests; send; return the permit with the outcome. One caller at a time leaves the queue, so callers are
//! served in the order of arrival. Calls that move bytes have a separate queue and leave some slots to the others, so
//! that reads and control calls do not wait for copies. A copy first waits for the lane from which it reads, in another
//! queue.
//!
//! A refusal with a limit of the account only slows the gate of that limit (`pace`); a refusal without one reduces the
//! slots (`adaptive`) and starts a cool-down; a refusal with a time makes the lane wait that long.

mod adaptive;
mod brake;
mod distance;
mod gate;
mod outcome;
mod pace;
mod patience;
mod permit;
mod rates;
#[cfg(test)]
mod tests;
mod timetable;

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::model::{AccountName, Plane};
use crate::retry::AccountLimit;
use crate::retry::budget::RetryBudget;
use adaptive::AdaptiveLimit;
pub use brake::Brake;
pub use distance::Room;
use distance::{Distance, Reach};
pub use outcome::{LaneStats, Outcome, SourceRefused};
use patience::Patience;
pub use permit::Permit;
pub use rates::Rates;
pub use timetable::{Holds, Timetable, Timetables};

/// The default for the most slots of a lane: for answers that take a tenth of a second. Each request in flight takes
/// about 50 KB, including its connection. The number of used slots depends on the latency.
const DEFAULT_IN_FLIGHT: usize = 1_024;

/// The cool-down after a refusal without a time. The first wait of the storage guidance (2 s) is too long for a rate
/// limit that refills within a second; a quarter of a second is enough to continue.
const DEFAULT_COOL_DOWN: Duration = Duration::from_millis(250);

/// The longest cool-down that a lane accepts, against invalid values; callers use much lower limits.
const LONGEST_COOL_DOWN: Duration = Duration::from_hours(1);

/// Copies below this size reach the published limit of requests (20,000 a second) before that of bytes (50 Gbps).
const LIMITED_BY_REQUESTS: u64 = 6_250_000_000 / 20_000;

/// One of this number of slots is reserved for calls that move no bytes, and at least one if there are
/// [`SLOTS_TO_SHARE`]: such calls are short and fewer than copies.
const SLOTS_PER_RESERVED: usize = 32;

/// The smallest number of slots of which one is reserved for calls that move no bytes.
const SLOTS_TO_SHARE: usize = 4;

/// The limits of a lane. `None` = no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, schemars::JsonSchema, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LaneLimits {
    /// Requests per second.
    pub requests_per_second: Option<NonZeroU64>,
    /// Bytes per second that copies may move.
    pub bytes_per_second: Option<NonZeroU64>,
    /// The most requests in flight. The actual number depends on the latency.
    pub in_flight: usize,
}

impl Default for LaneLimits {
    fn default() -> Self {
        Self { requests_per_second: None, bytes_per_second: None, in_flight: DEFAULT_IN_FLIGHT }
    }
}

/// One account's plane.
#[derive(Debug)]
pub struct Lane {
    account: AccountName,
    plane: Plane,
    /// Calls that move nothing.
    control: Line,
    /// Calls that move bytes.
    copies: Line,
    /// The queue of the copies that read from this lane.
    readers: tokio::sync::Mutex<()>,
    rates: Arc<Rates>,
    reach: Reach,
    /// The most slots, for any latency.
    most: usize,
    since: Instant,
    state: Mutex<State>,
}

/// The queue of one kind of calls.
#[derive(Debug, Default)]
struct Line {
    /// A fair lock: the longest waiter gets it.
    turn: tokio::sync::Mutex<()>,
    /// Wakes the first waiter when a slot becomes free.
    freed: Notify,
}

/// Everything that changes with a request, under one lock.
#[derive(Debug)]
struct State {
    used: usize,
    limit: AdaptiveLimit,
    distance: Distance,
    cool_until: Option<Instant>,
    budget: RetryBudget,
    patience: Patience,
    stats: LaneStats,
}

impl State {
    /// Adapts to a refusal without a limit. An isolated one that also has no time only delays its own caller.
    fn refused(&mut self, retry_after: Option<Duration>) {
        let overloaded = self.limit.finished(true);
        if overloaded || retry_after.is_some() {
            self.cool(retry_after);
        }
    }

    /// Begins a cool-down. It never shortens a longer one.
    fn cool(&mut self, wait: Option<Duration>) {
        let until = Instant::now() + wait.unwrap_or(DEFAULT_COOL_DOWN).min(LONGEST_COOL_DOWN);
        self.cool_until = Some(self.cool_until.map_or(until, |current| current.max(until)));
    }

    /// When the cool-down ends, if there is one.
    fn cooling(&mut self) -> Option<Instant> {
        // Removed when it is over, so that later requests need not read the clock.
        self.cool_until = self.cool_until.filter(|until| *until > Instant::now());
        self.cool_until
    }

    /// The slots that calls of that kind may use now.
    fn slots(&self, moves: bool) -> usize {
        let slots = self.limit.slots();
        if moves && slots >= SLOTS_TO_SHARE { slots - (slots / SLOTS_PER_RESERVED).max(1) } else { slots }
    }
}

impl Lane {
    /// A lane of an account with those limits, which it shares with no other lane.
    pub fn new(account: AccountName, plane: Plane, limits: LaneLimits) -> Arc<Self> {
        Self::sharing(account, plane, limits.in_flight, Rates::new(limits))
    }

    /// One of several lanes of an account, with its own slots.
    pub fn sharing(account: AccountName, plane: Plane, in_flight: usize, rates: Arc<Rates>) -> Arc<Self> {
        let (reach, most) = (Reach::of(plane), in_flight.max(1));
        Arc::new(Self {
            account,
            plane,
            control: Line::default(),
            copies: Line::default(),
            readers: tokio::sync::Mutex::new(()),
            rates,
            reach,
            most,
            since: Instant::now(),
            state: Mutex::new(State {
                used: 0,
                limit: AdaptiveLimit::new(reach.slots(Duration::ZERO).min(most)),
                distance: Distance::default(),
                cool_until: None,
                budget: RetryBudget::default(),
                patience: Patience::new(Instant::now()),
                stats: LaneStats::default(),
            }),
        })
    }

    /// Whose lane it is.
    pub fn account(&self) -> &AccountName {
        &self.account
    }

    /// Which plane.
    pub fn plane(&self) -> Plane {
        self.plane
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    /// Waits until one attempt that moves `bytes` may be sent. Calls that move bytes are served in order, and so are
    /// those that move none; neither kind waits for the other.
    pub async fn acquire(self: &Arc<Self>, bytes: u64) -> Permit {
        self.acquire_in(bytes > 0, bytes).await
    }

    async fn acquire_in(self: &Arc<Self>, moves: bool, bytes: u64) -> Permit {
        let line = self.line(moves);
        let _turn = line.turn.lock().await;
        self.cool_down().await;
        self.rates.bytes.pass(bytes).await;
        let mut permit = self.slot(moves, bytes).await;
        self.rates.requests.pass(1).await;
        // A refusal may have arrived while this call waited at the gates.
        self.cool_down().await;
        permit.since = Instant::now();
        permit
    }

    fn line(&self, moves: bool) -> &Line {
        if moves { &self.copies } else { &self.control }
    }

    /// The same for a copy, which also reads from its source account: it waits for that account's rates and for the
    /// cool-down of that lane, without delaying calls that do not read from there. Copies are served in order.
    pub async fn acquire_from(self: &Arc<Self>, source: &Self, bytes: u64) -> Permit {
        let _turn = source.readers.lock().await;
        source.rates.pass(bytes).await;
        loop {
            source.cool_down().await;
            let permit = self.acquire_in(true, bytes).await;
            if source.state().cooling().is_none() {
                return permit;
            }
        }
    }

    /// The requests of one kind that may be in flight now.
    pub fn slots(&self) -> usize {
        self.state().limit.slots()
    }

    /// The requests in flight, or about to be.
    pub fn used(&self) -> usize {
        self.state().used
    }

    /// Its known capacity now.
    pub fn room(&self) -> Room {
        let state = self.state();
        Room { slots: state.limit.slots(), distance: state.distance.known(), per_second: self.rates.requests.rate() }
    }

    /// Its limits now.
    pub fn limits(&self) -> LaneLimits {
        self.rates.limits()
    }

    /// Does one of its rates depend on the time of day?
    pub fn has_timetable(&self) -> bool {
        self.rates.has_timetable()
    }

    /// How long a number of requests and bytes takes from now on, if answers are as fast as so far.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn time_for(&self, requests: u64, bytes: u64) -> Duration {
        let slots = self.slots();
        let answers = self.mean_latency().as_secs_f64() * requests as f64 / slots as f64;
        let seconds = self.rates.seconds_for(answers, requests, bytes);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// The mean time of its answers so far.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn mean_latency(&self) -> Duration {
        let state = self.state();
        let (mut count, mut micros) = (0, 0.0);
        for histogram in state.stats.latency.values() {
            count += histogram.len();
            micros += histogram.mean() * histogram.len() as f64;
        }
        if count == 0 { Duration::ZERO } else { Duration::from_secs_f64(micros / count as f64 / 1e6) }
    }

    /// Records that this account throttles, according to the answer to another request.
    pub fn slow_down(&self, retry_after: Option<Duration>) {
        let mut state = self.state();
        state.refused(retry_after);
        state.stats.throttled += 1;
    }

    /// Records that this account refused to serve a copy of that size, as the copy's destination reported. If the
    /// report has no limit, it is the one that copies of that size reach first.
    pub fn refused_copy(&self, refusal: SourceRefused) {
        let met_first =
            if refusal.bytes < LIMITED_BY_REQUESTS { AccountLimit::Operations } else { AccountLimit::Egress };
        self.rates.refused(refusal.limit.unwrap_or(met_first), refusal.bytes, refusal.sent_at);
        let mut state = self.state();
        if refusal.retry_after.is_some() {
            state.cool(refusal.retry_after);
        }
        state.stats.throttled += 1;
    }

    /// Grants the pause that the service asks for, or a shorter one; `None` if the limit of this run is reached: then
    /// requests are retried as if the service had not requested a pause.
    pub fn grant(&self, asked: Duration) -> Option<Duration> {
        let mut state = self.state();
        let granted = state.patience.grant(asked, Instant::now());
        (state.stats.pauses, state.stats.pause_limit_reached) = (state.patience.granted, state.patience.is_over);
        granted
    }

    /// The shortest wait of a retry, so that retries are a small share of this lane's requests.
    pub fn pace_retry(&self) -> Duration {
        self.state().budget.take(self.since.elapsed())
    }

    /// Undoes the count of an attempt that sent nothing.
    pub fn not_sent(&self) {
        let mut state = self.state();
        state.stats.requests = state.stats.requests.saturating_sub(1);
    }

    /// Counts a request that is sent without a permit.
    pub(crate) fn count_request(&self) {
        self.state().stats.requests += 1;
    }

    /// A copy of its statistics so far.
    pub fn stats(&self) -> LaneStats {
        self.state().stats.clone()
    }

    /// Waits for the end of the cool-down, which can be extended meanwhile.
    async fn cool_down(&self) {
        loop {
            // The lock is released with this statement, before the wait.
            let cooling = self.state().cooling();
            match cooling {
                Some(until) => tokio::time::sleep_until(until).await,
                None => return,
            }
        }
    }

    /// Takes a slot. Only the first caller of a queue waits here.
    async fn slot(self: &Arc<Self>, moves: bool, bytes: u64) -> Permit {
        loop {
            {
                let mut state = self.state();
                if state.used < state.slots(moves) {
                    state.used += 1;
                    return Permit { lane: Arc::clone(self), bytes, since: self.since, counted: false };
                }
            }
            self.line(moves).freed.notified().await;
        }
    }

    fn note(&self, permit: &Permit, operation: &'static str, outcome: Outcome) {
        if let Outcome::Throttled { limit: Some(limit), .. } = outcome {
            self.rates.refused(limit, permit.bytes, permit.since);
        }
        let mut guard = self.state();
        let state = &mut *guard;
        match outcome {
            Outcome::Ok { latency } => {
                if let Some(distance) = state.distance.answered(latency) {
                    state.limit.reach(self.reach.slots(distance).min(self.most));
                }
                state.limit.finished(false);
                state.budget.succeeded();
                let histogram = state
                    .stats
                    .latency
                    .entry(operation)
                    .or_insert_with(|| Histogram::new(2).expect("two significant figures are valid"));
                // `saturating_record` would clamp values to the range of a new histogram, two microseconds; `record`
                // extends it.
                let _ = histogram.record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
            }
            Outcome::Throttled { retry_after, limit } => {
                if limit.is_none() {
                    state.refused(retry_after);
                } else if retry_after.is_some() {
                    state.cool(retry_after);
                }
                state.stats.throttled += 1;
            }
            Outcome::ServerBusy | Outcome::Network => {
                state.limit.finished(false);
                state.stats.troubled += 1;
            }
            Outcome::Rejected => {
                state.limit.finished(false);
            }
        }
    }
}
