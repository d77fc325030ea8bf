//! Reads both catalogues and provides the evidence about each asset.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::TryStreamExt;
use jiff::Timestamp;

use super::accounts::{Accounts, ask_for_filters};
use super::judge::{Claim, Evidence, Move, Target, Work, id_taken, judge};
use super::observed::Observed;
use super::order::Order;
use super::spool::{Census, Spool};
use super::standing::{Holding, Standing, TargetAsset, original_of};
use crate::clock;
use crate::config::policy::Adopt;
use crate::connect::Pair;
use crate::error::Error;
use crate::ledger::{AssetRow, Ledger};
use crate::library::{Library, Pages};
use crate::model::{AccountName, Asset, AssetFile, AssetId, Extent, Locator, LocatorId, Side};
use crate::monitor::{Monitor, RunEvent};

/// Marks of the source that are checked to find out whether the mirror is reversed. One would be enough; a few more are
/// checked because an original may have been deleted.
const ORIGINALS: usize = 100;
/// The number of rows of the ledger that are read at once.
const ROWS: usize = 1_000;

/// Which assets are part of a run.
pub(crate) type Scope<'a> = &'a (dyn Fn(&Asset) -> bool + Send + Sync);

/// Which file records are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilesWanted {
    /// None: no asset is known well enough to be compared by them.
    None,
    /// Those of the source that changed since then.
    ChangedSince(Timestamp),
    /// All of the source.
    Source,
    /// All of both sides.
    BothSides,
}

/// Both catalogues.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(crate) spool: Spool,
    source: AccountName,
    target: Target,
    library: Arc<dyn Library>,
    files: FilesWanted,
    pub(crate) accounts: Accounts,
    /// The start time of the listings, by the source's clock.
    began: Timestamp,
    /// Do viewers play the source's assets through locators?
    pub(super) through_locators: bool,
    /// Assets of the target that are originals according to the source's marks.
    originals: Vec<AssetId>,
    /// The access policies of our locators.
    pub(super) our_policies: HashSet<String>,
    /// Ids of adopted locators.
    adopted: BTreeSet<String>,
    /// Observations in addition to the listings.
    pub(super) observed: Observed,
}

impl Claims {
    /// Lists both libraries side by side.
    pub(crate) async fn read(
        pair: &Pair,
        monitor: &dyn Monitor,
        files: FilesWanted,
        covers: Scope<'_>,
        adopted: &BTreeSet<String>,
    ) -> Result<Self, Error> {
        let (source, target) = (&pair.source.library, &pair.target.library);
        let (spool, began) = (Spool::open()?, clock::now());
        let (of_source, of_target) = match files {
            FilesWanted::None => (None, None),
            FilesWanted::ChangedSince(since) => (Some(source.files(Some(since))), None),
            FilesWanted::Source => (Some(source.files(None)), None),
            FilesWanted::BothSides => (Some(source.files(None)), Some(target.files(None))),
        };
        let filters = async { Ok(ask_for_filters(pair).await) };
        let (originals, (), (), our_policies, (), (), accounts, asked) = futures::try_join!(
            source_assets(&spool, pair, monitor, covers),
            target_assets(&spool, pair, monitor),
            source_locators(&spool, source.locators()),
            target_locators(&spool, pair, adopted),
            file_records(&spool, Side::Source, of_source),
            file_records(&spool, Side::Target, of_target),
            Accounts::ask(pair),
            filters,
        )?;
        spool.index().await?;
        let began = began.checked_add(source.clock_skew().unwrap_or_default()).unwrap_or(began);
        let observed = Observed::with(asked);
        Ok(Self { files, accounts, began, originals, our_policies, observed, ..Self::of(pair, spool, adopted) })
    }

    /// Claims with the properties of both accounts, and without their listings.
    pub(super) fn of(pair: &Pair, spool: Spool, adopted: &BTreeSet<String>) -> Self {
        let (source, target) = (&pair.source.library, &pair.target.library);
        Self {
            spool,
            source: source.account().clone(),
            target: Target { account: target.account().clone(), can: target.capabilities() },
            library: Arc::clone(target),
            files: FilesWanted::None,
            accounts: Accounts::UNKNOWN,
            began: clock::now(),
            through_locators: source.capabilities().locators,
            originals: Vec::new(),
            our_policies: HashSet::new(),
            adopted: adopted.clone(),
            observed: Observed::default(),
        }
    }

