//! A storage account as a library: its containers are the assets, the blobs are read with their own URLs.
//!
//! There are no file records. A copy has its source container's name, so that only the host name of a blob's URL
//! differs, and its mark is in the container's metadata. The public access of a container is its locator: a new copy is
//! private until its contents are verified, and a container that the source closes is closed.
//!
//! With `assets_at`, folders of a container are assets, too.

mod folders;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::{Batches, Capabilities, Capacity, Cost, FileSet, Library, Pages, RecordBatch};
use crate::blob::{BlobAccount, Container, ContainerCreation};
use crate::error::Error;
use crate::model::{
    AccountName, Asset, AssetChange, AssetEncryption, AssetFile, AssetId, ContainerName, Extent, Locator, LocatorId,
    LocatorKind, Mark, NewAsset, Protection, PublicAccess, StreamingHost,
};
use crate::verdict::Cause;
use folders::Ready;

/// The name of the metadata with the mark.
const MARK: &str = "mediamirror";
/// The most characters of a mark: half of the limit for a container's metadata.
const MARK_LENGTH: usize = 4_000;
/// Containers that are not part of a library: our own state, and those that the service itself writes.
const RESERVED: &[&str] = &["mediamirror-state", "$logs", "$blobchangefeed"];
/// The policy of each locator of ours: the public access of a container with our mark.
const OUR_POLICY: &str = "mediamirror";
/// The expiry of public access, which never expires: the last second that can be written as a time, in the year 9999.
const NEVER: Timestamp = Timestamp::constant(253_402_207_200, 0);
/// A container that does not exist.
const NO_CONTAINER: &str = "mediamirror-access-check";

/// A storage account whose containers are assets.
#[derive(Debug, Clone)]
pub struct Blobs {
    account: Arc<BlobAccount>,
    /// The containers whose folders are assets.
    split: Arc<BTreeSet<ContainerName>>,
    /// Those of them that this process has created or recognised as ours.
    ready: Arc<Ready>,
}

impl Blobs {
    /// The library in that account. The folders of the containers of `split` are assets.
    pub fn new(account: Arc<BlobAccount>, split: BTreeSet<ContainerName>) -> Self {
        Self { account, split: Arc::new(split), ready: Arc::default() }
    }

    fn asset_of(&self, mut container: Container) -> Asset {
        let mark = container.metadata.remove(MARK);
        Asset {
            id: AssetId::new(container.name.as_str()),
            name: Some(container.name.as_str().to_owned()),
            alternate_id: mark.map(|stored| self.shown(&stored, &container.name)),
            created: container.last_modified,
            encryption: AssetEncryption::None,
            storage_account: Some(self.account.name().clone()),
            container: Some(container.name),
            metadata: container.metadata,
        }
    }

    /// A mark as it is stored: the copy's own id is `account/container`, because a container with the same name in
    /// another account is not this copy, even if a tool copied its metadata.
    fn stored(&self, mark: &str) -> String {
        let with_account = |own: AssetId| AssetId::new(format!("{}/{own}", self.account.name()));
        Mark::parse(mark)
            .map_or_else(|| mark.to_owned(), |mark| Mark { own: mark.own.clone().map(with_account), ..mark }.text())
    }

    /// A stored mark as the mark of an asset. If it has another container, it is returned unchanged.
    fn shown(&self, stored: &str, container: &ContainerName) -> String {
        let here = format!("{}/{container}", self.account.name());
        match Mark::parse(stored) {
            Some(mark) if mark.own.as_ref().is_some_and(|own| own.as_str() == here) => {
                Mark { own: Some(AssetId::new(container.as_str())), ..mark }.text()
            }
            _ => stored.to_owned(),
        }
    }

    /// The public access of a container, as its locator.
    fn locator_of(&self, container: &Container) -> Option<Locator> {
        let level = container.public?;
        let mark = container.metadata.get(MARK).and_then(|stored| Mark::parse(&self.shown(stored, &container.name)));
        let is_ours = mark.and_then(|mark| mark.own).is_some_and(|own| own.as_str() == container.name.as_str());
        Some(Locator {
            id: LocatorId::new(container.name.as_str()),
            asset: AssetId::new(container.name.as_str()),
            kind: LocatorKind::Public,
            name: Some(level.name().to_owned()),
            start: None,
            expiry: NEVER,
            path: None,
            policy: is_ours.then(|| OUR_POLICY.to_owned()),
        })
    }

    /// The locator with that id, which is the container's name.
    async fn locator_by_id(&self, id: &str) -> Result<Option<Locator>, Error> {
        if folders::parse(id).is_some() {
            return Ok(None);
        }
        Ok(self.look(&AssetId::new(id)).await?.and_then(|container| self.locator_of(&container)))
    }

