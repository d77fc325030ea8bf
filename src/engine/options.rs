//! The options of a run.

use std::collections::HashSet;
use std::sync::Arc;

use globset::GlobSet;

use crate::claims::Order;
use crate::config::policy::{Allow, Policy};
use crate::engine::base::Base;
use crate::engine::limits::RunLimits;
use crate::model::{Asset, AssetId, CopyMethod};
use crate::plan::Planned;

/// The options of a run.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent decisions, each of them asked for by its name")]
pub struct Options {
    /// Only assets whose name matches one of these.
    pub include: Option<GlobSet>,
    /// No assets whose name matches one of these.
    pub exclude: Option<GlobSet>,
    /// Only the source assets with these ids, with any name; `None` = all.
    pub only: Option<Arc<HashSet<AssetId>>>,
    /// One method for every blob; `None`: the best method for each.
    pub copy_method: Option<CopyMethod>,
    /// Also mirror stored access policies and the settings of storage accounts: these are libraries of blobs.
    pub settings: bool,
    /// Compare copies of another program by name, as if they were ours; only in a comparison.
    pub by_name: bool,
    /// For a run in the other direction, which writes to originals: its additional information about both sides.
    pub base: Option<Arc<Base>>,
    /// Only plan: write nothing, except to the screen.
    pub dry_run: bool,
    /// The limits at which it stops.
    pub limits: RunLimits,
    /// Assets processed at once; `None`: the fewer blobs they have, the more at once.
    pub assets_in_flight: Option<usize>,
    /// The processing order of the assets.
    pub order: Order,
    /// The operator's decisions, apart from the accounts.
    pub policy: Policy,
    /// Held changes that may pass once.
    pub allow: Allow,
    /// The plan to apply: the run does nothing that is not in it.
    pub plan: Option<Arc<Planned>>,
    /// Delete second copies of an asset.
    pub dedupe: bool,
    /// The ledger is new, so that a missing state of the pair on the target is created, too.
    pub rebuild: bool,
}

impl Options {
    /// Is every asset in scope?
    pub(crate) fn covers_all(&self) -> bool {
        self.include.is_none() && self.exclude.is_none() && self.only.is_none()
    }

    /// Is the asset in scope?
    pub(crate) fn covers(&self, asset: &Asset) -> bool {
        self.covers_id(&asset.id, asset.label())
    }

    /// Is the asset with that id and that name in scope?
    pub(crate) fn covers_id(&self, id: &AssetId, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(id)) && self.covers_name(name)
    }

    /// Is an asset with that name in scope, for any id?
    fn covers_name(&self, name: &str) -> bool {
        self.include.as_ref().is_none_or(|globs| globs.is_match(name))
            && !self.exclude.as_ref().is_some_and(|globs| globs.is_match(name))
    }
}
