//! The steps of one asset; each is recorded in the ledger before and after. The locator comes last.

mod create;
mod delete;
mod fill;
mod look;
mod mend;
mod rehearse;
mod turned;
mod verify;

use crate::claims::{Guard, TargetAsset, Work};
use crate::config::policy::Adopt;
use crate::connect::Pair;
use crate::engine::contents::digest;
use crate::engine::contents::kept::KeptCopy;
use crate::engine::contents::locate::locate_copy;
use crate::engine::contents::needs::Survey;
use crate::engine::contents::{Contents, compare_names};
use crate::engine::delete::blobs;
use crate::engine::intent;
use crate::engine::publish::{Finish, finish};
use crate::engine::run::{Run, is_of_rights};
use crate::engine::schedule::in_flight::{AssetEnd, InFlight};
use crate::engine::tags;
use crate::error::Error;
use crate::ledger::{Facts, Status, Step};
use crate::memory::Turn;
use crate::monitor::AssetOutcome;
use crate::plan::Action;
use crate::verdict::{Cause, Change, Finding};
use create::{create_copy, find_started_copy, forget_lost, remove_empty, remove_spare};
pub(crate) use delete::delete_kept;
use futures::TryStreamExt;
pub(crate) use look::{Present, has_changed_records, list_copy, look_at_copy, look_at_source};
use turned::Taken;

/// Mirrors one asset.
pub(crate) async fn mirror_asset(run: &Run, mut work: Work, in_flight: InFlight) -> Result<AssetEnd, Error> {
    if let Some(outage) = run.source_account(&work.asset).and_then(|account| run.outages.of(account)) {
        return Ok(AssetEnd::With(AssetOutcome::Not(outage)));
    }
    let (looked, listed) = futures::join!(look_at_source(&run.pair, &work), list_copy(&run.pair, work.target.as_ref()));
    let source = match looked.map_err(|error| run.note_outage(&work.asset, error))? {
        Ok(source) => source,
        Err(finding) => return Ok(AssetEnd::With(AssetOutcome::Not(finding))),
    };
    run.sized(source.count);
    let present = Box::pin(look_at_copy(&run.pair, &run.claims, &mut work, listed?)).await?;
    let source = match Box::pin(turned::take(run, &mut work, source, &present)).await? {
        Taken::All(source) => source,
        Taken::Nothing(outcome) => return Ok(AssetEnd::With(outcome)),
    };
    if matches!(present, Present::Whole(_)) {
        remove_spare(run, &mut work).await?;
    }
    if let Present::Whole(present) = &present
        && is_unchanged(run, &work, &source, present).await?
    {
        run.compared(0);
        tags::note(run, &work.asset, &source, Some(present.account));
        run.count(|tally| tally.left_out.add(source.left_out));
        note_kept(run, &work, &source, present).await?;
        turned::note_locators(run, &work).await?;
        return Ok(unchanged(run, &work, &source, present));
    }
    let (present, replaced) = match present {
        Present::None => (None, None),
        Present::Whole(present) => (Some(present), None),
        Present::Lost { old, spare } => (spare, Some(old)),
    };
    let survey = match &present {
        Some(present) => Survey::of(&work, &source, present).await?,
        None => Survey { missing: source.count, ..Survey::default() },
    };
    run.compared(survey.missing + survey.changed + survey.damaged);
    if let Some(finding) = source_lost(&run.pair, &work, &survey).await? {
        return Ok(AssetEnd::With(AssetOutcome::Not(finding)));
    }
    if work.adopting
        && let Some(finding) = refuse_adoption(run, &work, &source, present.as_ref(), &survey).await?
    {
        return Ok(AssetEnd::With(AssetOutcome::Not(finding)));
    }
    if work.is_verified() && present.is_some() {
        match run.overwrites.judge(source.count, &survey, run.may_overwrite(&work)) {
            Judged::Go => {}
            Judged::Wait => return Ok(AssetEnd::Deferred),
            Judged::Hold(finding) => {
                run.held(Guard::Overwrite, &work.asset.id);
                return Ok(AssetEnd::With(AssetOutcome::Not(finding)));
            }
        }
    }
    run.count(|tally| tally.left_out.add(source.left_out));
    if let Some(present) = &present {
        blobs::note(run, &work, &source, present, &survey.kept).await?;
    }
    let intent = intent::of_asset(run, &work, &source, present.as_ref(), replaced.as_ref(), &survey);
    if run.options.dry_run {
        return rehearse::rehearse(run, &work, &source, present.as_ref(), (&survey, intent)).await.map(AssetEnd::With);
    }
    if let Some(finding) = run.unplanned(Action::Mirror, work.asset.id.as_str(), intent) {
        return Ok(AssetEnd::With(AssetOutcome::Not(finding)));
    }
    // Boxed: most assets of most nights are unchanged and never come here.
    let task = Box::new(Task { work, source, present, replaced, survey, due: Vec::new() });
    Box::pin(write(run, task, in_flight)).await
}

