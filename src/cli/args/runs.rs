//! The arguments of `runs`.

use std::num::NonZeroUsize;

use clap::{Args, Subcommand};
use jiff::Span;

use super::MirrorArgs;

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// What to show
    #[command(subcommand)]
    pub(crate) command: RunsCommand,
}

/// What is done with the history.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List the last runs, the newest first
    List(ListArgs),
    /// Show what a run changed and found
    Show(ShowArgs),
    /// Show only what a run found: what is not mirrored, and what to do about it
    Errors(ShowArgs),
    /// Retry what a run did not mirror: run `sync` for only those assets
    ///
    /// Selects every asset that failed, was skipped, is in conflict, was held or could not be checked in that run, unless its
    /// cause is accepted or the source does not publish it. The guards, the lock, the output and the exit codes are those of
    /// `sync`. Assets that the run did not reach are not among them: `sync` resumes those.
    Retry(RetryArgs),
    /// Remove old runs from the ledger, with what they changed and found
    ///
    /// With both --keep and --older-than, a run is removed only if it is old and not among the last N. The last run is always
    /// kept. The records of assets stay. The file does not shrink: later runs use the space.
    Prune(PruneArgs),
}

/// Arguments of `runs list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Number of runs to list
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

/// Arguments of `runs retry`.
#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// The id of a run, as `runs list` shows it
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// How it mirrors.
    #[command(flatten)]
    pub(crate) mirror: MirrorArgs,
}

/// Arguments of `runs prune`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("which").required(true).multiple(true).args(["keep", "older_than"])))]
pub(crate) struct PruneArgs {
    /// Keep the last N runs
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<NonZeroUsize>,
    /// Remove only runs that started longer ago than this, such as 90d or 6mo
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub(crate) older_than: Option<Span>,
    /// Show what would be removed; remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Parses a duration such as `90d` that is not zero.
fn age(text: &str) -> Result<Span, String> {
    let span: Option<Span> = text.parse().ok();
    span.filter(|span| span.is_positive()).ok_or_else(|| "write a time such as 90d, 12w or 6mo".to_owned())
}
