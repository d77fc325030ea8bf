//! Azure Media Services v2: the OData API behind `media.windows.net` and `restv2` endpoints.
//!
//! Every request uses the lane's caller and a cached token, and is sent only to configured hosts. A request that may
//! have taken effect is sent again only after checking this.

mod access;
mod account;
mod assets;
mod batch;
mod bulk;
mod calls;
mod container;
mod costs;
mod create;
mod creation;
mod diff;
mod entities;
mod errors;
mod exchange;
mod files;
mod filters;
mod front_door;
#[cfg(test)]
mod fuzz;
mod jobs;
mod known_policies;
mod listing;
mod locators;
mod odata;
mod policies;
mod processors;
mod protect;
mod protection;
mod wire;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

pub use self::account::AmsV2;
use self::account::{LOCATORS_OF_AN_ASSET, WITH_FILTERS, WITH_STREAMING_ENDPOINTS};
use super::authoring::{AccessPolicy, Authoring, Job, JobTask, NewJob, Processor};
use super::{Batches, Capabilities, Cost, FileSet, Library, Pages, RecordBatch};
use crate::error::Error;
use crate::model::{
    AccountName, Asset, AssetChange, AssetFile, AssetId, ContainerName, Filter, FilterChange, JobId, Locator,
    LocatorId, NewAsset, Protection, StreamingHost,
};
use crate::redact::SafeUrl;

/// The prefix of an asset's id.
const ASSET_ID: &str = "nb:cid:";
/// The most characters of an alternate id (REST reference, Asset entity).
const ALTERNATE_ID_LENGTH: usize = 4_000;
/// An id that no asset has.
const NO_ASSET: &str = "nb:cid:UUID:00000000-0000-0000-0000-000000000000";

#[async_trait]
impl Library for AmsV2 {
    fn account(&self) -> &AccountName {
        &self.0.account
    }

    fn asset_ids(&self, text: &str) -> Vec<AssetId> {
        entities::asset_ids(text)
    }

    fn locator_ids(&self, text: &str) -> Vec<LocatorId> {
        entities::locator_ids(text)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            tokens: true,
            locators: true,
            streaming_hosts: self.speaks(WITH_STREAMING_ENDPOINTS),
            filters: self.speaks(WITH_FILTERS),
            block_blobs_only: true,
            mark_length: ALTERNATE_ID_LENGTH,
            locators_of_an_asset: LOCATORS_OF_AN_ASSET,
        }
    }

    async fn check_access(&self) -> Result<(), Error> {
        self.find_asset(&AssetId::new(NO_ASSET)).await.map(drop)
    }

    fn assets(&self) -> Pages<'_, Asset> {
        let query = self.query("ListAssets", "list the assets", "Assets");
        listing::pages(Arc::clone(self.wire()), query, |row| entities::asset(row).map(Some))
    }

    fn locators(&self) -> Pages<'_, Locator> {
        let query = self.query("ListLocators", "list the locators", "Locators");
        listing::pages(Arc::clone(self.wire()), query, entities::locator)
    }

    fn files(&self, changed_since: Option<Timestamp>) -> Pages<'_, AssetFile> {
        let mut query = self.query("ListFiles", "list the file records", "Files");
        query.filter = changed_since.map(|since| format!("LastModified gt {}", odata::date_literal(since)));
        listing::pages(Arc::clone(self.wire()), query, |row| entities::file(row).map(|row| Some(row.file)))
    }

    async fn files_of(&self, assets: &[AssetId]) -> Result<Vec<Vec<AssetFile>>, Error> {
        let rows = self.file_rows(assets).await?;
        Ok(rows.into_iter().map(|rows| rows.into_iter().map(|row| row.file).collect()).collect())
    }

    async fn asset(&self, id: &AssetId) -> Result<Option<Asset>, Error> {
        self.find_asset(id).await
    }

    async fn assets_by_mark(&self, prefix: &str) -> Result<Vec<Asset>, Error> {
        self.find_by_mark(prefix).await
    }

    async fn assets_by_marks(&self, prefixes: &[String]) -> Result<Vec<Vec<Asset>>, Error> {
        self.find_by_marks(prefixes).await
    }

    async fn assets_by_alternate_id(&self, alternate_id: &str) -> Result<Vec<Asset>, Error> {
        self.find_by_alternate_id(alternate_id).await
    }

    async fn create_asset(&self, asset: &NewAsset) -> Result<Asset, Error> {
        self.make_asset(asset).await
    }

    async fn update_asset(&self, id: &AssetId, change: &AssetChange) -> Result<(), Error> {
        self.merge_asset(id, change).await
    }

    async fn delete_asset(&self, id: &AssetId) -> Result<(), Error> {
        self.remove_asset(id).await
    }

    async fn container(&self, asset: &AssetId) -> Result<Option<ContainerName>, Error> {
        self.find_container(asset).await
    }

    async fn default_storage(&self) -> Result<Option<AccountName>, Error> {
        self.find_default_storage().await
    }

    async fn register_files(&self, sets: &[FileSet]) -> Vec<Result<(), Error>> {
        self.register(sets).await
    }

    async fn publish(&self, locators: &[Locator]) -> Vec<Result<Locator, Error>> {
        self.publish_all(locators).await
    }

    fn batches(&self) -> Batches {
        costs::BATCHES
    }

    fn creation_cost(&self) -> Cost {
        Cost::media(1)
    }

    fn records_cost(&self, batch: &RecordBatch) -> Cost {
        costs::records(batch)
    }

    fn locators_cost(&self, locators: u64) -> Cost {
        costs::locators(locators)
    }

    fn locator_update_cost(&self) -> Cost {
        Cost::media(2)
    }

    fn takes_file_name(&self, name: &str) -> bool {
        files::may_be_posted(name)
    }

    async fn policies_to_make(&self, locators: &[Locator]) -> Result<u64, Error> {
        self.policies_lacking(locators).await
    }

    async fn update_locator(&self, locator: &Locator) -> Result<(), Error> {
        self.merge_locator(locator).await
    }

    async fn delete_locator(&self, id: &LocatorId) -> Result<(), Error> {
        self.remove_locator(id).await
    }

    async fn remove_locators(&self, ids: &[LocatorId]) -> Vec<Result<(), Error>> {
        self.remove_all_locators(ids).await
    }

    async fn locator(&self, id: &LocatorId) -> Result<Option<Locator>, Error> {
        self.find_locator(id).await
    }

    async fn locators_of(&self, ids: &[LocatorId]) -> Result<Vec<Option<Locator>>, Error> {
        self.find_locators(ids).await
    }

    async fn has_protection(&self) -> Result<bool, Error> {
        self.find_any_protection().await
    }

    async fn protection_of(&self, assets: &[AssetId]) -> Vec<Result<Protection, Error>> {
        self.find_protection(assets).await
    }

    async fn account_filters(&self) -> Result<Vec<Filter>, Error> {
        self.list_account_filters().await
    }

    async fn asset_filters(&self) -> Result<Option<HashMap<AssetId, Vec<Filter>>>, Error> {
        self.list_asset_filters().await
    }

    async fn filters_of(&self, assets: &[AssetId]) -> Result<Vec<Vec<Filter>>, Error> {
        self.list_filters_of(assets).await
    }

    async fn change_filters(&self, asset: Option<&AssetId>, changes: &[FilterChange]) -> Result<(), Error> {
        Ok(self.write_filters(asset, changes).await?)
    }

    async fn locators_of_asset(&self, asset: &AssetId) -> Result<Vec<Locator>, Error> {
        self.locators_of_asset(asset).await
    }

    async fn our_policies(&self) -> Result<HashSet<String>, Error> {
        self.ids_of_our_policies().await
    }

    fn clock_skew(&self) -> Option<SignedDuration> {
        self.wire().clock_skew()
    }

    async fn streaming_hosts(&self) -> Result<Vec<StreamingHost>, Error> {
        self.find_streaming_hosts().await
    }
}

