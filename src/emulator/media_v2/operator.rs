//! Changes by an operator during a test: edits without a request, which are not subject to faults, limits or counters.
//! They follow the same rules as the API.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::assets::{self, SeedAsset};
use super::call::NEWEST;
use super::errors::ApiError;
use super::locators::NewLocator;
use super::look::AssetLook;
use super::service::Service;
use super::transaction::Transaction;
use super::{files, filters, links, locators, look, write};
use crate::emulator::media_account::schema::{ASSETS, ENDPOINTS, FILES, Kind, LOCATORS};
use crate::emulator::media_account::store::{Journal, Row};
use crate::emulator::media_account::value::Value;
use crate::emulator::world::World;

/// Why an edit failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OperatorError(String);

impl From<ApiError> for OperatorError {
    fn from(error: ApiError) -> Self {
        Self(error.message)
    }
}

/// One account, edited by its operator. Ids are written as the service writes them (`nb:cid:UUID:…`).
#[derive(Debug, Clone, Copy)]
pub struct Operator<'w> {
    service: Service<'w>,
}

type Outcome<T = ()> = Result<T, OperatorError>;

impl<'w> Operator<'w> {
    pub(crate) fn new(world: &'w World, region: usize) -> Self {
        Self { service: Service { world, index: region } }
    }

    /// Every asset of the account, in creation order, with its files, locators and protection.
    pub fn assets(&self) -> Vec<AssetLook> {
        look::assets(self.service)
    }

    /// Makes an asset with an empty container and returns its id.
    pub async fn add_asset(&self, name: &str) -> Outcome<String> {
        let seed = SeedAsset { name: Some(name.to_owned()), ..SeedAsset::default() };
        let made = assets::seed(self.service, seed).await;
        made.map(|(id, _)| id).map_err(|error| OperatorError(error.to_string()))
    }

    /// Renames an asset.
    pub fn rename_asset(&self, asset: &str, name: Option<&str>) -> Outcome {
        self.merge(&ASSETS, asset, "Name", name)
    }

    /// Changes the alternate id of an asset.
    pub fn set_alternate_id(&self, asset: &str, alternate_id: Option<&str>) -> Outcome {
        self.merge(&ASSETS, asset, "AlternateId", alternate_id)
    }

    /// Deletes an asset with its container, files and locators.
    pub async fn delete_asset(&self, asset: &str) -> Outcome {
        let id = key(&ASSETS, asset)?;
        let mut tx = Transaction::default();
        assets::delete(self.service, &mut tx, &id, false)?;
        tx.commit(self.service).await;
        Ok(())
    }

    /// Publishes an asset by a streaming locator and returns the locator's id.
    pub fn add_locator(&self, asset: &str, locator: &NewLocator) -> Outcome<String> {
        Ok(locators::add(self.service, &key(&ASSETS, asset)?, locator)?)
    }

    /// Deletes a locator.
    pub async fn remove_locator(&self, locator: &str) -> Outcome {
        let mut tx = Transaction::default();
        locators::delete(self.service, &mut tx, &key(&LOCATORS, locator)?)?;
        tx.commit(self.service).await;
        Ok(())
    }

    /// Deletes a streaming locator and creates it again on another asset, with the same id and terms.
    pub async fn move_locator(&self, locator: &str, asset: &str) -> Outcome {
        let look = self.assets().into_iter().flat_map(|asset| asset.locators).find(|look| look.id == locator);
        let missing = || OperatorError(ApiError::no_entity(LOCATORS.name).message);
        let look = look.filter(|look| look.streaming).ok_or_else(missing)?;
        let target = key(&ASSETS, asset)?;
        locators::room(&self.service.state(), &target)?;
        let again = NewLocator {
            guid: Some(look.guid),
            name: look.name,
            start: look.start,
            expiry: look.expiry.ok_or_else(missing)?,
        };
        self.remove_locator(locator).await?;
        self.add_locator(&target, &again).map(|_| ())
    }

    /// Renames a locator.
    pub fn set_locator_name(&self, locator: &str, name: Option<&str>) -> Outcome {
        self.merge(&LOCATORS, locator, "Name", name)
    }

    /// Changes the start of a locator and keeps its expiry.
    pub fn set_locator_start(&self, locator: &str, start: Option<Timestamp>) -> Outcome {
        let start = start.map_or(Value::Null, |at| Value::Date(at.into()));
        self.change(&LOCATORS, locator, |row| row.set("StartTime", start))
    }

    /// Changes the expiry of a locator.
    pub fn set_locator_expiry(&self, locator: &str, expiry: Timestamp) -> Outcome {
        self.merge(&LOCATORS, locator, "ExpirationDateTime", expiry.to_string())
    }

    /// Adds a file record and returns its id; its blob need not exist.
    pub fn add_file(&self, asset: &str, name: &str, size: u64) -> Outcome<String> {
        Ok(files::add(self.service, &key(&ASSETS, asset)?, name, size)?)
    }

