//! Reads registered, published, changed and withdrawn things back: an acknowledgement does not prove that the service
//! has stored a change.
//!
//! An acknowledged change that is missing is written once more; if it is still missing, its asset fails. The reads are
//! batched like the writes: a full batch needs only a few.

use std::borrow::Cow;
use std::time::Duration;

use crate::claims::same_terms;
use crate::engine::run::Run;
use crate::error::{Error, for_all};
use crate::library::FileSet;
use crate::model::{AssetFile, AssetId, FilterChange, Locator, LocatorId};
use crate::verdict::Cause;

/// How often a change is written and read back, at most.
const ROUNDS: u32 = 2;
/// How long to wait before a missing change is read again (guess): a read may lag behind its write.
const PAUSE: Duration = Duration::from_secs(2);

/// Writes things, reads back those that were acknowledged, and writes those that are `missing` once more. Things are
/// identified by their positions.
async fn confirmed<T, Writing, Reading>(
    count: usize,
    write: impl Fn(Vec<usize>) -> Writing,
    missing: impl Fn(Vec<usize>) -> Reading,
    not_there: impl Fn(usize) -> Error,
) -> Vec<Result<T, Error>>
where
    Writing: Future<Output = Vec<Result<T, Error>>>,
    Reading: Future<Output = Result<Vec<usize>, Error>>,
{
    let mut results = write((0..count).collect()).await;
    for round in 1..=ROUNDS {
        if round > 1 {
            tokio::time::sleep(PAUSE).await;
        }
        let acknowledged = succeeded(&results);
        if acknowledged.is_empty() {
            break;
        }
        let missing = match missing(acknowledged.clone()).await {
            Ok(missing) => missing,
            Err(error) => return with_errors(results, acknowledged, error),
        };
        if missing.is_empty() {
            break;
        }
        let outcomes = match round {
            ROUNDS => missing.iter().map(|&at| Err(not_there(at))).collect(),
            _ => write(missing.clone()).await,
        };
        replace(&mut results, missing, outcomes);
    }
    results
}

/// The things at these positions; the full list is not cloned.
fn picked<'t, T: Clone>(things: &'t [T], at: &[usize]) -> Cow<'t, [T]> {
    if at.len() == things.len() { Cow::Borrowed(things) } else { at.iter().map(|&at| things[at].clone()).collect() }
}

/// Writes the target's file records of several assets, and confirms them.
pub(crate) async fn register(run: &Run, sets: &[FileSet]) -> Vec<Result<(), Error>> {
    let library = &run.pair.target.library;
    let write = |at: Vec<usize>| async move { library.register_files(&picked(sets, &at)).await };
    let missing = |at| unregistered(run, sets, at);
    confirmed(sets.len(), write, missing, |at| not_there("register the files of asset", &sets[at].asset)).await
}

/// Creates locators, and confirms that they exist.
pub(crate) async fn publish(run: &Run, locators: &[Locator]) -> Vec<Result<Locator, Error>> {
    let library = &run.pair.target.library;
    let write = |at: Vec<usize>| async move { library.publish(&picked(locators, &at)).await };
    let missing = |at| unpublished(run, locators, at);
    confirmed(locators.len(), write, missing, |at| not_there("publish locator", &locators[at].id)).await
}

/// Removes locators, and confirms that they no longer exist.
pub(crate) async fn withdraw(run: &Run, ids: &[LocatorId]) -> Vec<Result<(), Error>> {
    let library = &run.pair.target.library;
    let write = |at: Vec<usize>| async move { library.remove_locators(&picked(ids, &at)).await };
    let missing = |at| still_there(run, ids, at);
    confirmed(ids.len(), write, missing, |at| not_there("withdraw locator", &ids[at])).await
}

/// Changes name, start and expiry of a locator, and confirms the change.
pub(crate) async fn update(run: &Run, locator: &Locator) -> Result<(), Error> {
    let library = &run.pair.target.library;
    let write = |_| async move { vec![library.update_locator(locator).await] };
    let missing = |at: Vec<usize>| async move {
        let there = library.locator(&locator.id).await?;
        let good = there.is_some_and(|there| is_updated(locator, there));
        Ok(if good { Vec::new() } else { at })
    };
    confirmed(1, write, missing, |_| not_there("update locator", &locator.id)).await.remove(0)
}

/// Changes filters of a copy, or of the target's account if `copy` is `None`, and confirms the changes.
pub(crate) async fn filters(run: &Run, copy: Option<&AssetId>, changes: &[FilterChange]) -> Result<(), Error> {
    let library = &run.pair.target.library;
    let write = |_| async move { vec![library.change_filters(copy, changes).await] };
    let missing = |at: Vec<usize>| async move {
        let there = match copy {
            Some(copy) => library.filters_of(std::slice::from_ref(copy)).await?.concat(),
            None => library.account_filters().await?,
        };
        Ok(if changes.iter().all(|change| change.is_done(&there)) { Vec::new() } else { at })
    };
    let names = changes.iter().map(FilterChange::name).collect::<Vec<_>>().join(", ");
    confirmed(1, write, missing, |_| not_there("change filters", &names)).await.remove(0)
}

