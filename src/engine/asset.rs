//! The steps of one asset, each in the ledger before and after. The locator comes last.

use std::collections::HashMap;

use futures::TryStreamExt;

use super::catalog::TargetAsset;
use super::compare;
use super::copy::{CopyResult, Route, copy_blobs};
use super::digest::{self, FilesDigest};
use super::plan::Work;
use super::run::Run;
use crate::blob::BlobAccount;
use crate::connect::Endpoint;
use crate::error::Error;
use crate::ledger::{Facts, Status, Step};
use crate::media::FileSet;
use crate::model::{Asset, AssetId, Blob, ContainerName, NewAsset};
use crate::monitor::{AssetOutcome, RunEvent};

/// Differences named in an error; the rest is counted.
const DIFFERENCES_NAMED: usize = 3;

/// Mirrors one asset. `None` = the run was stopped before it was complete; the next run goes on from there.
pub(crate) async fn mirror_asset(run: &Run, work: Work) -> Result<Option<AssetOutcome>, Error> {
    let asset = &work.asset;
    let source = storage(&run.pair.source, asset.storage_account.as_ref(), asset, "source")?;
    let from = container_of(&run.pair.source, asset.container.as_ref(), &asset.id).await?;
    let blobs = match list_all(source, &from).await {
        Ok(blobs) => blobs,
        Err(error) if is_missing_container(&error) => return without_container(run, asset, &from).await.map(Some),
        Err(error) => return Err(error),
    };
    reject_unsuitable(asset, &blobs)?;
    let source_digest = digest::of_blobs(&blobs);

    if let Some(row) = work.settled()
        && row.facts.source_digest.as_deref() == Some(&source_digest)
        && let Some(target) = &work.target
    {
        let (account, to) = place_of(&run.pair.target, target).await?;
        let copies = list_all(account, &to).await?;
        if row.facts.target_digest.as_deref() == Some(&digest::of_blobs(&copies)) {
            return Ok(Some(unchanged(run, &work, blobs.len())));
        }
    }
    if let Some(foreign) = &work.foreign {
        return accept_foreign(run, &work, foreign, &blobs).await.map(Some);
    }
    if run.options.dry_run {
        return dry_run(run, &work, &blobs).await.map(Some);
    }
    write(run, work, Source { account: source, container: from, blobs, digest: source_digest }).await
}

/// The source side of an asset as it was listed.
struct Source<'a> {
    account: &'a BlobAccount,
    container: ContainerName,
    blobs: Vec<Blob>,
    digest: String,
}

/// Everything that changes the target, in order.
async fn write(run: &Run, work: Work, source: Source<'_>) -> Result<Option<AssetOutcome>, Error> {
    let asset = work.asset.clone();
    // A copy begun for this very state of the source is bound to its entity tags: what is there of it is current.
    let resumed = work.row.as_ref().is_some_and(|row| row.facts.source_digest.as_ref() == Some(&source.digest));
    let (target, is_new) = match work.target.clone() {
        Some(target) => (target, false),
        None => (create_target(run, &asset).await?, true),
    };
    let (account, to) = place_of(&run.pair.target, &target).await?;
    let present = if is_new { Vec::new() } else { list_all(account, &to).await? };
    let route = Route { source: source.account, from: &source.container, target: account, to: &to };

    let begun = Facts {
        name: Some(asset.label().to_owned()),
        target: Some(target.id.clone()),
        container: Some(to.clone()),
        source_digest: Some(source.digest.clone()),
        blobs: Some(source.blobs.len() as u64),
        bytes: Some(source.blobs.iter().map(|blob| blob.length).sum()),
        ..Facts::default()
    };
    run.record(&asset, Step::CopyBlobs, Status::Started, begun).await?;
    let missing = missing_blobs(&source.blobs, &present, resumed);
    run.count(|tally| tally.blobs.unchanged += (source.blobs.len() - missing.len()) as u64);
    run.monitor.event(RunEvent::AssetStarted {
        asset: asset.id.clone(),
        name: asset.label().to_owned(),
        blobs: missing.len() as u64,
        bytes: missing.iter().map(|blob| blob.length).sum(),
    });
    let copied = if missing.is_empty() { CopyResult::default() } else { copy_blobs(run, &asset, route, missing).await };
    if copied.left > 0 {
        return Ok(None);
    }
    let wanted = match settle_copies(run, &asset, source.blobs, copied).await {
        Ok(wanted) => wanted,
        Err(error) => return failed(run, &asset, Step::CopyBlobs, error).await,
    };
    run.record(&asset, Step::CopyBlobs, Status::Succeeded, Facts::default()).await?;

    run.record(&asset, Step::Verify, Status::Started, Facts::default()).await?;
    let target_digest = match verify_target(account, &to, &wanted).await {
        Ok(target_digest) => target_digest,
        Err(error) => return failed(run, &asset, Step::Verify, error).await,
    };
    let facts = Facts {
        source_digest: Some(digest::of_blobs(&wanted)),
        target_digest: Some(target_digest),
        ..Facts::default()
    };
    run.record(&asset, Step::Verify, Status::Succeeded, facts).await?;
    register(run, &work, &target.id).await?;
    publish(run, &work, &target.id).await
}

