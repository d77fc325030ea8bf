//! The additional information of a run in the other direction: the state of both sides when they were last equal, the
//! locators on the originals that follow the active side, and the lock of that side.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use globset::GlobSet;

use crate::claims::{Common, Work};
use crate::error::Error;
use crate::ledger::{AssetRow, Ledger};
use crate::model::{AssetId, LocatorId};
use crate::state::TargetLock;
use crate::verdict::Finding;

/// The locators that follow the active side.
#[derive(Debug, Default)]
pub(crate) struct Following {
    /// Originals whose locators differ from those that both sides had when they were last equal.
    pub(crate) changed: HashSet<AssetId>,
    /// The playing locators of the other originals, and of those that become equal to their copies.
    pub(crate) locators: BTreeSet<LocatorId>,
}

/// The additional information of such a run.
#[derive(Debug)]
pub struct Base {
    /// The ledger of the nightly runs.
    pub(crate) nights: Ledger,
    /// Assets with these names are copied from the active side, even if their originals have changed.
    pub(crate) prefer: Option<GlobSet>,
    /// Locators on originals that follow the active side.
    pub(crate) following: Following,
    /// Why the run must not write, if it must not.
    pub(crate) objection: Option<Finding>,
    /// Copies that are not processed, each with its name and the reason.
    pub(crate) left_alone: Vec<(AssetId, String, Finding)>,
    /// The lock of the active side; `None`: nothing is written.
    pub(crate) lock: Mutex<Option<TargetLock>>,
}

impl Base {
    /// The state of both sides of an asset when they were last equal.
    pub(crate) async fn common(&self, original: &AssetId, row: Option<&AssetRow>) -> Result<Option<Common>, Error> {
        let night = self.nights.asset(original).await?;
        Ok(Common::latest(night.as_ref(), row))
    }

    /// Is the asset copied from the active side, even if its original has changed?
    pub(crate) fn prefers(&self, work: &Work) -> bool {
        self.prefer.as_ref().is_some_and(|names| names.is_match(work.asset.label()))
    }

    /// Is the active side still locked?
    pub(crate) fn check(&self) -> Result<(), Error> {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        lock.as_ref().map_or(Ok(()), TargetLock::check)
    }

    /// Takes the lock of the active side out.
    pub fn take_lock(&self) -> Option<TargetLock> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Releases the lock of the active side.
    ///
    /// # Errors
    /// The service refuses; then the lock expires within a minute.
    pub async fn release(&self) -> Result<(), Error> {
        match self.take_lock() {
            Some(lock) => lock.release().await,
            None => Ok(()),
        }
    }
}
