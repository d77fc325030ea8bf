//! Gathers the small writes of many assets into few requests.
//!
//! There is no task and no queue of its own: whoever comes first waits a moment for others, then writes for all of them.

use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::Error;

/// How long the first waits for others. Short beside any request, long beside the time between two assets of a busy run.
const LINGER: Duration = Duration::from_millis(25);

/// An item and whoever waits for its result.
type Waiting<T, R> = (T, oneshot::Sender<Result<R, Error>>);

/// Collects items until there are enough or a moment has passed, then lets one caller write them all.
#[derive(Debug)]
pub(crate) struct Batcher<T, R> {
    waiting: Mutex<Vec<Waiting<T, R>>>,
    most: usize,
}

impl<T, R> Batcher<T, R> {
    /// At most that many items in one batch.
    pub(crate) fn new(most: usize) -> Self {
        Self { waiting: Mutex::new(Vec::new()), most }
    }

    /// Hands in one item and returns its result. `write` is called by one of the callers, with the items of all, and
    /// returns one result per item, in order.
    pub(crate) async fn submit<F, Fut>(&self, item: T, write: F) -> Result<R, Error>
    where
        F: FnOnce(Vec<T>) -> Fut,
        Fut: Future<Output = Vec<Result<R, Error>>>,
    {
        let (sender, receiver) = oneshot::channel();
        let (first, full) = {
            let mut waiting = self.waiting.lock().expect("no panic while held");
            waiting.push((item, sender));
            (waiting.len() == 1, waiting.len() >= self.most)
        };
        if full {
            self.flush(write).await;
        } else if first {
            tokio::time::sleep(LINGER).await;
            self.flush(write).await;
        }
        receiver.await.expect("a batch answers every item it took")
    }

    /// Writes what is waiting. Somebody may have done so already; then nothing is left to do.
    async fn flush<F, Fut>(&self, write: F)
    where
        F: FnOnce(Vec<T>) -> Fut,
        Fut: Future<Output = Vec<Result<R, Error>>>,
    {
        let batch = std::mem::take(&mut *self.waiting.lock().expect("no panic while held"));
        if batch.is_empty() {
            return;
        }
        let (items, senders): (Vec<T>, Vec<_>) = batch.into_iter().unzip();
        for (sender, result) in senders.into_iter().zip(write(items).await) {
            // A caller that went away does not need its result.
            let _ = sender.send(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_items_become_few_writes_and_each_gets_its_own_result() {
        let batcher: Batcher<usize, usize> = Batcher::new(10);
        let writes = AtomicUsize::new(0);
        let results = futures::future::join_all((0..35).map(|item| {
            batcher.submit(item, |items| async {
                writes.fetch_add(1, Ordering::Relaxed);
                items.into_iter().map(|item| Ok(item * 2)).collect()
            })
        }))
        .await;
        let doubled: Vec<usize> = results.into_iter().map(Result::unwrap).collect();
        assert_eq!(doubled, (0..35).map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(writes.load(Ordering::Relaxed), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lone_item_waits_a_moment_only() {
        let batcher: Batcher<u8, u8> = Batcher::new(10);
        let started = tokio::time::Instant::now();
        let answer = batcher.submit(1, |items| async { items.into_iter().map(Ok).collect() }).await.unwrap();
        assert_eq!((answer, started.elapsed()), (1, LINGER));
    }
}
