//! The arguments of `report`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The id of a run, as `runs list` shows it; the last run when not given
    #[arg(value_name = "RUN", conflicts_with = "from")]
    pub(crate) run: Option<String>,
    /// Write the report as one HTML page that opens offline
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Print the report as JSON, as `--output json` does
    #[arg(long)]
    pub(crate) json: bool,
    /// Print every change and every finding as a line of CSV
    #[arg(long, conflicts_with_all = ["json", "from"])]
    pub(crate) csv: bool,
    /// Read the report from a file that `report --json` wrote, not from the ledger
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Include the result that `ready --output json` wrote to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) ready: Option<PathBuf>,
    /// Keep every asset in the report, not only the first 10,000
    #[arg(long, conflicts_with = "from")]
    pub(crate) all: bool,
}
