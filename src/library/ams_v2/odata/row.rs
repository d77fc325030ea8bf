//! Entities of an answer, in both JSON dialects.
//!
//! Most answers of this API are listings of file records. So the names of used properties are constants here instead of
//! copies in every row, and properties that are not used are not kept.

mod document;

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::{Map, Value};

use super::parse_date;

pub(in crate::library::ams_v2) use document::{PAGE, row, rows};

/// The properties of the most frequent entities, sorted.
const KNOWN: [&str; 18] = [
    "AccessPolicyId",
    "AlternateId",
    "AssetId",
    "BaseUri",
    "ContentAccessComponent",
    "ContentFileSize",
    "Created",
    "ExpirationDateTime",
    "Id",
    "IsEncrypted",
    "IsPrimary",
    "LastModified",
    "MimeType",
    "Name",
    "Options",
    "ParentAssetId",
    "Path",
    "StartTime",
];

/// Properties of file records that are not used, sorted. With `__metadata`, they are half of each record.
const UNUSED: [&str; 5] =
    ["ContentChecksum", "EncryptionScheme", "EncryptionVersion", "InitializationVector", "__metadata"];

/// A name: that of a known property, or as sent.
type Name = Cow<'static, str>;

/// One entity.
#[derive(Debug, Clone, Default)]
pub(in crate::library::ams_v2) struct Row(Vec<(Name, Value)>);

impl Row {
    /// A property. If several have that name, it is the last one.
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A text; missing, null and other types are `None`.
    pub(in crate::library::ams_v2) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// A text that is not empty.
    pub(in crate::library::ams_v2) fn words(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// A whole number, as a number or a text.
    pub(in crate::library::ams_v2) fn whole(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A number, as a number or a text.
    pub(in crate::library::ams_v2) fn number(&self, name: &str) -> Option<f64> {
        match self.get(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A boolean, as such or as a text; a missing one is false.
    pub(in crate::library::ams_v2) fn truth(&self, name: &str) -> bool {
        match self.get(name) {
            Some(Value::Bool(truth)) => *truth,
            Some(Value::String(text)) => text.trim().eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    /// The entries of a collection of complex values, in both dialects; none if it is missing.
    pub(in crate::library::ams_v2) fn list(&self, name: &str) -> Vec<Self> {
        let list = match self.get(name) {
            Some(Value::Object(verbose)) => verbose.get("results").and_then(Value::as_array),
            Some(Value::Array(light)) => Some(light),
            _ => None,
        };
        let entries = list.into_iter().flatten().filter_map(Value::as_object);
        entries.map(|entry| Self::from(entry.clone())).collect()
    }

    /// A date.
    pub(in crate::library::ams_v2) fn date(&self, name: &str) -> Option<Timestamp> {
        parse_date(self.text(name)?)
    }
}

impl From<Map<String, Value>> for Row {
    fn from(map: Map<String, Value>) -> Self {
        Self(map.into_iter().map(|(name, value)| (Name::Owned(name), value)).collect())
    }
}

/// A property's name; `None` = its value is not used.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<Name>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<Name>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(match KNOWN.binary_search(&name) {
            Ok(at) => Some(Name::Borrowed(KNOWN[at])),
            Err(_) if UNUSED.binary_search(&name).is_ok() => None,
            Err(_) => Some(Name::Owned(name.to_owned())),
        })
    }
}

/// The rest of an object, as a row.
fn properties<'de, A: MapAccess<'de>>(map: &mut A, mut row: Vec<(Name, Value)>) -> Result<Row, A::Error> {
    while let Some(name) = map.next_key_seed(Key)? {
        match name {
            Some(name) => row.extend(map.next_value_seed(Property)?.map(|value| (name, value))),
            None => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    Ok(Row(row))
}

/// A property's value; `None` = a link to the value; the verbose dialect has about six in every row.
struct Property;

impl<'de> DeserializeSeed<'de> for Property {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Property {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Some(Value::Null))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(list)).map(Some)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Map::new();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == "__deferred" && entries.is_empty() {
                map.next_value::<IgnoredAny>()?;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
            entries.insert(name.into_owned(), map.next_value()?);
        }
        Ok(Some(Value::Object(entries)))
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entity")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        properties(&mut map, Vec::with_capacity(KNOWN.len()))
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RowVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_names_are_sorted() {
        assert!(KNOWN.is_sorted() && UNUSED.is_sorted());
    }

    #[test]
    fn a_row_has_every_property_except_unused_ones() {
        let row =
            row(r#"{"d": {"__metadata": {"type": "x"}, "Id": "a", "Odd": "b", "Odd": "c", "EncryptionVersion": "1.0", "Tasks": [1]}}"#).unwrap();
        assert_eq!((row.text("Id"), row.text("Odd")), (Some("a"), Some("c")));
        assert_eq!(row.0.iter().map(|(name, _)| name.as_ref()).collect::<Vec<_>>(), ["Id", "Odd", "Odd", "Tasks"]);
    }

    #[test]
    fn links_to_other_entities_are_not_kept_and_other_values_are_unchanged() {
        let values = r#""A": null, "B": [1, -2, 0.5], "C": {"results": [{"k": "v"}]}, "D": {}, "E": true, "F": "x""#;
        let links = r#""L": {"__deferred": {"uri": "https://h/L"}, "more": [{}]}, "M": {"__deferred": null}"#;
        let row = row(&format!(r#"{{"d": {{{links}, {values}}}}}"#)).unwrap();
        let kept: Map<String, Value> = row.0.into_iter().map(|(name, value)| (name.into_owned(), value)).collect();
        assert_eq!(Value::Object(kept), serde_json::from_str::<Value>(&format!("{{{values}}}")).unwrap());
    }

    #[test]
    fn a_feed_with_more_entities_than_requested_is_rejected_in_both_dialects() {
        let list = |entities: usize| format!("[{}]", vec!["{}"; entities].join(","));
        for (entities, taken) in [(PAGE, true), (PAGE + 1, false)] {
            let list = list(entities);
            for document in [
                format!(r#"{{"d": {list}}}"#),
                format!(r#"{{"d": {{"results": {list}}}}}"#),
                format!(r#"{{"value": {list}}}"#),
            ] {
                assert_eq!(rows(&document).is_some(), taken);
            }
        }
    }

    #[test]
    fn a_body_that_is_not_a_feed_or_an_entity_is_rejected() {
        for document in ["", "[]", "{}", "{\"d\": {}}", "{\"d\": 1}", "{\"value\": [1]}", "{\"value\": [{}]", "nul"] {
            assert!(rows(document).is_none(), "{document}");
        }
        for document in ["", "[]", "{\"d\": []}", "{\"d\": 1}", "{\"Id\": }"] {
            assert!(row(document).is_none(), "{document}");
        }
    }
}
