//! The content of an asset, from which manifests are made.

use std::sync::Arc;

use super::protected;
use super::urls::relative_url;
use crate::emulator::media_v2::{Delivery, Protocol};
use crate::emulator::mp4::Layout;
use crate::emulator::storage::StorageError;
use crate::emulator::storage_account::StorageAccount;

/// The largest file that is read as a manifest (the largest real client manifests, of day-long archives, are a few
/// MiB).
const MANIFEST_LIMIT: u64 = 16 * 1024 * 1024;

/// An asset's content as the streaming host reads it.
pub(super) struct Source<'a> {
    pub(super) storage: &'a Arc<StorageAccount>,
    pub(super) container: String,
    /// Folder of the server manifest, with its slash; the manifest's names are relative to it.
    pub(super) folder: String,
    pub(super) protocol: Protocol,
    pub(super) delivery: Delivery,
    /// Delivery policies say which protocols are allowed, so that media has paths that name their protocol.
    pub(super) restricted: bool,
}

impl Source<'_> {
    /// A small text file in the folder of the server manifest.
    pub(super) async fn text(&self, name: &str) -> Result<String, StorageError> {
        let name = format!("{}{name}", self.folder);
        let (_, bytes) = self.storage.read_blob(&self.container, &name, 0, MANIFEST_LIMIT).await?;
        Ok(String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').to_owned())
    }

    /// The URL of a media file, relative to `…/name.ism/`.
    pub(super) fn media_url(&self, name: &str) -> String {
        if self.restricted { protected::media_url(self.protocol, name) } else { format!("../{}", relative_url(name)) }
    }

    /// The positions of the parts of an MP4 in the folder of the server manifest.
    pub(super) async fn layout(&self, name: &str) -> Result<Layout, StorageError> {
        Layout::read(self.storage, &self.container, &format!("{}{name}", self.folder)).await
    }
}
