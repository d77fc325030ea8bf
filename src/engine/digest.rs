//! Short fingerprints of what an asset consisted of, by which an unchanged one is recognised with a listing alone.

use sha2::{Digest, Sha256};

use crate::model::{AssetFile, Blob, Locator};

/// Fingerprint of blobs in name order: names, lengths, entity tags. Any write to a blob changes its entity tag.
#[derive(Debug, Clone, Default)]
pub(crate) struct BlobsDigest(Sha256);

impl BlobsDigest {
    /// Adds the next blob.
    pub(crate) fn add(&mut self, blob: &Blob) {
        add_state(&mut self.0, blob);
    }

    /// As text for the ledger.
    pub(crate) fn text(self) -> String {
        hex(&self.0.finalize()[..16])
    }
}

/// The state of a set of blobs, in any order; a sum, so that single blobs can be exchanged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BlobsSum(u128);

impl BlobsSum {
    /// Adds a blob.
    pub(crate) fn add(&mut self, blob: &Blob) {
        self.0 = self.0.wrapping_add(state(blob));
    }

    /// Takes a blob away.
    pub(crate) fn remove(&mut self, blob: &Blob) {
        self.0 = self.0.wrapping_sub(state(blob));
    }
}

fn state(blob: &Blob) -> u128 {
    let mut hasher = Sha256::new();
    add_state(&mut hasher, blob);
    half(&hasher.finalize())
}

fn add_state(hasher: &mut Sha256, blob: &Blob) {
    hasher.update(blob.name.as_bytes());
    hasher.update([0]);
    hasher.update(blob.length.to_le_bytes());
    hasher.update(blob.etag.as_bytes());
    hasher.update([0]);
}

/// Half of a hash as a number.
fn half(hash: &[u8]) -> u128 {
    u128::from_le_bytes(hash[..16].try_into().expect("sixteen bytes of thirty-two"))
}

/// Fingerprint of file records in any order; a sum, so that records can be added page by page as they are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FilesDigest {
    /// A number of 128 bits, in two halves: as one it would be kept at multiples of sixteen bytes.
    sum: [u64; 2],
    bytes: u64,
}

impl FilesDigest {
    /// Adds one record.
    pub(crate) fn add(&mut self, file: &AssetFile) {
        let mut hasher = Sha256::new();
        hasher.update(file.name.as_bytes());
        hasher.update([0]);
        hasher.update(file.size.to_le_bytes());
        hasher.update(file.mime_type.as_deref().unwrap_or_default().as_bytes());
        hasher.update([u8::from(file.primary), u8::from(file.encrypted)]);
        self.add_sum(half(&hasher.finalize()), file.size);
    }

    /// Adds the records of another part of the same asset.
    pub(crate) fn join(&mut self, other: Self) {
        self.add_sum(other.sum(), other.bytes);
    }

    fn add_sum(&mut self, sum: u128, bytes: u64) {
        let sum = self.sum().wrapping_add(sum).to_le_bytes();
        let half = |from: usize| u64::from_le_bytes(sum[from..from + 8].try_into().expect("eight of sixteen bytes"));
        self.sum = [half(0), half(8)];
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn sum(self) -> u128 {
        u128::from(self.sum[1]) << 64 | u128::from(self.sum[0])
    }

    /// Bytes of the files, as their records say.
    pub(crate) fn bytes(self) -> u64 {
        self.bytes
    }

    /// That of these records.
    pub(crate) fn of(files: &[AssetFile]) -> Self {
        let mut digest = Self::default();
        for file in files {
            digest.add(file);
        }
        digest
    }

    /// As text for the ledger.
    pub(crate) fn text(self) -> String {
        hex(&self.sum().to_le_bytes())
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
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.map(|digit| char::from_digit(digit.into(), 16).expect("four bits are a digit")).collect()
}
