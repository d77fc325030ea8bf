//! Lists both sides of one asset before anything is written, and lists the source again if it changed during a copy.

use crate::blob::Namespace;
use crate::claims::digest::FilesDigest;
use crate::claims::{Claims, TargetAsset, Work};
use crate::connect::Pair;
use crate::engine::contents::Contents;
use crate::engine::contents::locate::{is_missing_container, locate_copy, locate_in, storage};
use crate::engine::contents::records::file_differences;
use crate::engine::copy::CopyResult;
use crate::engine::run::Run;
use crate::error::Error;
use crate::ledger::AssetRow;
use crate::model::Asset;
use crate::monitor::RunEvent;
use crate::verdict::{Cause, Finding};

/// The source's blobs, or why the asset is not mirrored.
pub(crate) async fn look_at_source<'a>(pair: &'a Pair, work: &Work) -> Result<Result<Contents<'a>, Finding>, Error> {
    let asset = &work.asset;
    let account = match storage(&pair.source, asset.storage_account.as_ref(), asset, "source") {
        Ok(account) => account,
        // This is owed even if the asset plays nowhere, because nothing is known about an account that is not
        // configured.
        Err(error) => return Ok(Err(error.finding(asset.label()))),
    };
    let place = locate_in(&pair.source, account, asset).await?;
    let container = place.container.clone();
    let source = match Contents::list(place).await {
        Ok(source) if source.has_markers && is_hierarchical(pair, work).await? => source.list_without_markers().await?,
        Ok(source) => source,
        Err(error) if is_missing_container(&error) => {
            return Ok(Err(match pair.source.library.asset(&asset.id).await? {
                None => Cause::SourceVanished.into(),
                Some(_) => empty(work, format!("container {container} does not exist")),
            }));
        }
        Err(error) => return Err(error),
    };
    if let Some(blob) = source.other_kind.as_ref().filter(|_| pair.source.library.capabilities().block_blobs_only) {
        return Ok(Err(Finding::new(Cause::NotBlockBlobs, blob.clone()).of_unpublished(!work.published)));
    }
    if source.is_empty() {
        return Ok(Err(empty(work, format!("container {container}"))));
    }
    Ok(Ok(source))
}

/// Is its copy in an account that creates directories by itself? Blobs that represent directories are not copied there.
async fn is_hierarchical(pair: &Pair, work: &Work) -> Result<bool, Error> {
    let account = match &work.target {
        Some(copy) => locate_copy(&pair.target, copy).await?.account,
        None => match pair.target.blobs(pair.storage_for(&work.asset)) {
            Some(account) => account,
            None => return Ok(false),
        },
    };
    Ok(account.namespace().await? == Namespace::Hierarchical)
}

/// The cause for an asset without blobs: if it was mirrored before, it has lost them.
fn empty(work: &Work, detail: String) -> Finding {
    let mirrored = work.is_verified() || work.target.as_ref().is_some_and(|_| work.present > 0);
    let cause = if mirrored { Cause::SourceLost } else { Cause::SourceEmpty };
    // Without locators nothing plays in an empty asset.
    let plays = work.published && work.through_locators;
    Finding::new(cause, detail).of_unpublished(!plays && !mirrored)
}

/// The copy of an asset on the target.
pub(crate) enum Present<'a> {
    /// No copy.
    None,
    /// A copy with its container.
    Whole(Contents<'a>),
    /// A copy whose container was deleted, and what a second, unfinished copy holds.
    Lost { old: TargetAsset, spare: Option<Contents<'a>> },
}

/// Lists our copy. A copy that lost its container is replaced: by a second copy that an earlier run started for that,
/// or by a new one. A container is lost if two requests for it were answered with 404.
///
/// `listed`: the answer to the first request.
pub(crate) async fn look_at_copy<'a>(
    pair: &'a Pair,
    claims: &Claims,
    work: &mut Work,
    listed: Option<Contents<'a>>,
) -> Result<Present<'a>, Error> {
    let Some(target) = work.target.clone() else { return Ok(Present::None) };
    if let Some(contents) = listed {
        return Ok(Present::Whole(contents));
    }
    if let Some(contents) = list_copy(pair, Some(&target)).await? {
        return Ok(Present::Whole(contents));
    }
    let spare = match work.spare.take() {
        None => None,
        Some(spare) => list_copy(pair, Some(&spare)).await?.map(|contents| (spare, contents)),
    };
    let (spare, contents) = spare.unzip();
    claims.move_to_new_copy(work, &target, spare)?;
    claims.compare_filters(work);
    Ok(Present::Lost { old: target, spare: contents })
}

