//! Reads the filters of dynamic packaging.
//!
//! The documents list the filters of the account as the set `Filters`, and those of an asset along its navigation
//! property `AssetFilters`. They create filters in the set `AssetFilters` and read one of it by its id, but do not
//! mention a list of that set. So the set is listed, and if the service refuses this, each asset is asked.

mod wire_format;

use std::collections::{HashMap, HashSet};

use futures::future::try_join_all;

use self::wire_format::Entry;
pub(super) use self::wire_format::entries;
use super::account::{AmsV2, WITH_FILTERS};
use super::listing::{Query, same_page, unreadable};
use super::odata::PAGE;
use super::protection::{QUERIES, nested};
use crate::error::{CallError, Error};
use crate::model::{AssetId, Filter};

/// The set of the filters of all assets, and the navigation property of one.
const OF_ASSETS: &str = "AssetFilters";
/// The statuses of a service that does not list the set. WCF Data Services answer 403 if a set must not be listed.
const NOT_LISTED: [u16; 5] = [400, 403, 404, 405, 501];

impl AmsV2 {
    pub(super) async fn list_account_filters(&self) -> Result<Vec<Filter>, Error> {
        if !self.speaks(WITH_FILTERS) {
            return Ok(Vec::new());
        }
        let found = self.filters_in(self.query("ListFilters", "list the filters", "Filters")).await?;
        Ok(found.into_iter().map(|(_, filter)| filter).collect())
    }

    pub(super) async fn list_asset_filters(&self) -> Result<Option<HashMap<AssetId, Vec<Filter>>>, Error> {
        let mut of_assets = HashMap::<AssetId, Vec<Filter>>::new();
        if !self.speaks(WITH_FILTERS) {
            return Ok(Some(of_assets));
        }
        match self.filters_in(self.query("ListAssetFilters", "list the filters of assets", OF_ASSETS)).await {
            Ok(found) => {
                for (asset, filter) in found {
                    if let Some(asset) = asset {
                        of_assets.entry(asset).or_default().push(filter);
                    }
                }
                Ok(Some(of_assets))
            }
            Err(error) if error.failure.status().is_some_and(|status| NOT_LISTED.contains(&status)) => {
                tracing::info!(%error, "the service does not list the filters of all assets; each asset is asked");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn list_filters_of(&self, assets: &[AssetId]) -> Result<Vec<Vec<Filter>>, Error> {
        if !self.speaks(WITH_FILTERS) {
            return Ok(vec![Vec::new(); assets.len()]);
        }
        let groups = try_join_all(assets.chunks(QUERIES).map(|group| self.filters_of_group(group))).await?;
        Ok(groups.into_iter().flatten().collect())
    }

    async fn filters_of_group(&self, group: &[AssetId]) -> Result<Vec<Vec<Filter>>, CallError> {
        const READ: &str = "read the filters of asset";
        let paths: Vec<String> = group.iter().map(|asset| nested(asset, OF_ASSETS)).collect();
        // For one asset, a batch saves nothing.
        let answers = if paths.len() == 1 { vec![None] } else { self.ask_together(&paths, READ, entries).await? };
        let single = group.iter().zip(paths).zip(answers).map(|((asset, path), answer)| async move {
            let (operation, attempted, subject) = ("ListAssetFilters", READ, asset.to_string());
            let query = Query { operation, attempted, subject, path, filter: None };
            // An answer that the batch does not have is requested separately, with its own retries and errors.
            let found = match answer.filter(|found| found.len() < PAGE) {
                Some(found) => converted(&query, found)?,
                None => self.filters_in(query).await?,
            };
            Ok(found.into_iter().map(|(_, filter)| filter).collect())
        });
        try_join_all(single).await
    }

    /// All filters of a query, each once, with their assets.
    async fn filters_in(&self, query: Query) -> Result<Vec<(Option<AssetId>, Filter)>, CallError> {
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        for page in 0.. {
            let entries = self.wire().read(query.call(), &query.page(page), entries).await?;
            let (is_last, before) = (entries.len() < PAGE, found.len());
            found.extend(entries.into_iter().filter(|entry| seen.insert(entry.key())));
            if is_last {
                break;
            }
            if found.len() == before {
                return Err(unreadable(&query, same_page()));
            }
        }
        converted(&query, found)
    }
}

fn converted(query: &Query, found: Vec<Entry>) -> Result<Vec<(Option<AssetId>, Filter)>, CallError> {
    let filters = found.into_iter().map(|entry| Ok((entry.asset(), entry.filter()?)));
    filters.collect::<Result<_, _>>().map_err(|failure| unreadable(query, failure))
}
