//! Processes the `withhold` list, and foreign locators that the source has withdrawn.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::claims::{Claims, Screened};
use crate::connect::Pair;
use crate::engine::run::Run;
use crate::error::Error;
use crate::model::{AssetId, Extent, LocatorId};
use crate::state::Withheld;
use crate::verdict::{Cause, Finding};

/// Prevents the publication of what the operator withholds.
pub(crate) fn withhold(run: &Run) -> Result<(), Error> {
    let before = run.keeper.withheld();
    let Applied { entries, locators, unmatched } = apply(run, &run.options.policy.withhold, &before)?;
    if entries != before {
        run.keeper.change(|state| state.withheld = entries);
    }
    for finding in unmatched {
        run.find(finding);
    }
    let _ = run.withheld.set(locators);
    Ok(())
}

/// The result of applying the list.
#[derive(Debug, Default)]
struct Applied {
    /// Each entry of the list with its matches, of now or of an earlier run.
    entries: BTreeMap<String, Withheld>,
    locators: HashSet<LocatorId>,
    /// A finding for each entry that never matched anything.
    unmatched: Vec<Finding>,
}

/// Resolves the `withhold` list and marks the matches. An entry keeps the ids that it matched, so that a rename does
/// not undo it.
fn apply(run: &Run, list: &[String], before: &BTreeMap<String, Withheld>) -> Result<Applied, Error> {
    let (claims, library) = (&run.claims, &run.pair.source.library);
    let (mut applied, mut assets) = (Applied::default(), BTreeSet::new());
    for entry in list {
        let mut matched = before.get(entry).cloned().unwrap_or_default();
        matched.assets.extend(claims.spool.sources_named(entry)?.into_iter().map(|id| id.to_string()));
        for id in library.asset_ids(entry) {
            if claims.spool.source(&id)?.is_some() || !claims.spool.copies_of(&id)?.is_empty() {
                matched.assets.insert(id.to_string());
            }
        }
        for id in library.locator_ids(entry) {
            let on_target = claims.spool.target_locator(&id)?.is_some_and(|there| there.ours);
            if on_target || claims.spool.source_locator(&id)?.is_some() {
                matched.locators.insert(id.to_string());
            }
        }
        // A folder is as public as its container: if only the folder is withheld, it still plays.
        let all = matched.assets.len();
        matched.assets.retain(|id| !matches!(library.extent(&AssetId::new(id)), Extent::Folder(_)));
        let names_folder = matched.assets.len() < all;
        assets.extend(matched.assets.iter().map(AssetId::new));
        applied.locators.extend(matched.locators.iter().map(LocatorId::new));
        if matched == Withheld::default() {
            let why = if names_folder { " is a folder: withhold its container" } else { "" };
            applied.unmatched.push(Finding::new(Cause::WithholdUnmatched, format!("{entry:?}{why}")));
        } else {
            applied.entries.insert(entry.clone(), matched);
        }
    }
    let marked: Vec<(AssetId, Screened)> = assets.into_iter().map(|id| (id, Screened::Withheld)).collect();
    claims.spool.set_screened(&marked)?;
    claims.spool.drop_source_locators(&applied.locators)?;
    Ok(applied)
}

/// In every run, reports foreign locators on our copies that play an id which the source has withdrawn.
pub(crate) async fn name_foreign(run: &Run) -> Result<(), Error> {
    for id in run.keeper.theirs() {
        let there = run.claims.spool.target_locator(&LocatorId::new(&id))?;
        if there.is_none_or(|there| there.ours) {
            run.keeper.change(|state| {
                state.theirs.remove(&id);
            });
        }
    }
    for foreign in foreign_revoked(&run.pair, &run.claims, run.keeper.theirs()).await? {
        match foreign.finding {
            Ok(finding) => run.finish_copy(&foreign.source, &foreign.label, finding),
            Err(error) => run.fail_copy(&foreign.source, &foreign.label, error),
        }
    }
    Ok(())
}

/// A copy of ours with a foreign locator that plays an id which the source has withdrawn.
struct ForeignRevoked {
    source: AssetId,
    label: String,
    /// The finding, or why the source could not be asked.
    finding: Result<Finding, Error>,
}

/// The ids among these that still play, and that the source still lacks. If the source cannot be asked for one, only
/// that one fails.
async fn foreign_revoked(
    pair: &Pair,
    claims: &Claims,
    theirs: impl IntoIterator<Item = String>,
) -> Result<Vec<ForeignRevoked>, Error> {
    let mut all = Vec::new();
    for id in theirs {
        let id = LocatorId::new(id);
        let there = claims.spool.target_locator(&id)?;
        let Some(there) = there.filter(|there| !there.ours) else { continue };
        if claims.spool.source_locator(&id)?.is_some() {
            continue;
        }
        let finding = match pair.source.library.locator(&id).await {
            Ok(Some(_)) => continue,
            Ok(None) => Ok(Finding::new(Cause::ForeignLocatorRevoked, id.as_str())),
            Err(error) => Err(error),
        };
        let Some(copy) = claims.spool.target(&there.locator.asset)? else { continue };
        let source = copy.mark.as_ref().map_or_else(|| copy.id.clone(), |mark| mark.source.clone());
        all.push(ForeignRevoked { source, label: copy.label().to_owned(), finding });
    }
    Ok(all)
}
