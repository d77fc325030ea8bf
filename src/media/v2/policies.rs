//! Read policies, one for each duration and shared by all locators: the service keeps a limited number of them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::json;

use super::V2;
use super::entities;
use super::listing::{self, Query};
use super::odata;
use super::wire::{Ask, call};
use crate::error::{CallError, Error, Failure};
use crate::retry::Idempotency;

/// What the names of our policies begin with.
pub(super) const PREFIX: &str = "mediamirror read ";
/// The wire's number of "read".
const READ: u64 = 1;
/// Looks at what became of a creation before giving up.
const CREATIONS: u32 = 3;

/// The policies known so far, by minutes.
#[derive(Debug, Default)]
pub(super) struct Policies(tokio::sync::Mutex<Option<BTreeMap<u32, String>>>);

impl Policies {
    /// The id of the read policy of that many minutes. Looked up once an account; made by one caller at a time.
    pub(super) async fn find_or_create(&self, service: &V2, minutes: u32) -> Result<String, Error> {
        let mut known = self.0.lock().await;
        if known.is_none() {
            *known = Some(list(service).await?);
        }
        let known = known.get_or_insert_default();
        if let Some(id) = known.get(&minutes) {
            return Ok(id.clone());
        }
        let id = create(service, minutes).await?;
        known.insert(minutes, id.clone());
        Ok(id)
    }

    /// The durations there are policies of. Looked up once an account.
    pub(super) async fn durations(&self, service: &V2) -> Result<BTreeSet<u32>, Error> {
        let mut known = self.0.lock().await;
        if known.is_none() {
            *known = Some(list(service).await?);
        }
        Ok(known.iter().flatten().map(|(minutes, _)| *minutes).collect())
    }

    /// Forgets a policy that was removed.
    pub(super) async fn forget(&self, id: &str) {
        if let Some(known) = self.0.lock().await.as_mut() {
            known.retain(|_, known| known != id);
        }
    }

    /// Is there one of that duration, or room for one more kind?
    pub(super) async fn welcomes(&self, minutes: u32, kinds: usize) -> bool {
        let known = self.0.lock().await;
        known.as_ref().is_none_or(|known| known.contains_key(&minutes) || known.len() < kinds)
    }
}

/// The ids of our policies in the account, whatever they permit.
pub(super) async fn ids_of_ours(service: &V2) -> Result<HashSet<String>, Error> {
    let named = |row: &odata::Row| {
        let ours = row.text("Name").is_some_and(|name| name.starts_with(PREFIX));
        entities::id(row).map(|id| ours.then(|| id.to_owned()))
    };
    Ok(list_named(service, named).await?.into_iter().collect())
}

/// The policies that are ours and what their names say, by minutes.
async fn list(service: &V2) -> Result<BTreeMap<u32, String>, CallError> {
    Ok(list_named(service, ours).await?.into_iter().collect())
}

/// Lists the policies whose names begin as ours do, or all; `read` leaves out what is not wanted.
async fn list_named<T: Send + 'static>(
    service: &V2,
    read: fn(&odata::Row) -> Result<Option<T>, Failure>,
) -> Result<Vec<T>, CallError> {
    let mut query = service.query("ListAccessPolicies", "list the access policies", "AccessPolicies");
    query.filter = Some(format!("startswith(Name,{})", odata::literal(PREFIX)));
    match listing::all(service.wire(), query.clone(), read).await {
        // A service without that function: all policies are read instead.
        Err(CallError { failure: Failure::Refused { status: 400 | 501, .. }, .. }) => {
            listing::all(service.wire(), Query { filter: None, ..query }, read).await
        }
        listed => listed,
    }
}

/// Minutes and id of a policy that is what its name says.
fn ours(row: &odata::Row) -> Result<Option<(u32, String)>, Failure> {
    let id = entities::id(row)?;
    let minutes = row.text("Name").and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok());
    let as_named = minutes.filter(|minutes| {
        let exact = row.number("DurationInMinutes").is_some_and(|d| (d - f64::from(*minutes)).abs() < f64::EPSILON);
        exact && row.whole("Permissions") == Some(READ)
    });
    Ok(as_named.map(|minutes| (minutes, id.to_owned())))
}

async fn create(service: &V2, minutes: u32) -> Result<String, Error> {
    let name = format!("{PREFIX}{minutes}");
    let ask = Ask::post("AccessPolicies", json!({"Name": name, "DurationInMinutes": minutes, "Permissions": READ}));
    let mut round = 1;
    loop {
        let call = call("CreateAccessPolicy", "create access policy", &name, Idempotency::LookFirst);
        let error = match service.wire().row(call, &ask).await {
            Ok(row) => {
                let id = entities::id(&row).map(str::to_owned);
                return id.map_err(|failure| super::assets::unreadable("create access policy", &name, failure).into());
            }
            Err(error) => error,
        };
        if !error.failure.ambiguous() {
            return Err(error.into());
        }
        if let Some(id) = list(service).await?.remove(&minutes) {
            return Ok(id);
        }
        if round == CREATIONS {
            return Err(error.into());
        }
        round += 1;
    }
}
