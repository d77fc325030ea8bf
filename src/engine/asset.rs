//! The steps of one asset, each in the ledger before and after. The locator comes last.

use futures::TryStreamExt;

use super::catalog::TargetAsset;
use super::choices::Situation;
use super::compare;
use super::contents::{Contents, side_by_side};
use super::copy::{CopyResult, Route, copy_blobs};
use super::digest::{BlobsDigest, BlobsSum};
use super::empty::nothing_behind;
use super::forecast::Copies;
use super::missing::missing;
use super::place::{container_of, is_missing_container, place_of, storage};
use super::plan::Work;
use super::publish::finish;
use super::run::{Journey, Run};
use super::verify::file_differences;
use crate::blob::BlobAccount;
use crate::error::Error;
use crate::ledger::{Facts, Status, Step};
use crate::model::{Asset, ContainerName, NewAsset};
use crate::monitor::{AssetOutcome, RunEvent};
use crate::verdict::{Cause, Finding};

/// Differences named in an error; the rest is counted.
const DIFFERENCES_NAMED: usize = 3;

/// Mirrors one asset. `None` = the run was stopped before it was complete; the next run goes on from there.
pub(crate) async fn mirror_asset(run: &Run, work: Work, journey: Journey) -> Result<Option<AssetOutcome>, Error> {
    let asset = &work.asset;
    let account = storage(&run.pair.source, asset.storage_account.as_ref(), asset, "source")?;
    let from = container_of(&run.pair.source, asset.container.as_ref(), &asset.id).await?;
    let source = match Contents::list(account, from.clone()).await {
        Ok(source) => source,
        Err(error) if is_missing_container(&error) => return without_container(run, asset, &from).await.map(Some),
        Err(error) => return Err(error),
    };
    reject_unsuitable(asset, &source)?;

    if let Some(row) = work.settled()
        && row.facts.source_digest.as_ref() == Some(&source.digest)
        && let Some(target) = &work.target
    {
        let (account, to) = place_of(&run.pair.target, target).await?;
        let copies = target_contents(asset, target, account, to).await?;
        if row.facts.target_digest.as_ref() == Some(&copies.digest) && has_its_records(run, &work, target).await? {
            return Ok(Some(unchanged(run, &work, &source)));
        }
    }
    if let Some(why) = nothing_behind(&run.pair, asset, &source).await? {
        return Ok(Some(AssetOutcome::Not(Finding::new(Cause::SourceEmpty, why))));
    }
    if let Some(foreign) = &work.foreign {
        return accept_foreign(run, &work, foreign, &source).await.map(Some);
    }
    if run.options.dry_run {
        return dry_run(run, &work, &source).await.map(Some);
    }
    write(run, work, source, journey).await
}

/// Has the target all file records? They may add up to something else and be good: somebody may have added some.
async fn has_its_records(run: &Run, work: &Work, target: &TargetAsset) -> Result<bool, Error> {
    Ok(!work.files_differ || file_differences(&run.pair, &work.asset.id, &target.id).await?.is_empty())
}

