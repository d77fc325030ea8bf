//! Lanes: what one account's plane may be asked for, at once and per second. Every attempt holds a permit.
//!
//! The order is fixed: wait for the lane's cool-down, take a slot, take a rate token, send, give the permit back with
//! its outcome.

mod gate;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::error::Failure;
use crate::model::{AccountName, Plane};
use crate::retry::Class;
use gate::RateGate;

/// Slots of a lane nobody set: enough to cover 10,000 requests/s at 25 ms, well below the usual 1,024 file descriptors
/// for three lanes at work.
const DEFAULT_IN_FLIGHT: usize = 256;

/// Cool-down after a refusal that names no time: what the storage guidance starts its waits with (2 s) is too long for a
/// rate limit that refills within a second; half a second lets every bucket refill.
const DEFAULT_COOL_DOWN: Duration = Duration::from_millis(250);

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
    pub fn of(class: Class, failure: &Failure, retry_after: Option<Duration>) -> Self {
        match class {
            Class::Throttled => Self::Throttled { retry_after },
            Class::ServerTrouble => Self::ServerBusy,
            Class::NotSent => Self::Network,
            Class::Ambiguous if failure.status().is_none() => Self::Network,
            Class::Ambiguous => Self::ServerBusy,
            Class::SourceThrottled | Class::Unauthorised | Class::Final => Self::Rejected,
        }
    }
}

/// What a lane has done so far.
#[derive(Debug, Clone, Default)]
pub struct LaneStats {
    /// Attempts sent.
    pub requests: u64,
    /// Attempts refused because of the rate.
    pub throttled: u64,
    /// Attempts that failed in another way that is worth another attempt.
    pub troubled: u64,
    /// Latency of successful attempts in microseconds, by operation.
    pub latency: BTreeMap<&'static str, Histogram<u64>>,
}

/// One account's plane.
#[derive(Debug)]
pub struct Lane {
    account: AccountName,
    plane: Plane,
    slots: Arc<Semaphore>,
    requests: Option<RateGate>,
    bytes: Option<RateGate>,
    cool_until: Mutex<Option<Instant>>,
    stats: Mutex<LaneStats>,
}

impl Lane {
    /// A lane with those limits.
    pub fn new(account: AccountName, plane: Plane, limits: LaneLimits) -> Arc<Self> {
        Arc::new(Self {
            account,
            plane,
            slots: Arc::new(Semaphore::new(limits.in_flight.max(1))),
            requests: limits.requests_per_second.map(RateGate::new),
            bytes: limits.bytes_per_second.map(RateGate::new),
            cool_until: Mutex::new(None),
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
        self.cool_down().await;
        let slot = Arc::clone(&self.slots).acquire_owned().await.expect("the slots are never closed");
        if let Some(gate) = &self.bytes {
            gate.pass(bytes).await;
        }
        if let Some(gate) = &self.requests {
            gate.pass(1).await;
        }
        self.cool_down().await;
        Permit { lane: Arc::clone(self), _slot: slot }
    }

    /// Lets nothing be sent for a while. A shorter wait never shortens a longer one.
    pub fn slow_down(&self, wait: Option<Duration>) {
        let until = Instant::now() + wait.unwrap_or(DEFAULT_COOL_DOWN);
        let mut cool_until = self.cool_until.lock().expect("no panic while held");
        if cool_until.is_none_or(|current| current < until) {
            *cool_until = Some(until);
        }
    }

    /// A copy of what it has done so far.
    pub fn stats(&self) -> LaneStats {
        self.stats.lock().expect("no panic while held").clone()
    }

    async fn cool_down(&self) {
        loop {
            let until = *self.cool_until.lock().expect("no panic while held");
            match until {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                _ => return,
            }
        }
    }

    fn note(&self, operation: &'static str, outcome: Outcome) {
        let mut stats = self.stats.lock().expect("no panic while held");
        stats.requests += 1;
        match outcome {
            Outcome::Ok { latency } => {
                let histogram = stats
                    .latency
                    .entry(operation)
                    .or_insert_with(|| Histogram::new(2).expect("two significant figures are valid"));
                histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
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
    _slot: OwnedSemaphorePermit,
}

impl Permit {
    /// Gives the permit back, with what happened.
    pub fn finish(self, operation: &'static str, outcome: Outcome) {
        if let Outcome::Throttled { retry_after } = outcome {
            self.lane.slow_down(retry_after);
        }
        self.lane.note(operation, outcome);
    }
}
