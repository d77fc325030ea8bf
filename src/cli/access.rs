//! Checks the access to every account by requesting something that does not exist. So a wrong key, address or
//! permission is reported before anything is written (including the ledger), with its line of the configuration. A side
//! needs one usable storage account; for the others there is a warning.

use std::path::Path;

use futures::future::join_all;
use mediamirror::blob::BlobAccount;
use mediamirror::config::{AccountConfig, Config, Part, ServiceConfig, place};
use mediamirror::connect::{Endpoint, Pair};
use mediamirror::error::{Error, Failure};
use mediamirror::model::{BlobRef, ContainerName, Side};

use super::failure::CommandFailure;
use super::printer;

/// A container that does not exist.
const NO_CONTAINER: &str = "mediamirror-access-check";

/// Checks every account; `path` is that of the configuration.
pub(crate) async fn check(path: &Path, config: &Config, pair: &Pair) -> Result<(), CommandFailure> {
    let one = |side| check_one(path, config, pair, side);
    futures::try_join!(one(Side::Source), one(Side::Target)).map(|_| ())
}

/// Checks the accounts of one side.
pub(crate) async fn check_one(path: &Path, config: &Config, pair: &Pair, side: Side) -> Result<(), CommandFailure> {
    let (config, endpoint) = match side {
        Side::Source => (&config.source, &pair.source),
        Side::Target => (&config.target, &pair.target),
    };
    Access { path, side, config, endpoint }.check().await
}

/// One side of the mirror and where it is configured.
struct Access<'a> {
    path: &'a Path,
    side: Side,
    config: &'a AccountConfig,
    endpoint: &'a Endpoint,
}

impl Access<'_> {
    async fn check(&self) -> Result<(), CommandFailure> {
        let storage = self.endpoint.storage.iter().enumerate();
        let storage = join_all(storage.map(|(index, storage)| self.check_storage(index, storage)));
        let (media, storage) = futures::join!(self.check_media(), storage);
        media?;
        self.judge_storage(storage).await
    }

    /// An unusable storage account affects only its own assets if there is a usable one. The target's default account
    /// is always needed: it stores the lock and the state.
    async fn judge_storage(&self, storage: Vec<Result<(), CommandFailure>>) -> Result<(), CommandFailure> {
        let all_failed = storage.iter().all(Result::is_err);
        let needed = match self.side {
            Side::Target if storage.iter().any(Result::is_err) => {
                Some(self.endpoint.default_storage().await.map_err(|error| CommandFailure::of(&error, false))?)
            }
            Side::Target | Side::Source => None,
        };
        for (account, checked) in self.endpoint.storage.iter().zip(storage) {
            match checked {
                Err(failure) if all_failed || needed.is_some_and(|needed| needed.name() == account.name()) => {
                    return Err(failure);
                }
                Err(failure) => printer::note(&format!("warning: {failure}; its assets are not mirrored")),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    async fn check_media(&self) -> Result<(), CommandFailure> {
        let Err(error) = self.endpoint.library.check_access().await else { return Ok(()) };
        let ServiceConfig::AmsV2(service) = &self.config.service else { return Err(self.refused_storage(0, &error)) };
        let part = match error.failure() {
            Some(Failure::Credential(_) | Failure::Refused { status: 401 | 403, .. }) => Part::Secret,
            _ if error.is_of_tokens() => Part::TokenUrl,
            _ => Part::Endpoint,
        };
        let subject = match (part, service.auth.token_service()) {
            (Part::TokenUrl, Some(url)) => format!("token service of media account {} at {url}", self.config.account),
            (Part::TokenUrl, None) => format!("token service of media account {}", self.config.account),
            _ => format!("media account {} at {}", self.config.account, service.endpoint),
        };
        Err(self.refused(part, &subject, &error))
    }

    async fn check_storage(&self, index: usize, storage: &BlobAccount) -> Result<(), CommandFailure> {
        let blob = BlobRef { container: ContainerName::new(NO_CONTAINER), name: "none".to_owned() };
        let Err(error) = storage.properties(&blob).await else { return Ok(()) };
        Err(self.refused_storage(index, &error))
    }

    fn refused_storage(&self, index: usize, error: &Error) -> CommandFailure {
        let part = match error.failure() {
            Some(Failure::Credential(_) | Failure::Refused { status: 401 | 403, .. }) => Part::StorageKey(index),
            _ if error.is_of_tokens() => Part::StorageKey(index),
            _ => Part::StorageEndpoint(index),
        };
        let configured = &self.config.storage[index];
        let subject = format!("storage account {} at {}", configured.account, configured.endpoint);
        self.refused(part, &subject, error)
    }

    fn refused(&self, part: Part, subject: &str, error: &Error) -> CommandFailure {
        let place = place(self.path, self.side, part);
        CommandFailure::of(error, false).about(&format!("{place}: the {}'s {subject} cannot be used", self.side))
    }
}
