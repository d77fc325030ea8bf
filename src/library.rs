//! Libraries as operations on assets. Each implementation uses the protocol of one service.

pub mod ams_v2;
pub mod authoring;
pub mod blobs;
mod costs;
pub(crate) mod relabelled;

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};

use crate::error::Error;
use crate::model::{
    AccountName, Asset, AssetChange, AssetFile, AssetId, ContainerName, Extent, Filter, FilterChange, Locator,
    LocatorId, NewAsset, Protection, StreamingHost,
};
use crate::verdict::Cause;

pub use costs::{Batches, Capacity, Cost, RecordBatch};

/// A listing, page by page. A row can occur twice if there are many pages in between. Use [`every`] or a table to get
/// each row once.
pub type Pages<'a, T> = BoxStream<'a, Result<Vec<T>, Error>>;

/// All rows of a listing, each once.
///
/// # Errors
/// Those of the listing.
pub async fn every<T>(mut pages: Pages<'_, T>, id: fn(&T) -> &str) -> Result<Vec<T>, Error> {
    let (mut rows, mut seen) = (Vec::new(), HashSet::new());
    while let Some(page) = pages.try_next().await? {
        rows.extend(page.into_iter().filter(|row| seen.insert(id(row).to_owned())));
    }
    Ok(rows)
}

/// The features and limits of a service. A run uses nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each of them asked for by its name")]
pub struct Capabilities {
    /// It issues tokens and requires one in each request.
    pub tokens: bool,
    /// Viewers play assets through streaming locators. Otherwise they read the blobs directly, and every asset is
    /// published.
    pub locators: bool,
    /// It lists the streaming hosts of the account, and whether they run.
    pub streaming_hosts: bool,
    /// Viewers can name filters in the URLs of manifests, and the service lists the filters.
    pub filters: bool,
    /// An asset has only block blobs.
    pub block_blobs_only: bool,
    /// The most characters of a mark.
    pub mark_length: usize,
    /// The most locators of an asset; expired ones count.
    pub locators_of_an_asset: usize,
}

/// The wanted file records of one asset.
///
/// **A file record is deleted only if [`Self::others`] says so.** The service may delete the blob with that name
/// together with the record, although this is not documented: names that must be kept belong in [`Self::keep`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSet {
    /// The target asset.
    pub asset: AssetId,
    /// Its records as in the source (their `asset` is the source's).
    pub files: Vec<AssetFile>,
    /// The change of the asset itself, after its records, in the same batch.
    pub change: Option<AssetChange>,
    /// What happens to the asset's other records.
    pub others: OtherRecords,
    /// Names whose records are never deleted: those of all blobs that are kept.
    pub keep: Vec<String>,
}

impl FileSet {
    /// Only makes or changes those records.
    pub fn new(asset: AssetId, files: Vec<AssetFile>) -> Self {
        Self { asset, files, change: None, others: OtherRecords::Keep, keep: Vec::new() }
    }
}

/// What happens to an asset's file records whose names are not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherRecords {
    /// They stay.
    Keep,
    /// They are read and deleted in the same batch.
    Delete,
    /// The asset was just made and has none. If the service makes records from the container, the unwanted ones are
    /// deleted.
    DeleteMade,
}

/// A library: a media account, or a storage account whose containers are the assets.
#[async_trait]
pub trait Library: Send + Sync + std::fmt::Debug {
    /// The account's name.
    fn account(&self) -> &AccountName;

    /// The features and limits of the service.
    fn capabilities(&self) -> Capabilities;

    /// Requests an asset that does not exist: the answer shows whether the account can be reached and accepts the
    /// credentials.
    async fn check_access(&self) -> Result<(), Error>;

    /// All assets.
    fn assets(&self) -> Pages<'_, Asset>;

    /// All locators, including SAS locators.
    fn locators(&self) -> Pages<'_, Locator>;

    /// All file records, or only those changed since then.
    fn files(&self, changed_since: Option<Timestamp>) -> Pages<'_, AssetFile>;

    /// The file records of some assets, in the requested order.
    async fn files_of(&self, assets: &[AssetId]) -> Result<Vec<Vec<AssetFile>>, Error>;

    /// One asset, or `None` if there is none with that id.
    async fn asset(&self, id: &AssetId) -> Result<Option<Asset>, Error>;

    /// The assets whose alternate id begins with this.
    async fn assets_by_mark(&self, prefix: &str) -> Result<Vec<Asset>, Error>;

    /// The same for several prefixes, in their order, with as few requests as possible.
    async fn assets_by_marks(&self, prefixes: &[String]) -> Result<Vec<Vec<Asset>>, Error>;

    /// The assets whose alternate id is exactly this.
    async fn assets_by_alternate_id(&self, alternate_id: &str) -> Result<Vec<Asset>, Error>;

    /// Makes an empty asset with its container. After an ambiguous failure, it is searched by its alternate id as a
    /// prefix: another run may have completed the mark meanwhile.
    async fn create_asset(&self, asset: &NewAsset) -> Result<Asset, Error>;

    /// Changes an asset's own properties.
    async fn update_asset(&self, id: &AssetId, change: &AssetChange) -> Result<(), Error>;

