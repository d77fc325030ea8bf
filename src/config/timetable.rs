//! The timetables of a side's limits: their times and their zone, checked.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use toml::Spanned;

use super::Limits;
use super::file::{LimitsFile, RateFile, TimedRateFile, TimesFile, by_time};
use super::problem::{Document, Problems};
use crate::throttle::{Timetable, Timetables};

/// The limits of a side. Invalid parts are left out.
pub(super) fn limits(side: &str, file: &LimitsFile, document: &Document<'_>, problems: &mut Problems) -> Limits {
    let media = by_time(file.media.requests_per_second.as_ref());
    let requests = by_time(file.blob.requests_per_second.as_ref());
    let bytes = by_time(file.blob.bytes_per_second.as_ref());
    let first = media.or(requests).or(bytes).map(|(rate, _)| rate.span());
    let zone = zone(side, file.time_zone.as_ref(), first, document, problems);
    let mut read = |written: Option<(&Spanned<RateFile>, &TimesFile)>| {
        let rates = times(written?.1, document, problems);
        Timetable::new(zone.clone()?, rates).map(Arc::new)
    };
    Limits {
        media_timetables: Timetables { requests: read(media), bytes: None },
        blob_timetables: Timetables { requests: read(requests), bytes: read(bytes) },
        ..file.limits()
    }
}

/// The time zone of the times; `None` if it is unknown or missing. `first`: the position of the first timetable.
fn zone(
    side: &str,
    name: Option<&Spanned<String>>,
    first: Option<Range<usize>>,
    document: &Document<'_>,
    problems: &mut Problems,
) -> Option<TimeZone> {
    let Some(name) = name else {
        if let Some(first) = first {
            let remedy = format!("add `time_zone = \"Europe/Madrid\"`, or another one, to [{side}.limits]");
            problems.push(document.error_at_key(&first, "its times need a time zone", remedy));
        }
        return None;
    };
    let zone = TimeZone::get(name.get_ref().trim()).map_err(|_| {
        let remedy = "write an IANA name such as \"Europe/Madrid\", or \"UTC\"; this machine needs the package tzdata";
        document.error_at_key(&name.span(), "no time zone has this name", remedy)
    });
    problems.keep(zone)
}

/// The rates by their times. Invalid parts are left out.
fn times(written: &TimesFile, document: &Document<'_>, problems: &mut Problems) -> BTreeMap<Time, Option<NonZeroU64>> {
    let mut rates = BTreeMap::new();
    for (from, rate) in written {
        let time = Time::strptime("%H:%M", from.get_ref().trim()).map_err(|_| {
            let remedy = "write hours and minutes, from \"00:00\" to \"23:59\"";
            document.error_at_key(&from.span(), "not a time of day", remedy)
        });
        let per_second = match *rate.get_ref() {
            TimedRateFile::Off => Ok(None),
            TimedRateFile::PerSecond(rate) => Ok(Some(rate)),
            TimedRateFile::Neither => {
                let remedy = "write a whole number above zero, or \"off\" for no limit";
                Err(document.error_at_key(&rate.span(), "neither a rate nor \"off\"", remedy))
            }
        };
        let (Some(time), Some(per_second)) = (problems.keep(time), problems.keep(per_second)) else { continue };
        // TOML only recognises duplicate keys with the same spelling.
        if rates.insert(time, per_second).is_some() {
            problems.push(document.error_at_key(&from.span(), "this time has two rates", "keep one of them"));
        }
    }
    rates
}
