//! The content of a blob: pieces of real or synthetic bytes, shared by reference between all copies of a blob.
//!
//! Copying, slicing and joining do not process the bytes, so a terabyte takes no longer than a kilobyte.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

use crate::emulator::storage::Content;

/// The seed of bytes that replace others; no library uses it.
const OTHER: u64 = 0x0BAD_B10B;

/// Bytes of one origin.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// Real bytes.
    Real(Bytes),
    /// The bytes `start..start + length` of the endless sequence that follows from `seed`.
    Synthetic { seed: u64, start: u64, length: u64 },
    /// Only zeros, as in pages that were never written.
    Zeros { length: u64 },
}

impl Piece {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Real(bytes) => bytes.len() as u64,
            Self::Synthetic { length, .. } | Self::Zeros { length } => *length,
        }
    }

    fn slice(&self, from: u64, to: u64) -> Self {
        match self {
            Self::Real(bytes) => Self::Real(bytes.slice(index(from)..index(to))),
            Self::Synthetic { seed, start, .. } => {
                Self::Synthetic { seed: *seed, start: start + from, length: to - from }
            }
            Self::Zeros { .. } => Self::Zeros { length: to - from },
        }
    }

    fn materialise(&self, into: &mut BytesMut) {
        match self {
            Self::Real(bytes) => into.extend_from_slice(bytes),
            Self::Synthetic { seed, start, length } => synthesise(*seed, *start, *length, into),
            Self::Zeros { length } => into.resize(into.len() + index(*length), 0),
        }
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("an offset into bytes held in memory fits a usize")
}

/// Appends `length` bytes of the sequence of `seed` from `start`: splitmix64 with the word's number as its state,
/// so that every word can be made without the ones before it.
fn synthesise(seed: u64, start: u64, length: u64, into: &mut BytesMut) {
    let end = start + length;
    let mut at = start;
    into.reserve(index(length));
    while at < end {
        let word = splitmix64(seed.wrapping_add((at / 8).wrapping_mul(0x9E37_79B9_7F4A_7C15))).to_le_bytes();
        let from = index(at % 8);
        let to = index((end - at).min(8 - at % 8)) + from;
        into.extend_from_slice(&word[from..to]);
        at += (to - from) as u64;
    }
}

/// The output function of splitmix64 (Steele, Lea and Flood 2014).
fn splitmix64(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A block of a blob, under the id it was uploaded with.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) id: Box<str>,
    pub(super) pieces: Box<[Piece]>,
}

impl Block {
    pub(super) fn len(&self) -> u64 {
        self.pieces.iter().map(Piece::len).sum()
    }
}

/// The whole content of a blob.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// Written as a whole, without a block list.
    Whole(Piece),
    /// Committed from blocks.
    Blocks(Arc<[Block]>),
    /// The content of such a blob after a copy that does not carry the block list over.
    Joined(Arc<[Block]>),
}

impl From<Content> for Body {
    fn from(content: Content) -> Self {
        Self::Whole(match content {
            Content::Bytes(bytes) => Piece::Real(bytes),
            Content::Synthetic { seed, length } => Piece::Synthetic { seed, start: 0, length },
        })
    }
}

impl Body {
    /// No bytes.
    pub(super) fn empty() -> Self {
        Self::Whole(Piece::Real(Bytes::new()))
    }

    /// As many zeros.
    pub(super) fn zeros(length: u64) -> Self {
        Self::Whole(Piece::Zeros { length })
    }

    /// Those pieces, without a block list.
    pub(super) fn of(pieces: Box<[Piece]>) -> Self {
        Self::Joined([Block { id: Box::default(), pieces }].into())
    }

    /// The first half of it.
    pub(super) fn first_half(&self) -> Self {
        Self::of(self.slice(0, self.len() / 2).into())
    }

    /// Other bytes, as many.
    pub(super) fn exchanged(&self) -> Self {
        Self::Whole(Piece::Synthetic { seed: OTHER, start: 0, length: self.len() })
    }

    pub(super) fn len(&self) -> u64 {
        self.pieces().map(Piece::len).sum()
    }

    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        let (whole, blocks) = match self {
            Self::Whole(piece) => (Some(piece), None),
            Self::Blocks(blocks) | Self::Joined(blocks) => (None, Some(blocks)),
        };
        whole.into_iter().chain(blocks.into_iter().flat_map(|blocks| blocks.iter()).flat_map(|block| &block.pieces))
    }

    /// The blocks it was committed from; none for a blob that was written as a whole.
    pub(super) fn blocks(&self) -> &[Block] {
        match self {
            Self::Whole(_) | Self::Joined(_) => &[],
            Self::Blocks(blocks) => blocks,
        }
    }

    /// The same content without a block list.
    pub(super) fn joined(&self) -> Self {
        match self {
            Self::Whole(piece) => Self::Whole(piece.clone()),
            Self::Blocks(blocks) | Self::Joined(blocks) => Self::Joined(Arc::clone(blocks)),
        }
    }

    /// The bytes `from..to` (both within the content), by reference.
    pub(super) fn slice(&self, from: u64, to: u64) -> Vec<Piece> {
        let mut cut = Vec::new();
        let mut at = 0;
        for piece in self.pieces() {
            let (start, end) = (from.max(at), to.min(at + piece.len()));
            if start < end {
                cut.push(piece.slice(start - at, end - at));
            }
            at += piece.len();
            if at >= to {
                break;
            }
        }
        cut
    }

    /// The bytes `from..to` (both within the content) themselves.
    pub(super) fn read(&self, from: u64, to: u64) -> Bytes {
        let cut = self.slice(from, to);
        if let [Piece::Real(bytes)] = cut.as_slice() {
            return bytes.clone();
        }
        let mut bytes = BytesMut::new();
        for piece in &cut {
            piece.materialise(&mut bytes);
        }
        bytes.freeze()
    }

    /// A digest of the origin of the content. It is equal for the same ranges of the same origins, with any block
    /// sizes, and needs no synthetic bytes.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut whole = Sha256::new();
        let mut run = Run::Nothing;
        for piece in self.pieces().filter(|piece| piece.len() > 0) {
            run = run.extend(piece, &mut whole);
        }
        run.close(&mut whole);
        whole.finalize().into()
    }
}

