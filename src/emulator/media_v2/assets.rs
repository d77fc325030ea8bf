//! Assets: each is a record and a real container; deleting one also deletes its locators, files, filters and links.

use super::asset_container::place;
use super::errors::ApiError;
use super::input::Input;
use super::locators;
use super::service::Service;
use super::transaction::{Deed, Transaction};
use crate::emulator::media_account::guids::canonical_guid;
use crate::emulator::media_account::schema::{ASSET_FILTERS, ASSETS, FILES, KEYS, LOCATORS};
use crate::emulator::media_account::store::Row;
use crate::emulator::media_account::value::Value;
use crate::emulator::storage::StorageError;

/// An asset of the library loader.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeedAsset {
    pub(crate) name: Option<String>,
    pub(crate) alternate_id: Option<String>,
    /// 0 none, 1 storage-encrypted, 2 common, 4 envelope.
    pub(crate) options: i32,
    /// Fixed guid, so that the same seed makes the same library.
    pub(crate) guid: Option<String>,
}

/// Creates an asset from a body.
pub(super) async fn create(service: Service<'_>, tx: &mut Transaction, input: &Input) -> Result<Row, ApiError> {
    let row = input.build(&ASSETS)?;
    if !matches!(row.int("Options"), 0 | 1 | 2 | 4) {
        return Err(ApiError::bad("The value of property 'Options' is invalid."));
    }
    if !matches!(row.int("State"), 0 | 1) {
        return Err(ApiError::bad("The value of property 'State' is invalid."));
    }
    make(service, tx, row, &uuid::Uuid::new_v4().to_string()).await
}

/// Makes the record and the container of an asset whose client-side properties are set.
pub(super) async fn make(service: Service<'_>, tx: &mut Transaction, row: Row, guid: &str) -> Result<Row, ApiError> {
    let storage = match row.text("StorageAccountName") {
        "" => service.default_storage()?,
        name => service.storage(name)?,
    };
    let container = if service.settings().random_container_names {
        format!("asset-{}", uuid::Uuid::new_v4())
    } else {
        format!("asset-{guid}")
    };
    let now = service.now();
    let row = row
        .with("Id", Value::text(ASSETS.id_of(guid)))
        .with("Created", Value::Date(now))
        .with("LastModified", Value::Date(now))
        .with("Uri", Value::text(format!("{}/{container}", storage.url())))
        .with("StorageAccountName", Value::text(storage.name()));
    storage.create_container(&container).await.map_err(|e| ApiError::storage(&e))?;
    tx.undo.push(Deed::DeleteContainer { storage: storage.name().to_owned(), container });
    if !service.state().insert(row.clone(), &mut tx.journal) {
        return Err(ApiError::conflict("An asset of that Id exists already."));
    }
    Ok(row)
}

/// Deletes an asset with everything that belongs to it; the container is kept if the client requests that.
pub(super) fn delete(service: Service<'_>, tx: &mut Transaction, id: &str, keep: bool) -> Result<(), ApiError> {
    let mut state = service.state();
    let asset = state.get(&ASSETS, id).ok_or_else(|| ApiError::no_entity("Asset"))?.clone();
    let keys = |rows: Vec<&Row>| rows.into_iter().map(|r| r.key().to_owned()).collect::<Vec<_>>();
    let files = keys(state.find(&FILES, "ParentAssetId", id).collect());
    let published = keys(state.find(&LOCATORS, "AssetId", id).collect());
    let filters = keys(state.find(&ASSET_FILTERS, "ParentAssetId", id).collect());
    for file in files {
        state.remove(&FILES, &file, &mut tx.journal);
    }
    for filter in filters {
        state.remove(&ASSET_FILTERS, &filter, &mut tx.journal);
    }
    for locator in published {
        if let Some(row) = state.remove(&LOCATORS, &locator, &mut tx.journal) {
            locators::revoke_later(tx, &row, &asset);
        }
    }
    let linked_keys = state.linked(id, "ContentKeys").to_vec();
    for nav in ["ContentKeys", "DeliveryPolicies", "ParentAssets"] {
        state.link(id, nav, Vec::new(), &mut tx.journal);
    }
    // As documented, the keys that no other asset shares are deleted with the asset. Delivery policies are kept.
    for key in linked_keys {
        if !state.is_linked("ContentKeys", &key) {
            state.remove(&KEYS, &key, &mut tx.journal);
        }
    }
    state.remove(&ASSETS, id, &mut tx.journal);
    if !keep {
        let (storage, container) = place(&asset);
        tx.finish.push(Deed::DeleteContainer { storage, container });
    }
    Ok(())
}

/// Makes an asset for the library loader.
pub(super) async fn seed(service: Service<'_>, asset: SeedAsset) -> Result<(String, String), StorageError> {
    let optional = |text: Option<String>| text.map_or(Value::Null, Value::text);
    let row = Row::new(&ASSETS)
        .with("Name", optional(asset.name))
        .with("AlternateId", optional(asset.alternate_id))
        .with("Options", Value::Int(asset.options));
    let guid = asset.guid.as_deref().and_then(canonical_guid).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let mut tx = Transaction::default();
    match make(service, &mut tx, row, &guid).await {
        Ok(row) => Ok((row.key().to_owned(), place(&row).1)),
        Err(error) => {
            tx.roll_back(service).await;
            Err(StorageError::Backend(error.message))
        }
    }
}
