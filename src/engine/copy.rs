//! Copies the blobs of one asset: largest first, many at once, each by the method that suits it best.

mod pending;
mod window;

use std::sync::Arc;

use futures::{FutureExt, Stream, TryStreamExt, stream};

use crate::blob::{self, BlobAccount, WriteIf};
use crate::engine::contents::needs::with_tags_unless_read;
use crate::engine::methods::Situation;
use crate::engine::run::Run;
use crate::engine::schedule::copy_queue::CopySlot;
use crate::error::{Error, Failure};
use crate::model::{Asset, Blob, BlobRef, ContainerName, CopyMethod, CopyStatus, Extent};
use crate::monitor::RunEvent;
use crate::verdict::Cause;

use window::{Window, windows};

/// Blobs of one asset that are in progress at once. The lanes limit the requests; this limits the tasks that wait for
/// them.
const BLOBS_IN_FLIGHT: usize = 256;
/// How often a blob that changes during its copy is copied again.
const MAX_CHANGES: u32 = 3;

/// The source and target containers of a copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route<'a> {
    pub(crate) source: &'a BlobAccount,
    pub(crate) from: &'a ContainerName,
    pub(crate) target: &'a BlobAccount,
    pub(crate) to: &'a ContainerName,
    /// The blobs of the container that belong to the asset.
    pub(crate) extent: &'a Extent,
    /// The position of the asset in the order in which assets started: a lower number is copied first.
    pub(crate) priority: u64,
    /// Did the target asset exist before this run? Then an earlier run may have left blocks of large blobs in it.
    pub(crate) started_before: bool,
    /// The facts that decide by which method a blob is copied.
    pub(crate) situation: Situation,
    /// If a blob changed after it was listed, is its new state copied? Not for a manifest: it may name blobs that were
    /// not listed.
    pub(crate) renews: bool,
}

impl Route<'_> {
    /// The method for a blob of that length, given what the run knows about the target's service so far.
    fn method(self, length: u64) -> CopyMethod {
        Situation { lacks_put: self.target.lacks_put_from_url(), ..self.situation }.method(length)
    }
}

/// The result of copying the blobs.
#[derive(Debug, Default)]
pub(crate) struct CopyResult {
    /// The number of blobs to copy.
    pub(crate) planned: u64,
    /// Copied in another state than the listed one: the listed state and the copied state.
    pub(crate) changed: Vec<(Arc<Blob>, Arc<Blob>)>,
    /// Deleted from the source after they were listed; each in its listed state.
    pub(crate) vanished: Vec<Arc<Blob>>,
    /// Failed, with the errors.
    pub(crate) failed: Vec<(String, Error)>,
    /// Not started, because the run was asked to stop.
    pub(crate) left: usize,
    /// Failed because they changed after they were listed, and their new state is not copied.
    pub(crate) outrun: usize,
}

/// The result of one blob.
enum BlobEnd {
    Copied,
    Changed(Arc<Blob>, Arc<Blob>),
    Vanished(Arc<Blob>),
    Failed(String, Error),
    /// Failed because it changed after it was listed.
    Outrun(String, Error),
    Left,
}

/// Copies the blobs and waits until nothing is pending. Within each window the largest blobs are copied first.
pub(crate) async fn copy_blobs(
    run: &Run,
    asset: &Asset,
    route: Route<'_>,
    blobs: impl Stream<Item = Result<Arc<Blob>, Error>> + Send,
) -> Result<CopyResult, Error> {
    let windows = windows(blobs, route.source.memory());
    if route.situation.is_asynchronous() {
        return pending::copy_windows(run, asset, route, windows).await;
    }
    let queue = run.copy_queue(route.target);
    windows
        .map_ok(|Window { blobs, room }| stream::iter(blobs.into_iter().map(move |blob| Ok((blob, Arc::clone(&room))))))
        .try_flatten()
        // The slot is acquired first: a blob that waits for one needs far less memory than the future of its copy.
        .map_ok(|blob| Arc::clone(&queue).acquire(route.priority).map(move |slot| Ok((blob, slot))))
        .try_buffer_unordered(BLOBS_IN_FLIGHT)
        .map_ok(|((blob, room), slot)| {
            let method = route.method(blob.length);
            // Boxed, because the streams below move it several times.
            let copied = copy_one(run, asset, route, Candidate::new(blob), method, slot).boxed();
            copied.map(move |end| {
                drop(room);
                Ok(end)
            })
        })
        .try_buffer_unordered(BLOBS_IN_FLIGHT)
        .try_fold(CopyResult::default(), |mut result, end| {
            result.planned += 1;
            std::future::ready(Ok(result.with(end)))
        })
        .await
}

