//! The read-only comparison of both libraries.

use serde::Serialize;

use super::Options;
use crate::connect::Pair;
use crate::error::Error;
use crate::model::AssetId;
use crate::monitor::Monitor;

/// Assets by how they compare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct VerifyCounts {
    /// Equal on both sides.
    pub same: u64,
    /// On both sides, and different.
    pub different: u64,
    /// Not on the target.
    pub missing: u64,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Source id.
    pub asset: AssetId,
    /// Name to show.
    pub name: String,
    /// What it is about: `asset`, or a blob, a file record, a locator by name.
    pub item: String,
    /// What differs, such as `missing on the target` or `length 5 instead of 7`.
    pub what: String,
}

/// The result of a comparison.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verification {
    /// Assets.
    pub assets: VerifyCounts,
    /// Every difference, in order of asset name.
    pub differences: Vec<Difference>,
}

/// Compares every asset in scope: blobs, file records, locators. Changes nothing. Assets that cannot be mirrored
/// (storage-encrypted ones) are not in scope.
pub async fn verify(_pair: &Pair, _options: &Options, _monitor: &dyn Monitor) -> Result<Verification, Error> {
    todo!("engine")
}
