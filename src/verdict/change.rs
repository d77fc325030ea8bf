//! What a run changes on the target, as data. Text is made where it is shown.

use std::fmt;

use jiff::Timestamp;

use crate::model::{LocatorId, LocatorKind};

/// One kind of change of one asset on the target.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
#[non_exhaustive]
pub enum Change {
    /// A new copy.
    New {
        /// Blobs of it.
        blobs: u64,
    },
    /// Blobs copied again or added.
    Blobs {
        /// How many.
        blobs: u64,
    },
    /// Headers or metadata set in place.
    Headers {
        /// Of how many blobs.
        blobs: u64,
    },
    /// Index tags set in place.
    Tags {
        /// Of how many blobs.
        blobs: u64,
    },
    /// Name, description or mark.
    Name,
    /// Metadata of the container.
    Metadata,
    /// Stored access policies of the container.
    Policies,
    /// Rules of the account for the pages of other sites.
    Cors,
    /// The account's static website.
    Website,
    /// File records.
    Records,
    /// A locator was made.
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
        /// Its new end.
        expiry: Timestamp,
        /// Is the new end later than the one before?
        longer: bool,
    },
    /// A locator was removed and made again, here.
    LocatorMoved {
        /// Its id.
        id: LocatorId,
        /// Milliseconds in which it did not answer.
        dead_milliseconds: u64,
    },
    /// A locator was removed.
    LocatorWithdrawn {
        /// Its id.
        id: LocatorId,
        /// Its kind.
        kind: LocatorKind,
        /// Why.
        why: Withdrawal,
    },
    /// The source has deleted the asset; the copy keeps its bytes.
    Retired,
}

/// Why a locator was withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withdrawal {
    /// The source has no such locator any more.
    Revoked,
    /// The source serves another asset under it.
    Moved,
    /// The asset is protected in the source now.
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
        }
    }
}
