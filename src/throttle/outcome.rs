//! The outcomes of attempts, and the statistics of a lane.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

use crate::retry::{AccountLimit, Class};

/// The result of an attempt, for the lane.
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
        /// Which limit of the account is reached, if it says.
        limit: Option<AccountLimit>,
    },
    /// The service has a problem.
    ServerBusy,
    /// No answer.
    Network,
    /// A final refusal of this one request; it means nothing for the lane.
    Rejected,
}

impl Outcome {
    /// The outcome of a failed attempt of that class.
    pub fn of(class: Class, retry_after: Option<Duration>, limit: Option<AccountLimit>) -> Self {
        match class {
            Class::Throttled => Self::Throttled { retry_after, limit },
            Class::ServerTrouble => Self::ServerBusy,
            Class::NotSent | Class::Ambiguous => Self::Network,
            Class::SourceThrottled | Class::Unauthorised | Class::Final => Self::Rejected,
        }
    }
}

/// The statistics of a lane.
#[derive(Debug, Clone, Default)]
pub struct LaneStats {
    /// Attempts sent.
    pub requests: u64,
    /// Refusals because of the rate, including those of this account that the destination of a copy reports.
    pub throttled: u64,
    /// Attempts that failed for other transient reasons.
    pub troubled: u64,
    /// Pauses that the service requested and that were granted.
    pub pauses: Duration,
    /// The service requested more than is granted in a run.
    pub pause_limit_reached: bool,
    /// Latency of successful attempts in microseconds, by operation.
    pub latency: BTreeMap<&'static str, Histogram<u64>>,
}

/// The report of a copy's destination about an account that refused to serve it.
#[derive(Debug, Clone, Copy)]
pub struct SourceRefused {
    /// For how long, if it says.
    pub retry_after: Option<Duration>,
    /// Which limit of the account is reached, if it says.
    pub limit: Option<AccountLimit>,
    /// Bytes the copy would have moved.
    pub bytes: u64,
    /// When the copy was requested.
    pub sent_at: Instant,
}
