//! Request bodies: which properties a client may set, of which type, and the links and children it sends along.

use serde_json::{Map, Value as Json};

use super::call::{Segment, segments};
use super::errors::ApiError;
use super::quotes::in_double_quotes;
use crate::emulator::media_account::schema::{Access, Kind};
use crate::emulator::media_account::store::Row;
use crate::emulator::media_account::value::Value;

/// A body that was read as an entity type.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// (column, value), without server-owned properties.
    pub(super) values: Vec<(usize, Value)>,
    /// Navigation name -> URIs of entities to link.
    pub(super) links: Vec<(&'static str, Vec<String>)>,
    /// Navigation name -> bodies of entities to create with it.
    pub(super) children: Vec<(&'static str, Vec<Map<String, Json>>)>,
}

/// Reads a body as a JSON object.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Json>, ApiError> {
    let text = body.trim_ascii();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if text.is_empty() {
        return Ok(Map::new());
    }
    let json = document(text)
        .ok_or_else(|| ApiError::bad("Error processing request stream. The request body is not valid JSON."))?;
    let Json::Object(mut object) = json else {
        return Err(ApiError::bad("Error processing request stream. An object was expected."));
    };
    // Some clients send the envelope of an answer.
    match object.remove("d") {
        Some(Json::Object(inner)) if object.is_empty() => Ok(inner),
        Some(other) => {
            object.insert("d".to_owned(), other);
            Ok(object)
        }
        None => Ok(object),
    }
}

fn document(body: &[u8]) -> Option<Json> {
    let strict = serde_json::from_slice(body).ok();
    strict.or_else(|| serde_json::from_str(&in_double_quotes(std::str::from_utf8(body).ok()?)?).ok())
}

impl Input {
    /// Reads a body as that version of a type.
    pub(super) fn read(body: Map<String, Json>, kind: &'static Kind, version: u8) -> Result<Self, ApiError> {
        let mut input = Self::default();
        for (name, json) in body {
            if name == "__metadata" || name.starts_with("odata.") || name.contains("@odata.type") {
                continue;
            }
            let (nav_name, bound) = match name.strip_suffix("@odata.bind") {
                Some(nav) => (nav, true),
                None => (name.as_str(), false),
            };
            if let Some(nav) = kind.nav(nav_name, version) {
                input.related(nav.name, json, bound)?;
                continue;
            }
            let column = kind.visible(&name, version).ok_or_else(|| ApiError::no_property(&name, kind.name))?;
            let property = &kind.properties[column];
            if property.access == Access::Server {
                continue;
            }
            let value = Value::read(property.ty, &json)
                .ok_or_else(|| ApiError::bad(format!("The value of property '{name}' is invalid.")))?;
            let characters = value.as_text().map_or(0, |t| t.chars().count());
            if property.longest > 0 && characters > property.longest {
                return Err(ApiError::bad(format!(
                    "The value of property '{name}' is longer than {} characters.",
                    property.longest
                )));
            }
            input.values.push((column, value));
        }
        Ok(input)
    }

    fn related(&mut self, nav: &'static str, json: Json, bound: bool) -> Result<(), ApiError> {
        let malformed = || ApiError::bad(format!("The value of property '{nav}' is invalid."));
        let items = match json {
            Json::Array(items) => items,
            Json::Null => return Ok(()),
            Json::Object(mut object) => match object.remove("results") {
                Some(Json::Array(items)) => items,
                _ if object.contains_key("__deferred") => return Ok(()),
                _ => vec![Json::Object(object)],
            },
            text @ Json::String(_) if bound => vec![text],
            _ => return Err(malformed()),
        };
        let (mut uris, mut children) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Json::String(uri) if bound => uris.push(uri),
                Json::Object(object) => {
                    let uri = object.get("__metadata").and_then(|m| m.get("uri")).and_then(Json::as_str);
                    match uri {
                        Some(uri) => uris.push(uri.to_owned()),
                        None => children.push(object),
                    }
                }
                _ => return Err(malformed()),
            }
        }
        if !uris.is_empty() {
            self.links.push((nav, uris));
        }
        if !children.is_empty() {
            self.children.push((nav, children));
        }
        Ok(())
    }

    /// A new entity with the sent values; required ones must be present.
    pub(super) fn build(&self, kind: &'static Kind) -> Result<Row, ApiError> {
        let mut row = Row::new(kind);
        for (column, value) in &self.values {
            let property = &kind.properties[*column];
            if *value != Value::Null || !property.zero {
                row.set_at(*column, value.clone());
            }
        }
        for (column, property) in kind.properties.iter().enumerate() {
            let missing = match row.at(column) {
                Value::Null => true,
                Value::Text(text) => text.is_empty(),
                _ => false,
            };
            if property.required && missing {
                return Err(ApiError::bad(format!("The required property '{}' is missing.", property.name)));
            }
        }
        Ok(row)
    }

    /// The values that an update would change; a write-once property may only be sent unchanged.
    pub(super) fn changes(&self, row: &Row) -> Result<Vec<(usize, Value)>, ApiError> {
        let mut changes = Vec::new();
        for (column, value) in &self.values {
            let property = &row.kind.properties[*column];
            if row.at(*column) == value {
                continue;
            }
            if property.access == Access::Once {
                return Err(ApiError::bad(format!("The property '{}' cannot be updated.", property.name)));
            }
            let value = if *value == Value::Null { Row::new(row.kind).at(*column).clone() } else { value.clone() };
            changes.push((*column, value));
        }
        Ok(changes)
    }

    /// The sent value of a property.
    pub(super) fn value(&self, kind: &Kind, name: &str) -> Option<&Value> {
        let column = kind.column(name)?;
        self.values.iter().rev().find(|(at, _)| *at == column).map(|(_, v)| v)
    }
}

/// The canonical key in an entity URI of that set, absolute or relative.
pub(super) fn key_of_uri(uri: &str, kind: &Kind) -> Result<String, ApiError> {
    let wrong = || ApiError::bad(format!("'{uri}' is not the URI of an entity in {}.", kind.set));
    let path = match url::Url::parse(uri) {
        Ok(url) if url.has_host() => url.path().to_owned(),
        _ => uri.to_owned(),
    };
    match segments(&path)?.pop() {
        Some(Segment { name, key: Some(key) }) if name == kind.set => kind.canonical(&key).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}
