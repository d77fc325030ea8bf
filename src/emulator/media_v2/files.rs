//! Asset files: records of the blobs of an asset, linked to them only by name.

use std::collections::HashMap;

use super::asset_container::place;
use super::errors::ApiError;
use super::input::Input;
use super::service::Service;
use super::transaction::Transaction;
use crate::emulator::media_account::schema::{ASSETS, FILES};
use crate::emulator::media_account::store::{Journal, Row, State};
use crate::emulator::media_account::value::Value;
use crate::emulator::storage::{StorageError, StoredBlob};

/// Characters an asset file's name must not have.
const FORBIDDEN: &[char] =
    &['!', '*', '\'', '(', ')', ';', ':', '@', '&', '=', '+', '$', ',', '/', '?', '%', '#', '[', ']', '"'];

/// Creates a file record; its blob need not exist.
pub(super) fn create(service: Service<'_>, tx: &mut Transaction, input: &Input) -> Result<Row, ApiError> {
    let mut row = input.build(&FILES)?;
    let parent = ASSETS
        .canonical(row.text("ParentAssetId"))
        .ok_or_else(|| ApiError::bad("The value of property 'ParentAssetId' is invalid."))?;
    let now = service.now();
    row.set("ParentAssetId", Value::text(&parent));
    row.set("Id", Value::text(FILES.new_id()));
    row.set("Created", Value::Date(now));
    row.set("LastModified", Value::Date(now));
    let mut state = service.state();
    if state.get(&ASSETS, &parent).is_none() {
        return Err(ApiError::no_entity("Asset"));
    }
    own_name(&state, &row)?;
    one_primary(&state, &row)?;
    state.insert(row.clone(), &mut tx.journal);
    Ok(row)
}

/// Makes a file record without a request and returns its id.
pub(super) fn add(service: Service<'_>, asset_id: &str, name: &str, size: u64) -> Result<String, ApiError> {
    let column = |name| FILES.column(name).expect("a property of files");
    let size = Value::Long(i64::try_from(size).unwrap_or(i64::MAX));
    let values = vec![
        (column("Name"), Value::text(name)),
        (column("ParentAssetId"), Value::text(asset_id)),
        (column("ContentFileSize"), size),
    ];
    let row = create(service, &mut Transaction::default(), &Input { values, ..Input::default() })?;
    Ok(row.key().to_owned())
}

/// Makes the file of that name the only primary one of its asset, without a request.
pub(super) fn set_primary(service: Service<'_>, asset_id: &str, name: Option<&str>) -> Result<(), ApiError> {
    let now = service.now();
    let mut state = service.state();
    let files: Vec<_> = state
        .find(&FILES, "ParentAssetId", asset_id)
        .map(|f| (f.key().to_owned(), f.text("Name").to_owned()))
        .collect();
    if name.is_some_and(|name| !files.iter().any(|(_, known)| known == name)) {
        return Err(ApiError::no_entity(FILES.name));
    }
    for (key, known) in files {
        state.update(&FILES, &key, &mut Journal::default(), |file| {
            let primary = name == Some(known.as_str());
            if file.flag("IsPrimary") != primary {
                file.set("IsPrimary", Value::Bool(primary));
                file.set("LastModified", Value::Date(now));
            }
        });
    }
    Ok(())
}

/// Checks that a file's name is valid and unique within the asset.
fn own_name(state: &State, file: &Row) -> Result<(), ApiError> {
    let name = file.text("Name");
    if name.is_empty() || name.contains(FORBIDDEN) {
        return Err(ApiError::bad("The value of property 'Name' is invalid."));
    }
    let other = |f: &Row| f.text("Name") == name && f.key() != file.key();
    if state.find(&FILES, "ParentAssetId", file.text("ParentAssetId")).any(other) {
        return Err(ApiError::conflict("An AssetFile with the same name already exists in the asset."));
    }
    Ok(())
}

/// Checks that the asset has only one primary file.
fn one_primary(state: &State, file: &Row) -> Result<(), ApiError> {
    let other = |f: &Row| f.flag("IsPrimary") && f.key() != file.key();
    if file.flag("IsPrimary") && state.find(&FILES, "ParentAssetId", file.text("ParentAssetId")).any(other) {
        return Err(ApiError::conflict("The asset already has a primary AssetFile."));
    }
    Ok(())
}

