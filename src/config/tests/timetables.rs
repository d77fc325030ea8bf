//! Rates by the time of day.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::{Config, GOOD, LimitOverrides, Place, Timetables};
use crate::throttle::Timetable;

const LIMITS: &str = r#"
[target.limits]
time_zone = "Europe/Madrid"
[target.limits.media]
requests_per_second = { "08:00" = 20, "19:30" = 100 }
[target.limits.blob]
requests_per_second = 10000
[target.limits.blob.bytes_per_second]
"8:00" = 5000000
"23:00" = "off"
"#;

fn timetable(rates: &[(&str, u64)]) -> Option<Arc<Timetable>> {
    let rates: BTreeMap<_, _> =
        rates.iter().map(|(from, rate)| (from.parse().unwrap(), NonZeroU64::new(*rate))).collect();
    Timetable::new(TimeZone::get("Europe/Madrid").unwrap(), rates).map(Arc::new)
}

fn parse() -> Config {
    let place = Place::new();
    place.parse(GOOD, &format!("{GOOD}{LIMITS}")).unwrap()
}

#[test]
fn a_rate_is_a_number_or_a_timetable() {
    let config = parse();
    let limits = config.target.limits;
    assert_eq!(limits.media_timetables.requests, timetable(&[("08:00", 20), ("19:30", 100)]));
    assert_eq!(limits.blob_timetables.requests, None);
    assert_eq!(limits.blob_timetables.bytes, timetable(&[("08:00", 5_000_000), ("23:00", 0)]));
    assert_eq!(limits.blob.requests_per_second, NonZeroU64::new(10_000));
    assert_eq!((limits.media.requests_per_second, limits.blob.bytes_per_second), (None, None));
    assert_eq!(config.source.limits.blob_timetables, Timetables::default());
}

#[test]
fn a_flag_replaces_only_the_timetable_of_its_rate() {
    let flags = LimitOverrides { bytes_per_second: NonZeroU64::new(7), ..LimitOverrides::default() };
    let limits = flags.over(parse().target.limits);
    assert_eq!(limits.blob.bytes_per_second, NonZeroU64::new(7));
    assert_eq!(limits.blob_timetables, Timetables::default());
    assert!(limits.media_timetables.requests.is_some());
}

#[test]
fn a_plan_can_be_applied_with_other_rates() {
    let plain = Place::new().parse("", "").unwrap();
    assert_eq!(plain.fingerprint().to_string(), parse().fingerprint().to_string());
}
