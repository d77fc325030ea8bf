//! Uploads local files as an asset: creates it, writes its blobs in parallel blocks, and makes its file records.
//!
//! An interrupted upload is resumed. Until an upload is complete its asset has a mark that identifies the files; each
//! block's id identifies its bytes. So the next upload of the same files finds the asset, and sends only the missing
//! blocks.

mod local;
mod mime;
mod send;

use std::path::PathBuf;

use futures::stream::{self, StreamExt, TryStreamExt};
use schemars::JsonSchema;
use serde::Serialize;

use super::browse::storage_of;
use crate::connect::Endpoint;
use crate::error::Error;
use crate::library::FileSet;
use crate::model::{Asset, AssetChange, AssetEncryption, AssetFile, AssetId, BlobRef, ContainerName, NewAsset};
use crate::monitor::{AssetOutcome, Monitor, RunEvent};
use local::LocalFile;
use send::Buffers;

/// Files of one upload that are sent at once: enough to send the last blocks of one together with the first of the
/// next.
const FILES_AT_ONCE: usize = 4;

/// Options of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadOptions {
    /// The asset's name; `None` = that of the first file.
    pub name: Option<String>,
    /// How the files are already encrypted. mediamirror encrypts nothing: [`AssetEncryption::Storage`] is refused.
    pub encryption: AssetEncryption,
}

/// An asset that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Uploaded {
    /// Its id.
    pub id: AssetId,
    /// Its name.
    pub name: String,
    /// Its container.
    pub container: ContainerName,
    /// Did this upload resume an interrupted one?
    pub resumed: bool,
    /// Its files.
    pub files: Vec<UploadedFile>,
}

/// A file that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct UploadedFile {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Bytes that an earlier upload had already sent.
    pub there: u64,
    /// Its MD5, hexadecimal.
    pub md5: String,
    /// Its MIME type, according to its file extension.
    pub mime_type: String,
    /// Is it the primary file, with which a player starts?
    pub primary: bool,
}

