//! The arguments of `urls`: which assets, and the format of the result.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::ScopeArgs;

/// Arguments of `urls`.
#[derive(Debug, Args)]
pub(crate) struct UrlsArgs {
    /// Which assets.
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Print a table, or a configuration that switches viewers between both hosts (for JSON, use -o json)
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<UrlsFormat>,
    /// CSV file with the columns `locator_id` and `container`: makes old streaming URLs play (only with --format nginx)
    #[arg(long, value_name = "FILE")]
    pub(crate) old_locators: Option<PathBuf>,
}

/// The other output formats of `urls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UrlsFormat {
    /// A table for spreadsheets and scripts, one pair per line
    Csv,
    /// Azure Front Door, as Bicep
    FrontDoor,
    /// An Azure Traffic Manager profile, as Bicep
    TrafficManager,
    /// An nginx server
    Nginx,
    /// A steering manifest for HLS players
    Steering,
}
