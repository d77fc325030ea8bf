//! The only retry loop. Each attempt holds a permit of its lane; a waiting call holds none.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::error::{Asked, CallError, Failure};
use crate::memory;
use crate::retry::{Class, Idempotency, RetryPolicy, classify, final_disposition, limit_reached};
use crate::throttle::{Lane, Outcome, SourceRefused};

/// Describes a call.
#[derive(Debug)]
pub struct Call<'a, Subject: ?Sized = str> {
    /// The API's name of the operation, such as `PutBlobFromUrl`: statistics are kept by this name.
    pub operation: &'static str,
    /// The action as in "failed to …", such as `copy blob`.
    pub attempted: &'static str,
    /// What it is done to; formatted only if the call fails.
    pub subject: &'a Subject,
    /// May it be sent twice?
    pub idempotency: Idempotency,
    /// Bytes the service will move because of it.
    pub bytes: u64,
    /// The lane of the account a copy reads from; it is slowed when the answer says that the source is throttled.
    pub source: Option<&'a Lane>,
}

/// Attempts to reach a host that never answered: its address is probably wrong, and an operator should not wait half a
/// minute for a typing error. Five attempts take about a second.
const FIRST_CONTACT_ATTEMPTS: u32 = 5;

/// Sends requests of one account and plane.
#[derive(Debug, Clone)]
pub struct Caller {
    lane: Arc<Lane>,
    policy: RetryPolicy,
    /// Has the host ever answered?
    reached: Arc<AtomicBool>,
}

impl Caller {
    /// A caller on that lane.
    pub fn new(lane: Arc<Lane>, policy: RetryPolicy) -> Self {
        Self { lane, policy, reached: Arc::default() }
    }

    /// The same lane and policy for another host, which has not answered yet.
    #[must_use]
    pub fn for_another_host(&self) -> Self {
        Self::new(Arc::clone(&self.lane), self.policy.clone())
    }

    /// Its lane.
    pub fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }

    /// Runs `attempt` until it succeeds, fails with an error that a retry cannot fix, or the policy is exhausted.
    /// `attempt` gets its number, from 1.
    ///
    /// The first `401` is retried once, immediately (an attempt with a number above 1 is expected to renew its token);
    /// an ambiguous failure of a [`Idempotency::LookFirst`] call is returned immediately.
    pub async fn run<T, Subject, F, Fut>(&self, call: Call<'_, Subject>, mut attempt: F) -> Result<T, CallError>
    where
        Subject: fmt::Display + ?Sized,
        F: FnMut(u32) -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        let mut number = 1;
        let mut renewed = false;
        loop {
            let mut permit = match call.source {
                Some(source) => self.lane.acquire_from(source, call.bytes).await,
                None => self.lane.acquire(call.bytes).await,
            };
            permit.begin();
            let started = tokio::time::Instant::now();
            let failure = match memory::until_read(attempt(number)).await {
                Ok(value) => {
                    permit.finish(call.operation, Outcome::Ok { latency: started.elapsed() });
                    self.reached.store(true, Ordering::Relaxed);
                    return Ok(value);
                }
                Err(failure) => failure,
            };
            let class = classify(&failure);
            if class != Class::NotSent {
                self.reached.store(true, Ordering::Relaxed);
            }
            let retry_after = self.pause_asked_for(&failure, class, call.source);
            let limit = limit_reached(&failure);
            permit.finish(call.operation, Outcome::of(class, retry_after, limit));
            if class == Class::SourceThrottled
                && let Some(source) = call.source
            {
                source.refused_copy(SourceRefused { retry_after, limit, bytes: call.bytes, sent_at: started });
            }
            let may_repeat = match class {
                Class::Unauthorised => !renewed,
                _ => may_repeat(class, call.idempotency, &failure),
            };
            if number >= self.most_attempts() || !may_repeat {
                return Err(CallError {
                    attempted: call.attempted,
                    subject: call.subject.to_string(),
                    disposition: final_disposition(&failure),
                    failure,
                    attempts: number,
                    asked: Asked::Service,
                });
            }
            tracing::debug!(operation = call.operation, subject = %call.subject, number, %failure, "will try again");
            if class == Class::Unauthorised {
                renewed = true;
            } else {
                let wait = self.policy.delay(number, retry_after).max(self.lane.pace_retry());
                tokio::time::sleep(wait).await;
            }
            number += 1;
        }
    }

    /// The pause that a busy service asks for, shortened to the allowed maximum.
    fn pause_asked_for(&self, failure: &Failure, class: Class, source: Option<&Lane>) -> Option<Duration> {
        let Failure::Refused { retry_after: Some(asked), .. } = failure else { return None };
        let asked = (*asked).min(self.policy.retry_after_cap);
        match (class, source) {
            (Class::SourceThrottled, Some(source)) => source.grant(asked),
            (Class::Throttled | Class::ServerTrouble, _) => self.lane.grant(asked),
            _ => None,
        }
    }

    /// Waits before another attempt, for operations that the caller repeats itself; `false`: attempt number `attempt`
    /// (from 1) was the last.
    pub async fn wait_before_retry(&self, attempt: u32) -> bool {
        let more = attempt < self.most_attempts();
        if more {
            tokio::time::sleep(self.policy.delay(attempt, None)).await;
        }
        more
    }

    /// The maximum number of attempts, including the first.
    pub fn most_attempts(&self) -> u32 {
        let most = self.policy.max_attempts;
        if self.reached.load(Ordering::Relaxed) { most } else { most.min(FIRST_CONTACT_ATTEMPTS) }
    }
}

/// Can another attempt succeed, and is it safe?
fn may_repeat(class: Class, idempotency: Idempotency, failure: &Failure) -> bool {
    // This applies to every class: a storage timeout counts as throttling, and may have taken effect.
    if idempotency == Idempotency::LookFirst && failure.ambiguous() {
        return false;
    }
    match class {
        Class::Throttled | Class::SourceThrottled | Class::NotSent | Class::ServerTrouble | Class::Ambiguous => true,
        Class::Unauthorised | Class::Final => false,
    }
}

#[cfg(test)]
mod tests;