/// Makes the empty target asset.
async fn create_target(run: &Run, asset: &Asset) -> Result<TargetAsset, Error> {
    let facts = Facts { name: Some(asset.label().to_owned()), ..Facts::default() };
    run.record(asset, Step::CreateTarget, Status::Started, facts).await?;
    let wanted = NewAsset {
        name: asset.name.clone(),
        alternate_id: asset.id.as_str().to_owned(),
        encryption: asset.encryption,
        storage_account: None,
    };
    match run.pair.target.media.create_asset(&wanted).await {
        Ok(made) => {
            let facts = Facts { target: Some(made.id.clone()), container: made.container.clone(), ..Facts::default() };
            run.record(asset, Step::CreateTarget, Status::Succeeded, facts).await?;
            Ok(made.into())
        }
        Err(error) => {
            let facts = Facts { error: Some(error.to_string()), ..Facts::default() };
            run.record(asset, Step::CreateTarget, Status::Failed, facts).await?;
            Err(error)
        }
    }
}

/// The blobs that are not on the target as they are on the source.
fn missing_blobs(source: &[Blob], present: &[Blob], resumed: bool) -> Vec<Blob> {
    let by_name: HashMap<&str, &Blob> = present.iter().map(|blob| (blob.name.as_str(), blob)).collect();
    let there = |blob: &&Blob| {
        by_name.get(blob.name.as_str()).is_some_and(|copy| {
            if resumed { compare::difference(blob, copy).is_none() } else { compare::is_current(blob, copy) }
        })
    };
    source.iter().filter(|blob| !there(blob)).cloned().collect()
}

/// The source as it was copied: blobs that changed meanwhile in their new state, those that vanished left out.
async fn settle_copies(run: &Run, asset: &Asset, mut blobs: Vec<Blob>, copied: CopyResult) -> Result<Vec<Blob>, Error> {
    let failures = copied.failed.len();
    if let Some((name, error)) = copied.failed.into_iter().next() {
        if failures > 1 {
            run.monitor.event(RunEvent::Note(format!("{}: {failures} blobs failed, {name} first", asset.label())));
        }
        return Err(error);
    }
    if !copied.vanished.is_empty() {
        if run.pair.source.media.asset(&asset.id).await?.is_none() {
            return Err(Error::Vanished { subject: asset.label().to_owned() });
        }
        blobs.retain(|blob| !copied.vanished.contains(&blob.name));
    }
    let mut newer: HashMap<String, Blob> = copied.copied.into_iter().map(|blob| (blob.name.clone(), blob)).collect();
    for blob in &mut blobs {
        if let Some(newer) = newer.remove(&blob.name) {
            *blob = newer;
        }
    }
    Ok(blobs)
}

/// Lists the target and compares. Returns the fingerprint of what is there.
async fn verify_target(account: &BlobAccount, to: &ContainerName, wanted: &[Blob]) -> Result<String, Error> {
    let there = list_all(account, to).await?;
    let mut differences = compare::differences(wanted, &there);
    let named: Vec<String> =
        differences.by_ref().take(DIFFERENCES_NAMED).map(|(blob, what)| format!("{}: {what}", blob.name)).collect();
    if named.is_empty() {
        return Ok(digest::of_blobs(&there));
    }
    let more = match differences.count() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Err(Error::Differs { subject: to.to_string(), reason: format!("{}{more}", named.join("; ")) })
}

