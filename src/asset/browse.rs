//! Lists assets, finds one by id or name, and shows its content.

use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::publish::{StreamUrl, stream_urls};
use crate::blob::BlobAccount;
use crate::connect::Endpoint;
use crate::error::Error;
use crate::library::every;
use crate::model::{AccountName, Asset, AssetEncryption, AssetId, ContainerName, LocatorId, LocatorKind};
use crate::verdict::Cause;

/// The one asset of that id or name.
///
/// # Errors
/// There is none, or there are several of that name; then the error lists their ids.
pub async fn find(account: &Endpoint, id_or_name: &str) -> Result<Asset, Error> {
    let refused = |reason: String| Error::input(id_or_name, reason, "`mediamirror asset list` prints ids and names");
    if account.authoring()?.is_asset_id(id_or_name) {
        let found = account.library.asset(&AssetId::new(id_or_name)).await?;
        return found
            .ok_or_else(|| refused(format!("account {} has no asset with that id", account.library.account())));
    }
    let mut found = account.authoring()?.assets_named(id_or_name).await?;
    match (found.pop(), found.len()) {
        (None, _) => Err(refused(format!("account {} has no asset with that name", account.library.account()))),
        (Some(asset), 0) => Ok(asset),
        (Some(last), _) => {
            let ids: Vec<String> = found.iter().chain([&last]).map(|asset| asset.id.to_string()).collect();
            Err(refused(format!("{} assets have that name; their ids: {}", ids.len(), ids.join(", "))))
        }
    }
}

/// The storage account an asset is in.
///
/// # Errors
/// It is not among the configured ones.
pub fn storage_of<'a>(account: &'a Endpoint, asset: &Asset) -> Result<&'a Arc<BlobAccount>, Error> {
    account.blobs(asset.storage_account.as_ref()).ok_or_else(|| {
        let name = asset.storage_account.as_ref().map_or("?", |name| name.as_str());
        let reason = format!("it is in storage account {name}, which is not among the `[[{}.storage]]`", account.side);
        Error::input(asset.label(), reason, Cause::StorageAccountNotConfigured.remedy())
    })
}

/// An asset as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Listed {
    /// Its id.
    pub id: AssetId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// How it is encrypted.
    pub encryption: AssetEncryption,
    /// The storage account that holds it, if the service reports it.
    pub storage_account: Option<AccountName>,
    /// Its container, if the service reports it.
    pub container: Option<ContainerName>,
    /// Its alternate id: for a copy, the id of its source asset.
    pub alternate_id: Option<String>,
}

/// An asset with its files and locators.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Details {
    /// The asset.
    #[serde(flatten)]
    pub asset: Listed,
    /// Its file records.
    pub files: Vec<Record>,
    /// Its locators.
    pub locators: Vec<Opening>,
}

/// A file record.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Record {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its MIME type, if it has one.
    pub mime_type: Option<String>,
    /// Is it the primary file, with which a player starts?
    pub primary: bool,
}

/// A locator.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Opening {
    /// Its id, as in URLs.
    pub id: LocatorId,
    /// SAS or streaming.
    pub kind: LocatorKind,
    /// When it begins; `None` = at once.
    pub start: Option<Timestamp>,
    /// When it ends.
    pub expiry: Timestamp,
    /// The URLs it publishes. The URLs of a SAS locator are secrets and left out.
    pub urls: Vec<StreamUrl>,
}

impl From<Asset> for Listed {
    fn from(asset: Asset) -> Self {
        Self {
            id: asset.id,
            name: asset.name,
            created: asset.created,
            encryption: asset.encryption,
            storage_account: asset.storage_account,
            container: asset.container,
            alternate_id: asset.alternate_id,
        }
    }
}

/// Every asset of an account, as the service lists them.
pub async fn list(account: &Endpoint) -> Result<Vec<Listed>, Error> {
    let assets = every(account.library.assets(), |asset| asset.id.as_str()).await?;
    Ok(assets.into_iter().map(Listed::from).collect())
}

/// An asset with its files and locators.
pub async fn show(account: &Endpoint, asset: Asset) -> Result<Details, Error> {
    let ids = std::slice::from_ref(&asset.id);
    let (mut files, locators) =
        futures::try_join!(account.library.files_of(ids), account.library.locators_of_asset(&asset.id))?;
    let files = files.pop().unwrap_or_default();
    let locators = locators.into_iter().map(|locator| Opening {
        urls: match locator.kind {
            LocatorKind::Streaming => stream_urls(account, &locator, &files),
            LocatorKind::Sas | LocatorKind::Public => Vec::new(),
        },
        id: locator.id,
        kind: locator.kind,
        start: locator.start,
        expiry: locator.expiry,
    });
    let locators = locators.collect();
    let files = files.into_iter().map(|file| Record {
        name: file.name,
        bytes: file.size,
        mime_type: file.mime_type,
        primary: file.primary,
    });
    Ok(Details { asset: asset.into(), files: files.collect(), locators })
}
