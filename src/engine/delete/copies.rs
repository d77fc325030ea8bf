//! Retired copies: confirms every night that the source lacks their assets, and deletes those that are due.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use jiff::Timestamp;

use crate::claims::{Gone, Standing, TargetAsset};
use crate::clock;
use crate::engine::contents::Contents;
use crate::engine::contents::digest::{KeptSum, same_blobs};
use crate::engine::contents::locate::{Place, is_missing_container, locate_copy};
use crate::engine::counts::PendingDeletion;
use crate::engine::run::Run;
use crate::engine::schedule::deletions::{DueCopy, due_on, first_night};
use crate::error::Error;
use crate::model::{AccountName, Asset, AssetId, ContainerName, Extent};
use crate::state::{Deleting, Leaving};
use crate::verdict::{Cause, Change, Finding};

/// The number of rows that are read from the tables at once.
const PAGE: usize = 500;
/// The number of assets that are requested from the source at once, and of copies that are deleted at once.
const AT_ONCE: usize = 16;
/// The most copies that the state keeps, about 20 MB. Others are added when these are deleted.
const MOST: usize = 100_000;
/// The content that is recorded for a copy without a container.
const NO_CONTAINER: &str = "none";

/// The answer about the asset of a retired copy.
enum Answer {
    Deleted,
    /// It exists: the listing omitted it.
    There,
    /// The operator withholds it, or only a part of the copy can be known.
    LeftAlone,
    /// The copy has a locator.
    Occupied,
}

/// Asks the source for the asset of each retired copy. `retired`: copies whose assets the source has just been asked
/// for.
pub(crate) async fn confirm(run: &Run, retired: Vec<Gone>) -> Result<(), Error> {
    let before = run.keeper.leaving();
    if run.options.policy.delete_after.is_none() {
        if !before.is_empty() {
            run.keeper.change(|state| state.leaving.clear());
        }
        return Ok(());
    }
    let (now, mut leaving, mut after) = (clock::now(), BTreeMap::new(), 0);
    let mut confirmed: Vec<Gone> = retired.into_iter().filter(|gone| is_whole(run, &gone.copy.id)).collect();
    loop {
        let page = run.claims.spool.retired(after, PAGE)?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        let page = page.into_iter().map(|(_, gone)| gone);
        let (covered, others): (Vec<Gone>, Vec<Gone>) =
            page.partition(|gone| run.options.covers_id(&gone.source, gone.copy.label()));
        let kept = |gone: &Gone| before.get_key_value(gone.copy.id.as_str());
        leaving.extend(others.iter().filter_map(kept).map(|(id, entry)| (id.clone(), entry.clone())));
        let asked = stream::iter(covered).map(|gone| async move { (ask(run, &gone).await, gone) });
        let mut asked = std::pin::pin!(asked.buffer_unordered(AT_ONCE));
        while let Some((answer, gone)) = asked.next().await {
            match answer {
                Ok(Answer::Deleted) => confirmed.push(gone),
                Ok(Answer::There) => run.finish_copy(&gone.source, gone.copy.label(), unlisted()),
                Ok(Answer::LeftAlone) => {}
                Ok(Answer::Occupied) => run.finish_copy(&gone.source, gone.copy.label(), occupied()),
                Err(error) => {
                    leaving.extend(kept(&gone).map(|(id, entry)| (id.clone(), entry.clone())));
                    run.fail_copy(&gone.source, gone.copy.label(), error);
                }
            }
        }
        run.claims.spool.pause().await;
    }
    for gone in confirmed {
        let known = before.get(gone.copy.id.as_str());
        if known.is_none() && leaving.len() >= MOST {
            continue;
        }
        match goes_on(run, &gone, known, now).await {
            Ok(entry) => drop(leaving.insert(gone.copy.id.to_string(), entry)),
            Err(error) => run.fail_copy(&gone.source, gone.copy.label(), error),
        }
    }
    if !run.options.dry_run {
        run.keeper.change(|state| state.leaving = leaving);
    }
    Ok(())
}

/// A folder of a container is not deleted as an asset, nor is a container whose folders are assets.
fn is_whole(run: &Run, copy: &AssetId) -> bool {
    run.pair.target.library.extent(copy) == Extent::Whole
}

fn unlisted() -> Finding {
    Finding::new(Cause::ListingIncomplete, "the source's listing lacks it")
}

fn occupied() -> Finding {
    Finding::new(Cause::NotDeleted, "a locator that mediamirror did not make is on the retired copy")
}

async fn ask(run: &Run, gone: &Gone) -> Result<Answer, Error> {
    let withheld = run.keeper.withheld().values().any(|entry| entry.assets.contains(gone.source.as_str()));
    if withheld || !is_whole(run, &gone.copy.id) {
        return Ok(Answer::LeftAlone);
    }
    if run.claims.spool.count_locators_on(&gone.copy.id)? > 0 {
        return Ok(Answer::Occupied);
    }
    let there = run.pair.source.library.asset(&gone.source).await?;
    Ok(if there.is_some() { Answer::There } else { Answer::Deleted })
}

