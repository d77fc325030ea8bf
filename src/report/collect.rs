//! Makes the document of a run from the ledger. Only a limited number of assets is kept, those with a cause first. The
//! ledger is read twice: once to choose the assets, and once for their events.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher;

use serde_json::Value;

use super::document::{
    AssetReport, ChangeCount, ChangeReport, FORMAT, FindingReport, MESSAGE_TYPE, ProblemCount, Report, RunFigures,
    RunReport,
};
use super::figures::Figures;
use crate::clock;
use crate::ledger::{Event, Ledger, LedgerError, RunRow};
use crate::model::{AccountName, AssetId};
use crate::verdict::{Cause, Finding};

/// Events that are read together.
const PAGE: usize = 5_000;

/// Runs that are compared: a month of nights.
const RUNS: usize = 30;

/// The document of a run. `runs` are all runs of the ledger, the newest first; at most `most` assets are kept.
///
/// # Errors
/// The ledger cannot be read.
pub async fn collect(
    ledger: &Ledger,
    (run, runs): (&RunRow, &[RunRow]),
    target: &AccountName,
    most: usize,
) -> Result<Report, LedgerError> {
    let mut choice = Choice::of(most);
    each_event(ledger, &run.id, |event| choice.see(&event)).await?;
    let ranks = choice.ranks();
    let mut assets: HashMap<AssetId, AssetReport> = HashMap::with_capacity(ranks.len());
    each_event(ledger, &run.id, |event| add(&mut assets, &ranks, event)).await?;
    let mut assets: Vec<AssetReport> = assets.into_values().collect();
    assets.sort_by(|a, b| (ranks[&a.asset], &a.name, &a.asset).cmp(&(ranks[&b.asset], &b.name, &b.asset)));
    let ended = run.ended.as_ref();
    Ok(Report {
        message_type: MESSAGE_TYPE.to_owned(),
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made: clock::now(),
        run: RunReport {
            id: run.id.clone(),
            source: run.source.clone(),
            target: target.clone(),
            began: run.began,
            ended: ended.map(|end| end.at),
            outcome: ended.map(|end| end.outcome),
            error: ended.and_then(|end| end.error.clone()),
        },
        summary: ended.and_then(|end| end.summary.clone()),
        assets_left_out: (choice.seen.len() - assets.len()) as u64,
        events_deleted: run.events == 0 && has_causes_or_changes(ended.and_then(|end| end.summary.as_ref())),
        findings: choice.findings,
        problems: problems(&choice.causes),
        changes: choice.changes.into_iter().map(|(change, count)| ChangeCount { change, count }).collect(),
        assets,
        runs: figures(run, runs),
        cost: None,
        ready: None,
    })
}

/// Calls `see` for every event of a run, in order.
async fn each_event(ledger: &Ledger, run: &str, mut see: impl FnMut(Event)) -> Result<(), LedgerError> {
    let mut after = 0;
    loop {
        let page = ledger.events_after(run, after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = *last;
        for (_, event) in page {
            see(event);
        }
    }
}

/// The priority of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// It has a finding that is owed.
    Owed,
    /// It has a cause.
    Found,
    /// Something was taken from viewers of the target.
    Taken,
    /// It was changed.
    Changed,
}

/// The counts of a run, and the assets that are shown.
#[derive(Debug)]
struct Choice {
    most: usize,
    chosen: BTreeMap<Rank, HashSet<AssetId>>,
    /// Hashes of the ids of all assets: a run may have changed millions.
    seen: HashSet<u64>,
    hasher: RandomState,
    /// The number of assets by cause, and for how many of them it is owed.
    causes: BTreeMap<Cause, (u64, u64)>,
    changes: BTreeMap<String, u64>,
    findings: Vec<FindingReport>,
}

