//! Forecasts the cost of a run from a dry run, whose own requests are the first requests of a run.
//!
//! File records and locators are batched by the same rule as in a run. One number cannot be known, and is reported as
//! an estimate: the requests that check asynchronous copies, because the service does not guarantee their speed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Serialize;

use crate::blob;
use crate::claims::Work;
use crate::connect::{Endpoint, Pair};
use crate::engine::contents::Contents;
use crate::engine::contents::stages::Stage;
use crate::engine::counts::{Charged, RequestCounts};
use crate::engine::schedule::batcher::Fill;
use crate::engine::schedule::in_flight::{PATIENCE, PATIENCE_PART};
use crate::engine::schedule::poll;
use crate::engine::traffic;
use crate::library::{Capacity, Cost, Library, RecordBatch};
use crate::model::{Blob, CopyMethod, Extent, Locator, Plane};
use crate::throttle::Lane;

/// The number of different durations of locators that are examined; an account keeps fewer policies than that.
const DURATIONS: usize = 100;
/// Speed of an asynchronous copy between regions: 50 GB in 20 minutes (field report, azure-sdk-for-python issue 24293).
const ASYNC_BYTES_PER_SECOND: u64 = 42_000_000;

/// The expected cost of a run.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema, Serialize)]
#[non_exhaustive]
pub struct Forecast {
    /// All requests.
    pub requests: RequestCounts,
    /// The blob requests that check the progress of asynchronous copies: an estimate. All others are counted.
    pub estimated_polls: u64,
    /// Requests to the storage accounts, as they are charged.
    pub charged: Charged,
    /// Bytes to copy.
    pub bytes: u64,
    /// The expected duration under the configured limits, if the run starts now and the services answer as fast as they
    /// do now.
    #[serde(rename = "seconds", serialize_with = "super::counts::as_seconds")]
    #[schemars(with = "f64")]
    pub duration: Duration,
}

/// The work that is known so far.
#[derive(Debug, Default)]
pub(crate) struct Outlook {
    copies: u64,
    /// Reads in the source for copies.
    reads: u64,
    polls: u64,
    verifications: u64,
    created: u64,
    updates: u64,
    /// Locators to change.
    locator_updates: u64,
    files: Filling,
    locators: Filling,
    /// One locator of each duration.
    durations: BTreeMap<Option<SignedDuration>, Locator>,
    /// The time of the longest asynchronous copy.
    longest: Duration,
}

/// The cost of copying the blobs of one asset.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    requests: u64,
    /// The requests that read in the source.
    reads: u64,
    /// The largest blob of each stage with asynchronous copies.
    followed: Vec<(Stage, u64)>,
    /// A name is not valid for a new file record.
    pub(crate) unpostable: bool,
}

impl Copies {
    /// The readings of both containers after the first one, which a dry run does itself.
    pub(crate) fn of_walks(source: &Contents<'_>, present: Option<&Contents<'_>>) -> Self {
        let more = source.stages.all().len() as u64 - 1;
        let each = source.walk_requests() + present.map_or(0, Contents::walk_requests);
        Self { requests: more * each, ..Self::default() }
    }

    /// Adds a blob. A copy within an account completes immediately and is not checked again. If the target was
    /// `started_before`, the run checks for blocks that an earlier run may have left; their number is unknown.
    pub(crate) fn add(
        &mut self,
        blob: &Blob,
        method: CopyMethod,
        stage: Stage,
        same_account: bool,
        started_before: bool,
    ) {
        let blocks = blob::blocks(blob.length);
        self.reads += if method == CopyMethod::Blocks { blocks } else { 1 };
        self.requests += match method {
            CopyMethod::Blocks => blocks + 1 + u64::from(started_before && blocks > 1),
            CopyMethod::Put | CopyMethod::Async => 1,
        };
        if method == CopyMethod::Async && !same_account {
            match self.followed.iter_mut().find(|(followed, _)| *followed == stage) {
                Some((_, largest)) => *largest = blob.length.max(*largest),
                None => self.followed.push((stage, blob.length)),
            }
        }
    }
}

