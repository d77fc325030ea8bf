//! Mirrors filters of dynamic packaging: those of an asset to its copy, and those of the account to the target's.

use crate::claims::{Work, filters_differ};
use crate::engine::confirm;
use crate::engine::expired::explained;
use crate::engine::intent;
use crate::engine::run::{Run, is_of_rights};
use crate::error::{Disposition, Error};
use crate::model::{Asset, AssetId, FilterChange};
use crate::plan::{Action, Item};
use crate::verdict::{Cause, Change, Finding};

/// In a run in the other direction, filters are not changed, because nothing records which side has changed them. The
/// difference becomes the asset's verdict.
pub(crate) fn leave_in_other_direction(run: &Run, work: &mut Work) {
    if run.options.base.is_none() {
        return;
    }
    if let Some(finding) = filters_differ(&std::mem::take(&mut work.filters)) {
        run.finish_copy(&work.asset.id, work.asset.label(), finding);
    }
}

/// Gives the copy of an asset the filters of the source. Returns the change, or the finding if the service refuses it.
pub(crate) async fn mirror(run: &Run, work: &Work, copy: &AssetId) -> Result<Result<Option<Change>, Finding>, Error> {
    if work.filters.is_empty() {
        return Ok(Ok(None));
    }
    let written = match still_deleted(run, work).await {
        Ok(()) => {
            run.may_write()?;
            confirm::filters(run, Some(copy), &work.filters).await
        }
        omitted => omitted,
    };
    match written {
        Ok(()) => Ok(Ok(change(&work.filters))),
        Err(error) => finding_of(run, error, work.asset.label()).map(Err),
    }
}

/// The finding of an error; an error of the whole run ends the run.
fn finding_of(run: &Run, error: Error, label: &str) -> Result<Finding, Error> {
    let error = explained(error, &run.pair);
    if error.disposition() == Disposition::Fatal && !is_of_rights(&error) {
        Err(error)
    } else {
        Ok(error.finding(label))
    }
}

/// Asks the source for the filters of the asset before some of them are deleted on the target: the listing of all
/// filters may omit one.
async fn still_deleted(run: &Run, work: &Work) -> Result<(), Error> {
    if !work.filters.iter().any(is_deletion) {
        return Ok(());
    }
    let now = run.pair.source.library.filters_of(std::slice::from_ref(&work.asset.id)).await?.concat();
    let omitted = work.filters.iter().find(|change| is_deletion(change) && !change.is_done(&now));
    omitted.map_or(Ok(()), |change| {
        let detail = format!("filter {:?}", change.name());
        Err(Error::found(work.asset.label(), Cause::ListingIncomplete, detail))
    })
}

fn is_deletion(change: &FilterChange) -> bool {
    matches!(change, FilterChange::Delete(_))
}

/// The change as it is reported, if there is one.
pub(crate) fn change(changes: &[FilterChange]) -> Option<Change> {
    let (deleted, set): (Vec<_>, Vec<_>) = changes.iter().partition(|change| is_deletion(change));
    let names = |changes: Vec<&FilterChange>| changes.into_iter().map(|change| change.name().to_owned()).collect();
    (!changes.is_empty()).then(|| Change::Filters { set: names(set), deleted: names(deleted) })
}

/// The target's account as an asset of that name.
pub(crate) fn target_account(run: &Run) -> Asset {
    let name = run.pair.target.library.account().as_str();
    Asset::known_by(&AssetId::new(name), &format!("account {name}"))
}

/// The finding if filters of the account differ.
pub(crate) fn of_account(run: &Run) -> Option<Finding> {
    Some(filters_differ(run.claims.filters_of_account())?.about(target_account(run).label()))
}

/// Gives the target's account the filters of the source's. Filters that only the target has are kept: they may belong
/// to another program.
pub(crate) async fn mirror_account(run: &Run) -> Result<(), Error> {
    let (changes, account) = (run.claims.filters_of_account(), target_account(run));
    let Some(change) = change(changes) else { return Ok(()) };
    if let Some(finding) = of_account(run).filter(|_| run.options.base.is_some()) {
        run.find(finding);
        return Ok(());
    }
    let intent = intent::of_filters(changes);
    if let Some(finding) = run.unplanned(Action::AccountFilters, account.id.as_str(), intent) {
        run.find(finding.about(account.label()));
        return Ok(());
    }
    if run.options.dry_run {
        run.plan(Item::new(Action::AccountFilters, &account.id, account.label(), vec![change.clone()], intent));
    } else {
        run.may_write()?;
        if let Err(error) = confirm::filters(run, None, changes).await {
            run.find(finding_of(run, error, account.label())?);
            return Ok(());
        }
    }
    run.changed(&account, vec![change]);
    Ok(())
}
