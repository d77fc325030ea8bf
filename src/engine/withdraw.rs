//! Withdraws what the source has withdrawn: before anything is created, and each locator only after the source was
//! asked for it by its key.

mod gone;
pub(crate) mod hidden;
mod reached;
pub(crate) mod withhold;

use std::collections::BTreeSet;

use futures::{StreamExt, stream};

use self::gone::{PAGE, all_gone, is_never_published};
use self::reached::Reached;
use crate::claims::digest;
use crate::claims::{Gone, Revoked, Screened, Work};
use crate::clock;
use crate::engine::confirm;
use crate::engine::contents::Contents;
use crate::engine::contents::locate::{is_missing_container, locate_in, storage};
use crate::engine::delete::copies;
use crate::engine::intent;
use crate::engine::run::Run;
use crate::engine::withdraw::hidden::Hidden;
use crate::error::Error;
use crate::model::{Asset, AssetChange, AssetId, Locator, LocatorId, Mark, Protection};
use crate::plan::{Action, Item};
use crate::verdict::{Cause, Change, Finding, Withdrawal};

/// The number of locators that are requested from the source at once.
const AT_ONCE: usize = 16;

/// The source's answer about one locator.
enum Answer {
    Withdraw(Withdrawal),
    /// It exists, on this asset or on another one: the listing omitted it.
    Hidden,
    /// It is on its asset, which is no longer protected.
    Unprotected,
}

/// Judges the guards and withdraws. Retires copies whose source asset is deleted.
pub(crate) async fn withdraw(run: &Run) -> Result<(), Error> {
    // If nothing has to be withdrawn, a wrong clock does no harm.
    let skewed = run.pair.source.library.clock_skew().is_some_and(|skew| skew.abs() > clock::MOST_SKEW);
    if skewed && !run.claims.spool.revoked(0, 1)?.is_empty() {
        run.find(Cause::ClockSkew.into());
        return Ok(());
    }
    run.claims.spool.pause().await;
    name_moved_out(run)?;
    run.claims.spool.pause().await;
    screen_heirs(run).await?;
    run.claims.spool.pause().await;
    let reached = Reached::judge(run)?;
    run.claims.spool.pause().await;
    reached.hold(run)?;
    // Removals are counted in advance, so that they also count if the run is interrupted.
    run.count_ahead(reached.to_stop()).await?;
    let mut stopped = BTreeSet::new();
    let mut after = 0;
    loop {
        let page = run.claims.spool.revoked(after, PAGE)?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        let some = page.into_iter().map(|(_, revoked)| revoked).filter(|revoked| run.covers_copy(revoked));
        let some = some.filter(|revoked| reached.on(run, revoked).is_empty() && is_planned(run, revoked)).collect();
        withdraw_some(run, some, &reached, &mut stopped).await?;
    }
    run.claims.spool.pause().await;
    run.stopped(stopped.len() as u64);
    retire(run, &reached).await
}

/// If a plan is applied, does it contain this withdrawal? If not, it is reported.
fn is_planned(run: &Run, revoked: &Revoked) -> bool {
    let fingerprint = intent::of_withdrawal(&revoked.copy.id);
    let finding = run.unplanned_withdrawal(revoked.locator.id.as_str(), fingerprint);
    if let Some(finding) = finding {
        run.finish_copy(&revoked.source, revoked.copy.label(), finding);
        return false;
    }
    true
}

/// Finds the empty assets among those that locators moved to: they are not published on the target, and the source
/// serves nothing under these locators.
async fn screen_heirs(run: &Run) -> Result<(), Error> {
    let mut empty = Vec::new();
    for heir in run.claims.spool.heirs()? {
        match is_empty(run, &heir).await {
            Ok(true) => empty.push((heir.id, Screened::Empty)),
            Ok(false) => {}
            // It is examined again with its contents.
            Err(error) => tracing::warn!(asset = %heir.id, %error, "whether it is empty is not known"),
        }
    }
    run.claims.spool.set_screened(&empty)
}

async fn is_empty(run: &Run, asset: &Asset) -> Result<bool, Error> {
    let account = storage(&run.pair.source, asset.storage_account.as_ref(), asset, "source")?;
    match Contents::list(locate_in(&run.pair.source, account, asset).await?).await {
        Ok(contents) => Ok(contents.is_empty()),
        Err(error) if is_missing_container(&error) => Ok(true),
        Err(error) => Err(error),
    }
}

