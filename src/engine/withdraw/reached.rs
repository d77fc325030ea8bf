//! The reached guards against withdrawing, and what they hold. Both are judged every time: one may hold what the
//! operator allows for the other.

use std::collections::{BTreeMap, BTreeSet};

use crate::claims::guards::Guard;
use crate::claims::{Gone, Revoked, Screened, TargetAsset};
use crate::engine::run::Run;
use crate::engine::withdraw::gone::{PAGE, all_gone, is_never_published};
use crate::error::Error;
use crate::model::{AssetId, LocatorId};
use crate::verdict::{Cause, Finding};

/// The guards' result for a night.
#[derive(Debug)]
pub(crate) struct Reached {
    /// The reason why the guard against shrinking is reached, if so.
    shrink: Option<String>,
    /// The reason why the guard against withdrawing is reached, if so.
    withdraw: Option<String>,
    /// The copies that would stop playing, and their source assets; without those that the operator allows.
    stopping: BTreeMap<AssetId, AssetId>,
    /// The source assets of copies that keep a locator because a guard holds it.
    held: BTreeSet<AssetId>,
}

impl Reached {
    /// Judges both guards, for the library as a whole.
    pub(crate) fn judge(run: &Run) -> Result<Self, Error> {
        let census = run.claims.census()?;
        let shrink = run.is_shrunken(&census)?.then(|| {
            let listed = census.copies - census.lost;
            format!("the source lists {listed} of the {} assets that are mirrored", census.copies)
        });
        let stopping = stopping(run)?;
        let count = stopping.len() as u64;
        let withdraw = (!run.may_withdraw(census.published, count))
            .then(|| format!("{count} of {} published assets would stop playing", census.published));
        let mut reached = Self { shrink, withdraw, stopping, held: BTreeSet::new() };
        reached.held = reached.held_copies(run)?.into_keys().collect();
        Ok(reached)
    }

    /// The guards that hold a withdrawal. None of them holds what the operator withholds.
    pub(crate) fn on(&self, run: &Run, revoked: &Revoked) -> Vec<Guard> {
        if run.is_withheld(revoked) { Vec::new() } else { self.on_asset(run, &revoked.source) }
    }

    /// The guards that hold the withdrawals of a source asset's copy. Assets that the guard against withdrawing held
    /// and the operator allows pass the other guard, too: they are listed one by one.
    fn on_asset(&self, run: &Run, source: &AssetId) -> Vec<Guard> {
        if run.passed.withdraw.contains(source) {
            return Vec::new();
        }
        let shrink = self.shrink.as_ref().filter(|_| !run.passed.shrink.contains(source)).map(|_| Guard::Shrink);
        shrink.into_iter().chain(self.withdraw.as_ref().map(|_| Guard::Withdraw)).collect()
    }

    /// Would this copy stop playing?
    pub(crate) fn stops(&self, copy: &AssetId) -> bool {
        self.stopping.contains_key(copy)
    }

    /// The number of copies that are about to stop playing.
    pub(crate) fn to_stop(&self) -> u64 {
        self.stopping.values().filter(|source| !self.held.contains(*source)).count() as u64
    }

    /// Is a copy whose source asset is deleted not retired? A copy is kept if it still plays because a guard holds its
    /// locators.
    pub(crate) fn keeps(&self, run: &Run, gone: &Gone) -> bool {
        self.held.contains(&gone.source) || self.on_asset(run, &gone.source).contains(&Guard::Shrink)
    }

    /// Reports what is held. It stays published.
    pub(crate) fn hold(&self, run: &Run) -> Result<(), Error> {
        let mut held = self.held_copies(run)?;
        if self.shrink.is_some() {
            for gone in
                all_gone(run)?.into_iter().filter(|gone| self.on_asset(run, &gone.source).contains(&Guard::Shrink))
            {
                let Gone { copy, source } = gone;
                held.entry(source).or_insert_with(|| HeldCopy::of(&copy, Cause::HeldByGuard, vec![Guard::Shrink]));
            }
        }
        for (source, copy) in held {
            let why: Vec<&str> = copy.guards.iter().filter_map(|guard| self.why(*guard)).collect();
            let (why, names) = (why.join("; "), copy.locators.iter().map(LocatorId::as_str).collect::<Vec<_>>());
            let detail = if names.is_empty() { why } else { format!("{why}: locator {}", names.join(", ")) };
            run.hold(&source, &copy.label, &copy.guards, Finding::new(copy.cause, detail));
        }
        Ok(())
    }

    /// The reason why a guard is reached, if so.
    fn why(&self, guard: Guard) -> Option<&str> {
        match guard {
            Guard::Shrink => self.shrink.as_deref(),
            Guard::Withdraw => self.withdraw.as_deref(),
            Guard::Overwrite | Guard::Delete => None,
        }
    }

    /// The copies whose locators are held, by source asset.
    fn held_copies(&self, run: &Run) -> Result<BTreeMap<AssetId, HeldCopy>, Error> {
        let (mut held, mut after) = (BTreeMap::new(), 0);
        if self.shrink.is_none() && self.withdraw.is_none() {
            return Ok(held);
        }
        loop {
            let page = run.claims.spool.revoked(after, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(held) };
            after = *last;
            for (_, revoked) in page.into_iter().filter(|(_, one)| run.covers_copy(one)) {
                let guards = self.on(run, &revoked);
                if guards.is_empty() {
                    continue;
                }
                let cause = match revoked.screened {
                    Some(Screened::Protected) => Cause::PlaysInTheClear,
                    _ => Cause::HeldByGuard,
                };
                let copy = held.entry(revoked.source).or_insert_with(|| HeldCopy::of(&revoked.copy, cause, guards));
                copy.locators.push(revoked.locator.id);
            }
        }
    }
}

/// A copy with changes that a guard holds.
struct HeldCopy {
    label: String,
    cause: Cause,
    guards: Vec<Guard>,
    /// The locators that stay.
    locators: Vec<LocatorId>,
}

impl HeldCopy {
    fn of(copy: &TargetAsset, cause: Cause, guards: Vec<Guard>) -> Self {
        Self { label: copy.label().to_owned(), cause, guards, locators: Vec::new() }
    }
}

/// The copies that would stop playing: their source asset publishes nothing, or is protected and the source does not
/// serve the locator from another published asset.
fn stopping(run: &Run) -> Result<BTreeMap<AssetId, AssetId>, Error> {
    let (mut stopping, mut after, now) = (BTreeMap::new(), 0, run.service_time());
    loop {
        let page = run.claims.spool.revoked(after, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(stopping) };
        after = *last;
        for (_, revoked) in page {
            let passes = run.is_withheld(&revoked) || run.passed.withdraw.contains(&revoked.source);
            let plays = revoked.locator.expiry > now && run.covers_copy(&revoked) && !passes;
            if plays && stops(run, &revoked)? {
                stopping.insert(revoked.copy.id, revoked.source);
            }
        }
    }
}

/// Does the copy of a withdrawn locator stop playing?
fn stops(run: &Run, revoked: &Revoked) -> Result<bool, Error> {
    if revoked.screened != Some(Screened::Protected) {
        return Ok(run.claims.spool.locators_of(&revoked.source)?.is_empty());
    }
    let heir = run.claims.spool.source_locator(&revoked.locator.id)?.map(|there| there.asset);
    match heir.filter(|heir| *heir != revoked.source) {
        Some(heir) => is_never_published(run, &heir),
        None => Ok(true),
    }
}
