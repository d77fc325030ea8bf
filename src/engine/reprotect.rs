//! A run from the active target back to the source: the only run that writes to originals.
//!
//! It is the same run as every night's, through views in which copies look like originals and originals like copies.
//! The ledger of the nightly runs has the state in which both sides were last equal, and shows which side has changed
//! since then. Changes of only the active side are copied, changes of only the original are kept, and changes of both
//! are a conflict.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use futures::TryStreamExt;
use globset::GlobSet;

use crate::claims::digest::of_locators;
use crate::clock;
use crate::connect::{Endpoint, Pair};
use crate::engine::base::{Base, Following};
use crate::engine::keeper::lock;
use crate::error::Error;
use crate::ledger::{Facts, Ledger};
use crate::library::relabelled::{CopyOf, Relabelled, View};
use crate::library::{Library, Pages};
use crate::model::{AccountName, Asset, AssetId, Locator, LocatorId, Mark};
use crate::state::{Active, PairState};
use crate::verdict::{Cause, Finding};

/// The number of rows that are read from the ledger at once.
const ROWS: usize = 1_000;

/// The input of a run back.
#[derive(Debug)]
pub struct Turn {
    /// The active side as the source, and the side of the originals as the target.
    pub pair: Pair,
    /// The ledger that the nightly runs wrote.
    pub nights: Ledger,
    /// Assets with these names are copied from the active side, even if their originals have changed.
    pub prefer: Option<GlobSet>,
    /// Nothing is written.
    pub dry_run: bool,
}

impl Turn {
    /// Examines both sides; returns the accounts as views for the run, and its additional information. `ledger`: that
    /// of the direction of the run. Locks the active side, unless nothing is written.
    ///
    /// # Errors
    /// A side cannot be listed; another run has the lock.
    pub async fn prepare(self, ledger: &Ledger) -> Result<(Arc<Pair>, Arc<Base>), Error> {
        let lock = if self.dry_run { None } else { Some(lock(&self.pair.source).await?) };
        match self.look(ledger).await {
            Ok((pair, base)) => Ok((Arc::new(pair), Arc::new(Base { lock: Mutex::new(lock), ..base }))),
            Err(error) => {
                // The first error is reported; a lease that is not released expires by itself.
                if let Some(lock) = lock {
                    let _ = lock.release().await;
                }
                Err(error)
            }
        }
    }

    async fn look(self, ledger: &Ledger) -> Result<(Pair, Base), Error> {
        let Self { pair, nights, prefer, .. } = self;
        let (active, originals) = (pair.source.library.account().clone(), pair.target.library.account().clone());
        let objection = objection(&pair.source, &originals).await?;
        let mut found = Copies::list(pair.source.library.as_ref(), &originals, prefer.as_ref()).await?;
        found.hide_retired(pair.source.library.as_ref()).await?;
        found.add_deleted(&nights, prefer.as_ref()).await?;
        let mut base = Base {
            nights,
            prefer,
            following: Following::default(),
            objection,
            left_alone: found.twice(),
            lock: Mutex::default(),
        };
        base.following = following(&pair.target, &found, &base, ledger).await?;
        let as_originals = View::CopiesAsOriginals { of: originals, hidden: found.hidden };
        let as_copies = View::OriginalsAsCopies { of: active, copies: found.by_original };
        let pair = Pair {
            source: seen(pair.source, as_originals),
            target: seen(pair.target, as_copies),
            storage_map: pair.storage_map,
        };
        Ok((pair, base))
    }
}

fn seen(endpoint: Endpoint, view: View) -> Endpoint {
    Endpoint { library: Arc::new(Relabelled::new(Arc::clone(&endpoint.library), view)), ..endpoint }
}

/// The reason why nothing may be written, if that side is not the active one.
async fn objection(active: &Endpoint, originals: &AccountName) -> Result<Option<Finding>, Error> {
    let (account, name) = (active.default_storage().await?, active.library.account());
    let objection = match PairState::read(account, originals, name).await? {
        None => Some(Cause::StateMissing),
        Some((state, _)) => (state.active != Active::Target).then_some(Cause::SourceActive),
    };
    Ok(objection.map(Finding::from))
}

/// The copies on the active side.
#[derive(Debug, Default)]
struct Copies {
    /// By their originals.
    by_original: HashMap<AssetId, CopyOf>,
    /// Every listed asset.
    listed: HashSet<AssetId>,
    /// Copies of deleted originals.
    retired: Vec<(AssetId, AssetId, CopyOf)>,
    /// Originals with several copies.
    several: HashMap<AssetId, Vec<(AssetId, String)>>,
    /// Copies that the run does not see, because they do not belong on the side of the originals.
    hidden: HashSet<AssetId>,
    /// Originals that become equal to their copies, even if they have changed.
    preferred: HashSet<AssetId>,
}

impl Copies {
    async fn list(active: &dyn Library, originals: &AccountName, prefer: Option<&GlobSet>) -> Result<Self, Error> {
        let mut all = Self::default();
        let mut pages: Pages<'_, Asset> = active.assets();
        while let Some(page) = pages.try_next().await? {
            for asset in &page {
                all.add(asset, originals, prefer);
            }
        }
        Ok(all)
    }

