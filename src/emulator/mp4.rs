//! The positions of the parts of an MP4: the part of ISO/IEC 14496-12 that a playlist needs.
//!
//! Only box headers, `moov` and the first `sidx` are read, never the media. Content that is not an MP4 (synthetic
//! content) has no parts; that is not an error.

mod fragment;

use std::sync::Arc;

use bytes::Bytes;

pub(crate) use self::fragment::of_track;
use super::storage::StorageError;
use super::storage_account::StorageAccount;

/// The most boxes that are examined; `ftyp`, `moov` and `sidx` are among the first few, or after one `mdat`.
const BOX_LIMIT: usize = 16;

/// A `moov` larger than this belongs to a progressive file of many hours, whose playlist does not need it.
const MOOV_LIMIT: u64 = 8 * 1024 * 1024;

/// The positions of an MP4's parts, and its content.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Layout {
    /// The whole file.
    pub(crate) length: u64,
    /// In seconds, if the file has it.
    pub(crate) seconds: Option<f64>,
    /// RFC 6381 names of what is inside.
    pub(crate) codecs: Vec<String>,
    /// Width and height of the picture.
    pub(crate) size: Option<(u16, u16)>,
    /// The time scales of the tracks, by their ids.
    pub(crate) scales: Vec<(u32, u32)>,
    /// The fragments, if the file is fragmented and has an index.
    pub(crate) index: Option<Index>,
}

/// The segment index of a fragmented file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Index {
    /// Length of the initialisation segment, which is before the index.
    pub(crate) init: u64,
    /// Byte after the index box itself.
    pub(crate) end: u64,
    pub(crate) segments: Vec<Segment>,
}

/// One fragment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Segment {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) seconds: f64,
}

impl Layout {
    /// Reads the layout of a blob.
    pub(crate) async fn read(storage: &Arc<StorageAccount>, container: &str, name: &str) -> Result<Self, StorageError> {
        let (blob, _) = storage.read_blob(container, name, 0, 0).await?;
        let mut layout = Self { length: blob.length, ..Self::default() };
        let mut at = 0;
        for number in 0..BOX_LIMIT {
            if at + 8 > blob.length {
                break;
            }
            let (_, head) = storage.read_blob(container, name, at, 16).await?;
            let Some((kind, header, size)) = box_header(&head, blob.length - at) else { break };
            if number == 0 && kind != *b"ftyp" {
                break;
            }
            if matches!(&kind, b"moov" | b"sidx") && size <= MOOV_LIMIT {
                let (_, body) = storage.read_blob(container, name, at + header, size - header).await?;
                layout.take(kind, &body, at, at + size);
            }
            if layout.index.is_some() || kind == *b"moof" {
                break;
            }
            at += size;
        }
        Ok(layout)
    }

    fn take(&mut self, kind: [u8; 4], body: &Bytes, start: u64, end: u64) {
        if kind == *b"moov" {
            self.seconds = movie_seconds(body);
            self.codecs = codecs(body);
            self.size = picture_size(body);
            self.scales = fragment::scales(body);
        } else if let Some(segments) = segments(body, end) {
            self.seconds = Some(segments.iter().map(|segment| segment.seconds).sum());
            self.index = Some(Index { init: start, end, segments });
        }
    }
}

/// Type, header length and whole length of a box; `None` if it is not a box.
fn box_header(head: &[u8], left: u64) -> Option<([u8; 4], u64, u64)> {
    let kind = head.get(4..8)?.try_into().ok()?;
    let (header, size) = match u32_at(head, 0)? {
        0 => (8, left),
        1 => (16, u64_at(head, 8)?),
        size => (8, u64::from(size)),
    };
    (size >= header && size <= left).then_some((kind, header, size))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes)
}

/// A count of ticks in seconds.
#[expect(clippy::cast_precision_loss, reason = "2^53 ticks are centuries at every time scale in use")]
fn seconds(ticks: u64, scale: u32) -> Option<f64> {
    (scale > 0).then(|| ticks as f64 / f64::from(scale))
}

fn position(body: &[u8], kind: [u8; 4]) -> Option<usize> {
    body.windows(4).position(|window| *window == kind).map(|at| at + 4)
}