/// The bytes of synthetic content, for a service that cannot store the recipe.
pub(crate) fn synthetic_bytes(seed: u64, length: u64) -> Bytes {
    Body::from(Content::Synthetic { seed, length }).read(0, length)
}

/// Adjacent pieces of one origin.
enum Run {
    Nothing,
    Real(Sha256),
    Synthetic { seed: u64, start: u64, end: u64 },
    Zeros { length: u64 },
}

impl Run {
    fn extend(self, piece: &Piece, whole: &mut Sha256) -> Self {
        match (self, piece) {
            (Self::Real(digest), Piece::Real(bytes)) => Self::Real(digest.chain_update(bytes)),
            (Self::Synthetic { seed, start, end }, Piece::Synthetic { seed: other, start: next, length })
                if seed == *other && end == *next =>
            {
                Self::Synthetic { seed, start, end: next + length }
            }
            (Self::Zeros { length }, Piece::Zeros { length: more }) => Self::Zeros { length: length + more },
            (run, Piece::Real(bytes)) => {
                run.close(whole);
                Self::Real(Sha256::new_with_prefix(bytes))
            }
            (run, Piece::Synthetic { seed, start, length }) => {
                run.close(whole);
                Self::Synthetic { seed: *seed, start: *start, end: start + length }
            }
            (run, Piece::Zeros { length }) => {
                run.close(whole);
                Self::Zeros { length: *length }
            }
        }
    }

    fn close(self, whole: &mut Sha256) {
        match self {
            Self::Nothing => {}
            Self::Real(digest) => {
                whole.update(b"R");
                whole.update(digest.finalize());
            }
            Self::Synthetic { seed, start, end } => {
                whole.update(b"S");
                for number in [seed, start, end] {
                    whole.update(number.to_le_bytes());
                }
            }
            Self::Zeros { length } => {
                whole.update(b"Z");
                whole.update(length.to_le_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn synthetic(seed: u64, length: u64) -> Body {
        Body::from(Content::Synthetic { seed, length })
    }

    #[test]
    fn any_range_of_synthetic_bytes_equals_that_part_of_the_whole() {
        let body = synthetic(7, 1000);
        let whole = body.read(0, 1000);
        assert_eq!(whole.len(), 1000);
        for (from, to) in [(0, 1), (1, 8), (7, 9), (13, 13), (991, 1000), (3, 997)] {
            assert_eq!(body.read(from, to), whole.slice(index(from)..index(to)), "{from}..{to}");
        }
        assert_ne!(synthetic(8, 1000).read(0, 1000), whole);
    }

    #[test]
    fn a_range_is_made_without_the_bytes_before_it() {
        let far = synthetic(1, u64::MAX / 2);
        assert_eq!(far.read(1 << 60, (1 << 60) + 16).len(), 16);
    }

    #[test]
    fn the_fingerprint_does_not_depend_on_the_blocks() {
        let whole = synthetic(7, 5_000_000_000_000);
        let cut = |from, to| Block { id: "x".into(), pieces: whole.slice(from, to).into() };
        let blocks = Body::Blocks([cut(0, 1000), cut(1000, 77_777), cut(77_777, 5_000_000_000_000)].into());
        assert_eq!(blocks.len(), whole.len());
        assert_eq!(blocks.fingerprint(), whole.fingerprint());
        let torn = Body::Blocks([cut(0, 1000), cut(1001, 77_777), cut(77_777, 5_000_000_000_000)].into());
        assert_ne!(torn.fingerprint(), whole.fingerprint());
        let real = Body::from(Content::Bytes(Bytes::from_static(b"hello world")));
        let halves = Body::Blocks(
            [
                Block { id: "1".into(), pieces: real.slice(0, 5).into() },
                Block { id: "2".into(), pieces: real.slice(5, 11).into() },
            ]
            .into(),
        );
        assert_eq!(real.fingerprint(), halves.fingerprint());
        assert_eq!(halves.read(3, 8), Bytes::from_static(b"lo wo"));
    }
}
