//! Everything that only reads: lists, entities, navigations, properties, links, and the service document.

use std::cmp::Ordering;

use super::answer::{Answer, Weight};
use super::call::{Call, Segment};
use super::errors::ApiError;
use super::missing_sets;
use super::protection;
use super::query::{Expr, Sought, order};
use super::render::{self, Format, View};
use super::service::Service;
use crate::emulator::media_account::schema::{
    ASSET_FILTERS, ASSETS, DELIVERY, FILES, KEY_OPTIONS, KEYS, KINDS, Kind, LOCATORS, Nav, POLICIES, STORAGE, TASKS,
    kind,
};
use crate::emulator::media_account::store::{Row, State};

/// The documented page cap: longer answers are truncated without a notice.
const PAGE: usize = 1000;

/// The `$`-options of a list.
struct Options {
    filter: Option<Expr>,
    order: Vec<(usize, bool)>,
    skip: usize,
    top: usize,
    select: Option<Vec<String>>,
    count: bool,
}

impl Options {
    fn read(call: &Call, kind: &'static Kind) -> Result<Self, ApiError> {
        let mut options = Self { filter: None, order: Vec::new(), skip: 0, top: PAGE, select: None, count: false };
        for (name, value) in &call.query {
            match name.as_str() {
                "$filter" => options.filter = Some(Expr::parse(value, kind, call.version)?),
                "$orderby" => options.order = ordering(value, kind, call.version)?,
                "$skip" => options.skip = number(name, value)?,
                "$top" => options.top = number(name, value)?.min(PAGE),
                "$select" => options.select = Some(selection(value, kind, call.version)?),
                "$inlinecount" => options.count = value == "allpages",
                "$format" => {}
                "$expand" => return Err(ApiError::bad("The $expand query option is not supported.")),
                other if other.starts_with('$') => {
                    return Err(ApiError::bad(format!("The query option '{other}' is not supported.")));
                }
                _ => {}
            }
        }
        Ok(options)
    }
}

fn number(name: &str, value: &str) -> Result<usize, ApiError> {
    value.trim().parse().map_err(|_| ApiError::bad(format!("Incorrect format for {name} argument '{value}'.")))
}

fn selection(value: &str, kind: &'static Kind, version: u8) -> Result<Vec<String>, ApiError> {
    let names: Vec<String> = value.split(',').map(|name| name.trim().to_owned()).collect();
    let known = |n: &String| n == "*" || kind.visible(n, version).is_some() || kind.nav(n, version).is_some();
    match names.iter().find(|n| !known(n)) {
        Some(unknown) => Err(ApiError::no_property(unknown, kind.name)),
        None => Ok(names),
    }
}

fn ordering(value: &str, kind: &'static Kind, version: u8) -> Result<Vec<(usize, bool)>, ApiError> {
    let part = |part: &str| {
        let mut words = part.split_whitespace();
        let name = words.next().unwrap_or_default();
        let column = kind.visible(name, version).ok_or_else(|| ApiError::no_property(name, kind.name))?;
        match (words.next(), words.next()) {
            (None | Some("asc"), None) => Ok((column, false)),
            (Some("desc"), None) => Ok((column, true)),
            _ => Err(ApiError::bad("Syntax error in the $orderby expression.")),
        }
    };
    value.split(',').map(part).collect()
}

