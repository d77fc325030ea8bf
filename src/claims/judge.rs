//! Decides what to do with one source asset, from both listings and the ledger. Pure.

use std::collections::HashMap;

use jiff::Timestamp;

use super::common::Common;
use super::digest;
use super::standing::{Holding, Screened, Standing, TargetAsset, original_of, same_terms};
use crate::ledger::AssetRow;
use crate::library::Capabilities;
use crate::model::{AccountName, Asset, AssetEncryption, AssetId, FilterChange, Locator, LocatorId, Mark};
use crate::verdict::{Cause, Finding};

/// The library that is written to.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its account.
    pub(crate) account: AccountName,
    /// Its capabilities.
    pub(crate) can: Capabilities,
}

/// The evidence about a source asset when all listings are complete.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// The asset.
    pub(crate) asset: Asset,
    /// The source's media account.
    pub(crate) account: AccountName,
    /// Is it protected?
    pub(crate) screened: Screened,
    /// Its streaming locators.
    pub(crate) locators: Vec<Locator>,
    /// Do viewers play the library through locators? Without them they read the blobs themselves.
    pub(crate) through_locators: bool,
    /// If we have no copy: the target asset at its public path.
    pub(crate) in_its_place: Option<TargetAsset>,
    /// Is one of our locators on a copy of it, without being withdrawn?
    pub(crate) plays_on_target: bool,
    /// Target assets that are marked as its copies.
    pub(crate) copies: Vec<TargetAsset>,
    /// The copy that the ledger names, if the target lists it.
    pub(crate) recorded: Option<TargetAsset>,
    /// Assets of other tools that may be copies: they play one of its locator ids, or have its id as alternate id.
    pub(crate) candidates: Vec<TargetAsset>,
    /// For each locator: the locator with its id on the target, and the target asset of that locator.
    pub(crate) holders: Vec<Option<(Holding, Option<TargetAsset>)>>,
    /// The row of the ledger.
    pub(crate) row: Option<AssetRow>,
    /// Are the source's file records those in the ledger?
    pub(crate) same_files: bool,
    /// Copies whose sum of file records differs from the source's, if the records of both sides were listed.
    pub(crate) files_differ: Vec<AssetId>,
    /// The number of locators on each of these target assets.
    pub(crate) occupied: HashMap<AssetId, usize>,
}

/// The decision about one source asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nothing, for this reason.
    Not(Finding),
    /// Mirror it, or check that it is mirrored.
    Mirror(Box<Work>),
}

/// A locator that the source has moved here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Move {
    /// In the source's present state.
    pub(crate) locator: Locator,
    /// The target asset that it is on.
    pub(crate) from: AssetId,
}

/// A locator whose terms changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outdated {
    /// In the source's state.
    pub(crate) locator: Locator,
    /// In the target's state.
    pub(crate) there: Locator,
}

/// An asset to mirror, and the information about it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each of them asked for by its name")]
pub(crate) struct Work {
    /// The source asset.
    pub(crate) asset: Asset,
    /// Our copy of it, if there is one.
    pub(crate) target: Option<TargetAsset>,
    /// The copy belongs to another tool, and becomes ours if it is equal.
    pub(crate) adopting: bool,
    /// A second, incomplete copy: it replaces the first one if that has lost its container.
    pub(crate) spare: Option<TargetAsset>,
    /// The required alternate id of the copy, once its own id is known.
    pub(crate) mark: Mark,
    /// The copy has another name or mark.
    pub(crate) renamed: bool,
    /// Its container has other metadata.
    pub(crate) other_metadata: bool,
    /// Streaming locators to create.
    pub(crate) missing: Vec<Locator>,
    /// Streaming locators that exist with another name, start or expiry.
    pub(crate) outdated: Vec<Outdated>,
    /// Streaming locators that are on another copy of ours.
    pub(crate) moved: Vec<Move>,
    /// The number of streaming locators that exist as wanted.
    pub(crate) present: u64,
    /// Foreign locators on the copy with ids of the source, some of them with other terms.
    pub(crate) theirs: Vec<LocatorId>,
    /// The changes that give the copy the filters of the source.
    pub(crate) filters: Vec<FilterChange>,
    /// The reasons why some locators cannot be created, or do not play like the source's.
    pub(crate) conflicts: Vec<Finding>,
    /// The locators that exceed the copy's limit: moved ones and missing ones.
    no_room: (Vec<Move>, Vec<Locator>),
    /// Does the source publish it?
    pub(crate) published: bool,
    /// Do viewers play the library through locators?
    pub(crate) through_locators: bool,
    /// Are the source's file records those in the ledger, as far as they were listed?
    pub(crate) same_files: bool,
    /// Were the file records of both sides listed, and do they differ?
    pub(crate) files_differ: bool,
    /// Present fingerprint of the source's locators.
    pub(crate) locators_digest: String,
    /// The copy that the ledger names and the target does not list.
    pub(crate) lost: Option<AssetId>,
    /// The row of the ledger.
    pub(crate) row: Option<AssetRow>,
    /// In a run in the other direction: the state of both sides when they were last equal.
    pub(crate) common: Option<Common>,
    /// Blobs of the source that are not copied: the target deleted them while it was the source.
    pub(crate) not_taken: Vec<String>,
}

