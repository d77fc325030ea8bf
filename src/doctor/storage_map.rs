//! Reports in which storage accounts of the target copies are created.

use super::Findings;
use crate::connect::Pair;
use crate::model::AccountName;

/// Names the target account of each source account, if there is a choice. Existing copies are not moved.
pub(super) async fn examine(findings: &mut Findings<'_>, pair: &Pair) {
    if pair.source.storage.len() == 1 && pair.target.storage.len() == 1 {
        return;
    }
    // If the account does not answer, the check of the state reports it.
    let Ok(default) = pair.target.default_storage().await else { return };
    let places = pair.source.storage.iter().map(|storage| match pair.storage_map.get(storage.name()) {
        Some(account) => format!("{} -> {account}", storage.name()),
        None => format!("{} -> {} (default)", storage.name(), default.name()),
    });
    let found = format!("new copies: {}", places.collect::<Vec<_>>().join(", "));
    let account: &AccountName = pair.target.library.account();
    findings.ok(account, "storage-map", found);
}
