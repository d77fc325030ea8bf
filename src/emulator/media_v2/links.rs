//! `$links` of assets: the content keys and delivery policies that protect them.

use std::sync::Arc;

use super::delivery;
use super::errors::ApiError;
use super::schema::{DELIVERY, KEYS, Kind};
use super::service::{Service, Transaction};
use super::write::{exists, unsupported};

/// Where a link of an entity leads; other links cannot be written.
pub(super) fn target(from: &Kind, nav: &str) -> Result<&'static Kind, ApiError> {
    match (from.set, nav) {
        ("Assets", "ContentKeys") => Ok(&KEYS),
        ("Assets", "DeliveryPolicies") => Ok(&DELIVERY),
        _ => Err(unsupported()),
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
    exists(service, from, key)?;
    exists(service, target, to)?;
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

/// Removes the link between two entities.
pub(super) fn unlink(
    service: Service<'_>,
    tx: &mut Transaction,
    (from, key): (&'static Kind, &str),
    nav: &'static str,
    to: &str,
) -> Result<(), ApiError> {
    let target = target(from, nav)?;
    exists(service, from, key)?;
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

/// Deletes a content key or delivery policy that no asset is linked to.
///
/// What the service did with one in use was never captured; every client unlinks first. It is refused here, because a
/// delivery policy that vanishes leaves its assets playing in the clear.
pub(super) fn delete_target(
    service: Service<'_>,
    tx: &mut Transaction,
    kind: &'static Kind,
    key: &str,
) -> Result<(), ApiError> {
    exists(service, kind, key)?;
    let nav = if kind.set == KEYS.set { "ContentKeys" } else { "DeliveryPolicies" };
    let mut state = service.state();
    if state.is_linked(nav, key) {
        return Err(ApiError::conflict(format!("The {} is linked to an asset.", kind.name)));
    }
    state.remove(kind, key, &mut tx.journal);
    Ok(())
}
