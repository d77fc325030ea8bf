//! The requests of a run to each account's services, the latencies, and the arrival times of copies, as data.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use tokio::time::Instant;

use crate::connect::{Endpoint, Pair};
use crate::engine::counts::Charged;
use crate::model::{AccountName, Plane, Side};
use crate::monitor::RunEvent;
use crate::throttle::LaneLimits;

/// The most steps of a timeline. With more, two steps become one. A guess: as many as a chart can show.
const STEPS: usize = 120;

/// Requests with which the target's service reads a blob of the source; the source's account is charged for the read.
const COPIES: [&str; 3] = ["CopyBlob", "PutBlobFromUrl", "PutBlockFromUrl"];

/// Requests that read and are charged as writes.
const LISTS: [&str; 2] = ["ListBlobs", "ListContainers"];

/// The requests to one of an account's services.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Traffic {
    /// The side of the account.
    pub side: Side,
    /// The account.
    pub account: AccountName,
    /// The service of the account.
    pub plane: Plane,
    /// Requests sent, retries included.
    pub requests: u64,
    /// Refusals because of the rate, including those that the destination of a copy reports about this account.
    pub throttled: u64,
    /// Other failed attempts that were worth a retry.
    pub troubled: u64,
    /// Pauses that the service requested and that were granted.
    #[serde(rename = "pauses_seconds", serialize_with = "super::counts::as_seconds")]
    #[schemars(with = "f64")]
    pub pauses: Duration,
    /// The configured limits; with a timetable, those at the end of the run.
    pub limits: LaneLimits,
    /// Does one of the rates depend on the time of day?
    pub has_timetable: bool,
}

/// The traffic of both sides.
pub(crate) fn of(pair: &Pair) -> Vec<Traffic> {
    [(Side::Source, &pair.source), (Side::Target, &pair.target)].into_iter().flat_map(of_side).collect()
}

fn of_side((side, endpoint): (Side, &Endpoint)) -> Vec<Traffic> {
    let traffic = endpoint.lanes.iter().map(|lane| {
        let stats = lane.stats();
        Traffic {
            side,
            account: lane.account().clone(),
            plane: lane.plane(),
            requests: stats.requests,
            throttled: stats.throttled,
            troubled: stats.troubled,
            pauses: stats.pauses,
            limits: lane.limits(),
            has_timetable: lane.has_timetable(),
        }
    });
    traffic.filter(|lane| lane.requests + lane.throttled > 0).collect()
}

/// The requests to the storage accounts so far, as they are charged.
pub(crate) fn charged(pair: &Pair) -> Charged {
    let sent = |plane| -> u64 {
        let lanes = pair.source.lanes.iter().chain(&pair.target.lanes).filter(|lane| lane.plane() == plane);
        lanes.map(|lane| lane.stats().requests).sum()
    };
    let latencies = latencies(pair);
    let answered = |operations: &[&str]| -> u64 {
        operations.iter().filter_map(|operation| latencies.get(operation)).map(Histogram::len).sum()
    };
    let lists = answered(&LISTS);
    Charged {
        reads: sent(Plane::BlobRead).saturating_sub(lists) + answered(&COPIES),
        writes: sent(Plane::BlobWrite) + lists,
    }
}

/// Latencies of both sides together, in microseconds, by operation.
pub(crate) fn latencies(pair: &Pair) -> BTreeMap<&'static str, Histogram<u64>> {
    let mut all: BTreeMap<&'static str, Histogram<u64>> = BTreeMap::new();
    for lane in pair.source.lanes.iter().chain(&pair.target.lanes) {
        for (operation, histogram) in lane.stats().latency {
            match all.entry(operation) {
                std::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(histogram)),
                std::collections::btree_map::Entry::Occupied(mut entry) => {
                    entry.get_mut().add(&histogram).expect("all histograms resize and share their precision");
                }
            }
        }
    }
    all
}

/// Percentiles of a histogram of microseconds.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct Percentiles {
    /// Requests.
    count: u64,
    /// The median: 50 % of the requests took no longer.
    p50_milliseconds: f64,
    /// 90 % of the requests took no longer.
    p90_milliseconds: f64,
    /// 99 % of the requests took no longer.
    p99_milliseconds: f64,
    /// The longest latency.
    max_milliseconds: f64,
}

