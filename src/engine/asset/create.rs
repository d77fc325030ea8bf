//! The copy of a new asset: finds the one that an earlier run created, or creates one.

use crate::claims::{Standing, TargetAsset, Work};
use crate::engine::contents::Contents;
use crate::engine::run::Run;
use crate::error::Error;
use crate::ledger::{Facts, Status, Step};
use crate::model::{Asset, Mark, NewAsset};
use crate::monitor::RunEvent;
use crate::verdict::Cause;

/// The copy that an earlier run started to create. A listing of the target does not prove that there is none.
pub(crate) async fn find_started_copy(run: &Run, work: &Work) -> Result<Option<TargetAsset>, Error> {
    let unknown = work.row.as_ref().is_some_and(|row| row.step == Step::CreateTarget);
    if work.target.is_some() || !unknown {
        return Ok(None);
    }
    let prefix = Mark::prefix(&work.mark.account, &work.asset.id);
    let found = run.pair.target.library.assets_by_mark(&prefix).await?;
    let ours = found.into_iter().map(|asset| TargetAsset::of(asset, &work.mark.account));
    Ok(ours.filter(|copy| copy.standing != Standing::Foreign).min_by(|one, other| one.id.cmp(&other.id)))
}

/// Removes a copy that no longer exists from the ledger, so that a new one is created. A lagging listing of the target
/// must not cause that, or there would be two copies.
pub(crate) async fn forget_lost(run: &Run, work: &Work, replaced: bool) -> Result<(), Error> {
    if let Some(lost) = &work.lost
        && run.pair.target.library.asset(lost).await?.is_some()
    {
        let detail = format!("the target's listing lacks its copy {lost}");
        return Err(Error::found(work.asset.label(), Cause::ListingIncomplete, detail));
    }
    if work.lost.is_some() || replaced {
        run.ledger.forget(&work.asset.id).await?;
    }
    Ok(())
}

/// Creates the empty target asset, and records that the copies of its blobs start.
pub(crate) async fn create_copy(run: &Run, work: &Work, started: Facts) -> Result<TargetAsset, Error> {
    let asset = &work.asset;
    let facts = Facts { name: Some(asset.label().to_owned()), ..Facts::default() };
    run.record(asset, Step::CreateTarget, Status::Started, facts).await?;
    let wanted = NewAsset {
        name: asset.name.clone(),
        alternate_id: work.mark.text(),
        encryption: asset.encryption,
        storage_account: run.pair.storage_for(asset).cloned(),
    };
    run.may_write()?;
    match run.pair.target.library.create_asset(&wanted).await {
        Ok(made) => {
            let facts = Facts { target: Some(made.id.clone()), container: made.container.clone(), ..Facts::default() };
            run.advance(asset, (Step::CreateTarget, facts), (Step::CopyBlobs, started)).await?;
            Ok(TargetAsset::of(made, &work.mark.account))
        }
        Err(error) => run.failed(asset, Step::CreateTarget, error).await,
    }
}

/// Removes the copy that this run created if no blob could be copied into it because a permission is missing. Returns
/// whether it removed it: a copy with any blob stays.
pub(crate) async fn remove_empty(
    run: &Run,
    asset: &Asset,
    copy: &TargetAsset,
    present: &Contents<'_>,
) -> Result<bool, Error> {
    if !Contents::list(present.place()).await?.is_empty() {
        return Ok(false);
    }
    run.may_write()?;
    run.pair.target.library.delete_asset(&copy.id).await?;
    run.ledger.forget(&asset.id).await?;
    let note =
        format!("{}: its copy {} is removed again, because no blob may be copied into it", asset.label(), copy.id);
    run.monitor.event(RunEvent::Note(note));
    Ok(true)
}

/// Removes a second copy of ours that plays nothing and was never complete: it lost a race, or an interrupted run left
/// it.
pub(crate) async fn remove_spare(run: &Run, work: &mut Work) -> Result<(), Error> {
    // No plan contains this removal: the copy plays nothing, and the next run without a plan removes it.
    let may = !run.options.dry_run && run.options.plan.is_none();
    let Some(spare) = work.spare.take().filter(|_| may) else { return Ok(()) };
    let Some(now) = run.pair.target.library.asset(&spare.id).await? else { return Ok(()) };
    let library = &run.pair.target.library;
    // Requested again now: a listing may omit a locator that another program created on it.
    if TargetAsset::of(now, &work.mark.account).standing != Standing::Unfinished
        || !library.locators_of_asset(&spare.id).await?.is_empty()
    {
        return Ok(());
    }
    run.may_write()?;
    library.delete_asset(&spare.id).await?;
    let note = format!("{}: a second copy {} that was never complete is removed", work.asset.label(), spare.id);
    run.monitor.event(RunEvent::Note(note));
    Ok(())
}
