//! The active side of a pair: activates the target after a failover, and the source again when it is up to date.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use serde::Serialize;

use crate::claims::without_seal;
use crate::connect::Pair;
use crate::engine::keeper::lock;
use crate::error::Error;
use crate::ledger::{AssetRow, Facts, Ledger, Status, Step};
use crate::library::Library;
use crate::model::{AccountName, Asset, AssetChange, AssetId, Extent, Mark};
use crate::state::{Active, PairState, TargetLock};

/// The number of rows that are read from the ledger at once.
const ROWS: usize = 1_000;

/// The active side of a pair.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema, Serialize)]
pub struct ActiveSide {
    /// The active side.
    pub active: Active,
    /// Did this command make it active?
    pub changed: bool,
    /// Assets that were created on the target while it was active, and now belong to the source.
    pub handed_over: u64,
}

/// Makes the target the active side. Only the target is asked.
///
/// # Errors
/// The pair was never mirrored; another run has the lock of the target.
pub async fn activate_target(pair: &Pair) -> Result<ActiveSide, Error> {
    let lock = lock(&pair.target).await?;
    let result = switch(pair, &lock, Active::Target, BTreeSet::new()).await;
    let released = lock.release().await;
    let changed = result?;
    released?;
    Ok(ActiveSide { active: Active::Target, changed, handed_over: 0 })
}

/// Returns the active side. Only the target is asked.
///
/// # Errors
/// The pair was never mirrored.
pub async fn active_side(pair: &Pair) -> Result<ActiveSide, Error> {
    let (source, target) = (pair.source.library.account(), pair.target.library.account());
    match PairState::read(pair.target.default_storage().await?, source, target).await? {
        Some((state, _)) => Ok(ActiveSide { active: state.active, changed: false, handed_over: 0 }),
        None => Err(never_mirrored(target)),
    }
}

fn never_mirrored(target: &AccountName) -> Error {
    Error::input(
        format!("target {target}"),
        "its state does not say that anything was mirrored to it from this source",
        "run `mediamirror sync` first; if the target has copies already, run `mediamirror sync --rebuild-ledger`",
    )
}

/// Records the active side, and locators that are ours from now on. Returns whether that side was not active before.
async fn switch(pair: &Pair, lock: &TargetLock, active: Active, adopted: BTreeSet<String>) -> Result<bool, Error> {
    let (source, target) = (pair.source.library.account(), pair.target.library.account());
    let Some((mut state, etag)) = PairState::read(lock.account(), source, target).await? else {
        return Err(never_mirrored(target));
    };
    let changed = state.active != active;
    let known = state.adopted.len();
    // Locators that other programs created there earlier stay theirs.
    let new: Vec<String> = adopted.into_iter().filter(|id| !state.theirs.contains(id)).collect();
    state.adopted.extend(new);
    if changed || state.adopted.len() != known {
        state.active = active;
        state.write(lock, source, Some(&etag)).await?;
    }
    Ok(changed)
}

/// Makes the source active again, after [`crate::engine::mirror`] found nothing to copy back. Assets that were created
/// on the target and copied to the source now belong to the source, and the target's assets are their copies. The
/// ledger of the nightly runs gets the state of both sides.
///
/// `pair`: in the direction of the nightly runs; `held`: the lock of its target, if the caller has it; `rows`: recorded
/// by the runs back; `nights`: the ledger that is updated. An interrupted activation starts again from the beginning.
///
/// # Errors
/// A side refuses; the target stays active.
pub async fn activate_source(
    pair: &Pair,
    held: Option<TargetLock>,
    rows: Vec<AssetRow>,
    nights: &Ledger,
) -> Result<ActiveSide, Error> {
    let of_target = match held {
        Some(lock) => lock,
        None => lock(&pair.target).await?,
    };
    let result = with_source_locked(pair, &of_target, rows, nights).await;
    let released = of_target.release().await;
    let active = result?;
    released?;
    Ok(active)
}

async fn with_source_locked(
    pair: &Pair,
    of_target: &TargetLock,
    rows: Vec<AssetRow>,
    nights: &Ledger,
) -> Result<ActiveSide, Error> {
    let of_source = lock(&pair.source).await?;
    let result = hand_over(pair, (&of_source, of_target), rows, nights).await;
    let released = of_source.release().await;
    let active = result?;
    released?;
    Ok(active)
}

async fn hand_over(
    pair: &Pair,
    (of_source, of_target): (&TargetLock, &TargetLock),
    rows: Vec<AssetRow>,
    nights: &Ledger,
) -> Result<ActiveSide, Error> {
    let born = born_on_target(pair).await?;
    switch(pair, of_target, Active::Target, published_on_target(pair).await?).await?;
    for (asset, mark) in &born {
        of_source.check()?;
        of_target.check()?;
        pass(pair, asset, mark).await?;
    }
    for row in rows {
        record(nights, row).await?;
    }
    let changed = switch(pair, of_target, Active::Source, BTreeSet::new()).await?;
    Ok(ActiveSide { active: Active::Source, changed, handed_over: born.len() as u64 })
}

