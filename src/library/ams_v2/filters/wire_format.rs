//! Filters as the service sends them, in both JSON dialects. Their properties are objects and lists inside objects,
//! unlike those of all other entities.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::error::Failure;
use crate::model::{AssetId, Filter, FilterRules, TimeRange, TrackCondition};

/// The filters of an answer: verbose (`d.results`, or `d` itself in old services) or light (`value`).
pub(in crate::library::ams_v2) fn entries(document: &str) -> Option<Vec<Entry>> {
    let (Feed::Verbose { d: list } | Feed::Light { value: list }) = serde_json::from_str(document).ok()?;
    Some(list.into())
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Feed {
    Verbose { d: List<Entry> },
    Light { value: List<Entry> },
}

/// A list, in an object or without one.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum List<T> {
    Plain(Vec<T>),
    Verbose { results: Vec<T> },
}

impl<T> From<List<T>> for Vec<T> {
    fn from(list: List<T>) -> Self {
        let (List::Plain(entries) | List::Verbose { results: entries }) = list;
        entries
    }
}

/// A list that is missing or null is empty.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<List<T>>::deserialize(deserializer)?.map(Vec::from).unwrap_or_default())
}

/// A filter of an account or of an asset.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::library::ams_v2) struct Entry {
    /// A filter of the account has none.
    id: Option<String>,
    name: String,
    parent_asset_id: Option<String>,
    presentation_time_range: Option<Range>,
    first_quality: Option<FirstQuality>,
    #[serde(default, deserialize_with = "list")]
    tracks: Vec<Track>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Range {
    start_timestamp: Option<Whole>,
    end_timestamp: Option<Whole>,
    presentation_window_duration: Option<Whole>,
    live_backoff_duration: Option<Whole>,
    timescale: Option<Whole>,
    force_end_timestamp: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FirstQuality {
    bitrate: Option<Whole>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Track {
    #[serde(default, deserialize_with = "list")]
    property_conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Condition {
    property: String,
    value: Option<String>,
    operator: String,
}

/// A whole number, as a number or a text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Whole {
    Number(u64),
    Text(String),
}

impl Whole {
    fn read(self) -> Result<u64, Failure> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Text(text) => text.trim().parse().map_err(|_| unreadable("number")),
        }
    }
}

/// The failure does not quote the answer, which may be any text.
fn unreadable(what: &str) -> Failure {
    Failure::Unexpected(format!("a filter has an unknown {what}"))
}

/// A number, or its default value.
fn number(given: Option<Whole>, default: u64) -> Result<u64, Failure> {
    given.map_or(Ok(default), Whole::read)
}

impl Entry {
    /// What identifies it in its account.
    pub(super) fn key(&self) -> (Option<String>, String) {
        (self.parent_asset_id.clone(), self.name.clone())
    }

    /// The asset that has it; `None` for a filter of the account.
    pub(super) fn asset(&self) -> Option<AssetId> {
        self.parent_asset_id.as_deref().map(AssetId::new)
    }

    /// The filter, with the documented default values.
    pub(in crate::library::ams_v2) fn filter(self) -> Result<Filter, Failure> {
        let tracks = self.tracks.into_iter().map(|track| {
            track.property_conditions.into_iter().map(condition).collect::<Result<BTreeSet<TrackCondition>, Failure>>()
        });
        let rules = FilterRules {
            range: range(self.presentation_time_range.unwrap_or_default())?,
            first_quality: self.first_quality.and_then(|quality| quality.bitrate).map(Whole::read).transpose()?,
            tracks: tracks.collect::<Result<_, _>>()?,
        };
        Ok(Filter { id: self.id.unwrap_or_else(|| self.name.clone()), name: self.name, rules })
    }
}

