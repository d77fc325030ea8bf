//! The summary of a run, as data, computed from its verdicts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;

use crate::claims::Guard;
use crate::clock;
use crate::engine::counts::{
    AssetCounts, BlobCounts, Charged, DeletedCounts, KeptCounts, LocatorCounts, PendingDeletion, Problem, RequestCounts,
};
use crate::engine::forecast::Forecast;
use crate::engine::limits::Limit;
use crate::engine::methods::MethodCount;
use crate::engine::run::Run;
use crate::engine::traffic::{self, Timeline, Traffic};
use crate::error::Error;
use crate::model::LeftOut;
use crate::plan::Counts;
use crate::verdict::{Cause, Finding, Outcome};

/// The result of a run.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct Summary {
    /// The run's id, with which the operator allows what it held.
    pub run: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The limit that stopped it, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// Assets.
    pub assets: AssetCounts,
    /// Blobs of the processed assets.
    pub blobs: BlobCounts,
    /// Bytes of the blobs copied.
    pub bytes_copied: u64,
    /// How they were copied, with the reasons (in a dry run: how they will be copied).
    pub copies: Vec<MethodCount>,
    /// Locators.
    pub locators: LocatorCounts,
    /// Requests.
    pub requests: RequestCounts,
    /// Requests to storage accounts, as they are charged.
    pub charged: Charged,
    /// Wall time.
    #[serde(rename = "elapsed_seconds", serialize_with = "super::counts::as_seconds")]
    #[schemars(with = "f64")]
    pub elapsed: Duration,
    /// Only in a dry run: the expected cost of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// How much of the plan was applied, if the run applied one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Counts>,
    /// Every asset in scope that is not complete, sorted by name.
    pub problems: Vec<Problem>,
    /// The number of these assets by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Findings that concern no single asset.
    pub findings: Vec<Finding>,
    /// The outcome of the run, or of a run after this dry run, without pending work.
    pub verdict: Outcome,
    /// Locators withdrawn (in a dry run: to be withdrawn).
    pub withdrawn: u64,
    /// Assets with changes that a guard holds.
    pub held: u64,
    /// The guards that hold them.
    pub held_by: Vec<Guard>,
    /// Blobs of the source that the configuration leaves out.
    pub left_out: LeftOut,
    /// Extra content on the target.
    pub kept: KeptCounts,
    /// Deleted on the target (in a dry run: to be deleted).
    pub deleted: DeletedCounts,
    /// Pending deletions, in order of time.
    pub pending_deletions: Vec<PendingDeletion>,
    /// The requests to each account's services.
    pub traffic: Vec<Traffic>,
    /// When the copied assets and blobs arrived.
    pub timeline: Timeline,
    /// Latency in microseconds of each kind of request; in JSON its percentiles.
    #[serde(serialize_with = "super::traffic::as_percentiles")]
    #[schemars(with = "BTreeMap<&'static str, super::traffic::Percentiles>")]
    pub latency: BTreeMap<&'static str, Histogram<u64>>,
}

/// Computes the summary of a run.
pub(crate) async fn summary(
    run: &Run,
    started: Instant,
    (stopped, limit): (bool, Option<Limit>),
) -> Result<Summary, Error> {
    let mut tally = run.take_tally();
    tally.problems.sort_by(|a, b| (&a.name, &a.asset).cmp(&(&b.name, &b.asset)));
    let pair = Arc::clone(&run.pair);
    let dry_run = run.options.dry_run;
    let verdict = tally.verdict();
    let outcome = match () {
        () if stopped => Outcome::Interrupted,
        () if dry_run => Outcome::DryRun,
        () => verdict,
    };
    let forecast = if dry_run {
        Some(tally.outlook.forecast(&pair, run.assets_at_once(), tally.bytes_copied, run.keeper.cost()).await)
    } else {
        None
    };
    let census = run.claims.census()?;
    let held_by = tally.held_by.keys().copied().collect();
    if !dry_run && !run.is_held() {
        let held = std::mem::take(&mut tally.held_by);
        // Guards do not judge a run that is stopped, or whose clock is wrong.
        let skewed = tally.findings.iter().any(|finding| finding.cause == Cause::ClockSkew);
        let whole = run.options.covers_all() && !stopped && !skewed;
        run.keeper.note(clock::now(), (tally.published, tally.stopped), &held, whole);
    }
    let deleted = if dry_run { DeletedCounts::default() } else { tally.deleted };
    tally.kept.assets = (tally.kept.assets + census.retired + tally.assets.gone).saturating_sub(deleted.assets);
    tally.pending.sort_by(|a, b| (a.on, &a.name, &a.asset).cmp(&(b.on, &b.name, &b.asset)));
    Ok(Summary {
        run: run.keeper.run.clone(),
        outcome,
        limit: limit.filter(|_| outcome == Outcome::Interrupted),
        verdict,
        assets: tally.assets,
        blobs: tally.blobs,
        bytes_copied: tally.bytes_copied,
        copies: run.methods.all(),
        locators: tally.locators,
        withdrawn: tally.withdrawn,
        held: tally.held,
        held_by,
        left_out: tally.left_out,
        kept: tally.kept,
        deleted: tally.deleted,
        pending_deletions: tally.pending,
        requests: RequestCounts::sent(&pair),
        charged: traffic::charged(&pair),
        forecast,
        plan: run.options.plan.as_ref().map(|plan| plan.counts()),
        elapsed: started.elapsed(),
        causes: tally.causes,
        findings: tally.findings,
        problems: tally.problems,
        traffic: traffic::of(&pair),
        timeline: run.methods.timeline(),
        latency: traffic::latencies(&pair),
    })
}
