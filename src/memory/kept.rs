//! Limits the bytes of all lists of blobs that are kept at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that all lists may use together. A container whose list does not fit is listed again when its blobs are needed.
const LIMIT: usize = 64 << 20;

/// The bytes in use.
#[derive(Debug, Default)]
pub(super) struct Kept(AtomicUsize);

impl Kept {
    pub(super) fn room(this: &Arc<Self>) -> Room {
        Room { kept: Arc::clone(this), bytes: 0 }
    }
}

/// The bytes of one list. They are released when it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    kept: Arc<Kept>,
    bytes: usize,
}

impl Room {
    /// Takes this number of additional bytes. Returns whether they fit.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|used| *used <= LIMIT);
        let taken = self.kept.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if taken {
            self.bytes += bytes;
        }
        taken
    }

    /// Releases all bytes.
    pub(crate) fn clear(&mut self) {
        self.kept.0.fetch_sub(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn released_bytes_can_be_taken_again_up_to_the_limit() {
        let kept = Arc::new(Kept::default());
        let (mut one, mut other) = (Kept::room(&kept), Kept::room(&kept));
        assert!(one.take(LIMIT - 10));
        assert!(!other.take(11));
        assert!(other.take(10));
        assert!(!one.take(1));
        one.clear();
        assert!(other.take(LIMIT - 10));
        drop((one, other));
        assert_eq!(kept.0.load(Ordering::Relaxed), 0);
    }
}
