//! The last two steps of an asset: its file records with its mark, and the locators that publish it.

pub(crate) mod publication;

use tokio::time::Instant;

use crate::claims::digest::{FilesDigest, with_count};
use crate::claims::{Move, Standing, TargetAsset, Work};
use crate::engine::confirm;
use crate::engine::filters;
use crate::engine::publish::publication::publish_batch;
use crate::engine::run::Run;
use crate::engine::schedule::batcher::Announced;
use crate::engine::schedule::in_flight::{
    AssetEnd, InFlight, Made, Publication, Registration, patience_to_publish, patience_to_register,
};
use crate::engine::schedule::slots::AssetSlot;
use crate::error::{Error, for_all};
use crate::ledger::{Facts, Status, Step};
use crate::library::{FileSet, OtherRecords};
use crate::model::{AssetChange, AssetId, Locator, LocatorId, Mark};
use crate::monitor::AssetOutcome;
use crate::verdict::{Cause, Change};

/// An asset whose blobs are verified.
pub(crate) struct Finish {
    pub(crate) work: Work,
    pub(crate) target: TargetAsset,
    /// Was the target asset created by this run, or by one that did not complete it?
    pub(crate) made_now: bool,
    /// Was it created by this run?
    pub(crate) created: bool,
    /// The copy that this one replaces.
    pub(crate) replaced: Option<TargetAsset>,
    /// Names of blobs that only the target has.
    pub(crate) kept: Vec<String>,
    /// The most file records that it can have.
    pub(crate) blobs: u64,
    /// The changes so far.
    pub(crate) changes: Vec<Change>,
}

/// Runs both steps, with the filters in between, together with other assets that are ready for them.
pub(crate) async fn finish(run: &Run, mut task: Box<Finish>, in_flight: InFlight) -> Result<AssetEnd, Error> {
    let InFlight { slot, ahead } = in_flight;
    register(run, &mut task, &slot, ahead.files).await?;
    match filters::mirror(run, &task.work, &task.target.id).await? {
        Ok(change) => task.changes.extend(change.filter(|_| !task.made_now)),
        // The asset is published nevertheless: all other URLs play.
        Err(finding) => task.work.conflicts.push(finding),
    }
    publish(run, task, &slot, ahead.locators).await
}

/// Makes the target's file records equal to the source's, and writes the mark and the name. First records that this
/// step has started; afterwards records that the step of the locators has started.
async fn register(
    run: &Run,
    task: &mut Finish,
    slot: &AssetSlot,
    announced: Announced<Registration, FilesDigest>,
) -> Result<(), Error> {
    run.may_write()?;
    let asset = &task.work.asset;
    let unmarked = task.made_now || task.target.standing != Standing::Ours;
    // While the copy that it replaces exists, it does not get a complete mark: there would be two complete copies.
    let change = ((task.work.own_differs() || unmarked) && task.replaced.is_none())
        .then(|| complete_mark(&task.work, &task.target));
    let registration = Registration {
        source: asset.id.clone(),
        target: task.target.id.clone(),
        account: task.work.mark.account.clone(),
        // If the id is the container's name, no other run can have created another copy.
        made_now: task.made_now && run.pair.target.library.capabilities().locators,
        created: task.created,
        change,
        kept: std::mem::take(&mut task.kept),
        not_taken: task.work.not_taken.clone(),
        replaces: task.replaced.as_ref().map(|old| old.id.clone()),
    };
    let wait = slot.wait_for_batch();
    let result =
        announced.submit(registration, task.blobs, patience_to_register(slot), |some| register_batch(run, some)).await;
    drop(wait);
    match result {
        Ok(digest) => {
            let text = digest.text();
            let before = task.work.row.as_ref().and_then(|row| row.facts.files_digest.as_ref());
            if !unmarked {
                task.changes.extend(own_changes(&task.work));
            }
            if before.is_some_and(|before| *before != text) {
                task.changes.push(Change::Records);
            }
            let facts = Facts { files_digest: Some(text), ..Facts::default() };
            let next = (Step::PublishLocators, Facts::default());
            run.advance(asset, (Step::RegisterFiles, facts), next).await
        }
        // The ledger has removed the copy that lost.
        Err(error) if error.cause() == Some(Cause::MadeByAnotherRun) => Err(error),
        Err(error) => run.failed(asset, Step::RegisterFiles, error).await,
    }
}

