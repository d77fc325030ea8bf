//! In a run in the other direction: decides which side of an asset changed since both were equal, and what is copied.

use std::collections::HashSet;

use futures::TryStreamExt;

use crate::claims::digest::{of_locators, with_count};
use crate::claims::{Common, TargetAsset, Work};
use crate::engine::asset::Present;
use crate::engine::base::Base;
use crate::engine::contents::digest::{Sealed, is_unchanged};
use crate::engine::contents::needs::Survey;
use crate::engine::contents::{Contents, compare_names};
use crate::engine::run::Run;
use crate::error::Error;
use crate::memory::Turn;
use crate::model::Blob;
use crate::monitor::AssetOutcome;
use crate::verdict::{Cause, Finding};

/// The part of an asset that is copied.
pub(crate) enum Taken<'a> {
    /// These blobs, and everything else.
    All(Contents<'a>),
    /// Nothing; the asset has this outcome.
    Nothing(AssetOutcome),
}

/// The sides that have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Changed {
    source: bool,
    target: bool,
}

/// Decides what is copied of an asset. In a run in the usual direction that is everything.
pub(crate) async fn take<'a>(
    run: &Run,
    work: &mut Work,
    source: Contents<'a>,
    present: &Present<'_>,
) -> Result<Taken<'a>, Error> {
    let (Some(base), Present::Whole(there), Some(original)) = (&run.options.base, present, work.target.clone()) else {
        return Ok(Taken::All(source));
    };
    if is_under_way(work) {
        return Ok(Taken::All(source));
    }
    work.common = base.common(&original.id, work.row.as_ref()).await?;
    let Some(common) = work.common.clone() else { return without_common(base, work, source, there).await };
    let changed = which((run, base), work, &original, (&source, there), &common)?;
    // If both sides made the same change, it is recorded; otherwise the next run treats it as a change of one side.
    let is_new = common.locators.as_ref() != Some(&work.locators_digest);
    let unlike = work.files_differ || work.other_metadata || is_new;
    match changed {
        Changed { source: false, target: false } if !unlike => Ok(Taken::Nothing(AssetOutcome::Unchanged)),
        Changed { target: false, .. } => without_kept(work, source, there, &common).await.map(Taken::All),
        _ if base.prefers(work) => Ok(Taken::All(source)),
        Changed { source: false, .. } => Ok(Taken::Nothing(AssetOutcome::Not(Cause::OriginalChanged.into()))),
        Changed { .. } => conflict(work, source, there, "").await,
    }
}

/// Records which locators both sides of an unchanged asset have now: withdrawn and expired locators do not write a row
/// otherwise.
pub(crate) async fn note_locators(run: &Run, work: &Work) -> Result<(), Error> {
    let both = if work.conflicts.is_empty() { work.locators_digest.as_str() } else { "" };
    let now = with_count(both, work.present);
    let recorded = work.row.as_ref().and_then(|row| row.facts.locators_digest.as_ref());
    let is_new = !both.is_empty()
        && work.common.as_ref().is_some_and(|common| common.locators.as_ref() != Some(&work.locators_digest));
    if run.options.dry_run || (recorded == Some(&now) && !is_new) {
        return Ok(());
    }
    Ok(run.ledger.set_locators(&work.asset.id, now, is_new.then(crate::clock::now)).await?)
}

/// Did an earlier run in this direction start to write it? Then this run completes it.
fn is_under_way(work: &Work) -> bool {
    work.row.as_ref().is_some_and(|row| !row.complete())
}

/// Without a common state it is unknown which side has changed, so both must be equal.
async fn without_common<'a>(
    base: &Base,
    work: &Work,
    source: Contents<'a>,
    there: &Contents<'_>,
) -> Result<Taken<'a>, Error> {
    if base.prefers(work) {
        return Ok(Taken::All(source));
    }
    conflict(work, source, there, "the ledger does not say when both sides were equal").await
}

/// Both sides have changed. If they are equal now, there is no conflict.
async fn conflict<'a>(
    work: &Work,
    source: Contents<'a>,
    there: &Contents<'_>,
    detail: &str,
) -> Result<Taken<'a>, Error> {
    let survey = Survey::of(work, &source, there).await?;
    let published = work.locators_to_do() == 0 && work.conflicts.is_empty();
    let same = survey == Survey::default() && published && !work.own_differs() && !work.files_differ;
    if same {
        return Ok(Taken::All(source));
    }
    Ok(Taken::Nothing(AssetOutcome::Not(Finding::new(Cause::ChangedOnBothSides, detail))))
}

fn which(
    (run, base): (&Run, &Base),
    work: &Work,
    original: &TargetAsset,
    (source, there): (&Contents<'_>, &Contents<'_>),
    common: &Common,
) -> Result<Changed, Error> {
    let (name, ours) = (common.name.as_deref(), work.asset.label());
    let on_original = run.claims.spool.locators_on(&original.id)?;
    let on_original: Vec<_> = on_original.into_iter().map(|there| there.locator).collect();
    let (here, there_now) = (&work.locators_digest, of_locators(&on_original));
    let (named, published) = (work.renamed, *here != there_now);
    Ok(Changed {
        source: !is_unchanged(&common.source_blobs, &source.digest)
            || (named && name != Some(ours))
            || (published && common.locators.as_ref() != Some(here)),
        target: !is_unchanged(&common.target_blobs, &there.digest)
            || (named && name != Some(original.label()))
            // The current locators do not count: this run has withdrawn some.
            || (published && base.following.changed.contains(&original.id)),
    })
}

/// The blobs without those that the original had deleted while it was the source: these are not changes of the active
/// side.
async fn without_kept<'a>(
    work: &mut Work,
    source: Contents<'a>,
    there: &Contents<'_>,
    common: &Common,
) -> Result<Contents<'a>, Error> {
    let sealed = common.source_seal.as_deref().and_then(Sealed::parse);
    // The source's and the service's clocks are compared only without a better proof; equal times count as a change.
    let is_old = |blob: &Blob| match &sealed {
        Some(sealed) => !sealed.is_altered(blob),
        None => blob.last_modified.is_some_and(|at| at.as_second() < common.at.as_second()),
    };
    let mut kept = HashSet::new();
    let mut pairs = compare_names(&source, there, Turn::Compare);
    while let Some((blob, copy)) = pairs.try_next().await? {
        if let (Some(blob), None) = (blob, copy)
            && is_old(&blob)
        {
            kept.insert(blob.name.clone());
        }
    }
    drop(pairs);
    if kept.is_empty() {
        return Ok(source);
    }
    work.not_taken = kept.iter().cloned().collect();
    let place = source.place();
    drop(source);
    Contents::none(place).list_without(kept).await
}