pub(crate) use crate::engine::schedule::overwrites::Judged;

/// An asset to be written, with everything known about it.
struct Task<'a> {
    work: Work,
    source: Contents<'a>,
    /// The content of its copy, if there is one.
    present: Option<Contents<'a>>,
    /// The copy that lost its container; the new one replaces it.
    replaced: Option<TargetAsset>,
    survey: Survey,
    /// Blobs that are to be deleted.
    due: Vec<KeptCopy>,
}

/// Was the asset already complete, and is it unchanged on both sides?
async fn is_unchanged(run: &Run, work: &Work, source: &Contents<'_>, present: &Contents<'_>) -> Result<bool, Error> {
    let Some(row) = work.settled() else { return Ok(false) };
    let same = |before: Option<&String>, now: &str| before.is_some_and(|before| digest::is_unchanged(before, now));
    let same =
        same(row.facts.source_digest.as_ref(), &source.digest) && same(row.facts.target_digest.as_ref(), &present.seal);
    Ok(same
        && (work.same_files || look::has_recorded_files(run, work, row).await?)
        && (!work.files_differ || look::has_its_records(run, work, source, present).await?))
}

/// Records the blobs that only the target has, if nothing has changed. They are identified only if some will be
/// deleted.
async fn note_kept(run: &Run, work: &Work, source: &Contents<'_>, present: &Contents<'_>) -> Result<(), Error> {
    let noted = work.row.as_ref().is_some_and(|row| row.kept_seen.is_some());
    if run.options.policy.delete_after.is_none() || (present.count <= source.count && !noted) {
        return Ok(());
    }
    let survey = Survey::of(work, source, present).await?;
    blobs::note(run, work, source, present, &survey.kept).await
}

/// Finds a blob that a complete copy has, that the source's own file records name, and that the source's container
/// lacks: the source has lost it.
pub(crate) async fn source_lost(pair: &Pair, work: &Work, survey: &Survey) -> Result<Option<Finding>, Error> {
    if survey.kept.is_empty() || !work.is_verified() {
        return Ok(None);
    }
    let records = pair.source.library.files_of(std::slice::from_ref(&work.asset.id)).await?.concat();
    let lost = survey.kept.iter().find(|kept| records.iter().any(|file| file.name == kept.name));
    Ok(lost.map(|kept| Finding::new(Cause::SourceLost, format!("blob {}", kept.name))))
}