/// The duration in `mvhd`; a fragmented file has 0 there, which means unknown.
fn movie_seconds(moov: &[u8]) -> Option<f64> {
    let at = position(moov, *b"mvhd")?;
    let (scale, ticks) = match moov.get(at)? {
        0 => (u32_at(moov, at + 12)?, u64::from(u32_at(moov, at + 16)?)),
        _ => (u32_at(moov, at + 20)?, u64_at(moov, at + 24)?),
    };
    seconds(ticks, scale).filter(|seconds| *seconds > 0.0)
}

fn codecs(moov: &[u8]) -> Vec<String> {
    let video = position(moov, *b"avcC")
        .and_then(|at| moov.get(at + 1..at + 4))
        .map(|p| format!("avc1.{:02x}{:02x}{:02x}", p[0], p[1], p[2]));
    // AAC-LC is what the service's encoders wrote; the exact object type would need the descriptors of `esds`.
    let audio = position(moov, *b"mp4a").map(|_| "mp4a.40.2".to_owned());
    video.into_iter().chain(audio).collect()
}

/// Width and height in the `avc1` sample entry: two 16-bit numbers, 24 bytes after its type.
fn picture_size(moov: &[u8]) -> Option<(u16, u16)> {
    let at = position(moov, *b"avc1")?;
    Some((u16_at(moov, at + 24)?, u16_at(moov, at + 26)?))
}

/// The references of a `sidx` box that ends at `anchor`; `None` if it refers to other indexes.
fn segments(sidx: &[u8], anchor: u64) -> Option<Vec<Segment>> {
    let scale = u32_at(sidx, 8)?;
    let (first, mut at) = match sidx.first()? {
        0 => (u64::from(u32_at(sidx, 16)?), 20),
        _ => (u64_at(sidx, 20)?, 28),
    };
    let mut offset = anchor.checked_add(first)?;
    let count = usize::from(u16_at(sidx, at + 2)?);
    at += 4;
    let mut segments = Vec::with_capacity(count);
    for _ in 0..count {
        let size = u32_at(sidx, at)?;
        let is_index = size & 0x8000_0000 != 0;
        if is_index {
            return None;
        }
        let length = u64::from(size);
        let seconds = seconds(u64::from(u32_at(sidx, at + 4)?), scale)?;
        segments.push(Segment { offset, length, seconds });
        offset += length;
        at += 12;
    }
    (!segments.is_empty()).then_some(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARS: &[u8] = include_bytes!("../../tests/fixtures/bars/bars_400.mp4");

    #[test]
    fn the_index_of_the_fixture_lists_consecutive_fragments() {
        let mut at = 0;
        let mut layout = Layout::default();
        while layout.index.is_none() {
            let (kind, header, size) = box_header(&BARS[at..], (BARS.len() - at) as u64).unwrap();
            let end = at + usize::try_from(size).unwrap();
            let body = Bytes::copy_from_slice(&BARS[at + usize::try_from(header).unwrap()..end]);
            if matches!(&kind, b"moov" | b"sidx") {
                layout.take(kind, &body, at as u64, end as u64);
            }
            at = end;
        }
        let index = layout.index.unwrap();
        assert_eq!(index.segments.len(), 3);
        for segment in &index.segments {
            let at = usize::try_from(segment.offset).unwrap();
            assert_eq!(&BARS[at + 4..at + 8], b"moof");
            assert!((segment.seconds - 2.0).abs() < 1e-9);
        }
        let last = index.segments.last().unwrap();
        let end = usize::try_from(last.offset + last.length).unwrap();
        assert_eq!(&BARS[end + 4..end + 8], b"mfra");
        assert_eq!(layout.codecs, ["avc1.4d401e", "mp4a.40.2"]);
        assert_eq!(layout.size, Some((640, 360)));
        assert_eq!(&BARS[usize::try_from(index.init).unwrap()..][4..8], b"sidx");
    }

    #[test]
    fn bytes_that_are_not_a_box_are_recognised() {
        assert_eq!(box_header(b"\0\0\0\x04ftyp", 100), None, "shorter than its own header");
        assert_eq!(box_header(b"\0\0\x10\0ftyp", 100), None, "longer than the file");
        assert_eq!(box_header(b"\0\0\0\x10ftyp", 100), Some((*b"ftyp", 8, 16)));
        assert_eq!(box_header(b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x40", 100), Some((*b"mdat", 16, 64)));
    }
}
