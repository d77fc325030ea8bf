//! The locators that play now, on either side, even if the source does not answer.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::accounts::Accounts;
use super::catalog::{Claims, target_assets, target_locators};
use super::spool::Spool;
use crate::connect::Pair;
use crate::error::Error;
use crate::model::{AssetId, Locator, LocatorId};
use crate::monitor::Monitor;

/// The locators that play, according to the listings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Playing {
    /// The number of playing locators of the source asset.
    pub(crate) wanted: u64,
    /// The number of them that play from the copy.
    pub(crate) there: u64,
    /// The first one that does not play from the copy.
    pub(crate) missing: Option<LocatorId>,
}

/// Does a locator play at that time?
fn plays(locator: &Locator, now: Timestamp) -> bool {
    locator.expiry > now && locator.start.is_none_or(|start| start <= now)
}

impl Claims {
    /// Lists only the target, because the source does not answer.
    pub(crate) async fn read_target(
        pair: &Pair,
        monitor: &dyn Monitor,
        adopted: &BTreeSet<String>,
    ) -> Result<Self, Error> {
        let spool = Spool::open()?;
        let asked = async { Ok(Accounts::ask_target(pair).await) };
        let ((), our_policies, accounts) =
            futures::try_join!(target_assets(&spool, pair, monitor), target_locators(&spool, pair, adopted), asked)?;
        spool.index().await?;
        let mut claims = Self::of(pair, spool, adopted);
        (claims.accounts, claims.our_policies) = (accounts, our_policies);
        Ok(claims)
    }

    /// The playing locators of a source asset, and whether each of them plays from that copy.
    pub(crate) fn playing(&self, source: &AssetId, copy: Option<&AssetId>, now: Timestamp) -> Result<Playing, Error> {
        let mut playing = Playing::default();
        for locator in self.spool.locators_of(source)?.into_iter().filter(|locator| plays(locator, now)) {
            playing.wanted += 1;
            let there = self.spool.target_locator(&locator.id)?.map(|there| there.locator);
            if there.is_some_and(|there| Some(&there.asset) == copy && plays(&there, now)) {
                playing.there += 1;
            } else {
                playing.missing.get_or_insert(locator.id);
            }
        }
        Ok(playing)
    }

    /// The numbers of locators on a copy that are ours or play the source's ids: all of them, and those that play.
    pub(crate) fn published_on(&self, copy: &AssetId, now: Timestamp) -> Result<(u64, u64), Error> {
        let there = self.spool.locators_on(copy)?.into_iter();
        Ok(there.fold((0, 0), |(all, live), there| (all + 1, live + u64::from(plays(&there.locator, now)))))
    }

    /// Do viewers play the library through locators?
    pub(crate) fn through_locators(&self) -> bool {
        self.through_locators
    }
}
