//! Access policies: a duration and a set of permissions; they never change.

use super::errors::ApiError;
use super::input::Input;
use super::service::Service;
use super::transaction::Transaction;
use crate::emulator::media_account::schema::POLICIES;
use crate::emulator::media_account::store::Row;
use crate::emulator::media_account::value::Value;

/// Reading, the permission a streaming locator needs.
pub(super) const READ: i32 = 1;
/// Writing blobs.
pub(super) const WRITE: i32 = 2;
/// Deleting blobs.
pub(super) const DELETE: i32 = 4;
/// Listing blobs.
pub(super) const LIST: i32 = 8;

/// Creates a policy.
pub(super) fn create(service: Service<'_>, tx: &mut Transaction, input: &Input) -> Result<Row, ApiError> {
    let row = input.build(&POLICIES)?;
    if !minutes(&row).is_finite() || minutes(&row) <= 0.0 {
        return Err(ApiError::bad("The value of property 'DurationInMinutes' is invalid."));
    }
    if row.int("Permissions") & !(READ | WRITE | DELETE | LIST) != 0 {
        return Err(ApiError::bad("The value of property 'Permissions' is invalid."));
    }
    Ok(insert(service, tx, row))
}

fn insert(service: Service<'_>, tx: &mut Transaction, row: Row) -> Row {
    let now = service.now();
    let row = row
        .with("Id", Value::text(POLICIES.new_id()))
        .with("Created", Value::Date(now))
        .with("LastModified", Value::Date(now));
    service.state().insert(row.clone(), &mut tx.journal);
    row
}

/// A policy's duration.
pub(super) fn minutes(policy: &Row) -> f64 {
    if let Value::Double(minutes) = policy.get("DurationInMinutes") { *minutes } else { 0.0 }
}

/// The permission letters of a stored access policy, in the storage service's order.
pub(super) fn letters(permissions: i32) -> String {
    [(READ, 'r'), (WRITE, 'w'), (DELETE, 'd'), (LIST, 'l')]
        .into_iter()
        .filter(|(flag, _)| permissions & flag != 0)
        .map(|(_, letter)| letter)
        .collect()
}

/// The read policy that all locators of a loaded library share.
pub(super) fn library_policy(service: Service<'_>, tx: &mut Transaction) -> Value {
    /// Its name and ten years, as for permanently published libraries.
    const NAME: &str = "Library";
    const TEN_YEARS_IN_MINUTES: f64 = 3650.0 * 24.0 * 60.0;
    let found = service.state().find(&POLICIES, "Name", NAME).next().map(|p| p.at(0).clone());
    found.unwrap_or_else(|| {
        let row = Row::new(&POLICIES)
            .with("Name", Value::text(NAME))
            .with("DurationInMinutes", Value::Double(TEN_YEARS_IN_MINUTES))
            .with("Permissions", Value::Int(READ));
        insert(service, tx, row).at(0).clone()
    })
}
