//! The counts of played URLs.

use schemars::JsonSchema;
use serde::Serialize;

/// URLs by how they compare. Their sum is the number of all examined URLs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct UrlCounts {
    /// All.
    pub urls: u64,
    /// Viewers of both hosts get the same.
    pub same: u64,
    /// Viewers of the target get something else.
    pub different: u64,
    /// Viewers of both hosts get the same refusal.
    pub not_playable: u64,
    /// It is not known.
    pub unchecked: u64,
    /// Bytes that both hosts sent.
    pub bytes: u64,
}

impl UrlCounts {
    /// Adds others.
    pub(super) fn add(&mut self, other: Self) {
        self.urls += other.urls;
        self.same += other.same;
        self.different += other.different;
        self.not_playable += other.not_playable;
        self.unchecked += other.unchecked;
        self.bytes += other.bytes;
    }
}
