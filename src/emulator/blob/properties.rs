//! The description of a blob without its bytes: headers, names and values, tier, entity tag and time.

use std::sync::Arc;

/// The HTTP headers a blob is served with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BlobHeaders {
    pub(super) content_type: Option<Box<str>>,
    pub(super) content_encoding: Option<Box<str>>,
    pub(super) content_language: Option<Box<str>>,
    pub(super) content_disposition: Option<Box<str>>,
    pub(super) cache_control: Option<Box<str>>,
    /// It has 16 bytes, unless it was written when the service still accepted any value.
    pub(super) content_md5: Option<Box<[u8]>>,
}

/// Names and values in the order of the names.
pub(super) type Pairs = Arc<[(Box<str>, Box<str>)]>;

/// An access tier set explicitly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    Hot,
    Cool,
    Cold,
    Archive,
}

impl Tier {
    /// Reads a tier's name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Hot, Self::Cool, Self::Cold, Self::Archive]
            .into_iter()
            .find(|tier| tier.name().eq_ignore_ascii_case(name))
    }

    /// The name in answers.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hot => "Hot",
            Self::Cool => "Cool",
            Self::Cold => "Cold",
            Self::Archive => "Archive",
        }
    }
}

/// The `ETag` and time of one change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    pub(super) etag: u64,
    pub(super) millis: i64,
}

impl Stamp {
    pub(super) fn seconds(self) -> u32 {
        u32::try_from(self.millis / 1000).unwrap_or(u32::MAX)
    }
}

/// An `ETag` as the service prints it.
pub(super) fn etag_text(etag: u64) -> String {
    format!("\"0x{etag:X}\"")
}

/// What anyone can read in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PublicAccess {
    /// Blobs, by their names.
    Blob,
    /// The blobs, their listing, and the container's properties.
    Container,
}

impl PublicAccess {
    /// The service's name of it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Container => "container",
        }
    }
}