/// Reads the source's records of several assets and writes them to their targets. Returns the digests of the records.
async fn register_batch(run: &Run, some: Vec<Registration>) -> Vec<Result<FilesDigest, Error>> {
    let sources: Vec<AssetId> = some.iter().map(|one| one.source.clone()).collect();
    let (files, lost) = futures::join!(run.pair.source.library.files_of(&sources), lost_races(run, &some));
    let files = match files {
        Ok(files) => files,
        Err(error) => return for_all(error, sources.len()),
    };
    let (mut sets, mut results) = (Vec::new(), Vec::new());
    for ((one, mut files), lost) in some.into_iter().zip(files).zip(lost) {
        files.retain(|file| !one.not_taken.contains(&file.name));
        match lost {
            Ok(None) => {
                results.push(None);
                sets.push(FileSet {
                    change: one.change,
                    others: if one.created { OtherRecords::DeleteMade } else { OtherRecords::Delete },
                    keep: one.kept,
                    ..FileSet::new(one.target, files)
                });
            }
            Ok(Some(winner)) => results.push(Some(Err(yield_to(run, &one, &winner).await))),
            Err(error) => results.push(Some(Err(error))),
        }
    }
    let mut written = confirm::register(run, &sets).await.into_iter().zip(&sets);
    let mut next = || {
        let (result, set) = written.next().expect("one result for each set");
        result.map(|()| FilesDigest::of(&set.files))
    };
    results.into_iter().map(|result| result.unwrap_or_else(&mut next)).collect()
}

/// For each asset that was created now: the complete copy that another run created of it, before or while this run had
/// the lock. An incomplete copy does not count, because only the run that has the lock continues.
async fn lost_races(run: &Run, some: &[Registration]) -> Vec<Result<Option<AssetId>, Error>> {
    let prefixes: Vec<String> =
        some.iter().filter(|one| one.made_now).map(|one| Mark::prefix(&one.account, &one.source)).collect();
    let mut found = match run.pair.target.library.assets_by_marks(&prefixes).await {
        Ok(found) => found.into_iter(),
        Err(error) => return for_all(error, some.len()),
    };
    let winner = |one: &Registration, copies: Vec<crate::model::Asset>| {
        let copies = copies.into_iter().map(|copy| TargetAsset::of(copy, &one.account));
        let complete = copies.filter(|copy| copy.standing == Standing::Ours && Some(&copy.id) != one.replaces.as_ref());
        complete.map(|copy| copy.id).filter(|id| *id != one.target).min()
    };
    some.iter()
        .map(|one| Ok(if one.made_now { found.next().and_then(|copies| winner(one, copies)) } else { None }))
        .collect()
}

/// Removes our unpublished copy, because another copy is complete.
async fn yield_to(run: &Run, one: &Registration, winner: &AssetId) -> Error {
    if let Err(error) = run.pair.target.library.delete_asset(&one.target).await {
        return error;
    }
    if let Err(error) = run.ledger.forget(&one.source).await {
        return error.into();
    }
    Error::found(one.source.as_str(), Cause::MadeByAnotherRun, winner.as_str())
}

