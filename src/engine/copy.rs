//! Copies the blobs of one asset: largest first, many at once, each by the method that suits it.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

use super::poll::{CopyTracker, Ended};
use super::run::Run;
use crate::blob::{self, BlobAccount};
use crate::error::{Error, Failure};
use crate::model::{Asset, Blob, BlobRef, ContainerName, CopyMethod, CopyStatus};
use crate::monitor::RunEvent;

/// Blobs of one asset at once. The lanes decide what is really sent; this bounds the tasks that wait for them.
const BLOBS_IN_FLIGHT: usize = 256;
/// Blobs that are put in order of size together: a listing page, which is what is in memory anyway.
const WINDOW: usize = 5_000;
/// How often a blob that changes while it is copied is copied anew.
const MAX_CHANGES: u32 = 3;
/// How often a failed asynchronous copy is begun again.
const MAX_ASYNC_TRIES: u32 = 3;

/// From which container to which.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route<'a> {
    pub(crate) source: &'a BlobAccount,
    pub(crate) from: &'a ContainerName,
    pub(crate) target: &'a BlobAccount,
    pub(crate) to: &'a ContainerName,
    /// Which asset it is, in the order in which they were begun.
    pub(crate) turn: u64,
    /// Was the target asset there before this run? Then an earlier one may have left blocks of large blobs in it.
    pub(crate) begun_before: bool,
}

/// What became of the blobs that were to be copied.
#[derive(Debug, Default)]
pub(crate) struct CopyResult {
    /// That were to be copied.
    pub(crate) planned: u64,
    /// Copied in another state than they were listed in: that one, and the one at the moment of the copy.
    pub(crate) changed: Vec<(Blob, Blob)>,
    /// Gone from the source meanwhile, as they were listed.
    pub(crate) vanished: Vec<Blob>,
    /// Not copied, and why.
    pub(crate) failed: Vec<(String, Error)>,
    /// Not begun, because the run is to stop.
    pub(crate) left: usize,
}

/// How one blob ended.
enum BlobEnd {
    Copied,
    Changed(Blob, Blob),
    Vanished(Blob),
    Failed(String, Error),
    Left,
}

/// Copies the blobs and waits until nothing is pending. Of the first ones to come the largest go first.
pub(crate) async fn copy_blobs(
    run: &Run,
    asset: &Asset,
    route: Route<'_>,
    blobs: impl Stream<Item = Result<Blob, Error>> + Send,
) -> Result<CopyResult, Error> {
    let same_account = route.source.name() == route.target.name();
    let method_of =
        move |blob: &Blob| run.options.copy_method.unwrap_or_else(|| blob::choose(blob.length, same_account));
    let windows = blobs.try_chunks(WINDOW).map_err(|broken| broken.1).map_ok(|mut window| {
        window.sort_by_key(|blob| std::cmp::Reverse(blob.length));
        window
    });
    // Within one account nothing but metadata is copied, and all blobs by the same method.
    if run.options.copy_method == Some(CopyMethod::Async) || (run.options.copy_method.is_none() && same_account) {
        return copy_windows(run, asset, route, windows).await;
    }
    windows
        .map_ok(|window| stream::iter(window.into_iter().map(Ok)))
        .try_flatten()
        .map_ok(|blob| {
            let method = method_of(&blob);
            copy_one(run, asset, route, Candidate::new(blob), method).map(Ok)
        })
        .try_buffer_unordered(BLOBS_IN_FLIGHT)
        .try_fold(CopyResult::default(), |mut result, end| {
            result.planned += 1;
            std::future::ready(Ok(result.with(end)))
        })
        .await
}

/// Copies asynchronously, window by window.
async fn copy_windows(
    run: &Run,
    asset: &Asset,
    route: Route<'_>,
    windows: impl Stream<Item = Result<Vec<Blob>, Error>> + Send,
) -> Result<CopyResult, Error> {
    let mut result = CopyResult::default();
    let mut windows = std::pin::pin!(windows);
    while let Some(window) = windows.try_next().await? {
        result.planned += window.len() as u64;
        let copied = copy_async(run, asset, route, window).await;
        result.changed.extend(copied.changed);
        result.vanished.extend(copied.vanished);
        result.failed.extend(copied.failed);
        result.left += copied.left;
    }
    Ok(result)
}

impl CopyResult {
    fn with(mut self, end: BlobEnd) -> Self {
        match end {
            BlobEnd::Copied => {}
            BlobEnd::Changed(old, new) => self.changed.push((old, new)),
            BlobEnd::Vanished(blob) => self.vanished.push(blob),
            BlobEnd::Failed(name, error) => self.failed.push((name, error)),
            BlobEnd::Left => self.left += 1,
        }
        self
    }
}

