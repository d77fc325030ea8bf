//! Calculates the totals of all assets. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::endpoint::Endpoint;
use super::report::{
    Ages, AssetCounts, Basis, Coverage, Part, ProbeCounts, Proofs, Readiness, ReplicationCounts, Row, Standing, Unready,
};
use super::verdict::verdict;
use crate::config::policy::{Accept, Accepted};
use crate::engine::health::{AssetHealth, Health, Playable, SourceState};
use crate::play::{Depth, Probed};
use crate::verdict::{Cause, Finding};

/// The totals so far.
#[derive(Debug)]
pub(super) struct Fold<'a> {
    endpoint: &'a Endpoint,
    now: Timestamp,
    accepted: Accepted,
    assets: AssetCounts,
    coverage: Coverage,
    replication: ReplicationCounts,
    pending: Ages,
    /// The time of the oldest change that is not on the target.
    oldest: Option<Timestamp>,
    is_undated: bool,
    probes: (u64, u64, u64, u64),
    proofs: Proofs,
    causes: BTreeMap<Cause, u64>,
    not_ready: Vec<Unready>,
    unknown: Vec<Unready>,
    rows: Option<Vec<Row>>,
}

impl<'a> Fold<'a> {
    /// Nothing yet.
    pub(super) fn new(accept: &[Accept], endpoint: &'a Endpoint, now: Timestamp, rows: bool) -> Self {
        Self {
            endpoint,
            now,
            accepted: Accepted::new(accept),
            assets: AssetCounts::default(),
            coverage: Coverage::default(),
            replication: ReplicationCounts::default(),
            pending: Ages::default(),
            oldest: None,
            is_undated: false,
            probes: (0, 0, 0, 0),
            proofs: Proofs::default(),
            causes: BTreeMap::new(),
            not_ready: Vec::new(),
            unknown: Vec::new(),
            rows: rows.then(Vec::new),
        }
    }

    /// Assets that were probed so far.
    pub(super) fn probed(&self) -> u64 {
        self.probes.0
    }

    /// Adds an asset.
    pub(super) fn add(&mut self, health: AssetHealth, probed: Option<&Probed>) {
        let playable = verdict(&health, self.endpoint, probed);
        self.add_probe(probed);
        if let Some(pending) = health.pending {
            self.pending.add(pending.since.map(|since| seconds(since, self.now)));
            self.is_undated |= pending.since.is_none();
            self.oldest = [self.oldest, pending.since].into_iter().flatten().min();
        }
        if playable != Playable::NotExpected {
            self.add_expected(&health, playable == Playable::Ready);
        }
        let (standing, finding) = match playable {
            Playable::Ready => (Standing::Ready, None),
            Playable::Not(finding) => (Standing::NotReady, Some(finding)),
            Playable::Unknown(finding) => (Standing::Unknown, Some(finding)),
            Playable::NotExpected => (Standing::NotExpected, None),
        };
        self.add_row(&health, standing, finding.as_ref(), probed);
        *match standing {
            Standing::Ready => &mut self.assets.ready,
            Standing::NotReady => &mut self.assets.not_ready,
            Standing::Unknown => &mut self.assets.unknown,
            Standing::NotExpected => &mut self.assets.not_expected,
        } += 1;
        if let Some(finding) = finding {
            self.add_unready(health, standing, finding);
        }
    }

    fn add_probe(&mut self, probed: Option<&Probed>) {
        let (all, plays, fails, urls) = &mut self.probes;
        *all += u64::from(probed.is_some());
        match probed {
            Some(Probed::Plays { urls: more }) => (*plays, *urls) = (*plays + 1, *urls + more),
            Some(Probed::Fails(_)) => *fails += 1,
            Some(Probed::Unknown(_)) | None => {}
        }
    }

    /// Adds an asset that should play.
    fn add_expected(&mut self, health: &AssetHealth, is_ready: bool) {
        self.assets.total += 1;
        self.replication.add(health.replication);
        let add = |part: &mut Part, ready: u64, total: u64| {
            part.total += total;
            part.ready += if is_ready { ready } else { 0 };
        };
        let (wanted, there) = health.locators;
        add(&mut self.coverage.assets, 1, 1);
        add(&mut self.coverage.locators, there, wanted);
        add(&mut self.coverage.bytes, health.bytes, health.bytes);
        match health.proven {
            None => self.proofs.never += 1,
            Some(at) => {
                self.proofs.oldest = Some(self.proofs.oldest.map_or(at, |oldest| oldest.min(at)));
                self.proofs.newest = self.proofs.newest.max(Some(at));
            }
        }
    }

