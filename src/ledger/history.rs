//! The history of runs: when each one started and ended, its counts, and its changes and findings by asset.
//!
//! A run that was killed has no end. Runs do not wait for events: these are written with the next record, so they need
//! no separate commit. A killed run may lose those of its last second.

use jiff::Timestamp;

use super::run_rows::Page;
use super::runs::{Event, RunBegin, RunEnd, RunRow};
use super::writer::Work;
use super::{Ledger, LedgerError};
use crate::plan::LedgerAt;

/// Events that are read together.
const PAGE: usize = 5_000;

impl Ledger {
    /// Records the start of a run, and deletes the events of all except the last thirty runs. If the previous run had
    /// the other direction, the marks of this direction are deleted: that run wrote to this source.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn begin_run(&self, run: &str, at: Timestamp) -> Result<(), LedgerError> {
        let begin = RunBegin { id: run.to_owned(), at };
        self.ask("write", self.writer()?, |reply| Work::BeginRun(begin, reply)).await
    }

    /// Records how a run ended, with its events. A run that never started is not recorded.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn end_run(&self, run: &str, end: RunEnd) -> Result<(), LedgerError> {
        self.ask("write", self.writer()?, |reply| Work::EndRun(Box::new((run.to_owned(), end)), reply)).await
    }

    /// Records an event of a started run. It is written with the next record, or after a second; [`Self::settled`]
    /// waits for it. An event that cannot be written is lost; then the next record also fails and ends the run.
    pub fn event(&self, run: &str, event: Event) {
        // Without a writer, there is no run with events.
        if let Ok(writer) = self.writer() {
            let _ = writer.work.send(Work::Event(Box::new((run.to_owned(), event))));
        }
    }

    /// The identity of the ledger, and its last run.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn at(&self) -> Result<LedgerAt, LedgerError> {
        self.ask("read", self.reader(), Work::At).await
    }

    /// The last runs of both directions, the newest first.
    pub async fn runs(&self, limit: usize) -> Result<Vec<RunRow>, LedgerError> {
        self.ask("read", self.reader(), |reply| Work::Runs(limit, reply)).await
    }

    /// The events of a run in the order they happened; none if they were deleted, or if there is no such run. If
    /// several runs have that id, because they started in the same second, it is the last one.
    pub async fn events_of(&self, run: &str) -> Result<Vec<Event>, LedgerError> {
        let mut events = Vec::new();
        let mut after = 0;
        loop {
            let page = self.events_after(run, after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(events) };
            after = *last;
            events.extend(page.into_iter().map(|(_, event)| event));
        }
    }

    /// At most `limit` events after that position, with their positions. The first one has position 1.
    pub async fn events_after(&self, run: &str, after: u64, limit: usize) -> Result<Vec<(u64, Event)>, LedgerError> {
        self.settled().await?;
        let page = Page { after, limit };
        self.ask("read", self.reader(), |reply| Work::Events(run.to_owned(), page, reply)).await
    }

    /// Removes runs with these numbers, and their events.
    ///
    /// # Errors
    /// The file cannot be written; then some of them may still exist.
    pub async fn remove_runs(&self, numbers: Vec<i64>) -> Result<(), LedgerError> {
        self.ask("write", self.writer()?, |reply| Work::RemoveRuns(numbers, reply)).await
    }
}