/// The properties of an entity with these rules. Numbers of 64 bits are texts, as in the documents.
pub(super) fn rules(rules: &FilterRules) -> Map<String, Value> {
    let FilterRules { range, first_quality, tracks } = rules;
    let mut given = json!({
        "StartTimestamp": range.start.to_string(),
        "EndTimestamp": range.end.to_string(),
        "PresentationWindowDuration": range.window.to_string(),
        "LiveBackoffDuration": range.backoff.to_string(),
        "Timescale": range.timescale.to_string(),
    });
    if range.force_end {
        // Early versions of the service do not have it.
        given["ForceEndTimestamp"] = true.into();
    }
    let condition = |one: &TrackCondition| {
        let operator = if one.equal { "Equal" } else { "NotEqual" };
        json!({ "Property": one.property, "Value": one.value, "Operator": operator })
    };
    let track = |conditions: &BTreeSet<TrackCondition>| json!({ "PropertyConditions": conditions.iter().map(condition).collect::<Vec<_>>() });
    let tracks = tracks.iter().map(track).collect::<Vec<_>>();
    let quality = first_quality.map(|bitrate| json!({ "Bitrate": bitrate }));
    [("PresentationTimeRange", given), ("Tracks", tracks.into()), ("FirstQuality", quality.into())]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

fn range(given: Range) -> Result<TimeRange, Failure> {
    let default = TimeRange::default();
    Ok(TimeRange {
        start: number(given.start_timestamp, default.start)?,
        end: number(given.end_timestamp, default.end)?,
        window: number(given.presentation_window_duration, default.window)?,
        backoff: number(given.live_backoff_duration, default.backoff)?,
        timescale: number(given.timescale, default.timescale)?,
        force_end: given.force_end_timestamp.unwrap_or(default.force_end),
    })
}

/// The documents write the operators as `Equal` and `notEqual`.
fn condition(given: Condition) -> Result<TrackCondition, Failure> {
    let equal = match given.operator.to_ascii_lowercase().as_str() {
        "equal" => true,
        "notequal" => false,
        _ => return Err(unreadable("operator")),
    };
    Ok(TrackCondition { property: given.property, value: given.value.unwrap_or_default(), equal })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &Value) -> Vec<Filter> {
        entries(&document.to_string()).unwrap().into_iter().map(|entry| entry.filter().unwrap()).collect()
    }

    #[test]
    fn both_dialects_give_the_same_filters_in_any_order_of_conditions() {
        let condition = |property: &str, value: &str, operator: &str| json!({ "Property": property, "Value": value, "Operator": operator });
        let (audio, low) = (condition("Type", "audio", "Equal"), condition("Bitrate", "0-5", "notEqual"));
        let list = |entries: Value| json!({ "__metadata": { "type": "Collection(x)" }, "results": entries });
        let verbose = json!({ "d": { "results": [{
            "__metadata": { "type": "x" }, "Id": "asset__###__a", "ParentAssetId": "asset", "Name": "a",
            "PresentationTimeRange": { "__metadata": {}, "StartTimestamp": "40000000", "Timescale": "10000000" },
            "FirstQuality": null,
            "Tracks": list(json!([{ "PropertyConditions": list(json!([audio, low])) }])),
        }] } });
        let light = json!({ "odata.metadata": "x", "value": [{
            "Id": "asset__###__a", "ParentAssetId": "asset", "Name": "a",
            "PresentationTimeRange": { "StartTimestamp": 40_000_000, "EndTimestamp": "9223372036854775807" },
            "Tracks": [{ "PropertyConditions": [low, audio] }],
        }] });
        assert_eq!(read(&verbose), read(&light));
        let filter = read(&light).remove(0);
        assert_eq!((filter.rules.range.start, filter.rules.range.force_end), (40_000_000, false));
        assert_eq!(filter.rules.tracks.iter().next().unwrap().len(), 2);
    }

    #[test]
    fn a_filter_without_rules_has_the_default_values() {
        let plain = json!({ "d": [{ "Name": "a", "PresentationTimeRange": null, "Tracks": null }] });
        let filter = Filter { id: "a".to_owned(), name: "a".to_owned(), rules: FilterRules::default() };
        assert_eq!(read(&plain), [filter]);
        assert_eq!(FilterRules::default().range.end, 9_223_372_036_854_775_807);
    }

    #[test]
    fn written_rules_are_read_as_the_same_rules() {
        let one =
            |property: &str, equal| TrackCondition { property: property.to_owned(), value: "x".to_owned(), equal };
        let wanted = FilterRules {
            range: TimeRange { start: 4, window: 600, force_end: true, ..TimeRange::default() },
            first_quality: Some(128_000),
            tracks: [[one("Type", true), one("Language", false)].into(), [one("Name", true)].into()].into(),
        };
        for wanted in [wanted, FilterRules::default()] {
            let mut entity = rules(&wanted);
            entity.insert("Name".to_owned(), "a".into());
            assert_eq!(read(&json!({ "value": [entity] }))[0].rules, wanted);
        }
    }

    #[test]
    fn an_answer_that_is_not_understood_is_an_error_and_not_an_empty_list() {
        for document in ["", "{}", "[]", r#"{"d": {}}"#, r#"{"value": [{"Id": "a"}]}"#] {
            assert!(entries(document).is_none(), "{document}");
        }
        for rules in [
            json!({ "Name": "a", "PresentationTimeRange": { "StartTimestamp": "soon" } }),
            json!({ "Name": "a", "Tracks": [{ "PropertyConditions": [{ "Property": "Type", "Value": "x", "Operator": "Like" }] }] }),
        ] {
            let entry = entries(&json!({ "value": [rules] }).to_string()).unwrap().remove(0);
            assert!(matches!(entry.filter(), Err(Failure::Unexpected(_))), "{rules}");
        }
    }
}
