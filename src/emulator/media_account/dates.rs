//! Times as the service reads and writes them: loose on input; on output `/Date(ms)/` in verbose JSON, otherwise seven
//! digits in the answer to a create, and later SQL precision without a zone.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const TICKS_PER_MILLI: i64 = 10_000;

/// A point in time in .NET's 100 ns ticks, and whether its text named a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    ticks: i64,
    zoned: bool,
}

impl Moment {
    /// The time of the service's own clock.
    pub(crate) fn of_clock(now: SystemTime) -> Self {
        Timestamp::try_from(now).map_or(Self { ticks: 0, zoned: true }, Self::from)
    }

    /// The exact instant.
    pub(crate) fn timestamp(self) -> Timestamp {
        Timestamp::from_nanosecond(i128::from(self.ticks) * 100).unwrap_or(Timestamp::MAX)
    }

    /// This moment moved on by fractional minutes (an access policy's duration), in the same zone style.
    pub(crate) fn plus_minutes(self, minutes: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates, which is the wanted end of time")]
        let ticks = (minutes * 60_000.0 * 10_000.0) as i64;
        Self { ticks: self.ticks.saturating_add(ticks), zoned: self.zoned }
    }

    /// Milliseconds since 1970 as SQL Server's `datetime` keeps them: steps of 1/300 s, so they end in 0, 3 or 7.
    pub(crate) fn stored_millis(self) -> i64 {
        let millis = self.ticks.div_euclid(TICKS_PER_MILLI);
        let (second, rest) = (millis.div_euclid(1000), millis.rem_euclid(1000));
        let steps = (rest * 3 + 5) / 10;
        second * 1000 + (steps * 10 + 1) / 3
    }

    /// Milliseconds since 1970, not rounded.
    pub(crate) fn millis(self) -> i64 {
        self.ticks.div_euclid(TICKS_PER_MILLI)
    }

    /// ISO text in the answer to a create: up to seven digits, `Z` unless it was given without a zone.
    pub(crate) fn fresh_text(self) -> String {
        iso(i128::from(self.ticks) * 100, self.zoned)
    }

    /// ISO text when read again: SQL precision, no zone.
    pub(crate) fn stored_text(self) -> String {
        iso(i128::from(self.stored_millis()) * 1_000_000, false)
    }

    /// Reads every form the clients send: ISO with or without zone, .NET's en-US text, `/Date(ms)/`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(inner) = text.strip_prefix("/Date(").and_then(|t| t.strip_suffix(")/")) {
            let digits = inner.find(['+', '-']).filter(|at| *at > 0).map_or(inner, |at| &inner[..at]);
            return digits
                .parse::<i64>()
                .ok()
                .map(|ms| Self { ticks: ms.saturating_mul(TICKS_PER_MILLI), zoned: true });
        }
        if text.contains('/') {
            let civil = DateTime::strptime("%m/%d/%Y %I:%M:%S %p", text)
                .or_else(|_| DateTime::strptime("%m/%d/%Y %H:%M:%S", text))
                .ok()?;
            return Self::of_civil(civil);
        }
        let zone = text.ends_with(['Z', 'z']) || text.get(10..).is_some_and(|time| time.contains(['+', '-']));
        if zone { text.parse::<Timestamp>().ok().map(Self::from) } else { Self::of_civil(text.parse().ok()?) }
    }

    fn of_civil(civil: DateTime) -> Option<Self> {
        let at = civil.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(Self { zoned: false, ..Self::from(at) })
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self { ticks: i64::try_from(at.as_nanosecond().div_euclid(100)).unwrap_or(i64::MAX), zoned: true }
    }
}

fn iso(nanos: i128, zoned: bool) -> String {
    let at = Timestamp::from_nanosecond(nanos).unwrap_or(Timestamp::MAX).to_zoned(TimeZone::UTC);
    let mut text = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let ticks = at.subsec_nanosecond() / 100;
    if ticks != 0 {
        text.push('.');
        text.push_str(format!("{ticks:07}").trim_end_matches('0'));
    }
    if zoned {
        text.push('Z');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn net_loose_text_is_read_as_utc_without_a_zone() {
        let net = Moment::parse("9/26/2016 10:05:03 AM").expect("en-US G");
        assert_eq!(net.fresh_text(), "2016-09-26T10:05:03");
        let padded = Moment::parse("09/26/2016 10:05:03 PM").expect("padded");
        assert_eq!(padded.fresh_text(), "2016-09-26T22:05:03");
    }

    #[test]
    fn the_zone_is_repeated_as_given() {
        assert_eq!(Moment::parse("2015-05-17T22:00:00").unwrap().fresh_text(), "2015-05-17T22:00:00");
        assert_eq!(Moment::parse("2015-05-20T18:12:00Z").unwrap().fresh_text(), "2015-05-20T18:12:00Z");
        assert_eq!(Moment::parse("2015-05-20T18:12:00+02:00").unwrap().fresh_text(), "2015-05-20T16:12:00Z");
        assert_eq!(Moment::parse("/Date(1431917232698)/").unwrap().millis(), 1_431_917_232_698);
        assert_eq!(Moment::parse("yesterday"), None);
    }

    #[test]
    fn a_stored_time_has_sql_precision_and_no_zone() {
        let created = Moment::parse("2015-05-18T02:15:19.2871684Z").unwrap();
        assert_eq!(created.fresh_text(), "2015-05-18T02:15:19.2871684Z");
        assert_eq!(created.stored_text(), "2015-05-18T02:15:19.287");
        for (given, kept) in [(".492", ".493"), (".334", ".333"), (".999", ""), (".009", ".01"), (".998", ".997")] {
            let text = Moment::parse(&format!("2015-05-18T02:15:19{given}Z")).unwrap().stored_text();
            let second = if given == ".999" { 20 } else { 19 };
            assert_eq!(text, format!("2015-05-18T02:15:{second}{kept}"));
        }
    }
}
