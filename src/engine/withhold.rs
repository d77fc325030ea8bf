//! What the operator withholds, and locators of somebody else's that the source has withdrawn.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::run::Run;
use crate::claims::{Claims, Screened};
use crate::connect::Pair;
use crate::error::Error;
use crate::model::{AssetId, LocatorId};
use crate::verdict::{Cause, Finding};

/// Keeps what the operator withholds from being published.
pub(super) fn withhold(run: &Run) -> Result<(), Error> {
    let before = run.keeper.withheld();
    let Withheld { names, locators } = apply(&run.claims, &run.options.policy.withhold, &before)?;
    if names != before {
        run.keeper.change(|state| state.withheld = names);
    }
    let _ = run.withheld.set(locators);
    Ok(())
}

/// What is withheld.
#[derive(Debug, Default)]
pub(super) struct Withheld {
    /// Each entry of the list with the ids of the source assets that had it as their name.
    names: BTreeMap<String, Vec<String>>,
    locators: HashSet<LocatorId>,
}

/// Resolves the `withhold` list and marks what is on it: a name is resolved once, and the ids are kept, so that a rename does
/// not lift it.
pub(super) fn apply(
    claims: &Claims,
    list: &[String],
    before: &BTreeMap<String, Vec<String>>,
) -> Result<Withheld, Error> {
    let mut withheld = Withheld::default();
    let mut assets: BTreeSet<AssetId> = BTreeSet::new();
    for entry in list {
        let mut ids: BTreeSet<String> = before.get(entry).into_iter().flatten().cloned().collect();
        ids.extend(claims.spool.sources_named(entry)?.into_iter().map(|id| id.to_string()));
        if claims.spool.source(&AssetId::new(entry))?.is_some() {
            assets.insert(AssetId::new(entry));
        }
        withheld.locators.insert(LocatorId::new(entry.to_ascii_lowercase()));
        assets.extend(ids.iter().map(AssetId::new));
        if !ids.is_empty() {
            withheld.names.insert(entry.clone(), ids.into_iter().collect());
        }
    }
    let marked: Vec<(AssetId, Screened)> = assets.into_iter().map(|id| (id, Screened::Withheld)).collect();
    claims.spool.set_screened(&marked)?;
    claims.spool.drop_source_locators(&withheld.locators)?;
    Ok(withheld)
}

/// Names, every night, locators of somebody else's on our copies that play an id which the source has withdrawn.
pub(super) async fn name_foreign(run: &Run) -> Result<(), Error> {
    for id in run.keeper.theirs() {
        let there = run.claims.spool.target_locator(&LocatorId::new(&id))?;
        if there.is_none_or(|there| there.ours) {
            run.keeper.change(|state| {
                state.theirs.remove(&id);
            });
        }
    }
    for foreign in foreign_revoked(&run.pair, &run.claims, run.keeper.theirs()).await? {
        run.finish_copy(&foreign.source, &foreign.label, foreign.finding);
    }
    Ok(())
}

/// A copy of ours on which a locator of somebody else's plays an id that the source has withdrawn.
pub(super) struct ForeignRevoked {
    pub(super) source: AssetId,
    pub(super) label: String,
    pub(super) finding: Finding,
}

/// Those of these ids that still play, and that the source still has not.
pub(super) async fn foreign_revoked(
    pair: &Pair,
    claims: &Claims,
    theirs: impl IntoIterator<Item = String>,
) -> Result<Vec<ForeignRevoked>, Error> {
    let mut all = Vec::new();
    for id in theirs {
        let id = LocatorId::new(id);
        let there = claims.spool.target_locator(&id)?;
        let Some(there) = there.filter(|there| !there.ours) else { continue };
        if claims.spool.source_locator(&id)?.is_some() || pair.source.media.locator(&id).await?.is_some() {
            continue;
        }
        let Some(copy) = claims.spool.target(&there.locator.asset)? else { continue };
        let source = copy.mark.as_ref().map_or_else(|| copy.id.clone(), |mark| mark.source.clone());
        let finding = Finding::new(Cause::ForeignLocatorRevoked, id.as_str());
        all.push(ForeignRevoked { source, label: copy.label().to_owned(), finding });
    }
    Ok(all)
}
