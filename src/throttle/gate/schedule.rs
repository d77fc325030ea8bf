//! Decides when a gate reads its timetable again.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::throttle::timetable::Timetable;

/// Reads the wall clock.
pub(in crate::throttle) type WallClock = fn() -> Timestamp;

/// The longest time between two readings: within this time, a change of the wall clock or a suspension of the machine
/// is noticed.
const LONGEST: Duration = Duration::from_mins(1);

/// A timetable, and when to read it again.
#[derive(Debug)]
pub(in crate::throttle) struct Schedule {
    timetable: Arc<Timetable>,
    wall: WallClock,
    look_again: Instant,
}

impl Schedule {
    /// A timetable by that clock, before the first reading.
    pub(in crate::throttle) fn new(timetable: Arc<Timetable>, wall: WallClock) -> Self {
        Self { timetable, wall, look_again: Instant::now() }
    }

    /// When the rate can change.
    pub(super) fn look_again(&self) -> Instant {
        self.look_again
    }

    /// The current rate; `None` = no limit.
    pub(super) fn look(&mut self, now: Instant) -> Option<NonZeroU64> {
        let wall = (self.wall)();
        let holds = self.timetable.at(wall);
        let left = Duration::try_from(holds.until.duration_since(wall)).unwrap_or_default();
        self.look_again = now + left.min(LONGEST);
        holds.per_second
    }
}