    /// Sets the public access of a locator's container.
    async fn open(&self, locator: &Locator) -> Result<(), Error> {
        let level = locator.name.as_deref().and_then(PublicAccess::named);
        self.account.set_public_access(&ContainerName::new(locator.asset.as_str()), level).await
    }

    /// Ends the public access of a container, if it exists and is public.
    async fn close(&self, id: &LocatorId) -> Result<(), Error> {
        match self.locator_by_id(id.as_str()).await? {
            Some(_) => self.account.set_public_access(&ContainerName::new(id.as_str()), None).await,
            None => Ok(()),
        }
    }

    /// Creates a container with that mark. An existing one is ours if an earlier attempt made it.
    async fn create(&self, container: &ContainerName, mark: &str) -> Result<Container, Error> {
        let metadata = BTreeMap::from([(MARK.to_owned(), self.stored(mark))]);
        let creation = self.account.create_container_with(container, &metadata).await?;
        if creation == ContainerCreation::Made {
            return Ok(Container { name: container.clone(), metadata, last_modified: None, public: None });
        }
        let there = self.account.container(container).await?;
        let found = there.as_ref().and_then(|there| there.metadata.get(MARK)).and_then(|text| Mark::parse(text));
        match (there, found, Mark::parse(mark)) {
            (Some(there), Some(found), Some(wanted))
                if (&found.account, &found.source) == (&wanted.account, &wanted.source) =>
            {
                Ok(there)
            }
            _ => Err(Error::found(container.as_str(), Cause::ForeignCopy, format!("container {container}"))),
        }
    }

    async fn look(&self, id: &AssetId) -> Result<Option<Container>, Error> {
        self.account.container(&ContainerName::new(id.as_str())).await
    }

