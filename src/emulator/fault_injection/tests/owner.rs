//! A principal that may do everything in both storage accounts.

use crate::emulator::directory::STORAGE;
use crate::emulator::{EmulatorHandle, PrincipalSettings, Role, RoleAssignment, Settings};

/// Two regions, and an owner of both storage accounts.
pub(super) fn settings() -> Settings {
    let roles =
        ["storewest", "storeeast"].map(|account| RoleAssignment { account: account.to_owned(), role: Role::Owner });
    let principal = PrincipalSettings {
        client_id: "owner".to_owned(),
        tenant: "tenant".to_owned(),
        managed: true,
        roles: roles.into(),
        ..PrincipalSettings::default()
    };
    Settings { principals: vec![principal], ..Settings::default() }
}

/// A token of an owner that never expires.
pub(super) fn bearer(emulator: &EmulatorHandle) -> String {
    let now = emulator.world.clock.unix_millis() / 1000;
    let issued = emulator.world.directory.managed(None, STORAGE, now, u64::from(u32::MAX)).unwrap();
    format!("Bearer {}", issued.token)
}