/// The reason why a copy of another tool is not adopted: it differs, or its bytes are not proven to be equal.
pub(crate) async fn refuse_adoption(
    run: &Run,
    work: &Work,
    source: &Contents<'_>,
    present: Option<&Contents<'_>>,
    survey: &Survey,
) -> Result<Option<Finding>, Error> {
    let (Adopt::Equal, Some(target), Some(present)) = (run.options.policy.adopt, &work.target, present) else {
        return Ok(None);
    };
    let copy = format!("asset {:?} ({})", target.label(), target.id);
    let mut pairs = compare_names(source, present, Turn::Compare);
    while let Some((blob, copied)) = pairs.try_next().await? {
        let Some(blob) = blob else { continue };
        if let Some(what) = crate::engine::contents::compare::fault(&blob, copied.as_deref()) {
            return Ok(Some(Finding::new(Cause::ForeignCopy, format!("{copy} differs: {}: {what}", blob.name))));
        }
        if blob.properties.content_md5.is_none() {
            return Ok(Some(Finding::new(Cause::AdoptionUnproven, format!("{copy}: {}", blob.name))));
        }
    }
    let what = (!survey.kept.is_empty()).then(|| format!("{copy} has blobs that the source lacks"));
    Ok(what.map(|what| Finding::new(Cause::ForeignCopy, what)))
}

/// Everything that changes the target, in order.
///
/// The longest steps are boxed: hundreds of assets are in progress, each in one of the steps, and otherwise the future
/// of each would have room for all.
async fn write<'a>(run: &'a Run, mut task: Box<Task<'a>>, in_flight: InFlight) -> Result<AssetEnd, Error> {
    run.may_write()?;
    Box::pin(adopt(run, &task.work)).await?;
    let asset = task.work.asset.clone();
    let Started { target, present, made_now, created } = Box::pin(start_copy(run, &mut task)).await?;
    let copied = Box::pin(fill::copy_missing(run, &task.work, &mut task.source, &present)).await?;
    run.count(|tally| tally.blobs.unchanged += task.source.count.saturating_sub(copied.planned));
    if copied.left > 0 {
        if created && run.is_refused() {
            remove_empty(run, &asset, &target, &present).await?;
        }
        return Ok(AssetEnd::Stopped);
    }
    let blobs_copied = copied.planned;
    if let Err(error) = look::settle_copies(run, &task.work, &mut task.source, copied).await {
        let error = run.note_outage(&asset, error);
        if created && is_of_rights(&error) && remove_empty(run, &asset, &target, &present).await? {
            return Err(error);
        }
        return run.failed(&asset, Step::CopyBlobs, error).await;
    }
    // This lists a container again if it is too large to be kept in memory.
    if task.survey.headers + task.survey.tags > 0
        && let Err(error) = mend::mend_blobs(run, &task.work, &task.source, &present).await
    {
        return run.failed(&asset, Step::CopyBlobs, error).await;
    }
    let deleted = match std::mem::take(&mut task.due) {
        none if none.is_empty() => Vec::new(),
        due => match blobs::delete(run, &task.work, &task.source, &present, due).await {
            Ok(deleted) => deleted,
            Err(error) => return run.failed(&asset, Step::CopyBlobs, error).await,
        },
    };
    // Recorded here, too: below `x-ms-version` 2.2 the container of a new target was not known when its copies started.
    let place = Facts { container: Some(present.container.clone()), ..Facts::default() };
    run.advance(&asset, (Step::CopyBlobs, place), (Step::Verify, Facts::default())).await?;
    let holds = present.account;
    let facts = match verify::verify_copy(&task.work, &task.source, present).await {
        Ok(facts) => facts,
        Err(error) => return run.failed(&asset, Step::Verify, error).await,
    };
    run.advance(&asset, (Step::Verify, facts), (Step::RegisterFiles, Facts::default())).await?;
    tags::note(run, &asset, &task.source, Some(holds));
    let Task { work, source, replaced, mut survey, .. } = *task;
    run.count(|tally| tally.keep(survey.kept.len() as u64, survey.kept_bytes));
    let mut changes = changes_of_blobs(made_now && replaced.is_none(), blobs_copied, source.count, &survey);
    changes.extend(delete::change(&deleted));
    survey.kept.retain(|kept| !deleted.contains(kept));
    let blobs = source.count;
    // The asset may wait for others from here on, so its memory is freed.
    drop(source);
    let kept = survey.kept.into_iter().map(|kept| kept.name).collect();
    let task = Finish { work, target, made_now, created, replaced, kept, blobs, changes };
    Box::pin(finish(run, Box::new(task), in_flight)).await
}

