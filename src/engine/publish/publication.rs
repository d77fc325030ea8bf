//! Creates the locators of several assets at once. A moved locator is removed from its old copy immediately before, so
//! that it is unavailable only for the time of two requests, and of those that create a missing access policy.

use std::time::Duration;

use tokio::time::Instant;

use crate::claims::Move;
use crate::engine::confirm::{self, is_updated};
use crate::engine::run::Run;
use crate::engine::schedule::in_flight::{Made, Publication};
use crate::error::{Error, for_all};
use crate::model::{AssetId, Locator, LocatorId};
use crate::monitor::RunEvent;
use crate::verdict::Cause;

/// How often locators that could not be created on their new copies are put back.
const ATTEMPTS: u32 = 3;
/// How long to wait between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// One locator of a batch.
struct Wanted {
    source: AssetId,
    locator: Locator,
    /// The copy that it is moved from.
    from: Option<AssetId>,
}

/// Creates the locators of several assets. Returns the results, with those of the missing locators first.
pub(crate) async fn publish_batch(run: &Run, some: Vec<Publication>) -> Vec<Result<Vec<Result<Made, Error>>, Error>> {
    let sizes: Vec<usize> = some.iter().map(Publication::len).collect();
    let wanted: Vec<Wanted> = some.into_iter().flat_map(wanted).collect();
    let removed = Instant::now();
    let Released { mut results, unsure } = release(run, &wanted).await;
    let open: Vec<usize> = (0..wanted.len()).filter(|&at| results[at].is_ok()).collect();
    let locators: Vec<Locator> = open.iter().map(|&at| wanted[at].locator.clone()).collect();
    let made = confirm::publish(run, &locators).await;
    let not_made = open.iter().zip(&made).filter(|(_, made)| made.is_err()).map(|(at, _)| at);
    // If the lock is lost, another run processes them.
    let _ = put_back(run, not_made.chain(&unsure).map(|&at| &wanted[at])).await;
    let mut made = made.into_iter();
    let mut of_each = wanted.iter().zip(results.drain(..)).map(|(one, released)| {
        released?;
        let locator = made.next().expect("one result for each locator")?;
        Ok(Made { locator, dead: one.from.is_some().then(|| removed.elapsed()) })
    });
    sizes.into_iter().map(|size| Ok(of_each.by_ref().take(size).collect())).collect()
}

fn wanted(publication: Publication) -> impl Iterator<Item = Wanted> {
    let Publication { source, missing, moved } = publication;
    let missing = missing.into_iter().map(|locator| (locator, None));
    let all = missing.chain(moved.into_iter().map(|Move { locator, from }| (locator, Some(from))));
    all.map(move |(locator, from)| Wanted { source: source.clone(), locator, from })
}

/// Puts moved locators that could not be created back on their old copies: the source still serves them, and the next
/// run moves them.
async fn put_back(run: &Run, failed: impl Iterator<Item = &Wanted>) -> Result<(), Error> {
    let mut open = Vec::new();
    for one in failed {
        if let Some(from) = one.from.clone().filter(|from| may_publish(run, from)) {
            open.push(Locator { asset: from, ..one.locator.clone() });
        }
    }
    for attempt in 1..=ATTEMPTS {
        if open.is_empty() {
            return Ok(());
        }
        if attempt > 1 {
            tokio::time::sleep(PAUSE).await;
        }
        run.may_write()?;
        // If one exists, it was created after all, or was never removed.
        let ids: Vec<LocatorId> = open.iter().map(|locator| locator.id.clone()).collect();
        let there = run.pair.target.library.locators_of(&ids).await.unwrap_or_else(|_| vec![None; ids.len()]);
        open = open.into_iter().zip(there).filter(|(_, there)| there.is_none()).map(|(locator, _)| locator).collect();
        let results = confirm::publish(run, &open).await;
        open =
            open.into_iter().zip(results).filter(|(_, result)| result.is_err()).map(|(locator, _)| locator).collect();
    }
    for Locator { id, asset, .. } in open {
        let note = format!(
            "locator {id} could neither be moved nor put back on {asset}: it does not answer until the next run"
        );
        run.monitor.event(RunEvent::Note(note));
    }
    Ok(())
}

/// May one of our locators be created on that copy? Not if its source asset is protected or withheld.
fn may_publish(run: &Run, copy: &AssetId) -> bool {
    let spool = &run.claims.spool;
    let barred = || -> Result<bool, Error> {
        let source = spool.target(copy)?.and_then(|copy| copy.mark).map(|mark| mark.source);
        Ok(match source {
            Some(source) => spool.screened(&source)?.is_barred(),
            None => false,
        })
    };
    // If this cannot be read, the locator is not created.
    barred().is_ok_and(|barred| !barred)
}

/// The results for the locators to move.
struct Released {
    /// For each wanted locator: may it be created?
    results: Vec<Result<(), Error>>,
    /// The positions of those whose removal failed: they may be removed nevertheless.
    unsure: Vec<usize>,
}

/// Removes moved locators from their old copies, but only those that the source now serves as they were listed.
async fn release(run: &Run, wanted: &[Wanted]) -> Released {
    let mut results: Vec<Result<(), Error>> = wanted.iter().map(|_| Ok(())).collect();
    let moved: Vec<usize> = (0..wanted.len()).filter(|&at| wanted[at].from.is_some()).collect();
    if moved.is_empty() {
        return Released { results, unsure: Vec::new() };
    }
    let (mut confirmed, mut ids) = (Vec::new(), Vec::new());
    for (at, served) in moved.iter().copied().zip(ask(run, wanted, &moved).await) {
        match served {
            Ok(()) => {
                confirmed.push(at);
                ids.push(wanted[at].locator.id.clone());
            }
            Err(error) => results[at] = Err(error),
        }
    }
    let removed = match run.may_write() {
        Ok(()) if ids.is_empty() => Vec::new(),
        Ok(()) => run.pair.target.library.remove_locators(&ids).await,
        Err(error) => for_all(error, ids.len()),
    };
    let mut unsure = Vec::new();
    for (at, removed) in confirmed.into_iter().zip(removed) {
        if removed.is_err() {
            unsure.push(at);
        }
        results[at] = removed;
    }
    Released { results, unsure }
}

/// Asks the source whether it serves these locators as they were listed.
async fn ask(run: &Run, wanted: &[Wanted], moved: &[usize]) -> Vec<Result<(), Error>> {
    let library = &run.pair.source.library;
    let ids: Vec<LocatorId> = moved.iter().map(|&at| wanted[at].locator.id.clone()).collect();
    let there = match library.locators_of(&ids).await {
        Ok(there) => there,
        Err(error) => return for_all(error, ids.len()),
    };
    let mut answers = Vec::with_capacity(ids.len());
    for (&at, there) in moved.iter().zip(there) {
        let Wanted { source, locator, .. } = &wanted[at];
        // If a request for several locators lacks one, that is not an answer: it is requested alone.
        let there = match there {
            Some(there) => Ok(Some(there)),
            None => library.locator(&locator.id).await,
        };
        answers.push(there.and_then(|there| {
            let changed = |cause| Err(Error::found(source.as_str(), cause, format!("locator {}", locator.id)));
            let Some(there) = there else { return changed(Cause::SourceVanished) };
            let same = there.asset == *source && is_updated(locator, there);
            if same { Ok(()) } else { changed(Cause::LocatorChanged) }
        }));
    }
    answers
}
