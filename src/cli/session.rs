//! From the flags to two accounts that can be talked to.

use std::sync::Arc;

use futures::future::try_join_all;
use mediamirror::blob::BlobAccount;
use mediamirror::config::{Config, LimitOverrides};
use mediamirror::connect::{Endpoint, Pair, connect};
use mediamirror::error::Error;
use mediamirror::model::{AssetId, BlobRef, ContainerName};
use mediamirror::transport;

use super::Context;
use super::failure::CommandFailure;

/// A validated configuration and the clients made from it.
#[derive(Debug)]
pub(crate) struct Session {
    /// The configuration.
    pub(crate) config: Config,
    /// Both accounts.
    pub(crate) pair: Arc<Pair>,
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
        Ok(Self { config, pair: Arc::new(pair) })
    }

    /// Asks every account for something that is not there: a wrong key, address or permission shows before anything is
    /// written, the ledger included.
    pub(crate) async fn check_access(&self) -> Result<(), CommandFailure> {
        let asked = futures::try_join!(check(&self.pair.source), check(&self.pair.target));
        asked.map(|_| ()).map_err(|error| CommandFailure::of(&error, false))
    }
}

/// An id no asset has.
const NO_ASSET: &str = "nb:cid:UUID:00000000-0000-0000-0000-000000000000";
/// A container nobody has.
const NO_CONTAINER: &str = "mediamirror-access-check";

async fn check(side: &Endpoint) -> Result<(), Error> {
    side.media.asset(&AssetId::new(NO_ASSET)).await?;
    try_join_all(side.storage.iter().map(|storage| check_storage(storage))).await?;
    Ok(())
}

async fn check_storage(storage: &BlobAccount) -> Result<(), Error> {
    let blob = BlobRef { container: ContainerName::new(NO_CONTAINER), name: "none".to_owned() };
    storage.properties(&blob).await.map(|_| ())
}