/// Batches as a run would fill them.
#[derive(Debug, Default)]
struct Filling {
    items: u64,
    batches: u64,
    /// Requests of the full batches.
    requests: Cost,
    fill: Fill,
    open: RecordBatch,
}

impl Filling {
    fn add(&mut self, capacity: Capacity, weight: u64, cost: impl Fn(&RecordBatch) -> Cost) {
        if !self.fill.has_room(capacity, weight) {
            self.close(cost);
        }
        self.fill.add(weight);
        self.open.assets += 1;
        self.open.records += weight;
        self.items += 1;
    }

    fn close(&mut self, cost: impl Fn(&RecordBatch) -> Cost) {
        if self.fill.items > 0 {
            self.requests += cost(&self.open);
            self.batches += 1;
            (self.fill, self.open) = (Fill::default(), RecordBatch::default());
        }
    }

    /// Additional requests because patience ends before batches are full, if assets are ready this far apart. (Assets that
    /// are registered together are also published together.)
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    fn unfilled(&self, capacity: Capacity, interval: Duration, in_flight: usize, each: Cost) -> Cost {
        let interval = interval.as_secs_f64();
        let age = interval * in_flight as f64;
        let patience = PATIENCE.as_secs_f64().max(age / f64::from(PATIENCE_PART));
        let size = 1.0 + patience / interval;
        if size >= capacity.items as f64 {
            return Cost::default();
        }
        let batches = (self.items as f64 / size).ceil() as u64;
        each * batches.saturating_sub(self.batches)
    }
}

impl Outlook {
    /// Adds an asset that a run would process.
    pub(crate) fn add(&mut self, target: &dyn Library, work: &Work, source: &Contents<'_>, copies: &Copies) {
        self.copies += copies.requests;
        self.reads += copies.reads;
        self.verifications += source.verification();
        for (_, largest) in &copies.followed {
            let time = Duration::from_secs_f64(as_float(*largest) / as_float(ASYNC_BYTES_PER_SECOND));
            self.polls += poll::looks(time) * source.count.div_ceil(poll::LIST_PAGE as u64).max(1);
            self.longest = self.longest.max(time);
        }
        if let Extent::Folder(_) = target.extent(&work.asset.id) {
            // Nothing is created, marked or published except the container.
            return;
        }
        self.created += u64::from(work.target.is_none());
        self.locator_updates += work.outdated.len() as u64;
        let batches = target.batches();
        self.files.add(batches.records, source.count, |batch| target.records_cost(batch));
        // Records that an earlier run created already exist, and are compared; so are those of an asset without blobs.
        let registered = work.row.as_ref().is_some_and(|row| row.facts.files_digest.is_some());
        self.files.open.created += u64::from(work.target.is_none());
        self.files.open.reread |= registered || copies.unpostable || source.count == 0;
        self.files.open.rewritten |= copies.unpostable || (registered && !work.same_files);
        // The service creates their records, on a request for each such asset.
        self.updates += u64::from(copies.unpostable);
        if !work.filters.is_empty() {
            // Each is written, and then all are read.
            self.updates += work.filters.len() as u64 + 1;
        }
        if !work.missing.is_empty() {
            let cost = |batch: &RecordBatch| target.locators_cost(batch.records);
            self.locators.add(batches.locators, work.missing.len() as u64, cost);
        }
        for locator in &work.missing {
            let duration = locator.start.map(|start| locator.expiry.duration_since(start));
            if self.durations.len() < DURATIONS {
                self.durations.entry(duration).or_insert_with(|| locator.clone());
            }
        }
    }

