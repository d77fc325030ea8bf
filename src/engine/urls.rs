//! The pairs of URLs that differ in the host alone.

use serde::Serialize;

use super::Options;
use crate::connect::Pair;
use crate::error::Error;
use crate::model::LocatorId;

/// One manifest, twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UrlPair {
    /// The asset's name.
    pub asset: String,
    /// The locator both URLs go through.
    pub locator_id: LocatorId,
    /// Manifest in the source region; the locator's root where the asset has no `.ism`.
    pub source_url: String,
    /// The same on the target; `None` where the locator is not mirrored.
    pub target_url: Option<String>,
}

/// All streaming locators of the source in scope, in order of asset name.
pub async fn urls(_pair: &Pair, _options: &Options) -> Result<Vec<UrlPair>, Error> {
    todo!("engine")
}
