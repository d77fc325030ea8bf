//! The types of the domain: accounts, assets, files, locators, blobs. It has no I/O and no formats of a service.

mod blob;
mod filter;
mod mark;
mod selection;
mod tags;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

pub(crate) use blob::ENTRY_BYTES;
pub use blob::{Blob, BlobKind, BlobProperties, BlobRef, CopyMethod, CopyState, CopyStatus, Extent, LeaseId};
pub use filter::{Filter, FilterChange, FilterRules, TimeRange, TrackCondition};
pub use mark::Mark;
pub use selection::{Archived, LeftOut, Selection};
pub use tags::IndexTags;

/// Makes a newtype over a text that is compared and printed as that text.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, schemars::JsonSchema, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text unchanged.
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a media or storage account.
    AccountName
}
name! {
    /// An asset's id in the spelling of its service, such as `nb:cid:UUID:…`.
    AssetId
}
name! {
    /// A blob container's name.
    ContainerName
}
name! {
    /// The part of a locator's id that is in streaming URLs: a lower-case GUID without prefix.
    LocatorId
}

name! {
    /// An encoding job's id in the spelling of its service, such as `nb:jid:UUID:…`.
    JobId
}

/// The state of an encoding job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, schemars::JsonSchema, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Waits to be scheduled.
    Queued,
    /// Waits for a free encoder.
    Scheduled,
    /// Is being encoded.
    Processing,
    /// Done.
    Finished,
    /// Ended in error.
    Error,
    /// Ended on request.
    Canceled,
    /// Is about to end on request.
    Canceling,
}

impl JobState {
    /// Is it final?
    pub fn is_final(self) -> bool {
        matches!(self, Self::Finished | Self::Error | Self::Canceled)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queued => "queued",
            Self::Scheduled => "scheduled",
            Self::Processing => "processing",
            Self::Finished => "finished",
            Self::Error => "error",
            Self::Canceled => "canceled",
            Self::Canceling => "canceling",
        })
    }
}

/// How an asset is encrypted at rest by the media service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, schemars::JsonSchema, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssetEncryption {
    /// In the clear.
    None,
    /// With a key of the media account: a copy of only the blobs would be unreadable.
    Storage,
    /// MPEG common encryption, already applied to the files.
    Common,
    /// Envelope (AES) encryption, already applied to the files.
    Envelope,
}

/// An asset: a container of blobs with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// The service's id.
    pub id: AssetId,
    /// Its name, which is optional and can be any text.
    pub name: Option<String>,
    /// Free text; on the target it holds the source asset's id.
    pub alternate_id: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// How it is encrypted.
    pub encryption: AssetEncryption,
    /// The storage account that holds it; `None` = the service does not report it (`x-ms-version` below 2.2).
    pub storage_account: Option<AccountName>,
    /// Its container; `None` = the service does not report it (`x-ms-version` below 2.2).
    pub container: Option<ContainerName>,
    /// Metadata of its container, if that is part of the library. Names are in lower case.
    pub metadata: BTreeMap<String, String>,
}

/// What anyone can read in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicAccess {
    /// Blobs, if their names are known.
    Blobs,
    /// Blobs, and their listing.
    Container,
}

impl PublicAccess {
    /// Both levels.
    const ALL: [Self; 2] = [Self::Blobs, Self::Container];

    /// The storage service's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blobs => "blob",
            Self::Container => "container",
        }
    }

    /// The level of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

impl Asset {
    /// An asset of which only the id and the display name are known.
    pub(crate) fn known_by(id: &AssetId, label: &str) -> Self {
        Self {
            id: id.clone(),
            name: Some(label.to_owned()),
            alternate_id: None,
            created: None,
            encryption: AssetEncryption::None,
            storage_account: None,
            container: None,
            metadata: BTreeMap::new(),
        }
    }

    /// The display name: the asset's own, or its id if it has none.
    pub fn label(&self) -> &str {
        self.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(self.id.as_str())
    }

    /// Did a write test of `doctor` create it? A remaining one is not part of a library.
    pub fn is_scratch(&self) -> bool {
        self.alternate_id.as_deref().is_some_and(|text| text.starts_with(SCRATCH))
    }
}

/// The prefix of the names and alternate ids of assets of write tests. Such an alternate id does not name a source
/// asset.
pub const SCRATCH: &str = "mediamirror-doctor-";

/// An asset to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAsset {
    /// Name of the source asset.
    pub name: Option<String>,
    /// Id of the source asset, by which the copy is found.
    pub alternate_id: String,
    /// Encryption option; write-once.
    pub encryption: AssetEncryption,
    /// Storage account to use; `None` = the account's default.
    pub storage_account: Option<AccountName>,
}

/// A change of an asset's own properties: the outer `None` keeps a property, the inner one removes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssetChange {
    /// Its name.
    pub name: Option<Option<String>>,
    /// Its alternate id.
    pub alternate_id: Option<Option<String>>,
    /// The metadata of its container, if that is part of the library.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// The restrictions on who may play an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Nothing.
    None,
    /// It has content keys, delivery policies, or both.
    Protected {
        /// Content keys that are linked to it.
        keys: u32,
        /// Delivery policies that are linked to it.
        policies: u32,
    },
}

/// A file record of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetFile {
    /// The asset it belongs to.
    pub asset: AssetId,
    /// Name of the blob it describes (or of a virtual folder, in live archives).
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// MIME type, if one was set.
    pub mime_type: Option<String>,
    /// Is it the primary file, with which a player starts?
    pub primary: bool,
    /// Encrypted by the service.
    pub encrypted: bool,
}

/// What a locator gives access to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, schemars::JsonSchema, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocatorKind {
    /// Direct blob access through a shared access signature. Never mirrored: its URL names the storage account.
    Sas,
    /// Streaming through an origin; the URL path is the locator's id.
    Streaming,
    /// Public access to a container: the URL path is the container's name, and the locator's name is the level.
    Public,
}

impl LocatorKind {
    /// Is it mirrored?
    pub fn is_mirrored(self) -> bool {
        self != Self::Sas
    }
}

/// A locator of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locator {
    /// The id in URLs.
    pub id: LocatorId,
    /// The asset it opens.
    pub asset: AssetId,
    /// SAS or streaming.
    pub kind: LocatorKind,
    /// Its name, if any.
    pub name: Option<String>,
    /// When it starts to be valid; `None` = immediately.
    pub start: Option<Timestamp>,
    /// When it ends.
    pub expiry: Timestamp,
    /// For a streaming locator its URL with a trailing slash. `None` for other kinds (for SAS it is a secret).
    pub path: Option<String>,
    /// Id of its access policy, as listed.
    pub policy: Option<String>,
}

/// A streaming host of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamingHost {
    /// The endpoint's name, such as `default`.
    pub name: String,
    /// Scheme and host, such as `http://acct.streaming.mediaservices.windows.net`.
    pub url: String,
    /// Is it running?
    pub running: bool,
}

/// Which side of the mirror an account is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, schemars::JsonSchema, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Read only.
    Source,
    /// Written.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// Which of an account's services a request goes to. Each has its own limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, schemars::JsonSchema, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plane {
    /// Media service: token, lists, records, locators.
    Media,
    /// Blob service: lists, properties, polling.
    BlobRead,
    /// Blob service: copies and other writes.
    BlobWrite,
    /// Streaming host or public blobs, as requested by viewers.
    Viewer,
    /// The service that issues tokens for the blob service.
    SignIn,
}
