//! The engine: mirrors a library, asset by asset, thousands of copies at once.

pub mod urls;
pub mod verify;

mod asset;
mod confirm;
mod contents;
mod copy;
mod counts;
mod examine;
mod expired;
mod forecast;
mod history;
mod keeper;
mod limits;
mod methods;
mod options;
mod publish;
mod run;
mod schedule;
mod settings;
mod summary;
mod tags;
mod tally;
mod withdraw;

use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::claims::{Claim, Claims, FilesWanted, Work};
pub use crate::claims::{Guard, Order};
use crate::clock;
use crate::connect::Pair;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::model::{Asset, LeftOut};
use crate::monitor::{AssetOutcome, Monitor};
use contents::records;
pub use counts::{AssetCounts, BlobCounts, KeptCounts, LocatorCounts, Outcome, Problem, RequestCounts};
use examine::examine;
use expired::explained;
pub use forecast::Forecast;
use keeper::Keeper;
pub use limits::{Limit, RunLimits};
pub use methods::{MethodCount, Reason};
pub use options::Options;
use run::Run;
use schedule::in_flight::{AssetEnd, InFlight};
pub use summary::Summary;

/// Assets that are read from the tables per page.
const PAGE: usize = 500;

/// Mirrors the source's library to the target.
///
/// `stop` asks it to drain: it starts nothing new; work in progress finishes and is recorded.
///
/// # Errors
/// Only errors that end the run: refused credentials, an unusable ledger, a library that cannot be listed. A failure of
/// one asset is in the summary.
pub async fn mirror(
    pair: Arc<Pair>,
    ledger: Ledger,
    options: Options,
    monitor: Arc<dyn Monitor>,
    stop: CancellationToken,
) -> Result<Summary, Error> {
    let keeper = Arc::new(Keeper::open(&pair, options.dry_run).await?);
    let (accounts, history, dry_run) = (Arc::clone(&pair), ledger.clone(), options.dry_run);
    // If the lock is lost, another run may hold it: all work in progress is dropped, retries included.
    let result = tokio::select! {
        result = mirror_locked(&keeper, pair, ledger, options, monitor, stop) => result,
        lost = keeper.lost() => Err(explained(lost, &accounts)),
    };
    let closed = keeper.close().await;
    let result =
        result.and_then(|summary| closed.map(|()| Summary { requests: RequestCounts::sent(&accounts), ..summary }));
    let recorded = if dry_run { Ok(()) } else { history::end(&history, &keeper.run, result.as_ref().ok()).await };
    // The first error is the one to report.
    let summary = result?;
    recorded.map(|()| summary)
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
    if !options.dry_run {
        ledger.begin_run(&keeper.run, began).await?;
    }
    let passed = keeper.passed(&options.allow)?;
    let files = match records::wanted(&ledger, began).await? {
        FilesWanted::BothSides => FilesWanted::BothSides,
        _ if options.order.by_size() => FilesWanted::Source,
        few => few,
    };
    let adopted = keeper.adopted();
    let claims = Claims::read(&pair, monitor.as_ref(), files, &|asset| options.covers(asset), &adopted).await?;
    claims.confirm(&ledger).await?;
    let (limits, stop) = (options.limits, stop.child_token());
    let run =
        Arc::new(Run::new(pair, ledger, options, claims, (Arc::clone(keeper), passed), monitor, stop.child_token()));
    examine(&run).await?;
    let (whole, limit) = if run.is_held() { (false, None) } else { run_within(&run, limits, &stop).await? };
    if let Some(fatal) = run.fatal() {
        return Err(fatal);
    }
    if whole && run.saw_everything() {
        records::note(&run.ledger, files, began).await?;
    }
    summary::summary(&run, started, (stop.is_cancelled(), limit)).await
}

/// The same as [`run_through`], until a limit is reached; then with the limit.
async fn run_within(
    run: &Arc<Run>,
    limits: RunLimits,
    stop: &CancellationToken,
) -> Result<(bool, Option<Limit>), Error> {
    let mut through = std::pin::pin!(run_through(run));
    tokio::select! {
        whole = &mut through => Ok((whole?, None)),
        limit = run.reach(limits, stop) => Ok((through.await?, Some(limit))),
    }
}