    /// Deletes a file record; its blob is kept.
    pub fn remove_file(&self, file: &str) -> Outcome {
        let id = key(&FILES, file)?;
        let gone = self.service.state().remove(&FILES, &id, &mut Journal::default());
        gone.map(|_| ()).ok_or_else(|| ApiError::no_entity(FILES.name).into())
    }

    /// Changes the MIME type of a file record.
    pub fn set_mime_type(&self, file: &str, mime_type: Option<&str>) -> Outcome {
        self.merge(&FILES, file, "MimeType", mime_type)
    }

    /// Makes the file of that name the primary one of its asset; `None` = no file is primary.
    pub fn set_primary(&self, asset: &str, name: Option<&str>) -> Outcome {
        Ok(files::set_primary(self.service, &key(&ASSETS, asset)?, name)?)
    }

    /// Makes a content key of a type (0 common, 4 envelope, 6 common cbcs, …), links it to an asset and returns its id.
    pub fn link_content_key(&self, asset: &str, key_type: i32) -> Outcome<String> {
        Ok(links::add_key(self.service, &key(&ASSETS, asset)?, key_type, &new_guid())?)
    }

    /// Makes a delivery policy of a type (1 blocked, 2 no dynamic encryption, 3 envelope, 4 common, 5 common cbcs) for
    /// protocols (1 Smooth, 2 DASH, 4 HLS, 16 files, 65535 all, added up), links it to an asset and returns its id.
    pub fn link_delivery_policy(&self, asset: &str, policy_type: i32, protocols: i32) -> Outcome<String> {
        Ok(links::add_policy(self.service, &key(&ASSETS, asset)?, (policy_type, protocols), &new_guid())?)
    }

    /// Removes the link of an asset to a content key.
    pub fn unlink_content_key(&self, asset: &str, content_key: &str) -> Outcome {
        self.unlink(asset, "ContentKeys", content_key)
    }

    /// Removes the link of an asset to a delivery policy.
    pub fn unlink_delivery_policy(&self, asset: &str, policy: &str) -> Outcome {
        self.unlink(asset, "DeliveryPolicies", policy)
    }

    /// Makes or replaces a filter of an asset, or of the account if `asset` is `None`. `rules` are its properties as in
    /// the body of a request.
    pub fn set_filter(&self, asset: Option<&str>, name: &str, rules: &Json) -> Outcome {
        let asset = asset.map(|asset| key(&ASSETS, asset)).transpose()?;
        Ok(filters::put(self.service, asset.as_deref(), name, rules)?)
    }

    /// Deletes a filter of an asset, or of the account if `asset` is `None`.
    pub fn remove_filter(&self, asset: Option<&str>, name: &str) -> Outcome {
        let asset = asset.map(|asset| key(&ASSETS, asset)).transpose()?;
        Ok(filters::remove(self.service, asset.as_deref(), name)?)
    }

    /// The filters of an asset, or of the account if `asset` is `None`, with their rules.
    pub fn filters(&self, asset: Option<&str>) -> Outcome<BTreeMap<String, String>> {
        let asset = asset.map(|asset| key(&ASSETS, asset)).transpose()?;
        let state = self.service.state();
        Ok(asset.map_or_else(|| filters::of_account(&state), |asset| filters::of_asset(&state, &asset)))
    }

    /// Starts or stops the default streaming endpoint, immediately.
    pub fn set_streaming(&self, running: bool) -> Outcome {
        let endpoint = self.service.state().find(&ENDPOINTS, "Name", "default").next().map(|row| row.key().to_owned());
        let endpoint = endpoint.ok_or_else(|| ApiError::no_entity(ENDPOINTS.name))?;
        let state = if running { "Running" } else { "Stopped" };
        self.change(&ENDPOINTS, &endpoint, |row| row.set("State", Value::text(state)))
    }

    fn unlink(&self, asset: &str, nav: &'static str, to: &str) -> Outcome {
        let asset = key(&ASSETS, asset)?;
        Ok(links::unlink(self.service, &mut Transaction::default(), (&ASSETS, &asset), nav, to)?)
    }

    fn merge(&self, kind: &'static Kind, id: &str, property: &str, value: impl Into<Json>) -> Outcome {
        let id = key(kind, id)?;
        let body = [(property.to_owned(), value.into())].into_iter().collect();
        Ok(write::update(self.service, &mut Transaction::default(), (kind, &id), (body, NEWEST))?)
    }

    /// Changes properties that the API does not let a client change.
    fn change(&self, kind: &'static Kind, id: &str, change: impl FnOnce(&mut Row)) -> Outcome {
        let (id, now) = (key(kind, id)?, self.service.now());
        let changed = self.service.state().update(kind, &id, &mut Journal::default(), |row| {
            change(row);
            row.set("LastModified", Value::Date(now));
        });
        if changed { Ok(()) } else { Err(ApiError::no_entity(kind.name).into()) }
    }
}

fn key(kind: &Kind, id: &str) -> Outcome<String> {
    kind.canonical(id).ok_or_else(|| OperatorError(format!("Invalid {} Id '{id}'.", kind.name)))
}

fn new_guid() -> String {
    uuid::Uuid::new_v4().to_string()
}
