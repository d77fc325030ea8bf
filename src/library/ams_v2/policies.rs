//! Read policies, one for each duration and shared by all locators: the service limits their number.

use std::collections::{BTreeSet, HashSet};

use serde_json::json;

use super::account::AmsV2;
use super::calls::call;
use super::create::create_once;
use super::entities;
use super::known_policies::Known;
use super::listing::{self, Query};
use super::odata;
use super::wire::Ask;
use crate::error::{CallError, Error, Failure};
use crate::retry::Idempotency;

/// The prefix of the names of our policies.
pub(super) const PREFIX: &str = "mediamirror read ";
/// The API's number of "read".
const READ: u64 = 1;

impl AmsV2 {
    /// The id of the read policy with that number of minutes. Policies are listed once per account, and made by one
    /// caller at a time.
    pub(super) async fn read_policy(&self, minutes: u32) -> Result<String, Error> {
        let mut known = self.0.policies.0.lock().await;
        if known.is_none() {
            *known = Some(list(self).await?);
        }
        let known = known.get_or_insert_default();
        if let Some(id) = known.by_minutes.get(&minutes) {
            return Ok(id.clone());
        }
        let id = create(self, minutes).await?;
        known.by_minutes.insert(minutes, id.clone());
        known.ids.insert(id.clone());
        Ok(id)
    }

    /// The ids of all policies of ours. They are listed once per account.
    pub(super) async fn ids_of_our_policies(&self) -> Result<HashSet<String>, Error> {
        let mut known = self.0.policies.0.lock().await;
        if known.is_none() {
            *known = Some(list(self).await?);
        }
        Ok(known.as_ref().map(|known| known.ids.clone()).unwrap_or_default())
    }

    /// The durations of existing policies. They are listed once per account.
    pub(super) async fn durations_of_policies(&self) -> Result<BTreeSet<u32>, Error> {
        let mut known = self.0.policies.0.lock().await;
        if known.is_none() {
            *known = Some(list(self).await?);
        }
        Ok(known.iter().flat_map(|known| known.by_minutes.keys()).copied().collect())
    }

    /// Removes a deleted policy from the known ones.
    pub(super) async fn forget_policy(&self, id: &str) {
        if let Some(known) = self.0.policies.0.lock().await.as_mut() {
            known.by_minutes.retain(|_, known| known != id);
            known.ids.remove(id);
        }
    }

    /// Is a policy with that duration known?
    pub(super) async fn knows_policy(&self, minutes: u32) -> bool {
        let known = self.0.policies.0.lock().await;
        known.as_ref().is_some_and(|known| known.by_minutes.contains_key(&minutes))
    }

    /// Is there a policy with that duration, or may another one be made?
    pub(super) async fn welcomes_policy(&self, minutes: u32, kinds: usize) -> bool {
        let known = self.0.policies.0.lock().await;
        let welcome = |known: &Known| known.by_minutes.contains_key(&minutes) || known.by_minutes.len() < kinds;
        known.as_ref().is_none_or(welcome)
    }
}

/// Lists the policies whose names have our prefix.
async fn list(service: &AmsV2) -> Result<Known, CallError> {
    let mut known = Known::default();
    for (id, minutes) in list_named(service).await? {
        if let Some(minutes) = minutes {
            known.by_minutes.insert(minutes, id.clone());
        }
        known.ids.insert(id);
    }
    Ok(known)
}

/// The ids of our policies, and the minutes of those whose terms match their names.
async fn list_named(service: &AmsV2) -> Result<Vec<(String, Option<u32>)>, CallError> {
    let mut query = service.query("ListAccessPolicies", "list the access policies", "AccessPolicies");
    query.filter = Some(format!("startswith(Name,{})", odata::literal(PREFIX)));
    match listing::all(service.wire(), query.clone(), ours).await {
        // The service does not have that function: all policies are read instead.
        Err(CallError { failure: Failure::Refused { status: 400 | 501, .. }, .. }) => {
            listing::all(service.wire(), Query { filter: None, ..query }, ours).await
        }
        listed => listed,
    }
}

/// A policy of ours, and its minutes if its terms match its name.
fn ours(row: &odata::Row) -> Result<Option<(String, Option<u32>)>, Failure> {
    let id = entities::id(row)?;
    let Some(minutes_named) = row.text("Name").and_then(|name| name.strip_prefix(PREFIX)) else { return Ok(None) };
    let as_named = minutes_named.parse::<u32>().ok().filter(|minutes| {
        let exact = row.number("DurationInMinutes").is_some_and(|d| (d - f64::from(*minutes)).abs() < f64::EPSILON);
        exact && row.whole("Permissions") == Some(READ)
    });
    Ok(Some((id.to_owned(), as_named)))
}

async fn create(service: &AmsV2, minutes: u32) -> Result<String, Error> {
    let name = format!("{PREFIX}{minutes}");
    let ask = Ask::post("AccessPolicies", json!({"Name": name, "DurationInMinutes": minutes, "Permissions": READ}));
    let create = || async {
        let call = call("CreateAccessPolicy", "create access policy", &name, Idempotency::LookFirst);
        let row = service.wire().row(call, &ask).await?;
        let id = entities::id(&row).map(str::to_owned);
        id.map_err(|failure| super::assets::unreadable("create access policy", &name, failure).into())
    };
    let look = || async { Ok(list(service).await?.by_minutes.remove(&minutes)) };
    create_once(service.wire().caller(), create, look).await
}