#[async_trait]
impl Authoring for AmsV2 {
    fn is_asset_id(&self, text: &str) -> bool {
        text.to_ascii_lowercase().starts_with(ASSET_ID)
    }

    async fn assets_named(&self, name: &str) -> Result<Vec<Asset>, Error> {
        self.assets_named(name).await
    }

    async fn set_primary(&self, asset: &AssetId, name: &str) -> Result<(), Error> {
        self.set_primary(asset, name).await
    }

    async fn create_read_sas(
        &self,
        asset: &AssetId,
        id: &LocatorId,
        start: Timestamp,
        minutes: u32,
    ) -> Result<SafeUrl, Error> {
        self.create_read_sas(asset, id, start, minutes).await
    }

    async fn access_policies(&self) -> Result<Vec<AccessPolicy>, Error> {
        self.access_policies().await
    }

    async fn policies_of_locators(&self) -> Result<Vec<String>, Error> {
        self.policies_of_locators().await
    }

    async fn delete_access_policy(&self, id: &str) -> Result<(), Error> {
        self.delete_access_policy(id).await
    }

    async fn processors(&self) -> Result<Vec<Processor>, Error> {
        self.processors().await
    }

    async fn newest_processor(&self, name: &str) -> Result<Processor, Error> {
        self.newest_processor(name).await
    }

    async fn create_job(&self, wanted: &NewJob) -> Result<Job, Error> {
        self.create_job(wanted).await
    }

    async fn jobs(&self) -> Result<Vec<Job>, Error> {
        self.jobs().await
    }

    async fn job(&self, id: &JobId) -> Result<Option<Job>, Error> {
        self.job(id).await
    }

    async fn tasks_of(&self, id: &JobId) -> Result<Vec<JobTask>, Error> {
        self.tasks_of(id).await
    }

    async fn outputs_of(&self, id: &JobId) -> Result<Vec<Asset>, Error> {
        self.outputs_of(id).await
    }

    async fn cancel_job(&self, id: &JobId) -> Result<(), Error> {
        self.cancel_job(id).await
    }

    async fn delete_job(&self, id: &JobId) -> Result<(), Error> {
        self.delete_job(id).await
    }
}

#[cfg(test)]
mod tests;
