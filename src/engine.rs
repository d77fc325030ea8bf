//! The engine: mirrors a library, asset by asset, thousands of copies at once.

pub mod urls;
pub mod verify;

use std::collections::BTreeMap;
use std::time::Duration;

use globset::GlobSet;
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::connect::Pair;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::model::{AssetId, CopyMethod};
use crate::monitor::{AssetOutcome, Monitor};

/// What to mirror and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only assets whose name matches one of these.
    pub include: Option<GlobSet>,
    /// No assets whose name matches one of these.
    pub exclude: Option<GlobSet>,
    /// One method for every blob; `None` = the best for each.
    pub copy_method: Option<CopyMethod>,
    /// Plan only; nothing is written anywhere but to the screen.
    pub dry_run: bool,
    /// Assets worked on at once.
    pub assets_in_flight: usize,
}

/// Assets at once by default: an asset holds a listing page and its copies; with twenty blobs each this keeps more
/// copies ready than a lane has slots.
const DEFAULT_ASSETS_IN_FLIGHT: usize = 64;

impl Default for Options {
    fn default() -> Self {
        Self {
            include: None,
            exclude: None,
            copy_method: None,
            dry_run: false,
            assets_in_flight: DEFAULT_ASSETS_IN_FLIGHT,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything in scope is mirrored and verified.
    Complete,
    /// It came to its end, but some assets could not be mirrored.
    Partial,
    /// It was asked to stop; the next run goes on from here.
    Interrupted,
    /// Nothing was to be changed.
    DryRun,
}

/// Assets by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AssetCounts {
    /// In scope.
    pub total: u64,
    /// Newly complete on the target (in a dry run: to be mirrored).
    pub mirrored: u64,
    /// Complete before.
    pub unchanged: u64,
    /// Left out on purpose, storage-encrypted ones included.
    pub skipped: u64,
    /// Failed, or disappeared during the run.
    pub failed: u64,
    /// Something of somebody else's is in the place.
    pub conflicts: u64,
}

/// Blobs by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BlobCounts {
    /// Copied now (in a dry run: to be copied).
    pub copied: u64,
    /// There already.
    pub unchanged: u64,
    /// Could not be copied.
    pub failed: u64,
}

/// Streaming locators by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LocatorCounts {
    /// Made or corrected now (in a dry run: to be made).
    pub mirrored: u64,
    /// There already.
    pub unchanged: u64,
    /// Could not be made.
    pub failed: u64,
}

/// Requests sent, retries included, both accounts together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RequestCounts {
    /// To the media APIs and token services.
    pub media: u64,
    /// To the blob services.
    pub blob: u64,
}

/// An asset that is not complete on the target, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Source id.
    pub asset: AssetId,
    /// Name to show.
    pub name: String,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: AssetOutcome,
}

/// What a run did.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// How it ended.
    pub outcome: Outcome,
    /// Assets.
    pub assets: AssetCounts,
    /// Blobs of the assets worked on.
    pub blobs: BlobCounts,
    /// Bytes of the blobs copied.
    pub bytes_copied: u64,
    /// Locators.
    pub locators: LocatorCounts,
    /// Requests.
    pub requests: RequestCounts,
    /// Wall time.
    #[serde(rename = "elapsed_seconds", serialize_with = "as_seconds")]
    pub elapsed: Duration,
    /// Every asset in scope that is not complete, in order of name.
    pub problems: Vec<Problem>,
    /// Latency in microseconds of each kind of request.
    #[serde(skip)]
    pub latency: BTreeMap<&'static str, Histogram<u64>>,
}

fn as_seconds<S: serde::Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0)
}

/// Mirrors the source's library to the target.
///
/// `stop` asks it to drain: nothing new is begun, what is begun is ended and recorded.
///
/// # Errors
/// Only what makes going on pointless: refused credentials, an unusable ledger. A failure of one asset is in the summary.
pub async fn mirror(
    _pair: &Pair,
    _ledger: &Ledger,
    _options: &Options,
    _monitor: &dyn Monitor,
    _stop: &CancellationToken,
) -> Result<Summary, Error> {
    todo!("engine")
}
