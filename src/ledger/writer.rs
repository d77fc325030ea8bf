//! The threads that own the connections. One thread writes, records of many assets in one transaction (group commit); a
//! record is acknowledged after its commit. Events wait for the next group and share its commit. Another thread reads. Callers wait on channels, so no runtime thread blocks.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::kept::{self, KeptBlob, KeptChange};
use super::lock::RunLock;
use super::rows::{self, Record};
use super::run_rows::Page;
use super::runs::{Event, RunBegin, RunEnd, RunRow};
use super::{AssetRow, Drill, LedgerError, Mark, drill, run_rows, schema};
use crate::model::AssetId;
use crate::plan::LedgerAt;

/// Records per transaction. Measured on one virtual disk: more than 512 is hardly faster.
const MAX_BATCH: usize = 256;

/// The shortest time between two commits: records that arrive meanwhile share the next one, and the thread sleeps. It
/// is a quarter of the 20 ms of a request. With a commit for nearly every record of a busy run, commits were a third of
/// the program's system calls.
const PAUSE: Duration = Duration::from_millis(5);

/// How long events wait for a record with which they can share a commit. During copies there may be no record for
/// hours, and a killed run loses waiting events. A guess.
const EVENTS_WAIT: Duration = Duration::from_secs(1);

/// The channel for an answer. Its receiver is gone if the caller was cancelled.
pub(super) type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;

/// A request to the threads.
#[derive(Debug)]
pub(super) enum Work {
    /// Write a record.
    Record(Box<Record>, Reply<()>),
    /// Write the end of a step and the start of the next.
    Advance(Box<[Record; 2]>, Reply<()>),
    /// Remove a row.
    Forget(AssetId, Reply<()>),
    /// Remove the fingerprint of file records from a row.
    ForgetFiles(AssetId, Reply<()>),
    /// Write kept blobs of an asset.
    SetKept(Box<(AssetId, KeptChange)>, Reply<()>),
    /// Read the kept blobs of an asset.
    KeptBlobs(AssetId, Reply<Vec<KeptBlob>>),
    /// Change the fingerprint of locators in a row.
    SetLocators(Box<(AssetId, String, Option<Timestamp>)>, Reply<()>),
    /// Read the rows of some assets.
    Several(Vec<AssetId>, Reply<Vec<Option<AssetRow>>>),
    /// Read a page of rows.
    Page(Option<AssetId>, usize, Reply<Vec<AssetRow>>),
    /// Count the rows.
    Count(Reply<u64>),
    /// Read a mark.
    Mark(Mark, Reply<Option<Timestamp>>),
    /// Read the last drill.
    Drill(Reply<Option<Drill>>),
    /// Write a mark.
    SetMark(Mark, Timestamp, Reply<()>),
    /// Write the start of a run, and delete old events.
    BeginRun(RunBegin, Reply<()>),
    /// Write the end of the run with that id.
    EndRun(Box<(String, RunEnd)>, Reply<()>),
    /// Write an event of the run with that id, with the next group.
    Event(Box<(String, Event)>),
    /// Read the ledger's identity and the number of its last run.
    At(Reply<LedgerAt>),
    /// Read the last runs.
    Runs(usize, Reply<Vec<RunRow>>),
    /// Read a page of the events of a run, with their positions.
    Events(String, Page, Reply<Vec<(u64, Event)>>),
    /// Remove runs and their events.
    RemoveRuns(Vec<i64>, Reply<()>),
    /// Write the waiting events and answer; all earlier work is then done.
    Settle(Reply<()>),
    /// Close the file, end the thread.
    Close(Reply<()>),
}

/// A thread's state.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    /// The source account of this run.
    pub(super) from: String,
    /// Events that wait for the next commit, each with its run's id.
    pub(super) events: Vec<(String, Event)>,
    /// The latest time for writing the first of them.
    pub(super) events_due: Option<Instant>,
    /// Until then, a change waits for others to share a commit; `None` if it does not wait, because a commit costs
    /// nothing.
    pub(super) next_commit: Option<Instant>,
    /// Held as long as the file is open for writing. Last field: dropped after the connection.
    pub(super) lock: Option<RunLock>,
}

