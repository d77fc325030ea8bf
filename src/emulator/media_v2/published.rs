//! A streaming locator for the streaming host: its asset, its times, its protection and its filters.

use std::collections::BTreeMap;

use super::asset_container::place;
use super::delivery::Protection;
use super::filters;
use super::locators::ON_DEMAND;
use crate::emulator::media_account::MediaAccount;
use crate::emulator::media_account::dates::Moment;
use crate::emulator::media_account::schema::{ASSETS, LOCATORS};

/// A streaming locator for the streaming host.
#[derive(Debug, Clone)]
pub(crate) struct PublishedLocator {
    /// Storage account that holds the asset.
    pub(crate) storage_account: String,
    /// The asset's container.
    pub(crate) container: String,
    /// Not served before; `None` = at once.
    pub(crate) start: Option<jiff::Timestamp>,
    /// Not served after.
    pub(crate) expiry: jiff::Timestamp,
    /// How its asset may be delivered.
    pub(crate) protection: Protection,
    /// The filters that its URLs can name, and their rules.
    pub(crate) filters: BTreeMap<String, String>,
}

/// The on-demand locator of that guid (lower case, no prefix), also if it is not valid now.
pub(crate) fn published(account: &MediaAccount, guid: &str) -> Option<PublishedLocator> {
    let state = account.lock();
    let locator = state.get(&LOCATORS, &LOCATORS.id_of(guid))?;
    if locator.int("Type") != ON_DEMAND {
        return None;
    }
    let asset = state.get(&ASSETS, locator.text("AssetId"))?;
    let (storage_account, container) = place(asset);
    Some(PublishedLocator {
        storage_account,
        container,
        start: locator.date("StartTime").map(Moment::timestamp),
        expiry: locator.date("ExpirationDateTime")?.timestamp(),
        protection: Protection::of(&state, asset.key()),
        filters: filters::usable(&state, asset.key()),
    })
}