/// Lists our copy; `None`: there is none, or its container is missing.
pub(crate) async fn list_copy<'a>(pair: &'a Pair, copy: Option<&TargetAsset>) -> Result<Option<Contents<'a>>, Error> {
    let Some(copy) = copy else { return Ok(None) };
    match Contents::list(locate_copy(&pair.target, copy).await?).await {
        Ok(contents) => Ok(Some(contents)),
        Err(error) if is_missing_container(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Does the source have the file records that an earlier run registered? The listing of changed records may contain
/// some that changed shortly before that run, which registered them.
pub(crate) async fn has_recorded_files(run: &Run, work: &Work, row: &AssetRow) -> Result<bool, Error> {
    Ok(row.facts.files_digest.is_some() && !has_changed_records(run, &work.asset, Some(row)).await?)
}

/// Do the asset's file records appear in the listing of changes, and differ from those that an earlier run registered?
pub(crate) async fn has_changed_records(run: &Run, asset: &Asset, row: Option<&AssetRow>) -> Result<bool, Error> {
    let Some(recorded) = row.and_then(|row| row.facts.files_digest.as_ref()) else { return Ok(false) };
    let files = run.pair.source.library.files_of(std::slice::from_ref(&asset.id)).await?.concat();
    Ok(FilesDigest::of(&files).text() != *recorded)
}

/// Does the target have the source's file records? Its digest may differ even then, because records of kept blobs stay.
pub(crate) async fn has_its_records(
    run: &Run,
    work: &Work,
    source: &Contents<'_>,
    present: &Contents<'_>,
) -> Result<bool, Error> {
    let Some(target) = &work.target else { return Ok(false) };
    let differences = file_differences(&run.pair, (&work.asset.id, source), (&target.id, present)).await?;
    Ok(differences.is_empty())
}

/// The source as it was copied: with the new state of blobs that changed meanwhile, and without blobs that vanished.
pub(crate) async fn settle_copies(
    run: &Run,
    work: &Work,
    source: &mut Contents<'_>,
    copied: CopyResult,
) -> Result<(), Error> {
    let asset = &work.asset;
    let failures = copied.failed.len();
    if let Some((name, error)) = copied.failed.into_iter().next() {
        if failures > 1 {
            run.monitor.event(RunEvent::Note(format!("{}: {failures} blobs failed, {name} first", asset.label())));
        }
        return Err(error);
    }
    if !copied.vanished.is_empty() && !still_there(run, work, source).await? {
        return Err(Error::found(asset.label(), Cause::SourceVanished, ""));
    }
    for blob in &copied.vanished {
        source.exchange(blob, None)?;
    }
    for (old, new) in &copied.changed {
        source.exchange(old, Some(new))?;
    }
    Ok(())
}

/// Is there still an asset to mirror? If blobs vanished, the asset, its container or its whole content may be deleted,
/// too.
async fn still_there(run: &Run, work: &Work, source: &Contents<'_>) -> Result<bool, Error> {
    if run.pair.source.library.asset(&work.asset.id).await?.is_none() {
        return Ok(false);
    }
    match Contents::list(source.place()).await {
        Ok(now) => Ok(!now.is_empty()),
        Err(error) if is_missing_container(&error) => Ok(false),
        Err(error) => Err(error),
    }
}
