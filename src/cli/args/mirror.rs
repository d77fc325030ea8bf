//! The arguments of every command that mirrors assets.

use std::num::NonZeroU64;

use clap::{Args, ValueEnum};
use globset::Glob;
use mediamirror::config::Policy;
use mediamirror::engine::{Options, Order};
use mediamirror::model::CopyMethod;

use super::cleanup::Cleanup;
use super::guards::GuardArgs;
use super::limits::LimitArgs;
use super::{ScopeArgs, count};

/// Arguments of every command that mirrors assets.
#[derive(Debug, Args)]
pub(crate) struct MirrorArgs {
    /// Which assets.
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Show what would be done, and end with the exit code of that run; write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Method of copying blobs; `auto` = the best for each blob
    #[arg(long, hide_short_help = true, value_enum, value_name = "METHOD", default_value_t = Method::Auto)]
    pub(crate) copy_method: Method,
    /// Number of assets to process at once; depends on their size, the distance and the rates when not given
    #[arg(long, hide_short_help = true, value_name = "N")]
    pub(crate) assets_in_flight: Option<NonZeroU64>,
    /// Also mirror stored access policies of containers, CORS rules and the static website; only for storage accounts
    #[arg(long)]
    pub(crate) settings: bool,
    /// Processing order of the assets; the order of the listing when not given
    #[arg(long, hide_short_help = true, value_enum, value_name = "ORDER")]
    pub(crate) order: Option<First>,
    /// Print all lines, not only the first 50 (in JSON, the first 10,000)
    #[arg(long)]
    pub(crate) all: bool,
    /// When it stops.
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// What the guards allow.
    #[command(flatten)]
    pub(crate) guards: GuardArgs,
    /// What it deletes in addition to `sync`.
    #[arg(skip)]
    pub(crate) cleanup: Cleanup,
    /// Set if it runs from the active target back to the source: these assets are brought back even if the source
    /// changed.
    #[arg(skip)]
    pub(crate) back: Option<Vec<Glob>>,
}

/// How blobs are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// The best for each blob.
    Auto,
    /// Copy Blob, polled.
    Async,
    /// Put Blob From URL.
    Put,
    /// Put Block From URL, then Put Block List.
    Blocks,
}

/// Processing order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum First {
    /// The newest first.
    Newest,
    /// The most bytes first, so that a huge asset does not prolong the run.
    Largest,
    /// The fewest bytes first, so that many assets are complete early.
    Smallest,
    /// By name.
    Name,
}

impl MirrorArgs {
    /// The options of the engine.
    pub(crate) fn options(&self, policy: &Policy) -> Options {
        let mut options = self.scope.options();
        options.policy = policy.clone();
        options.allow = self.guards.allow();
        options.dry_run = self.dry_run;
        options.dedupe = self.cleanup == Cleanup::Dedupe;
        options.settings = self.settings;
        options.copy_method = self.copy_method.into();
        options.order = self.order.map_or(Order::Listed, Order::from);
        if let Some(assets) = self.assets_in_flight {
            options.assets_in_flight = Some(count(assets));
        }
        options
    }
}

impl From<Method> for Option<CopyMethod> {
    fn from(method: Method) -> Self {
        match method {
            Method::Auto => None,
            Method::Async => Some(CopyMethod::Async),
            Method::Put => Some(CopyMethod::Put),
            Method::Blocks => Some(CopyMethod::Blocks),
        }
    }
}

impl From<Option<CopyMethod>> for Method {
    fn from(method: Option<CopyMethod>) -> Self {
        match method {
            None => Self::Auto,
            Some(CopyMethod::Async) => Self::Async,
            Some(CopyMethod::Put) => Self::Put,
            Some(CopyMethod::Blocks) => Self::Blocks,
        }
    }
}

impl From<First> for Order {
    fn from(first: First) -> Self {
        match first {
            First::Newest => Self::Newest,
            First::Largest => Self::Largest,
            First::Smallest => Self::Smallest,
            First::Name => Self::Name,
        }
    }
}
