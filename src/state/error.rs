//! Why the state of a target cannot be used: what failed, why, and what to do.

use std::fmt;

/// Why the state cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// A blob of the state has content that mediamirror does not write.
    #[error(
        "cannot read the state in blob {blob} of storage account {account}: it is damaged ({reason}); restore an earlier \
         version of the blob; if there is none, delete the blob and run `sync --rebuild-ledger`: the guards then count from \
         zero, and adopted locators have to be adopted again"
    )]
    Damaged {
        /// The storage account.
        account: String,
        /// The blob.
        blob: String,
        /// What is wrong with its content.
        reason: String,
    },
    /// Another release wrote it.
    #[error(
        "cannot read the state in blob {blob} of storage account {account}: another release of mediamirror wrote it \
         (version {found}, this one knows {known}); use that release"
    )]
    UnknownVersion {
        /// The storage account.
        account: String,
        /// The blob.
        blob: String,
        /// Its version.
        found: u64,
        /// The version this program knows.
        known: u32,
    },
    /// Another program wrote or deleted a blob of the state since it was read.
    #[error(
        "cannot write the state to blob {blob} of storage account {account}: another program changed it at the same time; \
         find that program, stop it, and run this command again"
    )]
    Changed {
        /// The storage account.
        account: String,
        /// The blob.
        blob: String,
    },
}

/// Why a lock is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockLoss {
    /// It was not renewed in time: the service did not answer, or this machine was suspended.
    NotRenewed,
    /// According to the service, the lease is no longer ours.
    Taken,
}

impl fmt::Display for LockLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRenewed => "it was not renewed in time",
            Self::Taken => "another program broke it, or deleted its blob",
        })
    }
}
