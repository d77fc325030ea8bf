//! Compares one asset, with the same listings and decisions as a run.

use futures::TryStreamExt;

use crate::claims::{Claim, TargetAsset, Work, filter_difference, filters_differ};
use crate::engine::asset::{Present, list_copy, look_at_copy, look_at_source, refuse_adoption, source_lost};
use crate::engine::contents::compare::{self, Need, Why};
use crate::engine::contents::condition::{Changes, Condition};
use crate::engine::contents::needs::{Survey, known};
use crate::engine::contents::records::file_differences;
use crate::engine::contents::{Contents, compare_names};
use crate::engine::delete::blobs;
use crate::engine::run::Run;
use crate::engine::schedule::overwrites::Judged;
use crate::engine::settings;
use crate::engine::tags;
use crate::engine::withdraw;
use crate::error::Error;
use crate::memory::Turn;
use crate::model::{Asset, Blob, LeftOut, LocatorKind};
use crate::verdict::{Cause, Finding};

/// The result of comparing one asset.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// The differences: the item, and how it differs.
    pub(crate) differences: Vec<(String, String)>,
    /// The target lacks it.
    pub(crate) missing: bool,
    /// Blobs that only the target has.
    pub(crate) extra_blobs: u64,
    /// Blobs of the source that the configuration leaves out.
    pub(crate) left_out: LeftOut,
    /// The reason why a run does not mirror it, or not completely.
    pub(crate) finding: Option<Finding>,
}

impl Compared {
    fn not(finding: Finding) -> Self {
        Self { finding: Some(finding), ..Self::default() }
    }
}

/// An asset that the guards against overwriting and deleting judge after all are compared, with its number of source
/// blobs.
pub(crate) struct Waiting {
    pub(crate) asset: Asset,
    pub(crate) blobs: u64,
    pub(crate) survey: Survey,
    pub(crate) compared: Compared,
}

/// The result for an asset, and what is judged after all are compared.
type Answer = (Compared, Option<(u64, Survey)>);

/// The observations about an asset and its copy during the comparison, even if it ended early.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Our copy, if there is one.
    pub(crate) copy: Option<TargetAsset>,
    /// Did an earlier run complete it?
    pub(crate) is_verified: bool,
    /// The condition of its blobs; `None`: they could not be listed.
    pub(crate) condition: Option<Condition>,
    /// Blobs of the source that are mirrored, and their bytes.
    pub(crate) source: Option<(u64, u64)>,
    /// The differences. `None`: the blobs of both sides were not compared.
    pub(crate) changes: Option<Changes>,
    /// The first file record that differs.
    pub(crate) records: Option<String>,
    /// Are the file records of the source those in the ledger?
    pub(crate) same_records: bool,
    /// Does the source have locators with other terms, another name, other metadata or other filters?
    pub(crate) other_terms: bool,
    /// The filters differ.
    pub(crate) filters: Option<Finding>,
}

impl Seen {
    /// The source changed something at an unknown time.
    pub(crate) fn note_change(&mut self) {
        if let Some(changes) = &mut self.changes {
            changes.change(None);
        }
    }
}

/// The observations about the copy of an asset if the source does not answer.
pub(crate) async fn see_copy(run: &Run, asset: &Asset) -> Result<Seen, Error> {
    let mut seen = Seen::default();
    if let Claim::Mirror(work) = claim(run, asset).await? {
        (seen.copy, seen.is_verified) = (work.target.clone().filter(|_| !work.adopting), work.is_verified());
        if let Ok(Some(copy)) = list_copy(&run.pair, seen.copy.as_ref()).await {
            seen.condition = Some(Condition::of(&copy, work.row.as_ref()).await?);
        }
    }
    Ok(seen)
}

/// Compares one asset. A failure of only this asset is in the answer; an error prevents the whole comparison.
pub(crate) async fn compare_asset(run: &Run, asset: Asset) -> Result<(Asset, Result<Answer, Error>), Error> {
    let (asset, answer, _) = compare_and_see(run, asset).await?;
    Ok((asset, answer))
}

/// As [`compare_asset`], with the observations.
pub(crate) async fn compare_and_see(run: &Run, asset: Asset) -> Result<(Asset, Result<Answer, Error>, Seen), Error> {
    let mut seen = Seen::default();
    let answer = match claim(run, &asset).await? {
        Claim::Not(finding) => Ok((Compared::not(finding), None)),
        Claim::Mirror(work) => Box::pin(compare_work(run, *work, &mut seen)).await,
    };
    Ok((asset, answer, seen))
}

