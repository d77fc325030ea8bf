//! Any text as a configuration, and as the tutorial's `App.config`: it is accepted or refused, and no message contains
//! a value.

use std::path::PathBuf;

use super::app_config::AppConfig;
use super::file::ServiceFile;
use super::problem::{Document, Problems};
use super::secret::SecretSource;
use super::template::{AccountTemplate, read_valid, render};
use super::{Config, ConfigErrors, file, validate};
use crate::fuzz::{CANARY, keeps_secret, target};

const TOML: &[&str] = &[
    "[source]\n",
    "[target.auth]\n",
    "[[target.storage]]\n",
    "[source.limits.media]\n",
    "account = ",
    "endpoint = ",
    "key = ",
    "secret = ",
    "kind = ",
    "\"acs\"",
    "\"entra\"",
    "resource = \"x\"\n",
    "client_id = ",
    "redirect_hosts = ",
    "[\"*.a.b\"]",
    "api_version = ",
    "\"2.19\"",
    "2.19",
    "pending_copies = ",
    "time_zone = \"UTC\"\n",
    "requests_per_second = { \"08:00\" = 5, \"23:00\" = \"off\" }\n",
    "accept = ",
    "{ cause = \"protected\", names = [\"a*\"], most = 3 }",
    "withhold = ",
    "adopt = ",
    "[guards]\n",
    "max_withdraw = ",
    "\"10%\"",
    "{ file = ",
    "{ env = ",
    "http://",
    "https://",
    "[::1]",
    "127.0.0.1:1",
    "@",
    "?",
    "#",
    "*",
    "..",
    "\"\"\"",
    "'''",
    "\"",
    "'",
    "=",
    "\n",
    "[",
    "]",
    "{",
    "}",
    ",",
    "\\u0000",
    "inf",
    "1979-05-27",
    "0x1",
    "true",
    "\u{feff}",
    "ß",
    CANARY,
];

const XML: &[&str] = &[
    "<add key=\"",
    "\" value=\"",
    "\"/>",
    "<add",
    "</add>",
    "<!DOCTYPE x>",
    "<!--",
    "-->",
    "<![CDATA[",
    "&amp;",
    "&x;",
    "&#0;",
    "MediaServicesAccountKeySource",
    "<appSettings>",
    "</appSettings>",
    "\"",
    "'",
    "<",
    ">",
    "=",
    " ",
    "\u{feff}",
    CANARY,
];

/// The configuration. All secrets come from one file that exists, so that no mutation runs a command or reads a device.
fn parse(text: &str, folder: &std::path::Path) -> Result<Config, ConfigErrors> {
    let path = folder.join("mirror.toml");
    let document = Document::new(text, &path);
    let mut problems = Problems::default();
    let mut file = file::read(&document, &mut problems);
    let sides = file.iter_mut().flat_map(|file| [&mut file.source, &mut file.target]);
    for account in sides.flatten() {
        let storage = account.storage.iter_mut().flat_map(toml::Spanned::get_mut);
        let storage = storage.flat_map(|storage| [&mut storage.key, &mut storage.sas]);
        let auth = match &mut account.service {
            ServiceFile::AmsV2(service) => service.auth.secret.as_mut(),
            ServiceFile::Blobs => None,
        };
        for secret in storage.flatten().chain(auth) {
            *secret.get_mut() = SecretSource::File(PathBuf::from("a.key"));
        }
    }
    let config = file.and_then(|file| validate::config(&file, &document, &mut problems));
    problems.finish(config)
}

/// Appends the canary to every text of the document, except for those that messages may contain: names, kinds and
/// places.
fn with_canaries(value: &mut toml::Value, key: &str) {
    match value {
        toml::Value::String(text) if !["account", "kind", "file", "env", "command", "ledger"].contains(&key) => {
            text.push_str(CANARY);
        }
        toml::Value::Array(items) => items.iter_mut().for_each(|item| with_canaries(item, key)),
        toml::Value::Table(table) => table.iter_mut().for_each(|(key, value)| with_canaries(value, key)),
        _ => {}
    }
}

