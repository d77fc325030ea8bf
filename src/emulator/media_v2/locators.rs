//! Locators: a SAS locator is a stored access policy on the asset's container, an on-demand locator is a path on the
//! streaming host. A client may choose a locator's id, which is how two accounts share one URL path.

use super::asset_container::place;
use super::errors::ApiError;
use super::input::Input;
use super::policies::{DELETE, WRITE, letters, library_policy, minutes};
use super::service::Service;
use super::transaction::{Deed, SlowDeed, Transaction};
use crate::emulator::media_account::dates::Moment;
use crate::emulator::media_account::guids::{canonical_guid, guid_of_id};
use crate::emulator::media_account::schema::{ASSETS, FILES, Kind, LOCATORS, POLICIES};
use crate::emulator::media_account::store::{Row, State};
use crate::emulator::media_account::value::Value;
use crate::emulator::storage::{StorageError, StoredPolicy};

const SAS: i32 = 1;
/// A streaming locator.
pub(super) const ON_DEMAND: i32 = 2;

/// Azure Storage allows five stored access policies per container; the service applies this limit to all locators.
const MOST: usize = 5;

/// The id that the client chose (with or without its prefix), or a new one.
fn chosen_id(row: &Row) -> Result<String, ApiError> {
    match row.text("Id") {
        "" => Some(LOCATORS.new_id()),
        bare if !bare.contains(':') => canonical_guid(bare).map(|g| LOCATORS.id_of(&g)),
        full => LOCATORS.canonical(full),
    }
    .ok_or_else(|| ApiError::bad(format!("Invalid Locator Id '{}'.", row.text("Id"))))
}

/// Ids are unique within a data centre: an id of this account is a conflict, an id of another account is forbidden.
fn id_is_free(service: Service<'_>, id: &str) -> Result<(), ApiError> {
    if service.state().get(&LOCATORS, id).is_some() {
        return Err(ApiError::conflict(format!("A Locator with Id '{id}' already exists.")));
    }
    let home = |index: usize| {
        let settings = &service.world.regions[index].settings;
        settings.data_center.as_deref().unwrap_or(&settings.name)
    };
    let taken = (0..service.world.regions.len())
        .filter(|other| *other != service.index && home(*other) == home(service.index))
        .any(|other| Service { index: other, ..service }.state().get(&LOCATORS, id).is_some());
    if taken {
        return Err(ApiError::new(403, "The Locator belongs to another account and cannot be overwritten."));
    }
    Ok(())
}

/// Checks that an asset can have another locator; expired ones count.
pub(super) fn room(state: &State, asset_id: &str) -> Result<(), ApiError> {
    if state.find(&LOCATORS, "AssetId", asset_id).count() >= MOST {
        return Err(ApiError::conflict(
            "The asset already has 5 locators in use. \
             Azure Storage enforces the limit of five shared access policies on one storage container.",
        ));
    }
    Ok(())
}

/// Creates a locator.
pub(super) async fn create(service: Service<'_>, tx: &mut Transaction, input: &Input) -> Result<Row, ApiError> {
    let mut row = input.build(&LOCATORS)?;
    let kind = row.int("Type");
    if kind != SAS && kind != ON_DEMAND {
        return Err(ApiError::bad("The value of property 'Type' is invalid."));
    }
    let key = |kind: &Kind, name: &str| {
        kind.canonical(row.text(name))
            .ok_or_else(|| ApiError::bad(format!("The value of property '{name}' is invalid.")))
    };
    let asset_id = key(&ASSETS, "AssetId")?;
    let policy_id = key(&POLICIES, "AccessPolicyId")?;
    let id = chosen_id(&row)?;
    let (asset, policy) = {
        let state = service.state();
        let asset = state.get(&ASSETS, &asset_id).ok_or_else(|| ApiError::no_entity("Asset"))?.clone();
        let policy = state.get(&POLICIES, &policy_id).ok_or_else(|| ApiError::no_entity("AccessPolicy"))?.clone();
        let empty = state.find(&FILES, "ParentAssetId", &asset_id).next().is_none();
        if service.settings().strict_locators && empty && policy.int("Permissions") & WRITE == 0 {
            return Err(ApiError::bad("The asset has no files; upload them before creating a locator."));
        }
        (asset, policy)
    };
    if kind == ON_DEMAND && policy.int("Permissions") & (WRITE | DELETE) != 0 {
        return Err(ApiError::bad("An on-demand origin locator needs an access policy with read permission only."));
    }
    id_is_free(service, &id)?;
    let (storage, container) = place(&asset);
    let gone = || ApiError::conflict("The storage container of the asset does not exist.");
    if !service.storage(&storage)?.container_exists(&container).await.map_err(|e| ApiError::storage(&e))? {
        return Err(gone());
    }
    let start = row.date("StartTime");
    // At creation, a sent ExpirationDateTime is ignored, and the policy's duration is used.
    let expiry = start.unwrap_or_else(|| service.now()).plus_minutes(minutes(&policy));
    row.set("Id", Value::text(&id));
    row.set("AssetId", asset.at(0).clone());
    row.set("AccessPolicyId", policy.at(0).clone());
    row.set("ExpirationDateTime", Value::Date(expiry));
    address(service, &mut row, &asset)?;
    {
        let mut state = service.state();
        room(&state, &asset_id)?;
        if !state.insert(row.clone(), &mut tx.journal) {
            return Err(ApiError::conflict(format!("A Locator with Id '{id}' already exists.")));
        }
    }
    if kind == SAS {
        let permissions = letters(policy.int("Permissions"));
        let guid = guid_of_id(&id).to_owned();
        if service.settings().sas_activation_ms > 0 {
            // Until then, the signature names a policy that does not exist in storage: 403, as on the live service.
            tx.later.push(SlowDeed::SetPolicy { storage, container, locator: id, permissions });
            return Ok(row);
        }
        let stored = StoredPolicy { start: None, expiry: None, permissions };
        service.storage(&storage)?.set_policy(&container, &guid, stored).await.map_err(|e| match e {
            StorageError::NoContainer(_) => gone(),
            StorageError::TooManyPolicies(_) => ApiError::conflict(e.to_string()),
            other => ApiError::storage(&other),
        })?;
        tx.undo.push(Deed::RemovePolicy { storage, container, id: guid });
    }
    Ok(row)
}