impl CopyResult {
    /// Were all planned blobs copied?
    pub(crate) fn is_whole(&self) -> bool {
        self.left == 0 && self.failed.is_empty()
    }

    /// Adds up both results.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.planned += other.planned;
        self.changed.extend(other.changed);
        self.vanished.extend(other.vanished);
        self.failed.extend(other.failed);
        self.left += other.left;
        self.outrun += other.outrun;
        self
    }

    fn with(mut self, end: BlobEnd) -> Self {
        match end {
            BlobEnd::Copied => {}
            BlobEnd::Changed(old, new) => self.changed.push((old, new)),
            BlobEnd::Vanished(blob) => self.vanished.push(blob),
            BlobEnd::Failed(name, error) => self.failed.push((name, error)),
            BlobEnd::Outrun(name, error) => {
                self.outrun += 1;
                self.failed.push((name, error));
            }
            BlobEnd::Left => self.left += 1,
        }
        self
    }
}

/// A blob that is to be copied.
struct Candidate {
    /// Its current state.
    blob: Arc<Blob>,
    /// Its listed state, if that differs.
    listed: Option<Arc<Blob>>,
    /// How often it has been tried.
    tries: u32,
    /// The target's service did not find it, but this program did.
    not_visible: bool,
}

impl Candidate {
    fn new(blob: Arc<Blob>) -> Self {
        Self { blob, listed: None, tries: 0, not_visible: false }
    }

    /// The same blob in another state.
    fn renewed(self, newer: Blob) -> Self {
        let blob = with_tags_unless_read(Arc::new(newer), &self.blob.properties.tags);
        Self { blob, listed: Some(self.listed.unwrap_or(self.blob)), ..self }
    }

    /// The target's service did not find a blob that exists unchanged: retries once, because one answer may be stale.
    fn unseen_by_the_target(self, run: &Run, asset: &Asset, route: Route<'_>) -> Settled {
        if !self.not_visible {
            return Settled::Again(Self { not_visible: true, ..self });
        }
        let subject = subject(route, &self.blob);
        let error = Error::Copy { subject, cause: Cause::SourceNotVisible, failure: None };
        Settled::End(self.failed(run, asset, error))
    }

    fn copied(self, run: &Run, asset: &Asset, method: CopyMethod) -> BlobEnd {
        let blob = self.blob;
        run.arrived();
        run.count(|tally| {
            tally.blobs.copied += 1;
            tally.bytes_copied += blob.length;
        });
        run.monitor.event(RunEvent::BlobCopied {
            asset: asset.id.clone(),
            blob: blob.name.clone(),
            bytes: blob.length,
            kind: blob.kind,
            method,
        });
        self.listed.map_or(BlobEnd::Copied, |listed| BlobEnd::Changed(listed, blob))
    }

    fn vanished(self) -> BlobEnd {
        BlobEnd::Vanished(self.listed.unwrap_or(self.blob))
    }

    /// It changed, and is listed again before it is copied. It does not count as failed yet.
    fn outrun(self, error: Error) -> BlobEnd {
        BlobEnd::Outrun(self.blob.name.clone(), error)
    }

    fn failed(self, run: &Run, asset: &Asset, error: Error) -> BlobEnd {
        run.count(|tally| tally.blobs.failed += 1);
        run.monitor.event(RunEvent::BlobFailed {
            asset: asset.id.clone(),
            blob: self.blob.name.clone(),
            reason: error.to_string(),
        });
        BlobEnd::Failed(self.blob.name.clone(), error)
    }
}

