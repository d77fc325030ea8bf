//! OData v3 of Media Services: literals in URLs, dates, and rows in both JSON dialects.
//!
//! Reading is lenient (numbers as texts, texts as numbers, dates with and without zone), writing is strict.

mod row;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub(super) use row::{PAGE, Row, row, rows};

/// Everything except RFC 3986's unreserved characters is escaped, also quotes and colons, as in all known clients.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text literal with doubled quotes, not yet escaped for a URL.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A text escaped for a URL's query value or path segment.
pub(super) fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// `Set('key')`, escaped; except for the quotes.
pub(super) fn entity(set: &str, key: &str) -> String {
    format!("{set}('{}')", escape(&key.replace('\'', "''")))
}

/// A date for a request body: UTC, with the zone. The service stores seven fraction digits (.NET ticks).
pub(super) fn date(at: Timestamp) -> String {
    format!("{}Z", date_without_zone(at))
}

/// A `datetime'…'` literal, not yet escaped.
pub(super) fn date_literal(at: Timestamp) -> String {
    format!("datetime'{}'", date_without_zone(at))
}

fn date_without_zone(at: Timestamp) -> String {
    let at = TimeZone::UTC.to_datetime(at);
    let ticks = at.subsec_nanosecond() / 100;
    let fraction = if ticks == 0 { String::new() } else { format!(".{ticks:07}").trim_end_matches('0').to_owned() };
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{fraction}",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// Reads a date in all known formats: `/Date(ms)/`, ISO with or without zone (none = UTC).
pub(super) fn parse_date(text: &str) -> Option<Timestamp> {
    if let Some(inner) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
        // A trailing `+0060` is only the original zone; the number itself is UTC.
        let end = inner.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-')).map_or(inner.len(), |(at, _)| at);
        return Timestamp::from_millisecond(inner[..end].parse().ok()?).ok();
    }
    text.parse::<Timestamp>().ok().or_else(|| TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn every_format_of_a_date_is_read() {
        let at: Timestamp = "2015-05-18T02:15:19.287Z".parse().unwrap();
        for text in [
            "/Date(1431915319287)/",
            "/Date(1431915319287+0060)/",
            "2015-05-18T02:15:19.287Z",
            "2015-05-18T02:15:19.287",
            "2015-05-18T02:15:19.2870000",
            "2015-05-18T04:15:19.287+02:00",
        ] {
            assert_eq!(parse_date(text), Some(at), "{text}");
        }
        assert_eq!(parse_date("/Date(-1000)/"), Timestamp::from_second(-1).ok());
        assert_eq!(parse_date("2015-05-18T02:15:19"), "2015-05-18T02:15:19Z".parse().ok());
        for text in ["", "soon", "/Date()/", "/Date(x)/"] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn both_dialects_give_the_same_rows() {
        let verbose =
            json!({"d": {"results": [{"Id": "a", "ContentFileSize": "12", "IsPrimary": true, "Name": null}]}});
        let light = json!({"odata.metadata": "x", "value": [{"Id": "a", "ContentFileSize": 12, "IsPrimary": "true"}]});
        let old = json!({"d": [{"Id": "a", "ContentFileSize": "12", "IsPrimary": true}]});
        for document in [verbose, light, old] {
            let rows = rows(&document.to_string()).unwrap();
            assert_eq!(rows.len(), 1);
            assert_eq!(rows[0].text("Id"), Some("a"));
            assert_eq!(rows[0].whole("ContentFileSize"), Some(12));
            assert!(rows[0].truth("IsPrimary"));
            assert_eq!(rows[0].text("Name"), None);
        }
        assert!(rows(r#"{"error": {}}"#).is_none());
        assert_eq!(row(r#"{"d": {"Id": "a"}}"#).unwrap().text("Id"), Some("a"));
        assert_eq!(row(r#"{"Id": "a"}"#).unwrap().text("Id"), Some("a"));
    }

    #[test]
    fn keys_and_literals_are_quoted() {
        assert_eq!(entity("Assets", "nb:cid:UUID:1"), "Assets('nb%3Acid%3AUUID%3A1')");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(escape("a b'&"), "a%20b%27%26");
    }

    proptest! {
        #[test]
        fn a_written_date_is_read_as_the_same_tick(second in 0_i64..4_000_000_000, ticks in 0_i32..10_000_000) {
            let at = Timestamp::new(second, ticks * 100).unwrap();
            prop_assert_eq!(parse_date(&date(at)), Some(at));
            let literal = date_literal(at);
            prop_assert_eq!(parse_date(literal.strip_prefix("datetime'").unwrap().strip_suffix('\'').unwrap()), Some(at));
        }

        #[test]
        fn an_escaped_literal_is_read_as_the_same_text(text in "\\PC*") {
            let url = url::Url::parse(&format!("http://h/?q={}", escape(&literal(&text)))).unwrap();
            let (_, value) = url.query_pairs().next().unwrap();
            let inner = value.strip_prefix('\'').unwrap().strip_suffix('\'').unwrap();
            prop_assert_eq!(inner.replace("''", "'"), text);
        }
    }
}
