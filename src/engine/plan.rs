//! What is to be done with one asset, decided from what both listings and the ledger say. Pure.

use jiff::Timestamp;

use super::catalog::{Catalog, Match, TargetAsset};
use super::digest;
use crate::ledger::{AssetRow, Step};
use crate::model::{Asset, AssetEncryption, AssetId, Locator};
use crate::verdict::{Cause, Finding};

/// What is to be done with one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Leave it out; why.
    Skip(Finding),
    /// Something of somebody else's is in its place; what.
    Conflict(Finding),
    /// Mirror it, or see that it is mirrored.
    Mirror(Box<Work>),
}

/// An asset to be mirrored, and what is known of it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    /// The source asset.
    pub(crate) asset: Asset,
    /// Our copy of it, if there is one.
    pub(crate) target: Option<TargetAsset>,
    /// Somebody else's asset that answers under its locator ids; accepted if it is equal, else a conflict.
    pub(crate) foreign: Option<TargetAsset>,
    /// Live streaming locators to be made.
    pub(crate) missing: Vec<Locator>,
    /// Live streaming locators that are there with another name, start or expiry.
    pub(crate) outdated: Vec<Locator>,
    /// Live streaming locators that are there as wanted.
    pub(crate) present: u64,
    /// Locators whose id another asset of the target has, each with a line that says so.
    pub(crate) taken: Vec<String>,
    /// Are the source's file records those the ledger knows?
    pub(crate) same_files: bool,
    /// Were both sides' file records listed, and is there a difference to be looked at?
    pub(crate) files_differ: bool,
    /// Fingerprint of the source's live locators now.
    pub(crate) locators_digest: String,
    /// The copy that the ledger knows and the target's listing does not show.
    pub(crate) lost: Option<AssetId>,
    /// What the ledger says.
    pub(crate) row: Option<AssetRow>,
}

/// Decides. `now` separates live locators from expired ones, which play nowhere and are not mirrored.
pub(crate) fn decide(asset: Asset, catalog: &Catalog, row: Option<AssetRow>, now: Timestamp) -> Decision {
    if asset.encryption == AssetEncryption::Storage {
        return Decision::Skip(
            Finding::from(Cause::StorageEncrypted).of_unpublished(catalog.locators_of(&asset.id).is_empty()),
        );
    }
    let (target, foreign) = match catalog.counterpart(&asset.id, row.as_ref()) {
        Match::None => (None, None),
        Match::Ours(target) => (Some(with_recorded_container(target, row.as_ref())), None),
        Match::Foreign(target) => (None, Some(target)),
        Match::Ambiguous(several) => {
            let ids: Vec<&str> = several.iter().map(AssetId::as_str).collect();
            return Decision::Conflict(Finding::new(Cause::TwoCopies, ids.join(", ")));
        }
    };
    let live: Vec<Locator> =
        catalog.locators_of(&asset.id).into_iter().filter(|locator| locator.expiry > now).collect();
    let recorded = row.as_ref().and_then(|row| row.facts.files_digest.as_deref());
    let mut work = Work {
        same_files: recorded.is_some_and(|files| catalog.has_files(&asset.id, files)),
        files_differ: target.as_ref().is_some_and(|target| !catalog.same_files(&asset.id, &target.id)),
        locators_digest: digest::of_locators(&live),
        asset,
        target,
        foreign,
        missing: Vec::new(),
        outdated: Vec::new(),
        present: 0,
        taken: Vec::new(),
        lost: None,
        row,
    };
    for locator in live {
        work.place(locator, catalog);
    }
    if work.foreign.is_none()
        && work.missing.is_empty()
        && work.present == 0
        && work.outdated.is_empty()
        && !work.taken.is_empty()
    {
        return Decision::Conflict(Finding::new(Cause::LocatorIdTaken, work.taken.join("; ")));
    }
    Decision::Mirror(Box::new(work))
}

/// The ledger knows a container that the service does not tell (`x-ms-version` below 2.2); a container never moves.
fn with_recorded_container(mut target: TargetAsset, row: Option<&AssetRow>) -> TargetAsset {
    let recorded = row.filter(|row| row.facts.target.as_ref() == Some(&target.id));
    if let (None, Some(row)) = (&target.container, recorded) {
        target.container.clone_from(&row.facts.container);
    }
    target
}

impl Work {
    /// Puts one live locator where it belongs.
    fn place(&mut self, locator: Locator, catalog: &Catalog) {
        let counterpart = self.target.as_ref().or(self.foreign.as_ref()).map(|target| &target.id);
        match catalog.target_locator(&locator.id) {
            None => self.missing.push(locator),
            Some(there) if Some(&there.asset) == counterpart => {
                if same_terms(&locator, &there) {
                    self.present += 1;
                } else {
                    self.outdated.push(locator);
                }
            }
            Some(there) => {
                let holder = catalog.target(&there.asset).map_or_else(String::new, |holder| holder.label);
                self.taken.push(format!("{}, by a locator of asset {holder:?} ({})", locator.id, there.asset));
            }
        }
    }

    /// May somebody be watching our copy? An earlier run verified it, or there are locators on it.
    pub(crate) fn is_live(&self) -> bool {
        let verified = self.row.as_ref().is_some_and(|row| row.step > Step::Verify);
        self.target.is_some() && (verified || self.present > 0 || !self.outdated.is_empty())
    }

    /// Did an earlier run end with everything done, and has nothing but perhaps the blobs changed since?
    pub(crate) fn settled(&self) -> Option<&AssetRow> {
        let row = self.row.as_ref()?;
        let same = row.complete()
            && self.target.is_some()
            && self.missing.is_empty()
            && self.outdated.is_empty()
            && self.same_files;
        same.then_some(row)
    }
}

/// Do both locators promise the same? Services keep times to the millisecond at best.
pub(crate) fn same_terms(source: &Locator, target: &Locator) -> bool {
    let close = |a: Timestamp, b: Timestamp| (a.as_millisecond() - b.as_millisecond()).abs() < 1_000;
    let starts = match (source.start, target.start) {
        (Some(a), Some(b)) => close(a, b),
        (None, None) => true,
        _ => false,
    };
    starts && close(source.expiry, target.expiry) && source.name == target.name
}
