//! Public containers, and the requests on them that need no credential.

use axum::http::HeaderMap;

use super::account::BlobAccount;
use super::ask::{Ask, header};
use super::operation::Operation;
use super::properties::PublicAccess;
use super::refusal::{NO_AUTHENTICATION, PUBLIC_ACCESS, RESOURCE_NOT_FOUND, Refusal};
use super::sas::Grant;

/// The header that sets the level, and that shows it.
pub(super) const PUBLIC: &str = "x-ms-blob-public-access";

/// The level that a request wants to set, if the account allows it.
pub(super) fn wanted(account: &BlobAccount, headers: &HeaderMap) -> Result<Option<PublicAccess>, Refusal> {
    let level = match header(headers, PUBLIC) {
        None => return Ok(None),
        Some("blob") => PublicAccess::Blob,
        Some("container") => PublicAccess::Container,
        Some(_) => return Err(Refusal::header(PUBLIC)),
    };
    if account.allows_public_access() { Ok(Some(level)) } else { Err(PUBLIC_ACCESS) }
}

fn allows(level: PublicAccess, operation: Operation) -> bool {
    match operation {
        Operation::GetBlob | Operation::GetBlobProperties | Operation::GetBlockList => true,
        Operation::ListBlobs | Operation::GetContainerProperties => level == PublicAccess::Container,
        _ => false,
    }
}

/// The permissions of a request without a credential.
pub(super) fn admit(account: &BlobAccount, ask: &Ask<'_>, operation: Operation) -> Result<Grant, Refusal> {
    if !allows(PublicAccess::Container, operation) {
        return Err(NO_AUTHENTICATION);
    }
    if !account.allows_public_access() {
        return Err(PUBLIC_ACCESS);
    }
    // The answer does not show whether a private container exists.
    let container = account.container(ask.container()?).map_err(|_| RESOURCE_NOT_FOUND)?;
    let level = container.lock().map_err(|_| RESOURCE_NOT_FOUND)?.public;
    match level {
        Some(level) if allows(level, operation) => Ok(Grant::of_the_public()),
        _ => Err(RESOURCE_NOT_FOUND),
    }
}
