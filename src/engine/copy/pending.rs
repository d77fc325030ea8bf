//! Asynchronous copies of one asset: starts them as the account's slots permit, and lists the container until all have
//! ended.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use futures::{Stream, StreamExt, TryStreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

use crate::engine::copy::{
    BLOBS_IN_FLIGHT, BlobEnd, Candidate, CopyResult, MAX_CHANGES, Route, Settled, Window, abort, copy_one,
    delete_other_kind, is_of_other_kind, settle, subject,
};
use crate::engine::run::Run;
use crate::engine::schedule::poll::{CopyTracker, Ended};
use crate::error::{Error, Failure};
use crate::failure::copy_refusal;
use crate::model::{Asset, Blob, BlobRef, CopyMethod, CopyStatus};
use crate::monitor::RunEvent;
use crate::verdict::Cause;

/// How often a failed asynchronous copy is started again.
const MAX_ASYNC_TRIES: u32 = 3;

/// Copies asynchronously, window by window.
pub(crate) async fn copy_windows(
    run: &Run,
    asset: &Asset,
    route: Route<'_>,
    windows: impl Stream<Item = Result<Window, Error>> + Send,
) -> Result<CopyResult, Error> {
    let mut result = CopyResult::default();
    let mut windows = std::pin::pin!(windows);
    while let Some(window) = windows.try_next().await? {
        result.planned += window.blobs.len() as u64;
        let copied = copy_async(run, asset, route, window.blobs).await;
        drop(window.room);
        result = result.and(copied);
    }
    Ok(result)
}

/// A copy that was started. The permit is its slot among the account's pending copies.
struct Started {
    candidate: Candidate,
    _slot: OwnedSemaphorePermit,
}

/// Starts asynchronous copies as the account's slots permit, and follows them by listing.
async fn copy_async(run: &Run, asset: &Asset, route: Route<'_>, blobs: Vec<Arc<Blob>>) -> CopyResult {
    let slots = run.pending_copies(route.target);
    let mut queue: VecDeque<Candidate> = blobs.into_iter().map(Candidate::new).collect();
    let mut pending: BTreeMap<String, Started> = BTreeMap::new();
    let mut tracker = CopyTracker::new(route.target, route.to, route.extent);
    let mut result = CopyResult::default();
    loop {
        if run.stop.is_cancelled() {
            result.left += queue.len();
            queue.clear();
        }
        let wave = take_wave(&mut queue, &slots, tracker.is_idle()).await;
        if wave.is_empty() && tracker.is_idle() {
            return result;
        }
        let started = stream::iter(wave)
            .map(|entry| async {
                let outcome = start_one(route, &entry.candidate.blob).await;
                (entry, outcome)
            })
            .buffer_unordered(BLOBS_IN_FLIGHT)
            .collect::<Vec<_>>()
            .await;
        for (entry, outcome) in started {
            match outcome {
                Ok(Some(copy_id)) => {
                    tracker.follow(entry.candidate.blob.name.clone(), copy_id);
                    pending.insert(entry.candidate.blob.name.clone(), entry);
                }
                other => match settle(run, asset, route, entry.candidate, CopyMethod::Async, other.map(drop)).await {
                    Settled::End(end) => result = result.with(end),
                    Settled::Again(newer) if newer.tries < MAX_CHANGES => {
                        queue.push_back(Candidate { tries: newer.tries + 1, ..newer });
                    }
                    Settled::Again(newer) => {
                        let error = Error::found(subject(route, &newer.blob), Cause::SourceChanging, "");
                        result = result.with(newer.failed(run, asset, error));
                    }
                },
            }
        }
        if tracker.is_idle() {
            continue;
        }
        let ended = match tracker.look().await {
            Ok(ended) => ended,
            Err(error) => {
                result.failed.push((route.to.to_string(), error));
                return result;
            }
        };
        for (name, how) in ended {
            let Some(Started { candidate, .. }) = pending.remove(&name) else { continue };
            match after_copy(run, asset, route, candidate, how).await {
                Next::End(end) => result = result.with(end),
                Next::Again(candidate) => queue.push_back(candidate),
            }
        }
    }
}

/// As many candidates as there are free slots. Waits for one slot if none of this asset's copies is pending.
async fn take_wave(queue: &mut VecDeque<Candidate>, slots: &Arc<tokio::sync::Semaphore>, idle: bool) -> Vec<Started> {
    let mut wave = Vec::new();
    while !queue.is_empty() {
        let slot = match Arc::clone(slots).try_acquire_owned() {
            Ok(slot) => slot,
            Err(_) if wave.is_empty() && idle => {
                Arc::clone(slots).acquire_owned().await.expect("the slots are never closed")
            }
            Err(_) => break,
        };
        let candidate = queue.pop_front().expect("the queue is not empty");
        wave.push(Started { candidate, _slot: slot });
    }
    wave
}