/// Makes the target's file records what the source's are.
async fn register(run: &Run, work: &Work, target: &AssetId) -> Result<(), Error> {
    let asset = &work.asset;
    run.record(asset, Step::RegisterFiles, Status::Started, Facts::default()).await?;
    let pair = (asset.id.clone(), target.clone());
    let result = run.files.submit(pair, |pairs| register_batch(run, pairs)).await;
    match result {
        Ok(digest) => {
            let facts = Facts { files_digest: Some(digest.text()), ..Facts::default() };
            run.record(asset, Step::RegisterFiles, Status::Succeeded, facts).await
        }
        Err(error) => {
            failed(run, asset, Step::RegisterFiles, error).await?;
            Ok(())
        }
    }
}

/// Reads the source's records of several assets and writes them to their targets. Returns what was written of each.
async fn register_batch(run: &Run, pairs: Vec<(AssetId, AssetId)>) -> Vec<Result<FilesDigest, Error>> {
    let (sources, targets): (Vec<AssetId>, Vec<AssetId>) = pairs.into_iter().unzip();
    let files = match run.pair.source.media.files_of(&sources).await {
        Ok(files) => files,
        Err(error) => return crate::error::for_all(error, sources.len()),
    };
    let sets: Vec<FileSet> = targets.into_iter().zip(files).map(|(asset, files)| FileSet { asset, files }).collect();
    let results = run.pair.target.media.register_files(&sets).await;
    results.into_iter().zip(&sets).map(|(result, set)| result.map(|()| FilesDigest::of(&set.files))).collect()
}

