//! Authorisation by a token: the principal, and what its role permits.

use super::account::BlobAccount;
use super::call::Authority;
use super::operation::Operation;
use super::refusal::{INVALID_AUTHENTICATION, PERMISSION_MISMATCH, Refusal};
use super::sas::{Grant, Issuer as _};
use super::surroundings::Surroundings;

/// Permits the operation if the role of the token's principal on the account does. A token that this tenant did not
/// issue is refused.
pub(super) fn authorise(
    around: &dyn Surroundings,
    account: &BlobAccount,
    token: &str,
    operation: Operation,
) -> Result<Authority, Refusal> {
    let principal = around.principal(token).ok_or(INVALID_AUTHENTICATION)?;
    let role = account.role(&principal.object_id).ok_or(PERMISSION_MISMATCH)?;
    let grant = Grant::of_role(role);
    let permitted = match operation {
        // All roles include it.
        Operation::GetUserDelegationKey => true,
        Operation::GetContainerAcl | Operation::SetContainerAcl => grant.is_everything(),
        // No data role includes it.
        Operation::GetBlobServiceProperties | Operation::SetBlobServiceProperties => false,
        _ => operation.permissions().is_some_and(|needed| grant.any_of(needed)),
    };
    if !permitted {
        return Err(PERMISSION_MISMATCH);
    }
    Ok(Authority { grant, by_account_key: false, principal: Some(principal) })
}
