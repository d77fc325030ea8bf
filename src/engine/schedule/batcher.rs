//! Gathers the small writes of many assets into few requests.
//!
//! A batch is written when it is full, or when no other item can join it: every task that may still submit an item
//! holds an [`Announced`]. No item waits longer than its patience. So the number of requests of a run does not depend
//! on timing, and the last asset of a run does not wait.
//!
//! No separate task is needed: the task that opens a batch writes it for all of its members.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::Error;
use crate::library::Capacity;

/// How full a batch is. The forecast fills batches by the same rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fill {
    pub(crate) items: usize,
    pub(crate) weight: u64,
}

impl Fill {
    /// Does an item of that weight fit? It always fits into an empty batch.
    pub(crate) fn has_room(self, capacity: Capacity, weight: u64) -> bool {
        self.items == 0 || (self.items < capacity.items && self.weight + weight <= capacity.weight)
    }

    /// Puts an item in.
    pub(crate) fn add(&mut self, weight: u64) {
        self.items += 1;
        self.weight += weight;
    }

    /// Is the batch full?
    pub(crate) fn is_full(self, capacity: Capacity) -> bool {
        self.items >= capacity.items || self.weight >= capacity.weight
    }
}

/// Collects items and lets one caller write them all.
#[derive(Debug)]
pub(crate) struct Batcher<T, R> {
    state: Mutex<State<T, R>>,
    capacity: Capacity,
}

#[derive(Debug)]
struct State<T, R> {
    open: Option<Open<T, R>>,
    /// The number of tasks that may still submit an item.
    coming: usize,
    opened: u64,
}

/// An item, and the channel for its result.
type Waiting<T, R> = (T, oneshot::Sender<Result<R, Error>>);

/// A batch that takes items.
#[derive(Debug)]
struct Open<T, R> {
    number: u64,
    fill: Fill,
    items: Vec<Waiting<T, R>>,
    /// The task that opened the batch waits here for the items to write.
    leader: oneshot::Sender<Vec<Waiting<T, R>>>,
}

/// A task that may submit an item later. An open batch waits while there is one.
#[derive(Debug)]
pub(crate) struct Announced<T, R>(Arc<Batcher<T, R>>);

impl<T, R> Batcher<T, R> {
    /// A batcher for batches of at most that capacity.
    pub(crate) fn new(capacity: Capacity) -> Arc<Self> {
        let state = Mutex::new(State { open: None, coming: 0, opened: 0 });
        Arc::new(Self { state, capacity })
    }

    /// Announces an item that may be submitted.
    pub(crate) fn announce(self: &Arc<Self>) -> Announced<T, R> {
        self.change(|state| state.coming += 1);
        Announced(Arc::clone(self))
    }

    fn change<O>(&self, change: impl FnOnce(&mut State<T, R>) -> O) -> O {
        change(&mut self.state.lock().expect("no panic while held"))
    }

    /// Puts an item into the open batch, or into a new one, whose items the caller then writes.
    #[expect(clippy::type_complexity, reason = "named by the one caller")]
    fn join(&self, waiting: Waiting<T, R>, weight: u64) -> (u64, Option<oneshot::Receiver<Vec<Waiting<T, R>>>>) {
        self.change(|state| {
            if state.open.as_ref().is_some_and(|open| !open.fill.has_room(self.capacity, weight)) {
                state.close();
            }
            let mut lead = None;
            let (number, full) = {
                let opened = &mut state.opened;
                let open = state.open.get_or_insert_with(|| {
                    let (leader, closed) = oneshot::channel();
                    lead = Some(closed);
                    *opened += 1;
                    Open { number: *opened, fill: Fill::default(), items: Vec::new(), leader }
                });
                open.items.push(waiting);
                open.fill.add(weight);
                (open.number, open.fill.is_full(self.capacity))
            };
            if full {
                state.close();
            }
            (number, lead)
        })
    }

    /// Waits for its patience, then closes the batch of that number if it is still open. Never returns.
    async fn lose_patience(&self, number: u64, patience: Duration) -> ! {
        tokio::time::sleep(patience).await;
        self.change(|state| {
            if state.open.as_ref().is_some_and(|open| open.number == number) {
                state.close();
            }
        });
        std::future::pending().await
    }
}

impl<T, R> State<T, R> {
    /// Closes the open batch, so that its leader writes it.
    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            // A cancelled leader drops its batch; the channels of the members close, so that they notice.
            let _ = open.leader.send(open.items);
        }
    }
}

