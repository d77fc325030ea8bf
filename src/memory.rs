//! Limits the memory that all answers of services use together: `sync` with default settings uses at most 256 MiB.
//!
//! A single answer is limited where it is read. The limits here are shared by all answers: bytes that are being read,
//! lists of blobs that are kept, large containers that are read in pages, and blobs that are being copied. Both sides
//! of a pair share one [`Memory`].

mod answers;
mod kept;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

pub(crate) use answers::{Share, keep, until_read};
pub(crate) use kept::Room;

use answers::Answers;
use kept::Kept;

/// The most memory that a sync with default settings uses, in bytes. The test `outside::floods` measures it.
pub(crate) const MOST_MEMORY: usize = 256 << 20;

/// Large containers that are compared at the same time, and that are copied at the same time. A source and its copy
/// count as one. Each of the two keeps one page in memory, of at most [`WALKED_PAGE`] bytes.
const COMPARED: usize = 6;
const COPIED: usize = 10;

/// Memory for the blobs of one page while a container is read in pages, in bytes. 5,000 ordinary blobs need 2 to 3 MB.
pub(crate) const WALKED_PAGE: usize = 4 << 20;

/// The number of pages that are requested before their turn, for all listings together. Each takes at most
/// [`WALKED_PAGE`] bytes.
const PAGES_AHEAD: usize = 8;

/// Memory for the blobs that are being copied or will be copied next, in KiB.
const COPYING: usize = 32 << 10;

/// Why a container is read in pages. Reading for copies takes as long as the copies, and comparisons must not wait for
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Compare,
    Copy,
}

/// Memory for the blobs of one page while a container is listed for the first time, in bytes.
pub(crate) const LISTED_PAGE: usize = 12 << 20;

/// The limits that all answers share.
#[derive(Debug, Clone)]
pub struct Memory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    answers: Arc<Answers>,
    kept: Arc<Kept>,
    compared: Semaphore,
    copied: Semaphore,
    copying: Arc<Semaphore>,
    ahead: Arc<Semaphore>,
}

impl Default for Memory {
    fn default() -> Self {
        Self(Arc::new(Shared {
            answers: Arc::default(),
            kept: Arc::default(),
            compared: Semaphore::new(COMPARED),
            copied: Semaphore::new(COPIED),
            copying: Arc::new(Semaphore::new(COPYING)),
            ahead: Arc::new(Semaphore::new(PAGES_AHEAD)),
        }))
    }
}

impl Memory {
    /// The share of a new answer.
    pub(crate) fn share(&self) -> Share {
        Answers::share(&self.0.answers)
    }

    /// Memory for the blobs of one container.
    pub(crate) fn room(&self) -> Room {
        Kept::room(&self.0.kept)
    }

    /// Waits until another large container may be read in pages.
    pub(crate) async fn walk(&self, turn: Turn) -> Option<SemaphorePermit<'_>> {
        let turns = match turn {
            Turn::Compare => &self.0.compared,
            Turn::Copy => &self.0.copied,
        };
        // The semaphores are never closed.
        turns.acquire().await.ok()
    }

    /// Memory for a page of a listing that is requested before its turn; `None`: all of it is in use.
    pub(crate) fn page_ahead(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.ahead).try_acquire_owned().ok()
    }

    /// Memory for the copy of a blob; `None`: all of it is in use.
    pub(crate) fn try_to_copy(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.copying).try_acquire_many_owned(kib(bytes)).ok()
    }

    /// Waits until other copies end and there is memory for the copy of a blob.
    pub(crate) async fn to_copy(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.copying).acquire_many_owned(kib(bytes)).await.ok()
    }
}

/// The permits of [`COPYING`] for a number of bytes: at least one, at most all.
fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1 << 10).clamp(1, COPYING)).unwrap_or(u32::MAX)
}
