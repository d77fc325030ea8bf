//! A view of a library for a run in the other direction: copies look like originals, and originals look like copies. So
//! the same comparison works in both directions. Only marks are different, and some assets are hidden.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};

use crate::error::Error;
use crate::library::{Batches, Capabilities, Cost, FileSet, Library, Pages, RecordBatch};
use crate::model::{
    AccountName, Asset, AssetChange, AssetFile, AssetId, ContainerName, Extent, Filter, FilterChange, Locator,
    LocatorId, Mark, NewAsset, Protection, StreamingHost,
};

/// The copy of an original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CopyOf {
    /// Its id on the other side.
    pub(crate) copy: AssetId,
    /// The original's own alternate id, from the mark.
    pub(crate) alternate_id: Option<String>,
}

/// The differences of the view.
#[derive(Debug)]
pub(crate) enum View {
    /// Complete copies of that account's assets are shown with the alternate ids of their originals.
    CopiesAsOriginals {
        /// Whose copies they are.
        of: AccountName,
        /// Assets that are hidden.
        hidden: HashSet<AssetId>,
    },
    /// Originals are shown with marks as copies of their copies.
    OriginalsAsCopies {
        /// Where their copies are.
        of: AccountName,
        /// The originals that have copies.
        copies: HashMap<AssetId, CopyOf>,
    },
}

impl View {
    /// An asset in the view; `None` if it is hidden.
    fn shown(&self, asset: Asset) -> Option<Asset> {
        match self {
            Self::CopiesAsOriginals { of, hidden } => {
                if hidden.contains(&asset.id) {
                    return None;
                }
                let mark = asset.alternate_id.as_deref().and_then(Mark::parse);
                let is_copy = |mark: &Mark| mark.account == *of && mark.own.as_ref() == Some(&asset.id);
                Some(match mark.filter(is_copy) {
                    Some(mark) => Asset { alternate_id: mark.original, ..asset },
                    None => asset,
                })
            }
            Self::OriginalsAsCopies { .. } => {
                let mark = self.mark_of(&asset.id).map(|mark| mark.text());
                Some(Asset { alternate_id: mark.or(asset.alternate_id), ..asset })
            }
        }
    }

    /// The mark with which an original is shown.
    fn mark_of(&self, original: &AssetId) -> Option<Mark> {
        let Self::OriginalsAsCopies { of, copies } = self else { return None };
        let CopyOf { copy, alternate_id } = copies.get(original)?;
        let own = Some(original.clone());
        Some(Mark { own, ..Mark::new(of.clone(), copy.clone(), alternate_id.clone()) })
    }

    /// A change as it is written: the mark of an original is only in the view.
    fn written(&self, asset: &AssetId, change: &AssetChange) -> AssetChange {
        let alternate_id = change.alternate_id.clone().filter(|_| self.mark_of(asset).is_none());
        AssetChange { alternate_id, ..change.clone() }
    }

    /// A locator in the view. The run decides which locators on originals are ours, whoever made them.
    fn shown_locator(&self, locator: Locator) -> Locator {
        let policy = locator.policy.clone().filter(|_| self.mark_of(&locator.asset).is_none());
        Locator { policy, ..locator }
    }

    /// The originals whose marks start with this prefix.
    fn marked(&self, prefix: &str) -> Vec<AssetId> {
        let Self::OriginalsAsCopies { of, copies } = self else { return Vec::new() };
        // The fields after a prefix are those of an incomplete copy.
        let Some(mark) = Mark::parse(&format!("{prefix};;")).filter(|mark| mark.account == *of) else {
            return Vec::new();
        };
        copies.iter().filter(|(_, copy)| copy.copy == mark.source).map(|(original, _)| original.clone()).collect()
    }
}

/// A library with its view.
#[derive(Debug)]
pub(crate) struct Relabelled {
    library: Arc<dyn Library>,
    view: View,
}

impl Relabelled {
    /// The library with that view.
    pub(crate) fn new(library: Arc<dyn Library>, view: View) -> Self {
        Self { library, view }
    }

    /// Reads those originals by their ids.
    async fn look_up(&self, ids: Vec<AssetId>) -> Result<Vec<Asset>, Error> {
        let asked = futures::future::try_join_all(ids.iter().map(|id| self.asset(id))).await?;
        Ok(asked.into_iter().flatten().collect())
    }

    fn all_shown(&self, assets: Vec<Asset>) -> Vec<Asset> {
        assets.into_iter().filter_map(|asset| self.view.shown(asset)).collect()
    }
}

#[async_trait]
impl Library for Relabelled {
    fn account(&self) -> &AccountName {
        self.library.account()
    }