/// Withdraws, then processes the assets, then the deferred ones. Returns whether it reached the end.
async fn run_through(run: &Arc<Run>) -> Result<bool, Error> {
    withdraw::withdraw(run).await?;
    let order = run.options.order;
    let whole = mirror_assets(run, |after| run.claims.page(order, after, PAGE)).await?;
    if !whole || run.stop.is_cancelled() {
        return Ok(false);
    }
    run.overwrites.decide();
    let whole = mirror_assets(run, |after| run.claims.spool.deferred(after, PAGE)).await?;
    if run.options.settings && !run.stop.is_cancelled() {
        settings::mirror_accounts(run).await?;
    }
    let mut left_out = LeftOut::default();
    run.count(|tally| left_out = tally.left_out);
    if let Some(finding) = run.nothing_selected(left_out) {
        run.find(finding);
    }
    Ok(whole)
}

/// Processes the assets, a limited number at once, each in its own task. Returns when all tasks have ended, even if an
/// asset could not be started. The result is true if all were started.
async fn mirror_assets(run: &Arc<Run>, page: impl Fn(i64) -> Result<Vec<(i64, Asset)>, Error>) -> Result<bool, Error> {
    let mut tasks = JoinSet::new();
    let whole = start_assets(run, page, &mut tasks).await;
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

/// Starts each asset as soon as a slot is free.
async fn start_assets(
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
            let slot = run.slots.acquire(run.assets_at_once()).await;
            while let Some(ended) = tasks.try_join_next() {
                pass_panic_on(ended);
            }
            if run.stop.is_cancelled() {
                return Ok(false);
            }
            if let Some(work) = decide(run, asset).await? {
                tasks.spawn(mirror_one(Arc::clone(run), work, InFlight { slot, ahead: ahead.clone() }));
            }
        }
    }
}

/// Decides about one asset. An asset that needs no work finishes here.
async fn decide(run: &Run, asset: Asset) -> Result<Option<Work>, Error> {
    run.begin(&asset);
    let row = run.ledger.asset(&asset.id).await?;
    let recorded = row.as_ref().filter(|row| row.complete()).and_then(|row| row.facts.files_digest.clone());
    match run.claims.claim(asset.clone(), row, run.service_time(), run.options.policy.adopt)? {
        Claim::Mirror(mut work) => {
            run.note_theirs(&work);
            withdraw::leave_out_of_scope(run, &mut work)?;
            Ok(Some(*work))
        }
        Claim::Not(finding) => {
            if let Some(recorded) = recorded
                && !run.claims.has_files(&asset.id, &recorded)?
            {
                run.forget_files(&asset.id).await;
            }
            run.finish(&asset, AssetOutcome::Not(finding));
            Ok(None)
        }
    }
}

/// Mirrors what the container of an asset has beside its blobs, where that was asked for.
async fn with_settings(run: &Run, asset: &Asset, outcome: AssetOutcome) -> AssetOutcome {
    if !run.options.settings || outcome.finding().is_some() {
        return outcome;
    }
    match settings::mirror_policies(run, asset).await {
        Ok(()) => outcome,
        Err(error) => AssetOutcome::Not(error.finding(asset.label())),
    }
}

/// Processes one asset. Its failure affects no other asset.
async fn mirror_one(run: Arc<Run>, work: Work, in_flight: InFlight) {
    let (asset, same_files) = (work.asset.clone(), work.same_files);
    // Boxed: the steps of an asset are a future of many kilobytes.
    match Box::pin(asset::mirror_asset(&run, work, in_flight)).await {
        Ok(AssetEnd::With(outcome)) => {
            let outcome = with_settings(&run, &asset, outcome).await;
            if !same_files && outcome.finding().is_some() {
                run.forget_files(&asset.id).await;
            }
            run.finish(&asset, outcome);
        }
        // The ledger knows its file records.
        Ok(AssetEnd::WithConflict(finding)) => {
            run.finish(&asset, AssetOutcome::Not(finding));
        }
        Ok(AssetEnd::Stopped) => {}
        Ok(AssetEnd::Deferred) => {
            if let Err(error) = run.claims.spool.defer(&asset.id) {
                run.abandon(error);
            }
        }
        Err(error) => {
            if !same_files {
                run.forget_files(&asset.id).await;
            }
            run.fail(&asset, error);
        }
    }
}
