//! The deletions of this run on the target, and the rules for when something that the source has deleted is due.
//!
//! The source must confirm in every night of `delete_after` that it lacks the thing. A night without a confirmation
//! restarts the period, and so does a night in which the source has it again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};

use crate::claims::Gone;
use crate::config::policy::Age;
use crate::engine::contents::kept::KeptCopy;
use crate::model::{Asset, AssetId};
use crate::monitor::AssetOutcome;
use crate::state::Leaving;

/// The longest time between two confirmations: a night may be late by half a day, and no night may be missing.
const GAP: SignedDuration = SignedDuration::from_hours(36);

/// The first of the consecutive nights in which the source confirmed that it lacks something, including tonight.
/// `before`: the first and the last of the earlier nights.
pub(crate) fn first_night(before: Option<(Timestamp, Timestamp)>, now: Timestamp) -> Timestamp {
    match before {
        // A clock that was set back proves nothing.
        Some((since, seen)) if since <= seen && seen <= now && now.duration_since(seen) <= GAP => since,
        _ => now,
    }
}

/// When it may be deleted.
pub(crate) fn due_on(since: Timestamp, after: Age) -> Timestamp {
    since.checked_add(after.duration()).unwrap_or(Timestamp::MAX)
}

/// A retired copy whose period has ended.
#[derive(Debug, Clone)]
pub(crate) struct DueCopy {
    pub(crate) gone: Gone,
    pub(crate) leaving: Leaving,
}

/// Blobs whose period has ended, of an asset that the source still has.
#[derive(Debug, Clone)]
pub(crate) struct DueBlobs {
    pub(crate) asset: Asset,
    pub(crate) blobs: Vec<KeptCopy>,
    /// The outcome of the asset apart from these blobs.
    pub(crate) outcome: Option<AssetOutcome>,
}

impl DueBlobs {
    /// Their bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.bytes).sum()
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.blobs.iter().map(|blob| blob.name.clone()).collect()
    }
}

/// The deletions of this run.
#[derive(Debug, Default)]
pub(crate) struct Deletions(Mutex<Due>);

/// Everything whose period has ended.
#[derive(Debug, Default)]
pub(crate) struct Due {
    pub(crate) copies: Vec<DueCopy>,
    pub(crate) blobs: BTreeMap<AssetId, DueBlobs>,
}

impl Due {
    pub(crate) fn is_empty(&self) -> bool {
        self.copies.is_empty() && self.blobs.is_empty()
    }
}

impl Deletions {
    /// Adds a copy.
    pub(crate) fn add_copy(&self, copy: DueCopy) {
        self.lock().copies.push(copy);
    }

    /// Adds blobs of an asset.
    pub(crate) fn add_blobs(&self, asset: &Asset, blobs: Vec<KeptCopy>) {
        let due = DueBlobs { asset: asset.clone(), blobs, outcome: None };
        self.lock().blobs.insert(asset.id.clone(), due);
    }

    /// Does an asset have blobs whose period has ended?
    pub(crate) fn concern(&self, asset: &AssetId) -> bool {
        self.lock().blobs.contains_key(asset)
    }

    /// Keeps the outcome of an asset until its blobs are deleted. Returns the outcome if it has no such blobs, or if
    /// the asset has a problem: then the blobs stay.
    pub(crate) fn postpone(&self, asset: &AssetId, outcome: AssetOutcome) -> Option<AssetOutcome> {
        let mut due = self.lock();
        if outcome.finding().is_some() {
            due.blobs.remove(asset);
            return Some(outcome);
        }
        match due.blobs.get_mut(asset) {
            Some(blobs) => {
                blobs.outcome = Some(outcome);
                None
            }
            None => Some(outcome),
        }
    }

    /// Takes everything out.
    pub(crate) fn take(&self) -> Due {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Due> {
        self.0.lock().expect("no panic while held")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    #[test]
    fn a_period_continues_from_night_to_night_and_restarts_after_a_missing_night() {
        assert_eq!(first_night(None, at(0)), at(0));
        assert_eq!(first_night(Some((at(0), at(72))), at(96)), at(0));
        assert_eq!(first_night(Some((at(0), at(72))), at(72 + 36)), at(0), "half a day late");
        assert_eq!(first_night(Some((at(0), at(72))), at(120)), at(120), "a night is missing");
    }

    #[test]
    fn a_clock_that_was_set_back_restarts_the_period() {
        assert_eq!(first_night(Some((at(0), at(72))), at(71)), at(71));
        assert_eq!(first_night(Some((at(90), at(72))), at(96)), at(96));
    }

    #[test]
    fn a_thing_is_due_when_the_period_since_its_first_night_has_passed() {
        assert_eq!(due_on(at(5), "7d".parse().unwrap()), at(5 + 168));
    }
}