/// Sets the three properties that make the URL.
fn address(service: Service<'_>, row: &mut Row, asset: &Row) -> Result<(), ApiError> {
    let id = guid_of_id(row.key()).to_owned();
    let (base, component, path) = if row.int("Type") == SAS {
        let (storage, container) = place(asset);
        let [start, expiry] = ["StartTime", "ExpirationDateTime"].map(|name| row.date(name).map(Moment::timestamp));
        let query = service.storage(&storage)?.sign_policy_sas(&container, &id, start, expiry);
        let base = asset.text("Uri").to_owned();
        (base.clone(), format!("?{query}"), format!("{base}?{query}"))
    } else {
        let base = service.region().urls.streaming.clone();
        (base.clone(), id.clone(), format!("{base}/{id}/"))
    };
    row.set("BaseUri", Value::text(base));
    row.set("ContentAccessComponent", Value::text(component));
    row.set("Path", Value::text(path));
    Ok(())
}

/// Changes an on-demand locator; a SAS locator cannot be changed.
pub(super) fn update(service: Service<'_>, tx: &mut Transaction, id: &str, input: &Input) -> Result<(), ApiError> {
    let mut state = service.state();
    let mut row = state.get(&LOCATORS, id).ok_or_else(|| ApiError::no_entity("Locator"))?.clone();
    if row.int("Type") == SAS {
        return Err(ApiError::bad("A SAS locator cannot be updated."));
    }
    for (column, value) in input.changes(&row)? {
        row.set_at(column, value);
    }
    // If only the start changes, the end follows by the policy's duration.
    if input.value(&LOCATORS, "ExpirationDateTime").is_none()
        && let Some(Value::Date(start)) = input.value(&LOCATORS, "StartTime")
        && let Some(policy) = state.get(&POLICIES, row.text("AccessPolicyId"))
    {
        row.set("ExpirationDateTime", Value::Date(start.plus_minutes(minutes(policy))));
    }
    if row.date("ExpirationDateTime").is_none() {
        return Err(ApiError::bad("The value of property 'ExpirationDateTime' is invalid."));
    }
    state.update(&LOCATORS, id, &mut tx.journal, |kept| *kept = row);
    Ok(())
}

/// Deletes a locator; its permissions end when the request succeeds.
pub(super) fn delete(service: Service<'_>, tx: &mut Transaction, id: &str) -> Result<(), ApiError> {
    let mut state = service.state();
    let row = state.remove(&LOCATORS, id, &mut tx.journal).ok_or_else(|| ApiError::no_entity("Locator"))?;
    if let Some(asset) = state.get(&ASSETS, row.text("AssetId")) {
        revoke_later(tx, &row, asset);
    }
    Ok(())
}

/// Removes the stored access policy of a removed locator at the end of the transaction.
pub(super) fn revoke_later(tx: &mut Transaction, locator: &Row, asset: &Row) {
    if locator.int("Type") == SAS {
        let (storage, container) = place(asset);
        tx.finish.push(Deed::RemovePolicy { storage, container, id: guid_of_id(locator.key()).to_owned() });
    }
}

/// A streaming locator that is made without a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLocator {
    /// Its guid; `None` = a new one.
    pub guid: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// When it starts; `None` = at once.
    pub start: Option<jiff::Timestamp>,
    /// When it expires.
    pub expiry: jiff::Timestamp,
}

impl NewLocator {
    /// A locator with a new guid and no name that is valid until `expiry`.
    pub fn until(expiry: jiff::Timestamp) -> Self {
        Self { guid: None, name: None, start: None, expiry }
    }
}

/// Makes a streaming locator by the service's rules and returns its id.
pub(super) fn add(service: Service<'_>, asset_id: &str, new: &NewLocator) -> Result<String, ApiError> {
    let mut tx = Transaction::default();
    let optional = |text: &Option<String>| text.as_ref().map_or(Value::Null, Value::text);
    let mut row = Row::new(&LOCATORS)
        .with("Id", optional(&new.guid))
        .with("Type", Value::Int(ON_DEMAND))
        .with("AccessPolicyId", library_policy(service, &mut tx))
        .with("StartTime", new.start.map_or(Value::Null, |at| Value::Date(at.into())))
        .with("ExpirationDateTime", Value::Date(new.expiry.into()))
        .with("Name", optional(&new.name));
    let id = chosen_id(&row)?;
    id_is_free(service, &id)?;
    row.set("Id", Value::text(&id));
    let mut state = service.state();
    let asset = state.get(&ASSETS, asset_id).ok_or_else(|| ApiError::no_entity("Asset"))?.clone();
    row.set("AssetId", asset.at(0).clone());
    room(&state, asset_id)?;
    address(service, &mut row, &asset)?;
    state.insert(row, &mut tx.journal);
    Ok(id)
}
