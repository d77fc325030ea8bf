//! Short fingerprints of what an asset consisted of, by which an unchanged one is recognised with a listing alone.

use sha2::{Digest, Sha256};

use crate::model::{AssetFile, Blob, Locator};

/// Fingerprint of blobs in name order: names, lengths, entity tags. Any write to a blob changes its entity tag.
pub(crate) fn of_blobs(blobs: &[Blob]) -> String {
    let mut hasher = Sha256::new();
    for blob in blobs {
        hasher.update(blob.name.as_bytes());
        hasher.update([0]);
        hasher.update(blob.length.to_le_bytes());
        hasher.update(blob.etag.as_bytes());
        hasher.update([0]);
    }
    hex(&hasher.finalize()[..16])
}

/// Fingerprint of file records in any order; a sum, so that records can be added page by page as they are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FilesDigest(u128);

impl FilesDigest {
    /// Adds one record.
    pub(crate) fn add(&mut self, file: &AssetFile) {
        let mut hasher = Sha256::new();
        hasher.update(file.name.as_bytes());
        hasher.update([0]);
        hasher.update(file.size.to_le_bytes());
        hasher.update(file.mime_type.as_deref().unwrap_or_default().as_bytes());
        hasher.update([u8::from(file.primary), u8::from(file.encrypted)]);
        let hash = hasher.finalize();
        let half: [u8; 16] = hash[..16].try_into().expect("sixteen bytes of thirty-two");
        self.0 = self.0.wrapping_add(u128::from_le_bytes(half));
    }

    /// That of these records.
    pub(crate) fn of(files: &[AssetFile]) -> Self {
        let mut digest = Self::default();
        files.iter().for_each(|file| digest.add(file));
        digest
    }

    /// As text for the ledger.
    pub(crate) fn text(self) -> String {
        hex(&self.0.to_le_bytes())
    }
}

/// Fingerprint of an asset's streaming locators in any order.
pub(crate) fn of_locators(locators: &[Locator]) -> String {
    let mut lines: Vec<String> = locators
        .iter()
        .map(|locator| format!("{}\0{:?}\0{:?}\0{}", locator.id, locator.name, locator.start, locator.expiry))
        .collect();
    lines.sort_unstable();
    hex(&Sha256::digest(lines.join("\n"))[..16])
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
