//! The ledger: which steps were started and which were done, and the history of runs, in one `SQLite` file.
//!
//! It is an intent log: a step is recorded as started *before* the call that changes the target, and as ended after it.
//! If a step was started and not ended, the next run asks the service for the result and never simply repeats the step.
//! A record is durable when its call returns. Each asset has one permanent row. The ledger never holds a signature, a
//! key or a token.
//!
//! The file belongs to a pair of accounts. Each run decides which of them is the source, and reads and writes only the
//! rows of its own direction. It keeps the runs of about three years of nights, and the events of thirty runs.

mod aside;
mod drill;
mod drilling;
mod error;
mod history;
mod keeping;
mod kept;
mod lock;
mod rows;
mod run_rows;
mod runs;
mod schema;
mod seal;
mod steps;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::oneshot;

pub use drill::Drill;
pub use error::LedgerError;
pub use kept::KeptBlob;
use lock::RunLock;
use rows::Record;
pub use runs::{Event, RunEnd, RunRow};
use schema::Beside;
use writer::{Reply, Work, Worker};

use crate::model::{AccountName, AssetId, ContainerName};

/// The steps of one asset, in their only order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Make the empty target asset.
    CreateTarget,
    /// Copy its blobs.
    CopyBlobs,
    /// Compare the copy with its source.
    Verify,
    /// Make its file records.
    RegisterFiles,
    /// Make its streaming locators. The last step: a half-copied asset never answers.
    PublishLocators,
}

/// The status of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Started; the service has the result.
    Started,
    /// Done.
    Succeeded,
    /// Ended in an error.
    Failed,
}

/// The facts that a step adds. `None` keeps the earlier value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Name to show.
    pub name: Option<String>,
    /// Target asset.
    pub target: Option<AssetId>,
    /// Target container.
    pub container: Option<ContainerName>,
    /// Digest of the source's blobs (names, lengths, `ETag`s).
    pub source_digest: Option<String>,
    /// Digest of the target's blobs when they were verified.
    pub target_digest: Option<String>,
    /// Digest of the source's file records.
    pub files_digest: Option<String>,
    /// Digest of the streaming locators that both sides have (empty if they differ), and how many of them the target
    /// has.
    pub locators_digest: Option<String>,
    /// Digest of the blobs that only the target had when it was verified.
    pub kept_digest: Option<String>,
    /// Blobs of the asset.
    pub blobs: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
    /// Why the step failed; redacted. Unlike the others, it is removed by the next record.
    pub error: Option<String>,
}

/// Everything that the ledger has about one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetRow {
    /// Source asset.
    pub source: AssetId,
    /// The last step recorded.
    pub step: Step,
    /// How far it is.
    pub status: Status,
    /// The recorded facts.
    pub facts: Facts,
    /// When it was last recorded.
    pub updated: Timestamp,
    /// When a run last looked at the blobs that only the target has, to delete them later.
    pub kept_seen: Option<Timestamp>,
}

impl AssetRow {
    /// Was everything done?
    pub fn complete(&self) -> bool {
        self.step == Step::PublishLocators && self.status == Status::Succeeded
    }
}

/// A time that the ledger stores for its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// All earlier changes of the source's file records were processed.
    FilesSeen,
    /// When all file records of both sides were last listed.
    FilesListed,
}

/// An open ledger: the only writer of its file. It is cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger {
    threads: Arc<Threads>,
}

/// The threads that own the connections, and their channels.
#[derive(Debug)]
struct Threads {
    path: PathBuf,
    /// `None`: opened for reading only.
    writer: Option<Thread>,
    /// `None`: in memory there is one connection only, so the writer reads too.
    reader: Option<Thread>,
}

/// A running worker.
#[derive(Debug)]
struct Thread {
    work: Sender<Work>,
    running: JoinHandle<()>,
}

impl Ledger {
    /// Opens or makes the ledger of a pair of accounts and takes its lock.
    pub fn open(path: &Path, source: &AccountName, target: &AccountName) -> Result<Self, LedgerError> {
        schema::require_directory(path)?;
        let lock = RunLock::take(path)?;
        Self::open_locked(path, source, target, lock)
    }

    /// Creates a new ledger instead of one that is damaged, too new, or of another kind. The old one is moved aside
    /// with its write-ahead log, never deleted. Returns its new names; none if there was no file. The next run fills
    /// the new ledger from the marks on the target's assets.
    ///
    /// # Errors
    /// As [`Self::open`], including the lock; [`LedgerError::OtherPair`] if the file is an undamaged ledger of other
    /// accounts.
    pub fn rebuild(
        path: &Path,
        source: &AccountName,
        target: &AccountName,
    ) -> Result<(Self, Vec<PathBuf>), LedgerError> {
        schema::require_directory(path)?;
        let lock = RunLock::take(path)?;
        // This run could not restore the data of another pair.
        schema::refuse_other_pair(path, source, target)?;
        let moved = aside::move_aside(path)?;
        Ok((Self::open_locked(path, source, target, lock)?, moved))
    }

