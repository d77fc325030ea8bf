//! The container of an asset. Versions below 2.2 report it only in the path of a SAS locator, so a temporary one is
//! made.

use serde_json::json;

use super::account::{AmsV2, WITH_URI};
use super::assets::unreadable;
use super::calls::{call, safe};
use super::create::create_once;
use super::entities;
use super::odata::{self, Row};
use super::wire::Ask;
use crate::error::{Error, Failure};
use crate::model::{AccountName, AssetId, ContainerName};
use crate::retry::Idempotency;
use crate::verdict::Cause;

/// How long the temporary locator is valid if it cannot be removed.
const TEMPORARY_MINUTES: u32 = 60;
/// The API's number of a SAS locator.
const SAS: u8 = 1;

impl AmsV2 {
    pub(super) async fn find_container(&self, asset: &AssetId) -> Result<Option<ContainerName>, Error> {
        let Some(found) = self.find_asset(asset).await? else { return Ok(None) };
        if let Some(container) = found.container {
            return Ok(Some(container));
        }
        // In a separate task, so that the locator is removed even if the caller is cancelled.
        let (this, asset) = (self.clone(), asset.clone());
        let subject = asset.to_string();
        let task = tokio::spawn(async move { this.container_by_locator(&asset).await });
        let found = task.await.unwrap_or_else(|error| {
            let failure = Failure::Unexpected(error.to_string());
            Err(unreadable("find the container of asset", &subject, failure).into())
        });
        found.map(Some)
    }

    /// The account's default storage account, if the version reports it.
    pub(super) async fn find_default_storage(&self) -> Result<Option<AccountName>, Error> {
        if !self.speaks(WITH_URI) {
            return Ok(None);
        }
        let call = safe("ListStorageAccounts", "list the storage accounts of account", self.0.account.as_str());
        // A media account has few of them: one page. They have names instead of ids.
        let rows = self.wire().rows(call, &Ask::get("StorageAccounts")).await?;
        let default = rows.iter().find(|row| row.truth("IsDefault")).and_then(|row| row.words("Name"));
        Ok(default.map(|name| AccountName::new(name.to_ascii_lowercase())))
    }

    async fn container_by_locator(&self, asset: &AssetId) -> Result<ContainerName, Error> {
        let policy = self.read_policy(TEMPORARY_MINUTES).await?;
        // The id is ours, so that the locator can be removed even if the result of its creation is unknown.
        let id = format!("{}{}", entities::LOCATOR_PREFIX, uuid::Uuid::new_v4());
        let path = self.temporary_path(asset, &id, &policy).await;
        let ask = Ask::delete(odata::entity("Locators", &id));
        match self.wire().act(safe("DeleteLocator", "remove the temporary locator of", asset.as_str()), &ask).await {
            Ok(()) => {}
            Err(error) if error.failure.is_absent() => {}
            Err(error) => tracing::warn!(%error, "a temporary read locator is left behind; it ends within the hour"),
        }
        let path = path?;
        entities::container(&path).ok_or_else(|| {
            let failure = Failure::Unexpected("a SAS locator whose path names no container".to_owned());
            unreadable("find the container of asset", asset.as_str(), failure).into()
        })
    }

    async fn temporary_path(&self, asset: &AssetId, id: &str, policy: &str) -> Result<String, Error> {
        let body = json!({"Id": id, "AssetId": asset.as_str(), "AccessPolicyId": policy, "Type": SAS});
        let attempted = "make a temporary locator of";
        let path_of = |row: &Row| {
            row.words("Path").map(str::to_owned).ok_or_else(|| {
                let failure = Failure::Unexpected("a SAS locator without a path".to_owned());
                unreadable(attempted, asset.as_str(), failure).into()
            })
        };
        let create = || async {
            let call = call("CreateLocator", attempted, asset.as_str(), Idempotency::LookFirst);
            match self.wire().row(call, &Ask::post("Locators", body.clone())).await {
                Ok(row) => path_of(&row),
                // The asset already has five locators, or no container. This affects only this asset.
                Err(error) if error.failure.status() == Some(409) => {
                    let reason = format!(
                        "an api_version below 2.2 does not name its container, and a temporary locator to find it is \
                         refused ({}); use a newer one",
                        error.failure
                    );
                    Err(Error::found(asset.to_string(), Cause::NotSupported, reason))
                }
                Err(error) => Err(error.into()),
            }
        };
        let look = || async {
            let ask = Ask::get(odata::entity("Locators", id));
            let row = self.wire().find(safe("GetLocator", attempted, asset.as_str()), &ask).await?;
            row.as_ref().map(path_of).transpose()
        };
        create_once(self.wire().caller(), create, look).await
    }
}
