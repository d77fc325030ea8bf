//! Whole documents: a feed, or one entity.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Key, Property, Row, properties};

/// The most rows of an answer (documented): this number is requested.
pub(in crate::library::ams_v2) const PAGE: usize = 1000;

/// The rows of a feed, verbose (`d.results`, or `d` itself in old services) or light (`value`).
pub(in crate::library::ams_v2) fn rows(document: &str) -> Option<Vec<Row>> {
    let Feed(rows) = serde_json::from_str(document).ok()?;
    rows
}

/// The one entity of a document.
pub(in crate::library::ams_v2) fn row(document: &str) -> Option<Row> {
    let Entity(row) = serde_json::from_str(document).ok()?;
    row
}

/// A document with one entity: the entity itself, or `d` with it.
struct Entity(Option<Row>);

impl<'de> Deserialize<'de> for Entity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntityVisitor).map(Self)
    }
}

struct EntityVisitor;

impl<'de> Visitor<'de> for EntityVisitor {
    type Value = Option<Row>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Row>, A::Error> {
        let mut light = Vec::new();
        while let Some(name) = map.next_key_seed(Key)? {
            match name {
                Some(name) if name == "d" => {
                    let verbose = map.next_value::<Row>()?;
                    properties(&mut map, Vec::new())?;
                    return Ok(Some(verbose));
                }
                Some(name) => light.extend(map.next_value_seed(Property)?.map(|value| (name, value))),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Some(Row(light)))
    }
}

/// A document with a list of entities.
struct Feed(Option<Vec<Row>>);

impl<'de> Deserialize<'de> for Feed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FeedVisitor).map(Self)
    }
}

struct FeedVisitor;

impl<'de> Visitor<'de> for FeedVisitor {
    type Value = Option<Vec<Row>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a feed")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut verbose, mut light) = (None, None);
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match name.as_ref() {
                "d" => verbose = Some(map.next_value::<List>()?.0),
                "value" => light = map.next_value::<List>()?.0,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(verbose.unwrap_or(light))
    }
}

/// Entities, at most as many as requested.
struct Rows(Vec<Row>);

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RowsVisitor).map(Self)
    }
}

struct RowsVisitor;

impl<'de> Visitor<'de> for RowsVisitor {
    type Value = Vec<Row>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PAGE} entities at most")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Row>, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = list.next_element()? {
            if rows.len() == PAGE {
                return Err(A::Error::invalid_length(rows.len() + 1, &self));
            }
            rows.push(row);
        }
        Ok(rows)
    }
}

/// A list of entities, or an object with such a list as its `results`.
struct List(Option<Vec<Row>>);

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor).map(Self)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Option<Vec<Row>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entities")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Rows::deserialize(SeqAccessDeserializer::new(list)).map(|rows| Some(rows.0))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut results = None;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match name.as_ref() {
                "results" => results = Some(map.next_value::<Rows>()?.0),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Some(results.ok_or_else(|| A::Error::missing_field("results"))?))
    }
}