    fn capabilities(&self) -> Capabilities {
        self.library.capabilities()
    }

    async fn check_access(&self) -> Result<(), Error> {
        self.library.check_access().await
    }

    fn assets(&self) -> Pages<'_, Asset> {
        self.library.assets().map_ok(|page| self.all_shown(page)).boxed()
    }

    fn locators(&self) -> Pages<'_, Locator> {
        let shown = |page: Vec<Locator>| page.into_iter().map(|locator| self.view.shown_locator(locator)).collect();
        self.library.locators().map_ok(shown).boxed()
    }

    fn files(&self, changed_since: Option<Timestamp>) -> Pages<'_, AssetFile> {
        self.library.files(changed_since)
    }

    async fn files_of(&self, assets: &[AssetId]) -> Result<Vec<Vec<AssetFile>>, Error> {
        self.library.files_of(assets).await
    }

    async fn asset(&self, id: &AssetId) -> Result<Option<Asset>, Error> {
        Ok(self.library.asset(id).await?.and_then(|asset| self.view.shown(asset)))
    }

    async fn assets_by_mark(&self, prefix: &str) -> Result<Vec<Asset>, Error> {
        let mut found = self.library.assets_by_mark(prefix).await?;
        found.extend(self.look_up(self.view.marked(prefix)).await?);
        Ok(found)
    }

    async fn assets_by_marks(&self, prefixes: &[String]) -> Result<Vec<Vec<Asset>>, Error> {
        let mut found = self.library.assets_by_marks(prefixes).await?;
        for (found, prefix) in found.iter_mut().zip(prefixes) {
            found.extend(self.look_up(self.view.marked(prefix)).await?);
        }
        Ok(found)
    }

    async fn assets_by_alternate_id(&self, alternate_id: &str) -> Result<Vec<Asset>, Error> {
        Ok(self.all_shown(self.library.assets_by_alternate_id(alternate_id).await?))
    }

    async fn create_asset(&self, asset: &NewAsset) -> Result<Asset, Error> {
        self.library.create_asset(asset).await
    }

    async fn update_asset(&self, id: &AssetId, change: &AssetChange) -> Result<(), Error> {
        match self.view.written(id, change) {
            nothing if nothing == AssetChange::default() => Ok(()),
            change => self.library.update_asset(id, &change).await,
        }
    }

    async fn delete_asset(&self, id: &AssetId) -> Result<(), Error> {
        self.library.delete_asset(id).await
    }

    fn asset_ids(&self, text: &str) -> Vec<AssetId> {
        self.library.asset_ids(text)
    }

    fn locator_ids(&self, text: &str) -> Vec<LocatorId> {
        self.library.locator_ids(text)
    }

    async fn container(&self, asset: &AssetId) -> Result<Option<ContainerName>, Error> {
        self.library.container(asset).await
    }

    fn extent(&self, asset: &AssetId) -> Extent {
        self.library.extent(asset)
    }

    async fn default_storage(&self) -> Result<Option<AccountName>, Error> {
        self.library.default_storage().await
    }

    async fn register_files(&self, sets: &[FileSet]) -> Vec<Result<(), Error>> {
        let written = |set: &FileSet| {
            let change = set.change.as_ref().map(|change| self.view.written(&set.asset, change));
            FileSet { change: change.filter(|change| *change != AssetChange::default()), ..set.clone() }
        };
        let sets: Vec<FileSet> = sets.iter().map(written).collect();
        self.library.register_files(&sets).await
    }

    async fn publish(&self, locators: &[Locator]) -> Vec<Result<Locator, Error>> {
        self.library.publish(locators).await
    }

    fn batches(&self) -> Batches {
        self.library.batches()
    }

    fn creation_cost(&self) -> Cost {
        self.library.creation_cost()
    }

    fn records_cost(&self, batch: &RecordBatch) -> Cost {
        self.library.records_cost(batch)
    }

    fn locators_cost(&self, locators: u64) -> Cost {
        self.library.locators_cost(locators)
    }

    fn locator_update_cost(&self) -> Cost {
        self.library.locator_update_cost()
    }

    fn takes_file_name(&self, name: &str) -> bool {
        self.library.takes_file_name(name)
    }

    async fn policies_to_make(&self, locators: &[Locator]) -> Result<u64, Error> {
        self.library.policies_to_make(locators).await
    }

    async fn update_locator(&self, locator: &Locator) -> Result<(), Error> {
        self.library.update_locator(locator).await
    }

    async fn delete_locator(&self, id: &LocatorId) -> Result<(), Error> {
        self.library.delete_locator(id).await
    }

    async fn remove_locators(&self, ids: &[LocatorId]) -> Vec<Result<(), Error>> {
        self.library.remove_locators(ids).await
    }

    async fn locator(&self, id: &LocatorId) -> Result<Option<Locator>, Error> {
        Ok(self.library.locator(id).await?.map(|locator| self.view.shown_locator(locator)))
    }

    async fn locators_of(&self, ids: &[LocatorId]) -> Result<Vec<Option<Locator>>, Error> {
        let found = self.library.locators_of(ids).await?;
        Ok(found.into_iter().map(|found| found.map(|locator| self.view.shown_locator(locator))).collect())
    }

    async fn has_protection(&self) -> Result<bool, Error> {
        self.library.has_protection().await
    }

    async fn protection_of(&self, assets: &[AssetId]) -> Vec<Result<Protection, Error>> {
        self.library.protection_of(assets).await
    }

    async fn account_filters(&self) -> Result<Vec<Filter>, Error> {
        self.library.account_filters().await
    }

    async fn asset_filters(&self) -> Result<Option<HashMap<AssetId, Vec<Filter>>>, Error> {
        self.library.asset_filters().await
    }

    async fn filters_of(&self, assets: &[AssetId]) -> Result<Vec<Vec<Filter>>, Error> {
        self.library.filters_of(assets).await
    }

    async fn change_filters(&self, asset: Option<&AssetId>, changes: &[FilterChange]) -> Result<(), Error> {
        self.library.change_filters(asset, changes).await
    }

    async fn locators_of_asset(&self, asset: &AssetId) -> Result<Vec<Locator>, Error> {
        let found = self.library.locators_of_asset(asset).await?;
        Ok(found.into_iter().map(|locator| self.view.shown_locator(locator)).collect())
    }

    async fn our_policies(&self) -> Result<HashSet<String>, Error> {
        self.library.our_policies().await
    }

    fn clock_skew(&self) -> Option<SignedDuration> {
        self.library.clock_skew()
    }

    async fn streaming_hosts(&self) -> Result<Vec<StreamingHost>, Error> {
        self.library.streaming_hosts().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(id: &str, alternate_id: Option<&str>) -> Asset {
        Asset { alternate_id: alternate_id.map(str::to_owned), ..Asset::known_by(&AssetId::new(id), id) }
    }

    fn mark(own: Option<&str>, original: Option<&str>) -> String {
        let mark = Mark::new(AccountName::new("west"), AssetId::new("w1"), original.map(str::to_owned));
        Mark { own: own.map(AssetId::new), ..mark }.text()
    }

    #[test]
    fn a_complete_copy_is_shown_with_the_alternate_id_of_its_original_and_a_clone_unchanged() {
        let hidden = HashSet::from([AssetId::new("e9")]);
        let view = View::CopiesAsOriginals { of: AccountName::new("west"), hidden };
        let seen = |id: &str, text: Option<&str>| view.shown(asset(id, text)).map(|asset| asset.alternate_id);
        assert_eq!(seen("e1", Some(&mark(Some("e1"), Some("theirs")))), Some(Some("theirs".to_owned())));
        assert_eq!(seen("e1", Some(&mark(Some("e1"), None))), Some(None));
        let clone = mark(Some("e1"), None);
        assert_eq!(seen("e2", Some(&clone)), Some(Some(clone.clone())));
        assert_eq!(seen("e3", Some("born here")), Some(Some("born here".to_owned())));
        assert_eq!(seen("e9", None), None);
    }

    #[test]
    fn an_original_is_shown_as_a_complete_copy_and_its_alternate_id_is_never_written() {
        let copy = CopyOf { copy: AssetId::new("e1"), alternate_id: Some("theirs".to_owned()) };
        let copies = HashMap::from([(AssetId::new("w1"), copy)]);
        let view = View::OriginalsAsCopies { of: AccountName::new("east"), copies };
        let seen = view.shown(asset("w1", Some("theirs"))).unwrap().alternate_id.unwrap();
        let seen = Mark::parse(&seen).unwrap();
        assert_eq!((seen.account.as_str(), seen.source.as_str()), ("east", "e1"));
        assert_eq!((seen.own, seen.original.as_deref()), (Some(AssetId::new("w1")), Some("theirs")));
        assert_eq!(view.shown(asset("w2", None)).unwrap().alternate_id, None);
        let change = AssetChange { alternate_id: Some(Some("x".to_owned())), ..AssetChange::default() };
        assert_eq!(view.written(&AssetId::new("w1"), &change), AssetChange::default());
        assert_eq!(view.written(&AssetId::new("w2"), &change), change);
        assert_eq!(view.marked("mediamirror:east;e1;"), [AssetId::new("w1")]);
        assert!(view.marked("mediamirror:east;e2;").is_empty());
    }
}
