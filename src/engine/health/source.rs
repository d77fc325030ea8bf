//! Does the source answer? If a region is down, the result must not be delayed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::connect::{Endpoint, Pair};
use crate::error::{Error, Failure};
use crate::verdict::{Cause, Finding};

/// The time limit for the source's first answer. A connection takes up to 20 s, an answer up to a minute, and both are
/// retried: an operator whose region is down does not wait for all of that.
const FIRST_ANSWER: Duration = Duration::from_secs(20);
/// While it is listed, the source may be silent for this time: a little more than its slowest page takes.
const SILENCE: Duration = Duration::from_secs(75);
/// How often this is checked.
const LOOK: Duration = Duration::from_secs(1);

/// Did the source answer?
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum SourceState {
    /// It answered.
    Answered,
    /// It did not answer.
    Silent {
        /// The reason.
        why: String,
    },
    /// It was not to be asked.
    NotAsked,
}

/// Sends the source a request that costs nothing.
///
/// # Errors
/// It answers, and refuses.
pub(super) async fn ask(pair: &Pair) -> Result<SourceState, Error> {
    match timeout(FIRST_ANSWER, pair.source.library.check_access()).await {
        Ok(Ok(())) => Ok(SourceState::Answered),
        Ok(Err(error)) if is_silence(&error) => Ok(SourceState::Silent { why: error.to_string() }),
        Ok(Err(error)) => Err(error),
        Err(_) => Ok(SourceState::Silent { why: no_answer(FIRST_ANSWER) }),
    }
}

/// The result, or the reason why the source stopped answering meanwhile.
pub(super) async fn unless_silent<T>(
    pair: &Pair,
    listing: impl Future<Output = Result<T, Error>>,
) -> Result<Result<T, String>, Error> {
    tokio::select! {
        result = listing => match result {
            Ok(listed) => Ok(Ok(listed)),
            Err(error) if is_silence(&error) => Ok(Err(error.to_string())),
            Err(error) => Err(error),
        },
        () = silence(&pair.source) => Ok(Err(no_answer(SILENCE))),
    }
}

/// Notices that the source stops answering while assets are compared.
#[derive(Debug)]
pub(super) struct Watch {
    silent: CancellationToken,
    _task: AbortOnDropHandle<()>,
}

impl Watch {
    /// Starts watching.
    pub(super) fn over(pair: &Arc<Pair>) -> Self {
        let (silent, pair) = (CancellationToken::new(), Arc::clone(pair));
        let noticed = silent.clone();
        let task = tokio::spawn(async move {
            silence(&pair.source).await;
            noticed.cancel();
        });
        Self { silent, _task: AbortOnDropHandle::new(task) }
    }

    /// The result of work that sends requests to the source, or the finding that it no longer answers.
    pub(super) async fn unless_silent<T>(&self, work: impl Future<Output = T>) -> Result<T, Finding> {
        tokio::select! {
            biased;
            () = self.silent.cancelled() => Err(Self::finding()),
            result = work => Ok(result),
        }
    }

    /// The reason why the source is no longer asked, if so.
    pub(super) fn noticed(&self) -> Option<Finding> {
        self.silent.is_cancelled().then(Self::finding)
    }

    fn finding() -> Finding {
        Finding::new(Cause::ServiceUnavailable, format!("the source gave {}", no_answer(SILENCE)))
    }
}

fn no_answer(within: Duration) -> String {
    format!("no answer within {} s", within.as_secs())
}

/// Does the error say that the service does not answer or has a problem, and not that it refuses us?
fn is_silence(error: &Error) -> bool {
    match error.failure() {
        Some(Failure::Connect(_) | Failure::Timeout(_) | Failure::Interrupted(_)) => true,
        Some(Failure::Refused { status, .. }) => matches!(status, 408 | 429 | 500..=599),
        _ => false,
    }
}

/// Ends when attempts of that side have failed for this time, and none has succeeded.
async fn silence(side: &Endpoint) {
    let (mut last, mut since) = (attempts(side), Instant::now());
    loop {
        sleep(LOOK).await;
        let (answered, failed) = attempts(side);
        if answered > last.0 {
            (last, since) = ((answered, failed), Instant::now());
        }
        // Without a failure the side has no request to answer: the other side is slow.
        if failed > last.1 && since.elapsed() >= SILENCE {
            return;
        }
    }
}

/// The attempts of a side's requests so far: those that succeeded, and those that failed and are retried.
fn attempts(side: &Endpoint) -> (u64, u64) {
    side.lanes.iter().fold((0, 0), |(answered, failed), lane| {
        let stats = lane.stats();
        let successes: u64 = stats.latency.values().map(hdrhistogram::Histogram::len).sum();
        (answered + successes, failed + stats.throttled + stats.troubled)
    })
}
