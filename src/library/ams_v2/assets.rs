//! Assets, and the hosts from which they are streamed.

use serde_json::json;

use super::account::{AmsV2, WITH_STREAMING_ENDPOINTS, WITH_URI};
use super::calls::{call, safe};
use super::create::create_once;
use super::entities;
use super::listing::{self, Query};
use super::odata::{self, Row};
use super::wire::Ask;
use crate::error::{Asked, CallError, Error, Failure};
use crate::model::{Asset, AssetChange, AssetId, NewAsset, StreamingHost};
use crate::retry::{Idempotency, final_disposition};
use crate::verdict::Cause;

impl AmsV2 {
    pub(super) async fn find_asset(&self, id: &AssetId) -> Result<Option<Asset>, Error> {
        let ask = Ask::get(odata::entity("Assets", id.as_str()));
        let row = self.wire().find(safe("GetAsset", "read asset", id.as_str()), &ask).await?;
        row.map(|row| entities::asset(&row).map_err(|failure| unreadable("read asset", id.as_str(), failure)))
            .transpose()
            .map_err(Error::from)
    }

    pub(super) async fn find_by_alternate_id(&self, alternate_id: &str) -> Result<Vec<Asset>, Error> {
        let query = Query {
            operation: "ListAssets",
            attempted: "look for the copy of asset",
            subject: alternate_id.to_owned(),
            path: "Assets".to_owned(),
            filter: Some(format!("AlternateId eq {}", odata::literal(alternate_id))),
        };
        Ok(listing::all(self.wire(), query, |row| entities::asset(row).map(Some)).await?)
    }

    /// The assets with exactly that name.
    pub(super) async fn assets_named(&self, name: &str) -> Result<Vec<Asset>, Error> {
        let query = Query {
            operation: "ListAssets",
            attempted: "look for asset",
            subject: name.to_owned(),
            path: "Assets".to_owned(),
            filter: Some(format!("Name eq {}", odata::literal(name))),
        };
        Ok(listing::all(self.wire(), query, |row| entities::asset(row).map(Some)).await?)
    }

    /// The assets whose alternate id begins with that.
    pub(super) async fn find_by_mark(&self, prefix: &str) -> Result<Vec<Asset>, Error> {
        let query = Query {
            operation: "ListAssets",
            attempted: "look for assets marked",
            subject: prefix.to_owned(),
            path: "Assets".to_owned(),
            filter: Some(format!("startswith(AlternateId,{})", odata::literal(prefix))),
        };
        let mut found = match listing::all(self.wire(), query.clone(), |row| entities::asset(row).map(Some)).await {
            // The service does not have that function: all assets are read instead.
            Err(CallError { failure: Failure::Refused { status: 400 | 501, .. }, .. }) => {
                let all = Query { filter: None, ..query };
                listing::all(self.wire(), all, |row| entities::asset(row).map(Some)).await?
            }
            listed => listed?,
        };
        found.retain(|asset| has_prefix(asset, prefix));
        Ok(found)
    }

    /// The same for several prefixes, in one batch if the service accepts it.
    pub(super) async fn find_by_marks(&self, prefixes: &[String]) -> Result<Vec<Vec<Asset>>, Error> {
        let path = |prefix: &String| {
            let filter = format!("startswith(AlternateId,{})", odata::literal(prefix));
            format!("Assets?$filter={}", odata::escape(&filter))
        };
        let paths: Vec<String> = prefixes.iter().map(path).collect();
        let batched = match paths.len() {
            0 | 1 => vec![None; paths.len()],
            _ => self.query_together(&paths, "look for marked assets in a batch").await?,
        };
        let mut found = Vec::with_capacity(prefixes.len());
        for (prefix, rows) in prefixes.iter().zip(batched) {
            let assets = rows.and_then(|rows| rows.iter().map(entities::asset).collect::<Result<Vec<_>, _>>().ok());
            // A service can ignore the filter and return everything.
            let assets = assets.map(|assets| assets.into_iter().filter(|asset| has_prefix(asset, prefix)).collect());
            // Results that the batch does not have are requested separately.
            found.push(match assets {
                Some(assets) => assets,
                None => self.find_by_mark(prefix).await?,
            });
        }
        Ok(found)
    }