/// Changes a file record.
pub(super) fn update(service: Service<'_>, tx: &mut Transaction, id: &str, input: &Input) -> Result<(), ApiError> {
    let now = service.now();
    let mut state = service.state();
    let mut row = state.get(&FILES, id).ok_or_else(|| ApiError::no_entity("AssetFile"))?.clone();
    let was = row.text("Name").to_owned();
    for (column, value) in input.changes(&row)? {
        row.set_at(column, value);
    }
    if row.text("Name") != was {
        own_name(&state, &row)?;
    }
    row.set("LastModified", Value::Date(now));
    one_primary(&state, &row)?;
    state.update(&FILES, id, &mut tx.journal, |kept| *kept = row);
    Ok(())
}

/// `CreateFileInfos`: makes a record for each blob without one, and updates the length of existing records; it sets no
/// primary file.
pub(super) async fn create_infos(service: Service<'_>, tx: &mut Transaction, id: &str) -> Result<(), ApiError> {
    let (storage, container) = {
        let state = service.state();
        place(state.get(&ASSETS, id).ok_or_else(|| ApiError::no_entity("Asset"))?)
    };
    let blobs = service.storage(&storage)?.list_blobs(&container).await.map_err(|e| match e {
        StorageError::NoContainer(_) => ApiError::conflict("The container of the asset does not exist."),
        other => ApiError::storage(&other),
    })?;
    record(service, tx, id, &blobs);
    Ok(())
}

fn record(service: Service<'_>, tx: &mut Transaction, id: &str, blobs: &[StoredBlob]) {
    let now = service.now();
    let folders = service.settings().file_infos_in_folders;
    let mut state = service.state();
    let known: HashMap<String, String> =
        state.find(&FILES, "ParentAssetId", id).map(|f| (f.text("Name").to_owned(), f.key().to_owned())).collect();
    for blob in blobs.iter().filter(|b| folders || !b.name.contains('/')) {
        let size = Value::Long(i64::try_from(blob.length).unwrap_or(i64::MAX));
        if let Some(file) = known.get(&blob.name) {
            let same = state.get(&FILES, file).is_some_and(|f| *f.get("ContentFileSize") == size);
            if !same {
                state.update(&FILES, file, &mut tx.journal, |f| {
                    f.set("ContentFileSize", size);
                    f.set("LastModified", Value::Date(now));
                });
            }
            continue;
        }
        let parent = state.get(&ASSETS, id).map_or(Value::Null, |asset| asset.at(0).clone());
        let row = Row::new(&FILES)
            .with("Id", Value::text(FILES.new_id()))
            .with("Name", Value::text(&blob.name))
            .with("ContentFileSize", size)
            .with("ParentAssetId", parent)
            .with("Created", Value::Date(now))
            .with("LastModified", Value::Date(now));
        state.insert(row, &mut tx.journal);
    }
}

/// The MIME type of a file extension, as the service's own encoder sets it.
pub(super) fn mime_type(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    match ending.to_ascii_lowercase().as_str() {
        "mp4" | "m4v" | "ismv" | "isma" => Some("video/mp4"),
        "ism" => Some("application/octet-stream"),
        "ismc" => Some("application/vnd.ms-sstr+xml"),
        "xml" => Some("text/xml"),
        "jpg" | "jpeg" => Some("image/jpeg"),
        "vtt" => Some("text/vtt"),
        _ => None,
    }
}

/// Records an asset's blobs for the library loader or a finished job, with MIME types and one primary.
pub(super) async fn seed(service: Service<'_>, id: &str, primary: Option<&str>) -> Result<(), StorageError> {
    let place = service.state().get(&ASSETS, id).map(place);
    let (storage, container) = place.ok_or_else(|| StorageError::Backend(format!("no asset {id}")))?;
    let account = service.storage(&storage).map_err(|e| StorageError::Backend(e.message))?;
    let blobs = account.list_blobs(&container).await?;
    let mut tx = Transaction::default();
    record(service, &mut tx, id, &blobs);
    let mut state = service.state();
    let files: Vec<(String, String)> =
        state.find(&FILES, "ParentAssetId", id).map(|f| (f.key().to_owned(), f.text("Name").to_owned())).collect();
    for (key, name) in files {
        state.update(&FILES, &key, &mut tx.journal, |file| {
            file.set("MimeType", mime_type(&name).map_or(Value::Null, Value::text));
            file.set("IsPrimary", Value::Bool(primary == Some(name.as_str())));
        });
    }
    Ok(())
}
