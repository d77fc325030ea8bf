//! What a run would cost, worked out from what a dry run has seen: its own requests are those a run begins with.

use std::time::Duration;

use serde::Serialize;

use super::contents::Contents;
use super::plan::Work;
use super::{RequestCounts, run};
use crate::blob;
use crate::connect::{Endpoint, Pair};
use crate::model::{Blob, CopyMethod, Plane};
use crate::throttle::Lane;

/// Assets whose file records one request reads.
const PARENTS_A_REQUEST: u64 = 15;
/// Making sure of the policy that locators need: one look and, the first time, one creation.
const POLICY: u64 = 2;

/// What a run is expected to cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Forecast {
    /// Requests in all.
    pub requests: RequestCounts,
    /// Bytes that are copied.
    pub bytes: u64,
    /// How long it takes under the configured limits, if the services answer as fast as they did now.
    #[serde(rename = "seconds", serialize_with = "super::as_seconds")]
    pub duration: Duration,
}

/// What is known of the work so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outlook {
    blob_requests: u64,
    created: u64,
    registered: u64,
    locators: u64,
    updates: u64,
}

impl Outlook {
    /// Adds an asset that is to be worked on.
    pub(crate) fn add(&mut self, work: &Work, source: &Contents<'_>, copies: u64) {
        self.blob_requests += copies + source.verification();
        self.created += u64::from(work.target.is_none());
        self.registered += 1;
        self.locators += work.missing.len() as u64;
        self.updates += work.outdated.len() as u64;
    }

    /// Requests that a run sends beyond those of a dry run.
    fn beyond(self) -> RequestCounts {
        let full = run::FILE_SETS_A_BATCH as u64;
        let (batches, rest) = (self.registered / full, self.registered % full);
        let reads = batches * full.div_ceil(PARENTS_A_REQUEST) + rest.div_ceil(PARENTS_A_REQUEST);
        let writes = self.registered.div_ceil(full);
        let publications = self.locators.div_ceil(run::LOCATORS_A_BATCH as u64);
        let policy = if self.locators == 0 { 0 } else { POLICY };
        let media = self.created + reads + writes + publications + policy + self.updates;
        RequestCounts { media, blob: self.blob_requests }
    }

    /// The whole forecast, after a dry run that sent those requests.
    pub(crate) fn forecast(self, pair: &Pair, sent: RequestCounts, bytes: u64) -> Forecast {
        let beyond = self.beyond();
        let requests = RequestCounts { media: sent.media + beyond.media, blob: sent.blob + beyond.blob };
        Forecast { requests, bytes, duration: duration(pair, requests, bytes) }
    }
}

/// Requests that copying a blob takes. Looks at an asynchronous copy are shared by all of its container.
pub(crate) fn copy_requests(blob: &Blob, method: Option<CopyMethod>, same_account: bool) -> u64 {
    match method.unwrap_or_else(|| blob::choose(blob.length, same_account)) {
        CopyMethod::Blocks => blob::blocks(blob.length) + 1,
        CopyMethod::Put | CopyMethod::Async => 1,
    }
}

/// The time of what takes longest: the lanes work beside each other.
fn duration(pair: &Pair, requests: RequestCounts, bytes: u64) -> Duration {
    // Copies are requests to the target that move bytes out of the source.
    let target = storage_lanes(&pair.target).map(|lane| lane_time(lane, requests.blob, bytes));
    let source = storage_lanes(&pair.source).map(|lane| lane_time(lane, requests.blob, bytes));
    let media = pair.target.lanes.iter().filter(|lane| lane.plane() == Plane::Media);
    let media = media.map(|lane| lane_time(lane, requests.media, 0));
    target.chain(source).chain(media).max().unwrap_or_default()
}

/// The lanes of a side's default storage account.
fn storage_lanes(side: &Endpoint) -> impl Iterator<Item = &Lane> {
    let account = side.storage.first().map(|account| account.name().clone());
    side.lanes
        .iter()
        .map(AsRef::as_ref)
        .filter(move |lane| lane.plane() != Plane::Media && Some(lane.account()) == account.as_ref())
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn lane_time(lane: &Lane, requests: u64, bytes: u64) -> Duration {
    let limits = lane.limits();
    let by =
        |amount: u64, rate: Option<std::num::NonZeroU64>| rate.map_or(0.0, |rate| amount as f64 / rate.get() as f64);
    let answers = lane.mean_latency().as_secs_f64() * requests as f64 / limits.in_flight.max(1) as f64;
    let seconds = answers.max(by(requests, limits.requests_per_second)).max(by(bytes, limits.bytes_per_second));
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