/// Uploads `files` as one asset of that account.
///
/// If it fails, or is dropped, the blocks that were sent stay in the container for the next upload of the same files.
///
/// # Errors
/// A file cannot be read or changes during the upload, two files have the same name, or a service refuses a request.
pub async fn upload(
    account: &Endpoint,
    files: &[PathBuf],
    options: &UploadOptions,
    monitor: &dyn Monitor,
) -> Result<Uploaded, Error> {
    let files = local::read(files).await?;
    let name = options.name.clone().unwrap_or_else(|| files[0].name.clone());
    refuse_storage_encryption(&name, options.encryption)?;
    let mark = local::mark(&name, options.encryption, &files);
    let (asset, resumed) = find_or_create(account, &name, options.encryption, &mark).await?;
    let storage = storage_of(account, &asset)?;
    let container = match &asset.container {
        Some(container) => container.clone(),
        None => account.library.container(&asset.id).await?.ok_or_else(|| deleted(&asset))?,
    };
    monitor.event(RunEvent::AssetStarted {
        asset: asset.id.clone(),
        name: name.clone(),
        blobs: files.len() as u64,
        bytes: files.iter().map(|file| file.length).sum(),
    });
    let buffers = Buffers::for_blocks_of(files.iter().map(LocalFile::block_size).max().unwrap_or_default());
    let primary = primary(&files);
    let sent = files.iter().enumerate().map(|(index, file)| {
        let (to, buffers) = (BlobRef { container: container.clone(), name: file.name.clone() }, buffers.clone());
        let asset = &asset.id;
        async move {
            let piece = |bytes| {
                monitor.event(RunEvent::BytesSent { asset: asset.clone(), file: file.name.clone(), bytes });
            };
            let sent = send::send(storage, &to, file, resumed, buffers, piece).await?;
            monitor.event(RunEvent::FileSent { asset: asset.clone(), file: file.name.clone(), there: sent.there });
            Ok::<_, Error>(UploadedFile {
                name: file.name.clone(),
                bytes: file.length,
                there: sent.there,
                md5: hexadecimal(&sent.md5),
                mime_type: file.mime_type().to_owned(),
                primary: primary == Some(index),
            })
        }
    });
    let files: Vec<UploadedFile> = stream::iter(sent).buffered(FILES_AT_ONCE).try_collect().await?;
    register(account, &asset.id, &files).await?;
    monitor.event(RunEvent::AssetFinished {
        asset: asset.id.clone(),
        name: name.clone(),
        outcome: AssetOutcome::Mirrored,
    });
    Ok(Uploaded { id: asset.id, name, container, resumed, files })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// The error for an asset that was deleted while files were uploaded to it.
fn deleted(asset: &Asset) -> Error {
    Error::input(asset.label(), "the asset was deleted during the upload", "upload the files again")
}

/// Refuses storage encryption: such an asset cannot be mirrored, and creating one needs the media account's own key.
fn refuse_storage_encryption(name: &str, encryption: AssetEncryption) -> Result<(), Error> {
    if encryption != AssetEncryption::Storage {
        return Ok(());
    }
    let reason = "storage encryption needs a content key of this media account, so no other account could read a copy of the \
                  blobs: such an asset cannot be mirrored";
    let remedy = "upload it with `none`; or encrypt the files first, and use `common-encryption` or `envelope`";
    Err(Error::input(name, reason, remedy))
}

/// The asset of an interrupted upload of the same files, or a new one.
async fn find_or_create(
    account: &Endpoint,
    name: &str,
    encryption: AssetEncryption,
    mark: &str,
) -> Result<(Asset, bool), Error> {
    let unfinished = account.library.assets_by_alternate_id(mark).await?;
    if let Some(asset) = unfinished.into_iter().min_by_key(|asset| asset.created) {
        return Ok((asset, true));
    }
    let wanted = NewAsset {
        name: Some(name.to_owned()),
        alternate_id: mark.to_owned(),
        encryption,
        storage_account: account.storage.first().map(|storage| storage.name().clone()),
    };
    Ok((account.library.create_asset(&wanted).await?, false))
}

/// The primary file: the only `.ism`, or the only file; otherwise `None`.
fn primary(files: &[LocalFile]) -> Option<usize> {
    let manifests: Vec<usize> = (0..files.len()).filter(|&at| files[at].is_server_manifest()).collect();
    match manifests.as_slice() {
        [one] => Some(*one),
        [] if files.len() == 1 => Some(0),
        _ => None,
    }
}

/// Makes the file records, and removes the mark of an unfinished upload.
async fn register(account: &Endpoint, asset: &AssetId, files: &[UploadedFile]) -> Result<(), Error> {
    let files = files.iter().map(|file| AssetFile {
        asset: asset.clone(),
        name: file.name.clone(),
        size: file.bytes,
        mime_type: Some(file.mime_type.clone()),
        primary: file.primary,
        encrypted: false,
    });
    // The mark of an unfinished upload is removed together with the request that makes the records.
    let change = Some(AssetChange { alternate_id: Some(None), ..AssetChange::default() });
    let set = FileSet { change, ..FileSet::new(asset.clone(), files.collect()) };
    account.library.register_files(&[set]).await.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<LocalFile> {
        names.iter().map(|name| LocalFile::of(name, 1)).collect()
    }

    #[test]
    fn the_primary_is_the_only_server_manifest_or_the_only_file() {
        assert_eq!(primary(&files(&["a.mp4"])), Some(0));
        assert_eq!(primary(&files(&["a.mp4", "a.ISM", "a.ismc"])), Some(1));
        assert_eq!(primary(&files(&["a.mp4", "b.mp4"])), None);
        assert_eq!(primary(&files(&["a.ism", "b.ism", "c.mp4"])), None);
    }

    #[test]
    fn storage_encryption_is_refused_with_its_reason() {
        let error = refuse_storage_encryption("film", AssetEncryption::Storage).unwrap_err().to_string();
        assert!(error.contains("film") && error.contains("cannot be mirrored"), "{error}");
        assert!(refuse_storage_encryption("film", AssetEncryption::Envelope).is_ok());
    }
}
