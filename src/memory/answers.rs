//! Limits the bytes of all answers that are being read at the same time.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Bytes that all answers may use together. One answer at a time may exceed it.
const LIMIT: usize = 24 << 20;

/// Bytes of each answer that are not counted. Most answers have a kilobyte or less, and never need the lock.
const FREE: usize = 32 << 10;

/// Bytes that a connection may have read ahead for a larger answer: the largest read buffer of hyper, rounded up.
const READ_AHEAD: usize = 512 << 10;

/// The bytes in use.
#[derive(Debug, Default)]
pub(super) struct Answers {
    used: Mutex<Used>,
    /// Wakes the tasks that wait for memory.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Used {
    bytes: usize,
    /// The answer that may exceed the limit. Without it, answers could wait for each other forever.
    senior: Option<u64>,
    /// How many answers have been numbered.
    numbers: u64,
}

impl Answers {
    pub(super) fn share(this: &Arc<Self>) -> Share {
        let mut used = this.used();
        used.numbers += 1;
        Share { answers: Arc::clone(this), number: used.numbers, read: 0, counted: 0 }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

tokio::task_local! {
    /// The shares of the answers that the current attempt has read completely and is still parsing.
    static READ: RefCell<Vec<Share>>;
}

/// Runs an attempt. Its answers count until it ends, because their bodies stay in memory while they are parsed.
pub(crate) async fn until_read<F: Future>(attempt: F) -> F::Output {
    READ.scope(RefCell::default(), attempt).await
}

/// Keeps the share of a complete answer until its attempt ends.
pub(crate) fn keep(share: Share) {
    if share.counted > 0 {
        // Outside of an attempt the share is released here.
        let _ = READ.try_with(|read| read.borrow_mut().push(share));
    }
}

/// The bytes of one answer. They are released when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    answers: Arc<Answers>,
    number: u64,
    read: usize,
    counted: usize,
}

impl Share {
    /// Waits until the answer may use this number of additional bytes.
    pub(crate) async fn grow(&mut self, bytes: usize) {
        self.read += bytes;
        if self.read <= FREE {
            return;
        }
        let more = self.read - FREE + READ_AHEAD - self.counted;
        let answers = Arc::clone(&self.answers);
        loop {
            let mut freed = std::pin::pin!(answers.freed.notified());
            freed.as_mut().enable();
            if self.take(more) {
                return;
            }
            freed.await;
        }
    }

    /// Takes the bytes if they fit, or if no other answer exceeds the limit.
    fn take(&mut self, more: usize) -> bool {
        let mut used = self.answers.used();
        let fits = used.bytes + more <= LIMIT || *used.senior.get_or_insert(self.number) == self.number;
        if fits {
            used.bytes += more;
            self.counted += more;
        }
        fits
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.counted == 0 {
            return;
        }
        let mut used = self.answers.used();
        used.bytes -= self.counted;
        if used.senior == Some(self.number) {
            used.senior = None;
        }
        drop(used);
        self.answers.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::future::join_all;

    use super::*;

    /// Reads an answer in pieces. Returns the largest number of bytes in use.
    async fn read(answers: &Arc<Answers>, pieces: usize, piece: usize) -> usize {
        let mut share = Answers::share(answers);
        let mut most = 0;
        for _ in 0..pieces {
            share.grow(piece).await;
            most = most.max(answers.used().bytes);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        most
    }

    #[tokio::test(start_paused = true)]
    async fn many_large_answers_end_and_never_use_more_than_the_limit_and_one_answer() {
        let answers = Arc::new(Answers::default());
        let (pieces, piece) = (320, 64 << 10);
        let most = join_all((0..40).map(|_| read(&answers, pieces, piece))).await.into_iter().max().unwrap();
        assert!(most > LIMIT / 2, "they are read side by side: {most}");
        assert!(most <= LIMIT + pieces * piece + READ_AHEAD, "{most}");
        assert_eq!(answers.used().bytes, 0);
        assert!(answers.used().senior.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn read_bytes_count_until_the_attempt_ends() {
        let answers = Arc::new(Answers::default());
        let attempt = until_read(async {
            let mut share = Answers::share(&answers);
            share.grow(FREE + 5).await;
            keep(share);
            answers.used().bytes
        });
        assert_eq!(attempt.await, 5 + READ_AHEAD);
        assert_eq!(answers.used().bytes, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn small_answers_do_not_wait_for_large_ones() {
        let answers = Arc::new(Answers::default());
        let mut large = Answers::share(&answers);
        large.grow(LIMIT * 2).await;
        let mut waiting = Answers::share(&answers);
        let waits = tokio::time::timeout(Duration::from_secs(9), waiting.grow(FREE + 1)).await;
        assert!(waits.is_err(), "there is no room");
        Answers::share(&answers).grow(FREE).await;
        drop(large);
        Answers::share(&answers).grow(LIMIT - READ_AHEAD).await;
    }
}
