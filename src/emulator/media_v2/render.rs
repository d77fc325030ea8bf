//! Entities, feeds, properties, links and errors as verbose or light JSON, written directly, so that all peculiarities
//! of the two formats (Int64 as text, `\/Date(ms)\/`, `43200` or `43200.0`) are in one place.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::errors::{ApiError, NAMESPACE};
use crate::emulator::media_account::schema::Kind;
use crate::emulator::media_account::store::Row;
use crate::emulator::media_account::value::{Type, Value};

/// The message for `write!` into a `String`, which never fails.
pub(super) const INFALLIBLE: &str = "writing to a String cannot fail";

/// The JSON form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Verbose,
    Light,
}

impl Format {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Verbose => "application/json;odata=verbose;charset=utf-8",
            Self::Light => "application/json;odata=minimalmetadata;streaming=true;charset=utf-8",
        }
    }
}

/// The characters that are escaped in keys of URIs, as in the service; escapes are upper-case hex.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The URI of an entity: `<root>Assets('nb%3Acid%3AUUID%3A…')`.
pub(super) fn uri(root: &str, kind: &Kind, key: &str) -> String {
    format!("{root}{}('{}')", kind.set, utf8_percent_encode(&key.replace('\'', "''"), KEY))
}

/// The requested form of entities.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) root: &'a str,
    pub(super) version: u8,
    pub(super) format: Format,
    /// The answer to a create: dates with all digits.
    pub(super) fresh: bool,
    /// The names of `$select`; `None` = everything.
    pub(super) select: Option<&'a [String]>,
}

