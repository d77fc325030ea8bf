//! The engine: mirrors a library, asset by asset, thousands of copies at once.

pub mod urls;
pub mod verify;

mod absent;
mod asset;
mod catalog;
mod choices;
mod compact;
mod compare;
mod confirm;
mod contents;
mod copy;
mod digest;
mod empty;
mod expired;
mod forecast;
mod missing;
mod order;
mod place;
mod plan;
mod poll;
mod publish;
mod records;
mod register;
mod room;
mod run;
mod turns;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use globset::GlobSet;
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::connect::Pair;
use crate::error::Error;
use crate::ledger::{AssetRow, Ledger};
use crate::model::{Asset, AssetId, CopyMethod, Plane, Side};
use crate::monitor::{AssetOutcome, Monitor, RunEvent};
use crate::verdict::{Cause, Class, Finding};
use absent::Listed;
use catalog::{Catalog, FilesWanted};
pub use choices::{Choice, Reason};
pub use forecast::Forecast;
pub use order::Order;
use plan::Decision;
use run::{Journey, Run};

/// What to mirror and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only assets whose name matches one of these.
    pub include: Option<GlobSet>,
    /// No assets whose name matches one of these.
    pub exclude: Option<GlobSet>,
    /// One method for every blob; `None` = the best for each.
    pub copy_method: Option<CopyMethod>,
    /// Plan only; nothing is written anywhere but to the screen.
    pub dry_run: bool,
    /// Assets worked on at once.
    pub assets_in_flight: usize,
    /// In what order assets are begun.
    pub order: Order,
    /// Causes that leave the exit code as it is.
    pub accept: Vec<Cause>,
}

/// Assets at once by default: an asset holds a listing page and its copies; with twenty blobs each this keeps more
/// copies ready than a lane has slots.
const DEFAULT_ASSETS_IN_FLIGHT: usize = 64;

impl Default for Options {
    fn default() -> Self {
        Self {
            include: None,
            exclude: None,
            copy_method: None,
            dry_run: false,
            assets_in_flight: DEFAULT_ASSETS_IN_FLIGHT,
            order: Order::default(),
            accept: Vec::new(),
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything in scope is mirrored and verified.
    Complete,
    /// It came to its end, but some assets could not be mirrored.
    Partial,
    /// It was asked to stop; the next run goes on from here.
    Interrupted,
    /// Nothing was to be changed.
    DryRun,
}

/// Assets by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AssetCounts {
    /// In scope.
    pub total: u64,
    /// Newly complete on the target (in a dry run: to be mirrored).
    pub mirrored: u64,
    /// Complete before.
    pub unchanged: u64,
    /// Left out on purpose, storage-encrypted ones included.
    pub skipped: u64,
    /// Failed, or disappeared during the run.
    pub failed: u64,
    /// Something of somebody else's is in the place.
    pub conflicts: u64,
    /// Complete before, and not listed by the source any more. Their copies stay on the target. Not among the total.
    pub gone: u64,
}

/// Blobs by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BlobCounts {
    /// Copied now (in a dry run: to be copied).
    pub copied: u64,
    /// There already.
    pub unchanged: u64,
    /// Could not be copied.
    pub failed: u64,
}

/// Streaming locators by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LocatorCounts {
    /// Made or corrected now (in a dry run: to be made).
    pub mirrored: u64,
    /// There already.
    pub unchanged: u64,
    /// Could not be made.
    pub failed: u64,
}

/// Requests sent, retries included, both accounts together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RequestCounts {
    /// To the media APIs and token services.
    pub media: u64,
    /// To the blob services.
    pub blob: u64,
}

/// An asset that is not complete on the target, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Source id.
    pub asset: AssetId,
    /// Name to show.
    pub name: String,
    /// What kind of verdict it is.
    #[serde(rename = "result")]
    pub class: Class,
    /// Why.
    #[serde(flatten)]
    pub finding: Finding,
    /// Is it owed, and not accepted by the configuration?
    pub owed: bool,
}