    /// Opens or makes the file under a held lock.
    fn open_locked(
        path: &Path,
        source: &AccountName,
        target: &AccountName,
        lock: RunLock,
    ) -> Result<Self, LedgerError> {
        let writing = schema::open_for_writing(path, source, target)?;
        let reading = schema::open_for_reading(path, Beside::Writer)?.ok_or_else(|| LedgerError::Unusable {
            attempted: "open",
            path: path.to_owned(),
            reason: "it disappeared while it was opened".to_owned(),
        })?;
        let from = source.as_str();
        let reader = Thread::start(Worker::of(reading, path, from))?;
        let writer = Thread::start(Worker {
            next_commit: Some(Instant::now()),
            lock: Some(lock),
            ..Worker::of(writing, path, from)
        })?;
        Ok(Self::of(path, Some(writer), Some(reader)))
    }

    /// Opens the ledger of a pair of accounts for reading, without its lock: during a run, or for a dry run. `None`:
    /// there is none yet.
    pub fn open_read_only(
        path: &Path,
        source: &AccountName,
        target: &AccountName,
    ) -> Result<Option<Self>, LedgerError> {
        Self::open_beside(Beside::Writer, path, source, target)
    }

    fn open_beside(
        beside: Beside,
        path: &Path,
        source: &AccountName,
        target: &AccountName,
    ) -> Result<Option<Self>, LedgerError> {
        let Some(connection) = schema::open_for_reading(path, beside)? else { return Ok(None) };
        seal::check(&connection, path)?;
        schema::same_pair(&connection, path, source, target)?;
        let reader = Thread::start(Worker::of(connection, path, source.as_str()))?;
        Ok(Some(Self::of(path, None, Some(reader))))
    }

    /// Checks that a run of that pair could use the ledger now. Returns the number of rows; `None` if there is no
    /// ledger yet. It changes nothing, but holds the lock for a moment.
    ///
    /// # Errors
    /// The error of such a run.
    pub async fn probe(path: &Path, source: &AccountName, target: &AccountName) -> Result<Option<u64>, LedgerError> {
        schema::require_directory(path)?;
        let lock = RunLock::keep_out(path)?;
        let beside = if lock.is_some() { Beside::Nobody } else { Beside::Writer };
        let Some(ledger) = Self::open_beside(beside, path, source, target)? else { return Ok(None) };
        let rows = ledger.count().await?;
        ledger.close().await?;
        Ok(Some(rows))
    }

    /// A ledger in memory, for tests and dry runs without a file. It belongs to no pair of accounts.
    pub fn in_memory() -> Result<Self, LedgerError> {
        let path = Path::new(":memory:");
        let connection = schema::in_memory().map_err(|error| LedgerError::of("open", path, &error))?;
        let writer = Thread::start(Worker::of(connection, path, ""))?;
        Ok(Self::of(path, Some(writer), None))
    }

    fn of(path: &Path, writer: Option<Thread>, reader: Option<Thread>) -> Self {
        Self { threads: Arc::new(Threads { path: path.to_owned(), writer, reader }) }
    }

    /// The row of that source asset.
    pub async fn asset(&self, source: &AssetId) -> Result<Option<AssetRow>, LedgerError> {
        Ok(self.several(vec![source.clone()]).await?.pop().flatten())
    }

    /// The rows of these assets, in order.
    pub async fn several(&self, sources: Vec<AssetId>) -> Result<Vec<Option<AssetRow>>, LedgerError> {
        self.ask("read", self.reader(), |reply| Work::Several(sources, reply)).await
    }

    /// At most `limit` rows in the order of source ids, starting after `after`.
    pub async fn assets(&self, after: Option<&AssetId>, limit: usize) -> Result<Vec<AssetRow>, LedgerError> {
        self.ask("read", self.reader(), |reply| Work::Page(after.cloned(), limit, reply)).await
    }

    /// The number of rows.
    pub async fn count(&self) -> Result<u64, LedgerError> {
        self.ask("read", self.reader(), Work::Count).await
    }