    /// Removes an asset with its container, file records and locators. It is a success if the asset does not exist.
    async fn delete_asset(&self, id: &AssetId) -> Result<(), Error>;

    /// The asset ids that an operator can mean by this: unchanged, and in the spelling of the service.
    fn asset_ids(&self, text: &str) -> Vec<AssetId> {
        vec![AssetId::new(text)]
    }

    /// The locator ids that an operator can mean by this.
    fn locator_ids(&self, text: &str) -> Vec<LocatorId> {
        vec![LocatorId::new(text)]
    }

    /// The container of an asset if the listing does not report it; `None` if the asset does not exist any more.
    async fn container(&self, asset: &AssetId) -> Result<Option<ContainerName>, Error>;

    /// Which blobs of its container belong to an asset.
    fn extent(&self, _: &AssetId) -> Extent {
        Extent::Whole
    }

    /// The account's default storage account; `None` if the service does not report it.
    async fn default_storage(&self) -> Result<Option<AccountName>, Error>;

    /// Updates the file records of several assets, with as few requests as possible. One result per set, in order.
    async fn register_files(&self, sets: &[FileSet]) -> Vec<Result<(), Error>>;

    /// Makes streaming locators with the given ids, names, starts and expiries, with as few requests as possible. One
    /// result per locator, in order. An existing locator with the wanted terms is a success; one of another asset is a
    /// conflict.
    async fn publish(&self, locators: &[Locator]) -> Vec<Result<Locator, Error>>;

    /// The sizes of batches.
    fn batches(&self) -> Batches;

    /// The requests for creating an asset.
    fn creation_cost(&self) -> Cost;

    /// The requests for a batch of file records and marks: reading the source's, writing, and reading again.
    fn records_cost(&self, batch: &RecordBatch) -> Cost;

    /// The requests for a batch of locators: making them, and reading them again.
    fn locators_cost(&self, locators: u64) -> Cost;

    /// The requests for changing a locator and reading it again.
    fn locator_update_cost(&self) -> Cost;

    /// Can a client make a file record with that name? Otherwise only the service can make it, from the blob.
    fn takes_file_name(&self, name: &str) -> bool;

    /// How many policies are missing for those locators. It changes nothing.
    async fn policies_to_make(&self, locators: &[Locator]) -> Result<u64, Error>;

    /// Changes name, start and expiry of a streaming locator.
    async fn update_locator(&self, locator: &Locator) -> Result<(), Error>;

    /// Removes a locator. It is a success if it does not exist.
    async fn delete_locator(&self, id: &LocatorId) -> Result<(), Error>;

    /// Removes several locators with as few requests as possible. One result per locator, in order.
    async fn remove_locators(&self, ids: &[LocatorId]) -> Vec<Result<(), Error>>;

    /// One locator, or `None` if there is none with that id.
    async fn locator(&self, id: &LocatorId) -> Result<Option<Locator>, Error>;

    /// Several locators, in the requested order; `None` if there is none with that id.
    async fn locators_of(&self, ids: &[LocatorId]) -> Result<Vec<Option<Locator>>, Error>;

    /// Does the account have anything that protects an asset: a content key that is not for configurations, or a
    /// delivery policy?
    async fn has_protection(&self) -> Result<bool, Error>;

    /// What protects each of those assets. One result per asset, in order.
    async fn protection_of(&self, assets: &[AssetId]) -> Vec<Result<Protection, Error>>;

    /// The filters of the account, which the URLs of every asset can name. There are none without
    /// [`Capabilities::filters`].
    async fn account_filters(&self) -> Result<Vec<Filter>, Error> {
        Ok(Vec::new())
    }

    /// The filters of all assets. `None`: the service lists only those of a given asset.
    async fn asset_filters(&self) -> Result<Option<HashMap<AssetId, Vec<Filter>>>, Error> {
        Ok(Some(HashMap::new()))
    }

    /// The filters of some assets, in the requested order.
    async fn filters_of(&self, assets: &[AssetId]) -> Result<Vec<Vec<Filter>>, Error> {
        Ok(vec![Vec::new(); assets.len()])
    }

    /// Changes filters of an asset, or of the account if `asset` is `None`. It is a success if a filter has the wanted
    /// rules already, or does not exist any more.
    async fn change_filters(&self, asset: Option<&AssetId>, changes: &[FilterChange]) -> Result<(), Error> {
        let owner = asset.map_or(self.account().as_str(), AssetId::as_str);
        if changes.is_empty() { Ok(()) } else { Err(Error::found(owner, Cause::NotSupported, "filters")) }
    }

    /// All locators of an asset, including SAS locators.
    async fn locators_of_asset(&self, asset: &AssetId) -> Result<Vec<Locator>, Error>;

    /// The ids of the access policies that mediamirror made. Locators that use them were made by mediamirror.
    async fn our_policies(&self) -> Result<HashSet<String>, Error>;

    /// How far the service's clock is ahead of this machine's, to the second, according to its last answer; `None` if
    /// there is no answer yet.
    fn clock_skew(&self) -> Option<SignedDuration>;

    /// The account's streaming hosts; none if it has none ([`Capabilities::streaming_hosts`]).
    async fn streaming_hosts(&self) -> Result<Vec<StreamingHost>, Error>;
}