    /// The whole forecast, after a dry run that did not copy these bytes. Checks which policies exist. `in_flight`:
    /// assets at once; `state`: requests for the target's lock and the state of the pair.
    pub(crate) async fn forecast(mut self, pair: &Pair, in_flight: usize, bytes: u64, state: u64) -> Forecast {
        let policies = self.policies(pair).await;
        let target = pair.target.library.as_ref();
        self.files.close(|batch| target.records_cost(batch));
        self.locators.close(|batch| target.locators_cost(batch.records));
        let mut cost = target.creation_cost() * self.created;
        cost += self.files.requests;
        cost += self.locators.requests;
        cost += target.locator_update_cost() * self.locator_updates;
        cost += Cost { media: policies + self.updates, blob: self.copies + self.polls + self.verifications + state };
        let sent = RequestCounts::sent(pair);
        let mut requests =
            RequestCounts { media: sent.media + cost.media, blob: sent.blob + cost.blob, ..RequestCounts::default() };
        let duration = duration(pair, requests, bytes).max(self.longest);
        if let Some(interval) = u32::try_from(self.files.items).ok().and_then(|items| duration.checked_div(items)) {
            let unfilled = |filling: &Filling, capacity, each| filling.unfilled(capacity, interval, in_flight, each);
            let (batches, one) = (target.batches(), RecordBatch { assets: 1, records: 1, ..RecordBatch::default() });
            let mut more = unfilled(&self.files, batches.records, target.records_cost(&one));
            more += unfilled(&self.locators, batches.locators, target.locators_cost(1));
            (requests.media, requests.blob) = (requests.media + more.media, requests.blob + more.blob);
        }
        let charged = traffic::charged(pair);
        let charged = Charged {
            reads: charged.reads + self.reads,
            writes: charged.writes + requests.blob.saturating_sub(sent.blob),
        };
        Forecast { requests, estimated_polls: self.polls, charged, bytes, duration }
    }

    /// The number of policies to create. A run checks them, too; if they cannot be read, none is assumed to exist.
    async fn policies(&mut self, pair: &Pair) -> u64 {
        let locators: Vec<Locator> = std::mem::take(&mut self.durations).into_values().collect();
        if locators.is_empty() {
            return 0;
        }
        match pair.target.library.policies_to_make(&locators).await {
            Ok(policies) => policies,
            Err(error) => {
                tracing::debug!(%error, "the policies of the target cannot be seen");
                locators.len() as u64
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn as_float(bytes: u64) -> f64 {
    bytes as f64
}

/// The longest of the lanes' times: the lanes work in parallel.
fn duration(pair: &Pair, requests: RequestCounts, bytes: u64) -> Duration {
    // Copies are requests to the target, and transfer bytes out of the source.
    let target = storage_lanes(&pair.target).map(|lane| lane.time_for(requests.blob, bytes));
    let source = storage_lanes(&pair.source).map(|lane| lane.time_for(requests.blob, bytes));
    let media = pair.target.lanes.iter().filter(|lane| lane.plane() == Plane::Media);
    let media = media.map(|lane| lane.time_for(requests.media, 0));
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

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: Capacity = Capacity { items: 15, weight: 999 };

    /// A thousand items in full batches, each of which costs three requests.
    fn filled() -> Filling {
        let cost = |_: &RecordBatch| Cost::media(3);
        let mut filling = Filling::default();
        for _ in 0..1_000 {
            filling.add(CAPACITY, 20, cost);
        }
        filling.close(cost);
        filling
    }

    #[test]
    fn items_are_put_into_full_batches() {
        assert_eq!((filled().batches, filled().requests), (67, Cost::media(201)));
    }

    #[test]
    fn heavy_assets_are_apart() {
        let cost = |batch: &RecordBatch| Cost::media(batch.records);
        let mut filling = Filling::default();
        for weight in [600, 600, 2_500] {
            filling.add(CAPACITY, weight, cost);
        }
        filling.close(cost);
        assert_eq!((filling.batches, filling.requests), (3, Cost::media(3_700)));
    }

    #[test]
    fn batches_stay_unfilled_if_assets_are_ready_far_apart() {
        let more = |interval| filled().unfilled(CAPACITY, interval, 64, Cost::media(2)).media;
        assert_eq!((more(Duration::ZERO), more(Duration::from_millis(20))), (0, 0));
        // A minute between two assets, 64 at once: each waits six minutes, and six more arrive in that time.
        assert_eq!(more(Duration::from_mins(1)), (136 - 67) * 2);
    }
}
