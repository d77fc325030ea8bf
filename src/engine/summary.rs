//! The summary of a run, as data, computed from its verdicts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::time::Instant;

use super::forecast::Forecast;
use super::methods::MethodCount;
use super::run::Run;
use crate::claims::Guard;
use crate::clock;
use crate::config::policy::Accepted;
use crate::connect::Pair;
use crate::error::Error;
use crate::model::{Asset, AssetId, Plane};
use crate::verdict::{Cause, Class, Finding};

/// How a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything in scope is mirrored and verified.
    #[default]
    Complete,
    /// It came to its end, but some assets could not be mirrored.
    Partial,
    /// A guard holds changes back: a person has to decide.
    Held,
    /// It was asked to stop; the next run resumes it.
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
    /// A thing that mediamirror did not make is in the way.
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
    /// Blobs of the processed assets.
    pub blobs: BlobCounts,
    /// Bytes of the blobs copied.
    pub bytes_copied: u64,
    /// How they were copied, and why so (in a dry run: how they are to be).
    pub copies: Vec<MethodCount>,
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
    /// The guards that hold them.
    pub held_by: Vec<Guard>,
    /// What only the target has.
    pub kept: KeptCounts,
    /// Latency in microseconds of each kind of request.
    #[serde(skip)]
    pub latency: BTreeMap<&'static str, Histogram<u64>>,
}

pub(super) fn as_seconds<S: serde::Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0)
}

/// Folds a run into its summary.
pub(super) async fn summary(run: &Run, started: Instant, stopped: bool) -> Result<Summary, Error> {
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
        Some(tally.outlook.forecast(&pair, &run.options, tally.bytes_copied, run.keeper.cost()).await)
    } else {
        None
    };
    let census = run.claims.census()?;
    let held_by = tally.held_by.keys().copied().collect();
    if !dry_run && !run.is_held() {
        let held = std::mem::take(&mut tally.held_by);
        run.keeper.note(clock::now(), (tally.published, tally.stopped), &held, run.options.covers_all());
    }
    tally.kept.assets += census.retired + tally.assets.gone;
    Ok(Summary {
        run: run.keeper.run.clone(),
        outcome,
        verdict,
        assets: tally.assets,
        blobs: tally.blobs,
        bytes_copied: tally.bytes_copied,
        copies: run.methods.all(),
        locators: tally.locators,
        withdrawn: tally.withdrawn,
        held: tally.held,
        held_by,
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

/// Requests of all lanes of both sides.
pub(super) fn requests(pair: &Pair) -> RequestCounts {
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
