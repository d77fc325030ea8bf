//! The roles that a principal needs on a storage account: tested by use, and named if they are missing.

use super::{Findings, is_storage_account};
use crate::blob::BlobAccount;
use crate::connect::Endpoint;
use crate::error::{Error, Failure};
use crate::model::{AccountName, Side};

/// The service's code for a missing role of a principal.
const LACKING: &str = "AuthorizationPermissionMismatch";

/// What to do if an account refuses index tags.
pub(super) const TAGS: &str = "give the principals of both sides the role Storage Blob Data Owner on their storage accounts, or accept this cause";

/// Is a user delegation key issued, with which copies read the source? It needs a role on the account; a role on a
/// container is not enough.
pub(super) async fn examine(findings: &mut Findings<'_>, account: &BlobAccount) {
    if findings.endpoint.side != Side::Source || !account.signs_in() {
        return;
    }
    match account.examine_delegation().await {
        Ok(()) => findings.ok(account.name(), "user-delegation", "a user delegation key is issued"),
        Err(error) => findings.failed(account.name(), "user-delegation", error),
    }
}

/// The role that is missing, if the error shows one.
pub(super) fn remedy(endpoint: &Endpoint, account: &AccountName, error: &Error) -> Option<String> {
    let signs_in = endpoint.blobs(Some(account)).is_some_and(|account| account.signs_in());
    if !signs_in || error.failure().and_then(Failure::code) != Some(LACKING) {
        return None;
    }
    let role = match endpoint.side {
        Side::Source => "Storage Blob Data Reader (which includes the right to get user delegation keys)",
        Side::Target => "Storage Blob Data Contributor",
    };
    let tags = "Storage Blob Data Owner where index tags are mirrored";
    let level = if is_storage_account(endpoint) || endpoint.side == Side::Source {
        "on the storage account itself, not on a container"
    } else {
        "on the storage account"
    };
    Some(format!("give the principal the role {role} {level}, or {tags}; a new role takes up to ten minutes to work"))
}