async fn withdraw_some(
    run: &Run,
    some: Vec<Revoked>,
    reached: &Reached,
    stopped: &mut BTreeSet<AssetId>,
) -> Result<(), Error> {
    let asked = stream::iter(some).map(|revoked| async move {
        let answer = ask(run, &revoked).await;
        (revoked, answer)
    });
    let mut asked = std::pin::pin!(asked.buffer_unordered(AT_ONCE));
    let (mut confirmed, mut whys) = (Vec::new(), Vec::new());
    while let Some((revoked, answer)) = asked.next().await {
        match answer {
            Ok(Answer::Withdraw(why)) => {
                confirmed.push(revoked);
                whys.push(why);
            }
            Ok(Answer::Hidden) => {
                run.count(|tally| tally.hidden.extend([revoked.locator.id.clone()]));
                let detail = format!("the source's listing lacks locator {}", revoked.locator.id);
                run.finish_copy(&revoked.source, revoked.copy.label(), Finding::new(Cause::ListingIncomplete, detail));
            }
            // It plays in the source as on the target; the next run processes the asset.
            Ok(Answer::Unprotected) => run.count(|tally| tally.hidden.extend([revoked.locator.id])),
            Err(error) => run.fail_copy(&revoked.source, revoked.copy.label(), error),
        }
    }
    if confirmed.is_empty() {
        return Ok(());
    }
    let results = if run.options.dry_run {
        confirmed.iter().map(|_| Ok(())).collect()
    } else {
        run.may_write()?;
        let ids: Vec<LocatorId> = confirmed.iter().map(|revoked| revoked.locator.id.clone()).collect();
        confirm::withdraw(run, &ids).await
    };
    for ((revoked, why), result) in confirmed.into_iter().zip(whys).zip(results) {
        match result {
            Ok(()) => {
                let change = withdrawal(&revoked.locator, why);
                if run.options.dry_run {
                    run.plan(intent::withdrawal(&revoked.source, &revoked.copy, &revoked.locator.id, change.clone()));
                }
                run.claims.spool.drop_target_locator(&revoked.locator.id)?;
                note_common(run, &revoked, why).await?;
                if reached.stops(&revoked.copy.id) {
                    stopped.insert(revoked.copy.id.clone());
                }
                run.withdrawn(&revoked, change);
            }
            Err(error) => run.fail_copy(&revoked.source, revoked.copy.label(), error),
        }
    }
    Ok(())
}

/// Records which locators both sides have now. Otherwise, after a failover, a locator that only the source has looks
/// like one that the target has withdrawn.
async fn note_common(run: &Run, revoked: &Revoked, why: Withdrawal) -> Result<(), Error> {
    if run.options.dry_run {
        return Ok(());
    }
    let mut both = Vec::new();
    if !matches!(why, Withdrawal::Withheld | Withdrawal::Protected) {
        for locator in run.claims.spool.locators_of(&revoked.source)? {
            // In the target's state: if the source has changed the locator, the change is still pending.
            both.extend(run.claims.spool.target_locator(&locator.id)?.map(|there| there.locator));
        }
    }
    let now = digest::with_count(&digest::of_locators(&both), both.len() as u64);
    Ok(run.ledger.set_locators(&revoked.source, now, None).await?)
}

fn withdrawal(locator: &Locator, why: Withdrawal) -> Change {
    Change::LocatorWithdrawn { id: locator.id.clone(), kind: locator.kind, why }
}

/// Asks the source for one locator, or for the protection of its asset.
async fn ask(run: &Run, revoked: &Revoked) -> Result<Answer, Error> {
    let library = &run.pair.source.library;
    if run.is_withheld(revoked) {
        return Ok(Answer::Withdraw(Withdrawal::Withheld));
    }
    let was_protected = revoked.screened == Some(Screened::Protected);
    if was_protected
        && let Protection::Protected { .. } =
            library.protection_of(std::slice::from_ref(&revoked.source)).await.remove(0)?
    {
        return Ok(Answer::Withdraw(Withdrawal::Protected));
    }
    let Some(there) = library.locator(&revoked.locator.id).await? else {
        return Ok(Answer::Withdraw(Withdrawal::Revoked));
    };
    let moved = there.asset != revoked.source && is_never_published(run, &there.asset)?;
    Ok(match moved {
        true => Answer::Withdraw(Withdrawal::Moved),
        false if was_protected && there.asset == revoked.source => Answer::Unprotected,
        false => Answer::Hidden,
    })
}

