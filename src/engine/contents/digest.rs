//! Short fingerprints of a container's content, so that a listing is enough to recognize an unchanged container.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::engine::contents::kept::KeptCopy;
use crate::model::{Blob, Extent, IndexTags};

/// The most blobs whose entity tags are sketched: three bytes each.
const SKETCHED: usize = 1_000;
/// The number of bytes of a sketched entity tag.
const SKETCH: usize = 3;

/// The character before the fingerprint of the index tags, if there are any.
const TAGGED: char = '+';
/// The prefix of fingerprints of the blobs of a container that are in no folder, where each folder is a separate asset.
const LOOSE: &str = "loose:";
/// The suffix of a fingerprint of blobs whose index tags could not be read.
const UNREAD: &str = "?";

/// Fingerprint of blobs in name order: names, lengths, entity tags, and the properties that change without a new entity
/// tag: index tags, and whether the blob is archived or sealed. The tags have a separate part, because sometimes they
/// cannot be read.
#[derive(Debug, Clone, Default)]
pub(crate) struct BlobsDigest {
    hasher: Sha256,
    tags: Sha256,
    tagged: bool,
    unread: bool,
    newest: Option<Timestamp>,
    /// For few blobs, some bits of each name and entity tag.
    sketch: Vec<u8>,
    count: usize,
    loose: bool,
}

impl BlobsDigest {
    /// The fingerprint of no blobs, for that part of a container.
    pub(crate) fn of(extent: &Extent) -> Self {
        Self { loose: *extent == Extent::Loose, ..Self::default() }
    }

    /// Adds the next blob.
    pub(crate) fn add(&mut self, blob: &Blob) {
        add_state(&mut self.hasher, blob);
        self.add_tags(blob);
        self.newest = self.newest.max(blob.last_modified);
        self.count += 1;
        if self.count <= SKETCHED {
            self.sketch.extend(sketch_of(blob));
        } else {
            self.sketch = Vec::new();
        }
    }

    /// As text, and as the longer text that identifies blobs that change later.
    pub(crate) fn texts(self) -> (String, String) {
        let tags = match (self.unread, self.tagged) {
            (true, _) => UNREAD.to_owned(),
            (false, true) => format!("{TAGGED}{:032x}", half(&self.tags.finalize())),
            (false, false) => String::new(),
        };
        let begin = if self.loose { LOOSE } else { "" };
        let digest = format!("{begin}{:032x}{tags}", half(&self.hasher.finalize()));
        let newest = self.newest.map_or(0, Timestamp::as_second);
        let seal = format!("{digest}@{newest}~{}", BASE64.encode(&self.sketch));
        (digest, seal)
    }

    /// As text.
    pub(crate) fn text(self) -> String {
        self.texts().0
    }

    fn add_tags(&mut self, blob: &Blob) {
        self.unread |= blob.properties.tags == IndexTags::Unreadable;
        let Some(tags) = blob.properties.tags.read().filter(|tags| !tags.is_empty()) else { return };
        self.tagged = true;
        self.tags.update(blob.name.as_bytes());
        for (key, value) in tags {
            self.tags.update([0]);
            self.tags.update(key.as_bytes());
            self.tags.update([1]);
            self.tags.update(value.as_bytes());
        }
        self.tags.update([2]);
    }
}

/// The parts of a fingerprint or a seal: blobs, index tags, and the remainder of a seal.
fn parts(text: &str) -> (&str, &str, &str) {
    let (digest, rest) = text.split_at(text.find('@').unwrap_or(text.len()));
    let (blobs, tags) = digest.split_at(digest.find([TAGGED, '?']).unwrap_or(digest.len()));
    (blobs, tags, rest)
}

/// Were both recorded for the same part of a container? Its folders can become assets, or stop being assets.
pub(crate) fn same_extent(one: &str, other: &str) -> bool {
    one.starts_with(LOOSE) == other.starts_with(LOOSE)
}

/// Are two fingerprints (or two seals) of the same blobs, apart from their index tags?
pub(crate) fn same_blobs(one: &str, other: &str) -> bool {
    let ((one, _, one_rest), (other, _, other_rest)) = (parts(one), parts(other));
    one == other && one_rest == other_rest
}

