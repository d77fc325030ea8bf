//! The flags for a command's reports to other programs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// A command's reports to other programs.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Reports to other programs")]
pub(crate) struct NotifyArgs {
    /// Write the metrics of the run to this file when it ends, for node exporter's textfile collector
    #[arg(long, hide_short_help = true, value_name = "FILE")]
    pub(crate) metrics_textfile: Option<PathBuf>,
    /// Print each event as a line of JSON on standard output, and the result as the last line
    #[arg(long, hide_short_help = true, value_enum, value_name = "FORMAT")]
    pub(crate) events: Option<EventFormat>,
    /// Do not run the `[hooks]` of the configuration
    #[arg(long, hide_short_help = true)]
    pub(crate) no_hooks: bool,
}

/// How events are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EventFormat {
    /// One JSON object per line
    Ndjson,
}
