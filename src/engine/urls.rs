//! Pairs of URLs of which only the host name differs.

use std::collections::HashMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

use crate::claims::{FilesWanted, Order};
use crate::connect::{Endpoint, Pair};
use crate::engine::counts::Problem;
use crate::engine::delete::judge;
use crate::engine::expired::explained;
use crate::engine::options::Options;
use crate::engine::run::Run;
use crate::engine::verify::{judge_locators, rehearse};
use crate::engine::withdraw;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::library::{Library, every};
use crate::model::{Asset, AssetId, ContainerName, Locator, LocatorId, LocatorKind};
use crate::monitor::{AssetOutcome, Silent};
use crate::verdict::{Cause, Finding, Outcome};

/// Characters of a file name that stay as they are in a URL path (RFC 3986, unreserved).
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The number of assets that are read from the tables at once.
const PAGE: usize = 1_000;

/// The URLs of one manifest on both sides.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct UrlPair {
    /// The asset's name.
    pub asset: String,
    /// The locator of both URLs.
    pub locator_id: LocatorId,
    /// The source asset's container; `None`: the service does not report it (`x-ms-version` below 2.2).
    pub container: Option<ContainerName>,
    /// The expiry of the locator in the source.
    pub expires: Timestamp,
    /// The manifest in the source region; the root of the locator if the asset has no `.ism`.
    pub source_url: String,
    /// The same on the target; `None`: the locator is not mirrored.
    pub target_url: Option<String>,
    /// The reason why a run does not mirror it; `None`: it is mirrored, or the next run mirrors it.
    pub cause: Option<Cause>,
}

/// The playing locators of the source, and their counterparts on the target.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Urls {
    /// In order of asset name.
    pub pairs: Vec<UrlPair>,
    /// The reasons why the target does not publish what the source publishes, by asset.
    pub problems: Vec<Problem>,
    /// Findings that concern no single asset.
    pub findings: Vec<Finding>,
    /// The outcome of a run, without pending work: complete, partial or held.
    pub verdict: Outcome,
}

impl Urls {
    /// Is a locator missing on the target although no cause prevents a run from creating it?
    pub fn differ(&self) -> bool {
        self.pairs.iter().any(|pair| pair.target_url.is_none() && pair.cause.is_none())
    }
}

/// All live streaming locators of the source in scope. A locator is mirrored if it is live on our copy of its asset;
/// all others are judged as in a dry run. Assets whose locators are mirrored are not compared further, and need no
/// separate requests. Locators that play only on the target are not included; [`crate::engine::verify::verify`] reports
/// those.
///
/// # Errors
/// A library without locators, a scope without assets, refused credentials, a library that cannot be listed.
pub async fn urls(pair: &Arc<Pair>, ledger: &Ledger, options: &Options) -> Result<Urls, Error> {
    for library in [&pair.source.library, &pair.target.library] {
        if !library.capabilities().locators {
            return Err(Error::NoLocators { account: library.account().clone() });
        }
    }
    list(pair, ledger, options).await.map_err(|error| explained(error, pair))
}

async fn list(pair: &Arc<Pair>, ledger: &Ledger, options: &Options) -> Result<Urls, Error> {
    let (run, source, target, manifests) = futures::try_join!(
        rehearse(pair, ledger, options, &Silent, FilesWanted::None),
        streaming(pair.source.library.as_ref()),
        streaming(pair.target.library.as_ref()),
        manifests(pair.source.library.as_ref()),
    )?;
    withdraw::withdraw(&run).await?;
    let now = run.service_time();
    let live = |locators: Vec<Locator>| locators.into_iter().filter(move |locator| locator.expiry > now);
    let mut by_asset: HashMap<AssetId, Vec<Locator>> = HashMap::new();
    for locator in live(source) {
        by_asset.entry(locator.asset.clone()).or_default().push(locator);
    }
    let mirrored = live(target).map(|locator| (locator.id.clone(), locator)).collect();
    let mut all = Listing { pair, manifests, by_asset, mirrored, pairs: Vec::new() };
    all.pair_up(&run).await?;
    judge::judge(&run, true).await;
    if let Some(fatal) = run.fatal() {
        return Err(fatal);
    }
    let (mut pairs, tally) = (all.pairs, run.take_tally());
    pairs.sort_by(|a, b| (&a.asset, &a.locator_id).cmp(&(&b.asset, &b.locator_id)));
    let verdict = tally.verdict();
    let mut problems = tally.problems;
    problems.sort_by(|a, b| (&a.name, &a.asset).cmp(&(&b.name, &b.asset)));
    Ok(Urls { pairs, problems, findings: tally.findings, verdict })
}

