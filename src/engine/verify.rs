//! The read-only comparison of both libraries: the verdicts of a run without its writes.

use std::collections::{BTreeMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::asset::{Present, look_at_copy, look_at_source, source_lost};
use super::compare::{self, Need, Why};
use super::contents::Contents;
use super::digest::is_archived;
use super::expired::explained;
use super::hidden::{self, Hidden};
use super::keeper::Keeper;
use super::needs::{Survey, needs};
use super::records::file_differences;
use super::run::is_of_rights;
use super::urls::target_silence;
use super::withdraw::stand_in;
use super::withhold::ForeignRevoked;
use super::{Options, Problem, withhold};
use crate::claims::guards;
use crate::claims::{Claim, Claims, FilesWanted, TargetAsset, Work};
use crate::clock;
use crate::config::policy::{Accepted, Adopt};
use crate::connect::Pair;
use crate::error::{Disposition, Error};
use crate::ledger::Ledger;
use crate::model::{Asset, AssetId};
use crate::monitor::Monitor;
use crate::verdict::{Cause, Class, Finding};

/// Assets that are compared before the next ones are read.
const PAGE: usize = 1_000;

/// What differs where a locator of ours plays what the source has withdrawn.
const PUBLISHED_ALONE: &str = "the locator is published on the target alone";

/// Assets by how they compare. They add up to the assets in scope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct VerifyCounts {
    /// In scope.
    pub total: u64,
    /// Equal on both sides.
    pub same: u64,
    /// On both sides, and different.
    pub different: u64,
    /// Not on the target.
    pub missing: u64,
    /// Not mirrored for a cause that is named.
    pub not_mirrored: u64,
    /// Not compared, because something could not be read.
    pub unchecked: u64,
}

/// What the target has beyond the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Extra {
    /// Copies whose source asset is deleted.
    pub assets: u64,
    /// Blobs that the source's asset does not have any more.
    pub blobs: u64,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Source id.
    pub asset: AssetId,
    /// Name to show.
    pub name: String,
    /// What it is about: `asset`, or a blob, a file record, a locator by name.
    pub item: String,
    /// What differs, such as `missing on the target` or `length 5 instead of 7`.
    pub what: String,
}

/// The result of a comparison.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verification {
    /// Assets.
    pub assets: VerifyCounts,
    /// What only the target has.
    pub extra: Extra,
    /// Every difference, in order of asset name.
    pub differences: Vec<Difference>,
    /// Every asset that is not mirrored or was not compared, in order of name.
    pub problems: Vec<Problem>,
    /// How many of them by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Findings that concern no single asset.
    pub findings: Vec<Finding>,
    /// Is one of these findings owed, and not accepted by the configuration?
    #[serde(skip)]
    pub owes_findings: bool,
}

impl Verification {
    /// Is there a problem that the target owes?
    pub fn owes(&self) -> bool {
        self.problems.iter().any(|problem| problem.owed) || self.owes_findings
    }
}