/// Makes the locators: the asset answers from here on.
async fn publish(run: &Run, work: &Work, target: &AssetId) -> Result<Option<AssetOutcome>, Error> {
    let asset = &work.asset;
    run.record(asset, Step::PublishLocators, Status::Started, Facts::default()).await?;
    let mut problems = work.taken.clone();
    let mut first_error = None;
    let wanted = work.missing.iter().map(|locator| {
        let locator = crate::model::Locator { asset: target.clone(), ..locator.clone() };
        run.publications.submit(locator, |batch| async move { run.pair.target.media.publish(&batch).await })
    });
    let mut made = 0;
    for result in futures::future::join_all(wanted).await {
        match result {
            Ok(_) => made += 1,
            Err(Error::Conflict { subject, reason }) => problems.push(format!("{subject}: {reason}")),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    for locator in &work.outdated {
        match run.pair.target.media.update_locator(locator).await {
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
        let error = Error::Conflict { subject: asset.label().to_owned(), reason: problems.join("; ") };
        return failed(run, asset, Step::PublishLocators, error).await;
    }
    let facts = Facts { locators_digest: Some(work.locators_digest.clone()), ..Facts::default() };
    run.record(asset, Step::PublishLocators, Status::Succeeded, facts).await?;
    Ok(Some(AssetOutcome::Mirrored))
}

/// Records a failed step and passes its error on.
async fn failed<T>(run: &Run, asset: &Asset, step: Step, error: Error) -> Result<T, Error> {
    let facts = Facts { error: Some(error.to_string()), ..Facts::default() };
    run.record(asset, step, Status::Failed, facts).await?;
    Err(error)
}

fn unchanged(run: &Run, work: &Work, blobs: usize) -> AssetOutcome {
    run.count(|tally| {
        tally.blobs.unchanged += blobs as u64;
        tally.locators.unchanged += work.present;
    });
    AssetOutcome::Unchanged
}

/// Somebody else's asset under our locator id: as good as ours if it is equal, otherwise in the way. Never written to.
async fn accept_foreign(run: &Run, work: &Work, foreign: &TargetAsset, blobs: &[Blob]) -> Result<AssetOutcome, Error> {
    let conflict = |what: String| Error::Conflict {
        subject: work.asset.label().to_owned(),
        reason: format!(
            "a locator id of it is taken in the target by asset {:?} ({}), which is not a copy that mediamirror made, \
             and differs: {what}",
            foreign.label, foreign.id
        ),
    };
    let (account, to) = place_of(&run.pair.target, foreign).await?;
    let there = match list_all(account, &to).await {
        Err(error) if is_missing_container(&error) => return Err(conflict("its container is missing".to_owned())),
        other => other?,
    };
    if let Some((blob, what)) = compare::differences(blobs, &there).next() {
        return Err(conflict(format!("{}: {what}", blob.name)));
    }
    if let Some(locator) = work.missing.iter().chain(&work.outdated).next() {
        return Err(conflict(format!("locator {} is missing or has other terms", locator.id)));
    }
    Ok(unchanged(run, work, blobs.len()))
}

/// Counts what a real run would do.
async fn dry_run(run: &Run, work: &Work, blobs: &[Blob]) -> Result<AssetOutcome, Error> {
    let present = match &work.target {
        None => Vec::new(),
        Some(target) => {
            let (account, to) = place_of(&run.pair.target, target).await?;
            list_all(account, &to).await?
        }
    };
    let missing = missing_blobs(blobs, &present, work.row.is_some());
    run.count(|tally| {
        tally.blobs.copied += missing.len() as u64;
        tally.blobs.unchanged += (blobs.len() - missing.len()) as u64;
        tally.bytes_copied += missing.iter().map(|blob| blob.length).sum::<u64>();
        tally.locators.mirrored += (work.missing.len() + work.outdated.len()) as u64;
        tally.locators.unchanged += work.present;
        tally.locators.failed += work.taken.len() as u64;
    });
    if !work.taken.is_empty() {
        return Err(Error::Conflict { subject: work.asset.label().to_owned(), reason: work.taken.join("; ") });
    }
    Ok(AssetOutcome::Mirrored)
}

/// An asset whose container is not there: it was deleted a moment ago, or it has been broken for long.
async fn without_container(run: &Run, asset: &Asset, container: &ContainerName) -> Result<AssetOutcome, Error> {
    Ok(match run.pair.source.media.asset(&asset.id).await? {
        None => AssetOutcome::Vanished,
        Some(_) => AssetOutcome::Skipped(format!(
            "its container {container} does not exist in the source: it plays nowhere, there is nothing to copy"
        )),
    })
}

/// Refuses what cannot live in an asset.
fn reject_unsuitable(asset: &Asset, blobs: &[Blob]) -> Result<(), Error> {
    match blobs.iter().find(|blob| !blob.block_blob) {
        None => Ok(()),
        Some(blob) => Err(Error::Unsuitable {
            subject: asset.label().to_owned(),
            reason: format!("blob {} is no block blob; media services serve block blobs only", blob.name),
        }),
    }
}

/// Where a target asset's blobs are.
pub(crate) async fn place_of<'a>(
    side: &'a Endpoint,
    target: &TargetAsset,
) -> Result<(&'a BlobAccount, ContainerName), Error> {
    let account = target.storage_account.as_ref();
    let account = side.blobs(account).ok_or_else(|| unknown_storage(&target.label, account, "target"))?;
    Ok((account, container_of(side, target.container.as_ref(), &target.id).await?))
}

/// The container, asked for where the listing does not tell (`x-ms-version` below 2.2).
pub(crate) async fn container_of(
    side: &Endpoint,
    known: Option<&ContainerName>,
    asset: &AssetId,
) -> Result<ContainerName, Error> {
    match known {
        Some(container) => Ok(container.clone()),
        None => side.media.container(asset).await,
    }
}

/// The configured storage account that holds an asset.
pub(crate) fn storage<'a>(
    side: &'a Endpoint,
    account: Option<&crate::model::AccountName>,
    asset: &Asset,
    word: &str,
) -> Result<&'a BlobAccount, Error> {
    side.blobs(account).map(AsRef::as_ref).ok_or_else(|| unknown_storage(asset.label(), account, word))
}

fn unknown_storage(label: &str, account: Option<&crate::model::AccountName>, word: &str) -> Error {
    let account = account.map_or("", crate::model::AccountName::as_str);
    Error::Unsuitable {
        subject: label.to_owned(),
        reason: format!(
            "it is stored in account {account:?}; add [[{word}.storage]] with its key to the configuration"
        ),
    }
}

/// All blobs of a container.
pub(crate) async fn list_all(account: &BlobAccount, container: &ContainerName) -> Result<Vec<Blob>, Error> {
    let mut blobs = Vec::new();
    let mut pages = account.list(container);
    while let Some(page) = pages.try_next().await? {
        blobs.extend(page);
    }
    Ok(blobs)
}

/// Does the error say that the container does not exist?
pub(crate) fn is_missing_container(error: &Error) -> bool {
    error.failure().is_some_and(|failure| failure.status() == Some(404))
}
