//! The state of a run so far, from its events.

use std::collections::HashMap;
use std::time::Instant;

use mediamirror::model::{AssetId, Side};
use mediamirror::monitor::{AssetOutcome, RunEvent};
use mediamirror::verdict::Class;

/// The state of a run.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) listed: u64,
    pub(super) listing_finished: bool,
    pub(super) draining: bool,
    /// Assets whose processing ended.
    pub(super) finished: u64,
    /// Finished assets whose copy is up to date.
    pub(super) current: u64,
    pub(super) not_mirrored: u64,
    pub(super) blobs: u64,
    pub(super) blobs_planned: u64,
    pub(super) bytes: u64,
    pub(super) bytes_planned: u64,
    pub(super) in_progress: HashMap<AssetId, InProgress>,
}

/// An asset with blobs to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InProgress {
    pub(super) name: String,
    pub(super) since: Instant,
    pub(super) blobs: u64,
    bytes: u64,
}

impl Tally {
    /// Adds an event that happened at that time.
    pub(super) fn add(&mut self, event: &RunEvent, now: Instant) {
        match event {
            RunEvent::Listed { side: Side::Source, assets } => self.listed = *assets,
            RunEvent::ListingFinished { side: Side::Source, assets } => {
                self.listed = *assets;
                self.listing_finished = true;
            }
            RunEvent::Compared { assets } => self.finished = *assets,
            RunEvent::AssetStarted { asset, name, blobs, bytes } => {
                self.blobs_planned += blobs;
                self.bytes_planned += bytes;
                let started = InProgress { name: name.clone(), since: now, blobs: *blobs, bytes: *bytes };
                self.in_progress.insert(asset.clone(), started);
            }
            RunEvent::BlobCopied { asset, bytes, .. } => {
                self.blobs += 1;
                self.bytes += bytes;
                self.progressed(asset, *bytes);
            }
            RunEvent::BytesSent { bytes, .. } => self.bytes += bytes,
            RunEvent::FileSent { asset, there, .. } => {
                self.blobs += 1;
                self.bytes += there;
                self.progressed(asset, 0);
            }
            RunEvent::AssetFinished { asset, outcome, .. } => self.finish(asset, outcome),
            RunEvent::Draining => self.draining = true,
            RunEvent::Listed { .. }
            | RunEvent::Changed { .. }
            | RunEvent::Planned(_)
            | RunEvent::ListingFinished { .. }
            | RunEvent::BlobFailed { .. }
            | RunEvent::MethodChosen { .. }
            | RunEvent::JobMoved { .. }
            | RunEvent::Note(_) => {}
        }
    }

    fn progressed(&mut self, asset: &AssetId, bytes: u64) {
        if let Some(asset) = self.in_progress.get_mut(asset) {
            asset.blobs = asset.blobs.saturating_sub(1);
            asset.bytes = asset.bytes.saturating_sub(bytes);
        }
    }

    fn finish(&mut self, asset: &AssetId, outcome: &AssetOutcome) {
        self.finished += 1;
        match outcome.finding() {
            None => self.current += 1,
            Some(finding) => self.not_mirrored += u64::from(finding.class() != Class::Skipped),
        }
        // The rest of its blobs is not copied in this run.
        if let Some(left) = self.in_progress.remove(asset) {
            self.blobs_planned = self.blobs_planned.saturating_sub(left.blobs).max(self.blobs);
            self.bytes_planned = self.bytes_planned.saturating_sub(left.bytes).max(self.bytes);
        }
    }

    /// How many assets have blobs to copy.
    pub(super) fn copying(&self) -> u64 {
        self.in_progress.len() as u64
    }

    /// Blobs that these assets still have to copy.
    pub(super) fn blobs_left(&self) -> u64 {
        self.in_progress.values().map(|asset| asset.blobs).sum()
    }

    /// The assets that have been in progress for the longest time.
    pub(super) fn slowest(&self, most: usize) -> Vec<&InProgress> {
        let mut all: Vec<&InProgress> = self.in_progress.values().collect();
        all.sort_by(|a, b| (a.since, &a.name).cmp(&(b.since, &b.name)));
        all.truncate(most);
        all
    }
}
