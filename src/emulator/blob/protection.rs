//! What keeps clients from changing the blobs of a container: object replication into it, an immutability policy, a
//! legal hold.
//!
//! Settings of the emulator and its handle protect a container; clients cannot.

use super::refusal::{IMMUTABLE_BY_HOLD, IMMUTABLE_BY_POLICY, REPLICATION_TARGET, Refusal};
use crate::emulator::settings::Protection;

/// The object replication policy that every replicated container is part of.
pub(super) const REPLICATION_POLICY: &str = "d2f9c7a1-0b6e-4a53-9d2c-5f8e7b1a3c64";

/// The kinds of writes that protections distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// Makes a blob, or stages blocks.
    New,
    /// Changes or replaces a blob.
    Change,
    /// Sets index tags, which an immutability policy does not protect.
    Tags,
    /// Deletes a blob.
    Deletion,
}

/// 409 if the protection of the container forbids the write.
pub(super) fn check(protection: Option<Protection>, write: Write) -> Result<(), Refusal> {
    let Some(protection) = protection else { return Ok(()) };
    match (protection, write) {
        (Protection::Replication, Write::New | Write::Change | Write::Tags) => Err(REPLICATION_TARGET),
        (Protection::Immutability, Write::Change | Write::Deletion) => Err(IMMUTABLE_BY_POLICY),
        (Protection::LegalHold, Write::Change | Write::Deletion) => Err(IMMUTABLE_BY_HOLD),
        (Protection::Replication, Write::Deletion)
        | (Protection::Immutability | Protection::LegalHold, Write::New | Write::Tags) => Ok(()),
    }
}
