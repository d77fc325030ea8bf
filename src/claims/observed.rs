//! Observations about both libraries in addition to their listings. A run makes them once, before it decides.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::model::{AssetId, Filter, FilterChange};
use crate::verdict::Finding;

/// The observations.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// Protected copies, after the target was asked.
    pub(super) protected_copies: OnceLock<HashMap<AssetId, Finding>>,
    /// The filters of assets, after both sides were asked.
    pub(super) filters: OnceLock<Filters>,
}

/// Filters by asset.
pub(super) type ByAsset = HashMap<AssetId, Vec<Filter>>;

/// The filters of the assets of both sides.
#[derive(Debug)]
pub(super) struct Filters {
    /// The changes of the filters of the target's account.
    pub(super) of_account: Vec<FilterChange>,
    pub(super) source: ByAsset,
    pub(super) target: ByAsset,
}

impl Filters {
    /// The changes that make the filters of a copy equal to those of its source.
    pub(super) fn changes(&self, source: &AssetId, copy: Option<&AssetId>) -> Vec<FilterChange> {
        let of = |filters: &ByAsset, asset| filters.get(asset).cloned().unwrap_or_default();
        let there = copy.map(|copy| of(&self.target, copy)).unwrap_or_default();
        FilterChange::between(&of(&self.source, source), &there)
    }
}
