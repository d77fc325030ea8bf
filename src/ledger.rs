//! The ledger: what was begun and what was done, in one SQLite file.

use std::path::Path;

use jiff::Timestamp;

use crate::model::{AccountName, AssetId, ContainerName};

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct LedgerError;

/// The steps of one asset, in their only order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Make the empty target asset.
    CreateTarget,
    /// Copy its blobs.
    CopyBlobs,
    /// Compare what arrived.
    Verify,
    /// Make its file records.
    RegisterFiles,
    /// Make its streaming locators. The last step: a half-copied asset never answers.
    PublishLocators,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Begun; what happened since is to be asked of the service.
    Started,
    /// Done.
    Succeeded,
    /// Ended in an error.
    Failed,
}

/// What becomes known with a step. `None` keeps what was known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Name to show.
    pub name: Option<String>,
    /// Target asset.
    pub target: Option<AssetId>,
    /// Target container.
    pub container: Option<ContainerName>,
    /// Digest of the source's blobs (names, lengths, ETags).
    pub source_digest: Option<String>,
    /// Digest of the target's blobs when they were verified.
    pub target_digest: Option<String>,
    /// Digest of the source's file records.
    pub files_digest: Option<String>,
    /// Digest of the source's streaming locators.
    pub locators_digest: Option<String>,
    /// Blobs of the asset.
    pub blobs: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
    /// Why the step failed; redacted.
    pub error: Option<String>,
}

/// Everything the ledger knows of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetRow {
    /// Source asset.
    pub source: AssetId,
    /// The last step recorded.
    pub step: Step,
    /// How far it is.
    pub status: Status,
    /// What is known.
    pub facts: Facts,
    /// When it was last recorded.
    pub updated: Timestamp,
}

impl AssetRow {
    /// Was everything done?
    pub fn complete(&self) -> bool {
        self.step == Step::PublishLocators && self.status == Status::Succeeded
    }
}

/// An open ledger: the only one of its file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger;

impl Ledger {
    /// Opens or makes the ledger of a pair of accounts and takes its lock.
    pub fn open(_path: &Path, _source: &AccountName, _target: &AccountName) -> Result<Self, LedgerError> {
        todo!("C3")
    }

    /// A ledger in memory, for tests and dry runs without a file.
    pub fn in_memory() -> Result<Self, LedgerError> {
        todo!("C3")
    }

    /// What is known of that source asset.
    pub async fn asset(&self, _source: &AssetId) -> Result<Option<AssetRow>, LedgerError> {
        todo!("C3")
    }

    /// Everything, in order of source id, from the one after `after`, at most `limit` rows.
    pub async fn assets(&self, _after: Option<&AssetId>, _limit: usize) -> Result<Vec<AssetRow>, LedgerError> {
        todo!("C3")
    }

    /// Records a step; durable when it returns.
    pub async fn record(
        &self,
        _source: &AssetId,
        _step: Step,
        _status: Status,
        _facts: Facts,
    ) -> Result<(), LedgerError> {
        todo!("C3")
    }

    /// Forgets an asset that exists no more on either side.
    pub async fn forget(&self, _source: &AssetId) -> Result<(), LedgerError> {
        todo!("C3")
    }

    /// Writes everything out, gives the lock back.
    pub async fn close(self) -> Result<(), LedgerError> {
        todo!("C3")
    }
}
