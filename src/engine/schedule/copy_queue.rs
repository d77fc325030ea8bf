//! A priority queue for copy slots: the blobs of assets that started earlier are copied first, so that assets complete
//! one after another.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::blob::BlobAccount;

/// The part of a second whose requests at the configured rate wait in a lane.
const WAITING_PART: u64 = 4;

/// How often the number of slots is read again, if no slot becomes free meanwhile.
const READ_AGAIN: Duration = Duration::from_millis(100);

/// Copy slots. A free slot goes to the waiting blob whose asset started first.
pub(crate) struct CopyQueue {
    /// How many slots there are now.
    slots: Box<dyn Fn() -> usize + Send + Sync>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used: usize,
    /// The waiting blobs by the priority of their asset, then by arrival.
    waiting: BTreeMap<(u64, u64), oneshot::Sender<()>>,
    arrivals: u64,
}

impl CopyQueue {
    /// The queue of the copies into an account: as many as its lane sends, and a quarter more that are ready when one
    /// completes. At a configured rate fewer wait in the lane, because there they no longer give way to those of
    /// earlier assets.
    pub(crate) fn into_account(account: &BlobAccount) -> Arc<Self> {
        let lane = Arc::clone(account.writes());
        let queue = Arc::new(Self::new(move || {
            let sent = lane.slots();
            let most = sent + sent / 4;
            let waiting = |rate: NonZeroU64| usize::try_from(rate.get() / WAITING_PART + 1).unwrap_or(usize::MAX);
            let limited = |rate| most.min(lane.used().saturating_add(waiting(rate)));
            lane.limits().requests_per_second.map_or(most, limited)
        }));
        queue.keep_filled();
        queue
    }

    /// A queue whose number of slots is the function's present result, at least one.
    fn new(slots: impl Fn() -> usize + Send + Sync + 'static) -> Self {
        Self { slots: Box::new(slots), state: Mutex::default() }
    }

    /// Reads the number of slots regularly, as long as the queue exists: there can be more without one becoming free.
    fn keep_filled(self: &Arc<Self>) {
        let queue = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(READ_AGAIN).await;
                let Some(queue) = queue.upgrade() else { return };
                queue.fill(0);
            }
        });
    }

    fn most(&self) -> usize {
        (self.slots)().max(1)
    }

    /// Waits for a slot. A lower priority number goes first.
    pub(crate) async fn acquire(self: Arc<Self>, priority: u64) -> CopySlot {
        let mut waiting = {
            let most = self.most();
            let mut state = self.state.lock().expect("no panic while held");
            if state.used < most {
                state.used += 1;
                drop(state);
                return CopySlot(self);
            }
            let (sender, receiver) = oneshot::channel();
            state.arrivals += 1;
            let key = (priority, state.arrivals);
            state.waiting.insert(key, sender);
            Waiting { queue: &self, receiver }
        };
        // The sender is dropped only with the queue, which this borrows.
        let _ = (&mut waiting.receiver).await;
        waiting.receiver.close();
        drop(waiting);
        CopySlot(self)
    }

    /// Frees a number of slots, and gives the free slots to waiting blobs.
    fn fill(&self, freed: usize) {
        let most = self.most();
        let mut state = self.state.lock().expect("no panic while held");
        state.used -= freed;
        while state.used < most {
            let Some((_, next)) = state.waiting.pop_first() else { return };
            // A cancelled waiter does not take it.
            state.used += usize::from(next.send(()).is_ok());
        }
    }
}

impl fmt::Debug for CopyQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyQueue").field("state", &self.state).finish_non_exhaustive()
    }
}

/// A slot; dropping it releases it.
#[derive(Debug)]
#[must_use]
pub(crate) struct CopySlot(Arc<CopyQueue>);

impl Drop for CopySlot {
    fn drop(&mut self) {
        self.0.fill(1);
    }
}

/// A waiting blob. If it is cancelled immediately after it was given a slot, it passes the slot on.
struct Waiting<'a> {
    queue: &'a CopyQueue,
    receiver: oneshot::Receiver<()>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.receiver.close();
        if self.receiver.try_recv().is_ok() {
            self.queue.fill(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_asset_that_started_first_copies_first() {
        let queue = Arc::new(CopyQueue::new(|| 1));
        let held = Arc::clone(&queue).acquire(9).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = [(5, 'c'), (2, 'a'), (5, 'd'), (2, 'b')]
            .into_iter()
            .map(|(asset, name)| {
                let (queue, order) = (Arc::clone(&queue), Arc::clone(&order));
                tokio::spawn(async move {
                    let _slot = queue.acquire(asset).await;
                    order.lock().unwrap().push(name);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ['a', 'b', 'c', 'd']);
    }

    #[tokio::test]
    async fn waiting_blobs_get_slots_that_are_added_when_one_is_freed() {
        let slots = Arc::new(AtomicUsize::new(1));
        let queue = Arc::new(CopyQueue::new({
            let slots = Arc::clone(&slots);
            move || slots.load(Ordering::Relaxed)
        }));
        let held = Arc::clone(&queue).acquire(1).await;
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(Arc::clone(&queue).acquire(1))).collect();
        assert!(waiting.iter_mut().all(|one| one.as_mut().now_or_never().is_none()));
        slots.store(2, Ordering::Relaxed);
        drop(held);
        let granted: Vec<_> = waiting.iter_mut().map(|one| one.as_mut().now_or_never()).collect();
        assert!(granted[0].is_some() && granted[1].is_some() && granted[2].is_none());
    }

    #[tokio::test]
    async fn a_cancelled_waiter_loses_no_slot() {
        let queue = Arc::new(CopyQueue::new(|| 1));
        let held = Arc::clone(&queue).acquire(1).await;
        // This one is cancelled while it waits.
        assert!(Arc::clone(&queue).acquire(2).now_or_never().is_none());
        // This one is cancelled after it was given the slot, before it is polled.
        let mut cancelled = Box::pin(Arc::clone(&queue).acquire(3));
        assert!(cancelled.as_mut().now_or_never().is_none());
        drop(held);
        drop(cancelled);
        assert!(Arc::clone(&queue).acquire(4).now_or_never().is_some());
        assert!(Arc::clone(&queue).acquire(5).now_or_never().is_some(), "the previous slot is free again");
    }
}
