//! An asset under way: its slot, what it hands in to batches, and how its processing ends.

use std::time::Duration;

use crate::claims::Move;
use crate::claims::digest::FilesDigest;
use crate::engine::schedule::batcher::Announced;
use crate::engine::schedule::slots::AssetSlot;
use crate::error::Error;
use crate::model::{AccountName, AssetChange, AssetId, Locator};
use crate::monitor::AssetOutcome;
use crate::verdict::Finding;

/// An asset that is ready waits for company at least so long: a batch more every two seconds is little beside the copies.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// And longer where it was long under way already: by no more than this part of it.
pub(crate) const PATIENCE_PART: u32 = 10;

/// What an asset, or the listing that finds assets, may yet hand in. Batches wait as long as there is one of these.
#[derive(Debug, Clone)]
pub(crate) struct Ahead {
    pub(crate) files: Announced<Registration, FilesDigest>,
    pub(crate) locators: Announced<Publication, Vec<Result<Made, Error>>>,
}

/// An asset under way.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) slot: AssetSlot,
    pub(crate) ahead: Ahead,
}

/// How long an asset waits for company in a batch.
pub(crate) fn patience(slot: &AssetSlot) -> Duration {
    PATIENCE.max(slot.since.elapsed() / PATIENCE_PART)
}

/// How the processing of an asset ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AssetEnd {
    /// It reached its end.
    With(AssetOutcome),
    /// It reached its end, except for a locator that cannot be made.
    WithConflict(Finding),
    /// The run was stopped; the next run resumes it.
    Stopped,
    /// It waits until the contents of all assets are compared.
    Deferred,
}

/// An asset that gets the file records of its source.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) source: AssetId,
    pub(crate) target: AssetId,
    /// The source's media account.
    pub(crate) account: AccountName,
    pub(crate) made_now: bool,
    pub(crate) created: bool,
    pub(crate) change: Option<AssetChange>,
    pub(crate) kept: Vec<String>,
    /// Names of the source's records that are not registered.
    pub(crate) not_taken: Vec<String>,
    /// The copy that this one replaces.
    pub(crate) replaces: Option<AssetId>,
}

/// The locators of one asset that have to be made; each of them names the copy as its asset.
#[derive(Debug)]
pub(crate) struct Publication {
    /// The source asset.
    pub(crate) source: AssetId,
    /// Those that the target does not have.
    pub(crate) missing: Vec<Locator>,
    /// Those that are on another copy of ours, and where.
    pub(crate) moved: Vec<Move>,
}

/// A locator that was made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) locator: Locator,
    /// How long it did not answer, if it was moved.
    pub(crate) dead: Option<Duration>,
}

impl Publication {
    /// How many locators it has.
    pub(crate) fn len(&self) -> usize {
        self.missing.len() + self.moved.len()
    }
}
