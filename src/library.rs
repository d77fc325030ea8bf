//! Libraries of assets, in domain verbs. Each implementation speaks the protocol of one service.

pub mod ams_v2;
pub mod authoring;
pub mod blobs;
mod costs;
pub(crate) mod relabelled;

use std::collections::HashSet;

use async_trait::async_trait;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};

use crate::error::Error;
use crate::model::{
    AccountName, Asset, AssetChange, AssetFile, AssetId, ContainerName, Extent, Locator, LocatorId, NewAsset,
    Protection, StreamingHost,
};

pub use costs::{Batches, Capacity, Cost, RecordBatch};

/// A listing, page by page. A row may come twice if many pages are in between. Use [`every`] or a table to get each row once.
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

/// What a service can do, and how much. A run asks for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each of them asked for by its name")]
pub struct Capabilities {
    /// It gives out tokens, which it asks for with each request.
    pub tokens: bool,
    /// Viewers play assets through streaming locators. Without, they read the blobs themselves: every asset is published.
    pub locators: bool,
    /// It lists the streaming hosts of the account, and whether they run.
    pub streaming_hosts: bool,
    /// An asset has block blobs alone.
    pub block_blobs_only: bool,
    /// Characters that a mark may have.
    pub mark_length: usize,
    /// Locators that an asset may have; those that have expired count.
    pub locators_of_an_asset: usize,
}

/// The file records that one asset is to have.
///
/// **A file record is deleted only where [`Self::others`] says so.** Its documentation is silent about it, but the
/// service may delete the blob of that name together with the record: what must stay belongs into [`Self::keep`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSet {
    /// The target asset.
    pub asset: AssetId,
    /// Its records as the source has them (their `asset` is the source's).
    pub files: Vec<AssetFile>,
    /// What is changed of the asset itself, after its records, in the same batch.
    pub change: Option<AssetChange>,
    /// What becomes of the asset's records of other names.
    pub others: OtherRecords,
    /// Names whose records are never deleted: those of all blobs that stay.
    pub keep: Vec<String>,
}

impl FileSet {
    /// Only makes or changes those records.
    pub fn new(asset: AssetId, files: Vec<AssetFile>) -> Self {
        Self { asset, files, change: None, others: OtherRecords::Keep, keep: Vec::new() }
    }
}

/// What becomes of an asset's file records whose names are not among the wanted ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherRecords {
    /// They stay.
    Keep,
    /// They are read and deleted in the same batch.
    Delete,
    /// The asset was just made and has none. Where the service makes records from the container, those that were not asked
    /// for are deleted.
    DeleteMade,
}

/// A library: a media account, or a storage account whose containers are the assets.
#[async_trait]
pub trait Library: Send + Sync + std::fmt::Debug {
    /// The account's name.
    fn account(&self) -> &AccountName;

    /// What the service can do.
    fn capabilities(&self) -> Capabilities;

    /// Asks for an asset that is not there: the answer shows whether the account can be reached and the credentials are
    /// accepted.
    async fn check_access(&self) -> Result<(), Error>;

    /// All assets.
    fn assets(&self) -> Pages<'_, Asset>;

    /// All locators, SAS ones included.
    fn locators(&self) -> Pages<'_, Locator>;

    /// All file records, or only those changed since then.
    fn files(&self, changed_since: Option<Timestamp>) -> Pages<'_, AssetFile>;

    /// The file records of some assets, in the order asked.
    async fn files_of(&self, assets: &[AssetId]) -> Result<Vec<Vec<AssetFile>>, Error>;

    /// One asset, or `None` where there is none of that id.
    async fn asset(&self, id: &AssetId) -> Result<Option<Asset>, Error>;

    /// The assets whose alternate id begins with this.
    async fn assets_by_mark(&self, prefix: &str) -> Result<Vec<Asset>, Error>;

    /// The same for several prefixes, in the order asked, in as few requests as the service permits.
    async fn assets_by_marks(&self, prefixes: &[String]) -> Result<Vec<Vec<Asset>>, Error>;

    /// The assets whose alternate id is exactly this.
    async fn assets_by_alternate_id(&self, alternate_id: &str) -> Result<Vec<Asset>, Error>;

    /// Makes an empty asset with its container. After an ambiguous failure it is looked for by its alternate id, which
    /// is used as a prefix: another run may have completed the mark meanwhile.
    async fn create_asset(&self, asset: &NewAsset) -> Result<Asset, Error>;