/// A blob that is to be copied.
struct Candidate {
    /// As it is now.
    blob: Blob,
    /// As it was listed, where that is another state.
    listed: Option<Blob>,
    /// How often it has been tried.
    tries: u32,
}

impl Candidate {
    fn new(blob: Blob) -> Self {
        Self { blob, listed: None, tries: 0 }
    }

    /// The same blob in another state.
    fn renewed(self, newer: Blob) -> Self {
        Self { blob: newer, listed: Some(self.listed.unwrap_or(self.blob)), tries: self.tries }
    }

    fn copied(self, run: &Run, asset: &Asset, method: CopyMethod) -> BlobEnd {
        let blob = self.blob;
        run.count(|tally| {
            tally.blobs.copied += 1;
            tally.bytes_copied += blob.length;
        });
        run.monitor.event(RunEvent::BlobCopied {
            asset: asset.id.clone(),
            blob: blob.name.clone(),
            bytes: blob.length,
            method,
        });
        self.listed.map_or(BlobEnd::Copied, |listed| BlobEnd::Changed(listed, blob))
    }

    fn vanished(self) -> BlobEnd {
        BlobEnd::Vanished(self.listed.unwrap_or(self.blob))
    }

    fn failed(self, run: &Run, asset: &Asset, error: Error) -> BlobEnd {
        run.count(|tally| tally.blobs.failed += 1);
        run.monitor.event(RunEvent::BlobFailed {
            asset: asset.id.clone(),
            blob: self.blob.name.clone(),
            reason: error.to_string(),
        });
        BlobEnd::Failed(self.blob.name, error)
    }
}

/// Copies one blob with a method that is done when it returns. A blob that changes is read and copied anew.
async fn copy_one(run: &Run, asset: &Asset, route: Route<'_>, mut candidate: Candidate, method: CopyMethod) -> BlobEnd {
    for _ in 0..=MAX_CHANGES {
        let slot = run.turns(route.target).take(route.turn).await;
        if run.stop.is_cancelled() {
            return BlobEnd::Left;
        }
        let method = blob::within_limits(method, candidate.blob.length);
        // Of a state that nobody had listed before no block can be there.
        let begun_before = route.begun_before && candidate.listed.is_none();
        let outcome = send_one(Route { begun_before, ..route }, &candidate.blob, method).await;
        drop(slot);
        match settle(run, asset, route, candidate, method, outcome).await {
            Settled::End(end) => return end,
            Settled::Changed(newer) => candidate = newer,
        }
    }
    let error = Error::Changing { subject: subject(route, &candidate.blob) };
    candidate.failed(run, asset, error)
}

/// Copies one blob. A copy that an earlier run left pending there is ended first: the asset is ours, and so is the copy.
async fn send_one(route: Route<'_>, blob: &Blob, method: CopyMethod) -> Result<(), Error> {
    let source = route.source.copy_source(route.from, blob)?;
    let to = BlobRef { container: route.to.clone(), name: blob.name.clone() };
    let send = async |begun_before| match method {
        CopyMethod::Blocks if begun_before => route.target.finish_blocks_from_url(&to, &source).await.map(drop),
        CopyMethod::Blocks => route.target.put_blocks_from_url(&to, &source).await.map(drop),
        CopyMethod::Put | CopyMethod::Async => route.target.put_from_url(&to, &source).await.map(drop),
    };
    match send(route.begun_before).await {
        Err(error) if error.failure().and_then(Failure::code) == Some("PendingCopyOperation") => {
            abort(route, &to).await?;
            send(false).await
        }
        other => other,
    }
}

/// What an attempt to copy a blob came to.
enum Settled {
    End(BlobEnd),
    /// The source blob is another one now.
    Changed(Candidate),
}

async fn settle(
    run: &Run,
    asset: &Asset,
    route: Route<'_>,
    candidate: Candidate,
    method: CopyMethod,
    outcome: Result<(), Error>,
) -> Settled {
    match outcome {
        Ok(()) => Settled::End(candidate.copied(run, asset, method)),
        Err(Error::Changing { .. } | Error::Vanished { .. }) => {
            let at = BlobRef { container: route.from.clone(), name: candidate.blob.name.clone() };
            match route.source.properties(&at).await {
                Ok(Some(newer)) => Settled::Changed(candidate.renewed(newer)),
                Ok(None) => Settled::End(candidate.vanished()),
                Err(error) => Settled::End(candidate.failed(run, asset, error)),
            }
        }
        Err(error) => Settled::End(candidate.failed(run, asset, error)),
    }
}

fn subject(route: Route<'_>, blob: &Blob) -> String {
    format!("{}/{}", route.from, blob.name)
}

/// A copy that was begun. The permit is its place among the account's pending copies.
struct Begun {
    candidate: Candidate,
    _slot: OwnedSemaphorePermit,
}