/// Compares every asset in scope: blobs, file records, names, streaming locators. Changes nothing. `ledger`: what earlier
/// runs verified, by which a copy that was overwritten since is noticed.
///
/// What the target has beyond the source is no difference, but for a locator of ours that is published there alone.
pub async fn verify(
    pair: &Pair,
    ledger: &Ledger,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Verification, Error> {
    compare_all(pair, ledger, options, monitor).await.map_err(|error| explained(error, pair))
}

async fn compare_all(
    pair: &Pair,
    ledger: &Ledger,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Verification, Error> {
    let keeper = Keeper::open(pair, true).await?;
    let claims =
        Claims::read(pair, monitor, FilesWanted::BothSides, &|asset| options.covers(asset), &keeper.adopted()).await?;
    claims.confirm(ledger).await?;
    claims.screen(pair).await?;
    let withheld = withhold::apply(&claims, &options.policy.withhold, &keeper.withheld())?;
    let (mut all, mut accepted) = (Verification::default(), Accepted::new(&options.policy.accept));
    all.findings.extend(withheld.unmatched);
    let mut after = 0;
    loop {
        let page = claims.page(options.order, after, PAGE)?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        let compared: Vec<(Asset, Verdict)> = stream::iter(page)
            .map(|(_, asset)| compare_asset(pair, ledger, &claims, asset))
            .buffer_unordered(options.assets_in_flight.max(1))
            .try_collect()
            .await?;
        for (asset, verdict) in compared {
            all.add(&asset, verdict, &mut accepted);
        }
    }
    let census = claims.census()?;
    if census.covered == 0 && !options.covers_all() {
        return Err(Error::nothing_matched());
    }
    all.add_published_alone(&claims, options)?;
    for foreign in withhold::foreign_revoked(pair, &claims, keeper.theirs()).await? {
        all.add_foreign(pair, foreign, &mut accepted);
    }
    all.add_hidden(pair, &claims, options, &mut accepted).await?;
    if claims.is_reversed()? {
        all.findings.push(Cause::DirectionReversed.into());
    }
    all.findings.extend(keeper.objection(census.complete, false));
    if guards::is_shrunken(&census, options.policy.guards.max_shrink) {
        let listed = census.copies - census.lost;
        let detail = format!("the source lists {listed} of the {} assets that are mirrored", census.copies);
        all.findings.push(Finding::new(Cause::HeldByGuard, detail));
    }
    all.findings.extend(target_silence(pair).await?);
    all.owes_findings = all.findings.iter().any(|finding| finding.owed() && !accepted.accepts(finding.cause, ""));
    all.extra.assets = census.lost + census.retired;
    all.differences.sort_by(|a, b| (&a.name, &a.asset, &a.item).cmp(&(&b.name, &b.asset, &b.item)));
    all.problems.sort_by(|a, b| (&a.name, &a.asset).cmp(&(&b.name, &b.asset)));
    Ok(all)
}

/// How one asset compares.
enum Verdict {
    /// Both sides have it.
    Compared { differences: Vec<(String, String)>, extra_blobs: u64 },
    /// The target does not have it.
    Missing,
    /// It is not mirrored, or could not be compared.
    Not(Finding),
}

impl Verification {
    fn add(&mut self, asset: &Asset, verdict: Verdict, accepted: &mut Accepted) {
        self.assets.total += 1;
        let differences = match verdict {
            Verdict::Compared { differences, extra_blobs } => {
                self.extra.blobs += extra_blobs;
                let count = if differences.is_empty() { &mut self.assets.same } else { &mut self.assets.different };
                *count += 1;
                differences
            }
            Verdict::Missing => {
                self.assets.missing += 1;
                vec![("asset".to_owned(), "missing on the target".to_owned())]
            }
            Verdict::Not(finding) => {
                let unchecked = matches!(finding.class(), Class::Unchecked);
                let count = if unchecked { &mut self.assets.unchecked } else { &mut self.assets.not_mirrored };
                *count += 1;
                *self.causes.entry(finding.cause).or_default() += 1;
                self.problems.push(Problem::of(asset, finding, accepted));
                Vec::new()
            }
        };
        let (id, name) = (&asset.id, asset.label());
        self.differences.extend(differences.into_iter().map(|(item, what)| Difference {
            asset: id.clone(),
            name: name.to_owned(),
            item,
            what,
        }));
    }
}

impl Verification {
    /// Adds what somebody else publishes on a copy of ours.
    fn add_foreign(&mut self, pair: &Pair, foreign: ForeignRevoked, accepted: &mut Accepted) {
        let ForeignRevoked { source, label, finding } = foreign;
        let finding = finding.unwrap_or_else(|error| explained(error, pair).finding(&label));
        self.add_problem(&stand_in(&source, &label), finding, accepted);
    }

    /// Adds assets that the source has and its listing leaves out.
    async fn add_hidden(
        &mut self,
        pair: &Pair,
        claims: &Claims,
        options: &Options,
        accepted: &mut Accepted,
    ) -> Result<(), Error> {
        let published = hidden::hidden(pair, claims).await?;
        self.findings.extend(published.finding_of_more());
        let gone = claims.spool.gone(0, PAGE)?.into_iter().map(|(_, gone)| gone);
        let gone = gone.filter(|gone| options.covers_name(gone.copy.label())).map(|gone| gone.source);
        let mirrored = hidden::ask(pair, claims, gone.collect(), false).await?;
        for asset in published.assets.iter().chain(&mirrored.assets).filter(|asset| options.covers(asset)) {
            self.add_problem(asset, Hidden::finding(), accepted);
        }
        for (id, error) in published.errors.into_iter().chain(mirrored.errors) {
            let asset = stand_in(&id, id.as_str());
            self.add_problem(&asset, explained(error, pair).finding(id.as_str()), accepted);
        }
        Ok(())
    }

    /// Adds a problem beside the comparison of contents; an asset that has a problem already keeps that one.
    fn add_problem(&mut self, asset: &Asset, finding: Finding, accepted: &mut Accepted) {
        if self.problems.iter().all(|problem| problem.asset != asset.id) {
            *self.causes.entry(finding.cause).or_default() += 1;
            self.problems.push(Problem::of(asset, finding, accepted));
        }
    }

    /// Adds what plays on the target alone although the source has withdrawn it, of assets whose contents are not compared:
    /// they are deleted, protected or empty in the source.
    fn add_published_alone(&mut self, claims: &Claims, options: &Options) -> Result<(), Error> {
        let named: HashSet<String> = self.differences.iter().map(|difference| difference.item.clone()).collect();
        let mut after = 0;
        loop {
            let page = claims.spool.revoked(after, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            for (_, revoked) in page {
                let (label, item) = (revoked.copy.label(), revoked.locator.id.to_string());
                let covered = revoked.covered.unwrap_or_else(|| options.covers_name(label));
                if covered && !named.contains(&item) {
                    let what = PUBLISHED_ALONE.to_owned();
                    let (asset, name) = (revoked.source.clone(), label.to_owned());
                    self.differences.push(Difference { asset, name, item, what });
                }
            }
        }
    }
}

/// Compares one asset. What fails for it alone is its verdict; what keeps the whole comparison from going on is an error.
async fn compare_asset(pair: &Pair, ledger: &Ledger, claims: &Claims, asset: Asset) -> Result<(Asset, Verdict), Error> {
    let verdict = match compare_claim(pair, ledger, claims, &asset).await {
        // Of several storage accounts one that refuses us fails its own assets alone.
        Err(error)
            if error.disposition() == Disposition::Fatal
                && !(is_of_rights(&error) && pair.source.storage.len() + pair.target.storage.len() > 2) =>
        {
            return Err(error);
        }
        Err(error) => Verdict::Not(explained(error, pair).finding(asset.label())),
        Ok(verdict) => verdict,
    };
    Ok((asset, verdict))
}

async fn compare_claim(pair: &Pair, ledger: &Ledger, claims: &Claims, asset: &Asset) -> Result<Verdict, Error> {
    let row = ledger.asset(&asset.id).await?;
    let mut work = match claims.claim(asset.clone(), row, clock::now(), Adopt::No)? {
        Claim::Not(finding) => return Ok(Verdict::Not(finding)),
        Claim::Mirror(work) => *work,
    };
    let source = match look_at_source(pair, &work).await? {
        Ok(source) => source,
        Err(finding) => return Ok(Verdict::Not(finding)),
    };
    let Some(target) = work.target.clone() else { return Ok(Verdict::Missing) };
    let present = match look_at_copy(pair, claims, &mut work).await? {
        Present::Whole(present) => present,
        Present::None => return Ok(Verdict::Missing),
        Present::Lost { .. } => {
            let what = ("asset".to_owned(), "its container is missing on the target".to_owned());
            return Ok(Verdict::Compared { differences: vec![what], extra_blobs: 0 });
        }
    };
    let survey = Survey::of(&work, &source, &present).await?;
    if let Some(finding) = source_lost(pair, &work, &survey).await? {
        return Ok(Verdict::Not(finding));
    }
    let mut differences = blob_differences(&work, &source, &present).await?;
    if work.renamed {
        differences.push(("asset".to_owned(), "its name or mark differs".to_owned()));
    }
    if work.files_differ {
        let files = file_differences(pair, (&asset.id, &source), (&target.id, &present)).await?;
        differences.extend(files.into_iter().map(|(item, what)| (item, what.to_owned())));
    }
    differences.extend(locator_differences(claims, &work, &target)?);
    // Differences come first: they are sure.
    if let Some(finding) = super::tags::finding(&source, Some(present.account)).filter(|_| differences.is_empty()) {
        return Ok(Verdict::Not(finding));
    }
    let extra_blobs = present.count.saturating_sub(source.count);
    Ok(Verdict::Compared { differences, extra_blobs })
}

async fn blob_differences(
    work: &Work,
    source: &Contents<'_>,
    present: &Contents<'_>,
) -> Result<Vec<(String, String)>, Error> {
    needs(work, source, present)
        .try_filter_map(|one| async move {
            let is_archived = one.copy.as_deref().is_some_and(is_archived);
            let what = match one.need {
                _ if is_archived => "it is archived on the target and cannot be served".to_owned(),
                Need::Nothing => return Ok(None),
                Need::Copy(Why::Missing) if one.copy.is_none() => "missing on the target".to_owned(),
                _ => compare::fault(&one.blob, one.copy.as_deref()).unwrap_or_else(|| match one.need {
                    Need::Copy(Why::Damaged) => "written on the target since it was verified".to_owned(),
                    _ => "older than the source, without a checksum to compare".to_owned(),
                }),
            };
            Ok(Some((one.blob.name.clone(), what)))
        })
        .try_collect()
        .await
}

fn locator_differences(claims: &Claims, work: &Work, target: &TargetAsset) -> Result<Vec<(String, String)>, Error> {
    let missing = work.missing.iter().map(|locator| (locator, "the locator is missing on the target"));
    let outdated = work.outdated.iter().map(|one| (&one.locator, "the locator has another name, start or expiry"));
    let moved = work.moved.iter().map(|one| (&one.locator, "the locator is on another asset of the target"));
    let mut all: Vec<(String, String)> =
        missing.chain(outdated).chain(moved).map(|(locator, what)| (locator.id.to_string(), what.to_owned())).collect();
    all.extend(work.conflicts.iter().map(|finding| ("locator".to_owned(), finding.to_string())));
    let extra = claims.extra_locators(&work.asset.id, &target.id)?.into_iter().filter(|holding| holding.ours);
    all.extend(extra.map(|one| (one.locator.id.to_string(), PUBLISHED_ALONE.to_owned())));
    Ok(all)
}
