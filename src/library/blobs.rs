//! A storage account as a library: its containers are the assets, the blobs are served by their own URLs.
//!
//! There are no file records and no locators. A copy has its source container's name, so that only the host name of a blob's
//! URL differs, and its mark is in the container's metadata.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::{Batches, Capabilities, Capacity, Cost, FileSet, Library, Pages, RecordBatch};
use crate::blob::{BlobAccount, Container, ContainerCreation};
use crate::error::Error;
use crate::model::{
    AccountName, Asset, AssetChange, AssetEncryption, AssetFile, AssetId, ContainerName, Locator, LocatorId, Mark,
    NewAsset, Protection, StreamingHost,
};
use crate::verdict::Cause;

/// The metadata that holds a mark.
const MARK: &str = "mediamirror";
/// Characters that a mark may have: half of what the service takes as metadata of a container.
const MARK_LENGTH: usize = 4_000;
/// Containers that are no part of a library: our own state, and what the service itself writes.
const RESERVED: &[&str] = &["mediamirror-state", "$logs", "$blobchangefeed"];
/// A container that does not exist.
const NO_CONTAINER: &str = "mediamirror-access-check";

/// A storage account whose containers are assets.
#[derive(Debug, Clone)]
pub struct Blobs {
    account: Arc<BlobAccount>,
}

impl Blobs {
    /// The library in that account.
    pub fn new(account: Arc<BlobAccount>) -> Self {
        Self { account }
    }

    fn asset_of(&self, container: Container) -> Asset {
        Asset {
            id: AssetId::new(container.name.as_str()),
            name: Some(container.name.as_str().to_owned()),
            alternate_id: container.metadata.get(MARK).map(|stored| self.shown(stored, &container.name)),
            created: container.last_modified,
            encryption: AssetEncryption::None,
            storage_account: Some(self.account.name().clone()),
            container: Some(container.name),
            public: container.public,
        }
    }

    /// A mark as it is stored: the copy's own id is its container's name in this account, as a container of the same name in
    /// another account is another one, also where a tool copied its metadata.
    fn stored(&self, mark: &str) -> String {
        let with_account = |own: AssetId| AssetId::new(format!("{}/{own}", self.account.name()));
        Mark::parse(mark)
            .map_or_else(|| mark.to_owned(), |mark| Mark { own: mark.own.clone().map(with_account), ..mark }.text())
    }

    /// A stored mark as the mark of an asset. One that names another container stays as it is.
    fn shown(&self, stored: &str, container: &ContainerName) -> String {
        let here = format!("{}/{container}", self.account.name());
        match Mark::parse(stored) {
            Some(mark) if mark.own.as_ref().is_some_and(|own| own.as_str() == here) => {
                Mark { own: Some(AssetId::new(container.as_str())), ..mark }.text()
            }
            _ => stored.to_owned(),
        }
    }

    async fn look(&self, id: &AssetId) -> Result<Option<Container>, Error> {
        self.account.container(&ContainerName::new(id.as_str())).await
    }

    /// The copies that a mark's prefix can mean: the container of the source's name.
    async fn marked(&self, prefix: &str) -> Result<Vec<Asset>, Error> {
        // The fields behind the prefix are those of a copy that is not complete.
        let Some(mark) = Mark::parse(&format!("{prefix};;")) else { return Ok(Vec::new()) };
        let found = self.look(&mark.source).await?.map(|container| self.asset_of(container));
        let marked = |asset: &Asset| asset.alternate_id.as_deref().is_some_and(|text| text.starts_with(prefix));
        Ok(found.filter(marked).into_iter().collect())
    }
}

