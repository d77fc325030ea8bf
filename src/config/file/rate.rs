//! A rate in the file: a number, or a table of numbers by the time of day.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};
use toml::Spanned;

use crate::config::problem::REMEDY;

/// The word for no limit.
const OFF: &str = "off";

/// `10000`, or `{ "08:00" = 500, "23:00" = "off" }`.
#[derive(Debug)]
pub(in crate::config) enum RateFile {
    /// The same all day.
    Fixed(NonZeroU64),
    /// The rates by their start times.
    ByTime(TimesFile),
}

pub(in crate::config) type TimesFile = BTreeMap<Spanned<String>, Spanned<TimedRateFile>>;

/// One rate of a timetable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum TimedRateFile {
    /// No limit.
    Off,
    /// A number of units per second.
    PerSecond(NonZeroU64),
    /// An invalid value. It is kept, so that its table is not reported as empty, too.
    Neither,
}

impl<'de> Deserialize<'de> for RateFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RateVisitor)
    }
}

struct RateVisitor;

impl<'de> Visitor<'de> for RateVisitor {
    type Value = RateFile;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a whole number above zero, or a table of them by time of day")
    }

    fn visit_i64<E: Error>(self, rate: i64) -> Result<RateFile, E> {
        above_zero(rate).map(RateFile::Fixed).ok_or_else(|| E::invalid_value(Unexpected::Signed(rate), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RateFile, A::Error> {
        let times = TimesFile::deserialize(MapAccessDeserializer::new(map))?;
        if times.is_empty() {
            let problem = "this timetable has no rate";
            let remedy = "write rates by time, such as { \"08:00\" = 500, \"23:00\" = \"off\" }, or remove the key";
            return Err(A::Error::custom(format!("{problem}{REMEDY}{remedy}")));
        }
        Ok(RateFile::ByTime(times))
    }
}

impl<'de> Deserialize<'de> for TimedRateFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimedRateVisitor)
    }
}

struct TimedRateVisitor;

impl Visitor<'_> for TimedRateVisitor {
    type Value = TimedRateFile;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a whole number above zero, or \"off\"")
    }

    fn visit_i64<E: Error>(self, rate: i64) -> Result<TimedRateFile, E> {
        Ok(above_zero(rate).map_or(TimedRateFile::Neither, TimedRateFile::PerSecond))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<TimedRateFile, E> {
        Ok(if text == OFF { TimedRateFile::Off } else { TimedRateFile::Neither })
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<TimedRateFile, E> {
        Ok(TimedRateFile::Neither)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<TimedRateFile, E> {
        Ok(TimedRateFile::Neither)
    }
}

fn above_zero(rate: i64) -> Option<NonZeroU64> {
    u64::try_from(rate).ok().and_then(NonZeroU64::new)
}