/// The period of a copy after tonight's confirmation. Reports the copy in its first night, and adds it to those that
/// are due or pending.
async fn goes_on(run: &Run, gone: &Gone, known: Option<&Leaving>, now: Timestamp) -> Result<Leaving, Error> {
    let since = first_night(known.map(|known| (known.since, known.seen)), now);
    let leaving = match known.filter(|known| known.since == since) {
        Some(known) => Leaving { seen: now, ..known.clone() },
        None => first(run, gone, now).await?,
    };
    let is_first = leaving.since == now;
    if leaving.content.is_none() {
        if is_first {
            let detail = "nothing shows that mediamirror copied all blobs of the retired copy";
            run.finish_copy(&gone.source, gone.copy.label(), Finding::new(Cause::NotDeleted, detail));
        }
        return Ok(leaving);
    }
    let Some(after) = run.options.policy.delete_after else { return Ok(leaving) };
    let (on, label) = (due_on(leaving.since, after), gone.copy.label());
    if is_first {
        run.changed(&Asset::known_by(&gone.source, label), vec![Change::CopyToDelete { on }]);
    }
    let due = DueCopy { gone: gone.clone(), leaving: leaving.clone() };
    if on <= now {
        run.deletions.add_copy(due);
    } else {
        run.count(|tally| tally.pending.push(pending(&due, on)));
    }
    Ok(leaving)
}

/// A copy as an entry of the list of pending deletions.
pub(crate) fn pending(due: &DueCopy, on: Timestamp) -> PendingDeletion {
    let DueCopy { gone, leaving } = due;
    let (asset, name) = (gone.source.clone(), gone.copy.label().to_owned());
    PendingDeletion { asset, name, whole: true, blobs: leaving.blobs, bytes: leaving.bytes, on }
}

/// A copy in its first night, with its content if the ledger proves that mediamirror copied all of it.
async fn first(run: &Run, gone: &Gone, now: Timestamp) -> Result<Leaving, Error> {
    let entry = |content, blobs, bytes| Leaving { since: now, seen: now, content, blobs, bytes };
    let Some(there) = content(run, &gone.copy).await? else {
        return Ok(entry(Some(NO_CONTAINER.to_owned()), 0, 0));
    };
    let is_proven = there.left_out.blobs() == 0 && is_as_sealed(run, gone, &there).await?;
    Ok(entry(is_proven.then(|| there.digest.clone()), there.count, there.bytes))
}

/// Are the blobs of the copy those of the last run that compared it, and did the source have each of them, too?
async fn is_as_sealed(run: &Run, gone: &Gone, there: &Contents<'_>) -> Result<bool, Error> {
    let Some(row) = run.ledger.asset(&gone.source).await? else { return Ok(false) };
    let facts = row.facts;
    let sealed = facts.target.as_ref() == Some(&gone.copy.id)
        && facts.target_digest.is_some_and(|sealed| same_blobs(&sealed, &there.seal));
    if !sealed {
        return Ok(false);
    }
    let (mut sum, kept) = (KeptSum::default(), run.ledger.kept(&gone.source).await?);
    for blob in &kept {
        sum.add(&blob.name, &blob.etag);
    }
    let known = facts.kept_digest.is_some_and(|digest| digest == sum.text());
    Ok(known && kept.iter().all(|blob| blob.ours))
}

