//! Fingerprints of file records and of locators, in any order.

use jiff::{Timestamp, Unit};
use sha2::{Digest, Sha256};

use crate::model::{AssetFile, Locator};

/// A digest is three numbers of 42 bits: their sums fit into a database's integers.
const BITS: u64 = (1 << 42) - 1;

/// Fingerprint of file records in any order; a sum, so that records can be added page by page as they are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FilesDigest {
    parts: [u64; 3],
    bytes: u64,
}

impl FilesDigest {
    /// That of these records.
    pub(crate) fn of(files: &[AssetFile]) -> Self {
        let mut digest = Self::default();
        for file in files {
            digest.add(file);
        }
        digest
    }

    /// The digest of stored parts; the number of bytes is not stored.
    pub(crate) fn of_parts(parts: [i64; 3]) -> Self {
        Self { parts: parts.map(|part| part.unsigned_abs() & BITS), bytes: 0 }
    }

    fn add(&mut self, file: &AssetFile) {
        let mut hasher = Sha256::new();
        hasher.update(file.name.as_bytes());
        hasher.update([0]);
        hasher.update(file.size.to_le_bytes());
        hasher.update(file.mime_type.as_deref().unwrap_or_default().as_bytes());
        hasher.update([u8::from(file.primary), u8::from(file.encrypted)]);
        let hash = hasher.finalize();
        for (part, bytes) in self.parts.iter_mut().zip(hash.chunks_exact(8)) {
            let bytes = u64::from_le_bytes(bytes.try_into().expect("chunks of eight bytes"));
            *part = part.wrapping_add(bytes) & BITS;
        }
        self.bytes = self.bytes.saturating_add(file.size);
    }

    /// As numbers for the tables.
    pub(crate) fn parts(&self) -> [i64; 3] {
        self.parts.map(|part| i64::try_from(part).expect("42 bits"))
    }

    /// The sum of the files' bytes, according to their records.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// As text for the ledger.
    pub(crate) fn text(&self) -> String {
        let [a, b, c] = self.parts;
        format!("{a:011x}{b:011x}{c:011x}")
    }
}

/// The separator between a fingerprint of locators and the number of them that the target has.
const AND_THERE: char = '/';

/// The recorded form of a fingerprint of locators, with the number of them that the target has.
pub(crate) fn with_count(locators: &str, there: u64) -> String {
    format!("{locators}{AND_THERE}{there}")
}

/// The number of the source's locators that the target had when that was recorded.
pub(crate) fn count_recorded(recorded: &str) -> Option<u64> {
    recorded.split_once(AND_THERE)?.1.parse().ok()
}

/// A recorded fingerprint of locators without the number; `None`: the sides had different locators.
pub(crate) fn common_locators(recorded: &str) -> Option<&str> {
    recorded.split(AND_THERE).next().filter(|digest| !digest.is_empty())
}

/// Fingerprint of an asset's streaming locators in any order: equal for both sides, whose services keep times with
/// millisecond precision at best.
pub(crate) fn of_locators(locators: &[Locator]) -> String {
    // A copy has its source's time, rounded to the millisecond: that may be the next second.
    let second = |at: Timestamp| at.round(Unit::Millisecond).unwrap_or(at).as_second();
    let line = |locator: &Locator| {
        let (start, expiry) = (locator.start.map(second), second(locator.expiry));
        format!("{}\0{:?}\0{start:?}\0{expiry}", locator.id, locator.name)
    };
    let mut lines: Vec<String> = locators.iter().map(line).collect();
    lines.sort_unstable();
    let hash = Sha256::digest(lines.join("\n"));
    format!("{:032x}", u128::from_be_bytes(hash[..16].try_into().expect("sixteen bytes of thirty-two")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AssetId;

    fn file(number: u64) -> AssetFile {
        AssetFile {
            asset: AssetId::new("a"),
            name: format!("{number}.mp4"),
            size: number,
            mime_type: None,
            primary: number == 0,
            encrypted: false,
        }
    }

    #[test]
    fn the_order_of_records_does_not_matter_and_each_property_does() {
        let files: Vec<AssetFile> = (0..9).map(file).collect();
        let reversed: Vec<AssetFile> = files.iter().rev().cloned().collect();
        assert_eq!(FilesDigest::of(&files), FilesDigest::of(&reversed));
        for change in [
            |file: &mut AssetFile| file.name.push('x'),
            |file: &mut AssetFile| file.size += 1,
            |file: &mut AssetFile| file.mime_type = Some("video/mp4".to_owned()),
            |file: &mut AssetFile| file.primary = !file.primary,
        ] {
            let mut changed = files.clone();
            change(&mut changed[3]);
            assert_ne!(FilesDigest::of(&files).text(), FilesDigest::of(&changed).text());
        }
    }

    #[test]
    fn the_number_of_locators_is_read_from_what_was_recorded() {
        assert_eq!(count_recorded(&with_count(&of_locators(&[]), 3)), Some(3));
        assert_eq!(count_recorded(&of_locators(&[])), None);
    }

    #[test]
    fn parts_read_back() {
        let digest = FilesDigest::of(&[file(1), file(2)]);
        assert_eq!(FilesDigest::of_parts(digest.parts()).text(), digest.text());
    }
}
