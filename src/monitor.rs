//! The events of a run, as data. The library never prints: it reports events to a [`Monitor`].

use std::sync::Mutex;

use crate::model::{AssetId, BlobKind, CopyMethod, JobId, JobState, Side};
use crate::plan::Item;
use crate::verdict::{Cause, Change, Finding};

/// How one asset ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssetOutcome {
    /// All of it is on the target now, and was not before.
    Mirrored,
    /// All of it was already on the target.
    Unchanged,
    /// It is not mirrored; why.
    Not(Finding),
}

impl AssetOutcome {
    /// Why it is not mirrored.
    pub fn finding(&self) -> Option<&Finding> {
        match self {
            Self::Not(finding) => Some(finding),
            Self::Mirrored | Self::Unchanged => None,
        }
    }

    /// Only the cause of that.
    pub fn cause(&self) -> Option<Cause> {
        self.finding().map(|finding| finding.cause)
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEvent {
    /// The number of assets of one side that have been listed so far.
    Listed {
        /// Which account.
        side: Side,
        /// Running total.
        assets: u64,
    },
    /// One side is listed completely.
    ListingFinished {
        /// Which account.
        side: Side,
        /// How many assets it has.
        assets: u64,
    },
    /// The number of assets that have been compared so far, in a run that mirrors nothing.
    Compared {
        /// Running total.
        assets: u64,
    },
    /// The processing of an asset started; with the number of its blobs and bytes to copy.
    AssetStarted {
        /// Source id.
        asset: AssetId,
        /// Name to show.
        name: String,
        /// Blobs to copy.
        blobs: u64,
        /// Bytes to copy.
        bytes: u64,
    },
    /// A blob has arrived.
    BlobCopied {
        /// Source id of its asset.
        asset: AssetId,
        /// Its name.
        blob: String,
        /// Its length.
        bytes: u64,
        /// Its type.
        kind: BlobKind,
        /// How it was copied.
        method: CopyMethod,
    },
    /// A piece of a local file was uploaded.
    BytesSent {
        /// The asset it is uploaded to.
        asset: AssetId,
        /// The file's name.
        file: String,
        /// Its length.
        bytes: u64,
    },
    /// A local file was uploaded.
    FileSent {
        /// The asset it was uploaded to.
        asset: AssetId,
        /// Its name.
        file: String,
        /// How much of it an interrupted upload had sent before.
        there: u64,
    },
    /// A blob could not be copied.
    BlobFailed {
        /// Source id of its asset.
        asset: AssetId,
        /// Its name.
        blob: String,
        /// Why.
        reason: String,
    },
    /// The number of blobs of a finished asset that were copied by a method (in a dry run: that would be copied).
    MethodChosen {
        /// Source id.
        asset: AssetId,
        /// Name to show.
        name: String,
        /// The method.
        method: CopyMethod,
        /// Blobs.
        blobs: u64,
        /// Their bytes.
        bytes: u64,
        /// Why it was this method.
        why: String,
    },
    /// Something of an asset was changed on the target.
    Changed {
        /// Source id.
        asset: AssetId,
        /// Name to show.
        name: String,
        /// The changes.
        changes: Vec<Change>,
    },
    /// In a dry run: a run would do this.
    Planned(Box<Item>),
    /// The processing of an asset ended.
    AssetFinished {
        /// Source id.
        asset: AssetId,
        /// Name to show.
        name: String,
        /// How it ended.
        outcome: AssetOutcome,
    },
    /// The state of an encoding job: at its submission, and after each change.
    JobMoved {
        /// The job.
        job: JobId,
        /// Its state.
        state: JobState,
        /// How much of its tasks is done.
        percent: u8,
    },
    /// A remark that does not change the result.
    Note(String),
    /// The run is stopping: it starts nothing new, and work in progress finishes.
    Draining,
}

/// Receives the events of a run.
pub trait Monitor: Send + Sync + std::fmt::Debug {
    /// Called for every event, from many tasks; must not block.
    fn event(&self, event: RunEvent);
}

/// Ignores all events.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Monitor for Silent {
    fn event(&self, _event: RunEvent) {}
}

/// Keeps every event, for tests.
#[derive(Debug, Default)]
pub struct TestMonitor {
    events: Mutex<Vec<RunEvent>>,
}

impl TestMonitor {
    /// All events so far.
    pub fn events(&self) -> Vec<RunEvent> {
        self.events.lock().expect("no panic while held").clone()
    }

    /// The changes of the asset of that name, in order.
    pub fn changes_of(&self, wanted: &str) -> Vec<Change> {
        let changes = self.events().into_iter().filter_map(|event| match event {
            RunEvent::Changed { name, changes, .. } if name == wanted => Some(changes),
            _ => None,
        });
        changes.flatten().collect()
    }

    /// The outcome of the asset with that name, if it ended.
    pub fn outcome_of(&self, wanted: &str) -> Option<AssetOutcome> {
        self.events().into_iter().rev().find_map(|event| match event {
            RunEvent::AssetFinished { name, outcome, .. } if name == wanted => Some(outcome),
            _ => None,
        })
    }
}

impl Monitor for TestMonitor {
    fn event(&self, event: RunEvent) {
        self.events.lock().expect("no panic while held").push(event);
    }
}
