//! Sends many changesets in as few `$batch` requests as possible, as long as the service accepts them.

use std::sync::atomic::Ordering;

use super::account::AmsV2;
use super::batch::{BATCH_OPERATIONS, Changeset};
use super::calls::call;
use super::odata::Row;
use crate::error::{Asked, CallError, Failure};
use crate::retry::{Class, Idempotency, classify, final_disposition};

/// The number of rounds in which repeatable changes are sent, checked and sent again before the last failure is final.
/// The calls that contain them are retried, too.
pub(super) const ROUNDS: u32 = 4;

/// Why a change was not made, or may not have been.
#[derive(Debug, Clone)]
pub(super) enum Wrong {
    /// The service's answer about this change.
    Part(Failure),
    /// The call that contained it failed.
    Call(CallError),
}

impl Wrong {
    /// Why.
    pub(super) fn failure(&self) -> &Failure {
        match self {
            Self::Part(failure) | Self::Call(CallError { failure, .. }) => failure,
        }
    }

    /// Can a retry succeed, after checking the result? The caller has already retried the calls themselves, but not
    /// those with an unknown result.
    pub(super) fn deserves_a_look(&self) -> bool {
        match self {
            Self::Part(failure) => classify(failure) != Class::Final,
            Self::Call(error) => error.failure.ambiguous(),
        }
    }

    /// Converts it to the error of one of the changes.
    pub(super) fn into_error(self, attempted: &'static str, subject: String, attempts: u32) -> CallError {
        let disposition = match &self {
            Self::Part(failure) => final_disposition(failure),
            Self::Call(error) => error.disposition,
        };
        let attempts = match &self {
            Self::Part(_) => attempts,
            Self::Call(error) => error.attempts,
        };
        CallError { attempted, subject, failure: self.failure().clone(), attempts, disposition, asked: Asked::Service }
    }
}

/// The service does not accept batches.
#[derive(Debug)]
pub(super) struct Refused;

/// The result of each changeset.
pub(super) type Outcomes = Vec<Result<Vec<Option<Row>>, Wrong>>;

impl AmsV2 {
    /// Sends changesets in order. `Refused` means that none or only the first of them took effect.
    pub(super) async fn send_all(
        &self,
        changesets: &[Changeset],
        attempted: &'static str,
        subject: &str,
        idempotency: Idempotency,
    ) -> Result<Outcomes, Refused> {
        let mut outcomes = Outcomes::with_capacity(changesets.len());
        let mut rest = changesets;
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(fitting(rest));
            rest = later;
            match self.wire().batch(call("Batch", attempted, subject, idempotency), batch).await {
                Ok(parts) => outcomes.extend(parts.into_iter().map(|part| part.map_err(Wrong::Part))),
                Err(error) if matches!(error.failure.status(), Some(400 | 404 | 405 | 415 | 501)) => {
                    tracing::info!(%error, "the service takes no batches; every change is a request of its own");
                    self.0.no_batch.store(true, Ordering::Relaxed);
                    return Err(Refused);
                }
                Err(error) => outcomes.extend(batch.iter().map(|_| Err(Wrong::Call(error.clone())))),
            }
        }
        let throttled = |outcome: &Result<_, Wrong>| matches!(outcome, Err(Wrong::Part(failure)) if classify(failure) == Class::Throttled);
        if outcomes.iter().any(throttled) {
            // For the lane, the request was a success; only here the results of the parts are known.
            self.wire().caller().lane().slow_down(None);
        }
        Ok(outcomes)
    }
}

/// How many of the changesets fit into one request; at least one.
fn fitting(changesets: &[Changeset]) -> usize {
    let mut operations = 0;
    let fit = changesets.iter().take_while(|changeset| {
        operations += changeset.len();
        operations <= BATCH_OPERATIONS
    });
    fit.count().max(1)
}