impl Choice {
    fn of(most: usize) -> Self {
        Self {
            most,
            chosen: BTreeMap::new(),
            seen: HashSet::new(),
            hasher: RandomState::new(),
            causes: BTreeMap::new(),
            changes: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    fn see(&mut self, event: &Event) {
        let found = event.finding();
        let Some(asset) = &event.asset else {
            self.findings.extend(found.map(|(finding, owed)| finding_report(event, &finding, owed)));
            return;
        };
        let rank = if let Some((finding, owed)) = &found {
            let (assets, all_owed) = self.causes.entry(finding.cause).or_default();
            *assets += 1;
            *all_owed += u64::from(*owed);
            if *owed { Rank::Owed } else { Rank::Found }
        } else {
            *self.changes.entry(event.code.clone()).or_default() += 1;
            let taken = event.change().is_some_and(|change| change.takes_away());
            if taken { Rank::Taken } else { Rank::Changed }
        };
        self.seen.insert(self.hasher.hash_one(asset.as_str()));
        let chosen = self.chosen.entry(rank).or_default();
        if chosen.len() < self.most {
            chosen.insert(asset.clone());
        }
    }

    /// The chosen assets.
    fn ranks(&self) -> HashMap<AssetId, Rank> {
        let mut ranks = HashMap::new();
        for (rank, assets) in &self.chosen {
            for asset in assets {
                if ranks.len() < self.most {
                    ranks.entry(asset.clone()).or_insert(*rank);
                }
            }
        }
        ranks
    }
}

/// Adds an event to its asset, if that is chosen.
fn add(assets: &mut HashMap<AssetId, AssetReport>, ranks: &HashMap<AssetId, Rank>, event: Event) {
    let Some(asset) = event.asset.as_ref().filter(|asset| ranks.contains_key(*asset)) else { return };
    let report = assets.entry(asset.clone()).or_insert_with(|| AssetReport {
        asset: asset.clone(),
        name: event.name.clone().unwrap_or_else(|| asset.to_string()),
        findings: Vec::new(),
        changes: Vec::new(),
    });
    match event.finding() {
        Some((finding, owed)) => report.findings.push(finding_report(&event, &finding, owed)),
        None => report.changes.push(change_report(event)),
    }
}

fn finding_report(event: &Event, finding: &Finding, owed: bool) -> FindingReport {
    let cause = finding.cause;
    FindingReport {
        at: event.at,
        code: cause.code().to_owned(),
        sentence: cause.sentence().to_owned(),
        detail: finding.detail.clone(),
        remedy: cause.remedy().to_owned(),
        owed,
    }
}

fn change_report(event: Event) -> ChangeReport {
    let text = event.change().map_or_else(|| event.code.clone(), |change| change.to_string());
    ChangeReport { at: event.at, change: event.code, text, detail: event.detail }
}

/// The causes: owed ones first, then the most frequent ones.
fn problems(causes: &BTreeMap<Cause, (u64, u64)>) -> Vec<ProblemCount> {
    let count = |(cause, &(assets, owed)): (&Cause, &(u64, u64))| ProblemCount {
        code: cause.code().to_owned(),
        result: serde_json::to_value(cause.class())
            .ok()
            .and_then(|class| Some(class.as_str()?.to_owned()))
            .unwrap_or_default(),
        sentence: cause.sentence().to_owned(),
        remedy: cause.remedy().to_owned(),
        assets,
        owed,
    };
    let mut problems: Vec<ProblemCount> = causes.iter().map(count).collect();
    problems.sort_by(|a, b| (b.owed, b.assets, &a.code).cmp(&(a.owed, a.assets, &b.code)));
    problems
}

/// Does the run have changes or findings?
fn has_causes_or_changes(summary: Option<&Value>) -> bool {
    let causes =
        summary.and_then(|summary| summary.get("causes")?.as_object()).is_some_and(|causes| !causes.is_empty());
    // A mirrored asset may be unchanged: then only its state was recorded again.
    causes || Figures::of(summary).is_some_and(|figures| figures.blobs.copied + figures.withdrawn > 0)
}

/// The figures of the last runs in the direction of this run; this run is the last one.
fn figures(run: &RunRow, runs: &[RunRow]) -> Vec<RunFigures> {
    let alike = runs.iter().filter(|other| other.source == run.source && other.number <= run.number);
    let mut figures: Vec<RunFigures> = alike.take(RUNS).map(figures_of).collect();
    figures.reverse();
    figures
}

fn figures_of(run: &RunRow) -> RunFigures {
    let figures = Figures::of(run.ended.as_ref().and_then(|end| end.summary.as_ref()));
    RunFigures {
        id: run.id.clone(),
        began: run.began,
        outcome: run.ended.as_ref().map(|end| end.outcome),
        elapsed_seconds: figures.as_ref().map(|figures| figures.elapsed_seconds),
        requests: figures.as_ref().map(Figures::all_requests),
        bytes_copied: figures.as_ref().map(|figures| figures.bytes_copied),
        assets: figures.as_ref().map(|figures| figures.assets.total),
        not_mirrored: figures.as_ref().map(|figures| figures.assets.not_mirrored()),
    }
}
