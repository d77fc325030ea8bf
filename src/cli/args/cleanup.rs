//! The arguments of `prune` and `dedupe`: runs of `sync` that delete more.

use clap::Args;
use mediamirror::config::policy::Age;

use super::MirrorArgs;

/// Arguments of `prune`.
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Delete what was missing in the source for this time, such as 3d; `delete_after` when not given
    #[arg(long, value_name = "TIME")]
    pub(crate) older_than: Option<Age>,
    /// How it mirrors.
    #[command(flatten)]
    pub(crate) mirror: MirrorArgs,
}

/// Arguments of `dedupe`.
#[derive(Debug, Args)]
pub(crate) struct DedupeArgs {
    /// How it mirrors.
    #[command(flatten)]
    pub(crate) mirror: MirrorArgs,
}

/// What a run deletes in addition to `sync`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Cleanup {
    /// Nothing.
    #[default]
    None,
    /// Deletions that are due after this time instead of `delete_after`.
    Prune(Option<Age>),
    /// Second copies of one asset.
    Dedupe,
}
