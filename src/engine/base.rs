//! What a run in the other direction knows beside its two listings: what both sides were when they were last equal, which
//! locators on the originals follow the active side, and the lock of that side.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use globset::GlobSet;

use crate::claims::{Common, Work};
use crate::error::Error;
use crate::ledger::{AssetRow, Ledger};
use crate::model::{AssetId, LocatorId};
use crate::state::TargetLock;
use crate::verdict::Finding;

/// What follows the active side.
#[derive(Debug, Default)]
pub(crate) struct Following {
    /// Originals whose locators are not as both sides had them when they were last equal.
    pub(crate) changed: HashSet<AssetId>,
    /// The locators of the others that play, and of those that are to become what their copies are.
    pub(crate) locators: BTreeSet<LocatorId>,
}

/// What such a run knows.
#[derive(Debug)]
pub struct Base {
    /// The rows of the nights.
    pub(crate) nights: Ledger,
    /// Assets of these names are taken from the active side, even if their originals have changed.
    pub(crate) prefer: Option<GlobSet>,
    /// Locators on originals that follow the active side.
    pub(crate) following: Following,
    /// Why the run must not write, if it must not.
    pub(crate) objection: Option<Finding>,
    /// Copies that are left alone, each with its name and the reason.
    pub(crate) left_alone: Vec<(AssetId, String, Finding)>,
    /// The lock of the active side; `None`: nothing is written.
    pub(crate) lock: Mutex<Option<TargetLock>>,
}

impl Base {
    /// What both sides of an asset were when they were last equal.
    pub(crate) async fn common(&self, original: &AssetId, row: Option<&AssetRow>) -> Result<Option<Common>, Error> {
        let night = self.nights.asset(original).await?;
        Ok(Common::latest(night.as_ref(), row))
    }

    /// Is the asset taken from the active side, even if its original has changed?
    pub(crate) fn prefers(&self, work: &Work) -> bool {
        self.prefer.as_ref().is_some_and(|names| names.is_match(work.asset.label()))
    }

    /// Is the active side still locked?
    pub(crate) fn check(&self) -> Result<(), Error> {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        lock.as_ref().map_or(Ok(()), TargetLock::check)
    }

    /// Passes the lock of the active side on.
    pub fn take_lock(&self) -> Option<TargetLock> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Gives the lock of the active side back.
    ///
    /// # Errors
    /// The service refuses; the lock then ends by itself within a minute.
    pub async fn release(&self) -> Result<(), Error> {
        match self.take_lock() {
            Some(lock) => lock.release().await,
            None => Ok(()),
        }
    }
}
