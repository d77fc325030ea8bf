//! The flags that limit the speed of a command.

use std::num::NonZeroU64;

use clap::Args;
use mediamirror::config::LimitOverrides;

use super::{bytes, count};

/// The limits of a command's speed. A rate that a flag sets is valid all day.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PaceArgs {
    /// Most requests per second to each storage account, reads and writes together
    #[arg(long, help_heading = "Speed", hide_short_help = true, value_name = "N")]
    pub(crate) requests_per_second: Option<NonZeroU64>,
    /// Most requests in flight to each storage account; reads and writes count separately
    #[arg(long, help_heading = "Speed", hide_short_help = true, value_name = "N")]
    pub(crate) max_in_flight: Option<NonZeroU64>,
    /// Most bytes per second that copies move and `verify --bytes` reads on each side, such as 200MB
    #[arg(long, help_heading = "Speed", hide_short_help = true, value_name = "SIZE", value_parser = bytes)]
    pub(crate) bytes_per_second: Option<NonZeroU64>,
    /// Most asynchronous copies that are pending at once in each storage account
    #[arg(long, help_heading = "Speed", hide_short_help = true, value_name = "N")]
    pub(crate) pending_copies: Option<NonZeroU64>,
}

impl PaceArgs {
    /// The limits that override the configured ones.
    pub(crate) fn overrides(&self) -> LimitOverrides {
        LimitOverrides {
            requests_per_second: self.requests_per_second,
            in_flight: self.max_in_flight.map(count),
            bytes_per_second: self.bytes_per_second,
            pending_copies: self.pending_copies.map(count),
        }
    }
}
