//! `$links` of assets to the content keys and delivery policies that protect them, and of the keys' policies to options.

use std::sync::Arc;

use super::errors::ApiError;
use super::service::Service;
use super::transaction::Transaction;
use super::{delivery, protection};
use crate::emulator::media_account::schema::{ASSETS, DELIVERY, KEY_OPTIONS, KEYS, Kind};
use crate::emulator::media_account::store::Row;
use crate::emulator::media_account::value::Value;

/// The target type of a link; other links cannot be written.
pub(super) fn target(from: &Kind, nav: &str) -> Result<&'static Kind, ApiError> {
    match (from.set, nav) {
        ("Assets", "ContentKeys") => Ok(&KEYS),
        ("Assets", "DeliveryPolicies") => Ok(&DELIVERY),
        ("ContentKeyAuthorizationPolicies", "Options") => Ok(&KEY_OPTIONS),
        _ => Err(ApiError::unsupported()),
    }
}

/// Links two entities.
pub(super) fn link(
    service: Service<'_>,
    tx: &mut Transaction,
    (from, key): (&'static Kind, &str),
    nav: &'static str,
    to: &str,
) -> Result<(), ApiError> {
    let target = target(from, nav)?;
    service.check_exists(from, key)?;
    service.check_exists(target, to)?;
    let mut state = service.state();
    let mut linked = state.linked(key, nav).to_vec();
    if linked.iter().any(|l| &**l == to) {
        return Err(ApiError::conflict("The entities are linked already."));
    }
    if target.set == DELIVERY.set {
        delivery::check_link(&state, key, to)?;
    }
    linked.push(Arc::from(to));
    state.link(key, nav, linked, &mut tx.journal);
    Ok(())
}

/// Makes a content key and links it to an asset, without a request.
pub(super) fn add_key(service: Service<'_>, asset: &str, key_type: i32, guid: &str) -> Result<String, ApiError> {
    let key = protection::made_key(key_type, guid);
    protection::check_key(&key)?;
    add(service, asset, "ContentKeys", key)
}

/// Makes a delivery policy of a type and protocols and links it to an asset, without a request.
pub(super) fn add_policy(
    service: Service<'_>,
    asset: &str,
    (policy_type, protocols): (i32, i32),
    guid: &str,
) -> Result<String, ApiError> {
    let policy = delivery::made_policy(&service.region().settings.account, (policy_type, protocols), guid);
    delivery::check_policy(&policy)?;
    add(service, asset, "DeliveryPolicies", policy)
}

fn add(service: Service<'_>, asset: &str, nav: &'static str, row: Row) -> Result<String, ApiError> {
    let now = service.now();
    let row = row.with("Created", Value::Date(now)).with("LastModified", Value::Date(now));
    let id = row.key().to_owned();
    let mut tx = Transaction::default();
    if !service.state().insert(row, &mut tx.journal) {
        return Err(ApiError::conflict(format!("'{id}' already exists.")));
    }
    let linked = link(service, &mut tx, (&ASSETS, asset), nav, &id);
    if linked.is_err() {
        service.state().roll_back(tx.journal);
    }
    linked.map(|()| id)
}

/// Removes the link between two entities.
pub(super) fn unlink(
    service: Service<'_>,
    tx: &mut Transaction,
    (from, key): (&'static Kind, &str),
    nav: &'static str,
    to: &str,
) -> Result<(), ApiError> {
    let target = target(from, nav)?;
    service.check_exists(from, key)?;
    let mut state = service.state();
    let mut linked = state.linked(key, nav).to_vec();
    let before = linked.len();
    linked.retain(|l| &**l != to);
    if linked.len() == before {
        return Err(ApiError::no_entity(target.name));
    }
    state.link(key, nav, linked, &mut tx.journal);
    Ok(())
}

/// Deletes a content key, delivery policy or option that nothing is linked to.
///
/// It is not known how the service handled one in use, because every client unlinks it first. It is refused here,
/// because the assets of a deleted delivery policy would play without encryption.
pub(super) fn delete_target(
    service: Service<'_>,
    tx: &mut Transaction,
    kind: &'static Kind,
    key: &str,
) -> Result<(), ApiError> {
    service.check_exists(kind, key)?;
    let nav = match kind.set {
        "ContentKeys" => "ContentKeys",
        "AssetDeliveryPolicies" => "DeliveryPolicies",
        _ => "Options",
    };
    let mut state = service.state();
    if state.is_linked(nav, key) {
        return Err(ApiError::conflict(format!("The {} is linked to another entity.", kind.name)));
    }
    state.remove(kind, key, &mut tx.journal);
    Ok(())
}

/// Deletes an authorization policy of content keys, with its links to options.
pub(super) fn delete_source(
    service: Service<'_>,
    tx: &mut Transaction,
    kind: &'static Kind,
    key: &str,
) -> Result<(), ApiError> {
    service.check_exists(kind, key)?;
    let mut state = service.state();
    state.link(key, "Options", Vec::new(), &mut tx.journal);
    state.remove(kind, key, &mut tx.journal);
    Ok(())
}
