//! How far away a service is, and how many requests have to be on their way to use what it allows. Arithmetic only.
//!
//! By Little's law, a rate needs as many requests at once as are answered in the time of one. The fastest answers tell the
//! distance: they did not wait in any queue, least of all in one that this program makes by asking for much at once.

use std::time::Duration;

use crate::model::Plane;

/// Answers whose fastest one counts, together with that of as many before: one is fast enough to be the distance, and a
/// service that moves further away is noticed after two such windows.
const WINDOW: u32 = 32;

/// Half of what a storage account takes by the published limits, in requests per second: about what one client can send, and
/// each request on its way takes memory.
const STORAGE_REQUESTS: u32 = 10_000;

/// A guess for a media account: its metadata store is asked for a few things an asset, in batches.
const MEDIA_REQUESTS: u32 = 2_000;

/// Slots where the service is near: storage accounts answer copies later than other requests. (A guess that has held.)
const NEAR_STORAGE: usize = 256;

/// The same for a media account.
const NEAR_MEDIA: usize = 32;

/// What a lane bears at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Room {
    /// Requests on their way.
    pub slots: usize,
    /// The time of the fastest answers.
    pub distance: Duration,
    /// Requests per second; `None`: no limit is known.
    pub per_second: Option<f64>,
}

impl Room {
    /// What two lanes bear together, where work goes through both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let per_second = [self.per_second, other.per_second].into_iter().flatten().reduce(f64::min);
        Self { slots: self.slots.max(other.slots), distance: self.distance.max(other.distance), per_second }
    }
}

/// Slots that lanes of a kind need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// Wherever the service is.
    near: usize,
    /// Requests a second that are worth having on their way; 0 = no more than the slots above.
    per_second: u32,
}

impl Reach {
    /// What lanes of that plane need.
    pub(super) fn of(plane: Plane) -> Self {
        match plane {
            Plane::Media => Self { near: NEAR_MEDIA, per_second: MEDIA_REQUESTS },
            Plane::BlobRead | Plane::BlobWrite => Self { near: NEAR_STORAGE, per_second: STORAGE_REQUESTS },
            // These have the slots that they are given.
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

/// The distance of a service, by its answers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Distance {
    known: Duration,
    before: Option<Duration>,
    fastest: Option<Duration>,
    answers: u32,
}

impl Distance {
    /// The distance that was judged last; none at the start.
    pub(super) fn known(&self) -> Duration {
        self.known
    }

    /// Takes note of an answer; returns the distance where it is judged anew.
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
    fn the_further_away_a_service_is_the_more_slots_a_lane_has() {
        let storage = Reach::of(Plane::BlobWrite);
        assert_eq!([0, 1, 20, 60, 200].map(|ms| storage.slots(milliseconds(ms))), [256, 256, 256, 600, 2_000]);
        assert_eq!([0, 60].map(|ms| Reach::of(Plane::Media).slots(milliseconds(ms))), [32, 120]);
    }

    #[test]
    fn the_fastest_answer_of_two_windows_counts_so_that_a_long_tail_and_queues_do_not() {
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