/// The blobs of a copy; `None`: its container is missing.
pub(super) async fn content<'a>(run: &'a Run, copy: &TargetAsset) -> Result<Option<Contents<'a>>, Error> {
    match Contents::list(locate_copy(&run.pair.target, copy).await?).await {
        Ok(contents) => Ok(Some(contents)),
        Err(error) if is_missing_container(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes the copies that are due. The state lists them first, so that the next run completes an interrupted deletion.
pub(crate) async fn delete(run: &Run, due: Vec<DueCopy>) -> Result<(), Error> {
    if run.options.dry_run {
        for due in due {
            match objection(run, &due).await {
                Ok(None) => deleted(run, &due),
                Ok(Some(finding)) => run.finish_copy(&due.gone.source, due.gone.copy.label(), finding),
                Err(error) => run.fail_copy(&due.gone.source, due.gone.copy.label(), error),
            }
        }
        return Ok(());
    }
    let mut placed = Vec::new();
    for due in due {
        match locate_copy(&run.pair.target, &due.gone.copy).await {
            Ok(place) => placed.push((due, place)),
            Err(error) => run.fail_copy(&due.gone.source, due.gone.copy.label(), error),
        }
    }
    let intended: BTreeMap<String, Deleting> = placed.iter().map(intention).collect();
    run.keeper.intend(intended).await?;
    let each = stream::iter(placed).map(|(due, place)| delete_one(run, due, place)).boxed();
    let mut each = std::pin::pin!(each.buffer_unordered(AT_ONCE));
    while let Some((ended, due)) = each.next().await {
        let id = due.gone.copy.id.as_str();
        match ended {
            Ok(End::Deleted) => {
                deleted(run, &due);
                run.keeper.change(|state| {
                    state.deleting.remove(id);
                    state.leaving.remove(id);
                });
            }
            // A later confirmation starts a new period.
            Ok(End::Not(finding)) => {
                run.keeper.change(|state| {
                    state.deleting.remove(id);
                    state.leaving.remove(id);
                });
                run.finish_copy(&due.gone.source, due.gone.copy.label(), finding);
            }
            Ok(End::NotStarted) => run.keeper.change(|state| drop(state.deleting.remove(id))),
            Err(error) => run.fail_copy(&due.gone.source, due.gone.copy.label(), error),
        }
    }
    Ok(())
}

fn intention((due, place): &(DueCopy, Place<'_>)) -> (String, Deleting) {
    (due.gone.copy.id.to_string(), deleting(place))
}

/// The container that may remain after a copy is deleted.
pub(super) fn deleting(place: &Place<'_>) -> Deleting {
    Deleting { account: place.account.name().to_string(), container: place.container.to_string() }
}

fn deleted(run: &Run, due: &DueCopy) {
    let DueCopy { gone, leaving } = due;
    let (blobs, bytes) = (leaving.blobs, leaving.bytes);
    run.count(|tally| tally.delete(1, blobs, bytes));
    run.changed(&Asset::known_by(&gone.source, gone.copy.label()), vec![Change::CopyDeleted { blobs, bytes }]);
}

/// The outcome of the deletion of a copy.
enum End {
    Deleted,
    NotStarted,
    Not(Finding),
}

async fn delete_one(run: &Run, due: DueCopy, place: Place<'_>) -> (Result<End, Error>, DueCopy) {
    (try_delete(run, &due, &place).await, due)
}

/// Asks both sides again, and deletes the copy with its container.
async fn try_delete(run: &Run, due: &DueCopy, place: &Place<'_>) -> Result<End, Error> {
    if run.stop.is_cancelled() {
        return Ok(End::NotStarted);
    }
    if let Some(finding) = objection(run, due).await? {
        return Ok(End::Not(finding));
    }
    run.may_write()?;
    run.pair.target.library.delete_asset(&due.gone.copy.id).await?;
    remove_container(run, place).await?;
    run.ledger.forget(&due.gone.source).await?;
    Ok(End::Deleted)
}

/// Asks both sides for a copy that is due. Returns the reason why it must not be deleted, if any.
async fn objection(run: &Run, due: &DueCopy) -> Result<Option<Finding>, Error> {
    let (DueCopy { gone, leaving }, library) = (due, &run.pair.target.library);
    if run.pair.source.library.asset(&gone.source).await?.is_some() {
        return Ok(Some(unlisted()));
    }
    let Some(there) = library.asset(&gone.copy.id).await? else { return Ok(None) };
    let there = TargetAsset::of(there, run.pair.source.library.account());
    if there.standing != Standing::Ours || there.mark != gone.copy.mark {
        return Ok(Some(Finding::new(Cause::NotDeleted, "its mark was changed during the run")));
    }
    if !library.locators_of_asset(&gone.copy.id).await?.is_empty() {
        return Ok(Some(occupied()));
    }
    let Some(content) = content(run, &gone.copy).await? else { return Ok(None) };
    let before = leaving.content.as_deref();
    let is_same = content.left_out.blobs() == 0 && before.is_some_and(|before| same_blobs(before, &content.digest));
    Ok((!is_same).then(|| Finding::new(Cause::NotDeleted, "another program changed the blobs of the retired copy")))
}

/// Deletes the container of a copy if the service left it. If the container is the asset, nothing is left.
pub(super) async fn remove_container(run: &Run, place: &Place<'_>) -> Result<(), Error> {
    if !run.pair.target.library.capabilities().locators {
        return Ok(());
    }
    match place.account.container_exists(&place.container).await {
        Ok(true) => {
            run.may_write()?;
            place.account.delete_container(&place.container).await
        }
        Ok(false) => Ok(()),
        Err(error) if is_missing_container(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Completes deletions that an earlier run started. A copy that still exists is due again.
pub(crate) async fn resume(run: &Run) -> Result<(), Error> {
    if run.options.dry_run || run.options.plan.is_some() {
        return Ok(());
    }
    for (id, Deleting { account, container }) in run.keeper.deleting() {
        let account = run.pair.target.blobs(Some(&AccountName::new(account)));
        if let Some(account) = account
            && run.pair.target.library.asset(&AssetId::new(&id)).await?.is_none()
        {
            let (container, extent) = (ContainerName::new(container), Extent::Whole);
            remove_container(run, &Place { account, container, extent }).await?;
        }
        run.keeper.change(|state| drop(state.deleting.remove(&id)));
    }
    Ok(())
}
