//! The fingerprint of a configuration: a plan can be applied only with the configuration that it was made with.

use std::fmt::Debug;

use super::{AccountConfig, Config, Policy, ServiceConfig};
use crate::plan::{Fingerprint, Fingerprints};

impl Config {
    /// The fingerprint of all settings that decide what a run does: accounts, endpoints, where copies are created,
    /// which blobs belong to the library, what is withheld and adopted. It does not include sign-in, speed, accepted
    /// causes, and the limits of the guards, which are checked when a plan is applied.
    pub fn fingerprint(&self) -> Fingerprint {
        let Self { source, target, storage_map, policy, blobs, ledger: _, prices: _, hooks: _, roots: _ } = self;
        let Policy { withhold, adopt, accept: _, guards: _, delete_after: _ } = policy;
        let parts = account(account(Fingerprints::default(), source), target);
        let parts = shown(shown(parts, storage_map), withhold);
        let parts = shown(shown(parts, adopt), &blobs.split);
        shown(parts, &blobs.selection).finish()
    }
}

fn account(parts: Fingerprints, account: &AccountConfig) -> Fingerprints {
    let parts = parts.with("account", &account.account);
    let parts = match &account.service {
        ServiceConfig::AmsV2(service) => {
            parts.with("endpoint", service.endpoint.as_str()).with("version", &service.api_version)
        }
        ServiceConfig::Blobs => parts.with("blobs", ""),
    };
    account.storage.iter().fold(parts, |parts, storage| {
        parts.with("storage", &storage.account).with("endpoint", storage.endpoint.as_str())
    })
}

/// Uses the `Debug` output, which is stable because a plan is also bound to the version of the program.
fn shown(parts: Fingerprints, part: &impl Debug) -> Fingerprints {
    parts.with("part", format!("{part:?}"))
}
