//! Times as signatures and policies write them.

use jiff::Timestamp;

/// A time (`2024-05-01`, `2024-05-01T10:00Z`, with seconds, with fractions),
/// in milliseconds since 1970.
pub(super) fn parse_iso_millis(text: &str) -> Option<i64> {
    if text.len() == "2024-05-01".len() {
        return format!("{text}T00:00:00Z").parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
    }
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// A time to the second.
pub(super) fn iso_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_seconds_and_dates_without_time_are_read() {
        for text in ["2024-07-13T10:00Z", "2024-07-13T10:00:00Z", "2024-07-13T10:00:00.0000000Z"] {
            assert_eq!(parse_iso_millis(text), Some(1_720_864_800_000), "{text}");
        }
        assert_eq!(parse_iso_millis("2024-07-13"), Some(1_720_828_800_000));
        assert_eq!(parse_iso_millis("soon"), None);
    }
}
