//! How fast a command is.

use std::num::NonZeroU64;

use clap::Args;
use mediamirror::config::LimitOverrides;

use super::{bytes, count};

/// How fast a command is. The rates hold all day, whatever the configuration says of times.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PaceArgs {
    /// Requests a second to each storage account, for reads and for writes
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_second: Option<NonZeroU64>,
    /// Requests in flight to each storage account, for reads and for writes
    #[arg(long, value_name = "N")]
    pub(crate) max_in_flight: Option<NonZeroU64>,
    /// Bytes a second that copies move and `verify --bytes` reads on each side, such as 200MB or 1GiB
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(crate) bytes_per_second: Option<NonZeroU64>,
    /// Asynchronous copies pending at once in each storage account
    #[arg(long, value_name = "N")]
    pub(crate) pending_copies: Option<NonZeroU64>,
}

impl PaceArgs {
    /// The limits to put over the configured ones.
    pub(crate) fn overrides(&self) -> LimitOverrides {
        LimitOverrides {
            requests_per_second: self.requests_per_second,
            in_flight: self.max_in_flight.map(count),
            bytes_per_second: self.bytes_per_second,
            pending_copies: self.pending_copies.map(count),
        }
    }
}
