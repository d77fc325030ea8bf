//! Room for assets: how many are worked on at once, and who of them is only waiting for a batch to fill.
//!
//! An asset that waits for company must not keep others from coming; but what waits takes memory, too, so that only so many
//! of them make room.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::time::Instant;

/// Places for assets.
#[derive(Debug)]
pub(crate) struct Room {
    state: Mutex<State>,
    /// Of those that wait so many make room.
    most_waiting: usize,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    begun: usize,
    waiting: usize,
}

/// An asset's place, from its begin to its end.
#[derive(Debug)]
pub(crate) struct Place {
    room: Arc<Room>,
    /// When it was taken.
    pub(crate) since: Instant,
}

/// An asset that waits for others.
#[derive(Debug)]
#[must_use]
pub(crate) struct Aside<'a>(&'a Room);

impl Room {
    /// Nobody is there yet.
    pub(crate) fn new(most_waiting: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), most_waiting, changed: Notify::new() })
    }

    /// Waits until fewer than `most` are at work, and takes a place. One caller at a time.
    pub(crate) async fn enter(self: &Arc<Self>, most: usize) -> Place {
        loop {
            let entered = self.change(|state| {
                let free = state.begun - state.waiting.min(self.most_waiting) < most.max(1);
                state.begun += usize::from(free);
                free
            });
            if entered {
                return Place { room: Arc::clone(self), since: Instant::now() };
            }
            self.changed.notified().await;
        }
    }

    fn change<O>(&self, change: impl FnOnce(&mut State) -> O) -> O {
        change(&mut self.state.lock().expect("no panic while held"))
    }
}

impl Place {
    /// Steps aside for as long as the result lives.
    pub(crate) fn step_aside(&self) -> Aside<'_> {
        self.room.change(|state| state.waiting += 1);
        self.room.changed.notify_one();
        Aside(&self.room)
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.waiting -= 1);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.change(|state| state.begun -= 1);
        self.room.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_that_ends_or_steps_aside_makes_room_for_another() {
        let room = Room::new(1);
        let (first, second) = (room.enter(2).await, room.enter(2).await);
        let mut third = Box::pin(room.enter(2));
        assert!(third.as_mut().now_or_never().is_none());
        let aside = first.step_aside();
        let third = third.now_or_never().expect("there is room");
        let mut fourth = Box::pin(room.enter(2));
        assert!(fourth.as_mut().now_or_never().is_none());
        let more = second.step_aside();
        assert!(fourth.as_mut().now_or_never().is_none(), "only so many make room");
        drop((aside, more));
        drop(third);
        assert!(fourth.as_mut().now_or_never().is_none(), "those that stepped aside are back");
        drop(first);
        assert!(fourth.now_or_never().is_some());
    }
}