/// The locators that still exist.
async fn still_there(run: &Run, ids: &[LocatorId], acknowledged: Vec<usize>) -> Result<Vec<usize>, Error> {
    let there = run.pair.target.library.locators_of(&picked(ids, &acknowledged)).await?;
    Ok(acknowledged.into_iter().zip(there).filter(|(_, there)| there.is_some()).map(|(at, _)| at).collect())
}

/// Does it have the wanted terms? Old versions of the service do not report names.
pub(crate) fn is_updated(wanted: &Locator, there: Locator) -> bool {
    let name = there.name.clone().or_else(|| wanted.name.clone());
    same_terms(wanted, &Locator { name, ..there })
}

/// The sets whose records differ from the wanted ones.
async fn unregistered(run: &Run, sets: &[FileSet], acknowledged: Vec<usize>) -> Result<Vec<usize>, Error> {
    let looked: Vec<usize> = acknowledged.into_iter().filter(|&at| !sets[at].files.is_empty()).collect();
    if looked.is_empty() {
        return Ok(looked);
    }
    let assets: Vec<AssetId> = looked.iter().map(|&at| sets[at].asset.clone()).collect();
    let there = run.pair.target.library.files_of(&assets).await?;
    let pairs = looked.into_iter().zip(there);
    Ok(pairs.filter(|(at, there)| !has_all(there, &sets[*at].files)).map(|(at, _)| at).collect())
}

/// Is every wanted record there? If the source has a name several times, any of these records may match.
fn has_all(there: &[AssetFile], wanted: &[AssetFile]) -> bool {
    let one_primary = wanted.iter().filter(|file| file.primary).count() == 1;
    let primary = wanted.iter().find(|file| file.primary).filter(|_| one_primary);
    wanted.iter().all(|file| there.iter().any(|copy| copy.name == file.name))
        && there.iter().all(|copy| {
            let mut same = wanted.iter().filter(|file| file.name == copy.name).peekable();
            same.peek().is_none() || same.any(|file| file.size == copy.size && file.mime_type == copy.mime_type)
        })
        && primary.is_none_or(|file| there.iter().any(|copy| copy.primary && copy.name == file.name))
}

/// The locators that are missing or have other terms.
async fn unpublished(run: &Run, locators: &[Locator], acknowledged: Vec<usize>) -> Result<Vec<usize>, Error> {
    let ids: Vec<LocatorId> = acknowledged.iter().map(|&at| locators[at].id.clone()).collect();
    let there = run.pair.target.library.locators_of(&ids).await?;
    let lacks = |(at, there): (usize, Option<Locator>)| {
        let wanted = &locators[at];
        let good = there.is_some_and(|there| there.asset == wanted.asset && is_updated(wanted, there));
        (!good).then_some(at)
    };
    Ok(acknowledged.into_iter().zip(there).filter_map(lacks).collect())
}

fn succeeded<T>(results: &[Result<T, Error>]) -> Vec<usize> {
    (0..results.len()).filter(|&at| results[at].is_ok()).collect()
}

fn replace<T>(results: &mut [Result<T, Error>], at: Vec<usize>, with: Vec<Result<T, Error>>) {
    for (at, result) in at.into_iter().zip(with) {
        results[at] = result;
    }
}

/// The same results, but the changes that could not be read back fail with this error.
fn with_errors<T>(mut results: Vec<Result<T, Error>>, acknowledged: Vec<usize>, error: Error) -> Vec<Result<T, Error>> {
    let errors = for_all(error, acknowledged.len());
    replace(&mut results, acknowledged, errors);
    results
}

fn not_there(attempted: &'static str, subject: &impl ToString) -> Error {
    Error::found(subject.to_string(), Cause::NotThereWhenReadBack, attempted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, size: u64, primary: bool) -> AssetFile {
        AssetFile { asset: AssetId::new("a"), name: name.to_owned(), size, mime_type: None, primary, encrypted: false }
    }

    #[test]
    fn a_record_that_is_missing_or_different_is_noticed() {
        let wanted = [file("a", 1, true), file("b", 2, false)];
        assert!(has_all(&wanted, &wanted));
        assert!(has_all(&[wanted[0].clone(), wanted[1].clone(), file("more", 9, false)], &wanted));
        assert!(!has_all(&wanted[..1], &wanted));
        assert!(!has_all(&[file("a", 1, true), file("b", 3, false)], &wanted));
        assert!(!has_all(&[file("a", 1, false), file("b", 2, false)], &wanted));
    }

    #[test]
    fn one_record_is_enough_for_a_name_that_occurs_twice() {
        let wanted = [file("a", 1, true), file("a", 2, true)];
        assert!(has_all(&[file("a", 1, true)], &wanted));
        assert!(!has_all(&[file("a", 3, true)], &wanted));
    }
}
