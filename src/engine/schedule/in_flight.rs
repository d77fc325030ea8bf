//! An asset in progress: its slot, the items that it submits to batches, and the end of its processing.

use std::time::Duration;

use crate::claims::Move;
use crate::claims::digest::FilesDigest;
use crate::engine::schedule::batcher::Announced;
use crate::engine::schedule::slots::AssetSlot;
use crate::error::Error;
use crate::model::{AccountName, AssetChange, AssetId, Locator};
use crate::monitor::AssetOutcome;
use crate::verdict::Finding;

/// The shortest time for which an asset with all blobs waits for others, to be registered together: two more batches a
/// second cost little compared to the copies.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);
/// The shortest time for which a registered asset waits for others, to be published together: those that were
/// registered with it arrive within milliseconds.
const PATIENCE_TO_PUBLISH: Duration = Duration::from_millis(100);
/// An asset that was in progress for long waits longer: up to this part of that time.
pub(crate) const PATIENCE_PART: u32 = 10;

/// The same for an asset that waits to be published: it waited to be registered before.
const PART_TO_PUBLISH: u32 = 50;

/// Items that an asset, or the listing that finds assets, may still submit. Batches wait while there is one of these.
#[derive(Debug, Clone)]
pub(crate) struct Ahead {
    pub(crate) files: Announced<Registration, FilesDigest>,
    pub(crate) locators: Announced<Publication, Vec<Result<Made, Error>>>,
}

/// An asset in progress.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) slot: AssetSlot,
    pub(crate) ahead: Ahead,
}

/// How long an asset waits for others to register its file records together with them.
pub(crate) fn patience_to_register(slot: &AssetSlot) -> Duration {
    PATIENCE.max(slot.since.elapsed() / PATIENCE_PART)
}

/// How long an asset waits for others to create its locators together with theirs.
pub(crate) fn patience_to_publish(slot: &AssetSlot) -> Duration {
    PATIENCE_TO_PUBLISH.max(slot.since.elapsed() / PART_TO_PUBLISH)
}

/// The end of the processing of an asset.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AssetEnd {
    /// It was processed completely.
    With(AssetOutcome),
    /// It was processed completely, except for a locator that cannot be created.
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

/// The locators of one asset to create; each of them names the copy as its asset.
#[derive(Debug)]
pub(crate) struct Publication {
    /// The source asset.
    pub(crate) source: AssetId,
    /// Those that the target lacks.
    pub(crate) missing: Vec<Locator>,
    /// Those that are on another copy of ours, with that copy.
    pub(crate) moved: Vec<Move>,
}

/// A created locator.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) locator: Locator,
    /// How long it was unavailable, if it was moved.
    pub(crate) dead: Option<Duration>,
}

impl Publication {
    /// How many locators it has.
    pub(crate) fn len(&self) -> usize {
        self.missing.len() + self.moved.len()
    }
}
