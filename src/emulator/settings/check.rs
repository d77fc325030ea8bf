//! Checks parsed settings: names that the services would refuse, duplicate names, invalid keys.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{PrincipalSettings, RegionSettings, Settings, SettingsError, StorageSettings};

fn fault(key: impl Into<String>, problem: impl Into<String>, remedy: &str) -> SettingsError {
    SettingsError { file: None, line: None, key: key.into(), problem: problem.into(), remedy: remedy.to_owned() }
}

impl Settings {
    /// Reports the first error.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.regions.is_empty() {
            return Err(fault("regions", "no region", "add a [[regions]] table, or leave all regions out for two"));
        }
        let mut seen = Seen::default();
        seen.port("admin_port".to_owned(), self.admin_port)?;
        for (index, region) in self.regions.iter().enumerate() {
            check_region(&format!("regions[{index}]"), region, &mut seen)?;
        }
        for (index, principal) in self.principals.iter().enumerate() {
            check_principal(&format!("principals[{index}]"), principal, &seen)?;
        }
        Ok(())
    }
}

/// Names and ports met so far.
#[derive(Default)]
struct Seen {
    regions: HashSet<String>,
    accounts: HashSet<String>,
    stores: HashSet<String>,
    ports: HashSet<u16>,
}

impl Seen {
    fn port(&mut self, key: String, port: u16) -> Result<(), SettingsError> {
        if port != 0 && !self.ports.insert(port) {
            return Err(fault(key, format!("port {port} is given twice"), "choose another, or 0 for any free one"));
        }
        Ok(())
    }
}

fn check_region(at: &str, region: &RegionSettings, seen: &mut Seen) -> Result<(), SettingsError> {
    if region.name.is_empty() {
        return Err(fault(format!("{at}.name"), "is empty", "name the region, such as \"west\""));
    }
    if !seen.regions.insert(region.name.clone()) {
        let problem = format!("region {:?} is named twice", region.name);
        return Err(fault(format!("{at}.name"), problem, "give each region its own name"));
    }
    check_account(&format!("{at}.account"), &region.account)?;
    if !seen.accounts.insert(region.account.clone()) {
        let problem = format!("media account {:?} is named twice", region.account);
        return Err(fault(format!("{at}.account"), problem, "give each media account its own name"));
    }
    check_key(&format!("{at}.account_key"), region.account_key.as_deref())?;
    if region.media.batch_limit == 0 {
        let remedy = "write the most operations a batch may have, such as 100; refuse_batch refuses them all";
        return Err(fault(format!("{at}.media.batch_limit"), "a batch of no operations is none", remedy));
    }
    let ports = region.ports;
    let named = [
        ("token", ports.token),
        ("front", ports.front),
        ("cluster", ports.cluster),
        ("blob", ports.blob),
        ("streaming", ports.streaming),
    ];
    for (name, port) in named {
        seen.port(format!("{at}.ports.{name}"), port)?;
    }
    if region.storage.is_empty() {
        return Err(fault(format!("{at}.storage"), "no storage account", "add a [[regions.storage]] table"));
    }
    for (index, storage) in region.storage.iter().enumerate() {
        check_storage(&format!("{at}.storage[{index}]"), storage, seen)?;
    }
    Ok(())
}

/// Checks that its roles and permissions are on accounts that exist.
fn check_principal(at: &str, principal: &PrincipalSettings, seen: &Seen) -> Result<(), SettingsError> {
    if let Some(role) = principal.roles.iter().find(|role| !seen.stores.contains(&role.account)) {
        let problem = format!("there is no storage account {:?}", role.account);
        return Err(fault(format!("{at}.roles"), problem, "name a storage account of a region"));
    }
    if let Some(account) = principal.media.iter().find(|account| !seen.accounts.contains(*account)) {
        let problem = format!("there is no media account {account:?}");
        return Err(fault(format!("{at}.media"), problem, "name the media account of a region"));
    }
    Ok(())
}