/// The target entities of a navigation, in creation order.
fn related<'s>(state: &'s State, from: &'s Row, nav: &'static Nav) -> Vec<&'s Row> {
    let (kind, key) = (from.kind.set, from.key());
    let linked = |target: &'static Kind| -> Vec<&'s Row> {
        state.linked(key, nav.name).iter().filter_map(|to| state.get(target, to)).collect()
    };
    match (kind, nav.name) {
        ("Assets", "Files") => state.find(&FILES, "ParentAssetId", key).collect(),
        ("Assets", "Locators") => state.find(&LOCATORS, "AssetId", key).collect(),
        ("Assets", "AssetFilters") => state.find(&ASSET_FILTERS, "ParentAssetId", key).collect(),
        ("Assets", "StorageAccount") => state.get(&STORAGE, from.text("StorageAccountName")).into_iter().collect(),
        ("Assets", "ContentKeys") => linked(&KEYS),
        ("Assets", "DeliveryPolicies") => linked(&DELIVERY),
        ("ContentKeyAuthorizationPolicies", "Options") => linked(&KEY_OPTIONS),
        ("Locators", "Asset") => state.get(&ASSETS, from.text("AssetId")).into_iter().collect(),
        ("Locators", "AccessPolicy") => state.get(&POLICIES, from.text("AccessPolicyId")).into_iter().collect(),
        ("Jobs", "Tasks") => state.find(&TASKS, "JobId", key).collect(),
        ("Assets", "ParentAssets") | ("Jobs" | "Tasks", _) => linked(&ASSETS),
        _ => Vec::new(),
    }
}

