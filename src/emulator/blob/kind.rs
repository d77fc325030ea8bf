//! The types of blobs, with the attributes that only blobs of one type have.

use super::refusal::{INVALID_BLOB_TYPE, Refusal};

/// The header and the element with the sequence number of a page blob.
pub(super) const SEQUENCE: &str = "x-ms-blob-sequence-number";

/// The type of a blob. It never changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Made of blocks.
    #[default]
    Block,
    /// Written only at its end.
    Append {
        /// How many blocks were appended.
        blocks: u32,
        /// Is it sealed forever?
        sealed: bool,
    },
    /// Written in pages.
    Page {
        /// A number that its writers use as they like.
        sequence: u64,
    },
    /// No blob: a directory of an account with a hierarchical namespace.
    Directory,
}

impl Kind {
    /// The service's name of the type.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Block | Self::Directory => "BlockBlob",
            Self::Append { .. } => "AppendBlob",
            Self::Page { .. } => "PageBlob",
        }
    }

    /// 409 for an operation on a blob of another type.
    pub(super) fn refuse_other_type(self, other: Self) -> Result<(), Refusal> {
        if self.name() == other.name() { Ok(()) } else { Err(INVALID_BLOB_TYPE) }
    }

    /// The type of a copy, which is sealed only if the request asks for it.
    pub(super) fn copied(self, seal: bool) -> Self {
        match self {
            Self::Append { blocks, .. } => Self::Append { blocks, sealed: seal },
            other => other,
        }
    }
}