    /// Recognizes copies whose mark was removed: they have locators of ours, and the ledger names them. Withdrawals of
    /// the source then apply to them in the same night.
    pub(crate) async fn confirm(&self, ledger: &Ledger) -> Result<(), Error> {
        let unmarked = self.spool.unmarked()?;
        self.spool.pause().await;
        let mut after = None;
        while !unmarked.is_empty() {
            let rows = ledger.assets(after.as_ref(), ROWS).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.source.clone());
            for row in &rows {
                if let Some(target) = row.facts.target.as_ref().filter(|target| unmarked.contains(*target)) {
                    self.spool.set_copy_of(target, &row.source)?;
                }
            }
        }
        Ok(())
    }

    /// Is the source a copy of the target? Then its assets have marks that name assets of the target.
    pub(crate) fn is_reversed(&self) -> Result<bool, Error> {
        self.spool.any_target(&self.originals)
    }

    /// Was the asset created after the listings started? Then they may omit it.
    pub(crate) fn is_newer(&self, asset: &Asset) -> bool {
        asset.created.is_some_and(|created| created >= self.began)
    }

    /// The numbers that the guards judge.
    pub(crate) fn census(&self) -> Result<Census, Error> {
        self.spool.census()
    }

    /// The assets of the run after that place.
    pub(crate) fn page(&self, order: Order, after: i64, limit: usize) -> Result<Vec<(i64, Asset)>, Error> {
        self.spool.page(order, after, limit)
    }

    /// Decides what to do with a source asset.
    pub(crate) fn claim(
        &self,
        asset: Asset,
        row: Option<AssetRow>,
        now: Timestamp,
        adopt: Adopt,
    ) -> Result<Claim, Error> {
        Ok(self.with_observed(judge(self.evidence(asset, row, adopt != Adopt::No)?, &self.target, now)))
    }

    /// Assets of other tools that may be copies of a source asset.
    fn candidates(
        &self,
        source: &AssetId,
        holders: &[Option<(Holding, Option<TargetAsset>)>],
        in_its_place: Option<&TargetAsset>,
    ) -> Result<Vec<TargetAsset>, Error> {
        let on = holders.iter().flatten().filter_map(|(_, on)| on.clone()).chain(in_its_place.cloned());
        let mut found: Vec<TargetAsset> = on.chain(self.spool.targets_by_alternate_id(source.as_str())?).collect();
        // An asset with a mark is a copy of something else, or a clone of a copy.
        found.retain(|candidate| candidate.mark.is_none());
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found.dedup();
        Ok(found)
    }

    fn evidence(&self, asset: Asset, row: Option<AssetRow>, adopt: bool) -> Result<Evidence, Error> {
        let locators = self.spool.locators_of(&asset.id)?;
        let copies = self.spool.copies_of(&asset.id)?;
        let recorded = row.as_ref().and_then(|row| row.facts.target.as_ref());
        let mut recorded = recorded.map(|id| self.spool.target(id)).transpose()?.flatten();
        let mut in_its_place = None;
        if !self.through_locators && copies.is_empty() {
            // The id is the container's name, which another program can give to another container.
            recorded = None;
            in_its_place = self.spool.target(&asset.id)?;
        }
        let holders: Vec<_> = locators.iter().map(|locator| self.holder(&locator.id)).collect::<Result<_, _>>()?;
        // A part has the mark of the asset that it belongs to, so it cannot be adopted separately.
        let adopt = adopt && self.library.extent(&asset.id) == Extent::Whole;
        let candidates = if adopt && copies.is_empty() && recorded.is_none() {
            self.candidates(&asset.id, &holders, in_its_place.as_ref())?
        } else {
            Vec::new()
        };
        let (mut files_differ, mut occupied) = (Vec::new(), HashMap::new());
        for copy in copies.iter().chain(&recorded).chain(&candidates) {
            occupied.insert(copy.id.clone(), self.spool.count_locators_on(&copy.id)?);
            if !self.same_files(&asset.id, &copy.id)? {
                files_differ.push(copy.id.clone());
            }
        }
        let mut plays_on_target = false;
        for copy in copies.iter().chain(&recorded) {
            plays_on_target |= self.spool.locators_on(&copy.id)?.iter().any(|there| there.ours);
        }
        let known = row.as_ref().and_then(|row| row.facts.files_digest.as_deref());
        let same_files = known.map_or(Ok(false), |known| self.has_files(&asset.id, known))?;
        Ok(Evidence {
            screened: self.spool.screened(&asset.id)?,
            account: self.source.clone(),
            asset,
            locators,
            plays_on_target,
            through_locators: self.through_locators,
            in_its_place,
            copies,
            recorded,
            candidates,
            holders,
            row,
            same_files,
            files_differ,
            occupied,
        })
    }

    fn holder(&self, id: &LocatorId) -> Result<Option<(Holding, Option<TargetAsset>)>, Error> {
        let Some(holding) = self.spool.target_locator(id)? else { return Ok(None) };
        let on = self.spool.target(&holding.locator.asset)?;
        Ok(Some((holding, on)))
    }

    /// Do the listed file records of the source asset have that fingerprint?
    pub(crate) fn has_files(&self, source: &AssetId, recorded: &str) -> Result<bool, Error> {
        let whole = matches!(self.files, FilesWanted::Source | FilesWanted::BothSides);
        Ok(match self.spool.files(Side::Source, source)? {
            // The digest of changed records equals the full digest only if all records changed; then it still decides.
            Some(digest) => digest.text() == recorded,
            None if whole => super::digest::FilesDigest::default().text() == recorded,
            None => true,
        })
    }

    /// Do both assets have the same file records, if both sides' were listed?
    pub(crate) fn same_files(&self, source: &AssetId, target: &AssetId) -> Result<bool, Error> {
        if self.files != FilesWanted::BothSides {
            return Ok(true);
        }
        let of = |side, id| Ok::<_, Error>(self.spool.files(side, id)?.unwrap_or_default());
        Ok(of(Side::Source, source)? == of(Side::Target, target)?)
    }

    /// Our copy of a source asset, according to its mark.
    pub(crate) fn copy_of(&self, source: &AssetId) -> Result<Option<AssetId>, Error> {
        Ok(self.spool.copies_of(source)?.into_iter().find(|copy| copy.standing == Standing::Ours).map(|copy| copy.id))
    }

    /// Changes the asset's work to that of a new copy, which takes over the locators of the old one.
    pub(crate) fn move_to_new_copy(
        &self,
        work: &mut Work,
        old: &TargetAsset,
        spare: Option<TargetAsset>,
    ) -> Result<(), Error> {
        work.outdated.clear();
        work.present = 0;
        // Foreign locators on the old copy stay there, and play nothing.
        for taken in std::mem::take(&mut work.theirs).iter().map(|id| id_taken(id, old)) {
            if !work.conflicts.contains(&taken) {
                work.conflicts.push(taken);
            }
        }
        let ours: HashSet<LocatorId> = self
            .spool
            .locators_on(&old.id)?
            .into_iter()
            .filter(|there| there.ours)
            .map(|there| there.locator.id)
            .collect();
        for locator in self.spool.locators_of(&work.asset.id)? {
            if ours.contains(&locator.id) {
                work.moved.push(Move { locator, from: old.id.clone() });
            }
        }
        work.plan_for_empty_copy(self.target.can.locators_of_an_asset);
        work.target = spare;
        work.row = None;
        Ok(())
    }

    /// Ids of the locators that are ours. Their policies identify them, because a listing may omit locators.
    pub(crate) fn ours_among(&self, now: &[Locator]) -> Vec<LocatorId> {
        let is_ours = |locator: &&Locator| {
            let made = locator.policy.as_ref().is_some_and(|policy| self.our_policies.contains(policy));
            made || self.adopted.contains(locator.id.as_str())
        };
        now.iter().filter(is_ours).map(|locator| locator.id.clone()).collect()
    }
}