/// The listings, and the pairs made from them.
struct Listing<'a> {
    pair: &'a Pair,
    manifests: HashMap<AssetId, String>,
    /// The source's live locators.
    by_asset: HashMap<AssetId, Vec<Locator>>,
    /// The target's live locators.
    mirrored: HashMap<LocatorId, Locator>,
    pairs: Vec<UrlPair>,
}

impl Listing<'_> {
    async fn pair_up(&mut self, run: &Run) -> Result<(), Error> {
        let mut after = 0;
        loop {
            let page = run.claims.page(Order::Listed, after, PAGE)?;
            let Some((last, _)) = page.last().filter(|_| !run.stop.is_cancelled()) else { return Ok(()) };
            after = *last;
            let mut judged = stream::iter(page)
                .map(|(_, asset)| judge_locators(run, asset))
                .buffer_unordered(run.assets_at_once().max(1));
            while let Some((asset, answer)) = judged.try_next().await? {
                let outcome = match answer {
                    Ok(finding) => Some(run.finish(&asset, finding.map_or(AssetOutcome::Unchanged, AssetOutcome::Not))),
                    Err(error) => run.fail(&asset, error),
                };
                let cause = outcome.as_ref().and_then(AssetOutcome::finding).map(|finding| finding.cause);
                self.add(run, &asset, cause)?;
            }
        }
    }

    fn add(&mut self, run: &Run, asset: &Asset, cause: Option<Cause>) -> Result<(), Error> {
        let now = run.service_time();
        let copy = run.claims.copy_of(&asset.id)?;
        let manifest = self.manifests.get(&asset.id).map(String::as_str);
        for locator in self.by_asset.remove(&asset.id).unwrap_or_default() {
            let there = self.mirrored.get(&locator.id).filter(|there| Some(&there.asset) == copy.as_ref());
            // A locator that starts later than the source's does not play yet.
            let there = there.filter(|there| there.start <= locator.start.max(Some(now)));
            self.pairs.push(UrlPair {
                asset: asset.label().to_owned(),
                source_url: playable(&self.pair.source, &locator, manifest),
                target_url: there.map(|there| playable(&self.pair.target, there, manifest)),
                cause: cause.filter(|_| there.is_none()),
                container: asset.container.clone(),
                expires: locator.expiry,
                locator_id: locator.id,
            });
        }
        Ok(())
    }
}

/// The URL for a player: the locator's path, on the configured streaming host if there is one, and the manifest.
fn playable(side: &Endpoint, locator: &Locator, manifest: Option<&str>) -> String {
    match manifest {
        Some(name) => format!("{}/manifest", below(side, locator, name)),
        None => root(side, locator),
    }
}

/// The URL of a file of a locator.
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

async fn streaming(library: &dyn Library) -> Result<Vec<Locator>, Error> {
    let mut locators = every(library.locators(), |locator| locator.id.as_str()).await?;
    locators.retain(|locator| locator.kind == LocatorKind::Streaming);
    Ok(locators)
}

/// The server manifest of each asset: the primary `.ism`, or else the first one by name.
async fn manifests(library: &dyn Library) -> Result<HashMap<AssetId, String>, Error> {
    let mut best: HashMap<AssetId, (bool, String)> = HashMap::new();
    let mut pages = library.files(None);
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
