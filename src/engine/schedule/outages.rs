//! Storage accounts of the source that are down or refuse requests. The outage of one of them fails only its own
//! assets, and quickly.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use crate::model::AccountName;
use crate::verdict::{Cause, Finding};

/// The number of assets of an account that fail in a row before its other assets are no longer tried. One or two
/// failures may have separate reasons.
const IN_A_ROW: u32 = 3;

/// The failures of each account.
#[derive(Debug, Default)]
pub(crate) struct Outages(Mutex<HashMap<AccountName, Outage>>);

#[derive(Debug)]
struct Outage {
    in_a_row: u32,
    /// The last failure.
    last: Finding,
}

impl Outages {
    /// The reason why the assets of an account are no longer tried, if so.
    pub(crate) fn of(&self, account: &AccountName) -> Option<Finding> {
        let outages = self.lock();
        let Outage { last, .. } = outages.get(account).filter(|outage| outage.in_a_row >= IN_A_ROW)?;
        let detail = format!("storage account {account}: {IN_A_ROW} of its assets failed in a row: {}", last.detail);
        Some(Finding::new(last.cause, detail))
    }

    /// Records that an asset of the account was processed.
    pub(crate) fn answered(&self, account: &AccountName) {
        self.lock().remove(account);
    }

    /// Records that an asset of the account failed. Only possible failures of the account count.
    pub(crate) fn failed(&self, account: &AccountName, finding: Finding) {
        let of_the_account = matches!(
            finding.cause,
            Cause::ServiceUnavailable
                | Cause::PermissionMissing
                | Cause::SourceRefusesTarget
                | Cause::SourceSignatureRefused
        );
        if of_the_account {
            let mut outages = self.lock();
            let outage = outages.entry(account.clone()).or_insert(Outage { in_a_row: 0, last: finding.clone() });
            outage.in_a_row += 1;
            outage.last = finding;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountName, Outage>> {
        self.0.lock().expect("no panic while held")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_stop_only_the_assets_of_that_account() {
        let outages = Outages::default();
        let (one, other) = (AccountName::new("one"), AccountName::new("other"));
        let down = || Finding::new(Cause::ServiceUnavailable, "HTTP 503");
        for _ in 0..2 {
            outages.failed(&one, down());
        }
        assert_eq!(outages.of(&one), None);
        outages.answered(&one);
        for _ in 0..3 {
            assert_eq!(outages.of(&one), None);
            outages.failed(&one, down());
        }
        let finding = outages.of(&one).unwrap();
        assert_eq!(finding.cause, Cause::ServiceUnavailable);
        assert!(finding.detail.contains("storage account one") && finding.detail.ends_with("HTTP 503"), "{finding}");
        assert_eq!(outages.of(&other), None);
    }

    #[test]
    fn an_error_of_an_asset_does_not_count_as_an_outage_of_its_account() {
        let outages = Outages::default();
        let account = AccountName::new("one");
        for _ in 0..5 {
            outages.failed(&account, Cause::WrongChecksum.into());
        }
        assert_eq!(outages.of(&account), None);
    }
}
