//! The engine: mirrors a library, asset by asset, thousands of copies at once.

pub mod urls;
pub mod verify;

mod asset;
mod choices;
mod compare;
mod confirm;
mod contents;
mod copy;
mod digest;
mod expired;
mod forecast;
mod keeper;
mod locate;
mod needs;
mod outages;
mod overwrites;
mod poll;
mod publish;
mod records;
mod register;
mod room;
mod run;
mod turns;
mod withdraw;
mod withhold;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use globset::GlobSet;
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::claims::{Claim, Claims, FilesWanted, Work};
pub use crate::claims::{Guard, Order};
use crate::clock;
use crate::config::policy::{Accepted, Allow, Policy};
use crate::connect::Pair;
use crate::error::Error;
use crate::ledger::{AssetRow, Ledger};
use crate::model::{Asset, AssetId, CopyMethod, Plane};
use crate::monitor::{AssetOutcome, Monitor};
use crate::verdict::{Cause, Class, Finding};
use asset::Reached;
pub use choices::{Choice, Reason};
pub use forecast::Forecast;
use keeper::Keeper;
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
    /// What the operator decides beside the accounts.
    pub policy: Policy,
    /// Held runs that may pass this once.
    pub allow: Allow,
    /// The ledger is begun anew: a state of the pair that is missing on the target is begun anew, too.
    pub rebuild: bool,
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
            policy: Policy::default(),
            allow: Allow::default(),
            rebuild: false,
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
    /// A guard holds changes back: a person has to decide.
    Held,
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

/// What only the target has: blobs that the source has deleted from assets that still play, and deleted assets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct KeptCounts {
    /// Assets.
    pub assets: u64,
    /// Blobs of assets that the source still has.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
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

impl Problem {
    /// The problem of an asset.
    pub(crate) fn of(asset: &Asset, finding: Finding, accepted: &mut Accepted) -> Self {
        let name = asset.label().to_owned();
        // Asked first: what is not owed uses up no acceptance.
        let owed = finding.owed() && !accepted.accepts(finding.cause, &name);
        Self { asset: asset.id.clone(), name, class: finding.class(), owed, finding }
    }
}

/// What a run did.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The run's id, by which the operator allows what it held.
    pub run: String,
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
    /// Findings that concern no single asset.
    pub findings: Vec<Finding>,
    /// How the run ended, or how a run would end after this dry run, work still to be done not counted.
    pub verdict: Outcome,
    /// Locators withdrawn (in a dry run: to be withdrawn).
    pub withdrawn: u64,
    /// Assets of which a guard holds something back.
    pub held: u64,
    /// What only the target has.
    pub kept: KeptCounts,
    /// Latency in microseconds of each kind of request.
    #[serde(skip)]
    pub latency: BTreeMap<&'static str, Histogram<u64>>,
}

fn as_seconds<S: serde::Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0)
}

/// Assets that are read from the tables at once.
const PAGE: usize = 500;

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
    let keeper = Arc::new(Keeper::open(&pair, options.dry_run).await?);
    let accounts = Arc::clone(&pair);
    let result = mirror_locked(&keeper, pair, ledger, options, monitor, stop).await;
    let closed = keeper.close().await;
    let mut summary = result?;
    closed?;
    summary.requests = requests(&accounts);
    Ok(summary)
}

/// The run, under the target's lock.
async fn mirror_locked(
    keeper: &Arc<Keeper>,
    pair: Arc<Pair>,
    ledger: Ledger,
    options: Options,
    monitor: Arc<dyn Monitor>,
    stop: CancellationToken,
) -> Result<Summary, Error> {
    let started = Instant::now();
    let began = clock::now();
    let passed = keeper.passed(&options.allow)?;
    let files = match records::wanted(&ledger, began).await? {
        FilesWanted::BothSides => FilesWanted::BothSides,
        _ if options.order.by_size() => FilesWanted::Source,
        few => few,
    };
    let adopted = keeper.adopted();
    let claims = Claims::read(&pair, monitor.as_ref(), files, &|asset| options.covers(asset), &adopted).await?;
    claims.confirm(&ledger).await?;
    let run =
        Arc::new(Run::new(pair, ledger, options, claims, (Arc::clone(keeper), passed), monitor, stop.child_token()));
    examine(&run).await?;
    let whole = if run.is_held() { true } else { run_through(&run).await? };
    if let Some(fatal) = run.fatal() {
        return Err(fatal);
    }
    if whole && run.saw_everything() {
        records::note(&run.ledger, files, began).await?;
    }
    summary(&run, started, stop.is_cancelled()).await
}

/// What concerns the libraries as a whole, before anything is written.
async fn examine(run: &Run) -> Result<(), Error> {
    let census = run.claims.census()?;
    if census.covered == 0 && !run.options.covers_all() {
        return Err(Error::nothing_matched());
    }
    if run.claims.is_reversed()? {
        run.find(Cause::DirectionReversed.into());
        return Ok(());
    }
    if let Some(objection) = run.keeper.objection(census.complete, run.options.rebuild) {
        run.find(objection);
        return Ok(());
    }
    run.keeper.begin().await?;
    if let Some(silence) = urls::target_silence(&run.pair).await? {
        run.find(silence);
    }
    run.claims.screen(&run.pair).await?;
    withhold::withhold(run)?;
    withhold::name_foreign(run).await
}

