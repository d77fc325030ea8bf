//! From the flags to two accounts that can be talked to.

use mediamirror::config::{Config, LimitOverrides};
use mediamirror::connect::{Pair, connect};
use mediamirror::transport;

use super::Context;
use super::failure::CommandFailure;

/// A validated configuration and the clients made from it.
#[derive(Debug)]
pub(crate) struct Session {
    /// The configuration.
    pub(crate) config: Config,
    /// Both accounts.
    pub(crate) pair: Pair,
}

impl Session {
    /// Reads the configuration, puts the flags over it and makes the clients. Nothing is sent yet.
    pub(crate) fn open(context: &Context, overrides: &LimitOverrides) -> Result<Self, CommandFailure> {
        let mut config = Config::load(&context.global.config)?;
        config.source.limits = overrides.over(config.source.limits);
        config.target.limits = overrides.over(config.target.limits);
        Self::of(config)
    }

    /// The clients of a configuration.
    pub(crate) fn of(config: Config) -> Result<Self, CommandFailure> {
        let client = transport::network()
            .map_err(|error| CommandFailure::unexpected(format!("failed to set up TLS: {error}")))?;
        let pair = connect(&config, client).map_err(|error| CommandFailure::of(&error, false))?;
        Ok(Self { config, pair })
    }
}