/// A change that waits for its commit.
#[derive(Debug)]
enum Change {
    Record(Box<Record>),
    Advance(Box<[Record; 2]>),
    Forget(AssetId),
    ForgetFiles(AssetId),
    Kept(Box<(AssetId, KeptChange)>),
    SetLocators(Box<(AssetId, String, Option<Timestamp>)>),
    Mark(Mark, Timestamp),
    EndRun(Box<(String, RunEnd)>),
}

impl Worker {
    /// A worker that only reads, or whose commits cost nothing.
    pub(super) fn of(connection: Connection, path: &Path, from: &str) -> Self {
        let (path, from) = (path.to_owned(), from.to_owned());
        Self { connection, path, from, events: Vec::new(), events_due: None, next_commit: None, lock: None }
    }

    /// Works until it is asked to close, or until all senders are dropped.
    pub(super) fn run(mut self, work: &Receiver<Work>) {
        let mut next = None;
        while let Some(item) = next.take().or_else(|| self.receive(work)) {
            match item {
                Work::Record(record, reply) => next = self.group(Change::Record(record), reply, work),
                Work::Advance(both, reply) => next = self.group(Change::Advance(both), reply, work),
                Work::Forget(asset, reply) => next = self.group(Change::Forget(asset), reply, work),
                Work::ForgetFiles(asset, reply) => next = self.group(Change::ForgetFiles(asset), reply, work),
                Work::SetKept(change, reply) => next = self.group(Change::Kept(change), reply, work),
                Work::SetLocators(all, reply) => next = self.group(Change::SetLocators(all), reply, work),
                Work::SetMark(mark, at, reply) => next = self.group(Change::Mark(mark, at), reply, work),
                Work::EndRun(end, reply) => next = self.group(Change::EndRun(end), reply, work),
                Work::Event(event) => self.take_event(*event),
                Work::BeginRun(begin, reply) => {
                    let written = run_rows::begin(&mut self.connection, &self.from, &begin);
                    let _ = reply.send(written.map_err(|e| self.failed("write", &e)));
                }
                Work::RemoveRuns(numbers, reply) => {
                    let removed = run_rows::remove(&mut self.connection, &numbers);
                    let _ = reply.send(removed.map_err(|e| self.failed("write", &e)));
                }
                Work::Settle(reply) => {
                    let _ = reply.send(self.write_events());
                }
                Work::Close(reply) => {
                    let _ = reply.send(self.close());
                    return;
                }
                read => self.read(read),
            }
        }
    }

