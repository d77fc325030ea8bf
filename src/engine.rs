//! The engine: mirrors a library, asset by asset, thousands of copies at once.

pub mod failover;
pub mod health;
pub mod reprotect;
pub mod urls;
pub mod verify;

mod asset;
mod base;
mod confirm;
mod contents;
mod copy;
mod counts;
mod delete;
mod examine;
mod expired;
mod filters;
mod forecast;
mod history;
mod intent;
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
mod traffic;
mod withdraw;

use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::claims::{Claim, Claims, FilesWanted, Work};
pub use crate::claims::{Guard, Order};
use crate::clock;
use crate::connect::Pair;
use crate::error::{Disposition, Error};
use crate::ledger::{AssetRow, Ledger};
use crate::model::{Asset, LeftOut};
use crate::monitor::{AssetOutcome, Monitor, RunEvent};
use crate::verdict::{Change, Finding};
pub use base::Base;
use contents::records;
pub use counts::{
    AssetCounts, BlobCounts, Charged, DeletedCounts, KeptCounts, LocatorCounts, PendingDeletion, Problem, RequestCounts,
};
use delete::{copies, judge, second};
use examine::examine;
use expired::explained;
pub use forecast::Forecast;
use keeper::Keeper;
pub use limits::{Limit, RunLimits};
pub use methods::{MethodCount, Reason};
pub use options::Options;
use run::Run;
use schedule::deletions::{Due, DueBlobs};
use schedule::in_flight::{AssetEnd, InFlight};
pub use summary::Summary;
pub use traffic::{Timeline, Traffic};

pub use crate::verdict::Outcome;

/// The number of assets that are read from the tables per page.
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
    let mut result = result.and_then(|summary| {
        let (requests, charged) = (RequestCounts::sent(&accounts), traffic::charged(&accounts));
        closed.map(|()| Summary { requests, charged, ..summary })
    });
    let recorded = if dry_run { Ok(()) } else { history::end(&history, &keeper.run, &mut result).await };
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
    if let Some(plan) = &options.plan {
        keeper.refuse_used(plan)?;
    }
    if !options.dry_run {
        ledger.begin_run(&keeper.run, began).await?;
    }
    let passed = keeper.passed(&options.allow)?;
    let files = match records::wanted(&ledger, began).await? {
        _ if options.base.is_some() => FilesWanted::BothSides,
        FilesWanted::BothSides => FilesWanted::BothSides,
        _ if options.order.by_size() => FilesWanted::Source,
        few => few,
    };
    let mut adopted = keeper.adopted();
    adopted.extend(options.base.iter().flat_map(|base| base.following.locators.iter().map(ToString::to_string)));
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

/// Runs [`run_through`] until it ends, is asked to stop, or reaches a limit, which is returned.
async fn run_within(
    run: &Arc<Run>,
    limits: RunLimits,
    stop: &CancellationToken,
) -> Result<(bool, Option<Limit>), Error> {
    let mut through = std::pin::pin!(run_through(run));
    let limit = tokio::select! {
        whole = &mut through => return Ok((whole?, None)),
        limit = run.reach(limits, stop) => Some(limit),
        () = stop.cancelled() => None,
    };
    run.monitor.event(RunEvent::Draining);
    Ok((through.await?, limit))
}

