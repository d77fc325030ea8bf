//! The configuration that mirrors an emulator's first region to its second.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mediamirror::config::{
    AccountConfig, AmsV2Config, AuthConfig, BlobsConfig, Config, Hooks, Limits, Policy, ServiceConfig, StorageConfig,
    StorageCredential,
};
use mediamirror::emulator::{EmulatorHandle, ReadyRegion};
use mediamirror::redact::Secret;

/// As `--write-config` writes it.
pub(crate) fn config_of(emulator: &EmulatorHandle) -> Config {
    let regions = &emulator.ready().regions;
    Config {
        source: account(&regions[0]),
        target: account(&regions[1]),
        ledger: PathBuf::from("unused.ledger"),
        policy: Policy::default(),
        storage_map: BTreeMap::new(),
        blobs: BlobsConfig::default(),
        prices: None,
        roots: Vec::new(),
        hooks: Hooks::default(),
    }
}

fn account(region: &ReadyRegion) -> AccountConfig {
    AccountConfig {
        account: region.account.clone(),
        service: ServiceConfig::AmsV2(AmsV2Config {
            endpoint: region.media.parse().expect("a ready emulator reports URLs"),
            redirect_hosts: vec![region.cluster.clone()],
            api_version: "2.19".to_owned(),
            auth: AuthConfig::Acs {
                token_url: region.token.parse().expect("a ready emulator reports URLs"),
                client_id: region.account.clone(),
                secret: Secret::new(region.account_key.clone()),
            },
        }),
        storage: region
            .storage
            .iter()
            .map(|storage| StorageConfig {
                account: storage.account.clone(),
                endpoint: storage.blob.parse().expect("a ready emulator reports URLs"),
                credential: StorageCredential::Key(Secret::new(storage.key.clone())),
            })
            .collect(),
        streaming_url: None,
        limits: Limits::default(),
    }
}