/// Creates the locators, so that the asset plays. First records that this step has started.
async fn publish(
    run: &Run,
    task: Box<Finish>,
    slot: &AssetSlot,
    announced: Announced<Publication, Vec<Result<Made, Error>>>,
) -> Result<AssetEnd, Error> {
    run.may_write()?;
    let Finish { mut work, target, replaced, mut changes, made_now, .. } = *task;
    let since = Instant::now();
    let of_old = match &replaced {
        None => Vec::new(),
        Some(old) => match replace(run, &mut work, old, &target).await {
            Ok(of_old) => of_old,
            Err(error) => return run.failed(&work.asset, Step::PublishLocators, error).await,
        },
    };
    let asset = &work.asset;
    let of_target = |locator: &Locator| Locator { asset: target.id.clone(), ..locator.clone() };
    let moved = work.moved.iter().map(|moved| Move { locator: of_target(&moved.locator), from: moved.from.clone() });
    let publication = Publication {
        source: asset.id.clone(),
        missing: work.missing.iter().map(of_target).collect(),
        moved: moved.collect(),
    };
    let results = if publication.len() == 0 {
        drop(announced);
        Vec::new()
    } else {
        let weight = publication.len() as u64;
        let _wait = slot.wait_for_batch();
        match announced.submit(publication, weight, patience_to_publish(slot), |some| publish_batch(run, some)).await {
            Ok(results) => results,
            Err(error) => vec![Err(error)],
        }
    };
    let (mut conflicts, mut first_error, mut made) = (work.conflicts.clone(), None, 0);
    for result in results {
        match result {
            Ok(Made { locator, dead }) => {
                made += 1;
                let dead = dead.or_else(|| of_old.contains(&locator.id).then(|| since.elapsed()));
                changes.extend(made_locator(Made { locator, dead }, made_now));
            }
            Err(Error::Found { finding, .. }) if finding.cause == Cause::LocatorIdTaken => conflicts.push(finding),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    for outdated in &work.outdated {
        match confirm::update(run, &outdated.locator).await {
            Ok(()) => {
                made += 1;
                changes.push(new_terms(&outdated.locator, &outdated.there));
            }
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    run.count(|tally| {
        tally.locators.mirrored += made;
        tally.locators.unchanged += work.present;
        tally.locators.failed += work.locators_to_do() - made + work.conflicts.len() as u64;
    });
    run.changed(asset, changes);
    if let Some(error) = first_error {
        return run.failed(asset, Step::PublishLocators, error).await;
    }
    // A state that only one side has is not recorded as common.
    let both = if work.conflicts.is_empty() { work.locators_digest.as_str() } else { "" };
    let facts = Facts { locators_digest: Some(with_count(both, work.present + made)), ..Facts::default() };
    run.record(asset, Step::PublishLocators, Status::Succeeded, facts).await?;
    // No more work is possible: the next run does nothing here, unless something changes.
    Ok(conflicts.into_iter().next().map_or(AssetEnd::With(AssetOutcome::Mirrored), AssetEnd::WithConflict))
}

/// The changes of the name, the mark and the metadata of the copy.
fn own_changes(work: &Work) -> impl Iterator<Item = Change> {
    let name = work.renamed.then_some(Change::Name);
    name.into_iter().chain(work.other_metadata.then_some(Change::Metadata))
}

/// The change for a new locator; locators of a new asset are not listed.
fn made_locator(Made { locator, dead }: Made, new_asset: bool) -> Option<Change> {
    let (id, kind) = (locator.id, locator.kind);
    if let Some(dead) = dead {
        let dead_milliseconds = u64::try_from(dead.as_millis()).unwrap_or(u64::MAX);
        return Some(Change::LocatorMoved { id, dead_milliseconds });
    }
    (!new_asset).then_some(Change::LocatorMade { id, kind })
}

fn new_terms(locator: &Locator, there: &Locator) -> Change {
    let (id, kind, expiry) = (locator.id.clone(), locator.kind, locator.expiry);
    Change::LocatorTerms { id, kind, expiry, longer: expiry >= there.expiry }
}

/// The changes of the locators that a dry run reports.
pub(crate) fn with_intended_locators(mut changes: Vec<Change>, work: &Work) -> Vec<Change> {
    changes.extend(own_changes(work));
    if work.target.is_some() {
        changes.extend(filters::change(&work.filters));
        let made = |locator: &Locator| Change::LocatorMade { id: locator.id.clone(), kind: locator.kind };
        changes.extend(work.missing.iter().map(made));
    }
    let moved = |moved: &Move| Change::LocatorMoved { id: moved.locator.id.clone(), dead_milliseconds: 0 };
    changes.extend(work.moved.iter().map(moved));
    changes.extend(work.outdated.iter().map(|outdated| new_terms(&outdated.locator, &outdated.there)));
    changes
}

/// The name, the mark and the metadata of a complete copy.
fn complete_mark(work: &Work, copy: &TargetAsset) -> AssetChange {
    let mark = Mark { own: Some(copy.id.clone()), ..work.mark.clone() };
    AssetChange {
        name: Some(work.asset.name.clone()),
        alternate_id: Some(Some(mark.text())),
        metadata: Some(work.asset.metadata.clone()),
    }
}

/// Replaces the copy that lost its container: the new copy gets its locators. Nothing plays meanwhile. If a run is
/// interrupted, there is at most one complete copy, which the next run finds. Returns these locators.
async fn replace(run: &Run, work: &mut Work, old: &TargetAsset, new: &TargetAsset) -> Result<Vec<LocatorId>, Error> {
    let library = &run.pair.target.library;
    // If the id is the container's name, the new copy has the id of the old one, and nothing has to be removed.
    if old.id == new.id {
        library.update_asset(&new.id, &complete_mark(work, new)).await?;
        return Ok(Vec::new());
    }
    let (of_old, moved) = std::mem::take(&mut work.moved).into_iter().partition(|moved| moved.from == old.id);
    work.moved = moved;
    let of_old: Vec<Locator> = Vec::into_iter(of_old).map(|moved| moved.locator).collect();
    let ids: Vec<LocatorId> = of_old.iter().map(|locator| locator.id.clone()).collect();
    work.missing.extend(of_old);
    // Requested again now: a listing may omit a locator, and deleting the asset would delete it.
    let there = library.locators_of_asset(&old.id).await?;
    let ours = run.claims.ours_among(&there);
    if ours.len() < there.len() {
        // The copy stays because of a foreign locator, and no longer counts as ours. So none of our locators stay on
        // it, not even those that a guard holds: without a container it plays nothing.
        for removed in confirm::withdraw(run, &ours).await {
            removed?;
        }
        let unmarked = AssetChange { alternate_id: Some(None), ..AssetChange::default() };
        library.update_asset(&old.id, &unmarked).await?;
    } else {
        library.delete_asset(&old.id).await?;
    }
    library.update_asset(&new.id, &complete_mark(work, new)).await?;
    Ok(ids)
}