/// Decides. `now` is the service's time: an expired locator is not created.
pub(crate) fn judge(evidence: Evidence, on: &Target, now: Timestamp) -> Claim {
    let unpublished = evidence.locators.is_empty() && evidence.through_locators;
    let not = |finding: Finding| Claim::Not(finding.of_unpublished(unpublished));
    let Evidence { asset, account, .. } = &evidence;
    // An asset that plays on neither side is mirrored even if it is protected: nothing of it is published.
    let plays = !unpublished || evidence.plays_on_target;
    match evidence.screened {
        Screened::Clear | Screened::Empty => {}
        Screened::Protected | Screened::Unreadable if !plays => {}
        Screened::Protected => return not(Cause::Protected.into()),
        Screened::Unreadable => return not(Cause::ProtectionUnreadable.into()),
        Screened::Withheld => return not(Cause::Withheld.into()),
    }
    if asset.encryption == AssetEncryption::Storage {
        return not(Cause::StorageEncrypted.into());
    }
    if original_of(asset, &on.account).is_some() {
        return not(Cause::CopyOfTarget.into());
    }
    let mark = Mark::new(account.clone(), asset.id.clone(), asset.alternate_id.clone());
    if !mark.fits(on.can.mark_length) {
        return not(Cause::MarkTooLong.into());
    }
    let (mut target, spare) = match counterpart(&evidence) {
        Ok(found) => found,
        Err(finding) => return Claim::Not(finding),
    };
    let adopting = target.is_none() && !evidence.candidates.is_empty();
    if let Some(foreign) = evidence.in_its_place.as_ref().filter(|_| target.is_none() && !adopting) {
        return not(Finding::new(Cause::ForeignCopy, format!("{:?}", foreign.label())));
    }
    if adopting {
        if let [_, _, ..] = evidence.candidates.as_slice() {
            let several: Vec<&TargetAsset> = evidence.candidates.iter().collect();
            return Claim::Not(Finding::new(Cause::ForeignCopy, listed(&several, &evidence.holders)));
        }
        target = evidence.candidates.first().cloned();
    }
    let lost = match (&evidence.row, &evidence.recorded) {
        (Some(row), None) if target.is_none() => row.facts.target.clone(),
        _ => None,
    };
    let Evidence { asset, locators, through_locators, holders, row, same_files, files_differ, occupied, .. } = evidence;
    // A row about a copy that no longer exists does not affect the decision.
    let row = row.filter(|_| lost.is_none());
    let mut work = Work {
        published: !unpublished,
        through_locators,
        renamed: target.as_ref().is_some_and(|target| is_renamed(&asset, target, &mark)),
        other_metadata: target.as_ref().is_some_and(|target| asset.metadata != target.metadata),
        files_differ: target.as_ref().is_some_and(|target| files_differ.contains(&target.id)),
        locators_digest: digest::of_locators(&locators),
        same_files,
        mark,
        adopting,
        asset,
        target: target.map(|target| with_recorded_container(target, row.as_ref())),
        spare,
        missing: Vec::new(),
        outdated: Vec::new(),
        moved: Vec::new(),
        present: 0,
        theirs: Vec::new(),
        filters: Vec::new(),
        conflicts: Vec::new(),
        no_room: (Vec::new(), Vec::new()),
        lost,
        row,
        common: None,
        not_taken: Vec::new(),
    };
    for (locator, holder) in locators.into_iter().zip(holders) {
        work.sort_in(locator, holder, now);
    }
    let there = work.target.as_ref().and_then(|target| occupied.get(&target.id));
    work.leave_without_room(on.can.locators_of_an_asset.saturating_sub(there.copied().unwrap_or_default()));
    // An asset without a copy and without locators that could be published is not copied.
    let nothing_else = work.target.is_none() && work.missing.is_empty() && work.moved.is_empty();
    if let (true, Some(conflict)) = (nothing_else, work.conflicts.first()) {
        return Claim::Not(conflict.clone());
    }
    Claim::Mirror(Box::new(work))
}

