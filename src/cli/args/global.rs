//! The options of every command.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

/// The options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Global {
    /// Configuration file
    #[arg(
        short,
        long,
        global = true,
        hide_short_help = true,
        value_name = "FILE",
        env = "MEDIAMIRROR_CONFIG",
        default_value = "mirror.toml"
    )]
    pub(crate) config: PathBuf,
    /// Was the configuration named on the command line?
    #[arg(skip)]
    pub(crate) config_named: bool,
    /// Format of the results on standard output
    #[arg(short, long, global = true, hide_short_help = true, value_enum, value_name = "FORMAT", default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// Print more on standard error: -v what happens, -vv every retry, -vvv everything
    #[arg(short, long, global = true, hide_short_help = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Print only warnings, errors and the requested data
    #[arg(short, long, global = true, hide_short_help = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// When to use colours; `NO_COLOR` also turns them off
    #[arg(long, global = true, hide_short_help = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Seconds between two progress lines if standard error is not a terminal
    #[arg(long, global = true, hide_short_help = true, value_name = "SECONDS", default_value = "5")]
    pub(crate) progress_interval: NonZeroU64,
    /// Also append the log to this file, with everything that -v prints
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
    /// Format of the lines of the log
    #[arg(long, global = true, hide_short_help = true, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

/// How the lines of the log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object per line.
    Json,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
