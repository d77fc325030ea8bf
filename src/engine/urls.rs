//! The pairs of URLs that differ in the host alone.

use std::collections::HashMap;

use futures::TryStreamExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use url::Url;

use super::Options;
use super::keeper::Keeper;
use crate::claims::{Claims, FilesWanted, Order};
use crate::clock;
use crate::connect::{Endpoint, Pair};
use crate::error::Error;
use crate::media::MediaService;
use crate::model::{Asset, AssetId, Locator, LocatorId, LocatorKind};
use crate::monitor::Silent;
use crate::verdict::{Cause, Finding};

/// Characters of a file name that stay as they are in a URL path (RFC 3986, unreserved).
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Assets that are read from the tables at once.
const PAGE: usize = 1_000;

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

/// Why nothing plays on the target, if that is so.
pub async fn target_silence(pair: &Pair) -> Result<Option<Finding>, Error> {
    if !pair.target.media.capabilities().streaming_hosts {
        return Ok(None);
    }
    let hosts = pair.target.media.streaming_hosts().await?;
    Ok((!hosts.iter().any(|host| host.running)).then(|| Cause::TargetNotStreaming.into()))
}

/// All live streaming locators of the source in scope, in order of asset name. One is mirrored if it is on our copy of its
/// asset.
pub async fn urls(pair: &Pair, options: &Options) -> Result<Vec<UrlPair>, Error> {
    let keeper = Keeper::open(pair, true).await?;
    let (covers, adopted) = (|asset: &Asset| options.covers(asset), keeper.adopted());
    let (claims, source, target, manifests) = futures::try_join!(
        Claims::read(pair, &Silent, FilesWanted::None, &covers, &adopted),
        streaming(pair.source.media.as_ref()),
        streaming(pair.target.media.as_ref()),
        manifests(pair.source.media.as_ref()),
    )?;
    let mirrored: HashMap<LocatorId, Locator> =
        target.into_iter().map(|locator| (locator.id.clone(), locator)).collect();
    let mut by_asset: HashMap<AssetId, Vec<Locator>> = HashMap::new();
    for locator in source.into_iter().filter(|locator| locator.expiry > clock::now()) {
        by_asset.entry(locator.asset.clone()).or_default().push(locator);
    }
    let mut pairs = Vec::new();
    let mut after = 0;
    loop {
        let page = claims.page(Order::Listed, after, PAGE)?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for (_, asset) in page {
            let copy = claims.copy_of(&asset.id)?;
            let on_copy = |locator: &&Locator| Some(&locator.asset) == copy.as_ref();
            let manifest = manifests.get(&asset.id).map(String::as_str);
            for locator in by_asset.remove(&asset.id).unwrap_or_default() {
                pairs.push(UrlPair {
                    asset: asset.label().to_owned(),
                    source_url: playable(&pair.source, &locator, manifest),
                    target_url: mirrored
                        .get(&locator.id)
                        .filter(on_copy)
                        .map(|copy| playable(&pair.target, copy, manifest)),
                    locator_id: locator.id,
                });
            }
        }
    }
    pairs.sort_by(|a, b| (&a.asset, &a.locator_id).cmp(&(&b.asset, &b.locator_id)));
    Ok(pairs)
}

/// The URL a player is given: the locator's path, on the configured streaming host if there is one, and the manifest.
fn playable(side: &Endpoint, locator: &Locator, manifest: Option<&str>) -> String {
    match manifest {
        Some(name) => format!("{}/manifest", below(side, locator, name)),
        None => root(side, locator),
    }
}

/// The URL of a file that a locator opens.
pub(crate) fn below(side: &Endpoint, locator: &Locator, file: &str) -> String {
    format!("{}{}", root(side, locator), utf8_percent_encode(file, PATH))
}

/// A locator's path, on the configured streaming host if there is one; it ends with a slash.
fn root(side: &Endpoint, locator: &Locator) -> String {
    let path = locator.path.clone().unwrap_or_default();
    match (&side.streaming_url, Url::parse(&path)) {
        (Some(host), Ok(path)) => format!("{}{}", host.as_str().trim_end_matches('/'), path.path()),
        _ => path,
    }
}

async fn streaming(media: &dyn MediaService) -> Result<Vec<Locator>, Error> {
    let mut locators = Vec::new();
    let mut pages = media.locators();
    while let Some(page) = pages.try_next().await? {
        locators.extend(page.into_iter().filter(|locator| locator.kind == LocatorKind::Streaming));
    }
    Ok(locators)
}

/// The server manifest of each asset: the primary `.ism`, or else the first one by name.
async fn manifests(media: &dyn MediaService) -> Result<HashMap<AssetId, String>, Error> {
    let mut best: HashMap<AssetId, (bool, String)> = HashMap::new();
    let mut pages = media.files(None);
    while let Some(page) = pages.try_next().await? {
        for file in page.into_iter().filter(|file| file.name.to_ascii_lowercase().ends_with(".ism")) {
            let candidate = (!file.primary, file.name);
            match best.entry(file.asset) {
                std::collections::hash_map::Entry::Vacant(entry) => drop(entry.insert(candidate)),
                std::collections::hash_map::Entry::Occupied(mut entry) => {
                    if candidate < *entry.get() {
                        entry.insert(candidate);
                    }
                }
            }
        }
    }
    Ok(best.into_iter().map(|(asset, (_, name))| (asset, name)).collect())
}
