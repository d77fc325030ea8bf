//! All requests that change something: creates, updates, deletes, links, and the functions with side effects.

use serde_json::{Map, Value as Json};

use super::answer::{Answer, Weight};
use super::call::{Call, Verb};
use super::errors::ApiError;
use super::input::{self, Input};
use super::read::{self, Place, locate};
use super::render::{View, uri};
use super::service::Service;
use super::transaction::Transaction;
use super::{
    assets, delivery, endpoints, files, filters, jobs, key_delivery, links, locators, missing_sets, policies,
    protection,
};
use crate::emulator::media_account::schema::{
    ASSET_FILTERS, ASSETS, DELIVERY, ENDPOINTS, FILES, FILTERS, JOBS, KEY_OPTIONS, KEY_POLICIES, KEYS, Kind,
    NOTIFICATIONS, POLICIES, kind,
};
use crate::emulator::media_account::store::Row;
use crate::emulator::media_account::value::Value;

/// A function import, by its name in the path.
fn function(call: &Call) -> Option<&str> {
    match call.path.as_slice() {
        [only] if only.key.is_none() && matches!(only.name.as_str(), "CreateFileInfos" | "CancelJob") => {
            Some(&only.name)
        }
        _ => None,
    }
}

/// Does a call change something?
pub(super) fn changes(call: &Call) -> bool {
    call.verb != Verb::Get || function(call).is_some()
}

/// Performs a call that writes.
pub(super) async fn perform(service: Service<'_>, tx: &mut Transaction, call: &Call) -> Result<Answer, ApiError> {
    if let Some(name) = function(call) {
        let (kind, parameter) = if name == "CancelJob" { (&JOBS, "jobid") } else { (&ASSETS, "assetid") };
        let given = call.option(parameter).unwrap_or_default();
        let id = given.strip_prefix('\'').and_then(|v| v.strip_suffix('\'')).and_then(|v| kind.canonical(v));
        let id = id.ok_or_else(|| ApiError::bad(format!("Invalid value {given} of the parameter '{parameter}'.")))?;
        if name == "CancelJob" {
            jobs::cancel(service, tx, &id)?;
        } else {
            files::create_infos(service, tx, &id).await?;
        }
        return Ok(Answer::empty());
    }
    missing_sets::check(call)?;
    match (call.verb, locate(&call.path, call.version)?) {
        (Verb::Post, Place::Set(kind)) => {
            let body = input::object(&call.body)?;
            create(service, tx, call, kind, Input::read(body, kind, call.version)?).await
        }
        (Verb::Post, Place::Along(from, key, nav)) => {
            service.check_exists(from, &key)?;
            let target = kind(nav.set, call.version).ok_or_else(|| ApiError::no_segment(nav.set))?;
            let mut input = Input::read(input::object(&call.body)?, target, call.version)?;
            let parent = match (from.set, nav.name) {
                ("Assets", "Files" | "AssetFilters") => "ParentAssetId",
                ("Assets", "Locators") => "AssetId",
                ("Jobs", "Tasks") => "JobId",
                _ => return Err(ApiError::unsupported()),
            };
            let column = target.column(parent).ok_or_else(ApiError::unsupported)?;
            input.values.push((column, Value::text(key)));
            create(service, tx, call, target, input).await
        }
        (Verb::Post, Place::Links(from, key, nav, None)) => {
            let body = input::object(&call.body)?;
            let target = body.get("uri").or_else(|| body.get("url")).and_then(|u| u.as_str());
            let target = target.ok_or_else(|| ApiError::bad("The request body names no entity to link."))?;
            links::link(
                service,
                tx,
                (from, &key),
                nav.name,
                &input::key_of_uri(target, links::target(from, nav.name)?)?,
            )?;
            Ok(Answer::empty())
        }
        (Verb::Post, Place::Action(kind, key, name)) if kind.set == KEYS.set => {
            key_delivery::url(service, call, &key, &name)
        }
        (Verb::Post, Place::Action(_, key, name)) => endpoints::act(service, tx, &key, &name),
        (Verb::Merge, Place::Entity(kind, key)) => {
            update(service, tx, (kind, &key), (input::object(&call.body)?, call.version))?;
            Ok(Answer::empty())
        }
        (Verb::Delete, Place::Entity(kind, key)) => {
            delete(service, tx, call, kind, &key)?;
            Ok(Answer::empty())
        }
        (Verb::Delete, Place::Links(from, key, nav, Some(to))) => {
            links::unlink(service, tx, (from, &key), nav.name, &to)?;
            Ok(Answer::empty())
        }
        _ => Err(ApiError::unsupported()),
    }
}