/// Lists the source's assets. Returns the originals that their marks name, if these are assets of the target account.
async fn source_assets(
    spool: &Spool,
    pair: &Pair,
    monitor: &dyn Monitor,
    covers: Scope<'_>,
) -> Result<Vec<AssetId>, Error> {
    let (mut listed, mut originals) = (0, Vec::new());
    let target = pair.target.library.account();
    let mut pages = pair.source.library.assets();
    while let Some(page) = pages.try_next().await? {
        listed += page.len() as u64;
        spool.add_source_assets(&page, covers)?;
        let room = ORIGINALS - originals.len();
        originals.extend(page.iter().filter_map(|asset| original_of(asset, target)).take(room));
        monitor.event(RunEvent::Listed { side: Side::Source, assets: listed });
    }
    monitor.event(RunEvent::ListingFinished { side: Side::Source, assets: listed });
    Ok(originals)
}

pub(super) async fn target_assets(spool: &Spool, pair: &Pair, monitor: &dyn Monitor) -> Result<(), Error> {
    let listed = AtomicU64::new(0);
    let source = pair.source.library.account();
    let library = &pair.target.library;
    let mut pages = library.assets();
    while let Some(page) = pages.try_next().await? {
        spool.add_target_assets(&page, source, |id| matches!(library.extent(id), Extent::Folder(_)))?;
        let assets = listed.fetch_add(page.len() as u64, Ordering::Relaxed) + page.len() as u64;
        monitor.event(RunEvent::Listed { side: Side::Target, assets });
    }
    monitor.event(RunEvent::ListingFinished { side: Side::Target, assets: listed.into_inner() });
    Ok(())
}

async fn source_locators(spool: &Spool, mut pages: Pages<'_, Locator>) -> Result<(), Error> {
    while let Some(page) = pages.try_next().await? {
        spool.add_source_locators(&page)?;
    }
    Ok(())
}

/// Lists the target's locators. Returns the access policies of our locators.
pub(super) async fn target_locators(
    spool: &Spool,
    pair: &Pair,
    adopted: &BTreeSet<String>,
) -> Result<HashSet<String>, Error> {
    let library = &pair.target.library;
    let our_policies = library.our_policies().await?;
    let mut pages = library.locators();
    while let Some(page) = pages.try_next().await? {
        spool.add_target_locators(&page, &our_policies, adopted)?;
    }
    Ok(our_policies)
}

async fn file_records(spool: &Spool, side: Side, pages: Option<Pages<'_, AssetFile>>) -> Result<(), Error> {
    let Some(mut pages) = pages else { return Ok(()) };
    while let Some(page) = pages.try_next().await? {
        spool.add_files(side, &page)?;
    }
    Ok(())
}
