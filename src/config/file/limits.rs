//! The keys for limits.

use std::num::{NonZeroU64, NonZeroUsize};

use serde::Deserialize;
use toml::Spanned;

use super::rate::{RateFile, TimesFile};
use crate::config::Limits;
use crate::throttle::LaneLimits;

/// `[source.limits]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct LimitsFile {
    pub(in crate::config) time_zone: Option<Spanned<String>>,
    pub(in crate::config) media: MediaLaneFile,
    pub(in crate::config) blob: LaneFile,
    pending_copies: Option<NonZeroUsize>,
}

/// The limits of the media API. It has no limit of bytes, because it moves no blobs. Missing values keep their
/// defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct MediaLaneFile {
    pub(in crate::config) requests_per_second: Option<Spanned<RateFile>>,
    in_flight: Option<NonZeroUsize>,
}

/// The limits of one lane; missing ones keep the lane's own default.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct LaneFile {
    pub(in crate::config) requests_per_second: Option<Spanned<RateFile>>,
    pub(in crate::config) bytes_per_second: Option<Spanned<RateFile>>,
    in_flight: Option<NonZeroUsize>,
}

impl LimitsFile {
    /// The configured limits, with defaults for missing ones and without the timetables.
    pub(in crate::config) fn limits(&self) -> Limits {
        let Limits { media, blob, pending_copies, .. } = Limits::default();
        Limits {
            media: LaneLimits {
                requests_per_second: fixed(self.media.requests_per_second.as_ref()),
                bytes_per_second: None,
                in_flight: self.media.in_flight.map_or(media.in_flight, NonZeroUsize::get),
            },
            blob: LaneLimits {
                requests_per_second: fixed(self.blob.requests_per_second.as_ref()),
                bytes_per_second: fixed(self.blob.bytes_per_second.as_ref()),
                in_flight: self.blob.in_flight.map_or(blob.in_flight, NonZeroUsize::get),
            },
            pending_copies: self.pending_copies.map_or(pending_copies, NonZeroUsize::get),
            ..Limits::default()
        }
    }
}

/// A rate that is the same all day; no limit if it is missing.
fn fixed(rate: Option<&Spanned<RateFile>>) -> Option<NonZeroU64> {
    match rate?.get_ref() {
        RateFile::Fixed(rate) => Some(*rate),
        RateFile::ByTime(_) => None,
    }
}

/// A rate that depends on the time of day.
pub(in crate::config) fn by_time(rate: Option<&Spanned<RateFile>>) -> Option<(&Spanned<RateFile>, &TimesFile)> {
    let rate = rate?;
    match rate.get_ref() {
        RateFile::Fixed(_) => None,
        RateFile::ByTime(times) => Some((rate, times)),
    }
}
