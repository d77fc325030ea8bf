//! The contents of an account, for tests that compare two accounts without a client.

use jiff::Timestamp;

use super::asset_container::place;
use super::locators::ON_DEMAND;
use super::service::Service;
use crate::emulator::media_account::MediaAccount;
use crate::emulator::media_account::dates::Moment;
use crate::emulator::media_account::guids::guid_of_id;
use crate::emulator::media_account::schema::{ASSETS, FILES, LOCATORS, POLICIES};
use crate::emulator::media_account::store::{Row, State};
use crate::emulator::media_account::value::Value;

/// An asset with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetLook {
    /// `nb:cid:UUID:…`.
    pub id: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its alternate id, if it has one.
    pub alternate_id: Option<String>,
    /// 0 none, 1 storage-encrypted, 2 common, 4 envelope.
    pub options: i32,
    /// The storage account of its container.
    pub storage_account: String,
    /// Its container.
    pub container: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub last_modified: Timestamp,
    /// Its file records, in creation order.
    pub files: Vec<FileLook>,
    /// Its locators of both types, in creation order.
    pub locators: Vec<LocatorLook>,
    /// Ids of the content keys linked to it.
    pub content_keys: Vec<String>,
    /// Ids of the delivery policies linked to it.
    pub delivery_policies: Vec<String>,
}

/// A file record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLook {
    /// `nb:cid:UUID:…`.
    pub id: String,
    /// The blob's name.
    pub name: String,
    /// The length in the record.
    pub size: i64,
    /// The MIME type, if there is one.
    pub mime_type: Option<String>,
    /// Is it the asset's primary file?
    pub primary: bool,
}

/// A locator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocatorLook {
    /// `nb:lid:UUID:…`.
    pub id: String,
    /// Its guid, the first part of the path that it publishes.
    pub guid: String,
    /// Is it a streaming locator? Otherwise it is a SAS locator.
    pub streaming: bool,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// When it starts; `None` = at once.
    pub start: Option<Timestamp>,
    /// When it expires.
    pub expiry: Option<Timestamp>,
    /// Name of its access policy.
    pub access_policy: Option<String>,
}

/// Every asset of an account, in creation order.
pub(super) fn assets(service: Service<'_>) -> Vec<AssetLook> {
    let state = service.state();
    state.table(&ASSETS).all().map(|row| asset(&state, row)).collect()
}

/// The guids of all streaming locators, including expired ones.
pub(crate) fn streaming_guids(account: &MediaAccount) -> Vec<String> {
    let state = account.lock();
    let streaming = state.table(&LOCATORS).all().filter(|row| row.int("Type") == ON_DEMAND);
    streaming.map(|row| guid_of_id(row.key()).to_owned()).collect()
}

fn asset(state: &State, row: &Row) -> AssetLook {
    let (storage_account, container) = place(row);
    let linked = |nav| state.linked(row.key(), nav).iter().map(ToString::to_string).collect();
    AssetLook {
        id: row.key().to_owned(),
        name: optional(row, "Name"),
        alternate_id: optional(row, "AlternateId"),
        options: row.int("Options"),
        storage_account,
        container,
        created: time(row, "Created").unwrap_or_default(),
        last_modified: time(row, "LastModified").unwrap_or_default(),
        files: state.find(&FILES, "ParentAssetId", row.key()).map(file).collect(),
        locators: state.find(&LOCATORS, "AssetId", row.key()).map(|row| locator(state, row)).collect(),
        content_keys: linked("ContentKeys"),
        delivery_policies: linked("DeliveryPolicies"),
    }
}

fn file(row: &Row) -> FileLook {
    FileLook {
        id: row.key().to_owned(),
        name: row.text("Name").to_owned(),
        size: if let Value::Long(size) = row.get("ContentFileSize") { *size } else { 0 },
        mime_type: optional(row, "MimeType"),
        primary: row.flag("IsPrimary"),
    }
}

fn locator(state: &State, row: &Row) -> LocatorLook {
    LocatorLook {
        id: row.key().to_owned(),
        guid: guid_of_id(row.key()).to_owned(),
        streaming: row.int("Type") == ON_DEMAND,
        name: optional(row, "Name"),
        start: time(row, "StartTime"),
        expiry: time(row, "ExpirationDateTime"),
        access_policy: state.get(&POLICIES, row.text("AccessPolicyId")).and_then(|policy| optional(policy, "Name")),
    }
}

fn optional(row: &Row, name: &str) -> Option<String> {
    row.get(name).as_text().map(str::to_owned)
}

fn time(row: &Row, name: &str) -> Option<Timestamp> {
    row.date(name).map(Moment::timestamp)
}
