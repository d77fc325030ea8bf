//! Filters of dynamic packaging, of the account and of single assets.
//!
//! Whether the service completes a filter with the default values is not documented; here it does, so that equal filters
//! are equal however a client writes them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::errors::ApiError;
use super::input::Input;
use super::service::Service;
use super::transaction::Transaction;
use crate::emulator::media_account::schema::{ASSET_FILTERS, ASSETS, FILTERS, Kind};
use crate::emulator::media_account::store::{Journal, Row, State};
use crate::emulator::media_account::value::{Type, Value};

/// The documented properties of a condition, and its operators (the documents also write `notEqual`).
const PROPERTIES: [&str; 5] = ["Type", "Name", "Language", "FourCC", "Bitrate"];
const OPERATORS: [&str; 2] = ["Equal", "NotEqual"];
/// The whole numbers of a time range, with their default values.
const RANGE: [(&str, i64); 5] = [
    ("StartTimestamp", 0),
    ("EndTimestamp", i64::MAX),
    ("PresentationWindowDuration", i64::MAX),
    ("LiveBackoffDuration", 0),
    ("Timescale", 10_000_000),
];

/// The id of an asset's filter, as in the documents.
fn id(asset: &str, name: &str) -> String {
    format!("{asset}__###__{name}")
}

/// Creates a filter from a body.
pub(super) fn create(
    service: Service<'_>,
    tx: &mut Transaction,
    input: &Input,
    kind: &'static Kind,
) -> Result<Row, ApiError> {
    let mut row = completed(input.build(kind)?)?;
    if kind.set == ASSET_FILTERS.set {
        let asset = ASSETS.canonical(row.text("ParentAssetId")).ok_or_else(|| invalid("ParentAssetId"))?;
        service.check_exists(&ASSETS, &asset)?;
        row.set("Id", Value::text(id(&asset, row.text("Name"))));
        row.set("ParentAssetId", Value::text(asset));
    }
    if service.state().insert(row.clone(), &mut tx.journal) {
        Ok(row)
    } else {
        Err(ApiError::conflict(format!("A {} with the name '{}' already exists.", kind.name, row.text("Name"))))
    }
}

