//! What the answers of services may take of the memory, all together: however large, many or hostile they are, a sync stays
//! below 256 MiB with default settings.
//!
//! Each answer has a limit of its own where it is read. This is the bound over all of them: bytes that are being read, lists of
//! blobs that are kept, and large containers that are walked through at once. One [`Memory`] serves both sides of a pair.

mod answers;
mod kept;

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

pub(crate) use answers::Share;
pub(crate) use kept::Room;

use answers::Answers;
use kept::Kept;

/// The most that a sync takes with default settings, whatever services answer. A test measures it.
pub(crate) const MOST_MEMORY: usize = 256 << 20;

/// Large containers that are walked through at once, both sides of an asset counted as one. Each side has a page in memory
/// meanwhile, of [`WALKED_PAGE`] bytes at most.
const WALKS: usize = 6;

/// The most that the blobs of one page may take in memory while a container is walked through. A page of 5,000 usual blobs takes
/// 2 to 3 MB.
pub(crate) const WALKED_PAGE: usize = 8 << 20;

/// The most that the blobs of one page may take in memory while a container is listed for its totals.
pub(crate) const LISTED_PAGE: usize = 24 << 20;

/// The memory that answers share.
#[derive(Debug, Clone)]
pub struct Memory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    answers: Arc<Answers>,
    kept: Arc<Kept>,
    walks: Semaphore,
}

impl Default for Memory {
    fn default() -> Self {
        let (answers, kept) = (Arc::default(), Arc::default());
        Self(Arc::new(Shared { answers, kept, walks: Semaphore::new(WALKS) }))
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

    /// Waits until a large container may be walked through.
    pub(crate) async fn walk(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.0.walks.acquire().await.ok()
    }
}
