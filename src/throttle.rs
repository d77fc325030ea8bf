//! Lanes: what one account's plane may be asked for, at once and per second. Every attempt holds a permit.
//!
//! The order is fixed: wait for one's turn, then for the lane's cool-down, take a slot, take rate tokens, send, give the
//! permit back with its outcome. One caller at a time has the turn, so callers are served in the order they came, at the
//! gates too. A copy first waits for the lane it reads from, in a line of its own.

mod adaptive;
mod gate;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::model::{AccountName, Plane};
use crate::retry::Class;
use crate::retry::budget::RetryBudget;
use adaptive::AdaptiveLimit;
use gate::RateGate;

/// Slots of a lane nobody set: enough to cover 10,000 requests/s at 25 ms, well below the usual 1,024 file descriptors
/// for three lanes at work.
const DEFAULT_IN_FLIGHT: usize = 256;

/// Cool-down after a refusal that names no time: what the storage guidance starts its waits with (2 s) is too long for a
/// rate limit that refills within a second; a quarter of a second lets such a bucket refill enough to go on.
const DEFAULT_COOL_DOWN: Duration = Duration::from_millis(250);

/// The longest cool-down a lane accepts, against nonsense; callers cap what they honour well below it.
const LONGEST_COOL_DOWN: Duration = Duration::from_hours(1);

/// What a lane allows. `None` = no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LaneLimits {
    /// Requests per second.
    pub requests_per_second: Option<NonZeroU64>,
    /// Bytes per second that copies may move.
    pub bytes_per_second: Option<NonZeroU64>,
    /// Requests in flight.
    pub in_flight: usize,
}

impl Default for LaneLimits {
    fn default() -> Self {
        Self { requests_per_second: None, bytes_per_second: None, in_flight: DEFAULT_IN_FLIGHT }
    }
}

/// How an attempt ended, as far as the lane is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It worked.
    Ok {
        /// From sending to the whole answer.
        latency: Duration,
    },
    /// The service asks to slow down.
    Throttled {
        /// For how long, if it says.
        retry_after: Option<Duration>,
    },
    /// The service is in trouble.
    ServerBusy,
    /// No answer.
    Network,
    /// A final refusal of this one request; says nothing about the lane.
    Rejected,
}

impl Outcome {
    /// The outcome of a failed attempt of that class.
    pub fn of(class: Class, retry_after: Option<Duration>) -> Self {
        match class {
            Class::Throttled => Self::Throttled { retry_after },
            Class::ServerTrouble => Self::ServerBusy,
            Class::NotSent | Class::Ambiguous => Self::Network,
            Class::SourceThrottled | Class::Unauthorised | Class::Final => Self::Rejected,
        }
    }
}

/// What a lane has done so far.
#[derive(Debug, Clone, Default)]
pub struct LaneStats {
    /// Attempts sent.
    pub requests: u64,
    /// Refusals because of the rate, those included that the destination of a copy reports of this account.
    pub throttled: u64,
    /// Attempts that failed in another way that is worth another attempt.
    pub troubled: u64,
    /// Latency of successful attempts in microseconds, by operation.
    pub latency: BTreeMap<&'static str, Histogram<u64>>,
}

/// The rates of an account, shared by all its lanes and by the copies that read from it: the service counts per account.
#[derive(Debug)]
pub struct Rates {
    limits: LaneLimits,
    requests: Option<RateGate>,
    bytes: Option<RateGate>,
}

impl Rates {
    /// The rates of those limits.
    pub fn new(limits: LaneLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            requests: limits.requests_per_second.map(RateGate::new),
            bytes: limits.bytes_per_second.map(RateGate::new),
        })
    }

    /// Waits until one more request that moves `bytes` is within the rates.
    async fn pass(&self, bytes: u64) {
        if let Some(gate) = &self.bytes {
            gate.pass(bytes).await;
        }
        if let Some(gate) = &self.requests {
            gate.pass(1).await;
        }
    }
}

