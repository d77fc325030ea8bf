//! Slots limit how many assets are processed at once.
//!
//! An asset that waits for its batch to fill frees its slot, so that other assets can join the batch. Each waiting
//! asset uses memory, so the number of slots that waiting assets free is limited, too.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::time::Instant;

/// The slots of a run.
#[derive(Debug)]
pub(crate) struct AssetSlots {
    state: Mutex<State>,
    /// The most waiting assets that free their slots.
    most_waiting: usize,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    started: usize,
    waiting: usize,
}

/// The slot of one asset; dropping it frees it.
#[derive(Debug)]
pub(crate) struct AssetSlot {
    slots: Arc<AssetSlots>,
    /// When it was acquired.
    pub(crate) since: Instant,
}

/// Marks an asset as waiting for its batch until it is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct BatchWait<'a>(&'a AssetSlots);

impl AssetSlots {
    /// All slots are free.
    pub(crate) fn new(most_waiting: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), most_waiting, changed: Notify::new() })
    }

    /// Waits until fewer than `most` slots are in use, and acquires one. It supports one caller at a time.
    pub(crate) async fn acquire(self: &Arc<Self>, most: usize) -> AssetSlot {
        loop {
            let acquired = self.change(|state| {
                let free = state.started - state.waiting.min(self.most_waiting) < most.max(1);
                state.started += usize::from(free);
                free
            });
            if acquired {
                return AssetSlot { slots: Arc::clone(self), since: Instant::now() };
            }
            self.changed.notified().await;
        }
    }

    fn change<O>(&self, change: impl FnOnce(&mut State) -> O) -> O {
        change(&mut self.state.lock().expect("no panic while held"))
    }
}

impl AssetSlot {
    /// Frees the slot for others until the result is dropped.
    pub(crate) fn wait_for_batch(&self) -> BatchWait<'_> {
        self.slots.change(|state| state.waiting += 1);
        self.slots.changed.notify_one();
        BatchWait(&self.slots)
    }
}

impl Drop for BatchWait<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.waiting -= 1);
    }
}

impl Drop for AssetSlot {
    fn drop(&mut self) {
        self.slots.change(|state| state.started -= 1);
        self.slots.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn an_asset_that_ends_or_waits_for_its_batch_frees_its_slot() {
        let slots = AssetSlots::new(1);
        let (first, second) = (slots.acquire(2).await, slots.acquire(2).await);
        let mut third = Box::pin(slots.acquire(2));
        assert!(third.as_mut().now_or_never().is_none());
        let wait = first.wait_for_batch();
        let third = third.now_or_never().expect("a slot is free");
        let mut fourth = Box::pin(slots.acquire(2));
        assert!(fourth.as_mut().now_or_never().is_none());
        let more = second.wait_for_batch();
        assert!(fourth.as_mut().now_or_never().is_none(), "only one waiting asset frees its slot");
        drop((wait, more));
        drop(third);
        assert!(fourth.as_mut().now_or_never().is_none(), "both waits are over");
        drop(first);
        assert!(fourth.now_or_never().is_some());
    }
}