/// Withdraws, then processes the assets, then the deferred ones, then deletes. Returns whether it reached the end.
async fn run_through(run: &Arc<Run>) -> Result<bool, Error> {
    copies::resume(run).await?;
    second::delete_second(run).await?;
    withdraw::withdraw(run).await?;
    filters::mirror_account(run).await?;
    let order = run.options.order;
    let whole = mirror_assets(run, |after| run.claims.page(order, after, PAGE)).await?;
    if !whole || run.stop.is_cancelled() {
        delete(run, false).await?;
        return Ok(false);
    }
    run.overwrites.decide();
    let whole = mirror_assets(run, |after| run.claims.spool.deferred(after, PAGE)).await?;
    delete(run, whole).await?;
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

/// Deletes what is due, and counts the outcomes of the assets that waited for it.
async fn delete(run: &Arc<Run>, whole: bool) -> Result<(), Error> {
    let Due { copies, blobs } = judge::judge(run, whole).await;
    let mut blobs: Vec<DueBlobs> = blobs.into_values().collect();
    if run.options.dry_run {
        for due in blobs.iter().filter(|due| !due.blobs.is_empty()) {
            run.count(|tally| tally.delete(0, due.blobs.len() as u64, due.bytes()));
            run.changed(&due.asset, vec![Change::BlobsDeleted { names: due.names(), bytes: due.bytes() }]);
        }
    } else {
        // These assets are already in the counts.
        let counted = run.take_tally();
        let ended = delete_blobs(run, &mut blobs).await;
        let deleted = run.take_tally().deleted;
        run.put_tally(counted);
        run.count(|tally| tally.delete(0, deleted.blobs, deleted.bytes));
        ended?;
    }
    for DueBlobs { asset, outcome, .. } in blobs {
        if let Some(outcome) = outcome {
            run.finish(&asset, outcome);
        }
    }
    copies::delete(run, copies).await
}

/// Deletes blobs of several assets, a limited number at once. A failure of an asset becomes its outcome.
async fn delete_blobs(run: &Arc<Run>, all: &mut [DueBlobs]) -> Result<(), Error> {
    let (mut tasks, ahead) = (JoinSet::new(), run.ahead());
    for (number, due) in all.iter_mut().enumerate().filter(|(_, due)| !due.blobs.is_empty()) {
        let slot = run.slots.acquire(run.assets_at_once()).await;
        if run.stop.is_cancelled() {
            break;
        }
        let row = run.ledger.asset(&due.asset.id).await?;
        let claim = run.claims.claim(due.asset.clone(), row, run.service_time(), run.options.policy.adopt)?;
        let Claim::Mirror(work) = claim else { continue };
        let (run, blobs, in_flight) = (Arc::clone(run), std::mem::take(&mut due.blobs), ahead.clone());
        tasks.spawn(async move {
            let in_flight = InFlight { slot, ahead: in_flight };
            (number, Box::pin(asset::delete_kept(&run, *work, blobs, in_flight)).await)
        });
    }
    drop(ahead);
    while let Some(ended) = tasks.join_next().await {
        let (number, result) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                pass_panic_on(Err(error));
                continue;
            }
        };
        let DueBlobs { asset, outcome, .. } = &mut all[number];
        let finding = match result {
            Ok(finding) => finding,
            Err(error) => refused(run, asset, error)?,
        };
        if let Some(finding) = finding {
            *outcome = Some(AssetOutcome::Not(finding));
        }
    }
    Ok(())
}

/// The finding of an error that concerns one asset; an error of the whole run ends the run.
fn refused(run: &Run, asset: &Asset, error: Error) -> Result<Option<Finding>, Error> {
    let error = explained(error, &run.pair);
    match error.disposition() {
        Disposition::Fatal if !run::is_of_rights(&error) => Err(error),
        _ => Ok(Some(error.finding(asset.label()))),
    }
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

/// A panic is a defect of this program and must not look like a missing asset: it ends the run.
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
        // Nothing else changes the row of an asset before it starts.
        let rows = run.ledger.several(assets.iter().map(|(_, asset)| asset.id.clone()).collect()).await?;
        for ((_, asset), row) in assets.into_iter().zip(rows) {
            let slot = run.slots.acquire(run.assets_at_once()).await;
            while let Some(ended) = tasks.try_join_next() {
                pass_panic_on(ended);
            }
            if run.stop.is_cancelled() {
                return Ok(false);
            }
            if let Some(work) = decide(run, asset, row).await? {
                tasks.spawn(mirror_one(Arc::clone(run), work, InFlight { slot, ahead: ahead.clone() }));
            }
        }
    }
}

/// Decides about one asset. An asset that needs no work finishes here.
async fn decide(run: &Run, asset: Asset, row: Option<AssetRow>) -> Result<Option<Work>, Error> {
    run.begin(&asset);
    let recorded = row.as_ref().filter(|row| row.complete()).and_then(|row| row.facts.files_digest.clone());
    match run.claims.claim(asset.clone(), row, run.service_time(), run.options.policy.adopt)? {
        Claim::Mirror(mut work) => {
            run.note_theirs(&work);
            withdraw::leave_out_of_scope(run, &mut work)?;
            filters::leave_in_other_direction(run, &mut work);
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

/// Mirrors the settings of the container of an asset, if the options ask for that.
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
    // Boxed: the future of an asset's steps takes many kilobytes.
    match Box::pin(asset::mirror_asset(&run, work, in_flight)).await {
        Ok(AssetEnd::With(outcome)) => {
            let outcome = with_settings(&run, &asset, outcome).await;
            if !same_files && outcome.finding().is_some() {
                run.forget_files(&asset.id).await;
            }
            if let Some(outcome) = run.deletions.postpone(&asset.id, outcome) {
                run.finish(&asset, outcome);
            }
        }
        // The ledger contains its file records.
        Ok(AssetEnd::WithConflict(finding)) => {
            if let Some(outcome) = run.deletions.postpone(&asset.id, AssetOutcome::Not(finding)) {
                run.finish(&asset, outcome);
            }
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
