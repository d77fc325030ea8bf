//! The history of runs: when each began and ended, what it counted, and what it changed and found, asset by asset.
//!
//! A run that was killed has no end. Events are not waited for: they are written with the next record, so they cost no
//! commit of their own; a killed run may lose those of its last second.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::writer::Work;
use super::{Ledger, LedgerError};
use crate::model::{AccountName, AssetId};
use crate::verdict::{Change, Finding};

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its id, as in its summary.
    pub id: String,
    /// The account that was the source.
    pub source: AccountName,
    /// When it began.
    pub began: Timestamp,
    /// How it ended; `None`: it was killed, or is still running.
    pub ended: Option<RunEnd>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// When.
    pub at: Timestamp,
    /// The code of its outcome, such as `complete`.
    pub outcome: String,
    /// What it counted; `None`: it failed.
    pub counts: Option<RunCounts>,
}

/// What a run counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCounts {
    /// Assets by how they ended, an object of numbers.
    pub assets: Value,
    /// Requests sent.
    pub requests: u64,
    /// Bytes copied.
    pub bytes: u64,
}

/// Something that a run changed or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The source asset; `None`: it concerns no single asset.
    pub asset: Option<AssetId>,
    /// When.
    pub at: Timestamp,
    /// The code of a cause, or the kind of a change.
    pub code: String,
    /// What belongs to it, by name; secrets are masked when it is written.
    pub detail: Map<String, Value>,
}

impl Event {
    /// An asset was changed on the target.
    pub fn changed(asset: &AssetId, change: &Change) -> Self {
        Self::of(Some(asset), change, "change")
    }

    /// Something is wrong with an asset, or with the run.
    pub fn found(asset: Option<&AssetId>, finding: &Finding) -> Self {
        Self::of(asset, finding, "code")
    }

    /// An event whose code is the value of that name; the other values are its detail.
    fn of(asset: Option<&AssetId>, what: &impl serde::Serialize, code: &str) -> Self {
        let Ok(Value::Object(mut detail)) = serde_json::to_value(what) else {
            unreachable!("changes and findings are objects with text as keys")
        };
        let code = detail.remove(code).and_then(|code| code.as_str().map(str::to_owned)).expect("each has a code");
        detail.retain(|_, value| value != "");
        Self { asset: asset.cloned(), at: crate::clock::now(), code, detail }
    }
}

/// The begin of a run, to be written.
#[derive(Debug)]
pub(super) struct RunBegin {
    pub(super) id: String,
    pub(super) at: Timestamp,
}

impl Ledger {
    /// Records that a run begins, and deletes the events of all but the last thirty runs. If the run before it went in the
    /// other direction, the marks of this direction are deleted: that run wrote to this source.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn begin_run(&self, run: &str, at: Timestamp) -> Result<(), LedgerError> {
        let begin = RunBegin { id: run.to_owned(), at };
        self.ask("write", self.writer()?, |reply| Work::BeginRun(begin, reply)).await
    }

    /// Records how a run ended, with its events. A run that never began is not recorded.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn end_run(&self, run: &str, end: RunEnd) -> Result<(), LedgerError> {
        self.ask("write", self.writer()?, |reply| Work::EndRun(Box::new((run.to_owned(), end)), reply)).await
    }

    /// Records an event of a run that began. It is written with the next record, at the latest a second later;
    /// [`Self::settled`] waits for it. An event that cannot be written is lost: then the next record cannot be written
    /// either, and ends the run.
    pub fn event(&self, run: &str, event: Event) {
        // Without a writer there is no run that could have events.
        if let Ok(writer) = self.writer() {
            let _ = writer.work.send(Work::Event(Box::new((run.to_owned(), event))));
        }
    }

    /// The last runs of both directions, the newest first.
    pub async fn runs(&self, limit: usize) -> Result<Vec<RunRow>, LedgerError> {
        self.ask("read", self.reader(), |reply| Work::Runs(limit, reply)).await
    }

    /// The events of a run in the order they happened; none if they were deleted, or if there is no such run. Of several
    /// runs with that id, which began in the same second, it is the last one.
    pub async fn events_of(&self, run: &str) -> Result<Vec<Event>, LedgerError> {
        self.settled().await?;
        self.ask("read", self.reader(), |reply| Work::Events(run.to_owned(), reply)).await
    }
}
