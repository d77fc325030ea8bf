//! The counts of a run in progress.

use std::collections::{BTreeMap, BTreeSet};

use crate::claims::Guard;
use crate::config::policy::Accepted;
use crate::engine::counts::{
    AssetCounts, BlobCounts, DeletedCounts, KeptCounts, LocatorCounts, PendingDeletion, Problem,
};
use crate::engine::forecast::Outlook;
use crate::model::{Asset, AssetId, LeftOut, LocatorId};
use crate::verdict::{Cause, Class, Finding, Outcome};

/// The counts of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) assets: AssetCounts,
    pub(crate) blobs: BlobCounts,
    pub(crate) locators: LocatorCounts,
    pub(crate) bytes_copied: u64,
    pub(crate) problems: Vec<Problem>,
    /// The number of problems by cause.
    pub(crate) causes: BTreeMap<Cause, u64>,
    /// Problems and findings that the target owes and the operator has not accepted.
    pub(crate) owed: u64,
    /// The number of held assets, and the source assets that each guard holds.
    pub(crate) held: u64,
    pub(crate) held_by: BTreeMap<Guard, Vec<AssetId>>,
    /// Locators that were withdrawn.
    pub(crate) withdrawn: u64,
    /// Our locators that the source still serves, although its listing omitted them.
    pub(crate) hidden: BTreeSet<LocatorId>,
    /// Blobs of the source that the configuration leaves out.
    pub(crate) left_out: LeftOut,
    /// Extra content on the target.
    pub(crate) kept: KeptCounts,
    /// Completed and pending deletions.
    pub(crate) deleted: DeletedCounts,
    pub(crate) pending: Vec<PendingDeletion>,
    /// Copies that played when the run started.
    pub(crate) published: u64,
    /// The copies among them that the run stopped.
    pub(crate) stopped: u64,
    /// Findings that concern no single asset. They are included in `owed`.
    pub(crate) findings: Vec<Finding>,
    /// Only in a dry run: the work to do.
    pub(crate) outlook: Outlook,
}

/// Selects the verdict of an asset from its findings. A finding held by a guard is first, because a protected asset may
/// still play; then a finding that the target owes and the operator has not accepted. Of equal findings, the first is
/// selected.
pub(crate) fn verdict_of(found: Vec<Finding>, label: &str, accepted: &Accepted) -> Option<Finding> {
    // An accepted finding is before one that the target does not owe, so that a limit counts it.
    let weight = |finding: &Finding| {
        let owed = finding.owed();
        (finding.class() == Class::Held, owed && !accepted.covers(finding.cause, label), owed)
    };
    found.into_iter().rev().max_by_key(weight)
}

impl Tally {
    /// Adds an asset of the source that is not mirrored. Returns whether that is owed and not accepted.
    pub(crate) fn add_asset(&mut self, asset: &Asset, finding: &Finding, accepted: &mut Accepted) -> bool {
        match finding.class() {
            Class::Skipped | Class::Withheld | Class::Noted => self.assets.skipped += 1,
            Class::Failed => self.assets.failed += 1,
            Class::Held => self.assets.held += 1,
            Class::Unchecked => self.assets.unchecked += 1,
            Class::Conflict => self.assets.conflicts += 1,
        }
        self.add(asset, finding, accepted)
    }

    /// Adds a finding about an asset that the source may not list. Returns whether it is owed and not accepted.
    pub(crate) fn add(&mut self, asset: &Asset, finding: &Finding, accepted: &mut Accepted) -> bool {
        let problem = Problem::of(asset, finding.clone(), accepted);
        self.owed += u64::from(problem.owed);
        self.held += u64::from(problem.class == Class::Held);
        *self.causes.entry(finding.cause).or_default() += 1;
        let owed = problem.owed;
        self.problems.push(problem);
        owed
    }

    /// Adds a finding that concerns no single asset. Returns whether it is owed and not accepted.
    pub(crate) fn add_finding(&mut self, finding: Finding, accepted: &mut Accepted) -> bool {
        let owed = finding.owed() && !accepted.accepts(finding.cause, "");
        self.owed += u64::from(owed);
        self.findings.push(finding);
        owed
    }

    /// The outcome of a run with these findings, if it completes.
    pub(crate) fn verdict(&self) -> Outcome {
        match () {
            () if self.held > 0 || self.findings.iter().any(|finding| finding.class() == Class::Held) => Outcome::Held,
            () if self.owed > 0 => Outcome::Partial,
            () => Outcome::Complete,
        }
    }

    /// Could the run have missed something that the source has, or does a guard hold something? Returns the cause.
    pub(crate) fn hides(&self) -> Option<Cause> {
        let found = self.findings.iter().map(|finding| finding.cause);
        found.chain(self.causes.keys().copied()).find(|cause| cause.hides())
    }

    /// Counts deletions.
    pub(crate) fn delete(&mut self, assets: u64, blobs: u64, bytes: u64) {
        self.deleted.assets += assets;
        self.deleted.blobs += blobs;
        self.deleted.bytes += bytes;
    }

    /// Counts blobs that only the target has.
    pub(crate) fn keep(&mut self, blobs: u64, bytes: u64) {
        self.kept.assets += u64::from(blobs > 0);
        self.kept.blobs += blobs;
        self.kept.bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::policy::Accept;

    fn accepting_one(cause: Cause) -> Accepted {
        Accepted::new(&[Accept { cause, names: None, most: Some(1) }])
    }

    #[test]
    fn a_limit_counts_an_accepted_finding_beside_one_that_the_target_does_not_owe() {
        let accepted = accepting_one(Cause::ArchivedInTarget);
        let found = || vec![Cause::Withheld.into(), Cause::ArchivedInTarget.into()];
        assert!(!Finding::from(Cause::Withheld).owed() && Finding::from(Cause::ArchivedInTarget).owed());
        assert_eq!(verdict_of(found(), "film", &accepted).map(|finding| finding.cause), Some(Cause::ArchivedInTarget));
    }

    #[test]
    fn assets_and_findings_without_an_asset_use_up_one_limit() {
        let mut accepted = accepting_one(Cause::ListingIncomplete);
        let mut tally = Tally::default();
        let asset = Asset::known_by(&AssetId::new("a"), "film");
        tally.add_asset(&asset, &Cause::ListingIncomplete.into(), &mut accepted);
        assert_eq!(tally.verdict(), Outcome::Complete);
        tally.add_finding(Cause::ListingIncomplete.into(), &mut accepted);
        assert_eq!(tally.verdict(), Outcome::Partial);
    }
}
