//! Single operations on the locators of an asset (including SAS locators) and their access policies.

use futures::future::join_all;
use jiff::Timestamp;
use serde_json::json;
use url::Url;

use super::account::AmsV2;
use super::assets::unreadable;
use super::batch::{Changeset, Operation, Target};
use super::bulk::ROUNDS;
use super::calls::{call, safe};
use super::create::create_once;
use super::entities;
use super::listing::{self, Query};
use super::odata::{self, Row};
use super::wire::Ask;
use crate::error::{Error, Failure};
use crate::library::authoring::AccessPolicy;
use crate::model::{AssetId, Locator, LocatorId};
use crate::redact::SafeUrl;
use crate::retry::Idempotency;

/// The API's number of a SAS locator.
const SAS: u8 = 1;
/// The action as in "failed to …".
const MAKE_SAS: &str = "make a download locator of";
/// The same.
const DELETE_LOCATOR: &str = "delete locator";

fn policy(row: &Row) -> Result<Option<AccessPolicy>, Failure> {
    Ok(Some(AccessPolicy {
        id: entities::id(row)?.to_owned(),
        name: row.text("Name").unwrap_or_default().to_owned(),
        created: row.date("Created"),
        minutes: row.number("DurationInMinutes").unwrap_or_default(),
        permissions: row.whole("Permissions").unwrap_or_default(),
    }))
}

impl AmsV2 {
    /// All locators of an asset.
    pub(super) async fn locators_of_asset(&self, asset: &AssetId) -> Result<Vec<Locator>, Error> {
        let query = Query {
            operation: "ListLocators",
            attempted: "list the locators of asset",
            subject: asset.to_string(),
            path: format!("{}/Locators", odata::entity("Assets", asset.as_str())),
            filter: None,
        };
        Ok(listing::all(self.wire(), query, entities::locator).await?)
    }

    pub(super) async fn remove_locator(&self, id: &LocatorId) -> Result<(), Error> {
        self.delete("DeleteLocator", DELETE_LOCATOR, "Locators", &entities::wire_id(id)).await
    }

    /// Removes several, one changeset each, so that a missing one does not affect the others.
    pub(super) async fn remove_all_locators(&self, ids: &[LocatorId]) -> Vec<Result<(), Error>> {
        let mut results: Vec<Option<Result<(), Error>>> = ids.iter().map(|_| None).collect();
        for round in 1..=ROUNDS {
            let open: Vec<usize> = (0..ids.len()).filter(|&at| results[at].is_none()).collect();
            if open.is_empty() || !self.batches() {
                break;
            }
            let changesets: Vec<Changeset> = open.iter().map(|&at| deletion(&ids[at])).collect();
            let subject = format!("{} locators", changesets.len());
            let sent = self.send_all(&changesets, DELETE_LOCATOR, &subject, Idempotency::Repeatable).await;
            let Ok(outcomes) = sent else { break };
            for (at, outcome) in open.into_iter().zip(outcomes) {
                results[at] = match outcome {
                    Ok(_) => Some(Ok(())),
                    Err(wrong) if wrong.failure().is_absent() => Some(Ok(())),
                    Err(wrong) if wrong.deserves_a_look() && round < ROUNDS => None,
                    Err(wrong) => Some(Err(wrong.into_error(DELETE_LOCATOR, ids[at].to_string(), round).into())),
                };
            }
        }
        let rest = results.into_iter().zip(ids).map(|(result, id)| async move {
            match result {
                Some(result) => result,
                None => self.remove_locator(id).await,
            }
        });
        join_all(rest).await
    }

    /// Makes a SAS locator with that id that permits reading; returns the container's URL with its signature.
    pub(super) async fn create_read_sas(
        &self,
        asset: &AssetId,
        id: &LocatorId,
        start: Timestamp,
        minutes: u32,
    ) -> Result<SafeUrl, Error> {
        let policy = self.read_policy(minutes).await?;
        let id = entities::wire_id(id);
        let entity = json!({
            "Id": id,
            "AssetId": asset.as_str(),
            "AccessPolicyId": policy,
            "Type": SAS,
            "StartTime": odata::date(start),
        });
        let url_of = |row: &Row| {
            let url = row.words("Path").and_then(|path| Url::parse(path).ok()).map(SafeUrl::new);
            url.ok_or_else(|| {
                let failure = Failure::Unexpected("a SAS locator without a usable path".to_owned());
                unreadable(MAKE_SAS, asset.as_str(), failure).into()
            })
        };
        let create = || async {
            let call = call("CreateLocator", MAKE_SAS, asset.as_str(), Idempotency::LookFirst);
            url_of(&self.wire().row(call, &Ask::post("Locators", entity.clone())).await?)
        };
        // The id is ours, so the result can be read.
        let look = || async {
            let ask = Ask::get(odata::entity("Locators", &id));
            let row = self.wire().find(safe("GetLocator", MAKE_SAS, asset.as_str()), &ask).await?;
            row.as_ref().map(url_of).transpose()
        };
        create_once(self.wire().caller(), create, look).await
    }

    /// All access policies.
    pub(super) async fn access_policies(&self) -> Result<Vec<AccessPolicy>, Error> {
        let query = self.query("ListAccessPolicies", "list the access policies", "AccessPolicies");
        Ok(listing::all(self.wire(), query, policy).await?)
    }

    /// The ids of the access policies of the locators, one for each locator.
    pub(super) async fn policies_of_locators(&self) -> Result<Vec<String>, Error> {
        let query = self.query("ListLocators", "list the locators", "Locators");
        Ok(listing::all(self.wire(), query, |row| Ok(row.words("AccessPolicyId").map(str::to_owned))).await?)
    }

    /// Removes an access policy. It is a success if it does not exist.
    pub(super) async fn delete_access_policy(&self, id: &str) -> Result<(), Error> {
        self.delete("DeleteAccessPolicy", "delete access policy", "AccessPolicies", id).await?;
        self.forget_policy(id).await;
        Ok(())
    }

    async fn delete(&self, operation: &'static str, attempted: &'static str, set: &str, id: &str) -> Result<(), Error> {
        match self.wire().act(safe(operation, attempted, id), &Ask::delete(odata::entity(set, id))).await {
            Err(error) if !error.failure.is_absent() => Err(error.into()),
            _ => Ok(()),
        }
    }
}

fn deletion(id: &LocatorId) -> Changeset {
    let target = Target::Path(odata::entity("Locators", &entities::wire_id(id)));
    vec![Operation { method: "DELETE", target, body: None, answer_used: false }]
}