/// What a run did.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// How it ended.
    pub outcome: Outcome,
    /// Assets.
    pub assets: AssetCounts,
    /// Blobs of the assets worked on.
    pub blobs: BlobCounts,
    /// Bytes of the blobs copied.
    pub bytes_copied: u64,
    /// How they were copied, and why so (in a dry run: how they are to be).
    pub copies: Vec<Choice>,
    /// Locators.
    pub locators: LocatorCounts,
    /// Requests.
    pub requests: RequestCounts,
    /// Wall time.
    #[serde(rename = "elapsed_seconds", serialize_with = "as_seconds")]
    pub elapsed: Duration,
    /// Of a dry run: what a run is expected to cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// Every asset in scope that is not complete, in order of name.
    pub problems: Vec<Problem>,
    /// How many of them by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Latency in microseconds of each kind of request.
    #[serde(skip)]
    pub latency: BTreeMap<&'static str, Histogram<u64>>,
}

fn as_seconds<S: serde::Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0)
}

/// Mirrors the source's library to the target.
///
/// `stop` asks it to drain: nothing new is begun, what is begun is ended and recorded.
///
/// # Errors
/// Only what makes going on pointless: refused credentials, an unusable ledger, a library that cannot be listed.
/// A failure of one asset is in the summary.
pub async fn mirror(
    pair: Arc<Pair>,
    ledger: Ledger,
    options: Options,
    monitor: Arc<dyn Monitor>,
    stop: CancellationToken,
) -> Result<Summary, Error> {
    let started = Instant::now();
    let run = Arc::new(Run::new(pair, ledger, options, monitor, stop.child_token()));
    let began = clock::now();
    let files = match records::wanted(&run.ledger, began).await? {
        FilesWanted::BothSides => FilesWanted::BothSides,
        _ if run.options.order.by_size() => FilesWanted::Source,
        few => few,
    };
    let catalog = Catalog::read(&run.pair, run.monitor.as_ref(), files).await?;
    let rows = run.ledger.count().await?;
    let listed = mirror_assets(&run, &catalog).await;
    if let Some(fatal) = run.fatal() {
        return Err(fatal);
    }
    if let Some(listed) = listed? {
        absent::tell(&run, listed, rows).await?;
    }
    let mut tally = run.take_tally();
    tally.problems.sort_by(|a, b| (&a.name, &a.asset).cmp(&(&b.name, &b.asset)));
    let pair = Arc::clone(&run.pair);
    let dry_run = run.options.dry_run;
    if run.saw_everything() {
        records::note(&run.ledger, files, began).await?;
    }
    let outcome = match () {
        () if stop.is_cancelled() => Outcome::Interrupted,
        () if dry_run => Outcome::DryRun,
        () if tally.owed > 0 => Outcome::Partial,
        () => Outcome::Complete,
    };
    let forecast =
        if dry_run { Some(tally.outlook.forecast(&pair, &run.options, tally.bytes_copied).await) } else { None };
    Ok(Summary {
        outcome,
        assets: tally.assets,
        blobs: tally.blobs,
        bytes_copied: tally.bytes_copied,
        copies: run.choices.all(),
        locators: tally.locators,
        requests: requests(&pair),
        forecast,
        elapsed: started.elapsed(),
        causes: tally.causes,
        problems: tally.problems,
        latency: latencies(&pair),
    })
}

/// Goes through the source's assets, so many at once, each in a task of its own. Ends when all have ended, also when the
/// listing breaks off. Returns what was listed, unless the run was stopped before it was all.
async fn mirror_assets(run: &Arc<Run>, catalog: &Catalog) -> Result<Option<Listed>, Error> {
    let mut tasks = JoinSet::new();
    let listed = begin_assets(run, catalog, &mut tasks).await;
    while let Some(ended) = tasks.join_next().await {
        pass_panic_on(ended);
    }
    listed
}