    /// The copies that a mark's prefix can mean: the container with the source's name.
    async fn marked(&self, prefix: &str) -> Result<Vec<Asset>, Error> {
        // The fields after the prefix are those of an incomplete copy.
        let Some(mark) = Mark::parse(&format!("{prefix};;")) else { return Ok(Vec::new()) };
        let found = self.asset(&mark.source).await?;
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
            filters: false,
            block_blobs_only: false,
            mark_length: MARK_LENGTH,
            locators_of_an_asset: 1,
        }
    }

    async fn check_access(&self) -> Result<(), Error> {
        self.look(&AssetId::new(NO_CONTAINER)).await.map(drop)
    }

    fn assets(&self) -> Pages<'_, Asset> {
        let pages = self.account.containers().map_ok(|page| {
            let own = page.into_iter().filter(|container| !RESERVED.contains(&container.name.as_str()));
            self.with_folders(own.collect())
        });
        pages.try_flatten().boxed()
    }

    fn locators(&self) -> Pages<'_, Locator> {
        let pages = self.account.containers().map_ok(|page| {
            let own = page.iter().filter(|container| !RESERVED.contains(&container.name.as_str()));
            own.filter_map(|container| self.locator_of(container)).collect()
        });
        pages.boxed()
    }

    fn files(&self, _: Option<Timestamp>) -> Pages<'_, AssetFile> {
        stream::empty().boxed()
    }

    async fn files_of(&self, assets: &[AssetId]) -> Result<Vec<Vec<AssetFile>>, Error> {
        Ok(assets.iter().map(|_| Vec::new()).collect())
    }

    async fn asset(&self, id: &AssetId) -> Result<Option<Asset>, Error> {
        if let Some(place) = folders::parse(id.as_str()) {
            return self.folder(place).await;
        }
        Ok(self.look(id).await?.map(|container| self.asset_of(container)))
    }

    fn extent(&self, asset: &AssetId) -> Extent {
        match folders::parse(asset.as_str()) {
            Some((_, folder)) => Extent::Folder(folder),
            None if self.split.contains(&ContainerName::new(asset.as_str())) => Extent::Loose,
            None => Extent::Whole,
        }
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
        if let Some(place) = folders::parse(name) {
            return self.create_folder(place, &asset.alternate_id).await;
        }
        let container = ContainerName::new(name);
        let there = if self.split.contains(&container) {
            self.made_ready(&container, &asset.alternate_id).await?
        } else {
            self.create(&container, &asset.alternate_id).await?
        };
        // A complete copy is not treated as a new one.
        if there.metadata.get(MARK).and_then(|text| Mark::parse(text)).is_some_and(|mark| mark.own.is_some()) {
            let detail = format!("the target's listing lacks container {name}");
            return Err(Error::found(name, Cause::ListingIncomplete, detail));
        }
        Ok(self.asset_of(there))
    }

    async fn update_asset(&self, id: &AssetId, change: &AssetChange) -> Result<(), Error> {
        // A container has no name besides its id, and a folder has no properties.
        let nothing = change.alternate_id.is_none() && change.metadata.is_none();
        if nothing || folders::parse(id.as_str()).is_some() {
            return Ok(());
        }
        let name = ContainerName::new(id.as_str());
        if let (Some(mark), Some(metadata)) = (&change.alternate_id, &change.metadata) {
            let mark = mark.as_deref().map(|mark| (MARK.to_owned(), self.stored(mark)));
            let all = metadata.clone().into_iter().chain(mark).collect();
            return self.account.set_container_metadata(&name, &all).await.map_err(|error| deleted(id, error));
        }
        // The unchanged metadata must be read, because the service replaces all of it.
        let Some(mut container) = self.look(id).await? else {
            return Err(Error::found(id.as_str(), Cause::TargetContainerDeleted, ""));
        };
        let stored = container.metadata.remove(MARK);
        let mark = change.alternate_id.as_ref().map_or(stored, |mark| mark.as_deref().map(|mark| self.stored(mark)));
        if let Some(metadata) = &change.metadata {
            container.metadata.clone_from(metadata);
        }
        container.metadata.extend(mark.map(|mark| (MARK.to_owned(), mark)));
        self.account.set_container_metadata(&container.name, &container.metadata).await
    }

    async fn delete_asset(&self, id: &AssetId) -> Result<(), Error> {
        if folders::parse(id.as_str()).is_some() {
            // A folder exists only with its blobs, and these are not deleted with an asset.
            return Ok(());
        }
        self.account.delete_container(&ContainerName::new(id.as_str())).await
    }

    async fn container(&self, asset: &AssetId) -> Result<Option<ContainerName>, Error> {
        let whole = || ContainerName::new(asset.as_str());
        Ok(Some(folders::parse(asset.as_str()).map_or_else(whole, |(container, _)| container)))
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
        let opened = locators.iter().map(|locator| async { self.open(locator).await.map(|()| locator.clone()) });
        futures::future::join_all(opened).await
    }

    fn batches(&self) -> Batches {
        // Each container needs its own requests, so batches would save nothing.
        let one = Capacity { items: 1, weight: u64::MAX };
        Batches { records: one, locators: one }
    }

    fn creation_cost(&self) -> Cost {
        Cost::blob(1)
    }

    fn records_cost(&self, batch: &RecordBatch) -> Cost {
        // The mark.
        Cost::blob(batch.assets)
    }

    fn locators_cost(&self, locators: u64) -> Cost {
        // The stored policies are read and written with it, and then it is read again.
        Cost::blob(3 * locators)
    }

    fn locator_update_cost(&self) -> Cost {
        self.locators_cost(1)
    }

    fn takes_file_name(&self, _: &str) -> bool {
        true
    }

    async fn policies_to_make(&self, _: &[Locator]) -> Result<u64, Error> {
        Ok(0)
    }

    async fn update_locator(&self, locator: &Locator) -> Result<(), Error> {
        self.open(locator).await
    }

    async fn delete_locator(&self, id: &LocatorId) -> Result<(), Error> {
        self.close(id).await
    }

    async fn remove_locators(&self, ids: &[LocatorId]) -> Vec<Result<(), Error>> {
        futures::future::join_all(ids.iter().map(|id| self.close(id))).await
    }

    async fn locator(&self, id: &LocatorId) -> Result<Option<Locator>, Error> {
        self.locator_by_id(id.as_str()).await
    }

    async fn locators_of(&self, ids: &[LocatorId]) -> Result<Vec<Option<Locator>>, Error> {
        futures::future::try_join_all(ids.iter().map(|id| self.locator(id))).await
    }

    async fn has_protection(&self) -> Result<bool, Error> {
        Ok(false)
    }

    async fn protection_of(&self, assets: &[AssetId]) -> Vec<Result<Protection, Error>> {
        assets.iter().map(|_| Ok(Protection::None)).collect()
    }

    async fn locators_of_asset(&self, asset: &AssetId) -> Result<Vec<Locator>, Error> {
        Ok(self.locator_by_id(asset.as_str()).await?.into_iter().collect())
    }

    async fn our_policies(&self) -> Result<HashSet<String>, Error> {
        Ok(HashSet::from([OUR_POLICY.to_owned()]))
    }

    fn clock_skew(&self) -> Option<SignedDuration> {
        None
    }

    async fn streaming_hosts(&self) -> Result<Vec<StreamingHost>, Error> {
        Ok(Vec::new())
    }
}

/// The error if an expected container is missing.
fn deleted(id: &AssetId, error: Error) -> Error {
    if folders::is_deleted(&error) { Error::found(id.as_str(), Cause::TargetContainerDeleted, "") } else { error }
}