    fn add_row(
        &mut self,
        health: &AssetHealth,
        standing: Standing,
        finding: Option<&Finding>,
        probed: Option<&Probed>,
    ) {
        let Some(rows) = &mut self.rows else { return };
        let (wanted, there) = health.locators;
        rows.push(Row {
            asset: health.asset.clone(),
            name: health.name.clone(),
            ready: standing,
            cause: finding.map(|finding| finding.cause),
            mirrored: health.replication,
            endpoint: self.endpoint.state,
            tier: health.tier,
            protection: health.protection,
            probe: match probed {
                Some(Probed::Plays { .. }) => Some(true),
                Some(Probed::Fails(_)) => Some(false),
                Some(Probed::Unknown(_)) | None => None,
            },
            locators: Part { ready: there, total: wanted },
            last_proof: health.proven,
            pending_since: health.pending.and_then(|pending| pending.since),
        });
    }

    fn add_unready(&mut self, health: AssetHealth, standing: Standing, finding: Finding) {
        let accepted = self.accepted.accepts(finding.cause, &health.name);
        self.assets.accepted += u64::from(accepted);
        *self.causes.entry(finding.cause).or_default() += 1;
        let Finding { cause, detail, .. } = finding;
        let unready = Unready { asset: health.asset, name: health.name, cause, detail, accepted };
        let list = if standing == Standing::Unknown { &mut self.unknown } else { &mut self.not_ready };
        list.push(unready);
    }

    /// The whole.
    pub(super) fn finish(mut self, health: &Health, endpoint: Endpoint, probe: Option<(Depth, String)>) -> Readiness {
        for list in [&mut self.not_ready, &mut self.unknown] {
            list.sort_by(|a, b| (&a.name, &a.asset).cmp(&(&b.name, &b.asset)));
        }
        if let Some(rows) = &mut self.rows {
            rows.sort_by(|a, b| (&a.name, &a.asset).cmp(&(&b.name, &b.asset)));
        }
        let (recovery_point_seconds, recovery_point_basis) = self.recovery_point(health);
        // The endpoint already reports this.
        let findings: Vec<Finding> =
            health.findings().into_iter().filter(|one| one.cause != Cause::TargetNotStreaming).collect();
        let doubtful = self.is_doubtful(&findings);
        let (probed, plays, fails, urls) = self.probes;
        let unknown = probed - plays - fails;
        Readiness {
            at: self.now,
            target: health.target().clone(),
            source: health.source.clone(),
            target_active: health.is_target_active(),
            last_whole_run: health.last_whole_run(),
            endpoint,
            assets: self.assets,
            coverage: self.coverage,
            replication: self.replication,
            recovery_point_seconds,
            recovery_point_basis,
            pending: self.pending,
            probes: probe.map(|(depth, seed)| ProbeCounts { depth, seed, probed, plays, fails, unknown, urls }),
            last_proof: self.proofs,
            last_drill: None,
            causes: self.causes,
            not_ready: self.not_ready,
            unknown: self.unknown,
            findings,
            doubtful,
            rows: self.rows,
        }
    }

    /// Does a finding make the list of assets unreliable, or do URLs with filters of the account not play?
    fn is_doubtful(&self, findings: &[Finding]) -> bool {
        findings.iter().any(|finding| match finding.cause {
            Cause::HeldByGuard | Cause::DirectionReversed | Cause::ListingIncomplete => true,
            Cause::FiltersDiffer | Cause::FiltersUnchecked => !self.accepted.covers(finding.cause, ""),
            _ => false,
        })
    }

    /// The recovery point in seconds, and its basis.
    fn recovery_point(&self, health: &Health) -> (Option<u64>, Option<Basis>) {
        let at = |since: Timestamp| seconds(since, self.now);
        let whole = health.last_whole_run();
        if health.source != SourceState::Answered || self.is_undated {
            return (whole.map(at), whole.map(|_| Basis::LastWholeRun));
        }
        (Some(self.oldest.map_or(0, at)), Some(Basis::Comparison))
    }
}

fn seconds(since: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(since).as_secs()).unwrap_or(0)
}
