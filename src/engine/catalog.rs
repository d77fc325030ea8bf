//! What both libraries hold, as whole-library listings tell, and which target asset belongs to which source asset.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt};

use super::digest::FilesDigest;
use crate::connect::Pair;
use crate::error::Error;
use crate::ledger::AssetRow;
use crate::media::{MediaService, Pages};
use crate::model::{AccountName, Asset, AssetId, ContainerName, Locator, LocatorId, LocatorKind, Side};
use crate::monitor::{Monitor, RunEvent};

/// What is kept of a target asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetAsset {
    /// Its id.
    pub(crate) id: AssetId,
    /// Name to show.
    pub(crate) label: String,
    /// The source asset it says it is a copy of.
    pub(crate) alternate_id: Option<String>,
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
            alternate_id: asset.alternate_id,
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

/// The target library, and the parts of the source library that are listed as a whole.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    targets: HashMap<AssetId, TargetAsset>,
    by_alternate_id: HashMap<String, Vec<AssetId>>,
    target_locators: HashMap<LocatorId, Locator>,
    source_locators: HashMap<AssetId, Vec<Locator>>,
    source_files: HashMap<AssetId, FilesDigest>,
    target_files: HashMap<AssetId, FilesDigest>,
}

impl Catalog {
    /// Lists the target's assets, and both sides' locators and file records, all side by side.
    pub(crate) async fn read(pair: &Pair, monitor: &dyn Monitor) -> Result<Self, Error> {
        let (source, target) = (&pair.source.media, &pair.target.media);
        let (targets, target_locators, source_locators, source_files, target_files) = futures::try_join!(
            target_assets(target.as_ref(), monitor),
            streaming_locators(target.locators()),
            streaming_locators(source.locators()),
            file_digests(source.as_ref()),
            file_digests(target.as_ref()),
        )?;
        let mut by_alternate_id: HashMap<String, Vec<AssetId>> = HashMap::new();
        for asset in targets.values() {
            if let Some(alternate_id) = &asset.alternate_id {
                by_alternate_id.entry(alternate_id.clone()).or_default().push(asset.id.clone());
            }
        }
        let mut by_asset: HashMap<AssetId, Vec<Locator>> = HashMap::new();
        for locator in source_locators {
            by_asset.entry(locator.asset.clone()).or_default().push(locator);
        }
        Ok(Self {
            targets,
            by_alternate_id,
            target_locators: target_locators.into_iter().map(|locator| (locator.id.clone(), locator)).collect(),
            source_locators: by_asset,
            source_files,
            target_files,
        })
    }

    /// The source asset's streaming locators.
    pub(crate) fn locators_of(&self, source: &AssetId) -> &[Locator] {
        self.source_locators.get(source).map_or(&[], Vec::as_slice)
    }

    /// Fingerprint of the source asset's file records.
    pub(crate) fn files_digest(&self, source: &AssetId) -> String {
        self.source_files.get(source).copied().unwrap_or_default().text()
    }

    /// Fingerprint of the target asset's file records.
    pub(crate) fn target_files_digest(&self, target: &AssetId) -> String {
        self.target_files.get(target).copied().unwrap_or_default().text()
    }

    /// Streaming locators of the target asset that the source asset does not have.
    pub(crate) fn published_on_target_alone<'a>(
        &'a self,
        source: &'a AssetId,
        target: &'a AssetId,
    ) -> impl Iterator<Item = &'a Locator> {
        let known: HashSet<&LocatorId> = self.locators_of(source).iter().map(|locator| &locator.id).collect();
        self.target_locators.values().filter(move |locator| &locator.asset == target && !known.contains(&locator.id))
    }

    /// The target's streaming locator of that id.
    pub(crate) fn target_locator(&self, id: &LocatorId) -> Option<&Locator> {
        self.target_locators.get(id)
    }

    /// A target asset by id.
    pub(crate) fn target(&self, id: &AssetId) -> Option<&TargetAsset> {
        self.targets.get(id)
    }

    /// Finds the source asset's counterpart: by the ledger, then by alternate id, then by locator id.
    pub(crate) fn counterpart(&self, source: &AssetId, row: Option<&AssetRow>) -> Match {
        let recorded = row.and_then(|row| row.facts.target.as_ref()).and_then(|id| self.targets.get(id));
        if let Some(target) = recorded {
            return Match::Ours(target.clone());
        }
        match self.by_alternate_id.get(source.as_str()).map(Vec::as_slice) {
            Some([one]) => return Match::Ours(self.targets[one].clone()),
            Some(several) if several.len() > 1 => return Match::Ambiguous(several.to_vec()),
            _ => {}
        }
        self.locators_of(source)
            .iter()
            .find_map(|locator| self.target_locators.get(&locator.id))
            .and_then(|taken| self.targets.get(&taken.asset))
            .map_or(Match::None, |target| Match::Foreign(target.clone()))
    }
}

async fn target_assets(
    media: &dyn MediaService,
    monitor: &dyn Monitor,
) -> Result<HashMap<AssetId, TargetAsset>, Error> {
    let mut targets = HashMap::new();
    let mut pages = media.assets();
    while let Some(page) = pages.try_next().await? {
        targets.extend(page.into_iter().map(|asset| (asset.id.clone(), TargetAsset::from(asset))));
        monitor.event(RunEvent::Listed { side: Side::Target, assets: targets.len() as u64 });
    }
    monitor.event(RunEvent::ListingFinished { side: Side::Target, assets: targets.len() as u64 });
    Ok(targets)
}

async fn streaming_locators(mut pages: Pages<'_, Locator>) -> Result<Vec<Locator>, Error> {
    let mut locators = Vec::new();
    while let Some(page) = pages.next().await.transpose()? {
        locators.extend(page.into_iter().filter(|locator| locator.kind == LocatorKind::Streaming));
    }
    Ok(locators)
}

async fn file_digests(media: &dyn MediaService) -> Result<HashMap<AssetId, FilesDigest>, Error> {
    let mut digests: HashMap<AssetId, FilesDigest> = HashMap::new();
    let mut pages = media.files(None);
    while let Some(page) = pages.try_next().await? {
        for file in &page {
            digests.entry(file.asset.clone()).or_default().add(file);
        }
    }
    Ok(digests)
}