#[async_trait]
impl Library for Blobs {
    fn account(&self) -> &AccountName {
        self.account.name()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            tokens: false,
            locators: false,
            streaming_hosts: false,
            mark_length: MARK_LENGTH,
            locators_of_an_asset: 0,
        }
    }

    async fn check_access(&self) -> Result<(), Error> {
        self.look(&AssetId::new(NO_CONTAINER)).await.map(drop)
    }

    fn assets(&self) -> Pages<'_, Asset> {
        let pages = self.account.containers().map_ok(|page| {
            let own = page.into_iter().filter(|container| !RESERVED.contains(&container.name.as_str()));
            own.map(|container| self.asset_of(container)).collect()
        });
        pages.boxed()
    }

    fn locators(&self) -> Pages<'_, Locator> {
        stream::empty().boxed()
    }

    fn files(&self, _: Option<Timestamp>) -> Pages<'_, AssetFile> {
        stream::empty().boxed()
    }

    async fn files_of(&self, assets: &[AssetId]) -> Result<Vec<Vec<AssetFile>>, Error> {
        Ok(assets.iter().map(|_| Vec::new()).collect())
    }

    async fn asset(&self, id: &AssetId) -> Result<Option<Asset>, Error> {
        Ok(self.look(id).await?.map(|container| self.asset_of(container)))
    }

    async fn assets_by_mark(&self, prefix: &str) -> Result<Vec<Asset>, Error> {
        self.marked(prefix).await
    }

    async fn assets_by_marks(&self, prefixes: &[String]) -> Result<Vec<Vec<Asset>>, Error> {
        let looks: Vec<_> = prefixes.iter().map(|prefix| self.marked(prefix)).collect();
        futures::future::try_join_all(looks).await
    }

    async fn assets_by_alternate_id(&self, alternate_id: &str) -> Result<Vec<Asset>, Error> {
        let mut found = self.assets().try_concat().await?;
        found.retain(|asset| asset.alternate_id.as_deref() == Some(alternate_id));
        Ok(found)
    }

    async fn create_asset(&self, asset: &NewAsset) -> Result<Asset, Error> {
        let name = asset.name.as_deref().unwrap_or_default();
        let container = ContainerName::new(name);
        let metadata = BTreeMap::from([(MARK.to_owned(), self.stored(&asset.alternate_id))]);
        let creation = self.account.create_container_with(&container, &metadata).await?;
        let made = Container { name: container.clone(), metadata, last_modified: None, public: None };
        if creation == ContainerCreation::Made {
            return Ok(self.asset_of(made));
        }
        // Made by an earlier attempt whose answer was lost, or by another program.
        let there = self.account.container(&container).await?;
        let mark = there.as_ref().and_then(|there| there.metadata.get(MARK)).and_then(|text| Mark::parse(text));
        let wanted = Mark::parse(&asset.alternate_id);
        match (there, mark, wanted) {
            (Some(there), Some(mark), Some(wanted))
                if (&mark.account, &mark.source) == (&wanted.account, &wanted.source) =>
            {
                // A complete copy is not written to as if it were new.
                let listed = || format!("the target's listing lacks container {name}");
                let unfinished = mark.own.is_none().then(|| self.asset_of(there));
                unfinished.ok_or_else(|| Error::found(name, Cause::ListingIncomplete, listed()))
            }
            _ => Err(Error::found(name, Cause::ForeignCopy, format!("container {name}"))),
        }
    }

    async fn update_asset(&self, id: &AssetId, change: &AssetChange) -> Result<(), Error> {
        // A container has no other name than its id.
        let Some(mark) = &change.alternate_id else { return Ok(()) };
        let Some(mut container) = self.look(id).await? else {
            return Err(Error::found(id.as_str(), Cause::TargetContainerDeleted, ""));
        };
        match mark {
            Some(mark) => container.metadata.insert(MARK.to_owned(), self.stored(mark)),
            None => container.metadata.remove(MARK),
        };
        self.account.set_container_metadata(&container.name, &container.metadata).await
    }

    async fn delete_asset(&self, id: &AssetId) -> Result<(), Error> {
        self.account.delete_container(&ContainerName::new(id.as_str())).await
    }

    async fn container(&self, asset: &AssetId) -> Result<Option<ContainerName>, Error> {
        Ok(Some(ContainerName::new(asset.as_str())))
    }

    async fn default_storage(&self) -> Result<Option<AccountName>, Error> {
        Ok(None)
    }

    async fn register_files(&self, sets: &[FileSet]) -> Vec<Result<(), Error>> {
        let marked = sets.iter().map(|set| async move {
            match &set.change {
                Some(change) => self.update_asset(&set.asset, change).await,
                None => Ok(()),
            }
        });
        futures::future::join_all(marked).await
    }

    async fn publish(&self, locators: &[Locator]) -> Vec<Result<Locator, Error>> {
        locators.iter().map(|locator| Err(no_locators(&locator.id))).collect()
    }

    fn batches(&self) -> Batches {
        // Each container has its own requests: nothing is gained by waiting.
        let one = Capacity { items: 1, weight: u64::MAX };
        Batches { records: one, locators: one }
    }

    fn creation_cost(&self) -> Cost {
        Cost::blob(1)
    }

    fn records_cost(&self, batch: &RecordBatch) -> Cost {
        // The mark: the metadata is read and written; of a new copy it is looked at before.
        Cost::blob(2 * batch.assets + batch.created)
    }

    fn locators_cost(&self, _: u64) -> Cost {
        Cost::default()
    }

    fn takes_file_name(&self, _: &str) -> bool {
        true
    }

    async fn policies_to_make(&self, _: &[Locator]) -> Result<u64, Error> {
        Ok(0)
    }

    async fn update_locator(&self, locator: &Locator) -> Result<(), Error> {
        Err(no_locators(&locator.id))
    }

    async fn delete_locator(&self, _: &LocatorId) -> Result<(), Error> {
        Ok(())
    }

    async fn remove_locators(&self, ids: &[LocatorId]) -> Vec<Result<(), Error>> {
        ids.iter().map(|_| Ok(())).collect()
    }

    async fn locator(&self, _: &LocatorId) -> Result<Option<Locator>, Error> {
        Ok(None)
    }

    async fn locators_of(&self, ids: &[LocatorId]) -> Result<Vec<Option<Locator>>, Error> {
        Ok(ids.iter().map(|_| None).collect())
    }

    async fn has_protection(&self) -> Result<bool, Error> {
        Ok(false)
    }

    async fn protection_of(&self, assets: &[AssetId]) -> Vec<Result<Protection, Error>> {
        assets.iter().map(|_| Ok(Protection::None)).collect()
    }

    async fn locators_of_asset(&self, _: &AssetId) -> Result<Vec<Locator>, Error> {
        Ok(Vec::new())
    }

    async fn our_policies(&self) -> Result<HashSet<String>, Error> {
        Ok(HashSet::new())
    }

    fn clock_skew(&self) -> Option<SignedDuration> {
        None
    }

    async fn streaming_hosts(&self) -> Result<Vec<StreamingHost>, Error> {
        Ok(Vec::new())
    }
}

/// A defect of this program where it happens: what has no locators is never asked to make one.
fn no_locators(id: &LocatorId) -> Error {
    Error::found(id.as_str(), Cause::NotSupported, "a storage account has no locators")
}
