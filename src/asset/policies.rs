//! Unused access policies. Tools that make one for each locator leak them, and an account can have only a limited
//! number.

use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::SignedDuration;

use crate::clock;
use crate::connect::Endpoint;
use crate::error::Error;
use crate::library::authoring::AccessPolicy;

/// Removals at the same time; the media lane may allow fewer.
const AT_ONCE: usize = 16;

/// The policies that no locator uses and that are older than `age`. Policies that mediamirror shares between its
/// locators are left out: the next locator uses them again.
pub async fn unused(account: &Endpoint, age: SignedDuration) -> Result<Vec<AccessPolicy>, Error> {
    // Policies first: if a locator starts to use one meanwhile, the listing of locators shows it.
    let mut policies = account.authoring()?.access_policies().await?;
    let used = account.authoring()?.policies_of_locators().await?;
    let used: std::collections::HashSet<String> = used.into_iter().collect();
    let youngest = clock::now() - age;
    policies.retain(|policy| {
        let old = age.is_zero() || policy.created.is_some_and(|created| created < youngest);
        old && !policy.shared() && !used.contains(&policy.id)
    });
    Ok(policies)
}

/// Removes those policies.
pub async fn prune(account: &Endpoint, policies: &[AccessPolicy]) -> Result<(), Error> {
    let account = account.authoring()?;
    let removals = policies.iter().map(|policy| account.delete_access_policy(&policy.id));
    stream::iter(removals).buffer_unordered(AT_ONCE).try_collect().await
}