    fn add(&mut self, asset: &Asset, originals: &AccountName, prefer: Option<&GlobSet>) {
        if !self.listed.insert(asset.id.clone()) {
            return;
        }
        let mark = asset.alternate_id.as_deref().and_then(Mark::parse);
        let Some(mark) = mark.filter(|mark| mark.account == *originals) else { return };
        let (copy, alternate_id) = (asset.id.clone(), mark.original);
        match mark.own {
            // It was never complete, so it contains no changes.
            None => drop(self.hidden.insert(copy)),
            Some(own) if own != copy => {}
            Some(_) if mark.retired.is_some() => {
                self.retired.push((copy.clone(), mark.source, CopyOf { copy, alternate_id }));
            }
            Some(_) => {
                let label = asset.label().to_owned();
                if prefer.is_some_and(|names| names.is_match(&label)) {
                    self.preferred.insert(mark.source.clone());
                }
                let first = self.by_original.insert(mark.source.clone(), CopyOf { copy: copy.clone(), alternate_id });
                if let Some(CopyOf { copy: first, .. }) = first {
                    let several = self.several.entry(mark.source).or_default();
                    several.extend([first, copy].map(|copy| (copy, label.clone())));
                    several.dedup();
                }
            }
        }
    }

    /// Hides copies of deleted originals, so that they are not created again, except for those that were published
    /// later.
    async fn hide_retired(&mut self, active: &dyn Library) -> Result<(), Error> {
        if self.retired.is_empty() {
            return Ok(());
        }
        let published: HashSet<AssetId> =
            all_of(active.locators()).await?.into_iter().map(|locator| locator.asset).collect();
        for (copy, original, of) in std::mem::take(&mut self.retired) {
            if published.contains(&copy) {
                self.by_original.entry(original).or_insert(of);
            } else {
                self.hidden.insert(copy);
            }
        }
        Ok(())
    }

    /// Originals whose copies were deleted on the active side: locators that were withdrawn with them are withdrawn
    /// here, too.
    async fn add_deleted(&mut self, nights: &Ledger, prefer: Option<&GlobSet>) -> Result<(), Error> {
        let mut after = None;
        loop {
            let rows = nights.assets(after.as_ref(), ROWS).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.source.clone());
            for row in rows.into_iter().filter(crate::ledger::AssetRow::complete) {
                let Facts { name, target, .. } = row.facts;
                if let Some(copy) = target.filter(|copy| !self.listed.contains(copy)) {
                    if prefer.zip(name).is_some_and(|(names, name)| names.is_match(name)) {
                        self.preferred.insert(row.source.clone());
                    }
                    self.by_original.entry(row.source).or_insert(CopyOf { copy, alternate_id: None });
                }
            }
        }
    }

    /// Removes originals with several copies: it is unknown which copy is meant.
    fn twice(&mut self) -> Vec<(AssetId, String, Finding)> {
        let mut left_alone = Vec::new();
        for (original, copies) in self.several.drain() {
            self.by_original.remove(&original);
            let ids: Vec<&str> = copies.iter().map(|(copy, _)| copy.as_str()).collect();
            let finding = Finding::new(Cause::TwoCopies, ids.join(", "));
            let label = copies.first().map(|(_, label)| label.clone()).unwrap_or_default();
            left_alone.push((original, label, finding));
            self.hidden.extend(copies.into_iter().map(|(copy, _)| copy));
        }
        left_alone
    }
}

/// Locators on originals that follow the active side: those that play now, on assets whose locators are still those
/// that both sides had when they were last equal, and on assets that become equal to their copies. All others were
/// changed on the original since, or never mirrored.
async fn following(originals: &Endpoint, found: &Copies, base: &Base, ledger: &Ledger) -> Result<Following, Error> {
    let mut of_assets: HashMap<AssetId, Vec<Locator>> = HashMap::new();
    for locator in all_of(originals.library.locators()).await? {
        if locator.kind.is_mirrored() {
            of_assets.entry(locator.asset.clone()).or_default().push(locator);
        }
    }
    let (now, mut following) = (clock::now(), Following::default());
    for (original, of) in &found.by_original {
        let row = ledger.asset(&of.copy).await?;
        let common = base.common(original, row.as_ref()).await?.and_then(|common| common.locators);
        let locators = of_assets.remove(original).unwrap_or_default();
        let is_common = common.is_some_and(|common| common == of_locators(&locators));
        if !is_common {
            following.changed.insert(original.clone());
        }
        if is_common || found.preferred.contains(original) {
            let playing = locators.into_iter().filter(|locator| locator.expiry > now);
            following.locators.extend(playing.map(|locator| locator.id));
        }
    }
    Ok(following)
}

async fn all_of(mut pages: Pages<'_, Locator>) -> Result<Vec<Locator>, Error> {
    let mut all: HashMap<LocatorId, Locator> = HashMap::new();
    while let Some(page) = pages.try_next().await? {
        for locator in page {
            all.entry(locator.id.clone()).or_insert(locator);
        }
    }
    Ok(all.into_values().collect())
}
