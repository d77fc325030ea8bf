//! What an assessment says: the numbers, and by name what would not play.

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
    /// When it was found out.
    pub at: Timestamp,
    /// The target's account.
    pub target: AccountName,
    /// Did the source answer?
    pub source: SourceState,
    /// Is the target the active side, after a failover?
    pub target_active: bool,
    /// When the last run began that went through all assets of the source.
    pub last_whole_run: Option<Timestamp>,
    /// The target's streaming endpoint.
    pub endpoint: Endpoint,
    /// Assets that should play, and those that do not have to.
    pub assets: AssetCounts,
    /// The same in three measures.
    pub coverage: Coverage,
    /// Assets by replication health.
    pub replication: ReplicationCounts,
    /// Everything that the source had so many seconds ago is on the target; `null`: not known.
    pub recovery_point_seconds: Option<u64>,
    /// What that is known from.
    pub recovery_point_basis: Option<Basis>,
    /// Assets with a change of the source that is not on the target, by its age.
    pub pending: Ages,
    /// What probes found; `null` without a probe.
    pub probes: Option<ProbeCounts>,
    /// When runs last found the copies equal to their sources.
    pub last_proof: Proofs,
    /// The last drill; `null`: none is recorded.
    pub last_drill: Option<Drill>,
    /// How many assets are not ready or unknown, by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// What would not play, in order of name.
    pub not_ready: Vec<Unready>,
    /// What is not known, in order of name.
    pub unknown: Vec<Unready>,
    /// What concerns no single asset.
    pub findings: Vec<Finding>,
    /// Each asset, if that was asked for, in order of name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<Row>>,
}

/// `total` = `ready` + `not_ready` + `unknown`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct AssetCounts {
    /// Should play.
    pub total: u64,
    /// Would play.
    pub ready: u64,
    /// Would not.
    pub not_ready: u64,
    /// It is not known.
    pub unknown: u64,
    /// Those of the last two whose cause the configuration accepts.
    pub accepted: u64,
    /// Do not have to play: the source does not play them either, or they are withheld. Not among the total.
    pub not_expected: u64,
}

/// A part of a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Part {
    /// What would play.
    pub ready: u64,
    /// All of it.
    pub total: u64,
}

/// What would play from the target, in three measures.
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
    /// The target has what the source has.
    pub current: u64,
    /// The source changed something since.
    pub behind: u64,
    /// There is no complete copy.
    pub missing: u64,
    /// The copy is as last recorded; the source was not asked.
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

/// What a recovery point is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Both sides were compared: the age of the oldest change that is not on the target.
    Comparison,
    /// The source was not asked: the age of the last run that went through all of its assets. It is not smaller.
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
    /// The time of the change is not known.
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

/// What probes found. `probed` = `plays` + `fails` + `unknown`.
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
    /// Those of which it could not be found out.
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

/// An asset that would not play, or of which it is not known.
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
    /// It does not have to.
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
    /// Has the target what the source has?
    pub mirrored: Replication,
    /// Does the endpoint run?
    pub endpoint: EndpointState,
    /// The access tier of its copy.
    pub tier: Tier,
    /// Is it protected?
    pub protection: Shield,
    /// `true`: the probe played it, `false`: it did not, `null`: not probed, or not known.
    pub probe: Option<bool>,
    /// Locators that play in the source, and those of them that play from the target.
    pub locators: Part,
    /// When a run last found the copy equal to its source.
    pub last_proof: Option<Timestamp>,
    /// Since when a change of the source waits.
    pub pending_since: Option<Timestamp>,
}

impl Readiness {
    /// Would at least that part (0 to 1) of what should play be ready? What the operator accepts counts as ready. Without
    /// assets, or with a finding that makes the list of assets doubtful, the answer is no: no data is never green.
    pub fn reaches(&self, part: f64) -> bool {
        let AssetCounts { total, ready, accepted, .. } = self.assets;
        #[expect(clippy::cast_precision_loss, reason = "no library has so many assets")]
        let enough = (ready + accepted) as f64 + 1e-9 >= part * total as f64;
        total > 0 && enough && !self.findings.iter().any(is_doubtful)
    }

    /// The part of the assets that is ready, in percent; `None`: there are none.
    pub fn percent(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "no library has so many assets")]
        let percent = |ready: u64, total: u64| ready as f64 * 100.0 / total as f64;
        (self.assets.total > 0).then(|| percent(self.assets.ready, self.assets.total))
    }
}

/// Does it make the list of assets doubtful?
fn is_doubtful(finding: &Finding) -> bool {
    matches!(finding.cause, Cause::HeldByGuard | Cause::DirectionReversed | Cause::ListingIncomplete)
}