/// Locators that were created on the target and copied to the source by a run back: from now on they follow the source.
async fn published_on_target(pair: &Pair) -> Result<BTreeSet<String>, Error> {
    let ours = pair.target.library.our_policies().await?;
    let (mut made, mut both) = (BTreeSet::new(), BTreeSet::new());
    let mut pages = pair.target.library.locators();
    while let Some(page) = pages.try_next().await? {
        let theirs = page.into_iter().filter(|locator| {
            locator.kind.is_mirrored() && locator.policy.as_ref().is_none_or(|policy| !ours.contains(policy))
        });
        made.extend(theirs.map(|locator| locator.id.to_string()));
    }
    let mut pages = pair.source.library.locators();
    while let Some(page) = pages.try_next().await? {
        both.extend(page.into_iter().filter_map(|locator| made.take(locator.id.as_str())));
    }
    Ok(both)
}

/// The source's assets that are marked as copies of assets of the target.
async fn born_on_target(pair: &Pair) -> Result<Vec<(Asset, Mark)>, Error> {
    let (mut born, target) = (Vec::new(), pair.target.library.account());
    let mut pages = pair.source.library.assets();
    while let Some(page) = pages.try_next().await? {
        // A folder has the mark of its container.
        let whole = |asset: &Asset| !matches!(pair.source.library.extent(&asset.id), Extent::Folder(_));
        for asset in page.into_iter().filter(whole) {
            let mark = asset.alternate_id.as_deref().and_then(Mark::parse);
            if let Some(mark) = mark.filter(|mark| mark.account == *target && mark.own.as_ref() == Some(&asset.id)) {
                born.push((asset, mark));
            }
        }
    }
    Ok(born)
}

/// Makes the target's asset the copy, then the source's asset the original. In between, each is a copy of the other;
/// every run recognizes this state.
async fn pass(pair: &Pair, original: &Asset, mark: &Mark) -> Result<(), Error> {
    // If the target's asset was deleted meanwhile, the source's asset has no copy.
    if let Some(copy) = pair.target.library.asset(&mark.source).await? {
        let copied = Mark::new(pair.source.library.account().clone(), original.id.clone(), mark.original.clone());
        let copied = Mark { own: Some(copy.id.clone()), ..copied };
        set_alternate_id(pair.target.library.as_ref(), &copy.id, Some(copied.text())).await?;
    }
    set_alternate_id(pair.source.library.as_ref(), &original.id, mark.original.clone()).await
}

async fn set_alternate_id(library: &dyn Library, asset: &AssetId, text: Option<String>) -> Result<(), Error> {
    library.update_asset(asset, &AssetChange { alternate_id: Some(text), ..AssetChange::default() }).await
}

/// The rows that runs back recorded completely.
///
/// # Errors
/// The ledger cannot be read.
pub async fn rows_back(ledger: &Ledger) -> Result<Vec<AssetRow>, Error> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let rows = ledger.assets(after.as_ref(), ROWS).await?;
        let Some(last) = rows.last() else { return Ok(all) };
        after = Some(last.source.clone());
        all.extend(rows.into_iter().filter(AssetRow::complete));
    }
}

/// Records for the nightly runs what a run back found equal.
async fn record(nights: &Ledger, row: AssetRow) -> Result<(), Error> {
    let AssetRow { source: copy, facts, updated, .. } = row;
    let (Some(original), Some(of_original)) = (facts.target, facts.target_digest) else { return Ok(()) };
    if nights.asset(&original).await?.is_some_and(|night| night.updated > updated) {
        return Ok(());
    }
    let learnt = Facts {
        name: facts.name,
        target: Some(copy),
        source_digest: Some(without_seal(&of_original).to_owned()),
        target_digest: facts.source_digest,
        files_digest: facts.files_digest,
        locators_digest: facts.locators_digest,
        blobs: facts.blobs,
        bytes: facts.bytes,
        ..Facts::default()
    };
    nights.record(&original, Step::CopyBlobs, Status::Started, learnt).await?;
    for (ended, started) in [
        (Step::CopyBlobs, Step::Verify),
        (Step::Verify, Step::RegisterFiles),
        (Step::RegisterFiles, Step::PublishLocators),
    ] {
        nights.advance(&original, (ended, Facts::default()), (started, Facts::default())).await?;
    }
    Ok(nights.record(&original, Step::PublishLocators, Status::Succeeded, Facts::default()).await?)
}
