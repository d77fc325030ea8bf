//! Which failures are retried, and how long to wait before. One table, one policy, only arithmetic.

pub mod budget;

use std::time::Duration;

use crate::failure::{Disposition, Failure};

/// May a request be sent again when it is not known whether it took effect?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// Sending it twice leaves the same state as sending it once.
    Repeatable,
    /// The caller must first check whether it took effect.
    LookFirst,
}

/// What a failed attempt means for the service and for a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The service asks us to slow down.
    Throttled,
    /// The *source* of a copy asks us to slow down; the destination reports it.
    SourceThrottled,
    /// The service has a problem.
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

/// A limit of a storage account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountLimit {
    /// Requests per second.
    Operations,
    /// Bytes written per second.
    Ingress,
    /// Bytes read per second.
    Egress,
}

/// The prefixes of a `ServerBusy` message, by the reached limit; azcopy reads exactly these.
const LIMIT_TEXTS: &[(&str, AccountLimit)] = &[
    ("Operations per second is over the account limit", AccountLimit::Operations),
    ("Ingress is over the account limit", AccountLimit::Ingress),
    ("Egress is over the account limit", AccountLimit::Egress),
];

/// The reached limit according to a refusal.
pub fn limit_reached(failure: &Failure) -> Option<AccountLimit> {
    let Failure::Refused { message, .. } = failure else { return None };
    LIMIT_TEXTS.iter().find(|(text, _)| message.starts_with(text)).map(|(_, limit)| *limit)
}

/// Error codes of a source's storage account that mean "slow down" (blob-service documentation; azcopy retries the same).
const SOURCE_BUSY_CODES: &[&str] = &["ServerBusy", "OperationTimedOut", "InternalError"];

/// Our code for the 404 and 410 with which the identity service of a machine answers while it is updated.
pub(crate) const IDENTITY_SERVICE_UPDATES: &str = "IdentityServiceUpdates";

