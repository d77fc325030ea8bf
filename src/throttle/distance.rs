//! The latency of a service, and how many requests must be in flight to use its capacity. Arithmetic only.
//!
//! By Little's law, a rate needs as many requests in flight as are answered in the time of one. The fastest answers
//! show the latency: they did not wait in a queue, such as one that this program causes by many simultaneous requests.

use std::time::Duration;

use crate::model::Plane;

/// The number of answers in a window. The fastest answer of the last two windows is the latency, so a latency that
/// increases is noticed after two windows.
const WINDOW: u32 = 32;

/// Half of what a storage account takes by the published limits, in requests per second: about what one client can
/// send; each request in flight takes memory.
const STORAGE_REQUESTS: u32 = 10_000;

/// A guess for a media account: it gets a few requests per asset, in batches.
const MEDIA_REQUESTS: u32 = 2_000;

/// Slots if the service is near: storage accounts answer copies later than other requests. (A guess that has held.)
const NEAR_STORAGE: usize = 256;

/// The same for a media account.
const NEAR_MEDIA: usize = 32;

/// The capacity of a lane.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Room {
    /// Requests on their way.
    pub slots: usize,
    /// The latency of the fastest answers.
    pub distance: Duration,
    /// Requests per second; `None` if no limit is known.
    pub per_second: Option<f64>,
}

impl Room {
    /// The common capacity of two lanes, for work that uses both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let per_second = [self.per_second, other.per_second].into_iter().flatten().reduce(f64::min);
        Self { slots: self.slots.max(other.slots), distance: self.distance.max(other.distance), per_second }
    }
}

/// The slots that lanes of a kind need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// Wherever the service is.
    near: usize,
    /// The requests per second for which slots are useful; 0 = only the slots above.
    per_second: u32,
}

impl Reach {
    /// The slots that lanes of that plane need.
    pub(super) fn of(plane: Plane) -> Self {
        match plane {
            Plane::Media => Self { near: NEAR_MEDIA, per_second: MEDIA_REQUESTS },
            Plane::BlobRead | Plane::BlobWrite => Self { near: NEAR_STORAGE, per_second: STORAGE_REQUESTS },
            // These use all configured slots.
            Plane::Viewer | Plane::SignIn => Self { near: usize::MAX, per_second: 0 },
        }
    }

    /// Slots at that distance.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
    pub(super) fn slots(self, distance: Duration) -> usize {
        let on_their_way = distance.as_secs_f64() * f64::from(self.per_second);
        self.near.max(on_their_way.ceil() as usize)
    }
}

/// The latency of a service, measured by its answers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Distance {
    known: Duration,
    before: Option<Duration>,
    fastest: Option<Duration>,
    answers: u32,
}

impl Distance {
    /// The last measured latency; none at the start.
    pub(super) fn known(&self) -> Duration {
        self.known
    }

    /// Records an answer; returns the latency if it was measured again.
    pub(super) fn answered(&mut self, latency: Duration) -> Option<Duration> {
        let fastest = self.fastest.map_or(latency, |fastest| fastest.min(latency));
        self.fastest = Some(fastest);
        self.answers += 1;
        if self.answers < WINDOW {
            return None;
        }
        let distance = self.before.map_or(fastest, |before| before.min(fastest));
        *self = Self { known: distance, before: Some(fastest), fastest: None, answers: 0 };
        Some(distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_lane_has_more_slots_for_a_higher_latency() {
        let storage = Reach::of(Plane::BlobWrite);
        assert_eq!([0, 1, 20, 60, 200].map(|ms| storage.slots(milliseconds(ms))), [256, 256, 256, 600, 2_000]);
        assert_eq!([0, 60].map(|ms| Reach::of(Plane::Media).slots(milliseconds(ms))), [32, 120]);
    }

    #[test]
    fn the_latency_is_that_of_the_fastest_answer_of_two_windows() {
        let mut distance = Distance::default();
        let mut window = |fast: u64| {
            let judged: Vec<_> = (0..WINDOW)
                .filter_map(|answer| {
                    let slow = if answer % 4 == 0 { 0 } else { 500 };
                    distance.answered(milliseconds(fast + slow))
                })
                .collect();
            assert_eq!(judged.len(), 1);
            judged[0].as_millis()
        };
        assert_eq!((window(20), window(20)), (20, 20));
        assert_eq!((window(80), window(80)), (20, 80), "further away now");
        assert_eq!(window(5), 5, "near at once");
    }
}