/// Adopts the locators of a copy made by another tool before the ledger or the mark adopts the copy. Otherwise a run
/// that is interrupted in between leaves locators on our copy that count as foreign permanently.
async fn adopt(run: &Run, work: &Work) -> Result<(), Error> {
    if !work.adopting {
        return Ok(());
    }
    let outdated = work.outdated.iter().map(|outdated| outdated.locator.id.clone());
    run.keeper.adopt(work.theirs.iter().cloned().chain(outdated)).await
}

/// Our copy of an asset, before its blobs are copied.
struct Started<'a> {
    target: TargetAsset,
    /// Its content.
    present: Contents<'a>,
    /// It still has to be marked as complete for the first time.
    made_now: bool,
    /// This run created it.
    created: bool,
}

/// Finds the existing copy or the one that an earlier run created, or creates a new one. Records that the copies of its
/// blobs start.
async fn start_copy<'a>(run: &'a Run, task: &mut Task<'a>) -> Result<Started<'a>, Error> {
    let (asset, source) = (&task.work.asset, &task.source);
    let recorded = task.work.row.as_ref().and_then(|row| row.facts.source_digest.as_deref());
    let mut started = Facts {
        name: Some(asset.label().to_owned()),
        // While the copy still has old blobs, the digest of the source's present content must not be recorded for it.
        source_digest: (task.survey.changed == 0).then(|| digest::to_record(source.digest.clone(), recorded)),
        blobs: Some(source.count),
        bytes: Some(source.bytes),
        ..Facts::default()
    };
    let known = task.work.target.clone().zip(task.present.take());
    let made_now = known.is_none();
    let there = match known {
        Some(known) => Some(known),
        None => match find_started_copy(run, &task.work).await? {
            Some(target) => {
                let place = locate_copy(&run.pair.target, &target).await?;
                Some((target, Contents::list(place).await?))
            }
            None => None,
        },
    };
    if let Some((target, present)) = there {
        started.target = Some(target.id.clone());
        started.container = Some(present.container.clone());
        run.record(asset, Step::CopyBlobs, Status::Started, started).await?;
        return Ok(Started { target, present, made_now, created: false });
    }
    forget_lost(run, &task.work, task.replaced.is_some()).await?;
    let target = create_copy(run, &task.work, started).await?;
    let present = Contents::none(locate_copy(&run.pair.target, &target).await?);
    Ok(Started { target, present, made_now, created: true })
}

/// The changes of the blobs.
fn changes_of_blobs(new: bool, copied: u64, count: u64, survey: &Survey) -> Vec<Change> {
    if new {
        return vec![Change::New { blobs: count }];
    }
    let counted = [
        (copied, Change::Blobs { blobs: copied }),
        (survey.headers, Change::Headers { blobs: survey.headers }),
        (survey.tags, Change::Tags { blobs: survey.tags }),
    ];
    counted.into_iter().filter(|(count, _)| *count > 0).map(|(_, change)| change).collect()
}

fn unchanged(run: &Run, work: &Work, source: &Contents<'_>, present: &Contents<'_>) -> AssetEnd {
    run.overwrites.compared(source.count);
    run.count(|tally| {
        tally.blobs.unchanged += source.count;
        tally.locators.unchanged += work.present;
        tally.locators.failed += work.conflicts.len() as u64;
        tally.keep(present.count.saturating_sub(source.count), present.bytes.saturating_sub(source.bytes));
    });
    // A conflict of a locator is reported in every run.
    work.conflicts.first().cloned().map_or(AssetEnd::With(AssetOutcome::Unchanged), AssetEnd::WithConflict)
}
