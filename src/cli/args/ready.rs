//! The arguments of `ready`.

use clap::{Args, ValueEnum};
use mediamirror::play::{Depth, Sample};

use super::ScopeArgs;
use super::notify::NotifyArgs;
use super::verify::{origin, part};

/// Arguments of `ready`.
#[derive(Debug, Args)]
pub(crate) struct ReadyArgs {
    /// Which assets.
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Also probe the target's streaming hosts as viewers do, down to this depth
    #[arg(long, value_enum, value_name = "DEPTH")]
    pub(crate) probe: Option<ProbeDepth>,
    /// Probe only this share of the assets, such as 5%, but at least one asset
    #[arg(long, value_name = "PERCENT", value_parser = part, requires = "probe")]
    pub(crate) sample: Option<f64>,
    /// Choose the sample by this text; by the date (UTC) when not given
    #[arg(long, hide_short_help = true, value_name = "TEXT", requires = "sample")]
    pub(crate) seed: Option<String>,
    /// Site of the web page that plays the assets, as browsers send it
    #[arg(long, hide_short_help = true, value_name = "URL", default_value = Self::ORIGIN, value_parser = origin)]
    pub(crate) origin: String,
    /// End with 4 if a smaller share of the assets that should play is ready
    #[arg(long, value_name = "PERCENT", default_value = "100%", value_parser = part)]
    pub(crate) require: f64,
    /// Do not ask the source; use only the ledger and the target
    #[arg(long)]
    pub(crate) without_source: bool,
    /// Also print a row for each asset
    #[arg(long)]
    pub(crate) all: bool,
    /// The reports to other programs.
    #[command(flatten)]
    pub(crate) notify: NotifyArgs,
}

/// How far probes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProbeDepth {
    /// Each streaming host
    Endpoint,
    /// The manifests and files that viewers start with
    Manifest,
    /// Also playlists, initialization segments, keys, and the first and last segments
    Segment,
}

impl From<ProbeDepth> for Depth {
    fn from(depth: ProbeDepth) -> Self {
        match depth {
            ProbeDepth::Endpoint => Self::Endpoint,
            ProbeDepth::Manifest => Self::Manifest,
            ProbeDepth::Segment => Self::Segment,
        }
    }
}

impl ReadyArgs {
    /// The default site of the page that plays.
    pub(super) const ORIGIN: &str = "https://viewer.example";

    /// Which assets are chosen. `today`: the date.
    pub(crate) fn sample(&self, today: &str) -> Sample {
        match self.sample {
            Some(part) => Sample { part, seed: self.seed.clone().unwrap_or_else(|| today.to_owned()) },
            None => Sample::all(),
        }
    }
}
