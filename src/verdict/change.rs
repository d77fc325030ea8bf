//! The changes of a run on the target, as data. They become text only for display.

use std::fmt;

use jiff::Timestamp;

use crate::model::{AssetId, LocatorId, LocatorKind};

/// The number of blob names in a line.
const SHOWN: usize = 10;

/// One kind of change of one asset on the target.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
#[non_exhaustive]
pub enum Change {
    /// A new copy.
    New {
        /// The number of its blobs.
        blobs: u64,
    },
    /// Blobs copied again or added.
    Blobs {
        /// The number of blobs.
        blobs: u64,
    },
    /// Headers or metadata set in place.
    Headers {
        /// The number of blobs.
        blobs: u64,
    },
    /// Index tags set in place.
    Tags {
        /// The number of blobs.
        blobs: u64,
    },
    /// Name, description or mark.
    Name,
    /// Metadata of the container.
    Metadata,
    /// Stored access policies of the container.
    Policies,
    /// CORS rules of the account.
    Cors,
    /// The account's static website.
    Website,
    /// File records.
    Records,
    /// Filters of dynamic packaging, of an asset or of the account.
    Filters {
        /// The names of those that were created or changed.
        set: Vec<String>,
        /// The names of those that were deleted.
        deleted: Vec<String>,
    },
    /// A locator was created.
    LocatorMade {
        /// Its id.
        id: LocatorId,
        /// Its kind.
        kind: LocatorKind,
    },
    /// A locator got other terms.
    LocatorTerms {
        /// Its id.
        id: LocatorId,
        /// Its kind.
        kind: LocatorKind,
        /// Its new expiry.
        expiry: Timestamp,
        /// Is the new expiry later than the previous one?
        longer: bool,
    },
    /// A locator was removed from another copy and created on this one.
    LocatorMoved {
        /// Its id.
        id: LocatorId,
        /// Milliseconds in which it was unavailable.
        dead_milliseconds: u64,
    },
    /// A locator was removed.
    LocatorWithdrawn {
        /// Its id.
        id: LocatorId,
        /// Its kind.
        kind: LocatorKind,
        /// The reason.
        why: Withdrawal,
    },
    /// The source has deleted the asset; the copy keeps its bytes.
    Retired,
    /// The retired copy will be deleted.
    CopyToDelete {
        /// The earliest time of the deletion.
        on: Timestamp,
    },
    /// The retired copy was deleted.
    CopyDeleted {
        /// Its blobs.
        blobs: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// Blobs that the source has deleted will be deleted.
    BlobsToDelete {
        /// Their names.
        names: Vec<String>,
        /// Their bytes.
        bytes: u64,
        /// The earliest time of the deletion.
        on: Timestamp,
    },
    /// Blobs that the source has deleted were deleted.
    BlobsDeleted {
        /// Their names.
        names: Vec<String>,
        /// Their bytes.
        bytes: u64,
    },
    /// A second copy of the asset was deleted.
    SecondCopyDeleted {
        /// Its id.
        copy: AssetId,
        /// The copy that is kept.
        kept: AssetId,
    },
}

impl Change {
    /// Does it remove something from the target, or announce that? Then it is always reported, however many changes
    /// there are.
    pub fn takes_away(&self) -> bool {
        matches!(self, Self::Filters { deleted, .. } if !deleted.is_empty())
            || matches!(
                self,
                Self::LocatorWithdrawn { .. }
                    | Self::Retired
                    | Self::CopyToDelete { .. }
                    | Self::CopyDeleted { .. }
                    | Self::BlobsToDelete { .. }
                    | Self::BlobsDeleted { .. }
                    | Self::SecondCopyDeleted { .. }
            )
    }
}

/// The reason why a locator was withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, schemars::JsonSchema, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withdrawal {
    /// The source no longer has the locator.
    Revoked,
    /// In the source, the locator plays another asset.
    Moved,
    /// The asset is now protected in the source.
    Protected,
    /// The operator withholds it.
    Withheld,
}

impl fmt::Display for Withdrawal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Revoked => "revoked in the source",
            Self::Moved => "moved in the source",
            Self::Protected => "protected in the source",
            Self::Withheld => "withheld by the configuration",
        })
    }
}

/// The first names, and the number of the others.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more (`-o json` and `runs show` have all)"),
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |n: u64, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
        match self {
            Self::New { blobs } => write!(f, "new, {}", counted(*blobs, "blob")),
            Self::Blobs { blobs } => f.write_str(&counted(*blobs, "blob")),
            Self::Headers { blobs } => write!(f, "headers of {}", counted(*blobs, "blob")),
            Self::Tags { blobs } => write!(f, "tags of {}", counted(*blobs, "blob")),
            Self::Name => f.write_str("name"),
            Self::Metadata => f.write_str("metadata of the container"),
            Self::Policies => f.write_str("stored access policies"),
            Self::Cors => f.write_str("CORS rules"),
            Self::Website => f.write_str("static website"),
            Self::Records => f.write_str("file records"),
            Self::Filters { set, deleted } => {
                let set = (!set.is_empty()).then(|| format!("filters set: {}", listed(set)));
                let deleted = (!deleted.is_empty()).then(|| format!("filters deleted: {}", listed(deleted)));
                f.write_str(&set.into_iter().chain(deleted).collect::<Vec<_>>().join("; "))
            }
            Self::LocatorMade { kind: LocatorKind::Public, .. } => f.write_str("public access opened"),
            Self::LocatorTerms { kind: LocatorKind::Public, .. } => f.write_str("level of public access"),
            Self::LocatorWithdrawn { kind: LocatorKind::Public, why, .. } => {
                write!(f, "public access closed ({why})")
            }
            Self::LocatorMade { id, .. } => write!(f, "locator {id} published"),
            Self::LocatorTerms { id, expiry, longer, .. } => {
                write!(f, "locator {id} {} to {expiry:.0}", if *longer { "extended" } else { "shortened" })
            }
            Self::LocatorMoved { id, dead_milliseconds } => {
                write!(f, "locator {id} moved here, {dead_milliseconds} ms without an answer")
            }
            Self::LocatorWithdrawn { id, why, .. } => write!(f, "locator {id} withdrawn ({why})"),
            Self::Retired => f.write_str("deleted in the source; its bytes are kept"),
            Self::CopyToDelete { on } => write!(f, "to be deleted from {on:.0} on"),
            Self::CopyDeleted { blobs, .. } => write!(f, "copy deleted with {}", counted(*blobs, "blob")),
            Self::BlobsToDelete { names, on, .. } => {
                write!(f, "{} to be deleted from {on:.0} on: {}", counted(names.len() as u64, "blob"), listed(names))
            }
            Self::BlobsDeleted { names, .. } => {
                write!(f, "{} deleted: {}", counted(names.len() as u64, "blob"), listed(names))
            }
            Self::SecondCopyDeleted { copy, kept } => write!(f, "second copy {copy} deleted, {kept} stays"),
        }
    }
}
