//! What both libraries hold, as whole-library listings tell, and which target asset belongs to which source asset.
//!
//! It is the one thing a run keeps of every asset, so it is kept small: sorted lists of compact entries, whose texts are
//! made when they are asked for.

mod digests;

use std::collections::HashSet;

use futures::TryStreamExt;
use jiff::Timestamp;

use super::compact::{CompactId, Moment, Text, Texts};
use super::digest::FilesDigest;
use crate::connect::Pair;
use crate::error::Error;
use crate::ledger::AssetRow;
use crate::media::{MediaService, Pages};
use crate::model::{AccountName, Asset, AssetId, ContainerName, Locator, LocatorId, LocatorKind, Side};
use crate::monitor::{Monitor, RunEvent};
use digests::{Digests, Gathering};

/// A target asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetAsset {
    /// Its id.
    pub(crate) id: AssetId,
    /// Name to show.
    pub(crate) label: String,
    /// Where it is stored, if the service says.
    pub(crate) storage_account: Option<AccountName>,
    /// Its container, if the service says.
    pub(crate) container: Option<ContainerName>,
}

impl From<Asset> for TargetAsset {
    fn from(asset: Asset) -> Self {
        Self {
            label: asset.label().to_owned(),
            id: asset.id,
            storage_account: asset.storage_account,
            container: asset.container,
        }
    }
}

/// Which target asset belongs to a source asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Match {
    /// None yet.
    None,
    /// One that we made: the ledger or its alternate id says so.
    Ours(TargetAsset),
    /// One that somebody else made and published under this asset's locator id. It may be a copy all the same.
    Foreign(TargetAsset),
    /// Several that all say they are copies of this asset.
    Ambiguous(Vec<AssetId>),
}

/// Which file records a catalog lists.
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

/// What is kept of a target asset.
#[derive(Debug)]
struct TargetEntry {
    id: CompactId,
    /// The source asset it says it is a copy of.
    copy_of: Option<CompactId>,
    label: Text,
    /// Index into [`Targets::accounts`].
    storage_account: Option<u32>,
    container: Container,
}

/// What is kept of an asset's container.
#[derive(Debug)]
enum Container {
    /// The service does not say.
    Untold,
    /// It is named after its asset, as the service names them.
    Own,
    /// Any other.
    Other(Box<ContainerName>),
}

/// What is kept of a streaming locator.
#[derive(Debug)]
struct LocatorEntry {
    id: CompactId,
    asset: CompactId,
    name: Option<Text>,
    start: Option<Moment>,
    expiry: Moment,
}

/// The target's assets.
#[derive(Debug, Default)]
struct Targets {
    /// In order of id.
    entries: Vec<TargetEntry>,
    labels: Texts,
    /// The storage accounts that they are in.
    accounts: Vec<AccountName>,
}

/// One side's streaming locators.
#[derive(Debug, Default)]
struct Locators {
    entries: Vec<LocatorEntry>,
    names: Texts,
}

/// The target library, and the parts of the source library that are listed as a whole.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    targets: Targets,
    /// Indexes of the targets that are copies, in order of what they are copies of.
    copies: Vec<u32>,
    /// In order of id.
    target_locators: Locators,
    /// In order of asset.
    source_locators: Locators,
    source_files: Digests,
    /// Does an asset that is not among the source's files have none? (Otherwise it has none that changed.)
    source_files_whole: bool,
    /// `None` = not listed.
    target_files: Option<Digests>,
}

impl Catalog {
    /// Lists the target's assets, both sides' locators and the file records that are wanted, all side by side.
    pub(crate) async fn read(pair: &Pair, monitor: &dyn Monitor, files: FilesWanted) -> Result<Self, Error> {
        let (source, target) = (&pair.source.media, &pair.target.media);
        let (of_source, of_target) = match files {
            FilesWanted::None => (None, None),
            FilesWanted::ChangedSince(since) => (Some(source.files(Some(since))), None),
            FilesWanted::Source => (Some(source.files(None)), None),
            FilesWanted::BothSides => (Some(source.files(None)), Some(target.files(None))),
        };
        let (targets, mut target_locators, mut source_locators, source_files, target_files) = futures::try_join!(
            target_assets(target.as_ref(), monitor),
            streaming_locators(target.locators()),
            streaming_locators(source.locators()),
            file_digests(of_source),
            file_digests(of_target),
        )?;
        target_locators.entries.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        source_locators.entries.sort_unstable_by(|a, b| (&a.asset, &a.id).cmp(&(&b.asset, &b.id)));
        Ok(Self {
            copies: in_order_of_origin(&targets.entries),
            targets,
            target_locators,
            source_locators,
            source_files,
            source_files_whole: matches!(files, FilesWanted::Source | FilesWanted::BothSides),
            target_files: (files == FilesWanted::BothSides).then_some(target_files),
        })
    }