/// Where a path leads.
pub(super) enum Place {
    Root,
    Set(&'static Kind),
    Entity(&'static Kind, String),
    /// The target of a navigation from an entity.
    Along(&'static Kind, String, &'static Nav),
    /// `$links` of a navigation, with the key of one link if there is one.
    Links(&'static Kind, String, &'static Nav, Option<String>),
    /// A property; true = `$value`.
    Property(&'static Kind, String, usize, bool),
    /// An action of an entity: its key and the action's name.
    Action(&'static Kind, String, String),
    /// `$count` of a set.
    Count(&'static Kind),
}

/// A key in its canonical spelling; invalid ones are refused as in the live service.
fn canonical(kind: &Kind, key: &str) -> Result<String, ApiError> {
    kind.canonical(key).ok_or_else(|| ApiError::bad(format!("Invalid {} Id '{key}'.", kind.name)))
}

/// Determines the target of a path, without checking whether the entity exists.
pub(super) fn locate(path: &[Segment], version: u8) -> Result<Place, ApiError> {
    let Some((first, mut rest)) = path.split_first() else { return Ok(Place::Root) };
    let mut here = kind(&first.name, version).ok_or_else(|| ApiError::no_segment(&first.name))?;
    let Some(key) = &first.key else {
        return match rest {
            [] => Ok(Place::Set(here)),
            [count] if count.name == "$count" => Ok(Place::Count(here)),
            [other, ..] => Err(ApiError::no_segment(&other.name)),
        };
    };
    let mut key = canonical(here, key)?;
    loop {
        let Some((next, after)) = rest.split_first() else { return Ok(Place::Entity(here, key)) };
        if next.name == "$links" {
            let [link] = after else { return Err(ApiError::no_segment("$links")) };
            let nav = here.nav(&link.name, version).ok_or_else(|| ApiError::no_segment(&link.name))?;
            let to = match &link.key {
                Some(to) => Some(kind(nav.set, version).map_or_else(|| Ok(to.clone()), |k| canonical(k, to))?),
                None => None,
            };
            return Ok(Place::Links(here, key, nav, to));
        }
        if let Some(nav) = here.nav(&next.name, version) {
            match (&next.key, after) {
                (None, []) => return Ok(Place::Along(here, key, nav)),
                (Some(inner), _) => {
                    here = kind(nav.set, version).ok_or_else(|| ApiError::no_segment(&next.name))?;
                    key = canonical(here, inner)?;
                    rest = after;
                }
                (None, [other, ..]) => return Err(ApiError::no_segment(&other.name)),
            }
        } else if let Some(column) = here.visible(&next.name, version) {
            return match after {
                [] => Ok(Place::Property(here, key, column, false)),
                [value] if value.name == "$value" => Ok(Place::Property(here, key, column, true)),
                [other, ..] => Err(ApiError::no_segment(&other.name)),
            };
        } else {
            return match after {
                [] if ["StreamingEndpoints", "ContentKeys"].contains(&here.set) => {
                    Ok(Place::Action(here, key, next.name.clone()))
                }
                _ => Err(ApiError::no_segment(&next.name)),
            };
        }
    }
}

/// A function import that only reads, by its name in the path.
pub(super) fn function(call: &Call) -> Option<&'static str> {
    match call.path.as_slice() {
        [only] if only.key.is_none() => [protection::KEY_ID, protection::KEY].into_iter().find(|f| *f == only.name),
        _ => None,
    }
}

/// Answers a GET.
pub(super) fn get(service: Service<'_>, state: &State, call: &Call) -> Result<Answer, ApiError> {
    let root = service.root();
    if let Some(name) = function(call) {
        let parameter = if name == protection::KEY_ID { "contentKeyType" } else { "ProtectionKeyId" };
        let value = protection::answer(name, call.option(parameter))?;
        return Ok(Answer::json(call.reply, render::scalar(&root, call.reply, name, &value), Weight::Feed));
    }
    if missing_sets::is_empty_list(call) {
        return Ok(Answer::json(call.reply, empty_feed(&root, call.reply, &call.path[0].name), Weight::Feed));
    }
    missing_sets::check(call)?;
    let found = |kind: &'static Kind, key: &str| state.get(kind, key).ok_or_else(|| ApiError::no_entity(kind.name));
    match locate(&call.path, call.version)? {
        Place::Root => {
            let sets: Vec<_> = KINDS.iter().filter(|k| k.since <= call.version).map(|k| k.set).collect();
            Ok(Answer::json(call.reply, render::service_document(&root, call.reply, &sets), Weight::Feed))
        }
        Place::Set(kind) => list(service, state, call, kind, &Source::All),
        Place::Count(kind) => {
            let options = Options::read(call, kind)?;
            let (_, count) = page(service, state, kind, &Source::All, &Options { count: true, ..options });
            Ok(Answer::plain(count.unwrap_or_default().to_string()))
        }
        Place::Entity(kind, key) => one(&root, call, found(kind, &key)?),
        Place::Property(kind, key, column, plain) => {
            let row = found(kind, &key)?;
            let view = View { root: &root, version: call.version, format: call.reply, fresh: false, select: None };
            if plain {
                return Ok(Answer::plain(view.plain(row, column)));
            }
            Ok(Answer::json(call.reply, view.property(row, column), Weight::of(kind)))
        }
        Place::Along(from, key, nav) => {
            let rows = related(state, found(from, &key)?, nav);
            if nav.many {
                let Some(target) = kind(nav.set, call.version) else {
                    return Ok(Answer::json(call.reply, empty_feed(&root, call.reply, nav.set), Weight::Feed));
                };
                return list(service, state, call, target, &Source::These(&rows));
            }
            one(&root, call, rows.first().ok_or_else(|| ApiError::no_segment(nav.name))?)
        }
        Place::Links(from, key, nav, to) => {
            let rows = related(state, found(from, &key)?, nav);
            let chosen = rows.iter().filter(|r| to.as_ref().is_none_or(|to| r.key() == to));
            let uris: Vec<String> = chosen.map(|r| render::uri(&root, r.kind, r.key())).collect();
            if to.is_some() && uris.is_empty() {
                return Err(ApiError::no_segment(nav.name));
            }
            let many = nav.many && to.is_none();
            Ok(Answer::json(call.reply, render::links(&root, call.reply, from, nav.name, &uris, many), Weight::Feed))
        }
        Place::Action(.., name) => Err(ApiError::no_segment(&name)),
    }
}

fn empty_feed(root: &str, format: Format, set: &str) -> String {
    match format {
        Format::Verbose => "{\"d\":{\"results\":[]}}".to_owned(),
        Format::Light => {
            serde_json::json!({ "odata.metadata": format!("{root}$metadata#{set}"), "value": [] }).to_string()
        }
    }
}

fn one(root: &str, call: &Call, row: &Row) -> Result<Answer, ApiError> {
    let options = Options::read(call, row.kind)?;
    let select = options.select.as_deref();
    let view = View { root, version: call.version, format: call.reply, fresh: false, select };
    Ok(Answer::json(call.reply, view.entity(row), Weight::of(row.kind)))
}

enum Source<'a> {
    All,
    These(&'a [&'a Row]),
}

fn list(
    service: Service<'_>,
    state: &State,
    call: &Call,
    kind: &'static Kind,
    source: &Source<'_>,
) -> Result<Answer, ApiError> {
    let options = Options::read(call, kind)?;
    let (rows, count) = page(service, state, kind, source, &options);
    let root = service.root();
    let select = options.select.as_deref();
    let view = View { root: &root, version: call.version, format: call.reply, fresh: false, select };
    let weight = if kind.wide { Weight::Wide } else { Weight::Feed };
    Ok(Answer::json(call.reply, view.feed(kind, rows.into_iter(), count), weight))
}

/// The rows of one page, and the total number if requested.
fn page<'s>(
    service: Service<'_>,
    state: &'s State,
    kind: &'static Kind,
    source: &Source<'s>,
    options: &Options,
) -> (Vec<&'s Row>, Option<usize>) {
    let table = state.table(kind);
    let candidates: Box<dyn Iterator<Item = &'s Row> + '_> = match source {
        Source::These(rows) => Box::new(rows.iter().copied()),
        Source::All => match options.filter.as_ref().and_then(|f| indexed(state, kind, f)) {
            Some(rows) => Box::new(rows.into_iter()),
            None => Box::new(table.all()),
        },
    };
    let mut matching = candidates.filter(|row| options.filter.as_ref().is_none_or(|f| f.holds(row)));
    let local = service.settings().page_local_orderby;
    let by = |a: &&Row, b: &&Row| {
        let columns = options.order.iter().map(|(column, down)| {
            let order = compare(a, b, *column);
            if *down { order.reverse() } else { order }
        });
        columns.fold(Ordering::Equal, Ordering::then)
    };
    if options.count || (!options.order.is_empty() && !local) {
        let mut all: Vec<&Row> = matching.collect();
        let count = options.count.then_some(all.len());
        if !local {
            all.sort_by(by);
        }
        let mut rows: Vec<_> = all.into_iter().skip(options.skip).take(options.top).collect();
        rows.sort_by(by);
        return (rows, count);
    }
    let mut rows: Vec<_> = matching.by_ref().skip(options.skip).take(options.top).collect();
    rows.sort_by(by);
    (rows, None)
}

/// Nulls come first, as in SQL Server.
fn compare(a: &Row, b: &Row, column: usize) -> Ordering {
    use crate::emulator::media_account::value::Value::Null;
    match (a.at(column), b.at(column)) {
        (Null, Null) => Ordering::Equal,
        (Null, _) => Ordering::Less,
        (_, Null) => Ordering::Greater,
        (a, b) => order(a, b).unwrap_or(Ordering::Equal),
    }
}

/// The candidate rows of a filter, found by key or index; `None` = only a scan finds them.
fn indexed<'s>(state: &'s State, kind: &'static Kind, filter: &Expr) -> Option<Vec<&'s Row>> {
    let table = state.table(kind);
    let mut rows: Vec<&Row> = Vec::new();
    for sought in filter.keys()? {
        match sought {
            Sought::Is(0, text) => rows.extend(table.get(text)),
            Sought::Is(column, text) => rows.extend(table.where_is(column, text)?),
            Sought::Begins(column, text) => rows.extend(table.where_begins(column, text)?),
        }
    }
    rows.sort_by_key(|row| table.place(row.key()));
    rows.dedup_by_key(|row| table.place(row.key()));
    Some(rows)
}