/// Everything that changes the target, in order.
async fn write(
    run: &Run,
    work: Work,
    mut source: Contents<'_>,
    journey: Journey,
) -> Result<Option<AssetOutcome>, Error> {
    let asset = work.asset.clone();
    let mut begun = Facts {
        name: Some(asset.label().to_owned()),
        source_digest: Some(source.digest.clone()),
        blobs: Some(source.count),
        bytes: Some(source.bytes),
        ..Facts::default()
    };
    let (target, present) = if let Some(target) = begun_before(run, &work).await? {
        let (account, to) = place_of(&run.pair.target, &target).await?;
        let present = target_contents(&asset, &target, account, to).await?;
        begun.target = Some(target.id.clone());
        begun.container = Some(present.container.clone());
        run.record(&asset, Step::CopyBlobs, Status::Started, begun).await?;
        (target, present)
    } else {
        forget_lost(run, &work).await?;
        let target = create_target(run, &asset, begun).await?;
        let (account, to) = place_of(&run.pair.target, &target).await?;
        (target, Contents::none(account, to))
    };
    let copied = copy_missing(run, &work, &source, &present).await?;
    run.count(|tally| tally.blobs.unchanged += source.count.saturating_sub(copied.planned));
    if copied.left > 0 {
        return Ok(None);
    }
    if let Err(error) = settle_copies(run, &asset, &mut source, copied).await {
        return failed(run, &asset, Step::CopyBlobs, error).await;
    }
    // Said here, too: below `x-ms-version` 2.2 the container of a new target was not known when its copies were begun.
    let place = Facts { container: Some(present.container.clone()), ..Facts::default() };
    run.advance(&asset, (Step::CopyBlobs, place), (Step::Verify, Facts::default())).await?;
    let facts = match verify_target(&asset, &source, present).await {
        Ok(facts) => facts,
        Err(error) => return failed(run, &asset, Step::Verify, error).await,
    };
    run.advance(&asset, (Step::Verify, facts), (Step::RegisterFiles, Facts::default())).await?;
    let blobs = source.count;
    // It may wait for others now, and needs no memory for that.
    drop(source);
    finish(run, &work, &target.id, blobs, journey).await
}

/// What our copy holds. One whose container somebody deleted cannot be mended from here: the media service alone gives an
/// asset its container.
async fn target_contents<'a>(
    asset: &Asset,
    target: &TargetAsset,
    account: &'a BlobAccount,
    container: ContainerName,
) -> Result<Contents<'a>, Error> {
    let name = container.to_string();
    Contents::list(account, container).await.map_err(|error| {
        if !is_missing_container(&error) {
            return error;
        }
        let detail = format!("the container {name} of its copy {} does not exist; delete that asset", target.id);
        Error::found(asset.label(), Cause::NotSupported, detail)
    })
}

/// Copies what is not on the target as it is on the source.
async fn copy_missing(
    run: &Run,
    work: &Work,
    source: &Contents<'_>,
    present: &Contents<'_>,
) -> Result<CopyResult, Error> {
    let asset = &work.asset;
    // Where something is there already the numbers are the most it may come to: a large container is not compared twice.
    run.monitor.event(RunEvent::AssetStarted {
        asset: asset.id.clone(),
        name: asset.label().to_owned(),
        blobs: source.count,
        bytes: source.bytes,
    });
    let route = Route {
        source: source.account,
        from: &source.container,
        target: present.account,
        to: &present.container,
        turn: run.next_turn(),
        begun_before: work.target.is_some(),
        situation: situation(run, work, source.account, Some(present.account)),
    };
    copy_blobs(run, asset, route, missing(work, source, present)).await
}

fn situation(run: &Run, work: &Work, from: &BlobAccount, to: Option<&BlobAccount>) -> Situation {
    Situation {
        asked: run.options.copy_method,
        same_account: to.is_some_and(|to| to.name() == from.name()),
        live: work.is_live(),
    }
}

/// Our copy, if there is one. One that was begun in an earlier run is looked for by itself, however complete the target's
/// listing may seem.
async fn begun_before(run: &Run, work: &Work) -> Result<Option<TargetAsset>, Error> {
    let unknown = work.row.as_ref().is_some_and(|row| row.step == Step::CreateTarget);
    if work.target.is_some() || !unknown {
        return Ok(work.target.clone());
    }
    let found = run.pair.target.media.assets_by_alternate_id(work.asset.id.as_str()).await?;
    Ok(found.into_iter().max_by_key(|made| made.created).map(TargetAsset::from))
}

/// A copy that the ledger knows and that exists no more is forgotten: the next one is a new one. It must not be made
/// because a listing of the target lags behind: then there would be two for ever.
async fn forget_lost(run: &Run, work: &Work) -> Result<(), Error> {
    let Some(lost) = &work.lost else { return Ok(()) };
    if run.pair.target.media.asset(lost).await?.is_some() {
        run.leave_behind();
        let detail = format!("the target's, its copy {lost}");
        return Err(Error::found(work.asset.label(), Cause::ListingIncomplete, detail));
    }
    Ok(run.ledger.forget(&work.asset.id).await?)
}

