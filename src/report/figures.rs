//! The figures of a summary that the page needs. Missing ones count as zero.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A summary, read back.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Figures {
    pub(super) limit: Option<String>,
    pub(super) assets: AssetFigures,
    pub(super) blobs: BlobFigures,
    pub(super) bytes_copied: u64,
    pub(super) copies: Vec<MethodFigures>,
    pub(super) requests: RequestFigures,
    pub(super) charged: ChargedFigures,
    pub(super) elapsed_seconds: f64,
    pub(super) withdrawn: u64,
    pub(super) held: u64,
    pub(super) held_by: Vec<String>,
    pub(super) left_out: LeftOutFigures,
    pub(super) traffic: Vec<TrafficFigures>,
    pub(super) timeline: TimelineFigures,
    pub(super) latency: BTreeMap<String, LatencyFigures>,
}

/// Assets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct AssetFigures {
    pub(super) total: u64,
    pub(super) mirrored: u64,
    pub(super) unchanged: u64,
    pub(super) skipped: u64,
    pub(super) failed: u64,
    pub(super) conflicts: u64,
    pub(super) held: u64,
    pub(super) unchecked: u64,
    pub(super) gone: u64,
}

impl AssetFigures {
    /// Assets that are not the same on the target as in the source.
    pub(super) fn not_mirrored(self) -> u64 {
        self.skipped + self.failed + self.conflicts + self.held + self.unchecked
    }
}

/// Blobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct BlobFigures {
    pub(super) copied: u64,
    pub(super) unchanged: u64,
    pub(super) failed: u64,
}

/// Blobs that were copied by a method.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct MethodFigures {
    pub(super) method: String,
    pub(super) why: String,
    pub(super) blobs: u64,
    pub(super) bytes: u64,
}

/// Requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct RequestFigures {
    pub(super) media: u64,
    pub(super) blob: u64,
    pub(super) pauses_seconds: f64,
    pub(super) pause_limit_reached: bool,
}

/// Requests to storage accounts, as they are charged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct ChargedFigures {
    pub(super) reads: u64,
    pub(super) writes: u64,
}

/// Blobs that the configuration leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct LeftOutFigures {
    pub(super) by_path: u64,
    pub(super) archived: u64,
}

/// One of an account's services.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct TrafficFigures {
    pub(super) side: String,
    pub(super) account: String,
    pub(super) plane: String,
    pub(super) requests: u64,
    pub(super) throttled: u64,
    pub(super) troubled: u64,
    pub(super) pauses_seconds: f64,
    pub(super) limits: LimitFigures,
    pub(super) has_timetable: bool,
}

/// What the configuration allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct LimitFigures {
    pub(super) requests_per_second: Option<u64>,
    pub(super) bytes_per_second: Option<u64>,
    pub(super) in_flight: u64,
}

/// The copied data in each step of the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct TimelineFigures {
    pub(super) step_seconds: u64,
    pub(super) assets: Vec<u64>,
    pub(super) blobs: Vec<u64>,
    pub(super) bytes: Vec<u64>,
}

/// The latency of a kind of request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct LatencyFigures {
    pub(super) count: u64,
    pub(super) p50_milliseconds: f64,
    pub(super) p90_milliseconds: f64,
    pub(super) p99_milliseconds: f64,
    pub(super) max_milliseconds: f64,
}

impl Figures {
    /// The figures of a summary; `None` if there is none, or if it has another structure.
    pub(super) fn of(summary: Option<&Value>) -> Option<Self> {
        summary.and_then(|summary| Self::deserialize(summary).ok())
    }

    /// All requests.
    pub(super) fn all_requests(&self) -> u64 {
        self.requests.media + self.requests.blob
    }
}
