//! What the operator withholds, and locators of somebody else's that the source has withdrawn.

use std::collections::{BTreeMap, BTreeSet};

use super::run::Run;
use crate::claims::Screened;
use crate::error::Error;
use crate::model::{AssetId, LocatorId};
use crate::verdict::{Cause, Finding};

/// Resolves the `withhold` list: a name is resolved once, and the ids are kept, so that a rename does not lift it.
pub(super) fn withhold(run: &Run) -> Result<(), Error> {
    let list = &run.options.policy.withhold;
    if list.is_empty() && run.keeper.withheld().is_empty() {
        let _ = run.withheld.set(std::collections::HashSet::new());
        return Ok(());
    }
    let (mut resolved, before) = (BTreeMap::new(), run.keeper.withheld());
    let mut assets: BTreeSet<AssetId> = BTreeSet::new();
    let mut locators = std::collections::HashSet::new();
    for entry in list {
        let mut ids: BTreeSet<String> = before.get(entry).into_iter().flatten().cloned().collect();
        ids.extend(run.claims.spool.sources_named(entry)?.into_iter().map(|id| id.to_string()));
        if run.claims.spool.source(&AssetId::new(entry))?.is_some() {
            assets.insert(AssetId::new(entry));
        }
        locators.insert(LocatorId::new(entry.to_ascii_lowercase()));
        assets.extend(ids.iter().map(AssetId::new));
        if !ids.is_empty() {
            resolved.insert(entry.clone(), ids.into_iter().collect());
        }
    }
    run.keeper.change(|state| state.withheld = resolved);
    let withheld: Vec<(AssetId, Screened)> = assets.into_iter().map(|id| (id, Screened::Withheld)).collect();
    run.claims.spool.set_screened(&withheld)?;
    run.claims.spool.drop_source_locators(&locators)?;
    let _ = run.withheld.set(locators);
    Ok(())
}

/// Names, every night, locators of somebody else's on our copies that play an id which the source has withdrawn.
pub(super) async fn name_foreign(run: &Run) -> Result<(), Error> {
    for id in run.keeper.theirs() {
        let id = LocatorId::new(id);
        let there = run.claims.spool.target_locator(&id)?;
        let Some(there) = there.filter(|there| !there.ours) else {
            run.keeper.change(|state| {
                state.theirs.remove(id.as_str());
            });
            continue;
        };
        if run.claims.spool.source_locator(&id)?.is_some() || run.pair.source.media.locator(&id).await?.is_some() {
            continue;
        }
        let Some(copy) = run.claims.spool.target(&there.locator.asset)? else { continue };
        let source = copy.mark.as_ref().map_or_else(|| copy.id.clone(), |mark| mark.source.clone());
        run.finish_copy(&source, copy.label(), Finding::new(Cause::ForeignLocatorRevoked, id.as_str()));
    }
    Ok(())
}
