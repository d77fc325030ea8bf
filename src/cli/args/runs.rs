//! The arguments of `runs`.

use std::num::NonZeroUsize;

use clap::{Args, Subcommand};

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// What to show
    #[command(subcommand)]
    pub(crate) command: RunsCommand,
}

/// What is shown of the history.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List the last runs, the newest first
    List(ListArgs),
    /// Show what a run changed and found
    Show(ShowArgs),
    /// Show only what a run found: what is not mirrored, and what to do about it
    Errors(ShowArgs),
}

/// Arguments of `runs list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// How many runs
    #[arg(long, value_name = "N", default_value = "20")]
    pub(crate) last: NonZeroUsize,
}

/// Arguments of `runs show` and `runs errors`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The id of a run, as `runs list` shows it; the last run when not given
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
}