/// The only table of the meaning of failures.
pub fn classify(failure: &Failure) -> Class {
    match failure {
        Failure::Refused { source_refusal: Some(source), .. }
            if matches!(source.status, 429 | 500 | 503)
                || source.code.as_deref().is_some_and(|code| SOURCE_BUSY_CODES.contains(&code)) =>
        {
            Class::SourceThrottled
        }
        Failure::Refused { status, code, .. } => match (*status, code.as_deref()) {
            (_, Some(IDENTITY_SERVICE_UPDATES)) => Class::ServerTrouble,
            (429 | 503, _) | (500, Some("OperationTimedOut")) => Class::Throttled,
            (408 | 500 | 502 | 504, _) => Class::ServerTrouble,
            (401, _) => Class::Unauthorised,
            _ => Class::Final,
        },
        Failure::Connect(_) => Class::NotSent,
        Failure::Timeout(_) | Failure::Interrupted(_) => Class::Ambiguous,
        Failure::Absent(_)
        | Failure::Unexpected(_)
        | Failure::TooLarge(_)
        | Failure::ForeignHost(_)
        | Failure::Credential(_) => Class::Final,
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

/// How often to retry, and how long to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// All attempts, including the first one.
    pub max_attempts: u32,
    /// Upper bound of the first wait.
    pub first_delay: Duration,
    /// Upper bound of any wait.
    pub max_delay: Duration,
    /// The longest `Retry-After` that is honoured.
    pub retry_after_cap: Duration,
}

impl Default for RetryPolicy {
    /// Eight attempts, with waits that triple from 30 ms to 30 s. The first wait is about the time of one answer: most
    /// refusals are isolated, so one request in ten takes the time of two answers instead of ten. In a real overload,
    /// the lane makes all requests wait. The last waits are those of the storage guidance (2, 4, 10, 30 s); the total
    /// is half a minute.
    fn default() -> Self {
        Self {
            max_attempts: 8,
            first_delay: Duration::from_millis(30),
            max_delay: Duration::from_secs(30),
            retry_after_cap: Duration::from_mins(5),
        }
    }
}

/// The factor from one wait to the next. With such a short first wait, doubling (as in azcopy) would need four more
/// attempts to reach the waits of the storage guidance.
const GROWTH: u32 = 3;

impl RetryPolicy {
    /// The wait after failed attempt number `attempt` (1 = the first): a random part of the tripled bound, at least a
    /// quarter of it, so that many refused callers do not retry at the same time. The wait that the service requests is
    /// a lower bound, up to the cap.
    pub fn delay(&self, attempt: u32, retry_after: Option<Duration>) -> Duration {
        let bound =
            self.first_delay.saturating_mul(GROWTH.saturating_pow(attempt.saturating_sub(1))).min(self.max_delay);
        let jittered = bound.mul_f64(fastrand::f64().mul_add(0.75, 0.25));
        retry_after.map_or(jittered, |asked| asked.min(self.retry_after_cap).max(jittered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::SourceRefusal;

    fn refused(status: u16, code: &str) -> Failure {
        let code = Some(code.to_owned()).filter(|code| !code.is_empty());
        Failure::Refused { status, code, message: String::new(), retry_after: None, source_refusal: None }
    }

    fn source_refused(status: u16, source: u16, source_code: &str) -> Failure {
        Failure::Refused {
            status,
            code: Some("CannotVerifyCopySource".to_owned()),
            message: String::new(),
            retry_after: None,
            source_refusal: Some(SourceRefusal { status: source, code: Some(source_code.to_owned()) }),
        }
    }

    #[test]
    fn every_failure_has_its_class_and_its_final_disposition() {
        use Class::{Ambiguous, Final, NotSent, ServerTrouble, SourceThrottled, Throttled, Unauthorised};
        use Disposition::{Conflict, Exhausted, Fatal, Permanent};
        let text = String::new;
        let table = [
            (refused(429, ""), Throttled, Exhausted),
            (refused(503, "ServerBusy"), Throttled, Exhausted),
            (refused(503, ""), Throttled, Exhausted),
            (refused(500, "OperationTimedOut"), Throttled, Exhausted),
            (refused(500, "InternalError"), ServerTrouble, Exhausted),
            (refused(500, ""), ServerTrouble, Exhausted),
            (refused(502, ""), ServerTrouble, Exhausted),
            (refused(504, ""), ServerTrouble, Exhausted),
            (refused(408, ""), ServerTrouble, Exhausted),
            (refused(404, IDENTITY_SERVICE_UPDATES), ServerTrouble, Exhausted),
            (refused(410, IDENTITY_SERVICE_UPDATES), ServerTrouble, Exhausted),
            (refused(401, "InvalidAuthenticationInfo"), Unauthorised, Fatal),
            (refused(403, ""), Final, Fatal),
            (refused(403, "AuthenticationFailed"), Final, Fatal),
            (refused(403, "AuthorizationFailure"), Final, Fatal),
            (refused(403, "AuthorizationPermissionMismatch"), Final, Fatal),
            (refused(403, "InsufficientAccountPermissions"), Final, Permanent),
            (refused(400, "InvalidHeaderValue"), Final, Permanent),
            (refused(404, "BlobNotFound"), Final, Permanent),
            (refused(409, "BlobAlreadyExists"), Final, Conflict),
            (refused(409, "PendingCopyOperation"), Final, Conflict),
            (refused(412, "ConditionNotMet"), Final, Permanent),
            (refused(501, ""), Final, Permanent),
            (source_refused(503, 503, "ServerBusy"), SourceThrottled, Exhausted),
            (source_refused(500, 500, "OperationTimedOut"), SourceThrottled, Exhausted),
            (source_refused(429, 429, ""), SourceThrottled, Exhausted),
            (source_refused(403, 403, "AuthenticationFailed"), Final, Permanent),
            (source_refused(404, 404, "BlobNotFound"), Final, Permanent),
            (source_refused(412, 412, "ConditionNotMet"), Final, Permanent),
            (Failure::Connect(text()), NotSent, Exhausted),
            (Failure::Timeout(Duration::ZERO), Ambiguous, Exhausted),
            (Failure::Interrupted(text()), Ambiguous, Exhausted),
            (Failure::Unexpected(text()), Final, Permanent),
            (Failure::TooLarge(1), Final, Permanent),
            (Failure::ForeignHost(text()), Final, Fatal),
            (Failure::Credential(text()), Final, Fatal),
        ];
        for (failure, class, disposition) in table {
            assert_eq!((classify(&failure), final_disposition(&failure)), (class, disposition), "{failure:?}");
        }
    }

    #[test]
    fn the_reached_limit_of_a_busy_account_is_recognised() {
        let of = |text: &str| {
            let mut failure = refused(503, "ServerBusy");
            if let Failure::Refused { message, .. } = &mut failure {
                text.clone_into(message);
            }
            limit_reached(&failure)
        };
        assert_eq!(of("Operations per second is over the account limit."), Some(AccountLimit::Operations));
        assert_eq!(of("Ingress is over the account limit."), Some(AccountLimit::Ingress));
        assert_eq!(of("Egress is over the account limit."), Some(AccountLimit::Egress));
        assert_eq!(of("The server is busy."), None);
        assert_eq!(limit_reached(&Failure::Connect(String::new())), None);
    }

    #[test]
    fn waits_triple_up_to_their_bound_and_never_overflow() {
        let policy = RetryPolicy::default();
        for attempt in 1..=100 {
            let bound = (Duration::from_millis(30) * 3_u32.pow((attempt - 1).min(7))).min(Duration::from_secs(30));
            for _ in 0..50 {
                let wait = policy.delay(attempt, None);
                assert!(wait >= bound / 4 && wait <= bound, "{attempt}: {wait:?}");
            }
        }
        assert!(policy.delay(u32::MAX, None) <= policy.max_delay);
    }

    #[test]
    fn the_pause_that_a_service_requests_is_kept_up_to_the_cap() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay(1, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(policy.delay(1, Some(Duration::MAX)), policy.retry_after_cap);
        assert!(policy.delay(1, Some(Duration::ZERO)) >= policy.first_delay / 4);
    }
}
