//! The arguments of `failover` and `reprotect`.

use std::path::PathBuf;

use clap::Args;
use globset::Glob;

use super::cleanup::Cleanup;
use super::guards::GuardArgs;
use super::limits::LimitArgs;
use super::notify::NotifyArgs;
use super::ready::{ProbeDepth, ReadyArgs};
use super::verify::{origin, part};
use super::{Method, MirrorArgs, ScopeArgs, glob};

/// Arguments of `failover`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("step"))]
pub(crate) struct FailoverArgs {
    /// Make the source active again, if `reprotect` finds nothing more to bring back
    #[arg(long, group = "step")]
    pub(crate) commit: bool,
    /// Only show which side is active
    #[arg(long, group = "step")]
    pub(crate) show: bool,
    /// Run a drill: probe the target as `ready --probe` does, and record the result in the ledger
    #[arg(long, group = "step")]
    pub(crate) test: bool,
    /// How it is tried.
    #[command(flatten)]
    drill: DrillArgs,
}

/// What a drill checks, and what it needs to pass.
#[derive(Debug, Args)]
#[command(next_help_heading = "With --test")]
#[group(requires = "test", conflicts_with_all = ["commit", "show"])]
struct DrillArgs {
    /// Probe the target's streaming hosts as viewers do, down to this depth
    #[arg(long, value_enum, value_name = "DEPTH", default_value_t = ProbeDepth::Segment)]
    probe: ProbeDepth,
    /// Probe only this share of the assets, such as 5%, but at least one asset
    #[arg(long, value_name = "PERCENT", value_parser = part)]
    sample: Option<f64>,
    /// Choose the sample by this text; by the date (UTC) when not given
    #[arg(long, hide_short_help = true, value_name = "TEXT", requires = "sample")]
    seed: Option<String>,
    /// Site of the web page that plays the assets, as browsers send it
    #[arg(long, hide_short_help = true, value_name = "URL", default_value = ReadyArgs::ORIGIN, value_parser = origin)]
    origin: String,
    /// Fail the drill (4) if a smaller share of the assets that should play is ready
    #[arg(long, value_name = "PERCENT", default_value = "100%", value_parser = part)]
    require: f64,
    /// Do not ask the source; use only the ledger and the target
    #[arg(long)]
    without_source: bool,
    /// Also print a row for each asset
    #[arg(long)]
    all: bool,
}

impl FailoverArgs {
    /// The assessment of a drill, which is of the whole library.
    pub(crate) fn drill(&self) -> ReadyArgs {
        ReadyArgs {
            scope: ScopeArgs::default(),
            probe: Some(self.drill.probe),
            sample: self.drill.sample,
            seed: self.drill.seed.clone(),
            origin: self.drill.origin.clone(),
            require: self.drill.require,
            without_source: self.drill.without_source,
            all: self.drill.all,
            notify: NotifyArgs::default(),
        }
    }
}

/// Arguments of `reprotect`.
#[derive(Debug, Args)]
pub(crate) struct ReprotectArgs {
    /// Write the plan to this file; replaces an existing plan
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Bring back assets whose name matches this glob even if the source changed, too (may be repeated)
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    pub(crate) prefer: Vec<Glob>,
    /// Which assets.
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Print every item, not only those to review (in JSON, not only the first 10,000)
    #[arg(long)]
    pub(crate) all: bool,
    /// What the guards allow.
    #[command(flatten)]
    pub(crate) guards: GuardArgs,
}

impl ReprotectArgs {
    /// The dry run that finds what has to be brought back.
    pub(crate) fn mirror(&self) -> MirrorArgs {
        MirrorArgs {
            scope: self.scope.clone(),
            dry_run: true,
            copy_method: Method::Auto,
            assets_in_flight: None,
            settings: false,
            order: None,
            all: self.all,
            limits: LimitArgs::default(),
            guards: self.guards.clone(),
            cleanup: Cleanup::None,
            back: Some(self.prefer.clone()),
        }
    }
}