/// Copies one blob with a method that completes before it returns. A blob that changes is read and copied again.
async fn copy_one(
    run: &Run,
    asset: &Asset,
    route: Route<'_>,
    mut candidate: Candidate,
    method: CopyMethod,
    mut slot: CopySlot,
) -> BlobEnd {
    for _ in 0..=MAX_CHANGES {
        if run.stop.is_cancelled() {
            return BlobEnd::Left;
        }
        let method = blob::within_limits(method, candidate.blob.length);
        // No block of a state that was never listed can exist.
        let started_before = route.started_before && candidate.listed.is_none();
        let outcome = send_one(Route { started_before, ..route }, &candidate.blob, method).await;
        let (method, outcome) = match outcome {
            Err(error)
                if error.cause() == Some(Cause::NotSupported) && route.method(candidate.blob.length) != method =>
            {
                note_no_put(run, route);
                let method = route.method(candidate.blob.length);
                (method, send_one(Route { started_before, ..route }, &candidate.blob, method).boxed().await)
            }
            outcome => (method, outcome),
        };
        drop(slot);
        match settle(run, asset, route, candidate, method, outcome).await {
            Settled::End(end) => return end,
            Settled::Again(newer) => candidate = newer,
        }
        slot = run.copy_queue(route.target).acquire(route.priority).await;
    }
    let error = Error::found(subject(route, &candidate.blob), Cause::SourceChanging, "");
    candidate.failed(run, asset, error)
}

/// Reports once that the target's service lacks an operation.
fn note_no_put(run: &Run, route: Route<'_>) {
    if run.methods.note_no_put() {
        let account = route.target.name();
        let note =
            format!("storage account {account} does not implement Put Blob From URL; blobs are copied in blocks");
        run.monitor.event(RunEvent::Note(note));
    }
}

/// Copies one blob. It first aborts a copy that an earlier run left pending there: the asset is ours, and so is the
/// copy.
async fn send_one(route: Route<'_>, blob: &Blob, method: CopyMethod) -> Result<(), Error> {
    let source = route.source.copy_source(route.from, blob).await?;
    let to = BlobRef { container: route.to.clone(), name: blob.name.clone() };
    // Rare branches are boxed, because every blob in progress holds a future of this size.
    let send = |started_before| match method {
        CopyMethod::Blocks if started_before => route.target.finish_blocks_from_url(&to, &source).boxed().left_future(),
        CopyMethod::Blocks => route.target.put_blocks_from_url(&to, &source).boxed().left_future(),
        CopyMethod::Put | CopyMethod::Async => route.target.put_from_url(&to, &source).right_future(),
    };
    match send(route.started_before).await {
        Err(error) if error.failure().and_then(Failure::code) == Some("PendingCopyOperation") => {
            abort(route, &to).boxed().await?;
            send(false).boxed().await.map(drop)
        }
        Err(error) if is_of_other_kind(&error) => {
            delete_other_kind(route, &to).boxed().await?;
            send(false).boxed().await.map(drop)
        }
        other => other.map(drop),
    }
}

/// The result of one attempt to copy a blob.
enum Settled {
    End(BlobEnd),
    /// Retry, with the current state of the source blob.
    Again(Candidate),
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
        Err(error) if matches!(error.cause(), Some(Cause::SourceChanging | Cause::SourceVanished)) => {
            let at = BlobRef { container: route.from.clone(), name: candidate.blob.name.clone() };
            let not_found = error.cause() == Some(Cause::SourceVanished);
            match route.source.properties(&at).boxed().await {
                Ok(Some(same)) if not_found && same.etag == candidate.blob.etag => {
                    candidate.unseen_by_the_target(run, asset, route)
                }
                Ok(Some(_)) if !route.renews => Settled::End(candidate.outrun(error)),
                Ok(Some(newer)) => Settled::Again(candidate.renewed(newer)),
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

/// Does the target's blob have another type than the source's, or is it sealed? Only deleting it changes that.
fn is_of_other_kind(error: &Error) -> bool {
    matches!(error.failure().and_then(Failure::code), Some("InvalidBlobType" | "BlobIsSealed"))
}

/// Deletes a blob of our copy that has another type than the source's, or is sealed.
async fn delete_other_kind(route: Route<'_>, to: &BlobRef) -> Result<(), Error> {
    if let Some(there) = route.target.properties(to).await? {
        route.target.delete_blob(to, WriteIf::Etag(&there.etag)).await?;
    }
    Ok(())
}

/// Aborts any copy that is pending at the destination; it is ours, because the asset is.
async fn abort(route: Route<'_>, to: &BlobRef) -> Result<(), Error> {
    match route.target.properties(to).await?.and_then(|blob| blob.copy) {
        Some(copy) if copy.status == CopyStatus::Pending => route.target.abort_copy(to, &copy.id).await,
        _ => Ok(()),
    }
}
