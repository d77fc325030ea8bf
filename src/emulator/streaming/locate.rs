//! Finds the locator of a GUID in a path and the storage that it publishes, if it is served now.

use std::sync::Arc;

use jiff::Timestamp;

use super::refusal::Refusal;
use super::target::Target;
use crate::emulator::media_v2::{self, Delivery, Protocol, PublishedLocator};
use crate::emulator::storage_account::StorageAccount;
use crate::emulator::world::World;

/// The documented limit of a URL.
const MOST_FILTERS: usize = 3;

pub(super) fn running(world: &World, region: usize) -> Result<(), Refusal> {
    if world.regions[region].media.endpoint_running() { Ok(()) } else { Err(Refusal::Stopped) }
}

/// The locator of a guid, if it is served now, and the storage account of its asset.
pub(super) fn locate<'w>(
    world: &'w World,
    region: usize,
    guid: &str,
) -> Result<(PublishedLocator, &'w Arc<StorageAccount>), Refusal> {
    running(world, region)?;
    let locator =
        media_v2::published(&world.regions[region].media, guid).ok_or_else(|| Refusal::NoLocator(guid.to_owned()))?;
    in_time(locator.start, locator.expiry, world.clock.timestamp())?;
    match world.storage(&locator.storage_account) {
        Some(storage) => Ok((locator, storage)),
        None => Err(Refusal::NoStorage(locator.storage_account)),
    }
}

/// How an asset is delivered in a protocol, unless its delivery policies forbid it.
pub(super) fn allowed(locator: &PublishedLocator, protocol: Protocol) -> Result<Delivery, Refusal> {
    match locator.protection.delivery(protocol) {
        Delivery::Refused(reason) => Err(Refusal::Protected(protocol, reason)),
        delivery => Ok(delivery),
    }
}

/// Refuses a URL with a filter that neither the asset nor the account has. What a filter selects is not implemented: the
/// manifest is the same with and without it.
pub(super) fn filtered(locator: &PublishedLocator, target: &Target) -> Result<(), Refusal> {
    if target.filters.len() > MOST_FILTERS {
        return Err(Refusal::TooManyFilters(MOST_FILTERS));
    }
    let missing = target.filters.iter().find(|name| !locator.filters.contains_key(*name));
    missing.map_or(Ok(()), |name| Err(Refusal::NoFilter(name.clone())))
}

/// Refuses a time before the start of a locator, or at or after its expiry.
pub(super) fn in_time(start: Option<Timestamp>, expiry: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    if let Some(start) = start.filter(|start| now < *start) {
        return Err(Refusal::NotYet(start));
    }
    if now >= expiry { Err(Refusal::Expired(expiry)) } else { Ok(()) }
}