/// Withdraws, then goes through the assets, then through those that waited for the others. Says whether it came to the end.
async fn run_through(run: &Arc<Run>) -> Result<bool, Error> {
    withdraw::withdraw(run).await?;
    let order = run.options.order;
    let whole = mirror_assets(run, |after| run.claims.page(order, after, PAGE)).await?;
    if !whole || run.stop.is_cancelled() {
        return Ok(false);
    }
    run.overwrites.decide();
    mirror_assets(run, |after| run.claims.spool.deferred(after, PAGE)).await
}

async fn summary(run: &Run, started: Instant, stopped: bool) -> Result<Summary, Error> {
    let mut tally = run.take_tally();
    tally.problems.sort_by(|a, b| (&a.name, &a.asset).cmp(&(&b.name, &b.asset)));
    let pair = Arc::clone(&run.pair);
    let dry_run = run.options.dry_run;
    let held = tally.held > 0 || tally.findings.iter().any(|finding| finding.class() == Class::Held);
    let mut accepted = Accepted::new(&run.options.policy.accept);
    let owed = tally.findings.iter().any(|finding| finding.owed() && !accepted.accepts(finding.cause, ""));
    let owed = owed || tally.owed > 0;
    let verdict = match () {
        () if held => Outcome::Held,
        () if owed => Outcome::Partial,
        () => Outcome::Complete,
    };
    let outcome = match () {
        () if stopped => Outcome::Interrupted,
        () if dry_run => Outcome::DryRun,
        () => verdict,
    };
    let forecast = if dry_run {
        Some(tally.outlook.forecast(&pair, &run.options, tally.bytes_copied, run.keeper.cost()).await)
    } else {
        None
    };
    let census = run.claims.census()?;
    if !dry_run && !run.is_held() {
        let held = std::mem::take(&mut tally.held_by);
        run.keeper.note(clock::now(), census.published, tally.stopped, &held, census.lost);
    }
    tally.kept.assets += census.retired + tally.assets.gone;
    Ok(Summary {
        run: run.keeper.run.clone(),
        outcome,
        verdict,
        assets: tally.assets,
        blobs: tally.blobs,
        bytes_copied: tally.bytes_copied,
        copies: run.choices.all(),
        locators: tally.locators,
        withdrawn: tally.withdrawn,
        held: tally.held,
        kept: tally.kept,
        requests: requests(&pair),
        forecast,
        elapsed: started.elapsed(),
        causes: tally.causes,
        findings: tally.findings,
        problems: tally.problems,
        latency: latencies(&pair),
    })
}

/// Goes through the assets, so many at once, each in a task of its own. Ends when all have ended, also when one could not be
/// begun. Says whether all were begun.
async fn mirror_assets(run: &Arc<Run>, page: impl Fn(i64) -> Result<Vec<(i64, Asset)>, Error>) -> Result<bool, Error> {
    let mut tasks = JoinSet::new();
    let whole = begin_assets(run, page, &mut tasks).await;
    while let Some(ended) = tasks.join_next().await {
        pass_panic_on(ended);
    }
    whole
}

/// A defect of this program must not look like an asset that was never there: the run ends with it.
fn pass_panic_on(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

/// Begins each asset as soon as there is room for it.
async fn begin_assets(
    run: &Arc<Run>,
    page: impl Fn(i64) -> Result<Vec<(i64, Asset)>, Error>,
    tasks: &mut JoinSet<()>,
) -> Result<bool, Error> {
    let ahead = run.ahead();
    let mut after = 0;
    loop {
        let assets = page(after)?;
        let Some((last, _)) = assets.last() else { return Ok(true) };
        after = *last;
        for (_, asset) in assets {
            let place = run.room.enter(run.options.assets_in_flight).await;
            while let Some(ended) = tasks.try_join_next() {
                pass_panic_on(ended);
            }
            if run.stop.is_cancelled() {
                return Ok(false);
            }
            if let Some(work) = decide(run, asset).await? {
                tasks.spawn(mirror_one(Arc::clone(run), work, Journey { place, ahead: ahead.clone() }));
            }
        }
    }
}

/// Decides one asset; what needs no work is finished here.
async fn decide(run: &Run, asset: Asset) -> Result<Option<Work>, Error> {
    run.begin(&asset);
    let row = run.ledger.asset(&asset.id).await?;
    let complete_before = row.as_ref().is_some_and(AssetRow::complete);
    match run.claims.claim(asset.clone(), row, run.service_time(), run.options.policy.adopt)? {
        Claim::Mirror(mut work) => {
            withdraw::leave_out_of_scope(run, &mut work)?;
            Ok(Some(*work))
        }
        Claim::Not(finding) => {
            if complete_before {
                run.leave_behind();
            }
            run.finish(&asset, AssetOutcome::Not(finding));
            Ok(None)
        }
    }
}

/// One asset to its end; whatever happens to it stays with it.
async fn mirror_one(run: Arc<Run>, work: Work, journey: Journey) {
    let asset = work.asset.clone();
    let complete_before = work.row.as_ref().is_some_and(AssetRow::complete);
    // Boxed: the steps of an asset are a future of many kilobytes.
    match Box::pin(asset::mirror_asset(&run, work, journey)).await {
        Ok(Reached::End(outcome)) => {
            if complete_before && outcome.finding().is_some() {
                run.leave_behind();
            }
            run.finish(&asset, outcome);
        }
        Ok(Reached::Stopped) => {}
        Ok(Reached::Deferred) => {
            if let Err(error) = run.claims.spool.defer(&asset.id) {
                run.abandon(error);
            }
        }
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
        self.covers_name(asset.label())
    }

    /// Is an asset of that name in scope?
    pub(crate) fn covers_name(&self, name: &str) -> bool {
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
