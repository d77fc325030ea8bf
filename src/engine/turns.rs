//! Who copies next: blobs of assets begun earlier go first, so that an asset is complete early and not all of them late.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

/// A number of slots, given to whoever waits for the asset begun first.
#[derive(Debug)]
pub(crate) struct Turns(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    /// Waiting ones by the turn of their asset, then by arrival.
    waiting: BTreeMap<(u64, u64), oneshot::Sender<()>>,
    arrivals: u64,
}

impl Turns {
    /// That many slots.
    pub(crate) fn new(slots: usize) -> Self {
        Self(Mutex::new(State { free: slots.max(1), waiting: BTreeMap::new(), arrivals: 0 }))
    }

    /// Waits for a slot.
    pub(crate) async fn take(self: Arc<Self>, asset: u64) -> Slot {
        let mut waiting = {
            let mut state = self.0.lock().expect("no panic while held");
            if state.free > 0 {
                state.free -= 1;
                drop(state);
                return Slot(self);
            }
            let (sender, receiver) = oneshot::channel();
            state.arrivals += 1;
            let place = (asset, state.arrivals);
            state.waiting.insert(place, sender);
            Waiting { turns: &self, receiver }
        };
        // The sender is dropped only with the turns themselves, which this borrows.
        let _ = (&mut waiting.receiver).await;
        waiting.receiver.close();
        drop(waiting);
        Slot(self)
    }

    /// Hands a slot to the next one, or keeps it.
    fn give_back(&self) {
        let mut state = self.0.lock().expect("no panic while held");
        while let Some((_, next)) = state.waiting.pop_first() {
            // One that went away does not take it.
            if next.send(()).is_ok() {
                return;
            }
        }
        state.free += 1;
    }
}

/// A slot; given back when it is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Slot(Arc<Turns>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

/// Somebody who waits. One that goes away just when it was given a slot passes it on.
struct Waiting<'a> {
    turns: &'a Turns,
    receiver: oneshot::Receiver<()>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.receiver.close();
        if self.receiver.try_recv().is_ok() {
            self.turns.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_asset_begun_first_goes_first() {
        let turns = Arc::new(Turns::new(1));
        let held = Arc::clone(&turns).take(9).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = [(5, 'c'), (2, 'a'), (5, 'd'), (2, 'b')]
            .into_iter()
            .map(|(asset, name)| {
                let (turns, order) = (Arc::clone(&turns), Arc::clone(&order));
                tokio::spawn(async move {
                    let _slot = turns.take(asset).await;
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
    async fn one_that_goes_away_loses_no_slot() {
        let turns = Arc::new(Turns::new(1));
        let held = Arc::clone(&turns).take(1).await;
        // Goes away while it waits.
        assert!(Arc::clone(&turns).take(2).now_or_never().is_none());
        // Goes away when it was given the slot, and has not noticed.
        let mut unaware = Box::pin(Arc::clone(&turns).take(3));
        assert!(unaware.as_mut().now_or_never().is_none());
        drop(held);
        drop(unaware);
        assert!(Arc::clone(&turns).take(4).now_or_never().is_some());
        assert!(Arc::clone(&turns).take(5).now_or_never().is_some(), "the slot of the one before is back");
    }
}