    /// The source asset's streaming locators.
    pub(crate) fn locators_of(&self, source: &AssetId) -> Vec<Locator> {
        let key = CompactId::asset(source);
        let Locators { entries, .. } = &self.source_locators;
        let from = entries.partition_point(|entry| entry.asset < key);
        let of_asset = entries[from..].iter().take_while(|entry| entry.asset == key);
        of_asset.map(|entry| self.source_locators.made_whole(entry)).collect()
    }

    /// Are the source asset's file records those of that fingerprint, as far as the listing shows?
    pub(crate) fn has_files(&self, source: &AssetId, recorded: &str) -> bool {
        match self.source_files.get(&CompactId::asset(source)) {
            // Of changed records alone the sum is that of all of them only if all of them changed: then it still decides.
            Some(digest) => digest.text() == recorded,
            None if self.source_files_whole => FilesDigest::default().text() == recorded,
            None => true,
        }
    }

    /// Bytes of the source asset's files, as far as they were listed.
    pub(crate) fn bytes_of(&self, source: &AssetId) -> u64 {
        self.source_files.get(&CompactId::asset(source)).unwrap_or_default().bytes()
    }

    /// Do both assets have the same file records, as far as both sides' were listed?
    pub(crate) fn same_files(&self, source: &AssetId, target: &AssetId) -> bool {
        let Some(target_files) = &self.target_files else { return true };
        let of = |files: &Digests, id| files.get(&CompactId::asset(id)).unwrap_or_default();
        of(&self.source_files, source) == of(target_files, target)
    }

    /// Streaming locators of the target asset that the source asset does not have.
    pub(crate) fn published_on_target_alone(&self, source: &AssetId, target: &AssetId) -> Vec<LocatorId> {
        let known: HashSet<LocatorId> = self.locators_of(source).into_iter().map(|locator| locator.id).collect();
        let target = CompactId::asset(target);
        let of_target = self.target_locators.entries.iter().filter(|entry| entry.asset == target);
        of_target.map(|entry| entry.id.to_locator()).filter(|id| !known.contains(id)).collect()
    }

    /// The target's streaming locator of that id.
    pub(crate) fn target_locator(&self, id: &LocatorId) -> Option<Locator> {
        let id = CompactId::locator(id);
        let Locators { entries, .. } = &self.target_locators;
        let at = entries.binary_search_by(|entry| entry.id.cmp(&id)).ok()?;
        Some(self.target_locators.made_whole(&entries[at]))
    }

    /// A target asset by id.
    pub(crate) fn target(&self, id: &AssetId) -> Option<TargetAsset> {
        let id = CompactId::asset(id);
        let at = self.targets.entries.binary_search_by(|entry| entry.id.cmp(&id)).ok()?;
        Some(self.targets.made_whole(&self.targets.entries[at]))
    }

    /// Finds the source asset's counterpart: by the ledger, then by alternate id, then by locator id.
    pub(crate) fn counterpart(&self, source: &AssetId, row: Option<&AssetRow>) -> Match {
        let recorded = row.and_then(|row| row.facts.target.as_ref()).and_then(|id| self.target(id));
        if let Some(target) = recorded {
            return Match::Ours(target);
        }
        match self.copies_of(source).as_slice() {
            [] => {}
            [one] => return Match::Ours(self.targets.made_whole(one)),
            several => return Match::Ambiguous(several.iter().map(|entry| entry.id.to_asset()).collect()),
        }
        self.locators_of(source)
            .iter()
            .find_map(|locator| self.target_locator(&locator.id))
            .and_then(|taken| self.target(&taken.asset))
            .map_or(Match::None, Match::Foreign)
    }

    /// The targets that say they are copies of that source asset.
    fn copies_of(&self, source: &AssetId) -> Vec<&TargetEntry> {
        let key = Some(CompactId::asset(source));
        let entry = |at: &u32| &self.targets.entries[*at as usize];
        let from = self.copies.partition_point(|at| entry(at).copy_of < key);
        self.copies[from..].iter().map(entry).take_while(|entry| entry.copy_of == key).collect()
    }
}