/// One account's plane.
#[derive(Debug)]
pub struct Lane {
    account: AccountName,
    plane: Plane,
    /// Who is next. A fair lock: whoever waits longest gets it.
    turn: tokio::sync::Mutex<()>,
    /// Which of the copies that read from this lane is next.
    copies_turn: tokio::sync::Mutex<()>,
    slots: Mutex<Slots>,
    /// Tells the one whose turn it is that a slot became free.
    freed: Notify,
    rates: Arc<Rates>,
    cool_until: Mutex<Option<Instant>>,
    since: Instant,
    budget: Mutex<RetryBudget>,
    stats: Mutex<LaneStats>,
}

#[derive(Debug)]
struct Slots {
    used: usize,
    limit: AdaptiveLimit,
}

impl Lane {
    /// The only lane of an account with those limits.
    pub fn new(account: AccountName, plane: Plane, limits: LaneLimits) -> Arc<Self> {
        Self::sharing(account, plane, limits.in_flight, Rates::new(limits))
    }

    /// One of several lanes of an account, with slots of its own.
    pub fn sharing(account: AccountName, plane: Plane, in_flight: usize, rates: Arc<Rates>) -> Arc<Self> {
        Arc::new(Self {
            account,
            plane,
            turn: tokio::sync::Mutex::new(()),
            copies_turn: tokio::sync::Mutex::new(()),
            slots: Mutex::new(Slots { used: 0, limit: AdaptiveLimit::new(in_flight) }),
            freed: Notify::new(),
            rates,
            cool_until: Mutex::new(None),
            since: Instant::now(),
            budget: Mutex::new(RetryBudget::default()),
            stats: Mutex::new(LaneStats::default()),
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

    /// Waits until one attempt that moves `bytes` may be sent. Waiters are served in order.
    pub async fn acquire(self: &Arc<Self>, bytes: u64) -> Permit {
        let _turn = self.turn.lock().await;
        self.cool_down().await;
        let permit = self.slot().await;
        self.rates.pass(bytes).await;
        // A refusal may have arrived while this one waited at the gates.
        self.cool_down().await;
        permit
    }

    /// The same for a copy, which is also a read of the account it copies from: it waits for that account's rates and
    /// while that lane has to cool down, and meanwhile keeps nothing from those that do not read from there. Copies are
    /// served in order.
    pub async fn acquire_from(self: &Arc<Self>, source: &Self, bytes: u64) -> Permit {
        let _turn = source.copies_turn.lock().await;
        source.rates.pass(bytes).await;
        loop {
            source.cool_down().await;
            let permit = self.acquire(bytes).await;
            if source.cooling().is_none() {
                return permit;
            }
        }
    }

    /// What it was allowed.
    pub fn limits(&self) -> LaneLimits {
        self.rates.limits
    }

    /// The mean time of its answers so far.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn mean_latency(&self) -> Duration {
        let stats = self.stats.lock().expect("no panic while held");
        let (mut count, mut micros) = (0, 0.0);
        for histogram in stats.latency.values() {
            count += histogram.len();
            micros += histogram.mean() * histogram.len() as f64;
        }
        if count == 0 { Duration::ZERO } else { Duration::from_secs_f64(micros / count as f64 / 1e6) }
    }

    /// Takes note that a copy read from this account, as the copy's destination reports it.
    pub fn served_copy(&self) {
        self.judge(false);
    }

    /// Takes note that this account refused to serve a copy, as the copy's destination reports it.
    pub fn slow_down(&self, retry_after: Option<Duration>) {
        self.refused(retry_after);
        self.stats.lock().expect("no panic while held").throttled += 1;
    }

    /// Adapts to a refusal. A stray one that names no time is left to the back-off of the caller it hit.
    fn refused(&self, retry_after: Option<Duration>) {
        let overloaded = self.judge(true);
        if overloaded || retry_after.is_some() {
            self.cool(retry_after);
        }
    }

    /// Adapts the slots; tells whether more is refused than is tolerated.
    fn judge(&self, refused: bool) -> bool {
        self.slots.lock().expect("no panic while held").limit.finished(refused)
    }

    /// Begins a cool-down. A shorter one never shortens a longer one.
    fn cool(&self, wait: Option<Duration>) {
        let until = Instant::now() + wait.unwrap_or(DEFAULT_COOL_DOWN).min(LONGEST_COOL_DOWN);
        let mut cool_until = self.cool_until.lock().expect("no panic while held");
        if cool_until.is_none_or(|current| current < until) {
            *cool_until = Some(until);
        }
    }

    /// How long a retry has to wait at least, so that retries stay a small share of what this lane does.
    pub fn pace_retry(&self) -> Duration {
        self.budget.lock().expect("no panic while held").take(self.since.elapsed())
    }

    /// Takes back the count of an attempt that turned out to have nothing to send.
    pub fn not_sent(&self) {
        let mut stats = self.stats.lock().expect("no panic while held");
        stats.requests = stats.requests.saturating_sub(1);
    }

    /// A copy of what it has done so far.
    pub fn stats(&self) -> LaneStats {
        self.stats.lock().expect("no panic while held").clone()
    }

    /// Waits until nothing keeps it from sending; the wait may grow meanwhile.
    async fn cool_down(&self) {
        while let Some(until) = self.cooling() {
            tokio::time::sleep_until(until).await;
        }
    }

    /// When the cool-down ends, if there is one.
    fn cooling(&self) -> Option<Instant> {
        let mut until = self.cool_until.lock().expect("no panic while held");
        // Forgotten once it is over: no look at the clock for the requests after it.
        *until = until.filter(|until| *until > Instant::now());
        *until
    }

    /// Takes a slot. Only the one whose turn it is waits here.
    async fn slot(self: &Arc<Self>) -> Permit {
        loop {
            {
                let mut slots = self.slots.lock().expect("no panic while held");
                if slots.used < slots.limit.slots() {
                    slots.used += 1;
                    return Permit { lane: Arc::clone(self), counted: false };
                }
            }
            self.freed.notified().await;
        }
    }

    fn note(&self, operation: &'static str, outcome: Outcome) {
        match outcome {
            Outcome::Throttled { retry_after } => self.refused(retry_after),
            Outcome::Ok { .. } => {
                self.judge(false);
                self.budget.lock().expect("no panic while held").succeeded();
            }
            Outcome::ServerBusy | Outcome::Network | Outcome::Rejected => {
                self.judge(false);
            }
        }
        let mut stats = self.stats.lock().expect("no panic while held");
        match outcome {
            Outcome::Ok { latency } => {
                let histogram = stats
                    .latency
                    .entry(operation)
                    .or_insert_with(|| Histogram::new(2).expect("two significant figures are valid"));
                // `saturating_record` would clamp to the two microseconds a new histogram holds; this one grows.
                let _ = histogram.record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
            }
            Outcome::Throttled { .. } => stats.throttled += 1,
            Outcome::ServerBusy | Outcome::Network => stats.troubled += 1,
            Outcome::Rejected => {}
        }
    }
}

/// The right to send one attempt. Dropped without an outcome (the call was cancelled) it only frees its slot.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    lane: Arc<Lane>,
    counted: bool,
}

impl Permit {
    /// Counts the request: from here on it is on its way, whether or not its end is waited for.
    pub fn begin(&mut self) {
        if !std::mem::replace(&mut self.counted, true) {
            self.lane.stats.lock().expect("no panic while held").requests += 1;
        }
    }

    /// Gives the permit back, with what happened.
    pub fn finish(mut self, operation: &'static str, outcome: Outcome) {
        self.begin();
        self.lane.note(operation, outcome);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.lane.slots.lock().expect("no panic while held").used -= 1;
        self.lane.freed.notify_one();
    }
}
