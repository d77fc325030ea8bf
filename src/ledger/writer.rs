//! The threads that own the connections. One thread writes, records of many assets in one transaction (group commit); a
//! record is acknowledged after its commit. Another one reads. Callers wait on channels, so no runtime thread blocks.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::lock::RunLock;
use super::rows::{self, Record};
use super::{AssetRow, LedgerError, Mark};
use crate::model::AssetId;

/// Records per transaction. Measured on one virtual disk: beyond 512 a bigger batch gains little.
const MAX_BATCH: usize = 256;

/// From one commit to the next at least: what arrives meanwhile shares the next one, and the thread sleeps through its
/// arrival. A quarter of the 20 ms that a request takes; with a commit for nearly every record of a busy run, a third of
/// the whole program's system calls were for them.
const PAUSE: Duration = Duration::from_millis(5);

/// Where an answer goes. Its receiver may be gone: the caller was cancelled.
pub(super) type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;

/// What the threads are asked for.
#[derive(Debug)]
pub(super) enum Work {
    /// Write a record.
    Record(Box<Record>, Reply<()>),
    /// Write the end of a step and the begin of the next.
    Advance(Box<[Record; 2]>, Reply<()>),
    /// Remove a row.
    Forget(AssetId, Reply<()>),
    /// Read a row.
    One(AssetId, Reply<Option<AssetRow>>),
    /// Read a page of rows.
    Page(Option<AssetId>, usize, Reply<Vec<AssetRow>>),
    /// Count the rows.
    Count(Reply<u64>),
    /// Read a mark.
    Mark(Mark, Reply<Option<Timestamp>>),
    /// Write a mark.
    SetMark(Mark, Timestamp, Reply<()>),
    /// Answer, for what was asked for before is done.
    Settle(Reply<()>),
    /// Close the file, end the thread.
    Close(Reply<()>),
}

/// A thread's state.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    /// Before then a change waits for company; `None`: it never does, for a commit costs nothing.
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
    Mark(Mark, Timestamp),
}

impl Worker {
    /// Serves until it is told to close or nobody can ask any more.
    pub(super) fn run(mut self, work: &Receiver<Work>) {
        let mut next = None;
        while let Some(item) = next.take().or_else(|| work.recv().ok()) {
            match item {
                Work::Record(record, reply) => next = self.group(Change::Record(record), reply, work),
                Work::Advance(both, reply) => next = self.group(Change::Advance(both), reply, work),
                Work::Forget(asset, reply) => next = self.group(Change::Forget(asset), reply, work),
                Work::SetMark(mark, at, reply) => next = self.group(Change::Mark(mark, at), reply, work),
                Work::Count(reply) => {
                    let _ = reply.send(rows::count(&self.connection).map_err(|e| self.failed("read", &e)));
                }
                Work::Mark(mark, reply) => {
                    let _ = reply.send(rows::mark(&self.connection, mark).map_err(|e| self.failed("read", &e)));
                }
                Work::One(asset, reply) => {
                    let _ = reply.send(rows::one(&self.connection, &asset).map_err(|e| self.failed("read", &e)));
                }
                Work::Page(after, limit, reply) => {
                    let page = rows::page(&self.connection, after.as_ref(), limit);
                    let _ = reply.send(page.map_err(|e| self.failed("read", &e)));
                }
                Work::Settle(reply) => {
                    let _ = reply.send(Ok(()));
                }
                Work::Close(reply) => {
                    let _ = reply.send(self.close());
                    return;
                }
            }
        }
    }

    /// Commits a change together with those that arrive before the next commit is due; returns the item that ended the
    /// group, if any.
    fn group(&mut self, first: Change, reply: Reply<()>, work: &Receiver<Work>) -> Option<Work> {
        if let Some(due) = self.next_commit {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let mut batch = vec![(first, reply)];
        let mut next = None;
        while batch.len() < MAX_BATCH {
            match work.try_recv() {
                Ok(Work::Record(record, reply)) => batch.push((Change::Record(record), reply)),
                Ok(Work::Advance(both, reply)) => batch.push((Change::Advance(both), reply)),
                Ok(Work::Forget(asset, reply)) => batch.push((Change::Forget(asset), reply)),
                Ok(Work::SetMark(mark, at, reply)) => batch.push((Change::Mark(mark, at), reply)),
                Ok(other) => {
                    next = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        let (changes, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let committed = commit(&mut self.connection, &self.path, &changes);
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

    /// Closes the file, then gives the lock back.
    fn close(self) -> Result<(), LedgerError> {
        let Self { connection, path, lock, .. } = self;
        let closed = connection.close().map_err(|(_, error)| LedgerError::of("close", &path, &error));
        drop(lock);
        closed
    }
}

/// Writes every change in one transaction. The outer error is of the file: nothing was written; an inner one is of that
/// change alone.
fn commit(
    connection: &mut Connection,
    path: &Path,
    changes: &[Change],
) -> rusqlite::Result<Vec<Result<(), LedgerError>>> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut results = Vec::with_capacity(changes.len());
    for change in changes {
        results.push(match change {
            Change::Record(record) => rows::write(&transaction, path, record)?,
            Change::Advance(both) => rows::advance(&transaction, path, both)?,
            Change::Forget(asset) => {
                rows::forget(&transaction, asset)?;
                Ok(())
            }
            Change::Mark(mark, at) => {
                rows::set_mark(&transaction, *mark, *at)?;
                Ok(())
            }
        });
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
        let connection = super::super::schema::in_memory().unwrap();
        let mut worker = Worker { connection, path: "l.db".into(), next_commit: Some(Instant::now()), lock: None };
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
    fn a_full_disk_fails_the_whole_group_and_leaves_what_was_there() {
        let mut connection = super::super::schema::in_memory().unwrap();
        let record = |number| Change::Record(record(number));
        let path = Path::new("l.db");
        commit(&mut connection, path, &[record(0)]).unwrap();
        let pages: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        connection.pragma_update(None, "max_page_count", pages + 2).unwrap();
        let changes: Vec<_> = (1..100).map(record).collect();
        let error = commit(&mut connection, path, &changes).unwrap_err();
        assert!(matches!(LedgerError::of("write", path, &error), LedgerError::DiskFull { .. }), "{error}");
        assert_eq!(rows::page(&connection, None, 1_000).unwrap().len(), 1);
        commit(&mut connection, path, &[record(1)]).unwrap();
    }
}
