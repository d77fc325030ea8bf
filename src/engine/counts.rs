//! The counts of a run, the outcomes of assets, and the assets that were not mirrored.

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::config::policy::Accepted;
use crate::connect::Pair;
use crate::model::{Asset, AssetId, Plane};
use crate::verdict::{Class, Finding};

/// Assets by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct AssetCounts {
    /// In scope.
    pub total: u64,
    /// Newly complete on the target (in a dry run: to be mirrored).
    pub mirrored: u64,
    /// Already complete.
    pub unchanged: u64,
    /// Left out on purpose, including storage-encrypted ones.
    pub skipped: u64,
    /// Failed, or disappeared during the run.
    pub failed: u64,
    /// In conflict with something that mediamirror did not create.
    pub conflicts: u64,
    /// A guard holds their changes.
    pub held: u64,
    /// A property that affects the decision could not be read.
    pub unchecked: u64,
    /// Complete earlier, and no longer listed by the source. Their copies stay on the target. Not included in the
    /// total.
    pub gone: u64,
}

/// Blobs by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct BlobCounts {
    /// Copied now (in a dry run: to be copied).
    pub copied: u64,
    /// Already on the target.
    pub unchanged: u64,
    /// Could not be copied.
    pub failed: u64,
}

/// Streaming locators by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct LocatorCounts {
    /// Created or corrected now (in a dry run: to be created).
    pub mirrored: u64,
    /// Already on the target.
    pub unchanged: u64,
    /// Could not be created.
    pub failed: u64,
}

/// Extra content on the target: blobs that the source has deleted from assets that still play, and deleted assets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct KeptCounts {
    /// Assets.
    pub assets: u64,
    /// Blobs of assets that the source still has.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Deleted on the target (in a dry run: to be deleted).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct DeletedCounts {
    /// Copies of assets.
    pub assets: u64,
    /// Blobs, including those of these copies.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Something that will be deleted on the target.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct PendingDeletion {
    /// Source id.
    pub asset: AssetId,
    /// Name to show.
    pub name: String,
    /// Is the whole copy deleted? If not, only some of its blobs.
    pub whole: bool,
    /// Blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The earliest time of the deletion, if the source lacks it every night until then.
    pub on: Timestamp,
}

/// Requests sent to both accounts, including retries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct RequestCounts {
    /// To the media APIs and token services.
    pub media: u64,
    /// To the blob services.
    pub blob: u64,
    /// Pauses that were granted to a service: the total of the lane that paused longest.
    #[serde(rename = "pauses_seconds", serialize_with = "as_seconds")]
    #[schemars(with = "f64")]
    pub pauses: Duration,
    /// A service requested longer pauses than a run grants.
    pub pause_limit_reached: bool,
}

impl RequestCounts {
    /// The requests that all lanes of both sides have sent so far.
    pub(crate) fn sent(pair: &Pair) -> Self {
        let mut counts = Self::default();
        for lane in pair.source.lanes.iter().chain(&pair.target.lanes) {
            let stats = lane.stats();
            counts.pauses = counts.pauses.max(stats.pauses);
            counts.pause_limit_reached |= stats.pause_limit_reached;
            match lane.plane() {
                Plane::Media => counts.media += stats.requests,
                Plane::BlobRead | Plane::BlobWrite => counts.blob += stats.requests,
                // A run sends no requests as a viewer.
                Plane::Viewer | Plane::SignIn => {}
            }
        }
        counts
    }
}

/// Requests to storage accounts, as the account is charged for them. A copy is a write on the target and a read in the
/// source; a listing is charged as a write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Charged {
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
}

/// An asset that is not complete on the target, and why.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Problem {
    /// Source id.
    pub asset: AssetId,
    /// Name to show.
    pub name: String,
    /// The class of its verdict.
    #[serde(rename = "result")]
    pub class: Class,
    /// Why.
    #[serde(flatten)]
    pub finding: Finding,
    /// Does the target owe it, and does the configuration not accept it?
    pub owed: bool,
}

impl Problem {
    /// The problem of an asset.
    pub(crate) fn of(asset: &Asset, finding: Finding, accepted: &mut Accepted) -> Self {
        let name = asset.label().to_owned();
        // Checked first: a problem that is not owed does not use up an acceptance.
        let owed = finding.owed() && !accepted.accepts(finding.cause, &name);
        Self { asset: asset.id.clone(), name, class: finding.class(), owed, finding }
    }
}

/// Seconds with milliseconds, in JSON.
pub(crate) fn as_seconds<S: serde::Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0)
}