    /// The next item. Events do not wait for it longer than [`EVENTS_WAIT`].
    fn receive(&mut self, work: &Receiver<Work>) -> Option<Work> {
        if !self.events.is_empty() {
            let due = *self.events_due.get_or_insert_with(|| Instant::now() + EVENTS_WAIT);
            match work.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(item) => return Some(item),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => self.write_events_or_warn(),
            }
        }
        work.recv().ok()
    }

    /// Answers a question.
    fn read(&self, question: Work) {
        let (connection, from) = (&self.connection, self.from.as_str());
        match question {
            Work::Count(reply) => self.answer(reply, rows::count(connection, from)),
            Work::Mark(mark, reply) => self.answer(reply, rows::mark(connection, from, mark)),
            Work::Drill(reply) => self.answer(reply, drill::last(connection, from)),
            Work::KeptBlobs(asset, reply) => self.answer(reply, kept::all(connection, from, &asset)),
            Work::Several(assets, reply) => self.answer(reply, rows::several(connection, from, &assets)),
            Work::Page(after, limit, reply) => self.answer(reply, rows::page(connection, from, after.as_ref(), limit)),
            Work::At(reply) => self.answer(reply, schema::at(connection)),
            Work::Runs(limit, reply) => self.answer(reply, run_rows::runs(connection, limit)),
            Work::Events(run, page, reply) => self.answer(reply, run_rows::events(connection, &run, page)),
            _ => unreachable!("everything else is a change"),
        }
    }

    fn answer<T>(&self, reply: Reply<T>, found: rusqlite::Result<T>) {
        let _ = reply.send(found.map_err(|error| self.failed("read", &error)));
    }

    /// The waiting events, for a commit.
    fn events_to_write(&mut self) -> Vec<(String, Event)> {
        self.events_due = None;
        std::mem::take(&mut self.events)
    }

    /// Keeps an event for the next commit; a full group of events is committed immediately.
    fn take_event(&mut self, event: (String, Event)) {
        self.events.push(event);
        if self.events.len() >= MAX_BATCH {
            self.write_events_or_warn();
        }
    }

    /// Writes the waiting events.
    fn write_events(&mut self) -> Result<(), LedgerError> {
        let events = self.events_to_write();
        if events.is_empty() {
            return Ok(());
        }
        let written = commit(&mut self.connection, &self.path, &self.from, &[], &events);
        written.map(drop).map_err(|error| self.failed("write", &error))
    }

    /// The same for callers that do not wait for the answer.
    fn write_events_or_warn(&mut self) {
        if let Err(error) = self.write_events() {
            tracing::warn!(%error, "events of the run are lost");
        }
    }

    /// Commits a change together with those that arrive before the next commit is due; returns the item that ended the
    /// group, if there is one.
    fn group(&mut self, first: Change, reply: Reply<()>, work: &Receiver<Work>) -> Option<Work> {
        if let Some(due) = self.next_commit {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let mut batch = vec![(first, reply)];
        let mut next = None;
        while batch.len() + self.events.len() < MAX_BATCH {
            match work.try_recv() {
                Ok(Work::Record(record, reply)) => batch.push((Change::Record(record), reply)),
                Ok(Work::Advance(both, reply)) => batch.push((Change::Advance(both), reply)),
                Ok(Work::Forget(asset, reply)) => batch.push((Change::Forget(asset), reply)),
                Ok(Work::ForgetFiles(asset, reply)) => batch.push((Change::ForgetFiles(asset), reply)),
                Ok(Work::SetKept(change, reply)) => batch.push((Change::Kept(change), reply)),
                Ok(Work::SetLocators(all, reply)) => batch.push((Change::SetLocators(all), reply)),
                Ok(Work::SetMark(mark, at, reply)) => batch.push((Change::Mark(mark, at), reply)),
                Ok(Work::EndRun(end, reply)) => batch.push((Change::EndRun(end), reply)),
                Ok(Work::Event(event)) => self.events.push(*event),
                Ok(other) => {
                    next = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        let (changes, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let events = self.events_to_write();
        let committed = commit(&mut self.connection, &self.path, &self.from, &changes, &events);
        self.next_commit = self.next_commit.map(|_| Instant::now() + PAUSE);
        match committed {
            Ok(results) => {
                for (reply, result) in replies.into_iter().zip(results) {
                    let _ = reply.send(result);
                }
            }
            Err(error) => {
                let error = self.failed("write", &error);
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
        next
    }

    fn failed(&self, attempted: &'static str, error: &rusqlite::Error) -> LedgerError {
        LedgerError::of(attempted, &self.path, error)
    }

    /// Writes the waiting events, closes the file, then releases the lock.
    fn close(mut self) -> Result<(), LedgerError> {
        let written = self.write_events();
        let Self { connection, path, lock, .. } = self;
        let closed = connection.close().map_err(|(_, error)| LedgerError::of("close", &path, &error));
        drop(lock);
        written.and(closed)
    }
}

/// Writes every change and event in one transaction. The outer error concerns the file: nothing was written. An inner
/// error concerns only that change.
fn commit(
    connection: &mut Connection,
    path: &Path,
    from: &str,
    changes: &[Change],
    events: &[(String, Event)],
) -> rusqlite::Result<Vec<Result<(), LedgerError>>> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut results = Vec::with_capacity(changes.len());
    for change in changes {
        results.push(match change {
            Change::Record(record) => rows::write(&transaction, path, from, record)?,
            Change::Advance(both) => rows::advance(&transaction, path, from, both)?,
            Change::Forget(asset) => Ok(rows::forget(&transaction, from, asset)?),
            Change::ForgetFiles(asset) => Ok(rows::forget_files(&transaction, from, asset)?),
            Change::Kept(change) => Ok(kept::write(&transaction, from, &change.0, &change.1)?),
            Change::SetLocators(all) => Ok(rows::set_locators(&transaction, from, all)?),
            Change::Mark(mark, at) => Ok(rows::set_mark(&transaction, from, *mark, *at)?),
            Change::EndRun(ended) => Ok(run_rows::end(&transaction, &ended.0, &ended.1)?),
        });
    }
    for (run, event) in events {
        run_rows::add(&transaction, run, event)?;
    }
    transaction.commit()?;
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::super::{Facts, Status, Step};
    use super::*;

    fn record(number: usize) -> Box<Record> {
        Box::new(Record {
            asset: AssetId::new(number.to_string()),
            step: Step::CreateTarget,
            status: Status::Started,
            facts: Facts { name: Some("n".repeat(1_000)), ..Facts::default() },
            at: Timestamp::UNIX_EPOCH,
        })
    }

    #[test]
    fn waiting_records_share_a_commit_and_a_read_ends_the_group() {
        let connection = schema::in_memory().unwrap();
        let mut worker =
            Worker { next_commit: Some(Instant::now()), ..Worker::of(connection, Path::new("l.db"), "north") };
        let (sender, receiver) = std::sync::mpsc::channel();
        let mut answers = Vec::new();
        for number in 0..300 {
            let (reply, answer) = oneshot::channel();
            answers.push(answer);
            sender.send(Work::Record(record(number), reply)).unwrap();
        }
        let (reply, _page) = oneshot::channel();
        sender.send(Work::Page(None, 1, reply)).unwrap();
        let mut acknowledged = Vec::new();
        for _ in 0..2 {
            let Work::Record(first, reply) = receiver.recv().unwrap() else { panic!("records come first") };
            let next = worker.group(Change::Record(first), reply, &receiver);
            acknowledged.push(answers.iter_mut().filter_map(|answer| answer.try_recv().ok()).count());
            assert_eq!(next.is_some(), acknowledged.len() == 2, "the read is handed back");
        }
        assert_eq!(acknowledged, [256, 44]);
    }

    #[test]
    fn events_wait_for_a_record_and_share_its_commit() {
        let mut worker = Worker::of(schema::in_memory().unwrap(), Path::new("l.db"), "north");
        let begin = RunBegin { id: "run".to_owned(), at: Timestamp::UNIX_EPOCH };
        run_rows::begin(&mut worker.connection, "north", &begin).unwrap();
        let event = |number: usize| {
            let asset = AssetId::new(number.to_string());
            ("run".to_owned(), Event::changed(&asset, "film", &crate::verdict::Change::Name))
        };
        let written = |worker: &Worker| {
            run_rows::events(&worker.connection, "run", Page { after: 0, limit: 9_999 }).unwrap().len()
        };
        worker.take_event(event(0));
        assert_eq!(written(&worker), 0);
        let (sender, receiver) = std::sync::mpsc::channel();
        sender.send(Work::Event(Box::new(event(1)))).unwrap();
        let (reply, _answer) = oneshot::channel();
        assert!(worker.group(Change::Record(record(0)), reply, &receiver).is_none());
        assert_eq!((written(&worker), worker.events.len()), (2, 0));
        (2..=MAX_BATCH).for_each(|number| worker.take_event(event(number)));
        assert_eq!(written(&worker), 2);
        worker.take_event(event(0));
        assert_eq!(written(&worker), 2 + MAX_BATCH, "no more than a group's worth waits");
    }

    #[test]
    fn a_full_disk_fails_the_whole_group_and_keeps_earlier_records() {
        let mut connection = schema::in_memory().unwrap();
        let record = |number| Change::Record(record(number));
        let path = Path::new("l.db");
        commit(&mut connection, path, "north", &[record(0)], &[]).unwrap();
        let pages: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        connection.pragma_update(None, "max_page_count", pages + 2).unwrap();
        let changes: Vec<_> = (1..100).map(record).collect();
        let error = commit(&mut connection, path, "north", &changes, &[]).unwrap_err();
        assert!(matches!(LedgerError::of("write", path, &error), LedgerError::DiskFull { .. }), "{error}");
        assert_eq!(rows::page(&connection, "north", None, 1_000).unwrap().len(), 1);
        commit(&mut connection, path, "north", &[record(1)], &[]).unwrap();
    }
}