async fn create(
    service: Service<'_>,
    tx: &mut Transaction,
    call: &Call,
    kind: &'static Kind,
    input: Input,
) -> Result<Answer, ApiError> {
    no_related(&input, kind)?;
    let row = match kind.set {
        "Assets" => assets::create(service, tx, &input).await?,
        "Files" => files::create(service, tx, &input)?,
        "AccessPolicies" => policies::create(service, tx, &input)?,
        "Locators" => locators::create(service, tx, &input).await?,
        "Jobs" => jobs::create(service, tx, input, call.version).await?,
        "Tasks" => jobs::add_task(service, tx, &input).await?,
        "Filters" | "AssetFilters" => filters::create(service, tx, &input, kind)?,
        "NotificationEndPoints"
        | "ContentKeys"
        | "AssetDeliveryPolicies"
        | "ContentKeyAuthorizationPolicies"
        | "ContentKeyAuthorizationPolicyOptions" => plain(service, tx, &input, kind)?,
        "StreamingEndpoints" => return Err(ApiError::not_implemented(missing_sets::ENDPOINT_CHANGES)),
        _ => return Err(ApiError::unsupported()),
    };
    let root = service.root();
    let view = View { root: &root, version: call.version, format: call.reply, fresh: true, select: None };
    let answer = Answer::json(call.reply, view.entity(&row), Weight::of(kind)).status(201);
    Ok(answer.header("location", uri(&root, kind, row.key())))
}

/// Refuses related entities in the body that this emulator would ignore.
fn no_related(input: &Input, kind: &Kind) -> Result<(), ApiError> {
    let sent = input.links.first().map(|(nav, _)| nav).or(input.children.first().map(|(nav, _)| nav));
    match sent {
        Some(_) if ![JOBS.set, "Tasks"].contains(&kind.set) => Err(ApiError::not_implemented(missing_sets::RELATED)),
        _ => Ok(()),
    }
}

/// Creates an entity that has no rules beyond its key.
fn plain(service: Service<'_>, tx: &mut Transaction, input: &Input, kind: &'static Kind) -> Result<Row, ApiError> {
    let mut row = input.build(kind)?;
    let key = match row.text("Id") {
        "" => kind.new_id(),
        given => kind.canonical(given).ok_or_else(|| ApiError::bad(format!("Invalid {} Id '{given}'.", kind.name)))?,
    };
    let now = service.now();
    row.set("Id", Value::text(&key));
    if kind.set == KEYS.set {
        protection::check_key(&row)?;
    } else if kind.set == DELIVERY.set {
        delivery::check_policy(&row)?;
    }
    row.set("Created", Value::Date(now));
    row.set("LastModified", Value::Date(now));
    if !service.state().insert(row.clone(), &mut tx.journal) {
        return Err(ApiError::conflict(format!("A {} with Id '{key}' already exists.", kind.name)));
    }
    Ok(row)
}

/// The kinds whose changes need no other rules than those of their properties.
static CHANGED_FREELY: [&Kind; 7] =
    [&ASSETS, &NOTIFICATIONS, &KEYS, &ENDPOINTS, &DELIVERY, &KEY_POLICIES, &KEY_OPTIONS];

/// Changes an entity by a body of that API version.
pub(super) fn update(
    service: Service<'_>,
    tx: &mut Transaction,
    (kind, key): (&'static Kind, &str),
    (body, version): (Map<String, Json>, u8),
) -> Result<(), ApiError> {
    service.check_exists(kind, key)?;
    let input = Input::read(body, kind, version)?;
    no_related(&input, kind)?;
    match kind.set {
        "Files" => return files::update(service, tx, key, &input),
        "Locators" => return locators::update(service, tx, key, &input),
        "Jobs" => return jobs::update(service, tx, key, &input),
        "Filters" | "AssetFilters" => return filters::update(service, tx, (kind, key), &input),
        set if !CHANGED_FREELY.iter().any(|kind| kind.set == set) => {
            return Err(ApiError::unsupported());
        }
        _ => {}
    }
    let now = service.now();
    let mut state = service.state();
    let row = state.get(kind, key).ok_or_else(|| ApiError::no_entity(kind.name))?;
    let changes = input.changes(row)?;
    if changes.is_empty() {
        return Ok(());
    }
    if kind.set == DELIVERY.set {
        let mut after = row.clone();
        for (column, value) in &changes {
            after.set_at(*column, value.clone());
        }
        delivery::check_policy(&after)?;
    }
    state.update(kind, key, &mut tx.journal, |row| {
        for (column, value) in changes {
            row.set_at(column, value);
        }
        row.set("LastModified", Value::Date(now));
    });
    Ok(())
}

fn delete(
    service: Service<'_>,
    tx: &mut Transaction,
    call: &Call,
    kind: &'static Kind,
    key: &str,
) -> Result<(), ApiError> {
    match kind.set {
        "Assets" => {
            let keep = call.option("keepcontainer").is_some_and(|v| v.eq_ignore_ascii_case("true"));
            assets::delete(service, tx, key, keep)
        }
        "Locators" => locators::delete(service, tx, key),
        "Jobs" => jobs::delete(service, tx, key),
        "ContentKeys" | "AssetDeliveryPolicies" | "ContentKeyAuthorizationPolicyOptions" => {
            links::delete_target(service, tx, kind, key)
        }
        "ContentKeyAuthorizationPolicies" => links::delete_source(service, tx, kind, key),
        "StreamingEndpoints" => Err(ApiError::not_implemented(missing_sets::ENDPOINT_CHANGES)),
        // Whether the service deleted the blob of a file record is not known; here it is kept.
        set if [&FILES, &POLICIES, &NOTIFICATIONS, &FILTERS, &ASSET_FILTERS].iter().any(|kind| kind.set == set) => {
            let gone = service.state().remove(kind, key, &mut tx.journal);
            gone.map(|_| ()).ok_or_else(|| ApiError::no_entity(kind.name))
        }
        _ => Err(ApiError::unsupported()),
    }
}

/// The operation's name in the statistics.
pub(super) fn operation(call: &Call) -> &'static str {
    if let Some(name) = read::function(call) {
        return name;
    }
    match function(call) {
        Some("CancelJob") => return "CancelJob",
        Some(_) => return "CreateFileInfos",
        None => {}
    }
    let Ok(place) = locate(&call.path, call.version) else { return "Unknown" };
    let (target, one) = match (&place, call.verb) {
        (Place::Root, _) => return "ServiceDocument",
        (Place::Links(..), Verb::Get) => return "ListLinks",
        (Place::Links(..), Verb::Post) => return "CreateLink",
        (Place::Links(..), _) => return "DeleteLink",
        (Place::Action(kind, ..), _) if kind.set == KEYS.set => return key_delivery::ACTION,
        (Place::Action(..), _) => return "StreamingEndpointAction",
        (Place::Set(kind) | Place::Count(kind), _) => (*kind, false),
        (Place::Entity(kind, _) | Place::Property(kind, ..), _) => (*kind, true),
        (Place::Along(_, _, nav), _) => (kind(nav.set, call.version).unwrap_or(&ASSETS), !nav.many),
    };
    named(target, call.verb, one)
}

