//! The life of an asynchronous copy: pending, then success, failed or aborted.
//!
//! Nothing runs in the background. A pending copy has an end time; the first request on its container after that time
//! completes it first. It has the content that the source had at its start, and fails if the source changed meanwhile.

use std::fmt::Debug;
use std::sync::Arc;

use super::content::Body;
use super::kind::Kind;
use super::properties::{BlobHeaders, Pairs, Stamp};
use crate::emulator::faults::plan::CopyFate;

/// What a blob reports about the copy that made it.
#[derive(Debug, Clone)]
pub(super) struct CopyRecord {
    pub(super) id: u128,
    /// Without the signature, so that no secret can be read back.
    pub(super) source: Box<str>,
    pub(super) total: u64,
    pub(super) state: CopyState,
}

/// Where a copy stands.
#[derive(Debug, Clone)]
pub(super) enum CopyState {
    Pending(Arc<PendingCopy>),
    Success { at: u32 },
    Failed { at: u32, description: &'static str },
    Aborted { at: u32 },
}

/// The source of a copy, as far as the result depends on it.
pub(super) trait CopySource: Debug + Send + Sync {
    /// The `ETag` the blob has now.
    fn etag_of(&self, name: &str) -> Option<u64>;
}

/// The rest of a pending copy.
#[derive(Debug)]
pub(super) struct PendingCopy {
    pub(super) id: u128,
    /// In elapsed time, as the end: setting the clock does not end a copy.
    pub(super) started: i64,
    pub(super) due: i64,
    /// `ETag` of the finished blob.
    pub(super) stamp: Stamp,
    pub(super) source: Arc<dyn CopySource>,
    pub(super) source_name: Box<str>,
    pub(super) source_etag: u64,
    /// Does the source's signature expire before the copy ends?
    pub(super) outlives_signature: bool,
    /// The result that a fault plan sets.
    pub(super) fate: Option<CopyFate>,
    pub(super) body: Body,
    pub(super) headers: Arc<BlobHeaders>,
    pub(super) metadata: Option<Pairs>,
    pub(super) kind: Kind,
}

/// How a copy ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    Copied,
    SourceGone,
    SourceChanged,
    SourceClosed,
    GivenUp,
    Aborted,
}

impl PendingCopy {
    /// How it ends, depending on the source's current state.
    pub(super) fn outcome(&self) -> Outcome {
        match self.fate {
            Some(CopyFate::Failed) => return Outcome::GivenUp,
            Some(CopyFate::Aborted) => return Outcome::Aborted,
            Some(CopyFate::Pending) | None => {}
        }
        if self.outlives_signature {
            return Outcome::SourceClosed;
        }
        match self.source.etag_of(&self.source_name) {
            Some(etag) if etag == self.source_etag => Outcome::Copied,
            Some(_) => Outcome::SourceChanged,
            None => Outcome::SourceGone,
        }
    }
}

impl Outcome {
    /// The state of a copy that ended like this at that time.
    pub(super) fn state(self, at: u32) -> CopyState {
        let failed = |description| CopyState::Failed { at, description };
        match self {
            Self::Copied => CopyState::Success { at },
            Self::SourceGone => failed("404 ResourceNotFound \"Copy failed when reading the source.\""),
            Self::SourceClosed => failed("403 AuthenticationFailed \"Copy failed when reading the source.\""),
            Self::GivenUp => failed("500 InternalError \"Copy failed.\""),
            Self::Aborted => CopyState::Aborted { at },
            Self::SourceChanged => failed("409 Conflict \"Copy source blob has been modified.\""),
        }
    }
}

impl CopyRecord {
    pub(super) fn is_pending(&self) -> bool {
        matches!(self.state, CopyState::Pending(_))
    }

    /// The copy itself while it is pending.
    pub(super) fn pending(&self) -> Option<Arc<PendingCopy>> {
        match &self.state {
            CopyState::Pending(pending) => Some(Arc::clone(pending)),
            _ => None,
        }
    }

    /// The service's name of its state.
    pub(super) fn status(&self) -> &'static str {
        match self.state {
            CopyState::Pending(_) => "pending",
            CopyState::Success { .. } => "success",
            CopyState::Failed { .. } => "failed",
            CopyState::Aborted { .. } => "aborted",
        }
    }

    /// Why it failed.
    pub(super) fn description(&self) -> Option<&'static str> {
        match self.state {
            CopyState::Failed { description, .. } => Some(description),
            _ => None,
        }
    }

    /// When it ended.
    pub(super) fn completed(&self) -> Option<u32> {
        match self.state {
            CopyState::Pending(_) => None,
            CopyState::Success { at } | CopyState::Failed { at, .. } | CopyState::Aborted { at } => Some(at),
        }
    }

    /// Bytes copied at that time: the progress is linear.
    pub(super) fn copied(&self, elapsed: i64) -> u64 {
        match &self.state {
            CopyState::Success { .. } => self.total,
            CopyState::Failed { .. } | CopyState::Aborted { .. } => 0,
            CopyState::Pending(pending) => {
                let span = u128::try_from(pending.due - pending.started).unwrap_or(0).max(1);
                let past = u128::try_from(elapsed - pending.started).unwrap_or(0).min(span);
                u64::try_from(u128::from(self.total) * past / span).unwrap_or(self.total)
            }
        }
    }

    /// `copied/total`.
    pub(super) fn progress(&self, elapsed: i64) -> String {
        format!("{}/{}", self.copied(elapsed), self.total)
    }
}

/// A copy id as the service prints it.
pub(super) fn copy_id_text(id: u128) -> String {
    uuid::Uuid::from_u128(id).to_string()
}
