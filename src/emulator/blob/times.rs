//! Times as HTTP and the service write them.

use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};

/// Seconds since 1970 as an HTTP date.
pub(crate) fn http_date(seconds: u32) -> String {
    let at = Timestamp::from_second(i64::from(seconds)).unwrap_or(Timestamp::UNIX_EPOCH);
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_default()
}

/// An HTTP date as seconds since 1970.
pub(super) fn parse_http_date(text: &str) -> Option<i64> {
    DateTimeParser::new().parse_timestamp(text).ok().map(Timestamp::as_second)
}

/// A time as signatures and policies write it (`2024-05-01`, `2024-05-01T10:00Z`, with seconds, with fractions),
/// in milliseconds since 1970.
pub(super) fn parse_iso_millis(text: &str) -> Option<i64> {
    if text.len() == "2024-05-01".len() {
        return format!("{text}T00:00:00Z").parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
    }
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// A time to the second, as signatures and policies write it.
pub(super) fn iso_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_date_survives_a_round_trip() {
        assert_eq!(http_date(1_720_864_800), "Sat, 13 Jul 2024 10:00:00 GMT");
        assert_eq!(parse_http_date("Sat, 13 Jul 2024 10:00:00 GMT"), Some(1_720_864_800));
        assert_eq!(parse_http_date("yesterday"), None);
    }

    #[test]
    fn signatures_may_leave_out_seconds_or_the_whole_time() {
        for text in ["2024-07-13T10:00Z", "2024-07-13T10:00:00Z", "2024-07-13T10:00:00.0000000Z"] {
            assert_eq!(parse_iso_millis(text), Some(1_720_864_800_000), "{text}");
        }
        assert_eq!(parse_iso_millis("2024-07-13"), Some(1_720_828_800_000));
        assert_eq!(parse_iso_millis("soon"), None);
    }
}
