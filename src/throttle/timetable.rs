//! Rates by the time of day.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::clock;

/// The rates by the time of day: each one is valid from its time until the next one, the last one over midnight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable {
    zone: TimeZone,
    /// At least one; `None` = no limit.
    rates: BTreeMap<Time, Option<NonZeroU64>>,
}

/// The rates of a lane that depend on the time of day. `None` if the rate is always the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timetables {
    /// Requests per second.
    pub requests: Option<Arc<Timetable>>,
    /// Bytes per second that copies may move.
    pub bytes: Option<Arc<Timetable>>,
}

/// The entry of a timetable for a point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holds {
    /// The rate; `None` = no limit.
    pub per_second: Option<NonZeroU64>,
    /// When the next entry starts.
    pub until: Timestamp,
}

impl Timetable {
    /// The rates by their start times on the clocks of that zone. `None` if there is no rate.
    pub fn new(zone: TimeZone, rates: BTreeMap<Time, Option<NonZeroU64>>) -> Option<Self> {
        (!rates.is_empty()).then_some(Self { zone, rates })
    }

    /// The rate of a moment.
    pub fn at(&self, now: Timestamp) -> Holds {
        let today = now.to_zoned(self.zone.clone()).date();
        let over_midnight = self.rates.values().next_back().copied().flatten();
        let mut holds = Holds { per_second: over_midnight, until: Timestamp::MAX };
        // In the order in which the clocks show the times: if they skip some, the last of these applies.
        for day in [-1, 0, 1].map(|days: i64| today.saturating_add(days.days())) {
            for (from, per_second) in &self.rates {
                let begins = clock::when(&self.zone, day.to_datetime(*from));
                if begins <= now {
                    holds.per_second = *per_second;
                } else {
                    holds.until = holds.until.min(begins);
                }
            }
        }
        holds
    }
}

