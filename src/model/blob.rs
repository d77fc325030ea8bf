//! Blobs, and how they are copied.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use super::{ContainerName, IndexTags};

/// The state of a server-side copy into a blob, as the service reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum CopyStatus {
    /// Still running.
    Pending,
    /// Done; the blob has its content.
    Success,
    /// Ended with an error; the blob is empty.
    Failed,
    /// Ended on request; the blob is empty.
    Aborted,
}

/// The copy that made (or is making) a blob.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CopyState {
    /// The copy id.
    pub id: String,
    /// Its status.
    pub status: CopyStatus,
    /// Bytes copied and bytes in total, if reported.
    pub progress: Option<(u64, u64)>,
    /// The service's message about a failure or a problem.
    pub description: Option<String>,
}

/// The headers, metadata and tags that must be the same on the target.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BlobProperties {
    /// Content-Type.
    pub content_type: Option<String>,
    /// Content-Encoding.
    pub content_encoding: Option<String>,
    /// Content-Language.
    pub content_language: Option<String>,
    /// Content-Disposition.
    pub content_disposition: Option<String>,
    /// Cache-Control.
    pub cache_control: Option<String>,
    /// Content-MD5, 16 bytes, if stored.
    pub content_md5: Option<Vec<u8>>,
    /// Metadata. Names compare without case.
    pub metadata: BTreeMap<String, String>,
    /// Index tags.
    pub tags: IndexTags,
}

/// Which blobs of its container belong to an asset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Extent {
    /// All of them.
    #[default]
    Whole,
    /// Those of a folder, whose name ends in a slash.
    Folder(String),
    /// Those in no folder: each folder is another asset.
    Loose,
}

/// The types of blobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum BlobKind {
    /// Made of blocks, in any number of requests: the type of media files.
    #[default]
    Block,
    /// Written only at its end, such as a log.
    Append,
    /// An append blob to which nothing can be added any more.
    SealedAppend,
    /// Written in pages of 512 bytes, such as a disk.
    Page,
}

impl BlobKind {
    const TYPES: [Self; 3] = [Self::Block, Self::Append, Self::Page];

    /// The storage service's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "BlockBlob",
            Self::Append | Self::SealedAppend => "AppendBlob",
            Self::Page => "PageBlob",
        }
    }

    /// The type of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::TYPES.into_iter().find(|kind| kind.name() == name)
    }

    /// The type of the same blob after it is sealed.
    pub(crate) fn sealed(self) -> Self {
        if self == Self::Append { Self::SealedAppend } else { self }
    }

    /// Is it sealed?
    pub fn is_sealed(self) -> bool {
        self == Self::SealedAppend
    }

    /// Are both of the same type? Sealing does not change the type.
    pub(crate) fn is_type_of(self, other: Self) -> bool {
        self.sealed() == other.sealed()
    }
}

/// A blob in a listing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Blob {
    /// Full name, including virtual folders.
    pub name: String,
    /// Bytes.
    pub length: u64,
    /// Entity tag as the service writes it in headers, including quotes.
    pub etag: String,
    /// Last change, seconds resolution.
    pub last_modified: Option<Timestamp>,
    /// The properties that must be the same on the target.
    pub properties: BlobProperties,
    /// Access tier such as `Hot`, `Archive`; `None` if the account has none.
    pub tier: Option<String>,
    /// Its type, which never changes, and whether it is sealed, which is permanent.
    pub kind: BlobKind,
    /// The copy that made it, if the listing requested it.
    pub copy: Option<CopyState>,
}

/// Memory of an entry of metadata or tags in addition to its texts, in bytes: two strings and a part of a tree node.
pub(crate) const ENTRY_BYTES: usize = 128;

/// The tier whose blobs cannot be read. Moving a blob to it does not change the entity tag.
const ARCHIVE: &str = "Archive";
/// The metadata of a blob that represents a folder.
const FOLDER: &str = "hdi_isfolder";

impl Blob {
    /// Is it archived and therefore unreadable?
    pub fn is_archived(&self) -> bool {
        self.tier.as_deref() == Some(ARCHIVE)
    }

    /// Does it represent a folder? Tools for hierarchical namespaces make such blobs in accounts without one.
    pub(crate) fn is_folder_marker(&self) -> bool {
        let marks =
            |(name, value): (&String, &String)| name.eq_ignore_ascii_case(FOLDER) && value.eq_ignore_ascii_case("true");
        self.length == 0 && self.properties.metadata.iter().any(marks)
    }

    /// The memory that it uses, in bytes (estimate).
    pub(crate) fn bytes_in_memory(&self) -> usize {
        let properties = &self.properties;
        let texts = [
            Some(&self.name),
            Some(&self.etag),
            properties.content_type.as_ref(),
            properties.content_encoding.as_ref(),
            properties.content_language.as_ref(),
            properties.content_disposition.as_ref(),
            properties.cache_control.as_ref(),
            self.tier.as_ref(),
        ];
        let copy = self.copy.iter().map(|copy| copy.id.len() + copy.description.as_ref().map_or(0, String::len));
        let checksum = properties.content_md5.as_ref().map_or(0, Vec::len);
        let texts = texts.into_iter().flatten().map(String::len).chain(copy).sum::<usize>() + checksum;
        let entries = properties.metadata.iter().chain(properties.tags.read().into_iter().flatten());
        let entries: usize = entries.map(|(name, value)| name.len() + value.len() + ENTRY_BYTES).sum();
        size_of::<Self>() + texts + entries
    }
}

/// The id of a lease on a blob. Its holder chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseId(uuid::Uuid);

impl LeaseId {
    /// A unique id.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4())
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_hyphenated())
    }
}

impl std::str::FromStr for LeaseId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        uuid::Uuid::try_parse(text).map(Self)
    }
}

/// A blob's address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BlobRef {
    /// Its container.
    pub container: ContainerName,
    /// Its name.
    pub name: String,
}

impl fmt::Display for BlobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.container, self.name)
    }
}

/// How a blob is to be copied.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, schemars::JsonSchema, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum CopyMethod {
    /// Copy Blob: the service copies asynchronously, and the status is polled.
    Async,
    /// Put Blob From URL: one request, answered when the copy is done.
    Put,
    /// Put Block From URL in parallel, then Put Block List.
    Blocks,
}

impl fmt::Display for CopyMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Async => "async",
            Self::Put => "put",
            Self::Blocks => "blocks",
        })
    }
}