#[test]
fn any_text_gives_a_configuration_or_a_message_without_values() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("a.key");
    std::fs::write(&key, "aHVudGVyMg==").unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    target("config", TOML, |input| {
        let text = String::from_utf8_lossy(input);
        if let Ok(table) = text.parse::<toml::Table>() {
            let mut value = toml::Value::Table(table);
            with_canaries(&mut value, "");
            // Messages contain names of keys, so a canary in one proves nothing.
            if !text.contains(CANARY)
                && let Err(error) = parse(&value.to_string(), folder.path())
            {
                keeps_secret(&error.to_string());
            }
        }
        match parse(&text, folder.path()) {
            Ok(config) => {
                for account in [&config.source, &config.target] {
                    assert!(!account.storage.is_empty());
                    let storage = account.storage.iter().map(|storage| &storage.endpoint);
                    let media = account.service.ams_v2().map(|service| {
                        assert!(service.endpoint.path().ends_with('/'));
                        assert!(service.redirect_hosts.iter().all(|host| host != "*" && host != "*."));
                        std::iter::once(&service.endpoint).chain(service.auth.token_service())
                    });
                    for url in storage.chain(media.into_iter().flatten()).chain(&account.streaming_url) {
                        assert!(url.scheme() == "https" || super::is_loopback(url), "keys in the clear: {url}");
                        assert!(url.username().is_empty() && url.password().is_none() && url.query().is_none());
                    }
                }
                assert_ne!(config.source.storage[0].account, config.target.storage[0].account);
                let shown = format!("{config:?}");
                assert!(!shown.contains("aHVudGVyMg"), "{shown}");
                "taken".to_owned()
            }
            Err(errors) => {
                assert!((1..=50).contains(&errors.all().len()), "{errors}");
                for error in errors.all() {
                    assert!(error.place.starts_with(folder.path().to_str().unwrap()), "{error}");
                    assert!(!error.problem.is_empty() && !error.remedy.is_empty(), "{error}");
                }
                errors.all()[0].problem.clone()
            }
        }
    });
}

#[test]
fn a_configuration_with_any_names_is_read_unchanged() {
    target("config", TOML, |input| {
        let text = String::from_utf8_lossy(input);
        let (first, second) = text.split_at(text.floor_char_boundary(text.len().min(40)));
        let mut source = AccountTemplate::of_the_service("source", first, "storewest");
        source.redirect_hosts = vec![second.chars().take(40).collect()];
        let target = AccountTemplate::of_the_service("target", "east", first);
        let written = render(first, &source, &target);
        let file = read_valid(&written);
        let [source_file, target_file] = [file.source, file.target].map(Option::unwrap);
        assert_eq!(source_file.account.unwrap().get_ref(), first);
        let ServiceFile::AmsV2(service) = source_file.service else { panic!("another service was written") };
        assert_eq!(service.redirect_hosts.unwrap()[0].get_ref(), &source.redirect_hosts[0]);
        let storage = target_file.storage.unwrap();
        assert_eq!(storage.get_ref()[0].account.as_ref().unwrap().get_ref(), first);
        assert_eq!(file.general.ledger.unwrap().to_str(), Some(first));
        String::new()
    });
}

#[test]
fn any_text_gives_an_app_config_or_a_message_without_values() {
    target("app-config", XML, |input| {
        let text = String::from_utf8_lossy(input);
        let result = AppConfig::parse(&text);
        let shown = format!("{result:?}");
        // A canary before an `=` or a `<` may have become a name, even that of an account.
        let in_values = text.matches(CANARY).count() == text.matches(&format!("KeySource\" value=\"{CANARY}")).count();
        match result {
            Ok(config) => {
                for account in [&config.source, &config.target] {
                    for name in [&account.media_account, &account.storage_account] {
                        assert!(!name.is_empty() && name.trim() == name, "{name:?}");
                    }
                    for key in [&account.media_key, &account.storage_key] {
                        assert!(!key.expose().is_empty() && key.expose().trim() == key.expose());
                    }
                }
                assert!(!in_values || !shown.contains(CANARY), "{shown}");
                "taken".to_owned()
            }
            Err(error) => {
                keeps_secret(&format!("{error} {error:?}"));
                error.to_string()
            }
        }
    });
}
