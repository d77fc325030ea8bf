//! Records and reads the last drill: when it was, and whether it passed.
//!
//! It is in the ledger and not in the pair's state on the target, because a drill leaves nothing in the accounts: a
//! write to the state needs permission to write there, and the lock of the target, which a nightly run holds for hours.
//! Nothing depends on the record. If the ledger is lost, the record is lost, too, and the next drill makes a new one.
//!
//! It is written without the run lock, even during a run: a drill does not wait for a nightly run and does not make it
//! fail. It is one row, which no run reads or writes, and `SQLite` orders the commits.

use std::path::Path;

use super::drill::{self, Drill};
use super::lock::RunLock;
use super::writer::Work;
use super::{Ledger, LedgerError, schema};
use crate::model::AccountName;

impl Ledger {
    /// The last drill in this direction; `None`: none is recorded.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn last_drill(&self) -> Result<Option<Drill>, LedgerError> {
        self.ask("read", self.reader(), Work::Drill).await
    }

    /// Records a drill in the ledger of a pair of accounts, even while a run uses it. If there is no ledger, one is
    /// created.
    ///
    /// # Errors
    /// The file cannot be written, or is no ledger of that pair. [`LedgerError::Locked`]: a run is creating it now.
    pub fn record_drill(
        path: &Path,
        source: &AccountName,
        target: &AccountName,
        found: &Drill,
    ) -> Result<(), LedgerError> {
        schema::require_directory(path)?;
        if let Some(connection) = schema::open_beside_run(path, source, target)? {
            return drill::put(&connection, path, source.as_str(), found);
        }
        // Dropped after the connection.
        let _lock = RunLock::take(path)?;
        let connection = schema::open_for_writing(path, source, target)?;
        drill::put(&connection, path, source.as_str(), found)
    }
}