/// The reason why a run does not publish an asset, or not as the source does. The blobs may be the reason; they are
/// listed only if a locator has to be created or changed, or a copy adopted. Errors as in [`compare_asset`].
pub(crate) async fn judge_locators(run: &Run, asset: Asset) -> Result<(Asset, Result<Option<Finding>, Error>), Error> {
    let answer = match claim(run, &asset).await? {
        Claim::Not(finding) => Ok(Some(finding)),
        Claim::Mirror(work) if work.locators_to_do() == 0 && !work.adopting => Ok(work.conflicts.first().cloned()),
        Claim::Mirror(work) => {
            let mut seen = Seen::default();
            Box::pin(compare_work(run, *work, &mut seen)).await.map(|(compared, _)| compared.finding)
        }
    };
    Ok((asset, answer))
}

async fn claim(run: &Run, asset: &Asset) -> Result<Claim, Error> {
    let row = run.ledger.asset(&asset.id).await?;
    let mut claim = run.claims.claim(asset.clone(), row, run.service_time(), run.options.policy.adopt)?;
    if let Claim::Mirror(work) = &mut claim {
        withdraw::leave_out_of_scope(run, work)?;
    }
    Ok(claim)
}

async fn compare_work(run: &Run, mut work: Work, seen: &mut Seen) -> Result<Answer, Error> {
    (seen.copy, seen.is_verified) = (work.target.clone().filter(|_| !work.adopting), work.is_verified());
    seen.filters = filters_differ(&work.filters);
    seen.same_records = work.same_files;
    seen.other_terms = work.own_differs() || !work.outdated.is_empty() || seen.filters.is_some();
    if let Some(outage) = run.source_account(&work.asset).and_then(|account| run.outages.of(account)) {
        return Ok((Compared::not(outage), None));
    }
    let (looked, listed) = futures::join!(look_at_source(&run.pair, &work), list_copy(&run.pair, work.target.as_ref()));
    if let Ok(Some(copy)) = &listed {
        seen.condition = Some(Condition::of(copy, work.row.as_ref()).await?);
    }
    let source = match looked.map_err(|error| run.note_outage(&work.asset, error))? {
        Ok(source) => source,
        Err(finding) => return Ok((Compared::not(finding), None)),
    };
    let (present, mut compared) = match look_at_copy(&run.pair, &run.claims, &mut work, listed?).await? {
        Present::Whole(present) => (Some(present), Compared::default()),
        Present::None => (None, missing("missing on the target", true)),
        Present::Lost { .. } => (None, missing("its container is missing on the target", false)),
    };
    run.sized(source.count);
    seen.source = Some((source.count, source.bytes));
    compared.left_out = source.left_out;
    let nothing = Contents::none(source.place());
    let there = present.as_ref().unwrap_or(&nothing);
    let mut changes = seen.condition.as_ref().map(|copy| Changes::since(work.row.as_ref(), &copy.proof));
    let compared_blobs = compare_blobs(&work, &source, there, (present.is_some(), changes.as_mut())).await?;
    let Blobs { survey, differences, finding } = compared_blobs;
    seen.changes = changes;
    compared.finding = finding.or_else(|| work.conflicts.first().cloned());
    let into = present.as_ref().map_or_else(|| run.account_of_new_copy(&work.asset), |there| Some(there.account));
    tags::note(run, &work.asset, &source, into);
    let Some(present) = present else { return Ok((compared, None)) };
    if let Some(lost) = source_lost(&run.pair, &work, &survey).await? {
        return Ok((Compared::not(lost), None));
    }
    if work.adopting
        && let Some(refused) = refuse_adoption(run, &work, &source, Some(&present), &survey).await?
    {
        // A copy of another program is not refused: its differences are reported.
        if !run.options.by_name || refused.cause != Cause::ForeignCopy {
            return Ok((Compared::not(refused), None));
        }
    }
    if run.options.settings && settings::policies(run, &work.asset).await?.is_some() {
        compared.differences.push(("container".to_owned(), "stored access policies differ".to_owned()));
    }
    compared.differences.extend(differences);
    compared.differences.extend(other_differences(run, &work, (&source, &present), seen).await?);
    compared.extra_blobs = survey.kept.len() as u64;
    blobs::note(run, &work, &source, &present, &survey.kept).await?;
    if !work.is_verified() {
        return Ok((compared, None));
    }
    Ok(match run.overwrites.judge(source.count, &survey, false) {
        Judged::Go if !run.deletions.concern(&work.asset.id) => (compared, None),
        Judged::Go | Judged::Wait => (compared, Some((source.count, survey))),
        Judged::Hold(finding) => (Compared { finding: Some(finding), ..compared }, None),
    })
}

