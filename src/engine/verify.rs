//! The read-only comparison of both libraries: the verdicts of a run without its writes.

mod asset;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use self::asset::{Compared, Waiting, compare_asset};
pub(crate) use self::asset::{Seen, compare_and_see, judge_locators, see_copy};
use crate::claims::guards::Passed;
use crate::claims::{Claims, FilesWanted, Revoked, filter_difference};
use crate::connect::Pair;
use crate::engine::counts::Problem;
use crate::engine::delete::judge;
use crate::engine::examine::{find_objection, prepare};
use crate::engine::expired::explained;
use crate::engine::keeper::Keeper;
use crate::engine::options::Options;
use crate::engine::run::Run;
use crate::engine::schedule::overwrites::Judged;
use crate::engine::{filters, settings, withdraw};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::model::{Asset, AssetId, FilterChange, LeftOut};
use crate::monitor::{AssetOutcome, Monitor, RunEvent, Silent};
use crate::verdict::{Cause, Change, Class, Finding, Outcome};

/// The number of assets that are compared before the next ones are read.
const PAGE: usize = 1_000;

/// The difference if one of our locators plays something that the source has withdrawn.
const PUBLISHED_ALONE: &str = "the locator is published only on the target";

/// Assets by the result of the comparison. These add up to the assets in scope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct VerifyCounts {
    /// In scope.
    pub total: u64,
    /// Equal on both sides.
    pub same: u64,
    /// On both sides, and different.
    pub different: u64,
    /// Not on the target.
    pub missing: u64,
    /// Not mirrored, with a cause.
    pub not_mirrored: u64,
    /// Not compared, because something could not be read.
    pub unchecked: u64,
}

/// Extra content on the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Extra {
    /// Copies whose source asset is deleted.
    pub assets: u64,
    /// Blobs that the source's asset no longer has.
    pub blobs: u64,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Difference {
    /// Source id.
    pub asset: AssetId,
    /// Name to show.
    pub name: String,
    /// The compared item: `asset`, or the name of a blob, a file record or a locator.
    pub item: String,
    /// The difference, such as `missing on the target` or `length 5 instead of 7`.
    pub what: String,
}

/// The result of a comparison.
#[derive(Debug, Clone, Default, JsonSchema, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// Assets.
    pub assets: VerifyCounts,
    /// Extra content on the target.
    pub extra: Extra,
    /// Blobs of the source that the configuration leaves out.
    pub left_out: LeftOut,
    /// Every difference, sorted by asset name.
    pub differences: Vec<Difference>,
    /// Every asset that is not mirrored or was not compared, sorted by name.
    pub problems: Vec<Problem>,
    /// The number of these assets by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Findings that concern no single asset.
    pub findings: Vec<Finding>,
    /// The outcome of a run, without the differences: complete, partial or held.
    pub verdict: Outcome,
    /// Assets that the target lacks, or that have a cause.
    #[serde(skip)]
    pub not_there: BTreeSet<AssetId>,
}

impl Verification {
    /// Is there a problem that the target owes, or something that a guard holds?
    pub fn owes(&self) -> bool {
        self.verdict != Outcome::Complete
    }
}

