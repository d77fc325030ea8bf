//! Entities, feeds, properties, links and errors as verbose or light JSON, written directly so that every quirk of
//! the two forms (Int64 as text, `\/Date(ms)\/`, `43200` or `43200.0`) is in one place.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::errors::{ApiError, NAMESPACE};
use super::schema::Kind;
use super::store::Row;
use super::value::{Type, Value};

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

/// Keys in URIs keep only what the service left bare; escapes are upper-case hex.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The URI of an entity: `<root>Assets('nb%3Acid%3AUUID%3A…')`.
pub(super) fn uri(root: &str, kind: &Kind, key: &str) -> String {
    format!("{root}{}('{}')", kind.set, utf8_percent_encode(&key.replace('\'', "''"), KEY))
}

/// How a client wants entities shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) root: &'a str,
    pub(super) version: u8,
    pub(super) format: Format,
    /// Straight after a create: dates with all their digits.
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
                    out.push_str(&format!(",\"odata.count\":\"{count}\""));
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
                out.push_str(&format!(",\"__count\":\"{count}\""));
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
        let mut fields = Fields { out, first: true };
        fields.out.push('{');
        if !head.is_empty() {
            fields.raw(head);
        }
        if self.format == Format::Verbose {
            let uri = uri(self.root, kind, row.key());
            let quoted_uri = quoted(&uri);
            let actions = if kind.set == "Assets" {
                format!(
                    ",\"actions\":{{{}:[{{\"title\":\"Publish\",\"target\":{}}}]}}",
                    quoted(&format!("{}$metadata#WindowsAzureMediaServices.Publish", self.root)),
                    quoted(&format!("{uri}/Publish"))
                )
            } else {
                String::new()
            };
            fields.raw(&format!(
                "\"__metadata\":{{\"id\":{quoted_uri},\"uri\":{quoted_uri},\"type\":\"{NAMESPACE}.{}\"{actions}}}",
                kind.name
            ));
            for nav in kind.navs.iter().filter(|n| n.since <= self.version && self.wants(n.name)) {
                fields.raw(&format!(
                    "\"{}\":{{\"__deferred\":{{\"uri\":{}}}}}",
                    nav.name,
                    quoted(&format!("{uri}/{}", nav.name))
                ));
            }
        }
        for (column, property) in kind.properties.iter().enumerate() {
            if property.since <= self.version && self.wants(property.name) {
                let value = self.value(kind, property.ty, row.at(column));
                fields.raw(&format!("\"{}\":{value}", property.name));
            }
        }
        out.push('}');
    }

    /// A document with one property.
    pub(super) fn property(&self, row: &Row, column: usize) -> String {
        let property = &row.kind.properties[column];
        let value = self.value(row.kind, property.ty, row.at(column));
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
            _ => self.value(row.kind, row.kind.properties[column].ty, row.at(column)),
        }
    }

    fn value(&self, kind: &Kind, ty: Type, value: &Value) -> String {
        match value {
            Value::Null => match (ty, self.format) {
                (Type::Complex { many: true, .. }, _) => self.complex(ty, &serde_json::Value::Array(Vec::new())),
                _ => "null".to_owned(),
            },
            Value::Bool(flag) => flag.to_string(),
            Value::Int(n) => n.to_string(),
            Value::Long(n) => format!("\"{n}\""),
            Value::Double(n) if self.format == Format::Verbose => n.to_string(),
            Value::Double(n) => format!("{n:?}"),
            Value::Text(text) => quoted(text),
            Value::Date(at) if self.format == Format::Verbose && !kind.wide => {
                let millis = if self.fresh { at.millis() } else { at.stored_millis() };
                format!("\"\\/Date({millis})\\/\"")
            }
            Value::Date(at) => quoted(&if self.fresh { at.fresh_text() } else { at.stored_text() }),
            Value::Json(json) => self.complex(ty, json),
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
    serde_json::Value::from(text).to_string()
}

struct Fields<'a> {
    out: &'a mut String,
    first: bool,
}

impl Fields<'_> {
    fn raw(&mut self, field: &str) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        self.out.push_str(field);
    }
}

#[cfg(test)]
mod tests {
    use super::super::dates::Moment;
    use super::super::schema::{ASSETS, JOBS, POLICIES};
    use super::*;

    const ROOT: &str = "http://cluster/api/";

    fn view(format: Format, version: u8, fresh: bool) -> View<'static> {
        View { root: ROOT, version, format, fresh, select: None }
    }

    fn keys(document: &str) -> Vec<String> {
        let json: serde_json::Value = serde_json::from_str(document).unwrap();
        json["d"].as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn an_asset_has_exactly_the_keys_of_the_asked_version() {
        let row = Row::new(&ASSETS).with("Id", Value::text("nb:cid:UUID:1"));
        let old = keys(&view(Format::Verbose, 1, false).entity(&row));
        assert!(!old.contains(&"Uri".to_owned()) && !old.contains(&"StorageAccount".to_owned()));
        assert_eq!(old.len(), 12);
        assert_eq!(keys(&view(Format::Verbose, 5, false).entity(&row)).len(), 15);
        let late = keys(&view(Format::Verbose, 19, false).entity(&row));
        assert!(late.contains(&"FormatOption".to_owned()) && late.contains(&"DeliveryPolicies".to_owned()));
    }

    #[test]
    fn doubles_longs_and_dates_take_the_form_of_their_format() {
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
