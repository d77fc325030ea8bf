//! What may be tried again, and how long to wait before. One table, one policy, pure arithmetic.

use std::time::Duration;

use crate::error::{Disposition, Failure};

/// May a request be sent again when it is not known whether it took effect?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// Sending it twice leaves the same state as sending it once.
    Repeatable,
    /// The caller has to look what happened first.
    LookFirst,
}

/// What a failed attempt says about the service and about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The service asks us to slow down.
    Throttled,
    /// The *source* of a copy asks us to slow down; the destination reports it.
    SourceThrottled,
    /// The service is in trouble.
    ServerTrouble,
    /// The request never left.
    NotSent,
    /// The request may or may not have taken effect.
    Ambiguous,
    /// The token or SAS was refused: renew it, once.
    Unauthorised,
    /// Final.
    Final,
}

/// Error codes of a source's storage account that mean "slow down" (blob-service documentation; azcopy retries the same).
const SOURCE_BUSY_CODES: &[&str] = &["ServerBusy", "OperationTimedOut", "InternalError"];

/// The one table of what a failure means.
pub fn classify(failure: &Failure) -> Class {
    match failure {
        Failure::Refused { source_refusal: Some(source), .. }
            if matches!(source.status, 429 | 500 | 503)
                || source.code.as_deref().is_some_and(|code| SOURCE_BUSY_CODES.contains(&code)) =>
        {
            Class::SourceThrottled
        }
        Failure::Refused { status, code, .. } => match (*status, code.as_deref()) {
            (429 | 503, _) => Class::Throttled,
            (500, Some("OperationTimedOut")) => Class::Throttled,
            (408 | 500 | 502 | 504, _) => Class::ServerTrouble,
            (401, _) => Class::Unauthorised,
            _ => Class::Final,
        },
        Failure::Connect(_) => Class::NotSent,
        Failure::Timeout(_) | Failure::Interrupted(_) => Class::Ambiguous,
        Failure::Unexpected(_) | Failure::ForeignHost(_) | Failure::Credential(_) => Class::Final,
    }
}

/// What a failure means for the run once no further attempt will be made.
pub fn final_disposition(failure: &Failure) -> Disposition {
    match (classify(failure), failure) {
        (Class::Final, Failure::Refused { status: 403, code, .. })
            if code.as_deref().is_none_or(|code| code.starts_with("Auth")) =>
        {
            Disposition::Fatal
        }
        (Class::Final, Failure::Refused { status: 409, .. }) => Disposition::Conflict,
        (Class::Final, Failure::ForeignHost(_) | Failure::Credential(_)) | (Class::Unauthorised, _) => {
            Disposition::Fatal
        }
        (Class::Final, _) => Disposition::Permanent,
        _ => Disposition::Exhausted,
    }
}

/// How often and how patiently to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first one included.
    pub max_attempts: u32,
    /// Upper bound of the first wait.
    pub first_delay: Duration,
    /// Upper bound of any wait.
    pub max_delay: Duration,
    /// The longest `Retry-After` that is honoured.
    pub retry_after_cap: Duration,
}

impl Default for RetryPolicy {
    /// Eight attempts, 200 ms doubling to 30 s: the storage guidance (2, 4, 10, 30 s) started earlier, as azcopy does.
    fn default() -> Self {
        Self {
            max_attempts: 8,
            first_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(30),
            retry_after_cap: Duration::from_secs(300),
        }
    }
}

impl RetryPolicy {
    /// The wait after failed attempt number `attempt` (1 = the first): "full jitter", a random part of the doubled bound,
    /// so that many callers refused at once do not come back at once.
    pub fn delay(&self, attempt: u32, retry_after: Option<Duration>) -> Duration {
        let bound = self.first_delay.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(self.max_delay);
        let jittered = bound.mul_f64(fastrand::f64().mul_add(0.75, 0.25));
        retry_after.map_or(jittered, |asked| asked.min(self.retry_after_cap).max(jittered))
    }
}
