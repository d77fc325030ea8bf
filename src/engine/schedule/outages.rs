//! Storage accounts of the source that are down or refuse requests. The outage of one of them fails only its own
//! assets, and quickly.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use crate::model::AccountName;
use crate::verdict::{Cause, Finding};

/// Assets of an account that fail in a row, until its other ones are not tried any more. One or two may have a reason of
/// their own.
const IN_A_ROW: u32 = 3;

/// What the assets of each account came to.
#[derive(Debug, Default)]
pub(crate) struct Outages(Mutex<HashMap<AccountName, Outage>>);

#[derive(Debug)]
struct Outage {
    in_a_row: u32,
    /// The last failure.
    last: Finding,
}

impl Outages {
    /// Why the assets of an account are not tried any more, if that is so.
    pub(crate) fn of(&self, account: &AccountName) -> Option<Finding> {
        let outages = self.lock();
        let Outage { last, .. } = outages.get(account).filter(|outage| outage.in_a_row >= IN_A_ROW)?;
        let detail = format!("storage account {account}: {IN_A_ROW} of its assets failed in a row: {}", last.detail);
        Some(Finding::new(last.cause, detail))
    }

    /// An asset of the account was dealt with.
    pub(crate) fn answered(&self, account: &AccountName) {
        self.lock().remove(account);
    }

    /// An asset of the account failed. Only what may be the account's failure counts.
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
    fn three_failures_in_a_row_stop_the_assets_of_that_account_alone() {
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
