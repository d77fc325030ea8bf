//! The result of an assessment: the numbers, and the names of assets that would not play.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::endpoint::{Endpoint, EndpointState};
use crate::engine::health::{Replication, Shield, SourceState, Tier};
use crate::ledger::Drill;
use crate::model::{AccountName, AssetId};
use crate::play::Depth;
use crate::verdict::{Cause, Finding};

/// Which assets would play from the target now.
#[derive(Debug, Clone, JsonSchema, Serialize)]
#[non_exhaustive]
pub struct Readiness {
    /// The time of the assessment.
    pub at: Timestamp,
    /// The target's account.
    pub target: AccountName,
    /// Did the source answer?
    pub source: SourceState,
    /// Is the target the active side, after a failover?
    pub target_active: bool,
    /// When the last run started that processed all assets of the source.
    pub last_whole_run: Option<Timestamp>,
    /// The target's streaming endpoint.
    pub endpoint: Endpoint,
    /// Assets that should play, and those that do not have to.
    pub assets: AssetCounts,
    /// The coverage in three measures.
    pub coverage: Coverage,
    /// Assets by replication health.
    pub replication: ReplicationCounts,
    /// The target has everything that the source had this number of seconds ago; `null`: unknown.
    pub recovery_point_seconds: Option<u64>,
    /// The basis of the recovery point.
    pub recovery_point_basis: Option<Basis>,
    /// Assets with a change of the source that is not on the target, by its age.
    pub pending: Ages,
    /// The results of probes; `null` without a probe.
    pub probes: Option<ProbeCounts>,
    /// When runs last found the copies equal to their sources.
    pub last_proof: Proofs,
    /// The last drill; `null`: none is recorded.
    pub last_drill: Option<Drill>,
    /// How many assets are not ready or unknown, by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Assets that would not play, in the order of names.
    pub not_ready: Vec<Unready>,
    /// Assets whose state is unknown, in the order of names.
    pub unknown: Vec<Unready>,
    /// Findings that do not concern a single asset.
    pub findings: Vec<Finding>,
    /// Does one of them mean that the target is not ready, even if all assets are?
    #[serde(skip)]
    pub doubtful: bool,
    /// Each asset in the order of names, if requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<Row>>,
}

/// `total` = `ready` + `not_ready` + `unknown`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct AssetCounts {
    /// Assets that should play.
    pub total: u64,
    /// Assets that would play.
    pub ready: u64,
    /// Assets that would not play.
    pub not_ready: u64,
    /// Assets whose state is unknown.
    pub unknown: u64,
    /// Those that are not ready or unknown and whose cause the configuration accepts.
    pub accepted: u64,
    /// Assets that do not have to play: the source does not play them either, or they are withheld. They are not in the
    /// total.
    pub not_expected: u64,
}

/// A part of a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Part {
    /// The part that would play.
    pub ready: u64,
    /// The whole.
    pub total: u64,
}

/// The coverage of the target, in three measures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Coverage {
    /// Assets.
    pub assets: Part,
    /// Streaming locators.
    pub locators: Part,
    /// Bytes of the assets' blobs.
    pub bytes: Part,
}

/// Assets that should play, by replication health.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct ReplicationCounts {
    /// The target has everything that the source has.
    pub current: u64,
    /// The source has changed since.
    pub behind: u64,
    /// There is no complete copy.
    pub missing: u64,
    /// The copy is as last recorded; no requests were sent to the source.
    pub as_recorded: u64,
    /// Not known.
    pub unknown: u64,
}

impl ReplicationCounts {
    pub(super) fn add(&mut self, replication: Replication) {
        *match replication {
            Replication::Current => &mut self.current,
            Replication::Behind => &mut self.behind,
            Replication::Missing => &mut self.missing,
            Replication::AsRecorded => &mut self.as_recorded,
            Replication::Unknown => &mut self.unknown,
        } += 1;
    }
}

/// The basis of a recovery point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Both sides were compared: the age of the oldest change that is not on the target.
    Comparison,
    /// No requests were sent to the source: the age of the last run that processed all of its assets. The real value is
    /// not smaller.
    LastWholeRun,
}