impl<T, R> Announced<T, R> {
    /// Submits the announced item and returns its result. It waits for others no longer than `patience`. One of the
    /// callers calls `write` with the items of all; it returns one result per item, in order.
    pub(crate) async fn submit<F, Fut>(self, item: T, weight: u64, patience: Duration, write: F) -> Result<R, Error>
    where
        F: FnOnce(Vec<T>) -> Fut,
        Fut: Future<Output = Vec<Result<R, Error>>>,
    {
        let batcher = Arc::clone(&self.0);
        let (sender, mut receiver) = oneshot::channel();
        let (number, lead) = batcher.join((item, sender), weight);
        // The item is submitted; perhaps it was the last announced one.
        drop(self);
        let result = if let Some(closed) = lead {
            let batch = tokio::select! {
                batch = closed => batch.expect("a batch is closed by handing it to its leader"),
                never = batcher.lose_patience(number, patience) => never,
            };
            let (items, senders): (Vec<T>, Vec<_>) = batch.into_iter().unzip();
            for (sender, result) in senders.into_iter().zip(write(items).await) {
                // A cancelled caller does not need its result.
                let _ = sender.send(result);
            }
            receiver.await
        } else {
            tokio::select! {
                result = &mut receiver => result,
                never = batcher.lose_patience(number, patience) => never,
            }
        };
        result.expect("a batch answers every item it took")
    }
}

impl<T, R> Clone for Announced<T, R> {
    fn clone(&self) -> Self {
        self.0.announce()
    }
}

impl<T, R> Drop for Announced<T, R> {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.coming -= 1;
            if state.coming == 0 {
                state.close();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::{join, join_all};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(9);

    fn batcher(items: usize) -> Arc<Batcher<usize, usize>> {
        Batcher::new(Capacity { items, weight: 100 })
    }

    /// Doubles each item.
    async fn doubled(announced: Announced<usize, usize>, item: usize, weight: u64, writes: &AtomicUsize) -> usize {
        let write = |items: Vec<usize>| async {
            writes.fetch_add(1, Ordering::Relaxed);
            items.into_iter().map(|item| Ok(item * 2)).collect()
        };
        announced.submit(item, weight, PATIENCE, write).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn many_items_become_few_writes_and_each_gets_its_own_result() {
        let (batcher, writes) = (batcher(10), AtomicUsize::new(0));
        let started = tokio::time::Instant::now();
        let coming: Vec<_> = (0..35).map(|item| (item, batcher.announce())).collect();
        let results = join_all(coming.into_iter().map(|(item, announced)| doubled(announced, item, 1, &writes))).await;
        assert_eq!(results, (0..35).map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!((writes.into_inner(), started.elapsed()), (4, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn items_that_are_too_heavy_together_are_written_separately() {
        let (batcher, writes) = (batcher(10), AtomicUsize::new(0));
        let weights = [60, 40, 60, 60, 500, 1];
        let coming: Vec<_> = weights.into_iter().map(|weight| (weight, batcher.announce())).collect();
        join_all(coming.into_iter().map(|(weight, announced)| doubled(announced, 1, weight, &writes))).await;
        assert_eq!(writes.into_inner(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_item_does_not_wait() {
        let (batcher, writes) = (batcher(10), AtomicUsize::new(0));
        let started = tokio::time::Instant::now();
        assert_eq!(doubled(batcher.announce(), 1, 1, &writes).await, 2);
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_item_waits_for_an_announced_item_until_that_one_is_withdrawn() {
        let (batcher, writes) = (batcher(10), AtomicUsize::new(0));
        let (started, other) = (tokio::time::Instant::now(), batcher.announce());
        let turn_back = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            drop(other);
        };
        join(doubled(batcher.announce(), 1, 1, &writes), turn_back).await;
        assert_eq!(started.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn an_item_waits_no_longer_than_its_patience() {
        let (batcher, writes) = (batcher(10), AtomicUsize::new(0));
        let (started, _late) = (tokio::time::Instant::now(), batcher.announce());
        assert_eq!(doubled(batcher.announce(), 1, 1, &writes).await, 2);
        assert_eq!(started.elapsed(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn the_least_patient_member_decides() {
        let (batcher, writes) = (batcher(10), AtomicUsize::new(0));
        let (started, _late) = (tokio::time::Instant::now(), batcher.announce());
        let hasty = batcher.announce().submit(2, 1, Duration::from_secs(1), |_| async { unreachable!() });
        let (first, second) = join(doubled(batcher.announce(), 1, 1, &writes), hasty).await;
        assert_eq!((first, second.unwrap(), started.elapsed()), (2, 4, Duration::from_secs(1)));
    }
}