/// Is everything unchanged since a fingerprint (or a seal) was recorded, as far as it can be read now? Tags that could
/// not be read then were not compared, and must be compared now.
pub(crate) fn is_unchanged(recorded: &str, now: &str) -> bool {
    let ((_, before, _), (_, tags, _)) = (parts(recorded), parts(now));
    same_blobs(recorded, now) && (tags == UNREAD || tags == before)
}

/// The fingerprint (or seal) to record. If the tags of the same blobs were read before and cannot be read now, their
/// recorded part is kept.
pub(crate) fn to_record(now: String, recorded: Option<&str>) -> String {
    match recorded {
        Some(recorded) if parts(&now).1 == UNREAD && same_blobs(recorded, &now) => recorded.to_owned(),
        _ => now,
    }
}

/// The state of a container's blobs when a run found them equal to their sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    newest: Option<Timestamp>,
    /// `None`: there were too many blobs.
    sketch: Option<HashSet<[u8; SKETCH]>>,
}

impl Sealed {
    /// Parses the longer text of a [`BlobsDigest`].
    pub(crate) fn parse(seal: &str) -> Option<Self> {
        let (newest, sketch) = seal.split_once('@')?.1.split_once('~')?;
        let newest = newest.parse().ok().filter(|second| *second != 0);
        let bytes = BASE64.decode(sketch).ok()?;
        let entries = bytes.chunks_exact(SKETCH).map(|entry| entry.try_into().expect("chunks of that length"));
        Some(Self {
            newest: newest.and_then(|second| Timestamp::from_second(second).ok()),
            sketch: (!bytes.is_empty()).then(|| entries.collect()),
        })
    }

    /// As [`Self::is_altered`], for a blob that only the target has.
    pub(crate) fn is_altered_copy(&self, copy: &KeptCopy) -> bool {
        self.is_altered_at(copy.modified, sketch(&copy.name, &copy.etag))
    }

    /// Was that blob written since then? If there are too many blobs to record each of them, a blob of the same second
    /// as the youngest one counts as written since.
    pub(crate) fn is_altered(&self, blob: &Blob) -> bool {
        self.is_altered_at(blob.last_modified, sketch_of(blob))
    }

    fn is_altered_at(&self, modified: Option<Timestamp>, found: [u8; SKETCH]) -> bool {
        let later = match (self.newest, modified) {
            (Some(newest), Some(at)) if self.sketch.is_some() => at > newest,
            (Some(newest), Some(at)) => at >= newest,
            _ => true,
        };
        later || self.sketch.as_ref().is_some_and(|sketch| !sketch.contains(&found))
    }
}

fn sketch_of(blob: &Blob) -> [u8; SKETCH] {
    sketch(&blob.name, &blob.etag)
}