/// Our copy of the asset, and a second, incomplete one. A copy with locators of ours counts as ours, even if it is
/// incomplete.
fn counterpart(evidence: &Evidence) -> Result<(Option<TargetAsset>, Option<TargetAsset>), Finding> {
    let of = |standing| {
        let mut copies: Vec<&TargetAsset> = evidence.copies.iter().filter(|copy| copy.standing == standing).collect();
        // A copy that plays is first.
        copies.sort_by_key(|copy| (evidence.occupied.get(&copy.id).is_none_or(|locators| *locators == 0), &copy.id));
        copies
    };
    let (complete, unfinished) = (of(Standing::Ours), of(Standing::Unfinished));
    if complete.len() > 1 {
        return Err(Finding::new(Cause::TwoCopies, listed(&complete, &evidence.holders)));
    }
    let confirmed = evidence.recorded.as_ref().filter(|recorded| recorded.mark.is_none());
    let first = complete.first().copied().or(confirmed).cloned();
    let mut unfinished = unfinished.into_iter().cloned();
    Ok(match first {
        Some(copy) => (Some(copy), unfinished.next()),
        None => (unfinished.next(), None),
    })
}

/// The copies of one asset, with those that play.
fn listed(copies: &[&TargetAsset], holders: &[Option<(Holding, Option<TargetAsset>)>]) -> String {
    let plays = |copy: &TargetAsset| holders.iter().flatten().any(|(holding, _)| holding.locator.asset == copy.id);
    let one = |copy: &&TargetAsset| format!("{} ({})", copy.id, if plays(copy) { "plays" } else { "does not play" });
    copies.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn is_renamed(asset: &Asset, target: &TargetAsset, mark: &Mark) -> bool {
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    let wanted = Mark { own: Some(target.id.clone()), ..mark.clone() };
    name(&asset.name) != name(&target.name) || target.alternate_id.as_deref() != Some(&wanted.text())
}

/// The container comes from the ledger if the service does not report it (`x-ms-version` below 2.2); an asset never
/// changes its container.
fn with_recorded_container(mut target: TargetAsset, row: Option<&AssetRow>) -> TargetAsset {
    let recorded = row.filter(|row| row.facts.target.as_ref() == Some(&target.id));
    if let (None, Some(row)) = (&target.container, recorded) {
        target.container.clone_from(&row.facts.container);
    }
    target
}

/// The finding for a locator id that a foreign locator on that asset uses.
pub(super) fn id_taken(id: &LocatorId, on: &TargetAsset) -> Finding {
    let detail = format!("{id}, by a locator on asset {:?} ({})", on.label(), on.id);
    Finding::new(Cause::LocatorIdTaken, detail)
}

impl Work {
    /// Adds one locator of the source to the list for its case.
    fn sort_in(&mut self, locator: Locator, holder: Option<(Holding, Option<TargetAsset>)>, now: Timestamp) {
        let Some((Holding { locator: there, ours }, on)) = holder else {
            if locator.expiry > now {
                self.missing.push(locator);
            }
            return;
        };
        let here = self.target.as_ref().is_some_and(|target| target.id == there.asset);
        match (here, same_terms(&locator, &there)) {
            (true, true) => {
                self.present += 1;
                if !ours {
                    // Even if it is not adopted, it is reported when the source withdraws it.
                    self.theirs.push(locator.id);
                }
            }
            (true, false) if ours || self.adopting => self.outdated.push(Outdated { locator, there }),
            (false, _) if ours && on.as_ref().is_some_and(|on| on.standing != Standing::Foreign) => {
                self.moved.push(Move { locator, from: there.asset });
            }
            _ if on.is_none() => {
                let detail = format!("the target's listing lacks asset {} with locator {}", there.asset, locator.id);
                self.conflicts.push(Finding::new(Cause::ListingIncomplete, detail));
            }
            _ => {
                self.conflicts.extend(on.as_ref().map(|on| id_taken(&locator.id, on)));
                if here {
                    self.theirs.push(locator.id);
                }
            }
        }
    }

    /// Leaves out locators that exceed `room`, the free places on the copy. A locator that moves away tonight may free
    /// its place too late.
    fn leave_without_room(&mut self, room: usize) {
        let moved = self.moved.split_off(room.min(self.moved.len()));
        let missing = self.missing.split_off((room - self.moved.len()).min(self.missing.len()));
        let left = moved.iter().map(|moved| &moved.locator).chain(&missing);
        self.conflicts.extend(left.map(|locator| Finding::new(Cause::NoLocatorRoom, locator.id.as_str())));
        self.no_room = (moved, missing);
    }

    /// Plans the locators again for a copy that has none yet, and has `room` free places.
    pub(super) fn plan_for_empty_copy(&mut self, room: usize) {
        let (moved, missing) = std::mem::take(&mut self.no_room);
        self.moved.extend(moved);
        self.missing.extend(missing);
        self.conflicts.retain(|finding| finding.cause != Cause::NoLocatorRoom);
        self.leave_without_room(room);
    }

    /// May viewers play our copy? An earlier run verified it, or it has locators.
    pub(crate) fn is_live(&self) -> bool {
        self.target.is_some() && (self.is_verified() || self.present > 0 || !self.outdated.is_empty())
    }

    /// Did an earlier run find the copy equal to its source? Its complete mark proves that even if the ledger is lost.
    pub(crate) fn is_verified(&self) -> bool {
        self.is_recorded() || self.target.as_ref().is_some_and(|target| target.standing == Standing::Ours)
    }

    /// Does the ledger contain the content of the copy when it was equal to its source?
    pub(crate) fn is_recorded(&self) -> bool {
        // The step does not show this: a later run may have been interrupted while it copied changes.
        self.row.as_ref().is_some_and(|row| row.facts.target_digest.is_some())
    }

    /// Did an earlier run complete everything, and has nothing changed since, except perhaps blobs and file records?
    pub(crate) fn settled(&self) -> Option<&AssetRow> {
        let row = self.row.as_ref()?;
        let same = row.complete()
            && self.target.is_some()
            && !self.own_differs()
            && self.missing.is_empty()
            && self.outdated.is_empty()
            && self.moved.is_empty()
            && self.filters.is_empty();
        same.then_some(row)
    }

    /// Does the copy's name, mark or metadata differ?
    pub(crate) fn own_differs(&self) -> bool {
        self.renamed || self.other_metadata
    }

    /// The work after the run completed it, except for blobs that it deletes.
    pub(crate) fn mirrored(self) -> Self {
        Self {
            renamed: false,
            other_metadata: false,
            files_differ: false,
            missing: Vec::new(),
            outdated: Vec::new(),
            moved: Vec::new(),
            filters: Vec::new(),
            conflicts: Vec::new(),
            spare: None,
            ..self
        }
    }

    /// The number of locators to create or change.
    pub(crate) fn locators_to_do(&self) -> u64 {
        (self.missing.len() + self.outdated.len() + self.moved.len()) as u64
    }
}
