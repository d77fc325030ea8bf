//! The contents of both accounts, by id: compared before and after, so that anything left behind is found.

use std::collections::BTreeSet;

use futures::TryStreamExt as _;
use mediamirror::connect::{Endpoint, Pair};
use mediamirror::error::Error;
use mediamirror::model::Side;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::failure::CommandFailure;

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    side: Side,
    assets: BTreeSet<String>,
    locators: BTreeSet<String>,
    /// Access policies.
    pub(super) policies: BTreeSet<String>,
}

/// Both accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inventory([Account; 2]);

/// The size of an account's contents.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub(super) struct Count {
    /// Which account.
    pub(super) side: Side,
    /// Assets.
    pub(super) assets: usize,
    /// Locators, temporary ones included.
    pub(super) locators: usize,
    /// Access policies.
    pub(super) policies: usize,
}

impl Inventory {
    /// The current contents.
    pub(super) async fn of(pair: &Pair) -> Result<Self, CommandFailure> {
        let both = futures::try_join!(account(&pair.source), account(&pair.target));
        let (source, target) = both.map_err(|error| CommandFailure::of(&error, false))?;
        Ok(Self([source, target]))
    }

    /// One side's.
    pub(super) fn side(&self, side: Side) -> &Account {
        match side {
            Side::Source => &self.0[0],
            Side::Target => &self.0[1],
        }
    }

    /// The numbers.
    pub(super) fn counts(&self) -> Vec<Count> {
        let count = |account: &Account| Count {
            side: account.side,
            assets: account.assets.len(),
            locators: account.locators.len(),
            policies: account.policies.len(),
        };
        self.0.iter().map(count).collect()
    }

    /// What is new since `before`.
    pub(super) fn beyond(&self, before: &Self) -> Vec<String> {
        let both = self.0.iter().zip(&before.0);
        let lines = both.flat_map(|(now, before)| {
            let kinds = [
                ("asset", &now.assets, &before.assets),
                ("locator", &now.locators, &before.locators),
                ("access policy", &now.policies, &before.policies),
            ];
            kinds.map(|(kind, now_ids, ids)| {
                now_ids.difference(ids).map(|id| format!("{} {kind} {id}", now.side)).collect::<Vec<_>>()
            })
        });
        lines.flatten().collect()
    }
}

async fn account(account: &Endpoint) -> Result<Account, Error> {
    let (assets, locators, policies) = futures::try_join!(
        account
            .library
            .assets()
            .map_ok(|page| page.into_iter().map(|asset| asset.id.to_string()).collect())
            .try_concat(),
        account.library.locators().map_ok(|page| page.into_iter().map(|one| one.id.to_string()).collect()).try_concat(),
        account.authoring()?.access_policies(),
    )?;
    let (assets, locators): (Vec<String>, Vec<String>) = (assets, locators);
    Ok(Account {
        side: account.side,
        assets: assets.into_iter().collect(),
        locators: locators.into_iter().collect(),
        policies: policies.into_iter().map(|policy| policy.id).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_left_behind_are_named_by_side_and_kind() {
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        let account = |side, policies: &[&str]| Account {
            side,
            assets: set(&["a"]),
            locators: set(&[]),
            policies: set(policies),
        };
        let before = Inventory([account(Side::Source, &["p"]), account(Side::Target, &[])]);
        let after = Inventory([account(Side::Source, &["p"]), account(Side::Target, &["q"])]);
        assert_eq!(after.beyond(&before), ["target access policy q"]);
        assert!(before.beyond(&before).is_empty());
        assert_eq!(before.counts()[0].policies, 1);
    }
}
