//! The HTTP types of all services: the request, the answer, and the dates in their headers.

use axum::body::Body;
use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};

/// A request as every service receives it.
pub(crate) type Request = axum::http::Request<Body>;
/// An answer as every service gives it.
pub(crate) type Response = axum::http::Response<Body>;

/// Seconds since 1970 as an HTTP date.
pub(crate) fn http_date(seconds: u32) -> String {
    let at = Timestamp::from_second(i64::from(seconds)).unwrap_or(Timestamp::UNIX_EPOCH);
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_default()
}

/// An HTTP date as seconds since 1970.
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    DateTimeParser::new().parse_timestamp(text).ok().map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_date_is_written_and_read_unchanged() {
        assert_eq!(http_date(1_720_864_800), "Sat, 13 Jul 2024 10:00:00 GMT");
        assert_eq!(parse_http_date("Sat, 13 Jul 2024 10:00:00 GMT"), Some(1_720_864_800));
        assert_eq!(parse_http_date("yesterday"), None);
    }
}
