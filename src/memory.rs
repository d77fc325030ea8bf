//! What the answers of services may take of the memory, all together: however large, many or hostile they are, a sync stays
//! below 256 MiB with default settings.
//!
//! Each answer has a limit of its own where it is read. This is the bound over all of them: bytes that are being read, lists of
//! blobs that are kept, large containers that are walked through at once, and blobs that are being copied. One [`Memory`] serves
//! both sides of a pair.

mod answers;
mod kept;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

pub(crate) use answers::{Share, keep, until_read};
pub(crate) use kept::Room;

use answers::Answers;
use kept::Kept;

/// The most that a sync takes with default settings, whatever services answer. A test measures it.
pub(crate) const MOST_MEMORY: usize = 256 << 20;

/// Large containers that are compared at once, and that are copied at once, both sides of an asset counted as one. Each side has
/// a page in memory meanwhile, of [`WALKED_PAGE`] bytes at most.
const COMPARED: usize = 6;
const COPIED: usize = 10;

/// The most that the blobs of one page may take in memory while a container is walked through. A page of 5,000 usual blobs takes
/// 2 to 3 MB.
pub(crate) const WALKED_PAGE: usize = 4 << 20;

/// What the blobs that are being copied, or are next, may take in memory, in KiB.
const COPYING: usize = 32 << 10;

/// What a container is walked through for. Copying takes as long as the copies do; comparing must not wait for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Compare,
    Copy,
}

/// The most that the blobs of one page may take in memory while a container is listed for its totals.
pub(crate) const LISTED_PAGE: usize = 24 << 20;

/// The memory that answers share.
#[derive(Debug, Clone)]
pub struct Memory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    answers: Arc<Answers>,
    kept: Arc<Kept>,
    sorted: Arc<Kept>,
    compared: Semaphore,
    copied: Semaphore,
    copying: Arc<Semaphore>,
}

impl Default for Memory {
    fn default() -> Self {
        Self(Arc::new(Shared {
            answers: Arc::default(),
            kept: Arc::default(),
            sorted: Arc::default(),
            compared: Semaphore::new(COMPARED),
            copied: Semaphore::new(COPIED),
            copying: Arc::new(Semaphore::new(COPYING)),
        }))
    }
}

impl Memory {
    /// The share of one answer that is about to be read.
    pub(crate) fn share(&self) -> Share {
        Answers::share(&self.0.answers)
    }

    /// Room for the blobs of one container.
    pub(crate) fn room(&self) -> Room {
        Kept::room(&self.0.kept)
    }

    /// Room for the blobs of one container that have to be sorted. Few services need it, so that the others leave it alone.
    pub(crate) fn room_to_sort(&self) -> Room {
        Kept::room(&self.0.sorted)
    }

    /// Waits until a large container may be walked through.
    pub(crate) async fn walk(&self, turn: Turn) -> Option<SemaphorePermit<'_>> {
        let turns = match turn {
            Turn::Compare => &self.0.compared,
            Turn::Copy => &self.0.copied,
        };
        // The semaphores are never closed.
        turns.acquire().await.ok()
    }

    /// Room for a blob of so many bytes that is to be copied; `None`: there is none now.
    pub(crate) fn try_to_copy(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.copying).try_acquire_many_owned(kib(bytes)).ok()
    }

    /// Waits for it: what others have ends with their copies.
    pub(crate) async fn to_copy(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.copying).acquire_many_owned(kib(bytes)).await.ok()
    }
}

/// Bytes in KiB, one at least, and not more than there are.
fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1 << 10).clamp(1, COPYING)).unwrap_or(u32::MAX)
}
