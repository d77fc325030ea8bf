//! The counts of a run in progress.

use std::collections::{BTreeMap, BTreeSet};

use super::forecast::Outlook;
use super::{AssetCounts, BlobCounts, KeptCounts, LocatorCounts, Outcome, Problem};
use crate::claims::Guard;
use crate::config::policy::{Accepted, Policy};
use crate::model::{Asset, AssetId, LocatorId};
use crate::verdict::{Cause, Class, Finding};

/// The counts of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) assets: AssetCounts,
    pub(crate) blobs: BlobCounts,
    pub(crate) locators: LocatorCounts,
    pub(crate) bytes_copied: u64,
    pub(crate) problems: Vec<Problem>,
    /// Of the problems: how many by cause, and those that the target owes.
    pub(crate) causes: BTreeMap<Cause, u64>,
    pub(crate) owed: u64,
    /// Findings that are held, and what each guard holds, by source asset.
    pub(crate) held: u64,
    pub(crate) held_by: BTreeMap<Guard, Vec<AssetId>>,
    /// Locators that were withdrawn.
    pub(crate) withdrawn: u64,
    /// Locators of ours that a listing of the source leaves out.
    pub(crate) hidden: BTreeSet<LocatorId>,
    /// What only the target has.
    pub(crate) kept: KeptCounts,
    /// Copies that played when the run started.
    pub(crate) published: u64,
    /// Those of them that it stopped.
    pub(crate) stopped: u64,
    /// Findings that concern no single asset.
    pub(crate) findings: Vec<Finding>,
    /// Of a dry run: what is to be done.
    pub(crate) outlook: Outlook,
}

/// Of all that was found of one asset, what its verdict is: what a guard holds comes first, because a protected asset may
/// still play; then what the target owes and the operator has not accepted. Of equal findings the first.
pub(super) fn verdict_of(found: Vec<Finding>, label: &str, accepted: &Accepted) -> Option<Finding> {
    let weight =
        |finding: &Finding| (finding.class() == Class::Held, finding.owed() && !accepted.covers(finding.cause, label));
    found.into_iter().rev().max_by_key(weight)
}

impl Tally {
    /// Adds an asset of the source that is not mirrored.
    pub(super) fn add_asset(&mut self, asset: &Asset, finding: &Finding, accepted: &mut Accepted) {
        match finding.class() {
            Class::Skipped | Class::Withheld => self.assets.skipped += 1,
            Class::Failed | Class::Held | Class::Unchecked => self.assets.failed += 1,
            Class::Conflict => self.assets.conflicts += 1,
        }
        self.add(asset, finding, accepted);
    }

    /// Adds a finding, whether the source lists its asset or not.
    pub(super) fn add(&mut self, asset: &Asset, finding: &Finding, accepted: &mut Accepted) {
        let problem = Problem::of(asset, finding.clone(), accepted);
        self.owed += u64::from(problem.owed);
        self.held += u64::from(problem.class == Class::Held);
        *self.causes.entry(finding.cause).or_default() += 1;
        self.problems.push(problem);
    }

    /// How a run with these findings ends, if it comes to its end.
    pub(super) fn verdict(&self, policy: &Policy) -> Outcome {
        let mut accepted = Accepted::new(&policy.accept);
        let owed = self.findings.iter().any(|finding| finding.owed() && !accepted.accepts(finding.cause, ""));
        match () {
            () if self.held > 0 || self.findings.iter().any(|finding| finding.class() == Class::Held) => Outcome::Held,
            () if owed || self.owed > 0 => Outcome::Partial,
            () => Outcome::Complete,
        }
    }

    /// Counts blobs that only the target has.
    pub(crate) fn keep(&mut self, blobs: u64, bytes: u64) {
        self.kept.assets += u64::from(blobs > 0);
        self.kept.blobs += blobs;
        self.kept.bytes += bytes;
    }
}