/// Begins asynchronous copies as the account's slots permit and follows them by listing.
async fn copy_async(run: &Run, asset: &Asset, route: Route<'_>, blobs: Vec<Blob>) -> CopyResult {
    let slots = run.pending_copies(route.target);
    let mut queue: VecDeque<Candidate> = blobs.into_iter().map(Candidate::new).collect();
    let mut begun: std::collections::BTreeMap<String, Begun> = std::collections::BTreeMap::new();
    let mut tracker = CopyTracker::new(route.target, route.to);
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
                    begun.insert(entry.candidate.blob.name.clone(), entry);
                }
                other => match settle(run, asset, route, entry.candidate, CopyMethod::Async, other.map(drop)).await {
                    Settled::End(end) => result = result.with(end),
                    Settled::Changed(newer) if newer.tries < MAX_CHANGES => {
                        queue.push_back(Candidate { tries: newer.tries + 1, ..newer });
                    }
                    Settled::Changed(newer) => {
                        let error = Error::Changing { subject: subject(route, &newer.blob) };
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
            let Some(Begun { candidate, .. }) = begun.remove(&name) else { continue };
            match after_copy(run, asset, route, candidate, how).await {
                Next::End(end) => result = result.with(end),
                Next::Again(candidate) => queue.push_back(candidate),
            }
        }
    }
}

/// As many candidates as there are free slots; waits for one slot where nothing of ours is pending.
async fn take_wave(queue: &mut VecDeque<Candidate>, slots: &Arc<tokio::sync::Semaphore>, idle: bool) -> Vec<Begun> {
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
        wave.push(Begun { candidate, _slot: slot });
    }
    wave
}

/// Begins one copy. `Some` = it is pending under that copy id; `None` = it was done at once.
async fn start_one(route: Route<'_>, blob: &Blob) -> Result<Option<String>, Error> {
    let source = route.source.copy_source(route.from, blob)?;
    let to = BlobRef { container: route.to.clone(), name: blob.name.clone() };
    let copy = route.target.start_copy(&to, &source).await?;
    match copy.status {
        CopyStatus::Success => Ok(None),
        CopyStatus::Pending => Ok(Some(copy.id)),
        CopyStatus::Failed | CopyStatus::Aborted => Err(Error::Differs {
            subject: to.to_string(),
            reason: copy.description.unwrap_or_else(|| "the copy ended at once without success".to_owned()),
        }),
    }
}

/// What follows a copy that ended.
enum Next {
    End(BlobEnd),
    Again(Candidate),
}

async fn after_copy(run: &Run, asset: &Asset, route: Route<'_>, mut candidate: Candidate, how: Ended) -> Next {
    candidate.tries += 1;
    match how {
        Ended::Success => Next::End(candidate.copied(run, asset, CopyMethod::Async)),
        Ended::Failed(reason) if candidate.tries >= MAX_ASYNC_TRIES => {
            let error = Error::Differs {
                subject: subject(route, &candidate.blob),
                reason: format!("its copy failed {} times: {reason}", candidate.tries),
            };
            Next::End(candidate.failed(run, asset, error))
        }
        Ended::Failed(_) => reread(run, asset, route, candidate).await,
        Ended::Stalled => {
            let to = BlobRef { container: route.to.clone(), name: candidate.blob.name.clone() };
            if let Err(error) = abort(route, &to).await {
                return Next::End(candidate.failed(run, asset, error));
            }
            run.monitor.event(RunEvent::Note(format!("{to}: its copy stood still and was replaced by block copies")));
            Next::End(copy_one(run, asset, route, candidate, CopyMethod::Blocks).await)
        }
    }
}

/// Ends the copy that is pending at the destination, whichever it is; it is ours, for the asset is.
async fn abort(route: Route<'_>, to: &BlobRef) -> Result<(), Error> {
    match route.target.properties(to).await?.and_then(|blob| blob.copy) {
        Some(copy) if copy.status == CopyStatus::Pending => route.target.abort_copy(to, &copy.id).await,
        _ => Ok(()),
    }
}

/// A failed copy may have failed because its source changed: reads it again before the next try.
async fn reread(run: &Run, asset: &Asset, route: Route<'_>, candidate: Candidate) -> Next {
    let at = BlobRef { container: route.from.clone(), name: candidate.blob.name.clone() };
    match route.source.properties(&at).await {
        // Its state at the moment of the copy counts, also where it is the listed one.
        Ok(Some(blob)) if blob.etag == candidate.blob.etag => Next::Again(candidate),
        Ok(Some(blob)) => Next::Again(candidate.renewed(blob)),
        Ok(None) => Next::End(candidate.vanished()),
        Err(error) => Next::End(candidate.failed(run, asset, error)),
    }
}