/// Assets with a change that is not on the target, by the age of its oldest change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Ages {
    /// All.
    pub assets: u64,
    /// Younger than five minutes.
    pub up_to_5_minutes: u64,
    /// Younger than fifteen minutes.
    pub up_to_15_minutes: u64,
    /// Younger than an hour.
    pub up_to_1_hour: u64,
    /// Younger than a day.
    pub up_to_24_hours: u64,
    /// Older.
    pub older: u64,
    /// The time of the change is unknown.
    pub unknown: u64,
}

impl Ages {
    pub(super) fn add(&mut self, seconds: Option<u64>) {
        self.assets += 1;
        *match seconds {
            None => &mut self.unknown,
            Some(0..300) => &mut self.up_to_5_minutes,
            Some(300..900) => &mut self.up_to_15_minutes,
            Some(900..3_600) => &mut self.up_to_1_hour,
            Some(3_600..86_400) => &mut self.up_to_24_hours,
            Some(_) => &mut self.older,
        } += 1;
    }
}

/// The results of probes. `probed` = `plays` + `fails` + `unknown`.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct ProbeCounts {
    /// How far they went.
    pub depth: Depth,
    /// The seed of the sample; empty if every asset was probed.
    pub seed: String,
    /// Assets that were probed.
    pub probed: u64,
    /// Those that play.
    pub plays: u64,
    /// Those that do not.
    pub fails: u64,
    /// Those that could not be checked.
    pub unknown: u64,
    /// URLs of those that play.
    pub urls: u64,
}

/// When runs last found the copies of assets that should play equal to their sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Proofs {
    /// The oldest.
    pub oldest: Option<Timestamp>,
    /// The newest.
    pub newest: Option<Timestamp>,
    /// Assets without one.
    pub never: u64,
}

/// An asset that would not play, or whose state is unknown.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Unready {
    /// Its id in the source.
    pub asset: AssetId,
    /// Its name.
    pub name: String,
    /// Why.
    pub cause: Cause,
    /// The part of the asset that it concerns, and the service's message; may be empty.
    pub detail: String,
    /// Does the configuration accept that cause?
    pub accepted: bool,
}

impl Unready {
    /// Why, as a finding.
    pub fn finding(&self) -> Finding {
        Finding::new(self.cause, self.detail.clone())
    }
}

/// Would an asset play?
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Yes.
    Ready,
    /// No.
    NotReady,
    /// Not known.
    Unknown,
    /// It does not have to play.
    NotExpected,
}

/// One asset.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Row {
    /// Its id in the source.
    pub asset: AssetId,
    /// Its name.
    pub name: String,
    /// Would it play?
    pub ready: Standing,
    /// Why not.
    pub cause: Option<Cause>,
    /// Does the target have what the source has?
    pub mirrored: Replication,
    /// Does the endpoint run?
    pub endpoint: EndpointState,
    /// The access tier of its copy.
    pub tier: Tier,
    /// Is it protected?
    pub protection: Shield,
    /// `true`: it played in the probe, `false`: it did not, `null`: not probed, or unknown.
    pub probe: Option<bool>,
    /// Locators that play in the source, and how many of them play from the target.
    pub locators: Part,
    /// When a run last found the copy equal to its source.
    pub last_proof: Option<Timestamp>,
    /// Since when a change of the source is not on the target.
    pub pending_since: Option<Timestamp>,
}

impl Readiness {
    /// Is at least that share (0 to 1) of the assets that should play ready? Accepted causes count as ready. Without
    /// assets, or with a finding that is [`Self::doubtful`], the answer is no.
    pub fn reaches(&self, part: f64) -> bool {
        let AssetCounts { total, ready, accepted, .. } = self.assets;
        #[expect(clippy::cast_precision_loss, reason = "no library has so many assets")]
        let enough = (ready + accepted) as f64 + 1e-9 >= part * total as f64;
        total > 0 && enough && !self.doubtful
    }

    /// The part of the assets that is ready, in percent; `None` if there are none.
    pub fn percent(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "no library has so many assets")]
        let percent = |ready: u64, total: u64| ready as f64 * 100.0 / total as f64;
        (self.assets.total > 0).then(|| percent(self.assets.ready, self.assets.total))
    }
}
