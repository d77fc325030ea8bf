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
    /// Also ask the target's streaming hosts as viewers do, as far as this
    #[arg(long, value_enum, value_name = "DEPTH")]
    pub(crate) probe: Option<ProbeDepth>,
    /// Probe only so many of each hundred assets, such as 5%; one at least
    #[arg(long, value_name = "PERCENT", value_parser = part, requires = "probe")]
    pub(crate) sample: Option<f64>,
    /// Choose the sample by this text; by the date (UTC) when not given
    #[arg(long, value_name = "TEXT", requires = "sample")]
    pub(crate) seed: Option<String>,
    /// The site whose page plays, as browsers send it
    #[arg(long, value_name = "URL", default_value = Self::ORIGIN, value_parser = origin)]
    pub(crate) origin: String,
    /// End with 4 if fewer of the assets that should play are ready
    #[arg(long, value_name = "PERCENT", default_value = "100%", value_parser = part)]
    pub(crate) require: f64,
    /// Do not ask the source: judge by the ledger and the target alone
    #[arg(long)]
    pub(crate) without_source: bool,
    /// Also print a row for each asset
    #[arg(long)]
    pub(crate) all: bool,
    /// What it reports to other programs.
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
    /// Also playlists, initialization, keys, the first segment and the last
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
    /// The site whose page plays, when none is given.
    pub(super) const ORIGIN: &str = "https://viewer.example";

    /// What is chosen. `today`: the date.
    pub(crate) fn sample(&self, today: &str) -> Sample {
        match self.sample {
            Some(part) => Sample { part, seed: self.seed.clone().unwrap_or_else(|| today.to_owned()) },
            None => Sample::all(),
        }
    }
}