impl Targets {
    fn add(&mut self, asset: &Asset) {
        let storage_account = asset.storage_account.as_ref().map(|name| {
            let known = self.accounts.iter().position(|account| account == name);
            let at = known.unwrap_or_else(|| {
                self.accounts.push(name.clone());
                self.accounts.len() - 1
            });
            u32::try_from(at).expect("an account has a handful of storage accounts")
        });
        let id = CompactId::asset(&asset.id);
        let container = match &asset.container {
            None => Container::Untold,
            Some(name) if id.is_guid() && CompactId::container(name) == id => Container::Own,
            Some(name) => Container::Other(Box::new(name.clone())),
        };
        self.entries.push(TargetEntry {
            id,
            copy_of: asset.alternate_id.as_deref().map(CompactId::asset_named),
            label: self.labels.push(asset.label()),
            storage_account,
            container,
        });
    }

    fn made_whole(&self, entry: &TargetEntry) -> TargetAsset {
        TargetAsset {
            id: entry.id.to_asset(),
            label: self.labels.get(entry.label).to_owned(),
            storage_account: entry.storage_account.map(|at| self.accounts[at as usize].clone()),
            container: match &entry.container {
                Container::Untold => None,
                Container::Own => Some(entry.id.to_container()),
                Container::Other(name) => Some(ContainerName::clone(name)),
            },
        }
    }
}

impl Locators {
    fn add(&mut self, locator: &Locator) {
        self.entries.push(LocatorEntry {
            id: CompactId::locator(&locator.id),
            asset: CompactId::asset(&locator.asset),
            name: locator.name.as_deref().map(|name| self.names.push(name)),
            start: locator.start.map(Moment::new),
            expiry: Moment::new(locator.expiry),
        });
    }

    fn made_whole(&self, entry: &LocatorEntry) -> Locator {
        Locator {
            id: entry.id.to_locator(),
            asset: entry.asset.to_asset(),
            kind: LocatorKind::Streaming,
            name: entry.name.map(|name| self.names.get(name).to_owned()),
            start: entry.start.map(Moment::timestamp),
            expiry: entry.expiry.timestamp(),
            path: None,
            policy: None,
        }
    }
}

/// Indexes of those that are copies, in order of what they are copies of.
fn in_order_of_origin(targets: &[TargetEntry]) -> Vec<u32> {
    let mut copies: Vec<u32> =
        (0_u32..).zip(targets).filter(|(_, entry)| entry.copy_of.is_some()).map(|(at, _)| at).collect();
    copies.sort_by(|a, b| targets[*a as usize].copy_of.cmp(&targets[*b as usize].copy_of));
    copies
}

/// The target's assets in order of id.
async fn target_assets(media: &dyn MediaService, monitor: &dyn Monitor) -> Result<Targets, Error> {
    let mut targets = Targets::default();
    let mut pages = media.assets();
    while let Some(page) = pages.try_next().await? {
        for asset in &page {
            targets.add(asset);
        }
        monitor.event(RunEvent::Listed { side: Side::Target, assets: targets.entries.len() as u64 });
    }
    monitor.event(RunEvent::ListingFinished { side: Side::Target, assets: targets.entries.len() as u64 });
    targets.entries.shrink_to_fit();
    targets.labels.shrink();
    targets.entries.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    Ok(targets)
}

async fn streaming_locators(mut pages: Pages<'_, Locator>) -> Result<Locators, Error> {
    let mut locators = Locators::default();
    while let Some(page) = pages.try_next().await? {
        for locator in page.iter().filter(|locator| locator.kind == LocatorKind::Streaming) {
            locators.add(locator);
        }
    }
    locators.entries.shrink_to_fit();
    locators.names.shrink();
    Ok(locators)
}

async fn file_digests(pages: Option<Pages<'_, crate::model::AssetFile>>) -> Result<Digests, Error> {
    let mut digests = Gathering::default();
    let Some(mut pages) = pages else { return Ok(Digests::default()) };
    while let Some(page) = pages.try_next().await? {
        for file in &page {
            digests.add(file);
        }
    }
    Ok(digests.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_costs_a_few_tens_of_bytes() {
        assert!(size_of::<TargetEntry>() <= 80, "{}", size_of::<TargetEntry>());
        assert!(size_of::<LocatorEntry>() <= 72, "{}", size_of::<LocatorEntry>());
    }
}
