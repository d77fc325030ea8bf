//! Makes a configuration from the emulator's regions, in memory or as a file.

use mediamirror::config::template::{AccountTemplate, SecretFile, StorageTemplate};
use mediamirror::config::{
    AccountConfig, AmsV2Config, AuthConfig, Limits, ServiceConfig, StorageConfig, StorageCredential,
};
use mediamirror::emulator::ReadyRegion;
use mediamirror::redact::Secret;
use url::Url;

use super::failure::CommandFailure;

/// The API version of the newest clients.
const API_VERSION: &str = "2.19";

/// The account of a region as a configuration in memory.
pub(crate) fn account(region: &ReadyRegion) -> Result<AccountConfig, CommandFailure> {
    let storage = region.storage.iter().map(|storage| {
        Ok(StorageConfig {
            account: storage.account.clone(),
            endpoint: url(&storage.blob)?,
            credential: StorageCredential::Key(Secret::new(&storage.key)),
        })
    });
    Ok(AccountConfig {
        account: region.account.clone(),
        service: ServiceConfig::AmsV2(AmsV2Config {
            endpoint: url(&region.media)?,
            redirect_hosts: vec![region.cluster.clone()],
            api_version: API_VERSION.to_owned(),
            auth: AuthConfig::Acs {
                token_url: url(&region.token)?,
                client_id: region.account.clone(),
                secret: Secret::new(&region.account_key),
            },
        }),
        storage: storage.collect::<Result<_, CommandFailure>>()?,
        streaming_url: Some(url(&region.streaming)?),
        limits: Limits::default(),
    })
}

/// The account of a region as a configuration to write.
pub(crate) fn template(region: &ReadyRegion) -> AccountTemplate {
    let file = |what: &str, secret: &str| SecretFile {
        name: format!("{}.{what}.key", region.name),
        secret: Some(Secret::new(secret)),
    };
    let storage = region.storage.iter().map(|storage| StorageTemplate {
        account: storage.account.clone(),
        endpoint: Some(storage.blob.clone()),
        key: file(&storage.account, &storage.key),
    });
    AccountTemplate {
        account: region.account.clone(),
        endpoint: region.media.clone(),
        redirect_hosts: vec![region.cluster.clone()],
        token_url: region.token.clone(),
        media_key: file("media", &region.account_key),
        streaming_url: Some(region.streaming.clone()),
        storage: storage.collect(),
    }
}

fn url(text: &str) -> Result<Url, CommandFailure> {
    Url::parse(text).map_err(|error| CommandFailure::unexpected(format!("the emulator answers at {text}: {error}")))
}