/// Makes the empty target asset. When it is there, its copies are begun.
async fn create_target(run: &Run, asset: &Asset, begun: Facts) -> Result<TargetAsset, Error> {
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
            run.advance(asset, (Step::CreateTarget, facts), (Step::CopyBlobs, begun)).await?;
            Ok(made.into())
        }
        Err(error) => failed(run, asset, Step::CreateTarget, error).await,
    }
}

/// The source as it was copied: blobs that changed meanwhile in their new state, those that vanished left out.
async fn settle_copies(run: &Run, asset: &Asset, source: &mut Contents<'_>, copied: CopyResult) -> Result<(), Error> {
    let failures = copied.failed.len();
    if let Some((name, error)) = copied.failed.into_iter().next() {
        if failures > 1 {
            run.monitor.event(RunEvent::Note(format!("{}: {failures} blobs failed, {name} first", asset.label())));
        }
        return Err(error);
    }
    if !copied.vanished.is_empty() && !still_there(run, asset, source).await? {
        return Err(Error::found(asset.label(), Cause::SourceVanished, ""));
    }
    for blob in &copied.vanished {
        source.exchange(blob, None);
    }
    for (old, new) in &copied.changed {
        source.exchange(old, Some(new));
    }
    Ok(())
}

/// Is there still an asset to mirror? With blobs gone it may be gone as a whole, or its container, or all that was in it.
async fn still_there(run: &Run, asset: &Asset, source: &Contents<'_>) -> Result<bool, Error> {
    if run.pair.source.media.asset(&asset.id).await?.is_none() {
        return Ok(false);
    }
    match Contents::list(source.account, source.container.clone()).await {
        Ok(now) => Ok(nothing_behind(&run.pair, asset, &now).await?.is_none()),
        Err(error) if is_missing_container(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Lists the target and compares. Returns the fingerprints of what was compared.
async fn verify_target(asset: &Asset, source: &Contents<'_>, present: Contents<'_>) -> Result<Facts, Error> {
    let Contents { account, container, .. } = present;
    let target = Contents::list(account, container).await?;
    let (mut digest, mut sum) = (BlobsDigest::default(), BlobsSum::default());
    let (mut named, mut more) = (Vec::new(), 0);
    let mut pairs = std::pin::pin!(side_by_side(source, &target));
    while let Some((blob, copy)) = pairs.try_next().await? {
        digest.add(&blob);
        sum.add(&blob);
        match compare::fault(&blob, copy.as_deref()) {
            Some(what) if named.len() < DIFFERENCES_NAMED => named.push(format!("{}: {what}", blob.name)),
            Some(_) => more += 1,
            None => {}
        }
    }
    if !named.is_empty() {
        let more = if more == 0 { String::new() } else { format!("; and {more} more") };
        let reason = format!("{}{more}", named.join("; "));
        return Err(Error::found(target.container.to_string(), Cause::DiffersAfterCopy, reason));
    }
    // A container that was listed again may be in another state than the one that was copied.
    if !source.is_of(sum) {
        return Err(Error::found(asset.label(), Cause::SourceChanging, ""));
    }
    Ok(Facts { source_digest: Some(digest.text()), target_digest: Some(target.digest.clone()), ..Facts::default() })
}

/// Records a failed step and passes its error on.
pub(super) async fn failed<T>(run: &Run, asset: &Asset, step: Step, error: Error) -> Result<T, Error> {
    let facts = Facts { error: Some(error.to_string()), ..Facts::default() };
    run.record(asset, step, Status::Failed, facts).await?;
    Err(error)
}

fn unchanged(run: &Run, work: &Work, source: &Contents<'_>) -> AssetOutcome {
    run.count(|tally| {
        tally.blobs.unchanged += source.count;
        tally.locators.unchanged += work.present;
    });
    AssetOutcome::Unchanged
}

/// Somebody else's asset under our locator id: as good as ours if it is equal, otherwise in the way. Never written to.
async fn accept_foreign(
    run: &Run,
    work: &Work,
    foreign: &TargetAsset,
    source: &Contents<'_>,
) -> Result<AssetOutcome, Error> {
    let conflict = |what: String| {
        let detail = format!("asset {:?} ({}), which differs: {what}", foreign.label, foreign.id);
        Error::found(work.asset.label(), Cause::ForeignCopy, detail)
    };
    let (account, to) = place_of(&run.pair.target, foreign).await?;
    let there = match Contents::list(account, to).await {
        Err(error) if is_missing_container(&error) => return Err(conflict("its container is missing".to_owned())),
        other => other?,
    };
    let mut pairs = std::pin::pin!(side_by_side(source, &there));
    while let Some((blob, copy)) = pairs.try_next().await? {
        if let Some(what) = compare::fault(&blob, copy.as_deref()) {
            return Err(conflict(format!("{}: {what}", blob.name)));
        }
    }
    if let Some(locator) = work.missing.iter().chain(&work.outdated).next() {
        return Err(conflict(format!("locator {} is missing or has other terms", locator.id)));
    }
    Ok(unchanged(run, work, source))
}

/// Counts what a real run would do.
async fn dry_run(run: &Run, work: &Work, source: &Contents<'_>) -> Result<AssetOutcome, Error> {
    let present = match &work.target {
        None => Contents::none(source.account, source.container.clone()),
        Some(target) => {
            let (account, to) = place_of(&run.pair.target, target).await?;
            Contents::list(account, to).await?
        }
    };
    let into =
        work.target.as_ref().map_or_else(|| run.pair.target.blobs(None).map(AsRef::as_ref), |_| Some(present.account));
    let situation = situation(run, work, source.account, into);
    let (mut blobs, mut bytes, mut copies) = (0, 0, Copies::default());
    let mut missing = std::pin::pin!(missing(work, source, &present));
    while let Some(blob) = missing.try_next().await? {
        blobs += 1;
        bytes += blob.length;
        let method = situation.method(blob.length);
        run.choices.add(&work.asset.id, method, blob.length);
        copies.add(&blob, method, situation.same_account, work.target.is_some());
        copies.unpostable |= !run.pair.target.media.takes_file_name(&blob.name);
    }
    run.count(|tally| {
        tally.outlook.add(work, source, &copies);
        tally.blobs.copied += blobs;
        tally.blobs.unchanged += source.count - blobs;
        tally.bytes_copied += bytes;
        tally.locators.mirrored += (work.missing.len() + work.outdated.len()) as u64;
        tally.locators.unchanged += work.present;
        tally.locators.failed += work.taken.len() as u64;
    });
    if !work.taken.is_empty() {
        return Err(Error::found(work.asset.label(), Cause::LocatorIdTaken, work.taken.join("; ")));
    }
    Ok(AssetOutcome::Mirrored)
}

/// An asset whose container is not there: it was deleted a moment ago, or it has been broken for long.
async fn without_container(run: &Run, asset: &Asset, container: &ContainerName) -> Result<AssetOutcome, Error> {
    Ok(match run.pair.source.media.asset(&asset.id).await? {
        None => AssetOutcome::Not(Cause::SourceVanished.into()),
        Some(_) => AssetOutcome::Not(Finding::new(Cause::SourceEmpty, format!("container {container} does not exist"))),
    })
}

/// Refuses what cannot live in an asset.
fn reject_unsuitable(asset: &Asset, source: &Contents<'_>) -> Result<(), Error> {
    match &source.unsuitable {
        None => Ok(()),
        Some(blob) => Err(Error::found(asset.label(), Cause::NotBlockBlobs, blob.clone())),
    }
}