/// Replaces the sent properties of a filter.
pub(super) fn update(
    service: Service<'_>,
    tx: &mut Transaction,
    (kind, key): (&'static Kind, &str),
    input: &Input,
) -> Result<(), ApiError> {
    let mut state = service.state();
    let row = state.get(kind, key).ok_or_else(|| ApiError::no_entity(kind.name))?;
    let mut after = row.clone();
    for (column, value) in input.changes(row)? {
        after.set_at(column, value);
    }
    let after = completed(after)?;
    state.update(kind, key, &mut tx.journal, |row| *row = after);
    Ok(())
}

/// The filter with its default values. Refuses values that have no meaning.
fn completed(mut row: Row) -> Result<Row, ApiError> {
    let range = completed_range(row.get("PresentationTimeRange"))?;
    row.set("PresentationTimeRange", Value::Json(range.into()));
    let tracks = if let Value::Json(tracks) = row.get("Tracks") { entries(tracks) } else { &[] };
    let tracks: Vec<Json> = tracks.iter().map(completed_track).collect::<Result<_, _>>()?;
    row.set("Tracks", Value::Json(Json::Array(tracks).into()));
    if let Value::Json(quality) = row.get("FirstQuality") {
        let bitrate = i32::try_from(whole(&quality["Bitrate"]).unwrap_or_default()).unwrap_or_default();
        if bitrate <= 0 {
            return Err(invalid("FirstQuality"));
        }
        row.set("FirstQuality", Value::Json(json!({ "Bitrate": bitrate }).into()));
    }
    Ok(row)
}

fn completed_range(given: &Value) -> Result<Json, ApiError> {
    let wrong = || invalid("PresentationTimeRange");
    let given = if let Value::Json(given) = given { given.as_ref() } else { &Json::Null };
    let mut range = serde_json::Map::new();
    for (name, default) in RANGE {
        let number = match &given[name] {
            Json::Null => default,
            value => whole(value).filter(|number| *number >= 0).ok_or_else(wrong)?,
        };
        range.insert(name.to_owned(), number.to_string().into());
    }
    let forced = match Value::read(Type::Bool, &given["ForceEndTimestamp"]) {
        Some(Value::Bool(forced)) => forced,
        Some(Value::Null) => false,
        _ => return Err(wrong()),
    };
    range.insert("ForceEndTimestamp".to_owned(), forced.into());
    Ok(range.into())
}

fn completed_track(track: &Json) -> Result<Json, ApiError> {
    let condition = |condition: &Json| {
        let text = |name: &str| condition[name].as_str();
        let operator = text("Operator").unwrap_or("Equal");
        let operator = OPERATORS.into_iter().find(|known| known.eq_ignore_ascii_case(operator));
        let property = text("Property").filter(|property| PROPERTIES.contains(property));
        let (Some(operator), Some(property)) = (operator, property) else { return Err(invalid("Tracks")) };
        Ok(json!({ "Property": property, "Value": text("Value").unwrap_or_default(), "Operator": operator }))
    };
    let conditions: Vec<Json> =
        entries(&track["PropertyConditions"]).iter().map(condition).collect::<Result<_, _>>()?;
    Ok(json!({ "PropertyConditions": conditions }))
}

/// The entries of a collection in both JSON formats.
fn entries(list: &Json) -> &[Json] {
    list.as_array().or_else(|| list["results"].as_array()).map_or(&[], Vec::as_slice)
}

fn whole(value: &Json) -> Option<i64> {
    if let Some(Value::Long(number)) = Value::read(Type::Long, value) { Some(number) } else { None }
}

fn invalid(name: &str) -> ApiError {
    ApiError::bad(format!("The value of property '{name}' is invalid."))
}

/// The names and rules of the account's filters.
pub(super) fn of_account(state: &State) -> BTreeMap<String, String> {
    state.table(&FILTERS).all().map(named).collect()
}

/// The names and rules of an asset's own filters.
pub(super) fn of_asset(state: &State, asset: &str) -> BTreeMap<String, String> {
    state.find(&ASSET_FILTERS, "ParentAssetId", asset).map(named).collect()
}

/// The filters that URLs of an asset can name. As documented, one of the asset replaces one of the account.
pub(super) fn usable(state: &State, asset: &str) -> BTreeMap<String, String> {
    let mut all = of_account(state);
    all.extend(of_asset(state, asset));
    all
}

fn named(row: &Row) -> (String, String) {
    let rules = ["PresentationTimeRange", "Tracks", "FirstQuality"].map(|name| match row.get(name) {
        Value::Json(value) => Json::clone(value),
        _ => Json::Null,
    });
    (row.text("Name").to_owned(), Json::from(rules.to_vec()).to_string())
}

/// Creates or replaces a filter of an asset or of the account, without a request.
pub(super) fn put(service: Service<'_>, asset: Option<&str>, name: &str, rules: &Json) -> Result<(), ApiError> {
    let kind: &'static Kind = if asset.is_some() { &ASSET_FILTERS } else { &FILTERS };
    let mut body = rules.as_object().cloned().ok_or_else(|| invalid("Tracks"))?;
    body.insert("Name".to_owned(), name.into());
    body.extend(asset.map(|asset| ("ParentAssetId".to_owned(), asset.into())));
    let input = Input::read(body, kind, super::call::NEWEST)?;
    // An existing one is replaced.
    let _ = remove(service, asset, name);
    create(service, &mut Transaction::default(), &input, kind).map(drop)
}

/// Deletes a filter of an asset or of the account, without a request.
pub(super) fn remove(service: Service<'_>, asset: Option<&str>, name: &str) -> Result<(), ApiError> {
    let (kind, key) = match asset {
        Some(asset) => (&ASSET_FILTERS, id(asset, name)),
        None => (&FILTERS, name.to_owned()),
    };
    let gone = service.state().remove(kind, &key, &mut Journal::default());
    gone.map(drop).ok_or_else(|| ApiError::no_entity(kind.name))
}
