//! Lanes whose rates depend on the time of day.

use std::cell::Cell;
use std::collections::BTreeMap;

use futures::future::join;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::*;

thread_local! {
    /// The time that the wall clock shows, and since when it runs from there.
    static SHOWN: Cell<(Timestamp, Option<Instant>)> = const { Cell::new((Timestamp::UNIX_EPOCH, None)) };
}

fn set_wall(shown: &str) {
    SHOWN.set((shown.parse().unwrap(), Some(Instant::now())));
}

fn wall() -> Timestamp {
    let (shown, since) = SHOWN.get();
    shown + SignedDuration::try_from(since.expect("it is set").elapsed()).unwrap()
}

/// Rates by time; zero = no limit.
type Rows<'a> = &'a [(&'a str, u64)];

fn timetable(zone: &str, rows: Rows<'_>) -> Option<Arc<Timetable>> {
    let rates: BTreeMap<_, _> =
        rows.iter().map(|(from, rate)| (from.parse().unwrap(), NonZeroU64::new(*rate))).collect();
    Timetable::new(TimeZone::get(zone).unwrap(), rates).map(Arc::new)
}

/// A lane with those rates of requests and of bytes, when the wall clock shows that time.
fn lane_at(shown: &str, zone: &str, requests: Rows<'_>, bytes: Rows<'_>) -> Arc<Lane> {
    set_wall(shown);
    let timetables = Timetables { requests: timetable(zone, requests), bytes: timetable(zone, bytes) };
    let rates = Rates::by_clock(slots(64), timetables, wall);
    Lane::sharing(AccountName::new("north"), Plane::BlobWrite, 64, rates)
}

/// Sends requests one after the other for that long; returns how many in each second.
async fn sent_in(lane: &Arc<Lane>, seconds: usize) -> Vec<u64> {
    let started = Instant::now();
    let mut counts = vec![0; seconds];
    loop {
        lane.acquire(0).await.finish("x", OK);
        // An answer takes one millisecond, so that time passes even without a rate.
        tokio::time::sleep(Duration::from_millis(1)).await;
        match counts.get_mut(usize::try_from(started.elapsed().as_secs()).unwrap()) {
            Some(count) => *count += 1,
            None => return counts,
        }
    }
}

fn assert_rate(counts: &[u64], expected: std::ops::RangeInclusive<u64>) {
    assert!(counts.iter().all(|count| expected.contains(count)), "{counts:?}, expected {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn the_rate_changes_at_its_time_downwards_and_upwards() {
    let rows = [("08:00", 10), ("08:01", 0), ("09:00", 200)];
    let lane = lane_at("2026-11-30T07:59:50Z", "UTC", &rows, &[]);
    assert_rate(&sent_in(&lane, 10).await[1..], 190..=210);
    assert_eq!(lane.limits().requests_per_second, NonZeroU64::new(10));
    let counts = sent_in(&lane, 60).await;
    assert_rate(&counts[..59], 9..=11);
    let counts = sent_in(&lane, 5).await;
    assert_rate(&counts, 400..=1_000);
    assert_eq!(lane.limits().requests_per_second, None);
}

#[tokio::test(start_paused = true)]
async fn the_rate_changes_at_midnight_and_when_the_clock_is_set_forward_and_back() {
    for (shown, zone, rows) in [
        ("2026-11-30T23:59:55Z", "UTC", [("00:00", 10), ("12:00", 100)]),
        // Midnight in Madrid.
        ("2026-11-30T22:59:55Z", "Europe/Madrid", [("00:00", 10), ("12:00", 100)]),
        // 02:00 is 03:00.
        ("2026-03-29T00:59:55Z", "Europe/Madrid", [("03:00", 10), ("12:00", 100)]),
        // 03:00 is an hour later than on other days.
        ("2026-10-25T01:59:55Z", "Europe/Madrid", [("03:00", 10), ("12:00", 100)]),
    ] {
        let lane = lane_at(shown, zone, &rows, &[]);
        assert_rate(&sent_in(&lane, 5).await[1..], 95..=105);
        assert_rate(&sent_in(&lane, 5).await, 9..=11);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_for_a_low_rate_passes_when_a_higher_one_starts() {
    for (rows, least, most) in [([("08:00", 1), ("19:00", 0)], 30, 31), ([("08:00", 1), ("19:00", 10_000)], 129, 131)] {
        let lane = lane_at("2026-11-30T18:59:30Z", "UTC", &[], &rows);
        let started = Instant::now();
        // At one byte per second, it would take eleven days.
        lane.acquire(1_000_000).await.finish("x", OK);
        let seconds = started.elapsed().as_secs();
        assert!((least..=most).contains(&seconds), "{rows:?}: {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_callers_follow_a_lower_rate_when_it_starts() {
    let lane = lane_at("2026-11-30T07:59:50Z", "UTC", &[], &[("08:00", 1_000), ("19:00", 10_000)]);
    let started = Instant::now();
    lane.acquire(200_000).await.finish("x", OK);
    // Half of it in ten seconds, the other half in a hundred.
    let seconds = started.elapsed().as_secs();
    assert!((108..=111).contains(&seconds), "{seconds} s");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_clock_is_noticed_within_a_minute() {
    let lane = lane_at("2026-11-30T09:00:00Z", "UTC", &[], &[("08:00", 1), ("19:00", 0)]);
    let started = Instant::now();
    let waits = async { lane.acquire(1_000_000).await.finish("x", OK) };
    let set = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        set_wall("2026-11-30T20:00:00Z");
    };
    join(waits, set).await;
    assert!(started.elapsed() <= Duration::from_secs(61), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_rate_learned_from_refusals_never_exceeds_the_timetable() {
    let lane = lane_at("2026-11-30T07:59:50Z", "UTC", &[("08:00", 20), ("19:00", 0)], &[]);
    let refused = Outcome::Throttled { retry_after: None, limit: Some(AccountLimit::Operations) };
    while wall() < "2026-11-30T07:59:58Z".parse().unwrap() {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let outcome = if lane.stats().requests.is_multiple_of(3) { OK } else { refused };
        lane.acquire(0).await.finish("x", outcome);
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    // By now all pass, and the rate would grow.
    assert_rate(&sent_in(&lane, 30).await[1..], 0..=21);
}

#[tokio::test(start_paused = true)]
async fn a_forecast_follows_the_timetable() {
    let rows = [("08:00", 10), ("18:00", 1_000)];
    let lane = lane_at("2026-11-30T17:59:00Z", "UTC", &rows, &[]);
    // 600 in the first minute, then the rest at the higher rate until the morning.
    assert_eq!(lane.time_for(600, 0), Duration::from_mins(1));
    assert_eq!(lane.time_for(60_600, 0), Duration::from_mins(2));
    let night = 600 + 14 * 3_600 * 1_000;
    assert_eq!(lane.time_for(night + 36_000, 0).as_secs(), 60 + 15 * 3_600);
    // More than the followed changes: afterwards, the same amount per day is assumed.
    let day = 14 * 3_600 * 1_000 + 10 * 3_600 * 10;
    let days = lane.time_for(5_000 * day, 0).as_secs_f64() / 86_400.0;
    assert!((4_995.0..5_005.0).contains(&days), "{days} days");
    // Both rates apply, and when one limit ends, the other one still applies.
    let lane = lane_at("2026-11-30T17:59:00Z", "UTC", &rows, &[("08:00", 100), ("18:00", 0)]);
    let seconds = lane.time_for(600, 12_000).as_secs_f64();
    assert!((60.2..60.4).contains(&seconds), "{seconds} s: half of it, then the other half of the requests");
}
