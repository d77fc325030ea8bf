//! Fingerprints of file records by asset, gathered page by page into one sorted list.

use super::super::compact::CompactId;
use super::super::digest::FilesDigest;
use crate::model::AssetFile;

/// Entries that are gathered before they are put together for the first time: a page's worth of assets many times over.
const FIRST: usize = 1 << 14;

/// Fingerprints in order of asset, one each.
#[derive(Debug, Default)]
pub(super) struct Digests(Vec<(CompactId, FilesDigest)>);

impl Digests {
    /// That of an asset.
    pub(super) fn get(&self, asset: &CompactId) -> Option<FilesDigest> {
        let at = self.0.binary_search_by(|entry| entry.0.cmp(asset)).ok()?;
        Some(self.0[at].1)
    }
}

/// Fingerprints that are still being added to. The records of an asset mostly come one after the other, so that there are
/// few more entries than assets; where they do not, entries are put together whenever there are half as many again.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    entries: Vec<(CompactId, FilesDigest)>,
    /// Entries after they were last put together.
    together: usize,
}

impl Gathering {
    /// Adds a record.
    pub(super) fn add(&mut self, file: &AssetFile) {
        let asset = CompactId::asset(&file.asset);
        match self.entries.last_mut() {
            Some((last, digest)) if *last == asset => digest.add(file),
            _ => {
                if self.entries.len() >= FIRST.max(self.together + self.together / 2) {
                    self.put_together();
                }
                let mut digest = FilesDigest::default();
                digest.add(file);
                self.entries.push((asset, digest));
            }
        }
    }

    /// All that was added.
    pub(super) fn finish(mut self) -> Digests {
        self.put_together();
        self.entries.shrink_to_fit();
        Digests(self.entries)
    }

    fn put_together(&mut self) {
        self.entries.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        self.entries.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1.join(next.1);
            }
            same
        });
        self.together = self.entries.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AssetId;

    fn file(asset: usize, number: usize) -> AssetFile {
        AssetFile {
            asset: AssetId::new(format!("nb:cid:UUID:{}", uuid::Uuid::from_u128(asset as u128 * 7_919))),
            name: format!("{number}.mp4"),
            size: number as u64,
            mime_type: None,
            primary: number == 0,
            encrypted: false,
        }
    }

    #[test]
    fn the_sum_is_the_same_in_whatever_order_records_come() {
        let (assets, files) = (3_000, 9);
        let mut scattered = Gathering::default();
        for number in (0..files).rev() {
            (0..assets).for_each(|asset| scattered.add(&file(asset, number)));
        }
        let scattered = scattered.finish();
        assert_eq!(scattered.0.len(), assets);
        for asset in (0..assets).step_by(97) {
            let records: Vec<AssetFile> = (0..files).map(|number| file(asset, number)).collect();
            let digest = scattered.get(&CompactId::asset(&records[0].asset));
            assert_eq!(digest, Some(FilesDigest::of(&records)));
            assert_eq!(digest.map(FilesDigest::bytes), Some(36));
        }
        assert_eq!(scattered.get(&CompactId::asset(&file(assets, 0).asset)), None);
    }

    #[test]
    fn an_entry_takes_forty_eight_bytes() {
        assert_eq!(size_of::<(CompactId, FilesDigest)>(), 48);
    }
}