    pub(super) async fn merge_asset(&self, id: &AssetId, change: &AssetChange) -> Result<(), Error> {
        let Some(changes) = entities::asset_changes(change) else { return Ok(()) };
        let ask = Ask::merge(odata::entity("Assets", id.as_str()), changes);
        Ok(self.wire().act(safe("UpdateAsset", "update asset", id.as_str()), &ask).await?)
    }

    pub(super) async fn make_asset(&self, asset: &NewAsset) -> Result<Asset, Error> {
        let label = asset.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&asset.alternate_id);
        let mut entity = json!({
            "Name": asset.name,
            "AlternateId": asset.alternate_id,
            "Options": entities::options(asset.encryption),
        });
        if let Some(storage) = &asset.storage_account {
            if self.speaks(WITH_URI) {
                entity["StorageAccountName"] = json!(storage.as_str());
            } else if self.0.default_storage.as_ref() != Some(storage) {
                let reason = format!("storage account {storage} can only be chosen with `x-ms-version` 2.2 or later");
                return Err(Error::found(label, Cause::NotSupported, reason));
            }
        }
        let ask = Ask::post("Assets", entity);
        let create = || async {
            let call = call("CreateAsset", "create asset", label, Idempotency::LookFirst);
            let row = self.wire().row(call, &ask).await?;
            entities::asset(&row).map_err(|failure| unreadable("create asset", label, failure).into())
        };
        let look = || async {
            let found = self.find_by_mark(&asset.alternate_id).await?;
            Ok(found.into_iter().max_by_key(|asset| asset.created))
        };
        create_once(self.wire().caller(), create, look).await
    }

    pub(super) async fn remove_asset(&self, id: &AssetId) -> Result<(), Error> {
        let ask = Ask::delete(odata::entity("Assets", id.as_str()));
        match self.wire().act(safe("DeleteAsset", "delete asset", id.as_str()), &ask).await {
            Err(error) if !error.failure.is_absent() => Err(error.into()),
            _ => Ok(()),
        }
    }

    pub(super) async fn find_streaming_hosts(&self) -> Result<Vec<StreamingHost>, Error> {
        if !self.speaks(WITH_STREAMING_ENDPOINTS) {
            return self.host_of_a_locator().await;
        }
        let query = self.query("ListStreamingEndpoints", "list the streaming endpoints", "StreamingEndpoints");
        Ok(listing::all(self.wire(), query, |row| Ok(streaming_host(row))).await?)
    }

    /// The host according to a locator: older versions report it only there. Without locators, no host is known.
    async fn host_of_a_locator(&self) -> Result<Vec<StreamingHost>, Error> {
        let filter = odata::escape("Type eq 2");
        let ask = Ask::get(format!("Locators?$top=1&$filter={filter}"));
        let rows = self.wire().rows(safe("ListLocators", "look for a streaming locator", "any"), &ask).await?;
        let url = rows.first().and_then(|row| url::Url::parse(row.words("Path")?).ok());
        let host = url.map(|url| StreamingHost {
            name: "default".to_owned(),
            url: url.origin().ascii_serialization(),
            running: true,
        });
        Ok(host.into_iter().collect())
    }
}

/// Does the asset's mark start with that?
fn has_prefix(asset: &Asset, prefix: &str) -> bool {
    asset.alternate_id.as_deref().is_some_and(|id| id.starts_with(prefix))
}

/// A streaming endpoint. Its host is shown with `http`, as in the service's own locator paths.
fn streaming_host(row: &Row) -> Option<StreamingHost> {
    let host = row.words("HostName")?;
    let url = if host.contains("://") { host.trim_end_matches('/').to_owned() } else { format!("http://{host}") };
    Some(StreamingHost {
        name: row.text("Name").unwrap_or_default().to_owned(),
        url,
        running: row.text("State") == Some("Running"),
    })
}

/// The error for an unreadable answer.
pub(super) fn unreadable(attempted: &'static str, subject: &str, failure: Failure) -> CallError {
    CallError {
        attempted,
        subject: subject.to_owned(),
        disposition: final_disposition(&failure),
        failure,
        attempts: 1,
        asked: Asked::Service,
    }
}
