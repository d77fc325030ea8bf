//! Counts and reports the outcomes of assets and copies, and the findings.

use std::sync::MutexGuard;
use std::sync::atomic::Ordering;

use super::{Run, is_of_rights};
use crate::claims::Revoked;
use crate::claims::guards::Guard;
use crate::config::policy::Accepted;
use crate::engine::expired::explained;
use crate::engine::tally::verdict_of;
use crate::error::{Disposition, Error};
use crate::model::{Asset, AssetId};
use crate::monitor::{AssetOutcome, RunEvent};
use crate::verdict::{Change, Finding};

/// After this number of assets in a row that lack a permission, with nothing copied in between, the permission counts
/// as missing for the run. A single asset may be refused for its name: by a condition of a role, a firewall or a proxy.
const REFUSED_IN_A_ROW: u32 = 3;

impl Run {
    /// Counts the outcome of an asset and reports it to the monitor. Earlier findings about its copy count, too:
    /// returns the final verdict.
    pub(crate) fn finish(&self, asset: &Asset, outcome: AssetOutcome) -> AssetOutcome {
        let dealt_with = matches!(outcome, AssetOutcome::Mirrored | AssetOutcome::Unchanged);
        let pending = self.pending.lock().expect("no panic while held").remove(&asset.id).unwrap_or_default();
        let found = outcome.finding().cloned().into_iter().chain(pending).collect();
        let verdict = verdict_of(found, asset.label(), &self.accepted());
        if outcome == AssetOutcome::Mirrored {
            self.arrived();
        }
        let outcome = verdict.map_or(outcome, AssetOutcome::Not);
        if dealt_with && let Some(account) = self.source_account(asset) {
            self.outages.answered(account);
        }
        match &outcome {
            AssetOutcome::Mirrored => self.count(|tally| tally.assets.mirrored += 1),
            AssetOutcome::Unchanged => self.count(|tally| tally.assets.unchanged += 1),
            AssetOutcome::Not(finding) => {
                let owed = self.count(|tally| tally.add_asset(asset, finding, &mut self.accepted()));
                self.note_finding(Some((&asset.id, asset.label())), finding, owed);
            }
        }
        self.monitor.event(RunEvent::AssetFinished {
            asset: asset.id.clone(),
            name: asset.label().to_owned(),
            outcome: outcome.clone(),
        });
        outcome
    }

    fn accepted(&self) -> MutexGuard<'_, Accepted> {
        self.accepted.lock().expect("no panic while held")
    }

    /// A finding that concerns no single asset.
    pub(crate) fn find(&self, finding: Finding) {
        let event = finding.clone();
        let owed = self.count(|tally| tally.add_finding(finding, &mut self.accepted()));
        self.note_finding(None, &event, owed);
    }

    /// As [`Self::find`], but reports only the first finding of its cause.
    pub(crate) fn find_once(&self, finding: Finding) {
        let is_known =
            self.tally.lock().expect("no panic while held").findings.iter().any(|one| one.cause == finding.cause);
        if !is_known {
            self.find(finding);
        }
    }

    /// Reports a withdrawn locator.
    pub(crate) fn withdrawn(&self, revoked: &Revoked, change: Change) {
        self.count(|tally| tally.withdrawn += 1);
        self.changed(&Asset::known_by(&revoked.source, revoked.copy.label()), vec![change]);
    }

    /// Records that guards hold changes of an asset.
    pub(crate) fn hold(&self, source: &AssetId, label: &str, guards: &[Guard], finding: Finding) {
        for &guard in guards {
            self.held(guard, source);
        }
        self.finish_copy(source, label, finding);
    }

    /// Records what a guard holds, so that the operator can allow it.
    pub(crate) fn held(&self, guard: Guard, source: &AssetId) {
        self.count(|tally| tally.held_by.entry(guard).or_default().push(source.clone()));
    }

    /// A finding about a copy. If its source asset is part of the run, it becomes that asset's verdict when the
    /// contents are processed; otherwise it is a separate finding.
    pub(crate) fn finish_copy(&self, source: &AssetId, label: &str, finding: Finding) {
        if matches!(self.claims.spool.source(source), Ok(Some((_, true)))) {
            self.pending.lock().expect("no panic while held").entry(source.clone()).or_default().push(finding);
            return;
        }
        let asset = Asset::known_by(source, label);
        let owed = self.count(|tally| tally.add(&asset, &finding, &mut self.accepted()));
        self.note_finding(Some((source, label)), &finding, owed);
        let (asset, name) = (source.clone(), label.to_owned());
        self.monitor.event(RunEvent::AssetFinished { asset, name, outcome: AssetOutcome::Not(finding) });
    }

    /// As [`Self::finish_copy`], for an error; a fatal one stops the run.
    pub(crate) fn fail_copy(&self, source: &AssetId, label: &str, error: Error) {
        let error = explained(error, &self.pair);
        if error.disposition() == Disposition::Fatal && !is_of_rights(&error) {
            self.abandon(error);
        } else {
            self.finish_copy(source, label, error.finding(label));
        }
    }

    /// Something was written to the target, so the permissions are sufficient.
    pub(crate) fn arrived(&self) {
        self.refused_in_a_row.store(0, Ordering::Relaxed);
    }

    /// Counts an error of one asset and returns its verdict. A fatal error stops the run; a missing permission does as
    /// soon as it affects more than this asset.
    pub(crate) fn fail(&self, asset: &Asset, error: Error) -> Option<AssetOutcome> {
        let error = explained(error, &self.pair);
        match error.disposition() {
            Disposition::Fatal if is_of_rights(&error) => {
                let outcome = self.finish(asset, AssetOutcome::Not(error.finding(asset.label())));
                let in_a_row = self.refused_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
                // If there are several storage accounts, another one may grant the permission.
                let single = self.pair.source.storage.len() == 1 && self.pair.target.storage.len() == 1;
                if single && in_a_row >= REFUSED_IN_A_ROW {
                    self.abandon(error);
                } else {
                    self.refused.lock().expect("no panic while held").get_or_insert(error);
                }
                Some(outcome)
            }
            Disposition::Fatal => {
                self.abandon(error);
                None
            }
            _ => Some(self.finish(asset, AssetOutcome::Not(error.finding(asset.label())))),
        }
    }
}