    /// Changes an asset's own texts.
    async fn update_asset(&self, id: &AssetId, change: &AssetChange) -> Result<(), Error>;

    /// Removes an asset with its container, file records and locators. One that is not there is a success.
    async fn delete_asset(&self, id: &AssetId) -> Result<(), Error>;

    /// The asset ids that an operator may mean by this: as it is written, and as the service spells it.
    fn asset_ids(&self, text: &str) -> Vec<AssetId> {
        vec![AssetId::new(text)]
    }

    /// The locator ids that an operator may mean by this.
    fn locator_ids(&self, text: &str) -> Vec<LocatorId> {
        vec![LocatorId::new(text)]
    }

    /// The container of an asset whose listing does not name it; `None`: there is no such asset any more.
    async fn container(&self, asset: &AssetId) -> Result<Option<ContainerName>, Error>;

    /// Which blobs of its container an asset consists of.
    fn extent(&self, _: &AssetId) -> Extent {
        Extent::Whole
    }

    /// The account's default storage account; `None`: the service does not say which one it is.
    async fn default_storage(&self) -> Result<Option<AccountName>, Error>;

    /// Updates the file records of several assets, in as few requests as the service permits. One result per set, in
    /// order.
    async fn register_files(&self, sets: &[FileSet]) -> Vec<Result<(), Error>>;

    /// Makes streaming locators with the ids, names, starts and expiries given, in as few requests as the service permits.
    /// One result per locator, in order. A locator that is there already as wanted is a success; one of another asset is a
    /// conflict.
    async fn publish(&self, locators: &[Locator]) -> Vec<Result<Locator, Error>>;

    /// What is written in one go.
    fn batches(&self) -> Batches;

    /// Requests that create an asset.
    fn creation_cost(&self) -> Cost;

    /// Requests of a batch of file records and marks: reading the source's, writing, and reading back.
    fn records_cost(&self, batch: &RecordBatch) -> Cost;

    /// Requests of a batch of so many locators: making them, and reading them back.
    fn locators_cost(&self, locators: u64) -> Cost;

    /// Requests that change a locator and read it back.
    fn locator_update_cost(&self) -> Cost;

    /// Can a file record of that name be made as such? Of any other the service itself has to make it, from the blob.
    fn takes_file_name(&self, name: &str) -> bool;

    /// How many policies have to be made before those locators can be, beyond the look at those that are there. Nothing is
    /// changed.
    async fn policies_to_make(&self, locators: &[Locator]) -> Result<u64, Error>;

    /// Changes name, start and expiry of a streaming locator.
    async fn update_locator(&self, locator: &Locator) -> Result<(), Error>;

    /// Removes a locator. One that is not there is a success.
    async fn delete_locator(&self, id: &LocatorId) -> Result<(), Error>;

    /// Removes several locators in as few requests as the service permits. One result per locator, in order.
    async fn remove_locators(&self, ids: &[LocatorId]) -> Vec<Result<(), Error>>;

    /// One locator, or `None` where there is none of that id.
    async fn locator(&self, id: &LocatorId) -> Result<Option<Locator>, Error>;

    /// Several locators, in the order asked; `None` where there is none of that id.
    async fn locators_of(&self, ids: &[LocatorId]) -> Result<Vec<Option<Locator>>, Error>;

    /// Has the account anything that protects an asset: a content key that is not for configurations, or a delivery policy?
    async fn has_protection(&self) -> Result<bool, Error>;

    /// What protects each of those assets. One result per asset, in order.
    async fn protection_of(&self, assets: &[AssetId]) -> Vec<Result<Protection, Error>>;

    /// All locators of an asset, SAS ones included.
    async fn locators_of_asset(&self, asset: &AssetId) -> Result<Vec<Locator>, Error>;

    /// The ids of the access policies that mediamirror made. Locators on them are its own.
    async fn our_policies(&self) -> Result<HashSet<String>, Error>;

    /// How far the service's clock is ahead of this machine's, to the second, by its last answer; `None`: no answer yet.
    fn clock_skew(&self) -> Option<SignedDuration>;

    /// The account's streaming hosts; none where it has none ([`Capabilities::streaming_hosts`]).
    async fn streaming_hosts(&self) -> Result<Vec<StreamingHost>, Error>;
}
