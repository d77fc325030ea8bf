//! Decides whether a run deletes: only one that saw everything, and only within the guard.

use crate::claims::guards::{Guard, may_delete};
use crate::clock;
use crate::engine::counts::PendingDeletion;
use crate::engine::delete::copies::pending;
use crate::engine::run::Run;
use crate::engine::schedule::deletions::{Due, DueBlobs, DueCopy};
use crate::model::AssetId;
use crate::verdict::{Cause, Finding};

/// The deletions that are allowed now, of those that are due. The others are reported, and their periods continue.
pub(crate) async fn judge(run: &Run, whole: bool) -> Due {
    let mut due = run.deletions.take();
    // Failed assets have ended already, and none of their blobs are deleted.
    due.blobs.retain(|_, blobs| blobs.outcome.is_some());
    if due.is_empty() {
        return due;
    }
    if let Some(why) = why_not(run, whole).await {
        run.find(Finding::new(Cause::DeletionsPutOff, why));
        put_off(run, &due);
        due.copies.clear();
        due.blobs.values_mut().for_each(|blobs| blobs.blobs.clear());
        return due;
    }
    let passes = |source: &AssetId| run.passed.delete.contains(source);
    let copies = due.copies.iter().filter(|copy| !passes(&copy.gone.source)).map(|copy| copy.leaving.blobs.max(1));
    let blobs = due.blobs.values().filter(|blobs| !passes(&blobs.asset.id)).map(|blobs| blobs.blobs.len() as u64);
    let deleted: u64 = copies.chain(blobs).sum();
    let mut all = run.blobs_seen() + due.copies.iter().map(|copy| copy.leaving.blobs).sum::<u64>();
    run.count(|tally| all += tally.kept.blobs);
    if !may_delete(all, deleted, run.options.policy.guards.max_delete) {
        hold(run, &mut due, &format!("{deleted} of {all} blobs would be deleted"));
    }
    due
}

/// The reason why this run deletes nothing, if any.
async fn why_not(run: &Run, whole: bool) -> Option<String> {
    if !whole || run.stop.is_cancelled() {
        return Some("the run was stopped".to_owned());
    }
    // No plan contains deletions, and a run that applies a plan does nothing else.
    if run.options.plan.is_some() {
        return Some("the run applies a plan".to_owned());
    }
    if !run.options.covers_all() {
        return Some("the run does not cover the whole library".to_owned());
    }
    let mut hides = None;
    run.count(|tally| hides = tally.hides());
    if let Some(cause) = hides {
        return Some(format!("cause {cause}"));
    }
    let account = run.pair.source.storage.first()?;
    match account.service_time().await {
        Ok(time) if time.duration_since(clock::now()).abs() <= clock::MOST_SKEW => None,
        Ok(_) => Some(format!("cause {}", Cause::ClockSkew)),
        Err(error) => Some(error.to_string()),
    }
}

/// Counts due deletions as pending: for the next run.
fn put_off(run: &Run, due: &Due) {
    let now = clock::now();
    let copies = due.copies.iter().map(|copy| pending(copy, now));
    let blobs = due.blobs.values().map(|due| {
        let (asset, name) = (due.asset.id.clone(), due.asset.label().to_owned());
        PendingDeletion { asset, name, whole: false, blobs: due.blobs.len() as u64, bytes: due.bytes(), on: now }
    });
    let all: Vec<PendingDeletion> = copies.chain(blobs).collect();
    run.count(|tally| tally.pending.extend(all));
}

/// Holds everything that the operator does not allow.
fn hold(run: &Run, due: &mut Due, why: &str) {
    let passes = |source: &AssetId| run.passed.delete.contains(source);
    let finding = || Finding::new(Cause::HeldByGuard, why);
    let (allowed, held): (Vec<DueCopy>, Vec<DueCopy>) =
        std::mem::take(&mut due.copies).into_iter().partition(|copy| passes(&copy.gone.source));
    due.copies = allowed;
    for DueCopy { gone, .. } in held {
        run.hold(&gone.source, gone.copy.label(), &[Guard::Delete], finding());
    }
    for DueBlobs { asset, blobs, .. } in due.blobs.values_mut().filter(|blobs| !passes(&blobs.asset.id)) {
        run.hold(&asset.id, asset.label(), &[Guard::Delete], finding());
        blobs.clear();
    }
}
