//! Reads and writes the blobs that only the target has.

use jiff::Timestamp;

use super::kept::{KeptBlob, KeptChange};
use super::writer::Work;
use super::{Ledger, LedgerError};
use crate::model::AssetId;

impl Ledger {
    /// The blobs of an asset that only the target had when a run last looked.
    pub async fn kept(&self, source: &AssetId) -> Result<Vec<KeptBlob>, LedgerError> {
        self.ask("read", self.reader(), |reply| Work::KeptBlobs(source.clone(), reply)).await
    }

    /// Writes new and changed kept blobs of an asset, removes others by their names, and records when a run looked at
    /// them; `None` if it did not. An asset without a row is left out.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn set_kept(
        &self,
        source: &AssetId,
        seen: Option<Timestamp>,
        written: Vec<KeptBlob>,
        removed: Vec<String>,
    ) -> Result<(), LedgerError> {
        let change = Box::new((source.clone(), KeptChange { seen, written, removed }));
        self.ask("write", self.writer()?, |reply| Work::SetKept(change, reply)).await
    }
}
