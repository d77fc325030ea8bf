//! Do the blobs of a container have index tags?

use crate::model::{Blob, IndexTags};

/// The index tags of a container's blobs; if several variants apply, the last one counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tagging {
    /// No blob has any.
    #[default]
    None,
    /// The account does not support tags.
    NotOffered,
    /// A blob has tags.
    Some,
    /// They could not be read.
    Unreadable,
}

impl Tagging {
    /// For one blob.
    pub(crate) fn of(blob: &Blob) -> Self {
        match &blob.properties.tags {
            IndexTags::Read(tags) if tags.is_empty() => Self::None,
            IndexTags::Read(_) => Self::Some,
            IndexTags::Unreadable => Self::Unreadable,
            IndexTags::NotOffered => Self::NotOffered,
        }
    }
}