/// Reports locators that the source has moved to an asset that is not part of this run. They stay where they are.
fn name_moved_out(run: &Run) -> Result<(), Error> {
    if run.options.covers_all() {
        return Ok(());
    }
    let mut after = 0;
    loop {
        let page = run.claims.spool.moved_out(after, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = *last;
        for (_, moved) in page.into_iter().filter(|(_, moved)| run.covers_copy(moved)) {
            let finding = Finding::new(Cause::LocatorMovedOutOfScope, moved.locator.id.as_str());
            run.finish_copy(&moved.source, moved.copy.label(), finding);
        }
    }
}

/// If the source has moved locators to this asset, leaves them on copies that are not part of this run.
pub(crate) fn leave_out_of_scope(run: &Run, work: &mut Work) -> Result<(), Error> {
    for moved in std::mem::take(&mut work.moved) {
        if covers_target(run, &moved.from)? {
            work.moved.push(moved);
        } else {
            let id = moved.locator.id.as_str();
            work.conflicts.push(Finding::new(Cause::LocatorMovedOutOfScope, id));
        }
    }
    Ok(())
}

/// Is a copy part of the run? Its source asset decides, or its own name if the source does not list the asset.
fn covers_target(run: &Run, copy: &AssetId) -> Result<bool, Error> {
    let Some(copy) = run.claims.spool.target(copy)? else { return Ok(false) };
    let id = copy.mark.as_ref().map_or(&copy.id, |mark| &mark.source);
    let source = run.claims.spool.source(id)?;
    Ok(source.map_or_else(|| run.options.covers_id(id, copy.label()), |(_, covered)| covered))
}

/// Copies whose source asset is deleted keep their bytes; the date is added to their mark.
async fn retire(run: &Run, reached: &Reached) -> Result<(), Error> {
    let mut retired = Vec::new();
    for gone in all_gone(run)?.into_iter().filter(|gone| !reached.keeps(run, gone)) {
        match run.pair.source.library.asset(&gone.source).await {
            Ok(Some(_)) => {
                run.finish_copy(&gone.source, gone.copy.label(), Hidden::finding());
            }
            Ok(None) => match retire_one(run, &gone).await {
                Ok(()) => retired.push(gone),
                Err(error) => run.fail_copy(&gone.source, gone.copy.label(), error),
            },
            Err(error) => run.fail_copy(&gone.source, gone.copy.label(), error),
        }
    }
    copies::confirm(run, retired).await
}

async fn retire_one(run: &Run, gone: &Gone) -> Result<(), Error> {
    if run.options.base.is_some() {
        // An original keeps its alternate id and has no mark. Without locators it is in its final state.
        run.count(|tally| tally.assets.gone += 1);
        return Ok(());
    }
    let intent = intent::of_retirement(&gone.copy);
    if let Some(finding) = run.unplanned_retirement(&gone.source, intent) {
        run.finish_copy(&gone.source, gone.copy.label(), finding);
        return Ok(());
    }
    run.count(|tally| tally.assets.gone += 1);
    // Another program may have removed the mark.
    let account = run.pair.source.library.account();
    let mark = gone.copy.mark.clone().unwrap_or_else(|| Mark {
        own: Some(gone.copy.id.clone()),
        ..Mark::new(account.clone(), gone.source.clone(), None)
    });
    if run.options.dry_run {
        run.plan(Item::new(Action::Retire, &gone.source, gone.copy.label(), vec![Change::Retired], intent));
    } else {
        run.may_write()?;
        let today = clock::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let mark = Mark { retired: Some(today), ..mark };
        let change = AssetChange { alternate_id: Some(Some(mark.text())), ..AssetChange::default() };
        run.pair.target.library.update_asset(&gone.copy.id, &change).await?;
    }
    run.changed(&Asset::known_by(&gone.source, gone.copy.label()), vec![Change::Retired]);
    Ok(())
}
