//! The read-only comparison of both libraries.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::Options;
use super::catalog::{Catalog, FilesWanted, TargetAsset};
use super::compare;
use super::contents::{Contents, side_by_side};
use super::empty::nothing_behind;
use super::expired::explained;
use super::place::{container_of, is_missing_container, place_of, storage};
use super::plan::{self, Decision};
use crate::clock;
use crate::connect::Pair;
use crate::error::Error;
use crate::model::{Asset, AssetFile, AssetId};
use crate::monitor::Monitor;

/// Assets by how they compare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct VerifyCounts {
    /// Equal on both sides.
    pub same: u64,
    /// On both sides, and different.
    pub different: u64,
    /// Not on the target.
    pub missing: u64,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Source id.
    pub asset: AssetId,
    /// Name to show.
    pub name: String,
    /// What it is about: `asset`, or a blob, a file record, a locator by name.
    pub item: String,
    /// What differs, such as `missing on the target` or `length 5 instead of 7`.
    pub what: String,
}

/// The result of a comparison.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verification {
    /// Assets.
    pub assets: VerifyCounts,
    /// Every difference, in order of asset name.
    pub differences: Vec<Difference>,
}

/// Compares every asset in scope: blobs, file records, streaming locators. Changes nothing.
///
/// Out of scope are assets that cannot be mirrored (storage-encrypted, without a container) and expired locators. What
/// the target has beyond the source is no difference, but for a locator that is published there alone.
pub async fn verify(pair: &Pair, options: &Options, monitor: &dyn Monitor) -> Result<Verification, Error> {
    compare_all(pair, options, monitor).await.map_err(|error| explained(error, pair))
}

async fn compare_all(pair: &Pair, options: &Options, monitor: &dyn Monitor) -> Result<Verification, Error> {
    let catalog = Catalog::read(pair, monitor, FilesWanted::BothSides).await?;
    let mut verdicts: Vec<Verdict> = Vec::new();
    let mut pages = pair.source.media.assets();
    while let Some(page) = pages.try_next().await? {
        let some: Vec<Option<Verdict>> = stream::iter(page.into_iter().filter(|asset| options.covers(asset)))
            .map(|asset| compare_asset(pair, &catalog, asset))
            .buffer_unordered(options.assets_in_flight.max(1))
            .try_collect()
            .await?;
        verdicts.extend(some.into_iter().flatten());
    }
    Ok(Verification::from(verdicts))
}

/// How one asset compares.
struct Verdict {
    missing: bool,
    differences: Vec<Difference>,
}

impl From<Vec<Verdict>> for Verification {
    fn from(verdicts: Vec<Verdict>) -> Self {
        let mut all = Self::default();
        for verdict in verdicts {
            match (verdict.missing, verdict.differences.is_empty()) {
                (true, _) => all.assets.missing += 1,
                (false, true) => all.assets.same += 1,
                (false, false) => all.assets.different += 1,
            }
            all.differences.extend(verdict.differences);
        }
        all.differences.sort_by(|a, b| (&a.name, &a.asset, &a.item).cmp(&(&b.name, &b.asset, &b.item)));
        all
    }
}

/// Compares one asset. `None` = it is out of scope.
async fn compare_asset(pair: &Pair, catalog: &Catalog, asset: Asset) -> Result<Option<Verdict>, Error> {
    let difference = |item: &str, what: String| Difference {
        asset: asset.id.clone(),
        name: asset.label().to_owned(),
        item: item.to_owned(),
        what,
    };
    let work = match plan::decide(asset.clone(), catalog, None, clock::now()) {
        Decision::Skip(_) => return Ok(None),
        Decision::Conflict(what) => {
            return Ok(Some(Verdict { missing: true, differences: vec![difference("asset", what.to_string())] }));
        }
        Decision::Mirror(work) => work,
    };
    let source = match source_blobs(pair, &asset).await {
        Ok(Some(source)) => source,
        Ok(None) | Err(Error::Found { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    if nothing_behind(pair, &asset, &source).await?.is_some() {
        return Ok(None);
    }
    let Some(target) = work.target.as_ref().or(work.foreign.as_ref()) else {
        let what = "missing on the target".to_owned();
        return Ok(Some(Verdict { missing: true, differences: vec![difference("asset", what)] }));
    };
    let mut differences = match target_blobs(pair, target).await {
        Err(Error::Found { finding, .. }) => vec![difference("asset", finding.to_string())],
        Err(error) => return Err(error),
        Ok(None) => vec![difference("asset", "its container is missing on the target".to_owned())],
        Ok(Some(there)) => {
            let faults = side_by_side(&source, &there).try_filter_map(|(blob, copy)| {
                let fault = compare::fault(&blob, copy.as_deref()).map(|what| difference(&blob.name, what));
                async move { Ok(fault) }
            });
            faults.try_collect().await?
        }
    };
    if !catalog.same_files(&asset.id, &target.id) {
        let files = file_differences(pair, &asset.id, &target.id).await?;
        differences.extend(files.into_iter().map(|(item, what)| difference(&item, what)));
    }
    let locators = work.missing.iter().map(|locator| (locator, "the locator is missing on the target"));
    let outdated = work.outdated.iter().map(|locator| (locator, "the locator has another name, start or expiry"));
    differences
        .extend(locators.chain(outdated).map(|(locator, what)| difference(locator.id.as_str(), what.to_owned())));
    differences.extend(work.taken.iter().map(|what| difference("locator", what.clone())));
    differences.extend(
        catalog
            .published_on_target_alone(&asset.id, &target.id)
            .iter()
            .map(|id| difference(id.as_str(), "the locator is published on the target alone".to_owned())),
    );
    Ok(Some(Verdict { missing: false, differences }))
}

/// The source's blobs; `None` where its container does not exist.
async fn source_blobs<'a>(pair: &'a Pair, asset: &Asset) -> Result<Option<Contents<'a>>, Error> {
    let account = storage(&pair.source, asset.storage_account.as_ref(), asset, "source")?;
    let container = container_of(&pair.source, asset.container.as_ref(), &asset.id).await?;
    unless_missing(Contents::list(account, container).await)
}

/// The target's blobs; `None` where its container does not exist.
async fn target_blobs<'a>(pair: &'a Pair, target: &TargetAsset) -> Result<Option<Contents<'a>>, Error> {
    let (account, container) = place_of(&pair.target, target).await?;
    unless_missing(Contents::list(account, container).await)
}

fn unless_missing(listed: Result<Contents<'_>, Error>) -> Result<Option<Contents<'_>>, Error> {
    match listed {
        Ok(blobs) => Ok(Some(blobs)),
        Err(error) if is_missing_container(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What differs between the file records of both sides, by file name.
pub(super) async fn file_differences(
    pair: &Pair,
    source: &AssetId,
    target: &AssetId,
) -> Result<Vec<(String, String)>, Error> {
    let wanted = pair.source.media.files_of(std::slice::from_ref(source)).await?.concat();
    let there = pair.target.media.files_of(std::slice::from_ref(target)).await?.concat();
    let there: HashMap<&str, &AssetFile> = there.iter().map(|file| (file.name.as_str(), file)).collect();
    Ok(wanted
        .iter()
        .filter_map(|file| {
            let what = match there.get(file.name.as_str()) {
                None => "the file record is missing on the target",
                Some(copy) if copy.size != file.size => "the file record has another size",
                Some(copy) if copy.mime_type != file.mime_type => "the file record has another MIME type",
                Some(copy) if copy.primary != file.primary => "the file record differs in being the primary one",
                Some(_) => return None,
            };
            Some((file.name.clone(), what.to_owned()))
        })
        .collect())
}
