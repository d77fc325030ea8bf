//! Opens a session: from the command line to the clients of both accounts.

use std::sync::Arc;

use azure_core::http::HttpClient;
use mediamirror::config::{Config, LimitOverrides, ServiceConfig, system_limits};
use mediamirror::connect::{Endpoint, Pair, connect};
use mediamirror::model::Side;
use mediamirror::transport;

use super::access;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;

/// A validated configuration and the clients made from it.
#[derive(Debug)]
pub(crate) struct Session {
    /// The configuration.
    pub(crate) config: Config,
    /// Both accounts.
    pub(crate) pair: Arc<Pair>,
    /// The network with the configuration's authorities, for requests that the clients of the accounts do not send, and
    /// for other clients.
    pub(crate) network: Arc<dyn HttpClient>,
}

impl Session {
    /// Reads the configuration, applies the flags, makes the clients and checks the access to both accounts.
    pub(crate) async fn open(context: &Context, overrides: &LimitOverrides) -> Result<Self, CommandFailure> {
        let session = Self::limited(context, overrides)?;
        access::check(&context.global.config, &session.config, &session.pair).await?;
        Ok(session)
    }

    /// As [`Session::open`], for a command that only needs the target: it sends no request to the source.
    pub(crate) async fn open_target(context: &Context, overrides: &LimitOverrides) -> Result<Self, CommandFailure> {
        let session = Self::limited(context, overrides)?;
        access::check_one(&context.global.config, &session.config, &session.pair, Side::Target).await?;
        Ok(session)
    }

    /// Reads the configuration, applies the flags and makes the clients.
    fn limited(context: &Context, overrides: &LimitOverrides) -> Result<Self, CommandFailure> {
        let mut config = Config::load(&context.global.config)?;
        config.source.limits = overrides.over(config.source.limits.clone());
        config.target.limits = overrides.over(config.target.limits.clone());
        if let Some(small) = system_limits::memory().map_err(|error| CommandFailure::of(&error.into(), false))? {
            tracing::warn!("{small}");
        }
        // A command opens one session.
        let _ = context.known.config.set(config.clone());
        let session = Self::of(config)?;
        let _ = context.known.pair.set(Arc::clone(&session.pair));
        Ok(session)
    }

    /// As [`Session::open`], for a command on one media account: the access to the other account is not checked.
    pub(crate) async fn open_one(context: &Context, side: Side) -> Result<Self, CommandFailure> {
        let session = Self::of(Config::load(&context.global.config)?)?;
        session.account(side).authoring().map_err(|error| CommandFailure::of(&error, false))?;
        access::check_one(&context.global.config, &session.config, &session.pair, side).await?;
        Ok(session)
    }

    /// Refuses a flag, if it was given, unless the libraries are storage accounts.
    pub(crate) fn check_of_blobs(&self, flag: &str, given: bool) -> Result<(), CommandFailure> {
        if given && matches!(self.config.source.service, ServiceConfig::AmsV2(_)) {
            let problem = format!("{flag}: the libraries are media accounts");
            let remedy = "leave out the flag; it is only for `service = \"blobs\"`";
            return Err(CommandFailure::new(ExitCode::Usage, problem, remedy));
        }
        Ok(())
    }

    /// One of both accounts.
    pub(crate) fn account(&self, side: Side) -> &Endpoint {
        match side {
            Side::Source => &self.pair.source,
            Side::Target => &self.pair.target,
        }
    }

    /// The clients of a configuration. Nothing is sent yet.
    pub(crate) fn of(mut config: Config) -> Result<Self, CommandFailure> {
        if let Some(lowered) = system_limits::open_files().and_then(|allowed| config.fit_descriptors(allowed)) {
            tracing::warn!("{lowered}");
        }
        let network = transport::network_trusting(&config.roots)
            .map_err(|error| CommandFailure::unexpected(format!("failed to set up TLS: {error}")))?;
        let pair = connect(&config, Arc::clone(&network)).map_err(|error| CommandFailure::of(&error, false))?;
        Ok(Self { config, pair: Arc::new(pair), network })
    }
}
