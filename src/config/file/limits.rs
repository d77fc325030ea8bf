//! The limits as the file has them.

use std::num::{NonZeroU64, NonZeroUsize};

use serde::Deserialize;

use crate::config::Limits;
use crate::throttle::LaneLimits;

/// `[source.limits]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct LimitsFile {
    media: MediaLaneFile,
    blob: LaneFile,
    pending_copies: Option<NonZeroUsize>,
}

/// The limits of the media API. It moves no blobs, so there is no limit of bytes. Missing values keep their defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MediaLaneFile {
    requests_per_second: Option<NonZeroU64>,
    in_flight: Option<NonZeroUsize>,
}

/// The limits of one lane; what is left out keeps the lane's own default.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LaneFile {
    requests_per_second: Option<NonZeroU64>,
    bytes_per_second: Option<NonZeroU64>,
    in_flight: Option<NonZeroUsize>,
}

impl LimitsFile {
    /// The default limits with what is written here put over them.
    pub(in crate::config) fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            media: LaneFile {
                requests_per_second: self.media.requests_per_second,
                bytes_per_second: None,
                in_flight: self.media.in_flight,
            }
            .over(default.media),
            blob: self.blob.over(default.blob),
            pending_copies: self.pending_copies.map_or(default.pending_copies, NonZeroUsize::get),
        }
    }
}

impl LaneFile {
    fn over(&self, lane: LaneLimits) -> LaneLimits {
        LaneLimits {
            requests_per_second: self.requests_per_second.or(lane.requests_per_second),
            bytes_per_second: self.bytes_per_second.or(lane.bytes_per_second),
            in_flight: self.in_flight.map_or(lane.in_flight, NonZeroUsize::get),
        }
    }
}