impl Timetables {
    /// Is there no timetable?
    pub fn is_empty(&self) -> bool {
        self.requests.is_none() && self.bytes.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rates by times such as `08:00`; zero = no limit.
    fn timetable(zone: &str, rates: &[(&str, u64)]) -> Timetable {
        let rates = rates.iter().map(|(from, rate)| (from.parse().unwrap(), NonZeroU64::new(*rate)));
        Timetable::new(TimeZone::get(zone).unwrap(), rates.collect()).unwrap()
    }

    /// The rate at a time (zero = no limit), and when the next one starts.
    fn at(timetable: &Timetable, now: &str) -> (u64, String) {
        let Holds { per_second, until } = timetable.at(now.parse().unwrap());
        (per_second.map_or(0, NonZeroU64::get), until.to_string())
    }

    fn holds(rate: u64, until: &str) -> (u64, String) {
        (rate, until.to_owned())
    }

    #[test]
    fn each_rate_is_valid_from_its_time_until_the_next_one_and_the_last_one_over_midnight() {
        let table = timetable("UTC", &[("08:00", 5), ("19:00", 100), ("23:00", 0)]);
        assert_eq!(at(&table, "2026-11-30T08:00:00Z"), holds(5, "2026-11-30T19:00:00Z"));
        assert_eq!(at(&table, "2026-11-30T18:59:59.999Z"), holds(5, "2026-11-30T19:00:00Z"));
        assert_eq!(at(&table, "2026-11-30T19:00:00Z"), holds(100, "2026-11-30T23:00:00Z"));
        assert_eq!(at(&table, "2026-11-30T23:30:00Z"), holds(0, "2026-12-01T08:00:00Z"));
        assert_eq!(at(&table, "2026-12-01T00:00:00Z"), holds(0, "2026-12-01T08:00:00Z"));
        assert_eq!(at(&table, "2026-12-01T07:59:59Z"), holds(0, "2026-12-01T08:00:00Z"));
    }

    #[test]
    fn midnight_is_a_valid_time() {
        let table = timetable("UTC", &[("00:00", 5), ("12:00", 9)]);
        assert_eq!(at(&table, "2026-11-30T23:59:59Z"), holds(9, "2026-12-01T00:00:00Z"));
        assert_eq!(at(&table, "2026-12-01T00:00:00Z"), holds(5, "2026-12-01T12:00:00Z"));
    }

    #[test]
    fn one_entry_is_valid_all_day() {
        let table = timetable("UTC", &[("08:00", 5)]);
        assert_eq!(at(&table, "2026-11-30T07:00:00Z"), holds(5, "2026-11-30T08:00:00Z"));
        assert_eq!(at(&table, "2026-11-30T09:00:00Z"), holds(5, "2026-12-01T08:00:00Z"));
        assert_eq!(Timetable::new(TimeZone::UTC, BTreeMap::new()), None);
    }

    #[test]
    fn the_times_are_those_of_the_zone_in_summer_and_in_winter() {
        let table = timetable("Europe/Madrid", &[("08:00", 5), ("22:00", 0)]);
        assert_eq!(at(&table, "2026-07-01T05:59:59Z"), holds(0, "2026-07-01T06:00:00Z"));
        assert_eq!(at(&table, "2026-07-01T06:00:00Z"), holds(5, "2026-07-01T20:00:00Z"));
        assert_eq!(at(&table, "2026-12-01T06:00:00Z"), holds(0, "2026-12-01T07:00:00Z"));
        // The next day in its zone starts before that in UTC.
        assert_eq!(at(&table, "2026-12-01T23:30:00Z"), holds(0, "2026-12-02T07:00:00Z"));
        // The night in which the clock is set forward is an hour shorter, the one in which it is set back is an hour
        // longer.
        assert_eq!(at(&table, "2026-03-28T21:00:00Z"), holds(0, "2026-03-29T06:00:00Z"));
        assert_eq!(at(&table, "2026-10-24T20:00:00Z"), holds(0, "2026-10-25T07:00:00Z"));
    }

    #[test]
    fn a_time_that_the_clock_skips_is_an_hour_later_and_does_not_replace_a_later_entry() {
        // On 2026-03-29 the clock is set from 02:00 to 03:00, at 01:00 UTC.
        let table = timetable("Europe/Madrid", &[("02:30", 7), ("06:00", 5)]);
        assert_eq!(at(&table, "2026-03-29T00:59:59Z"), holds(5, "2026-03-29T01:30:00Z"));
        assert_eq!(at(&table, "2026-03-29T01:30:00Z"), holds(7, "2026-03-29T04:00:00Z"));
        let table = timetable("Europe/Madrid", &[("02:30", 7), ("03:00", 9), ("06:00", 5)]);
        assert_eq!(at(&table, "2026-03-29T01:00:00Z").0, 9);
        assert_eq!(at(&table, "2026-03-29T01:30:00Z"), holds(9, "2026-03-29T04:00:00Z"));
    }

    #[test]
    fn a_time_that_the_clock_shows_twice_is_the_first() {
        // On 2026-10-25 the clock is set back from 03:00 to 02:00, at 01:00 UTC.
        let table = timetable("Europe/Madrid", &[("02:30", 7), ("03:00", 5)]);
        assert_eq!(at(&table, "2026-10-25T00:29:59Z"), holds(5, "2026-10-25T00:30:00Z"));
        assert_eq!(at(&table, "2026-10-25T00:30:00Z"), holds(7, "2026-10-25T02:00:00Z"));
        assert_eq!(at(&table, "2026-10-25T01:15:00Z"), holds(7, "2026-10-25T02:00:00Z"));
        assert_eq!(at(&table, "2026-10-25T02:00:00Z"), holds(5, "2026-10-26T01:30:00Z"));
    }

    #[test]
    fn the_first_and_last_times_do_not_panic() {
        let table = timetable("Europe/Madrid", &[("08:00", 5)]);
        for now in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(table.at(now).per_second, NonZeroU64::new(5));
        }
    }
}