    /// Records a step; durable when it returns. If the call is cancelled, the record is written completely or not at
    /// all.
    ///
    /// # Errors
    /// [`LedgerError::OutOfOrder`] if the step may not follow the last one; otherwise the file cannot be written.
    pub async fn record(&self, source: &AssetId, step: Step, status: Status, facts: Facts) -> Result<(), LedgerError> {
        // The time is read here, because the writer's thread does not see a paused clock.
        let record = Box::new(Record { asset: source.clone(), step, status, facts, at: crate::clock::now() });
        self.ask("write", self.writer()?, |reply| Work::Record(record, reply)).await
    }

    /// Records that a step succeeded and that the next one is started, in one write.
    ///
    /// # Errors
    /// As [`Self::record`]; if one cannot be recorded, neither is.
    pub async fn advance(
        &self,
        source: &AssetId,
        (ended, learnt): (Step, Facts),
        (started, known): (Step, Facts),
    ) -> Result<(), LedgerError> {
        let at = crate::clock::now();
        let record = |step, status, facts| Record { asset: source.clone(), step, status, facts, at };
        let both = Box::new([record(ended, Status::Succeeded, learnt), record(started, Status::Started, known)]);
        self.ask("write", self.writer()?, |reply| Work::Advance(both, reply)).await
    }

    /// A time that an earlier run stored.
    pub async fn mark(&self, mark: Mark) -> Result<Option<Timestamp>, LedgerError> {
        self.ask("read", self.reader(), |reply| Work::Mark(mark, reply)).await
    }

    /// Stores a time for later runs.
    pub async fn set_mark(&self, mark: Mark, at: Timestamp) -> Result<(), LedgerError> {
        self.ask("write", self.writer()?, |reply| Work::SetMark(mark, at, reply)).await
    }

    /// Removes an asset that no longer exists on either side, or whose copy has to be made again.
    pub async fn forget(&self, source: &AssetId) -> Result<(), LedgerError> {
        self.ask("write", self.writer()?, |reply| Work::Forget(source.clone(), reply)).await
    }

    /// Removes the digest of an asset's file records: the next run compares them in any case.
    pub async fn forget_files(&self, source: &AssetId) -> Result<(), LedgerError> {
        self.ask("write", self.writer()?, |reply| Work::ForgetFiles(source.clone(), reply)).await
    }

    /// Records the locators that both sides of an asset have in common, if it has a row. `at`: a time at which
    /// everything else in the row is still valid.
    pub async fn set_locators(
        &self,
        source: &AssetId,
        digest: String,
        at: Option<Timestamp>,
    ) -> Result<(), LedgerError> {
        let locators = Box::new((source.clone(), digest, at));
        self.ask("write", self.writer()?, |reply| Work::SetLocators(locators, reply)).await
    }

    /// Waits until all earlier requests of all callers are done.
    pub async fn settled(&self) -> Result<(), LedgerError> {
        for thread in [&self.threads.reader, &self.threads.writer].into_iter().flatten() {
            self.ask("write", thread, Work::Settle).await?;
        }
        Ok(())
    }

    /// Writes everything and releases the lock. Clones of this ledger are closed, too.
    pub async fn close(self) -> Result<(), LedgerError> {
        // The reader is closed first: the last connection merges the write-ahead log into the file and removes it.
        for thread in [&self.threads.reader, &self.threads.writer].into_iter().flatten() {
            self.ask("close", thread, Work::Close).await?;
        }
        Ok(())
    }

    fn reader(&self) -> &Thread {
        self.threads.reader.as_ref().or(self.threads.writer.as_ref()).expect("every constructor starts a thread")
    }

    fn writer(&self) -> Result<&Thread, LedgerError> {
        let not_writable = || LedgerError::NotWritable { attempted: "write", path: self.threads.path.clone() };
        self.threads.writer.as_ref().ok_or_else(not_writable)
    }

    /// Sends work to a thread and waits for its answer.
    async fn ask<T>(
        &self,
        attempted: &'static str,
        thread: &Thread,
        work: impl FnOnce(Reply<T>) -> Work,
    ) -> Result<T, LedgerError> {
        let (reply, answer) = oneshot::channel();
        let closed = || LedgerError::Closed { attempted, path: self.threads.path.clone() };
        thread.work.send(work(reply)).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

impl Drop for Threads {
    /// Waits a few milliseconds, until all requested writes are done and the lock is released.
    fn drop(&mut self) {
        for Thread { work, running } in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            drop(work);
            let _ = running.join();
        }
    }
}

impl Thread {
    /// Runs a worker on a thread of its own.
    fn start(worker: Worker) -> Result<Self, LedgerError> {
        let path = worker.path.clone();
        let (work, received) = channel();
        let running = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || worker.run(&received))
            .map_err(|error| LedgerError::of_io("open", &path, &error))?;
        Ok(Self { work, running })
    }
}
