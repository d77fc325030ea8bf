//! One thing that a plan does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fingerprint::{Fingerprint, Fingerprints};
use crate::model::{AssetId, LocatorId};
use crate::verdict::Change;

/// What an item does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Action {
    /// Makes or changes the copy of an asset: its blobs, records, name and locators.
    Mirror,
    /// Removes a locator from a copy.
    Withdraw,
    /// Marks the copy of a deleted asset as retired.
    Retire,
    /// Sets the stored access policies of a container.
    Policies,
    /// Sets the settings of a storage account.
    AccountSettings,
    /// Sets filters of a media account.
    AccountFilters,
}

impl Action {
    fn code(self) -> &'static str {
        match self {
            Self::Mirror => "mirror",
            Self::Withdraw => "withdraw",
            Self::Retire => "retire",
            Self::Policies => "policies",
            Self::AccountSettings => "account-settings",
            Self::AccountFilters => "account-filters",
        }
    }
}

/// One thing that a plan does. Its action and its subject identify it: a plan has no two items with the same ones.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Item {
    /// What it does.
    pub action: Action,
    /// The source asset.
    pub asset: AssetId,
    /// Name to show.
    pub name: String,
    /// The locator that it withdraws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locator: Option<LocatorId>,
    /// The changes on the target. If there are none, the existing copy is compared and recorded again.
    pub changes: Vec<Change>,
    /// Blobs that are copied.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub copied: u64,
    /// Those that overwrite a blob of the target.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub overwritten: u64,
    /// Bytes that are copied.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// The fingerprint of the concrete actions: which blobs with which entity tags, which locators with which terms.
    pub fingerprint: Fingerprint,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Item {
    /// An item that copies nothing.
    pub fn new(action: Action, asset: &AssetId, name: &str, changes: Vec<Change>, fingerprint: Fingerprint) -> Self {
        let (asset, name) = (asset.clone(), name.to_owned());
        Self { action, asset, name, locator: None, changes, copied: 0, overwritten: 0, bytes: 0, fingerprint }
    }

    /// Its identity, which is the same for the same change in another plan.
    pub(super) fn key(&self) -> Fingerprint {
        let subject = self.locator.as_ref().map_or(self.asset.as_str(), LocatorId::as_str);
        key(self.action, subject)
    }
}

/// The identity of an item.
pub(super) fn key(action: Action, subject: &str) -> Fingerprint {
    Fingerprints::default().with(action.code(), subject).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_an_action_is_its_name_in_the_file() {
        let of_accounts = [Action::Policies, Action::AccountSettings, Action::AccountFilters];
        for action in [Action::Mirror, Action::Withdraw, Action::Retire].into_iter().chain(of_accounts) {
            assert_eq!(serde_json::to_value(action).unwrap(), action.code());
        }
    }
}