/// Starts one copy. `Some` = it is pending under that copy id; `None` = it completed at once.
async fn start_one(route: Route<'_>, blob: &Blob) -> Result<Option<String>, Error> {
    let source = route.source.copy_source(route.from, blob).await?;
    let to = BlobRef { container: route.to.clone(), name: blob.name.clone() };
    let copy = match route.target.start_copy(&to, &source).await {
        Err(error) if is_of_other_kind(&error) => {
            delete_other_kind(route, &to).await?;
            route.target.start_copy(&to, &source).await?
        }
        started => started?,
    };
    match copy.status {
        CopyStatus::Success => Ok(None),
        CopyStatus::Pending => Ok(Some(copy.id)),
        CopyStatus::Failed | CopyStatus::Aborted => {
            let why = copy.description.unwrap_or_else(|| "the copy ended at once without success".to_owned());
            Err(Error::found(to.to_string(), Cause::DiffersAfterCopy, why))
        }
    }
}

/// The next step after a copy ended.
enum Next {
    End(BlobEnd),
    Again(Candidate),
}

async fn after_copy(run: &Run, asset: &Asset, route: Route<'_>, mut candidate: Candidate, how: Ended) -> Next {
    candidate.tries += 1;
    match how {
        Ended::Success => Next::End(candidate.copied(run, asset, CopyMethod::Async)),
        Ended::Failed(reason) if candidate.tries >= MAX_ASYNC_TRIES => {
            let subject = subject(route, &candidate.blob);
            let error = refusal(&reason, &subject).unwrap_or_else(|| {
                let why = format!("its copy failed {} times: {reason}", candidate.tries);
                Error::found(subject.clone(), Cause::DiffersAfterCopy, why)
            });
            Next::End(candidate.failed(run, asset, error))
        }
        Ended::Failed(_) => reread(run, asset, route, candidate).await,
        Ended::Lost(why) if route.situation.keeps_kind => {
            let error = Error::found(subject(route, &candidate.blob), Cause::DiffersAfterCopy, why);
            Next::End(candidate.failed(run, asset, error))
        }
        Ended::Lost(why) => {
            let to = BlobRef { container: route.to.clone(), name: candidate.blob.name.clone() };
            if let Err(error) = abort(route, &to).await {
                return Next::End(candidate.failed(run, asset, error));
            }
            run.monitor.event(RunEvent::Note(format!("{to}: {why}; it is copied by blocks instead")));
            let slot = run.copy_queue(route.target).acquire(route.priority).await;
            Next::End(copy_one(run, asset, route, candidate, CopyMethod::Blocks, slot).await)
        }
    }
}

/// The error that a failed copy's description reports about a source that existed unchanged when the copy started. The
/// description starts with the status and the code that the source answered, as in `403 AuthorizationFailure "…"`.
fn refusal(description: &str, subject: &str) -> Option<Error> {
    let mut words = description.split_whitespace();
    let status: u16 = words.next()?.parse().ok()?;
    let code = words.next();
    let cause = match status {
        404 => Cause::SourceNotVisible,
        _ => copy_refusal::of_source(status, code)?,
    };
    let source_refusal = None;
    let message = "the copy failed".to_owned();
    let failure =
        Failure::Refused { status, code: code.map(str::to_owned), message, retry_after: None, source_refusal };
    Some(Error::Copy { subject: subject.to_owned(), cause, failure: Some(failure) })
}

/// Reads the source again before the next try, because the copy may have failed after a change of its source.
async fn reread(run: &Run, asset: &Asset, route: Route<'_>, candidate: Candidate) -> Next {
    let at = BlobRef { container: route.from.clone(), name: candidate.blob.name.clone() };
    match route.source.properties(&at).await {
        // The state at the time of the copy is the relevant one, even if it is the listed one.
        Ok(Some(blob)) if blob.etag == candidate.blob.etag => Next::Again(candidate),
        Ok(Some(_)) if !route.renews => {
            let error = Error::found(subject(route, &candidate.blob), Cause::SourceChanging, "");
            Next::End(candidate.outrun(error))
        }
        Ok(Some(blob)) => Next::Again(candidate.renewed(blob)),
        Ok(None) => Next::End(candidate.vanished()),
        Err(error) => Next::End(candidate.failed(run, asset, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(description: &str) -> Option<Cause> {
        match refusal(description, "c/b")? {
            Error::Copy { cause, .. } => Some(cause),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_description_of_a_failed_copy_contains_its_cause() {
        assert_eq!(cause("404 ResourceNotFound \"Copy failed.\""), Some(Cause::SourceNotVisible));
        assert_eq!(cause("403 AuthorizationFailure \"Copy failed.\""), Some(Cause::SourceRefusesTarget));
        assert_eq!(cause("403 AuthenticationFailed \"Copy failed.\""), Some(Cause::SourceSignatureRefused));
        assert_eq!(cause("409 BlobUsesCustomerSpecifiedEncryption"), Some(Cause::CustomerKey));
        for other in ["412 ConditionNotMet \"x\"", "500 InternalError \"x\"", "", "it was aborted"] {
            assert_eq!(cause(other), None, "{other}");
        }
    }
}