fn named(kind: &Kind, verb: Verb, one: bool) -> &'static str {
    let names: [&'static str; 5] = match kind.set {
        "Assets" => ["ListAssets", "GetAsset", "CreateAsset", "UpdateAsset", "DeleteAsset"],
        "Files" => ["ListFiles", "GetFile", "CreateFile", "UpdateFile", "DeleteFile"],
        "AccessPolicies" => {
            ["ListAccessPolicies", "GetAccessPolicy", "CreateAccessPolicy", "UpdateAccessPolicy", "DeleteAccessPolicy"]
        }
        "Locators" => ["ListLocators", "GetLocator", "CreateLocator", "UpdateLocator", "DeleteLocator"],
        "Jobs" => ["ListJobs", "GetJob", "CreateJob", "UpdateJob", "DeleteJob"],
        "Tasks" => ["ListTasks", "GetTask", "CreateTask", "UpdateTask", "DeleteTask"],
        "StorageAccounts" => ["ListStorageAccounts", "GetStorageAccount", "Unknown", "Unknown", "Unknown"],
        "StreamingEndpoints" => {
            ["ListStreamingEndpoints", "GetStreamingEndpoint", "Unknown", "UpdateStreamingEndpoint", "Unknown"]
        }
        "MediaProcessors" => ["ListMediaProcessors", "GetMediaProcessor", "Unknown", "Unknown", "Unknown"],
        "Operations" => ["ListOperations", "GetOperation", "Unknown", "Unknown", "Unknown"],
        "NotificationEndPoints" => [
            "ListNotificationEndPoints",
            "GetNotificationEndPoint",
            "CreateNotificationEndPoint",
            "UpdateNotificationEndPoint",
            "DeleteNotificationEndPoint",
        ],
        "Filters" => ["ListFilters", "GetFilter", "CreateFilter", "UpdateFilter", "DeleteFilter"],
        "AssetFilters" => {
            ["ListAssetFilters", "GetAssetFilter", "CreateAssetFilter", "UpdateAssetFilter", "DeleteAssetFilter"]
        }
        "AssetDeliveryPolicies" => [
            "ListAssetDeliveryPolicies",
            "GetAssetDeliveryPolicy",
            "CreateAssetDeliveryPolicy",
            "UpdateAssetDeliveryPolicy",
            "DeleteAssetDeliveryPolicy",
        ],
        "ContentKeyAuthorizationPolicies" => [
            "ListContentKeyAuthorizationPolicies",
            "GetContentKeyAuthorizationPolicy",
            "CreateContentKeyAuthorizationPolicy",
            "UpdateContentKeyAuthorizationPolicy",
            "DeleteContentKeyAuthorizationPolicy",
        ],
        "ContentKeyAuthorizationPolicyOptions" => [
            "ListContentKeyAuthorizationPolicyOptions",
            "GetContentKeyAuthorizationPolicyOption",
            "CreateContentKeyAuthorizationPolicyOption",
            "UpdateContentKeyAuthorizationPolicyOption",
            "DeleteContentKeyAuthorizationPolicyOption",
        ],
        _ => ["ListContentKeys", "GetContentKey", "CreateContentKey", "UpdateContentKey", "DeleteContentKey"],
    };
    match (verb, one) {
        (Verb::Get, false) => names[0],
        (Verb::Get, true) => names[1],
        (Verb::Post, _) => names[2],
        (Verb::Merge, _) => names[3],
        (Verb::Delete, _) => names[4],
    }
}
