//! The media services that own assets, in domain verbs. An implementation speaks one wire protocol.

pub mod v2;

use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;

use crate::error::Error;
use crate::model::{
    AccountName, Asset, AssetFile, AssetId, ContainerName, Locator, LocatorId, NewAsset, StreamingHost,
};

/// A listing: pages as the service gives them, each entity once.
pub type Pages<'a, T> = BoxStream<'a, Result<Vec<T>, Error>>;

/// The file records one asset shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSet {
    /// The target asset.
    pub asset: AssetId,
    /// Its records as the source has them (their `asset` is the source's).
    pub files: Vec<AssetFile>,
}

/// A media account.
#[async_trait]
pub trait MediaService: Send + Sync + std::fmt::Debug {
    /// The account's name.
    fn account(&self) -> &AccountName;

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

    /// The assets whose alternate id is this, to learn whether a lost answer took effect.
    async fn assets_by_alternate_id(&self, alternate_id: &str) -> Result<Vec<Asset>, Error>;

    /// Makes an empty asset with its container. After an ambiguous failure it is looked for by its alternate id.
    async fn create_asset(&self, asset: &NewAsset) -> Result<Asset, Error>;

    /// Removes an asset with its container, file records and locators. One that is not there is a success.
    async fn delete_asset(&self, id: &AssetId) -> Result<(), Error>;

    /// The container of an asset whose listing does not name it.
    async fn container(&self, asset: &AssetId) -> Result<ContainerName, Error>;

    /// Makes the file records of several assets what they shall be, in as few requests as the service permits.
    /// One result per set, in order.
    async fn register_files(&self, sets: &[FileSet]) -> Vec<Result<(), Error>>;

    /// Makes streaming locators with the ids, names, starts and expiries given, in as few requests as the service permits.
    /// One result per locator, in order. A locator that is there already as wanted is a success; one of another asset is a
    /// conflict.
    async fn publish(&self, locators: &[Locator]) -> Vec<Result<Locator, Error>>;

    /// Can a file record of that name be made as such? Of any other the service itself has to make it, from the blob.
    fn takes_file_name(&self, name: &str) -> bool;

    /// How many policies have to be made before those locators can be, beyond the look at those that are there. Nothing is
    /// changed.
    async fn policies_to_make(&self, locators: &[Locator]) -> Result<u64, Error>;

    /// Changes name, start and expiry of a streaming locator.
    async fn update_locator(&self, locator: &Locator) -> Result<(), Error>;

    /// One locator, or `None` where there is none of that id.
    async fn locator(&self, id: &LocatorId) -> Result<Option<Locator>, Error>;

    /// Several locators, in the order asked; `None` where there is none of that id.
    async fn locators_of(&self, ids: &[LocatorId]) -> Result<Vec<Option<Locator>>, Error>;

    /// The account's streaming hosts.
    async fn streaming_hosts(&self) -> Result<Vec<StreamingHost>, Error>;
}