impl View<'_> {
    /// A document with one entity.
    pub(super) fn entity(&self, row: &Row) -> String {
        let mut out = String::with_capacity(1024);
        match self.format {
            Format::Verbose => {
                out.push_str("{\"d\":");
                self.object(&mut out, row, "");
                out.push('}');
            }
            Format::Light => {
                let head = format!(
                    "\"odata.metadata\":{}",
                    quoted(&format!("{}$metadata#{}/@Element", self.root, row.kind.set))
                );
                self.object(&mut out, row, &head);
            }
        }
        out
    }

    /// A document with a page of entities.
    pub(super) fn feed<'r>(&self, kind: &Kind, rows: impl Iterator<Item = &'r Row>, count: Option<usize>) -> String {
        let mut out = String::with_capacity(4096);
        match self.format {
            Format::Verbose => out.push_str("{\"d\":{\"results\":["),
            Format::Light => {
                out.push_str("{\"odata.metadata\":");
                out.push_str(&quoted(&format!("{}$metadata#{}", self.root, kind.set)));
                if let Some(count) = count {
                    write!(out, ",\"odata.count\":\"{count}\"").expect(INFALLIBLE);
                }
                out.push_str(",\"value\":[");
            }
        }
        for (at, row) in rows.enumerate() {
            if at > 0 {
                out.push(',');
            }
            self.object(&mut out, row, "");
        }
        out.push(']');
        if self.format == Format::Verbose {
            if let Some(count) = count {
                write!(out, ",\"__count\":\"{count}\"").expect(INFALLIBLE);
            }
            out.push('}');
        }
        out.push('}');
        out
    }

    fn wants(&self, name: &str) -> bool {
        self.select.is_none_or(|names| names.iter().any(|n| n == name || n == "*"))
    }

    fn object(&self, out: &mut String, row: &Row, head: &str) {
        let kind = row.kind;
        out.push('{');
        out.push_str(head);
        if self.format == Format::Verbose {
            self.metadata_and_navs(out, row);
        }
        for (column, property) in kind.properties.iter().enumerate() {
            if property.since <= self.version && self.wants(property.name) {
                if !out.ends_with('{') {
                    out.push(',');
                }
                out.push('"');
                out.push_str(property.name);
                out.push_str("\":");
                self.value(out, kind, property.ty, row.at(column));
            }
        }
        out.push('}');
    }

    fn metadata_and_navs(&self, out: &mut String, row: &Row) {
        let kind = row.kind;
        let uri = uri(self.root, kind, row.key());
        let name = kind.name;
        write!(out, "\"__metadata\":{{\"id\":\"{uri}\",\"uri\":\"{uri}\",\"type\":\"{NAMESPACE}.{name}\"")
            .expect(INFALLIBLE);
        if kind.set == "Assets" {
            let root = self.root;
            write!(
                out,
                ",\"actions\":{{\"{root}$metadata#WindowsAzureMediaServices.Publish\":\
                 [{{\"title\":\"Publish\",\"target\":\"{uri}/Publish\"}}]}}"
            )
            .expect(INFALLIBLE);
        }
        out.push('}');
        for nav in kind.navs.iter().filter(|n| n.since <= self.version && self.wants(n.name)) {
            let name = nav.name;
            write!(out, ",\"{name}\":{{\"__deferred\":{{\"uri\":\"{uri}/{name}\"}}}}").expect(INFALLIBLE);
        }
    }

    /// A document with one property.
    pub(super) fn property(&self, row: &Row, column: usize) -> String {
        let property = &row.kind.properties[column];
        let value = self.text_of(row, column);
        match self.format {
            Format::Verbose => format!("{{\"d\":{{\"{}\":{value}}}}}", property.name),
            Format::Light => {
                let metadata = quoted(&format!("{}$metadata#{}", self.root, edm(property.ty)));
                format!("{{\"odata.metadata\":{metadata},\"value\":{value}}}")
            }
        }
    }

    /// A property as plain text (`$value`).
    pub(super) fn plain(&self, row: &Row, column: usize) -> String {
        match row.at(column) {
            Value::Null => String::new(),
            Value::Text(text) => text.to_string(),
            Value::Long(n) => n.to_string(),
            Value::Date(at) => at.stored_text(),
            _ => self.text_of(row, column),
        }
    }

    fn text_of(&self, row: &Row, column: usize) -> String {
        let mut out = String::new();
        self.value(&mut out, row.kind, row.kind.properties[column].ty, row.at(column));
        out
    }

    fn value(&self, out: &mut String, kind: &Kind, ty: Type, value: &Value) {
        match value {
            Value::Null => match ty {
                Type::Complex { many: true, .. } => {
                    out.push_str(&self.complex(ty, &serde_json::Value::Array(Vec::new())));
                }
                _ => out.push_str("null"),
            },
            Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Value::Int(n) => write!(out, "{n}").expect(INFALLIBLE),
            Value::Long(n) => write!(out, "\"{n}\"").expect(INFALLIBLE),
            Value::Double(n) if self.format == Format::Verbose => write!(out, "{n}").expect(INFALLIBLE),
            Value::Double(n) => write!(out, "{n:?}").expect(INFALLIBLE),
            Value::Text(text) => push_quoted(out, text),
            Value::Date(at) if self.format == Format::Verbose && !kind.wide => {
                let millis = if self.fresh { at.millis() } else { at.stored_millis() };
                write!(out, "\"\\/Date({millis})\\/\"").expect(INFALLIBLE);
            }
            Value::Date(at) => push_quoted(out, &if self.fresh { at.fresh_text() } else { at.stored_text() }),
            Value::Json(json) => out.push_str(&self.complex(ty, json)),
        }
    }

    fn complex(&self, ty: Type, json: &serde_json::Value) -> String {
        match (ty, self.format) {
            (Type::Complex { name, many: true }, Format::Verbose) => {
                format!("{{\"__metadata\":{{\"type\":\"Collection({name})\"}},\"results\":{json}}}")
            }
            (Type::Complex { name, many: false }, Format::Verbose) => {
                let mut object = serde_json::json!({ "__metadata": { "type": name } });
                if let (Some(object), Some(given)) = (object.as_object_mut(), json.as_object()) {
                    object.extend(given.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
                object.to_string()
            }
            _ => json.to_string(),
        }
    }
}

/// The text answer of a function import.
pub(super) fn scalar(root: &str, format: Format, function: &str, value: &str) -> String {
    match format {
        Format::Verbose => serde_json::json!({ "d": { function: value } }).to_string(),
        Format::Light => {
            serde_json::json!({ "odata.metadata": format!("{root}$metadata#Edm.String"), "value": value }).to_string()
        }
    }
}

/// The links of a navigation.
pub(super) fn links(root: &str, format: Format, from: &Kind, nav: &str, uris: &[String], many: bool) -> String {
    let field = if format == Format::Verbose { "uri" } else { "url" };
    let items: Vec<String> = uris.iter().map(|uri| format!("{{\"{field}\":{}}}", quoted(uri))).collect();
    let metadata = quoted(&format!("{root}$metadata#{}/$links/{nav}", from.set));
    match (format, many) {
        (Format::Verbose, true) => format!("{{\"d\":{{\"results\":[{}]}}}}", items.join(",")),
        (Format::Verbose, false) => format!("{{\"d\":{}}}", items.concat()),
        (Format::Light, true) => format!("{{\"odata.metadata\":{metadata},\"value\":[{}]}}", items.join(",")),
        (Format::Light, false) => {
            let url = uris.first().map_or_else(|| "null".to_owned(), |uri| quoted(uri));
            format!("{{\"odata.metadata\":{metadata},\"url\":{url}}}")
        }
    }
}

/// The service document.
pub(super) fn service_document(root: &str, format: Format, sets: &[&str]) -> String {
    match format {
        Format::Verbose => serde_json::json!({ "d": { "EntitySets": sets } }).to_string(),
        Format::Light => {
            let value: Vec<_> = sets.iter().map(|set| serde_json::json!({ "name": set, "url": set })).collect();
            serde_json::json!({ "odata.metadata": format!("{root}$metadata"), "value": value }).to_string()
        }
    }
}

/// The body of a refusal.
pub(super) fn error(format: Format, error: &ApiError) -> String {
    let name = if format == Format::Verbose { "error" } else { "odata.error" };
    let message = quoted(&error.message);
    format!("{{\"{name}\":{{\"code\":\"\",\"message\":{{\"lang\":\"en-US\",\"value\":{message}}}}}}}")
}

fn edm(ty: Type) -> String {
    match ty {
        Type::Text => "Edm.String".to_owned(),
        Type::Int => "Edm.Int32".to_owned(),
        Type::Long => "Edm.Int64".to_owned(),
        Type::Double => "Edm.Double".to_owned(),
        Type::Bool => "Edm.Boolean".to_owned(),
        Type::Date => "Edm.DateTime".to_owned(),
        Type::Complex { name, many: true } => format!("Collection({name})"),
        Type::Complex { name, many: false } => name.to_owned(),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_quoted(&mut out, text);
    out
}

/// A JSON string; most need no escapes.
fn push_quoted(out: &mut String, text: &str) {
    if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::media_account::dates::Moment;
    use crate::emulator::media_account::schema::{ASSETS, JOBS, POLICIES};

    const ROOT: &str = "http://cluster/api/";

    fn view(format: Format, version: u8, fresh: bool) -> View<'static> {
        View { root: ROOT, version, format, fresh, select: None }
    }

    fn keys(document: &str) -> Vec<String> {
        let json: serde_json::Value = serde_json::from_str(document).unwrap();
        json["d"].as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn an_asset_has_exactly_the_keys_of_the_requested_version() {
        let row = Row::new(&ASSETS).with("Id", Value::text("nb:cid:UUID:1"));
        let old = keys(&view(Format::Verbose, 1, false).entity(&row));
        assert!(!old.contains(&"Uri".to_owned()) && !old.contains(&"StorageAccount".to_owned()));
        assert_eq!(old.len(), 12);
        assert_eq!(keys(&view(Format::Verbose, 5, false).entity(&row)).len(), 15);
        let late = keys(&view(Format::Verbose, 19, false).entity(&row));
        assert!(late.contains(&"FormatOption".to_owned()) && late.contains(&"DeliveryPolicies".to_owned()));
    }

    #[test]
    fn doubles_longs_and_dates_are_written_as_in_the_format() {
        let at = Moment::parse("2015-05-18T02:15:19.2871684Z").unwrap();
        let row =
            Row::new(&POLICIES).with("DurationInMinutes", Value::Double(43_200.0)).with("Created", Value::Date(at));
        let verbose = view(Format::Verbose, 9, true).entity(&row);
        assert!(verbose.contains("\"DurationInMinutes\":43200,"), "{verbose}");
        assert!(verbose.contains(r#""Created":"\/Date(1431915319287)\/""#), "{verbose}");
        let light = view(Format::Light, 9, true).entity(&row);
        assert!(light.contains("\"DurationInMinutes\":43200.0,"), "{light}");
        assert!(light.contains("\"Created\":\"2015-05-18T02:15:19.2871684Z\""), "{light}");
        assert!(view(Format::Light, 9, false).entity(&row).contains("\"Created\":\"2015-05-18T02:15:19.287\""));
        let job = Row::new(&JOBS).with("Created", Value::Date(at));
        let job = view(Format::Verbose, 9, true).entity(&job);
        assert!(job.contains("\"Created\":\"2015-05-18T02:15:19.2871684Z\""), "{job}");
        assert!(job.contains("\"results\":[]"), "{job}");
    }

    #[test]
    fn a_key_is_escaped_in_upper_case_hex() {
        assert_eq!(uri(ROOT, &ASSETS, "nb:cid:UUID:1"), "http://cluster/api/Assets('nb%3Acid%3AUUID%3A1')");
    }
}
