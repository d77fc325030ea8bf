//! The types of stored content and errors that the emulator's own accounts share with external ones.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;

/// What a blob holds: bytes, or a recipe for bytes.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Real bytes.
    Bytes(Bytes),
    /// `length` pseudo-random bytes that follow from `seed`; any range can be produced without the rest.
    Synthetic {
        /// The seed of the bytes.
        seed: u64,
        /// How many bytes.
        length: u64,
    },
}

/// A blob to be stored by the service itself (library loading, encoding jobs).
#[derive(Debug, Clone)]
pub(crate) struct NewBlob {
    pub(crate) content: Content,
    pub(crate) content_type: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// What the service itself sees of a stored blob.
#[derive(Debug, Clone)]
pub(crate) struct StoredBlob {
    pub(crate) name: String,
    pub(crate) length: u64,
    pub(crate) content_type: Option<String>,
}

/// The headers a blob is served with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the headers")]
pub struct Headers {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_language: Option<String>,
    pub content_disposition: Option<String>,
    pub cache_control: Option<String>,
    /// Stored unchecked: it can be wrong and of any length.
    pub content_md5: Option<Vec<u8>>,
}

/// Everything about a blob except its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The entity tag, in quotes.
    pub etag: String,
    /// Seconds since 1970.
    pub last_modified: i64,
    /// Bytes.
    pub length: u64,
    /// Its headers.
    pub headers: Headers,
    /// Its metadata.
    pub metadata: BTreeMap<String, String>,
    /// Its index tags.
    pub tags: BTreeMap<String, String>,
    /// Its access tier, if one was set.
    pub tier: Option<String>,
}

/// A stored access policy of a container (the permission half of a SAS locator).
#[derive(Debug, Clone)]
pub(crate) struct StoredPolicy {
    pub(crate) start: Option<Timestamp>,
    pub(crate) expiry: Option<Timestamp>,
    /// Permission letters in the service's order, such as `rl` or `w`.
    pub(crate) permissions: String,
}

/// Why the storage account refused the service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    #[error("container {0:?} does not exist")]
    NoContainer(String),
    #[error("container {0:?} exists already")]
    ContainerExists(String),
    #[error("blob {0:?} does not exist")]
    NoBlob(String),
    #[error("blob {0:?} is archived")]
    Archived(String),
    #[error("blob {0:?} can be read only with the customer's key")]
    KeyRequired(String),
    #[error("container {0:?} has five stored access policies")]
    TooManyPolicies(String),
    #[error("the storage account answered {0}")]
    Backend(String),
}
