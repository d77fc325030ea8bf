//! Reads and writes the filters of dynamic packaging.
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
use super::calls::safe;
use super::listing::{Query, same_page, unreadable};
use super::odata::{self, PAGE};
use super::protection::{QUERIES, nested};
use super::wire::{Ask, Content, Verb};
use crate::error::{CallError, Error};
use crate::model::{AssetId, Filter, FilterChange};

/// The set of the filters of the account.
const OF_ACCOUNT: &str = "Filters";
/// The set of the filters of all assets, and the navigation property of one.
const OF_ASSETS: &str = "AssetFilters";
/// The statuses of a service that does not list the set. WCF Data Services answer 403 if a set must not be listed.
const NOT_LISTED: [u16; 5] = [400, 403, 404, 405, 501];

impl AmsV2 {
    pub(super) async fn list_account_filters(&self) -> Result<Vec<Filter>, Error> {
        if !self.speaks(WITH_FILTERS) {
            return Ok(Vec::new());
        }
        let found = self.filters_in(self.query("ListFilters", "list the filters", OF_ACCOUNT)).await?;
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
                    // Without its asset, a filter says nothing.
                    let Some(asset) = asset else { return Ok(None) };
                    of_assets.entry(asset).or_default().push(filter);
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

    pub(super) async fn write_filters(
        &self,
        asset: Option<&AssetId>,
        changes: &[FilterChange],
    ) -> Result<(), CallError> {
        let set = if asset.is_some() { OF_ASSETS } else { OF_ACCOUNT };
        for change in changes {
            match change {
                FilterChange::Create(filter) => self.create_filter(asset, filter).await?,
                FilterChange::Update { id, wanted } => self.update_filter(set, id, wanted).await?,
                FilterChange::Delete(filter) => {
                    let ask = Ask::delete(odata::entity(set, &filter.id));
                    match self.wire().act(safe("DeleteFilter", "delete filter", &filter.id), &ask).await {
                        Err(error) if !error.failure.is_absent() => return Err(error),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// After a lost answer, or if the listing omits it, the filter exists already, and gets the rules.
    async fn create_filter(&self, asset: Option<&AssetId>, filter: &Filter) -> Result<(), CallError> {
        let mut entity = wire_format::rules(&filter.rules);
        entity.insert("Name".to_owned(), filter.name.as_str().into());
        entity.extend(asset.map(|asset| ("ParentAssetId".to_owned(), asset.as_str().into())));
        let set = if asset.is_some() { OF_ASSETS } else { OF_ACCOUNT };
        let ask = Ask { verb: Verb::Post, path: set.to_owned(), body: Content::LightJson(entity.into()) };
        match self.wire().act(safe("CreateFilter", "create filter", &filter.name), &ask).await {
            Err(error) if error.failure.status() == Some(409) => {
                let id = match asset {
                    Some(asset) => self.id_of_filter(asset, &filter.name).await?,
                    None => Some(filter.name.clone()),
                };
                match id {
                    Some(id) => self.update_filter(set, &id, filter).await,
                    None => Err(error),
                }
            }
            created => created,
        }
    }

    async fn update_filter(&self, set: &str, id: &str, wanted: &Filter) -> Result<(), CallError> {
        let rules = Content::LightJson(wire_format::rules(&wanted.rules).into());
        let ask = Ask { verb: Verb::Merge, path: odata::entity(set, id), body: rules };
        self.wire().act(safe("UpdateFilter", "change filter", id), &ask).await
    }

    async fn id_of_filter(&self, asset: &AssetId, name: &str) -> Result<Option<String>, CallError> {
        let filters = self.filters_of_group(std::slice::from_ref(asset)).await?.concat();
        Ok(filters.into_iter().find(|filter| filter.name == name).map(|filter| filter.id))
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