fn check_storage(at: &str, storage: &StorageSettings, seen: &mut Seen) -> Result<(), SettingsError> {
    check_account(&format!("{at}.account"), &storage.account)?;
    if !seen.stores.insert(storage.account.clone()) {
        let problem = format!("storage account {:?} is named twice", storage.account);
        return Err(fault(format!("{at}.account"), problem, "give each storage account its own name"));
    }
    check_key(&format!("{at}.key"), storage.key.as_deref())?;
    let Some(external) = &storage.external_url else { return Ok(()) };
    let usable = url::Url::parse(external).is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
    if !usable {
        let problem = format!("{external:?} is not an http URL");
        return Err(fault(
            format!("{at}.external_url"),
            problem,
            "write it like \"http://127.0.0.1:10000/account\", the account's root",
        ));
    }
    if storage.key.is_none() {
        let problem = "an account outside has a key of its own, and none is given";
        return Err(fault(format!("{at}.key"), problem, "add its account key in base64"));
    }
    Ok(())
}

/// Both services require 3 to 24 lower-case letters and digits.
fn check_account(key: &str, name: &str) -> Result<(), SettingsError> {
    let fits = (3..=24).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if fits {
        return Ok(());
    }
    let problem = format!("{name:?} cannot name an account");
    Err(fault(key, problem, "use 3 to 24 lower-case letters and digits"))
}

fn check_key(at: &str, key: Option<&str>) -> Result<(), SettingsError> {
    match key {
        Some(key) if key.is_empty() || STANDARD.decode(key).is_err() => {
            Err(fault(at, "is not base64", "paste the whole key, or leave it out to have one made from the name"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::settings::{Role, RoleAssignment};

    fn complaint(change: impl FnOnce(&mut Settings)) -> SettingsError {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.check().unwrap_err()
    }

    #[test]
    fn the_default_settings_are_valid() {
        assert_eq!(Settings::default().check(), Ok(()));
    }

    #[test]
    fn a_duplicate_name_is_refused_at_its_second_place() {
        let error = complaint(|s| s.regions[1].name = s.regions[0].name.clone());
        assert_eq!(error.key, "regions[1].name");
        let error = complaint(|s| s.regions[1].account = s.regions[0].account.clone());
        assert_eq!(error.key, "regions[1].account");
    }

    #[test]
    fn a_bad_account_name_is_reported_with_the_rule() {
        let error = complaint(|s| s.regions[0].storage[0].account = "Store-West".to_owned());
        assert!(error.to_string().contains("lower-case letters"), "{error}");
    }

    #[test]
    fn a_key_that_is_not_base64_is_refused() {
        let error = complaint(|s| s.regions[0].storage[0].key = Some("%%".to_owned()));
        assert_eq!(error.key, "regions[0].storage[0].key");
    }

    #[test]
    fn an_external_account_needs_its_key() {
        let error =
            complaint(|s| s.regions[0].storage[0].external_url = Some("http://127.0.0.1:10000/storewest".to_owned()));
        assert_eq!(error.key, "regions[0].storage[0].key");
    }

    #[test]
    fn a_batch_of_no_operations_is_refused() {
        let error = complaint(|s| s.regions[1].media.batch_limit = 0);
        assert_eq!(error.key, "regions[1].media.batch_limit");
    }

    #[test]
    fn a_role_on_an_unknown_account_is_refused() {
        let role = RoleAssignment { account: "storenorth".to_owned(), role: Role::Reader };
        let error = complaint(|s| {
            s.principals = vec![PrincipalSettings { roles: vec![role], ..PrincipalSettings::default() }];
        });
        assert_eq!(error.key, "principals[0].roles");
        let media = vec!["medianorth".to_owned()];
        let error = complaint(|s| s.principals = vec![PrincipalSettings { media, ..PrincipalSettings::default() }]);
        assert_eq!(error.key, "principals[0].media");
    }

    #[test]
    fn a_duplicate_port_is_refused() {
        let error = complaint(|s| {
            s.admin_port = 4000;
            s.regions[1].ports.blob = 4000;
        });
        assert_eq!(error.key, "regions[1].ports.blob");
    }
}