/// Histograms as their percentiles.
pub(crate) fn as_percentiles<S: Serializer>(
    latency: &BTreeMap<&'static str, Histogram<u64>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(latency.iter().map(|(operation, histogram)| (operation, percentiles(histogram))))
}

fn percentiles(histogram: &Histogram<u64>) -> Percentiles {
    let at = |quantile| milliseconds(histogram.value_at_quantile(quantile));
    Percentiles {
        count: histogram.len(),
        p50_milliseconds: at(0.5),
        p90_milliseconds: at(0.9),
        p99_milliseconds: at(0.99),
        max_milliseconds: milliseconds(histogram.max()),
    }
}

/// Microseconds as milliseconds with one decimal.
#[expect(clippy::cast_precision_loss, reason = "latencies far below 2^52 microseconds")]
fn milliseconds(micros: u64) -> f64 {
    (micros as f64 / 100.0).round() / 10.0
}

/// The copies that arrived in each step of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Timeline {
    /// The length of a step.
    pub step_seconds: u64,
    /// Assets that were completed.
    pub assets: Vec<u64>,
    /// Copied blobs.
    pub blobs: Vec<u64>,
    /// Their bytes.
    pub bytes: Vec<u64>,
}

/// Counts arrivals, with their times.
#[derive(Debug)]
pub(crate) struct Clocked {
    began: Instant,
    line: Mutex<Timeline>,
}

impl Clocked {
    /// For a run that starts now.
    pub(crate) fn new() -> Self {
        let line = Timeline { step_seconds: 1, ..Timeline::default() };
        Self { began: Instant::now(), line: Mutex::new(line) }
    }

    /// Counts the arrivals that an event reports.
    pub(crate) fn see(&self, event: &RunEvent) {
        let (assets, blobs, bytes) = match event {
            RunEvent::AssetFinished { .. } => (1, 0, 0),
            RunEvent::BlobCopied { bytes, .. } => (0, 1, *bytes),
            _ => return,
        };
        let second = self.began.elapsed().as_secs();
        self.line.lock().expect("no panic while held").add(second, (assets, blobs, bytes));
    }

    /// The arrivals so far.
    pub(crate) fn so_far(&self) -> Timeline {
        self.line.lock().expect("no panic while held").clone()
    }
}

impl Timeline {
    fn add(&mut self, second: u64, (assets, blobs, bytes): (u64, u64, u64)) {
        while second / self.step_seconds >= STEPS as u64 {
            self.step_seconds *= 2;
            for line in [&mut self.assets, &mut self.blobs, &mut self.bytes] {
                *line = line.chunks(2).map(|two| two.iter().sum()).collect();
            }
        }
        let step = usize::try_from(second / self.step_seconds).expect("fewer than the most steps");
        for (line, count) in [(&mut self.assets, assets), (&mut self.blobs, blobs), (&mut self.bytes, bytes)] {
            if line.len() <= step {
                line.resize(step + 1, 0);
            }
            line[step] += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_keeps_its_sums_and_its_length_in_a_run_of_any_length() {
        let mut line = Timeline { step_seconds: 1, ..Timeline::default() };
        for second in [0, 1, 119, 120, 500, 500, 100_000] {
            line.add(second, (1, 2, 10));
            assert!(line.assets.len() <= STEPS, "{line:?}");
        }
        assert_eq!(line.step_seconds, 1_024);
        assert_eq!([&line.assets, &line.blobs, &line.bytes].map(|line| line.iter().sum::<u64>()), [7, 14, 70]);
        assert_eq!((line.assets[0], line.assets[97]), (6, 1));
    }

    #[test]
    fn percentiles_are_milliseconds() {
        let mut histogram = Histogram::<u64>::new(2).unwrap();
        for millisecond in 1..=100 {
            histogram.record(millisecond * 1_000).unwrap();
        }
        let all = percentiles(&histogram);
        assert_eq!((all.count, all.max_milliseconds.round()), (100, 100.0));
        assert!((all.p50_milliseconds - 50.0).abs() < 1.0 && (all.p99_milliseconds - 99.0).abs() < 1.5, "{all:?}");
    }
}
