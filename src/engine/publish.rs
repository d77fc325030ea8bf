//! The last two steps of an asset: its file records, and the locators by which it answers.

use super::asset::failed;
use super::confirm;
use super::digest::FilesDigest;
use super::plan::Work;
use super::register::Announced;
use super::room::Place;
use super::run::{Journey, Run, patience};
use crate::error::Error;
use crate::ledger::{Facts, Status, Step};
use crate::media::FileSet;
use crate::model::{AssetId, Locator};
use crate::monitor::AssetOutcome;
use crate::verdict::Cause;

/// An asset whose file records are to be those of its source.
#[derive(Debug)]
pub(crate) struct Registration {
    source: AssetId,
    target: AssetId,
    /// Did this run make the target asset?
    made_now: bool,
}

/// Both steps, together with other assets that are as far. `files` is how many file records it may have.
pub(super) async fn finish(
    run: &Run,
    work: &Work,
    target: &AssetId,
    files: u64,
    journey: Journey,
) -> Result<Option<AssetOutcome>, Error> {
    let Journey { place, ahead } = journey;
    register(run, work, (target, files), &place, ahead.files).await?;
    publish(run, work, target, &place, ahead.locators).await
}

/// Makes the target's file records what the source's are. Begun before; when it is done the locators are begun.
async fn register(
    run: &Run,
    work: &Work,
    (target, files): (&AssetId, u64),
    place: &Place,
    announced: Announced<Registration, FilesDigest>,
) -> Result<(), Error> {
    let asset = &work.asset;
    let (source, made_now) = (asset.id.clone(), work.target.is_none());
    let pair = Registration { source, target: target.clone(), made_now };
    let aside = place.step_aside();
    let result = announced.submit(pair, files, patience(place), |pairs| register_batch(run, pairs)).await;
    drop(aside);
    match result {
        Ok(digest) => {
            let facts = Facts { files_digest: Some(digest.text()), ..Facts::default() };
            let next = (Step::PublishLocators, Facts::default());
            run.advance(asset, (Step::RegisterFiles, facts), next).await
        }
        Err(error) => {
            failed(run, asset, Step::RegisterFiles, error).await?;
            Ok(())
        }
    }
}

/// Reads the source's records of several assets and writes them to their targets. Returns what was written of each.
async fn register_batch(run: &Run, pairs: Vec<Registration>) -> Vec<Result<FilesDigest, Error>> {
    let sources: Vec<AssetId> = pairs.iter().map(|pair| pair.source.clone()).collect();
    let files = match run.pair.source.media.files_of(&sources).await {
        Ok(files) => files,
        Err(error) => return crate::error::for_all(error, sources.len()),
    };
    // An asset that was made now has no other records.
    let set = |(pair, files): (Registration, _)| FileSet {
        remove_others: !pair.made_now,
        ..FileSet::new(pair.target, files)
    };
    let sets: Vec<FileSet> = pairs.into_iter().zip(files).map(set).collect();
    let results = confirm::register(run, &sets).await;
    results.into_iter().zip(&sets).map(|(result, set)| result.map(|()| FilesDigest::of(&set.files))).collect()
}

/// Makes the locators: the asset answers from here on. Begun before.
async fn publish(
    run: &Run,
    work: &Work,
    target: &AssetId,
    place: &Place,
    announced: Announced<Vec<Locator>, Vec<Result<Locator, Error>>>,
) -> Result<Option<AssetOutcome>, Error> {
    let asset = &work.asset;
    let mut problems = work.taken.clone();
    let mut first_error = None;
    let of_target = |locator: &Locator| Locator { asset: target.clone(), ..locator.clone() };
    let missing: Vec<Locator> = work.missing.iter().map(of_target).collect();
    let results = if missing.is_empty() {
        drop(announced);
        Vec::new()
    } else {
        let weight = missing.len() as u64;
        let _aside = place.step_aside();
        match announced.submit(missing, weight, patience(place), |sets| publish_batch(run, sets)).await {
            Ok(results) => results,
            Err(error) => vec![Err(error)],
        }
    };
    let mut made = 0;
    for result in results {
        match result {
            Ok(_) => made += 1,
            Err(Error::Found { subject, finding }) => problems.push(format!("{subject}: {}", finding.detail)),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    for locator in &work.outdated {
        match confirm::update(run, locator).await {
            Ok(()) => made += 1,
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    let wanted = (work.missing.len() + work.outdated.len()) as u64;
    run.count(|tally| {
        tally.locators.mirrored += made;
        tally.locators.unchanged += work.present;
        tally.locators.failed += wanted - made + work.taken.len() as u64;
    });
    if let Some(error) = first_error {
        return failed(run, asset, Step::PublishLocators, error).await;
    }
    if !problems.is_empty() {
        let error = Error::found(asset.label(), Cause::LocatorIdTaken, problems.join("; "));
        return failed(run, asset, Step::PublishLocators, error).await;
    }
    let facts = Facts { locators_digest: Some(work.locators_digest.clone()), ..Facts::default() };
    run.record(asset, Step::PublishLocators, Status::Succeeded, facts).await?;
    Ok(Some(AssetOutcome::Mirrored))
}

/// Makes the locators of several assets. Returns what became of each.
async fn publish_batch(run: &Run, sets: Vec<Vec<Locator>>) -> Vec<Result<Vec<Result<Locator, Error>>, Error>> {
    let mut results = confirm::publish(run, &sets.concat()).await.into_iter();
    sets.iter().map(|set| Ok(results.by_ref().take(set.len()).collect())).collect()
}
