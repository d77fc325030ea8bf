//! The copy of a new asset: found again where an earlier run created it, or created now.

use super::super::contents::Contents;
use super::super::run::Run;
use super::failed;
use crate::claims::{Standing, TargetAsset, Work};
use crate::error::Error;
use crate::ledger::{Facts, Status, Step};
use crate::model::{Asset, Mark, NewAsset};
use crate::monitor::RunEvent;
use crate::verdict::Cause;

/// A copy that an earlier run began to create, however complete the target's listing may seem.
pub(super) async fn copy_begun_before(run: &Run, work: &Work) -> Result<Option<TargetAsset>, Error> {
    let unknown = work.row.as_ref().is_some_and(|row| row.step == Step::CreateTarget);
    if work.target.is_some() || !unknown {
        return Ok(None);
    }
    let prefix = Mark::prefix(&work.mark.account, &work.asset.id);
    let found = run.pair.target.media.assets_by_mark(&prefix).await?;
    let ours = found.into_iter().map(|asset| TargetAsset::of(asset, &work.mark.account));
    Ok(ours.filter(|copy| copy.standing != Standing::Foreign).min_by(|one, other| one.id.cmp(&other.id)))
}

/// A copy that the ledger knows and that exists no more is forgotten: the next one is a new one. It must not be made
/// because a listing of the target lags behind: then there would be two.
pub(super) async fn forget_lost(run: &Run, work: &Work, replaced: bool) -> Result<(), Error> {
    if let Some(lost) = &work.lost
        && run.pair.target.media.asset(lost).await?.is_some()
    {
        let detail = format!("the target's, its copy {lost}");
        return Err(Error::found(work.asset.label(), Cause::ListingIncomplete, detail));
    }
    if work.lost.is_some() || replaced {
        run.ledger.forget(&work.asset.id).await?;
    }
    Ok(())
}

/// Creates the empty target asset. When it is there, its copies begin.
pub(super) async fn create_copy(run: &Run, work: &Work, started: Facts) -> Result<TargetAsset, Error> {
    let asset = &work.asset;
    let facts = Facts { name: Some(asset.label().to_owned()), ..Facts::default() };
    run.record(asset, Step::CreateTarget, Status::Started, facts).await?;
    let wanted = NewAsset {
        name: asset.name.clone(),
        alternate_id: work.mark.text(),
        encryption: asset.encryption,
        storage_account: None,
    };
    run.may_write()?;
    match run.pair.target.media.create_asset(&wanted).await {
        Ok(made) => {
            let facts = Facts { target: Some(made.id.clone()), container: made.container.clone(), ..Facts::default() };
            run.advance(asset, (Step::CreateTarget, facts), (Step::CopyBlobs, started)).await?;
            Ok(TargetAsset::of(made, &work.mark.account))
        }
        Err(error) => failed(run, asset, Step::CreateTarget, error).await,
    }
}

/// Removes the copy again that this run created, and into which nothing could be copied for want of rights. Says whether it
/// did: what holds anything stays.
pub(super) async fn remove_empty(
    run: &Run,
    asset: &Asset,
    copy: &TargetAsset,
    present: &Contents<'_>,
) -> Result<bool, Error> {
    if Contents::list(present.account, present.container.clone()).await?.count > 0 {
        return Ok(false);
    }
    run.may_write()?;
    run.pair.target.media.delete_asset(&copy.id).await?;
    run.ledger.forget(&asset.id).await?;
    let note =
        format!("{}: its copy {} was created and, as nothing may be copied, removed again", asset.label(), copy.id);
    run.monitor.event(RunEvent::Note(note));
    Ok(true)
}

/// Removes a second copy of ours that plays nothing and was never complete: it lost a race, or a run that ended left it.
pub(super) async fn remove_spare(run: &Run, work: &mut Work) -> Result<(), Error> {
    let Some(spare) = work.spare.take().filter(|_| !run.options.dry_run) else { return Ok(()) };
    let Some(now) = run.pair.target.media.asset(&spare.id).await? else { return Ok(()) };
    if TargetAsset::of(now, &work.mark.account).standing != Standing::Unfinished {
        return Ok(());
    }
    run.may_write()?;
    run.pair.target.media.delete_asset(&spare.id).await?;
    let note = format!("{}: a second copy {} that was never complete is removed", work.asset.label(), spare.id);
    run.monitor.event(RunEvent::Note(note));
    Ok(())
}