/// A defect of this program must not look like an asset that was never there: the run ends with it.
fn pass_panic_on(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

/// Lists the source and begins each asset as soon as there is room for it.
async fn begin_assets(run: &Arc<Run>, catalog: &Catalog, tasks: &mut JoinSet<()>) -> Result<Option<Listed>, Error> {
    let mut pages = run.options.order.of(run.pair.source.media.assets(), catalog).await?;
    let ahead = run.ahead();
    let (mut listed, mut seen) = (0, Listed::default());
    while let Some(page) = pages.try_next().await? {
        listed += page.len() as u64;
        seen.add(&page);
        run.monitor.event(RunEvent::Listed { side: Side::Source, assets: listed });
        for asset in page.into_iter().filter(|asset| run.options.covers(asset)) {
            let place = run.room.enter(run.options.assets_in_flight).await;
            while let Some(ended) = tasks.try_join_next() {
                pass_panic_on(ended);
            }
            if run.stop.is_cancelled() {
                return Ok(None);
            }
            if let Some(work) = decide(run, catalog, asset, &mut seen).await? {
                tasks.spawn(mirror_one(Arc::clone(run), work, Journey { place, ahead: ahead.clone() }));
            }
        }
    }
    run.monitor.event(RunEvent::ListingFinished { side: Side::Source, assets: listed });
    Ok(Some(seen))
}

/// Decides one asset; what needs no work is finished here.
async fn decide(run: &Run, catalog: &Catalog, asset: Asset, seen: &mut Listed) -> Result<Option<plan::Work>, Error> {
    run.count(|tally| tally.assets.total += 1);
    let (row, lost) = recorded(run, catalog, &asset).await?;
    if row.is_some() || lost.is_some() {
        seen.meet();
    }
    let complete_before = row.as_ref().is_some_and(AssetRow::complete);
    match plan::decide(asset.clone(), catalog, row, clock::now()) {
        Decision::Mirror(work) => return Ok(Some(plan::Work { lost, ..*work })),
        Decision::Skip(finding) => run.finish(&asset, AssetOutcome::Not(finding)),
        // Its locators are taken by a copy that the target's listing does not show.
        Decision::Conflict(_) if lost.is_some() => {
            run.leave_behind();
            run.finish(&asset, AssetOutcome::Not(Finding::new(Cause::ListingIncomplete, "the target's")));
        }
        Decision::Conflict(finding) => {
            if complete_before {
                run.leave_behind();
            }
            let locators = catalog.locators_of(&asset.id).len() as u64;
            run.count(|tally| tally.locators.failed += locators);
            run.finish(&asset, AssetOutcome::Not(finding));
        }
    }
    Ok(None)
}

/// What the ledger says of an asset, and the target it knows if that is not in the target's listing: such a row says
/// nothing of what is to be done.
async fn recorded(run: &Run, catalog: &Catalog, asset: &Asset) -> Result<(Option<AssetRow>, Option<AssetId>), Error> {
    let row = run.ledger.asset(&asset.id).await?;
    let target = row.as_ref().and_then(|row| row.facts.target.clone());
    Ok(match target.filter(|id| catalog.target(id).is_none()) {
        Some(lost) => (None, Some(lost)),
        None => (row, None),
    })
}

/// One asset to its end; whatever happens to it stays with it.
async fn mirror_one(run: Arc<Run>, work: plan::Work, journey: Journey) {
    let asset = work.asset.clone();
    let complete_before = work.row.as_ref().is_some_and(AssetRow::complete);
    // Boxed: the steps of an asset are a future of many kilobytes.
    match Box::pin(asset::mirror_asset(&run, work, journey)).await {
        Ok(Some(outcome)) => run.finish(&asset, outcome),
        Ok(None) => {}
        Err(error) => {
            if complete_before {
                run.leave_behind();
            }
            run.fail(&asset, error);
        }
    }
}

impl Options {
    /// Is every asset in scope?
    pub(crate) fn covers_all(&self) -> bool {
        self.include.is_none() && self.exclude.is_none()
    }

    /// Is the asset in scope?
    pub(crate) fn covers(&self, asset: &Asset) -> bool {
        let name = asset.label();
        self.include.as_ref().is_none_or(|globs| globs.is_match(name))
            && !self.exclude.as_ref().is_some_and(|globs| globs.is_match(name))
    }
}

/// Requests of all lanes of both sides.
fn requests(pair: &Pair) -> RequestCounts {
    let mut counts = RequestCounts::default();
    for lane in pair.source.lanes.iter().chain(&pair.target.lanes) {
        let sent = lane.stats().requests;
        match lane.plane() {
            Plane::Media => counts.media += sent,
            Plane::BlobRead | Plane::BlobWrite => counts.blob += sent,
        }
    }
    counts
}

/// Latencies of both sides together, by operation.
fn latencies(pair: &Pair) -> BTreeMap<&'static str, Histogram<u64>> {
    let mut all: BTreeMap<&'static str, Histogram<u64>> = BTreeMap::new();
    for lane in pair.source.lanes.iter().chain(&pair.target.lanes) {
        for (operation, histogram) in lane.stats().latency {
            match all.entry(operation) {
                std::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(histogram)),
                std::collections::btree_map::Entry::Occupied(mut entry) => {
                    entry.get_mut().add(&histogram).expect("all histograms resize and share their precision");
                }
            }
        }
    }
    all
}