fn missing(what: &str, missing: bool) -> Compared {
    Compared { differences: vec![("asset".to_owned(), what.to_owned())], missing, ..Compared::default() }
}

/// The result of comparing the blobs of one asset.
#[derive(Default)]
struct Blobs {
    survey: Survey,
    differences: Vec<(String, String)>,
    /// The finding about an archived blob: one to copy in the source, or one on the target.
    finding: Option<Finding>,
}

/// Reads both containers once. Records the differences if there is a copy.
async fn compare_blobs(
    work: &Work,
    source: &Contents<'_>,
    present: &Contents<'_>,
    (is_copied, mut changes): (bool, Option<&mut Changes>),
) -> Result<Blobs, Error> {
    let known = known(work, source, present);
    let (mut blobs, mut silent) = (Blobs::default(), None);
    let mut pairs = std::pin::pin!(compare_names(source, present, Turn::Compare));
    while let Some((blob, copy)) = pairs.try_next().await? {
        let need = blobs.survey.look(blob.as_deref(), copy.as_deref(), &known);
        let (Some(blob), Some(need)) = (blob, need) else { continue };
        if let Some(changes) = &mut changes {
            changes.add(&blob, need);
        }
        if copy.as_deref().is_some_and(Blob::is_archived) {
            silent.get_or_insert_with(|| Finding::new(Cause::ArchivedInTarget, blob.name.clone()));
        }
        if matches!(need, Need::Copy(_)) && blob.is_archived() {
            blobs.finding.get_or_insert_with(|| Finding::new(Cause::ArchivedInSource, blob.name.clone()));
        }
        if !is_copied {
            continue;
        }
        blobs.differences.extend(difference(&blob, copy.as_deref(), need).map(|what| (blob.name.clone(), what)));
    }
    // In the order in which a run finds them.
    blobs.finding = blobs.finding.or(silent);
    Ok(blobs)
}

fn difference(blob: &Blob, copy: Option<&Blob>, need: Need) -> Option<String> {
    Some(match need {
        Need::Nothing => return None,
        Need::Copy(Why::Missing) if copy.is_none() => "missing on the target".to_owned(),
        _ => compare::fault(blob, copy).unwrap_or_else(|| match need {
            Need::Copy(Why::Damaged) => "written on the target since it was verified".to_owned(),
            _ => "older than the source, without a checksum to compare".to_owned(),
        }),
    })
}

/// The differences apart from the blobs: name and mark, file records, filters, locators.
async fn other_differences(
    run: &Run,
    work: &Work,
    (source, present): (&Contents<'_>, &Contents<'_>),
    seen: &mut Seen,
) -> Result<Vec<(String, String)>, Error> {
    let mut differences = Vec::new();
    // A copy of another program has no mark.
    if work.renamed && !(run.options.by_name && work.adopting) {
        differences.push(("asset".to_owned(), "its name or mark differs".to_owned()));
    }
    if work.other_metadata {
        differences.push(("asset".to_owned(), "the metadata of its container differs".to_owned()));
    }
    if let Some(target) = work.target.as_ref().filter(|_| work.files_differ) {
        let files = file_differences(&run.pair, (&work.asset.id, source), (&target.id, present)).await?;
        seen.records = files.first().map(|(item, what)| format!("{item}: {what}"));
        differences.extend(files.into_iter().map(|(item, what)| (item, what.to_owned())));
    }
    let filters = work.filters.iter().map(|change| (change.name().to_owned(), filter_difference(change).to_owned()));
    differences.extend(filters);
    let missing = work.missing.iter().map(|locator| match locator.kind {
        LocatorKind::Public => (locator, "the container is public in the source and private on the target"),
        _ => (locator, "the locator is missing on the target"),
    });
    let outdated = work.outdated.iter().map(|one| match one.locator.kind {
        LocatorKind::Public => (&one.locator, "the container has another level of public access"),
        _ => (&one.locator, "the locator has another name, start or expiry"),
    });
    let moved = work.moved.iter().map(|one| (&one.locator, "the locator is on another asset of the target"));
    let locators = missing.chain(outdated).chain(moved);
    differences.extend(locators.map(|(locator, what)| (locator.id.to_string(), what.to_owned())));
    Ok(differences)
}