/// Compares every asset in scope: blobs, file records, names, streaming locators. Changes nothing. `ledger`: the
/// results of earlier runs, which show copies that were overwritten since. Findings are judged as in a dry run,
/// including the guards.
///
/// Extra content on the target is not a difference, except for one of our locators that is published only there.
///
/// # Errors
/// Errors that prevent the comparison: refused credentials, a library that cannot be listed, a scope without assets.
pub async fn verify(
    pair: &Arc<Pair>,
    ledger: &Ledger,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Verification, Error> {
    compare_all(pair, ledger, options, monitor).await.map_err(|error| explained(error, pair))
}

async fn compare_all(
    pair: &Arc<Pair>,
    ledger: &Ledger,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Verification, Error> {
    let run = rehearse(pair, ledger, options, monitor, FilesWanted::BothSides).await?;
    // Read before the withdrawal, which removes these locators from the tables.
    let revoked = published_alone(&run)?;
    withdraw::withdraw(&run).await?;
    let (mut all, mut alone) = (Verification::default(), differences_of(&run, revoked));
    let waiting = all.compare(&run, monitor, &mut alone).await?;
    run.overwrites.decide();
    let mut due = Vec::new();
    for one in waiting {
        let Waiting { asset, blobs, survey, compared } = one;
        let finding = match run.overwrites.judge(blobs, &survey, false) {
            Judged::Hold(finding) => Some(finding),
            Judged::Go | Judged::Wait => compared.finding.clone(),
        };
        let compared = Compared { finding, ..compared };
        let outcome = compared.finding.clone().map_or(AssetOutcome::Unchanged, AssetOutcome::Not);
        match run.deletions.postpone(&asset.id, outcome) {
            Some(_) => all.add(&run, &asset, compared, &mut alone),
            None => due.push((asset, compared)),
        }
    }
    judge::judge(&run, true).await;
    for (asset, compared) in due {
        all.add(&run, &asset, compared, &mut alone);
    }
    if let Some(fatal) = run.fatal() {
        return Err(fatal);
    }
    all.compare_account_filters(&run);
    if run.options.settings {
        all.compare_accounts(&run).await?;
    }
    if let Some(finding) = run.nothing_selected(all.left_out) {
        run.find(finding);
    }
    all.fold(&run, alone)?;
    Ok(all)
}

/// A dry run that has listed both libraries and examined them as a whole.
pub(crate) async fn rehearse(
    pair: &Arc<Pair>,
    ledger: &Ledger,
    options: &Options,
    monitor: &dyn Monitor,
    files: FilesWanted,
) -> Result<Run, Error> {
    let keeper = Arc::new(Keeper::open(pair, true).await?);
    let covers = |asset: &Asset| options.covers(asset);
    let claims = Claims::read(pair, monitor, files, &covers, &keeper.adopted()).await?;
    claims.confirm(ledger).await?;
    let (pair, ledger, monitor) = (Arc::clone(pair), ledger.clone(), Arc::new(Silent));
    let (options, stop) = (Options { dry_run: true, ..options.clone() }, CancellationToken::new());
    let run = Run::new(pair, ledger, options, claims, (keeper, Passed::default()), monitor, stop);
    find_objection(&run)?;
    prepare(&run).await?;
    Ok(run)
}

/// Our locators that play on the target although the source has withdrawn them, as differences of the source assets.
type Alone = BTreeMap<AssetId, Vec<Difference>>;

/// Our locators in scope that the source does not list on their assets.
fn published_alone(run: &Run) -> Result<Vec<Revoked>, Error> {
    let (mut alone, mut after) = (Vec::new(), 0);
    loop {
        let page = run.claims.spool.revoked(after, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(alone) };
        after = *last;
        alone.extend(page.into_iter().map(|(_, revoked)| revoked).filter(|revoked| run.covers_copy(revoked)));
    }
}

/// These locators as differences, without those that the source still has and its listing omits.
fn differences_of(run: &Run, revoked: Vec<Revoked>) -> Alone {
    let (mut alone, mut hidden) = (Alone::new(), BTreeSet::new());
    run.count(|tally| hidden.clone_from(&tally.hidden));
    for revoked in revoked.into_iter().filter(|revoked| !hidden.contains(&revoked.locator.id)) {
        let (name, item) = (revoked.copy.label().to_owned(), revoked.locator.id.to_string());
        let difference = Difference { asset: revoked.source.clone(), name, item, what: PUBLISHED_ALONE.to_owned() };
        alone.entry(revoked.source).or_default().push(difference);
    }
    alone
}

impl Verification {
    /// Compares all assets. Returns those that are judged after all are compared.
    async fn compare(&mut self, run: &Run, monitor: &dyn Monitor, alone: &mut Alone) -> Result<Vec<Waiting>, Error> {
        let (mut waiting, mut after, mut assets) = (Vec::new(), 0, 0);
        loop {
            let page = run.claims.page(run.options.order, after, PAGE)?;
            let Some((last, _)) = page.last().filter(|_| !run.stop.is_cancelled()) else { return Ok(waiting) };
            after = *last;
            let mut compared = stream::iter(page)
                .map(|(_, asset)| compare_asset(run, asset))
                .buffer_unordered(run.assets_at_once().max(1));
            while let Some((asset, result)) = compared.try_next().await? {
                assets += 1;
                monitor.event(RunEvent::Compared { assets });
                match result {
                    Ok((compared, None)) => self.add(run, &asset, compared, alone),
                    Ok((compared, Some((blobs, survey)))) => {
                        waiting.push(Waiting { asset, blobs, survey, compared });
                    }
                    Err(error) => {
                        self.assets.total += 1;
                        if let Some(outcome) = run.fail(&asset, error) {
                            self.count(&asset, &outcome, false);
                        }
                    }
                }
            }
        }
    }

    /// Compares the settings of the accounts.
    async fn compare_accounts(&mut self, run: &Run) -> Result<(), Error> {
        let Asset { id, name, .. } = settings::target_account(&run.pair);
        let differs = |change: Change| Difference {
            asset: id.clone(),
            name: name.clone().unwrap_or_default(),
            item: change.to_string(),
            what: "not as in the source".to_owned(),
        };
        self.differences.extend(settings::of_accounts(run).await?.into_iter().map(differs));
        Ok(())
    }

    /// Adds the filters of the target's account that differ.
    fn compare_account_filters(&mut self, run: &Run) {
        let Asset { id, name, .. } = filters::target_account(run);
        let differs = |change: &FilterChange| Difference {
            asset: id.clone(),
            name: name.clone().unwrap_or_default(),
            item: change.name().to_owned(),
            what: filter_difference(change).to_owned(),
        };
        self.differences.extend(run.claims.filters_of_account().iter().map(differs));
    }

    fn add(&mut self, run: &Run, asset: &Asset, compared: Compared, alone: &mut Alone) {
        let Compared { differences, missing, extra_blobs, left_out, finding } = compared;
        let (id, name) = (&asset.id, asset.label().to_owned());
        let of_asset = |(item, what)| Difference { asset: id.clone(), name: name.clone(), item, what };
        let differences: Vec<Difference> =
            differences.into_iter().map(of_asset).chain(alone.remove(id).into_iter().flatten()).collect();
        let outcome = match finding {
            Some(finding) => AssetOutcome::Not(finding),
            None if differences.is_empty() => AssetOutcome::Unchanged,
            None => AssetOutcome::Mirrored,
        };
        self.assets.total += 1;
        self.extra.blobs += extra_blobs;
        self.left_out.add(left_out);
        let outcome = run.finish(asset, outcome);
        self.count(asset, &outcome, missing);
        self.differences.extend(differences);
    }

    fn count(&mut self, asset: &Asset, outcome: &AssetOutcome, missing: bool) {
        if missing || outcome.finding().is_some() {
            self.not_there.insert(asset.id.clone());
        }
        let assets = &mut self.assets;
        *match outcome {
            AssetOutcome::Not(finding) if finding.class() == Class::Unchecked => &mut assets.unchecked,
            AssetOutcome::Not(_) => &mut assets.not_mirrored,
            _ if missing => &mut assets.missing,
            AssetOutcome::Unchanged => &mut assets.same,
            AssetOutcome::Mirrored => &mut assets.different,
        } += 1;
    }

    /// Adds findings about the libraries as a whole, and about copies of assets that are not part of the comparison.
    fn fold(&mut self, run: &Run, alone: Alone) -> Result<(), Error> {
        let (tally, census) = (run.take_tally(), run.claims.census()?);
        self.verdict = tally.verdict();
        self.differences.extend(alone.into_values().flatten());
        (self.problems, self.causes, self.findings) = (tally.problems, tally.causes, tally.findings);
        self.extra.assets = census.lost + census.retired;
        self.differences.sort_by(|a, b| (&a.name, &a.asset, &a.item).cmp(&(&b.name, &b.asset, &b.item)));
        self.problems.sort_by(|a, b| (&a.name, &a.asset).cmp(&(&b.name, &b.asset)));
        Ok(())
    }
}