/// Some bits of a blob's name and entity tag (FNV-1a).
fn sketch(name: &str, etag: &str) -> [u8; SKETCH] {
    let bytes = name.bytes().chain([0]).chain(etag.bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let folded = (hash ^ (hash >> 24) ^ (hash >> 48)).to_le_bytes();
    [folded[0], folded[1], folded[2]]
}

/// The names and entity tags of blobs that only the target has, in any order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct KeptSum(u128);

impl KeptSum {
    /// Adds a blob.
    pub(crate) fn add(&mut self, name: &str, etag: &str) {
        let hash = Sha256::new().chain_update(name).chain_update([0]).chain_update(etag).finalize();
        self.0 = self.0.wrapping_add(half(&hash));
    }

    /// As text for the ledger.
    pub(crate) fn text(self) -> String {
        format!("{:032x}", self.0)
    }
}

/// The state of a set of blobs without their index tags, in any order; a sum, so that single blobs can be replaced.
/// Tags are compared by value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BlobsSum(u128);

impl BlobsSum {
    /// Adds a blob.
    pub(crate) fn add(&mut self, blob: &Blob) {
        self.0 = self.0.wrapping_add(state(blob));
    }

    /// Removes a blob.
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
    hasher.update([u8::from(blob.is_archived()) | u8::from(blob.kind.is_sealed()) << 1]);
    hasher.update([0]);
}

/// Half of a hash as a number.
fn half(hash: &[u8]) -> u128 {
    u128::from_le_bytes(hash[..16].try_into().expect("sixteen bytes of thirty-two"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BlobProperties;

    fn blob() -> Blob {
        Blob {
            name: "a".into(),
            length: 1,
            etag: "\"1\"".into(),
            last_modified: Timestamp::from_second(100).ok(),
            properties: BlobProperties::default(),
            tier: Some("Hot".into()),
            kind: crate::model::BlobKind::Block,
            copy: None,
        }
    }

    fn text(blob: &Blob) -> String {
        let mut digest = BlobsDigest::default();
        digest.add(blob);
        digest.text()
    }

    #[test]
    fn a_change_that_keeps_the_entity_tag_changes_the_fingerprint() {
        let mut tagged = blob();
        tagged.properties.tags = tags("v");
        for other in [Blob { tier: Some("Archive".into()), ..blob() }, Blob { etag: "\"2\"".into(), ..blob() }] {
            assert_ne!(text(&blob()), text(&other));
            assert_ne!(state(&blob()), state(&other));
        }
        assert_ne!(text(&blob()), text(&tagged));
        assert_eq!(text(&blob()), text(&Blob { tier: Some("Cool".into()), ..blob() }));
    }

    fn tags(value: &str) -> IndexTags {
        [("k".to_owned(), value.to_owned())].into()
    }

    #[test]
    fn tags_that_cannot_be_read_do_not_change_the_fingerprint() {
        let of = |tags: IndexTags, etag: &str| {
            let properties = BlobProperties { tags, ..BlobProperties::default() };
            let mut digest = BlobsDigest::default();
            digest.add(&Blob { properties, etag: etag.into(), ..blob() });
            digest.texts()
        };
        let (one, other, none) = (of(tags("v"), "1"), of(tags("w"), "1"), of(IndexTags::default(), "1"));
        let unread = of(IndexTags::Unreadable, "1");
        for (one, other, none, unread) in
            [(&one.0, &other.0, &none.0, &unread.0), (&one.1, &other.1, &none.1, &unread.1)]
        {
            assert!(is_unchanged(one, one) && is_unchanged(one, unread) && is_unchanged(none, unread));
            assert!(!is_unchanged(one, other) && !is_unchanged(one, none));
            assert!(!is_unchanged(unread, one) && !is_unchanged(unread, none), "they were never compared");
            assert!(same_blobs(one, other) && same_blobs(one, unread));
            assert_eq!(&to_record(unread.clone(), Some(one)), one);
            assert_eq!(&to_record(other.clone(), Some(one)), other);
            assert_eq!(&to_record(unread.clone(), None), unread);
        }
        let changed = of(IndexTags::Unreadable, "2");
        assert!(!is_unchanged(&one.0, &changed.0) && !is_unchanged(&one.1, &changed.1));
        assert_eq!(to_record(changed.0.clone(), Some(&one.0)), changed.0);
        assert_eq!(of(IndexTags::NotOffered, "1"), none);
    }

    #[test]
    fn a_blob_that_was_written_later_is_found() {
        let seal = |blobs: &[Blob]| {
            let mut digest = BlobsDigest::default();
            for blob in blobs {
                digest.add(blob);
            }
            Sealed::parse(&digest.texts().1).unwrap()
        };
        let other = Blob { name: "b".into(), ..blob() };
        let few = seal(&[blob(), other.clone()]);
        assert!(!few.is_altered(&blob()) && !few.is_altered(&other));
        assert!(few.is_altered(&Blob { etag: "\"2\"".into(), ..blob() }), "in the same second");
        let later = Blob { last_modified: Timestamp::from_second(101).ok(), ..blob() };
        assert!(few.is_altered(&later));
        let many: Vec<Blob> = (0..=SKETCHED).map(|number| Blob { name: number.to_string(), ..blob() }).collect();
        assert!(seal(&many).is_altered(&blob()), "in the same second");
        assert!(!seal(&many).is_altered(&Blob { last_modified: Timestamp::from_second(99).ok(), ..blob() }));
    }
}
