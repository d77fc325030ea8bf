//! The real binary: its arguments, its outputs, its exit codes, and that a refusal changes nothing.

#[cfg(feature = "emulator")]
pub(crate) mod against_emulator;
#[cfg(feature = "emulator")]
mod asset;
mod choices;
pub(crate) mod counted;
mod doctor;
#[cfg(feature = "emulator")]
mod drill;
#[cfg(feature = "emulator")]
mod encode;
#[cfg(feature = "emulator")]
mod events;
mod exit_codes;
#[cfg(feature = "emulator")]
mod failover;
#[cfg(feature = "emulator")]
mod hooks;
#[cfg(feature = "emulator")]
mod log_file;
mod manual;
mod metrics;
#[cfg(feature = "emulator")]
mod plan;
#[cfg(feature = "emulator")]
mod playing;
#[cfg(feature = "emulator")]
mod quick_start;
#[cfg(feature = "emulator")]
mod rates;
mod ready;
mod rebuilding;
#[cfg(feature = "emulator")]
mod report;
mod runs;
mod shell;
mod sign_in;
mod units;
#[cfg(feature = "emulator")]
mod unlock;

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::schemas;

pub(crate) const MIRROR: &str = r#"[source]
account = "west"
endpoint = "http://127.0.0.1:9/api/"
[source.auth]
kind = "acs"
token_url = "http://127.0.0.1:9/v2/OAuth2-13"
secret = { file = "a.key" }
[[source.storage]]
account = "storewest"
endpoint = "http://127.0.0.1:9/storewest"
key = { file = "a.key" }
[target]
account = "east"
endpoint = "http://127.0.0.1:9/api/"
[target.auth]
kind = "acs"
token_url = "http://127.0.0.1:9/v2/OAuth2-13"
secret = { file = "a.key" }
[[target.storage]]
account = "storeeast"
endpoint = "http://127.0.0.1:9/storeeast"
key = { file = "a.key" }
"#;

const APP_CONFIG: &str = r#"<configuration><appSettings>
  <add key="MediaServicesAccountNameSource" value="west"/>
  <add key="MediaServicesAccountKeySource" value="bWVkaWEtd2VzdA=="/>
  <add key="MediaServicesStorageAccountNameSource" value="storewest"/>
  <add key="MediaServicesStorageAccountKeySource" value="c3RvcmUtd2VzdA=="/>
  <add key="MediaServicesAccountNameTarget" value="east" />
  <add key="MediaServicesAccountKeyTarget" value=" bWVkaWEtZWFzdA==" />
  <add key="MediaServicesStorageAccountNameTarget" value=" storeeast" />
  <add key="MediaServicesStorageAccountKeyTarget" value=" c3RvcmUtZWFzdA==" />
</appSettings></configuration>"#;

/// Runs the program in a directory, without the environment variables of the tests. If it prints JSON, the JSON must
/// match its schema.
pub(crate) fn mediamirror(directory: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("MEDIAMIRROR_CONFIG")
        .env_remove("MEDIAMIRROR_LOG")
        .env_remove("MEDIAMIRROR_LEDGER")
        .env_remove("CREDENTIALS_DIRECTORY")
        .output()
        .expect("the binary runs");
    schemas::check(arguments, &stdout(&output), &stderr(&output));
    output
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// The lines of a text, each with its continuation lines.
pub(crate) fn unwrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match lines.last_mut() {
            Some(last) if line.starts_with("    ") => last.extend([" ", line.trim_start()]),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// A directory with that configuration and its secret file.
pub(crate) fn place(configuration: &str) -> TempDir {
    let place = tempfile::tempdir().expect("a directory");
    write_private(&place.path().join("a.key"), "c2VjcmV0LWtleQ==\n");
    std::fs::write(place.path().join("mirror.toml"), configuration).expect("written");
    place
}

fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("mode set");
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

fn files_in(place: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(place.path()).expect("readable");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn help_goes_to_standard_output_and_is_a_success() {
    let place = tempfile::tempdir().expect("a directory");
    let output = mediamirror(place.path(), &["--help"]);
    assert_eq!(output.status.code(), Some(0));
    for command in ["sync", "verify", "urls", "doctor", "init"] {
        assert!(stdout(&output).contains(command), "{command} is missing in the help");
    }
    assert!(output.stderr.is_empty());
}

#[test]
fn an_unknown_flag_is_a_usage_error_on_standard_error() {
    let place = tempfile::tempdir().expect("a directory");
    let output = mediamirror(place.path(), &["sync", "--dryrun"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(stderr(&output).contains("--dry-run"), "{}", stderr(&output));
}

#[test]
fn bad_configurations_end_with_five_and_one_message_and_write_nothing() {
    let cases = [
        (
            "account = \"west\"",
            "acount = \"west\"",
            "mirror.toml:2: `source.acount`: unknown key",
            "did you mean `account`?",
        ),
        ("{ file = \"a.key\" }", "{ file = \"no.key\" }", "mirror.toml:7: `source.auth.secret`: ", "chmod 600 no.key"),
        ("{ file = \"a.key\" }", "{ env = \"NOT_SET_ANYWHERE\" }", "mirror.toml:7: ", "export NOT_SET_ANYWHERE"),
        (
            "{ file = \"a.key\" }",
            "\"c2VjcmV0LWtleQ==\"",
            "mirror.toml:7: `source.auth.secret`: a secret must not be written",
            "chmod 600",
        ),
        ("\"east\"", "\"west\"", "mirror.toml:13: `target.account`: the target is the source", "another account"),
        ("\"storeeast\"", "\"storewest\"", "mirror.toml:20: `target.storage.account`", "another account"),
    ];
    for (from, to, message, remedy) in cases {
        let place = place(&MIRROR.replacen(from, to, 1));
        let before = files_in(&place);
        for command in ["sync", "verify", "urls"] {
            let output = mediamirror(place.path(), &[command]);
            let printed = stderr(&output);
            assert_eq!(output.status.code(), Some(5), "{command}, {to}: {printed}");
            assert!(output.stdout.is_empty(), "{command}, {to}");
            assert_eq!(printed.matches("error: ").count(), 1, "{command}, {to}: {printed}");
            assert!(printed.contains(message) && printed.contains(remedy), "{command}, {to}: {printed}");
            assert!(!printed.contains("c2VjcmV0LWtleQ"), "a secret is printed: {printed}");
            assert_eq!(files_in(&place), before, "{command}, {to}");
        }
    }
}

#[test]
fn a_failure_with_json_output_is_one_json_object_on_standard_error() {
    let place = place(&MIRROR.replacen("account = \"west\"", "acount = \"we\u{202e}st\"", 1));
    for arguments in [["sync", "--output", "json"], ["--output", "json", "urls"]] {
        let output = mediamirror(place.path(), &arguments);
        assert_eq!(output.status.code(), Some(5));
        assert!(output.stdout.is_empty(), "{}", stdout(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
        let printed: serde_json::Value = serde_json::from_str(&stderr(&output)).expect("JSON");
        let error = printed["error"].as_object().expect("an object");
        assert_eq!(error.keys().collect::<Vec<_>>(), ["cause", "code", "message", "problems", "remedy"]);
        assert_eq!((&error["code"], &error["cause"]), (&5.into(), &serde_json::Value::Null));
        assert!(error["message"].as_str().is_some_and(|text| text.contains("mirror.toml:2: `source.acount`")));
        assert_eq!(error["remedy"], "did you mean `account`?");
    }
    let usage = mediamirror(place.path(), &["sync", "--output", "json", "--dryrun"]);
    assert_eq!(usage.status.code(), Some(2));
    assert!(stderr(&usage).starts_with("error: "), "{}", stderr(&usage));
}

#[test]
fn a_missing_configuration_says_how_to_write_one() {
    let place = tempfile::tempdir().expect("a directory");
    let output = mediamirror(place.path(), &["sync"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(stderr(&output).contains("mirror.toml") && stderr(&output).contains("mediamirror init"));
    assert!(files_in(&place).is_empty());
}

#[test]
fn the_configuration_can_be_named_by_a_variable() {
    let place = place("colour = 1");
    let output = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
        .arg("urls")
        .env("MEDIAMIRROR_CONFIG", place.path().join("mirror.toml"))
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(5));
    assert!(stderr(&output).contains("mirror.toml:1: `colour`: unknown key"), "{}", stderr(&output));
}

#[test]
fn init_writes_a_configuration_once() {
    let place = tempfile::tempdir().expect("a directory");
    let first = mediamirror(place.path(), &["init"]);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    assert!(first.stdout.is_empty(), "what is written is a file, not data");
    assert!(stderr(&first).trim_end().ends_with("then: mediamirror -c mirror.toml doctor"), "{}", stderr(&first));
    std::fs::write(place.path().join("mirror.toml"), "mine").expect("written");
    let second = mediamirror(place.path(), &["init"]);
    assert_eq!(second.status.code(), Some(5));
    assert!(stderr(&second).contains("--force"));
    let kept = std::fs::read_to_string(place.path().join("mirror.toml")).expect("readable");
    assert_eq!(kept, "mine");
    assert_eq!(mediamirror(place.path(), &["init", "--force"]).status.code(), Some(0));
    assert_eq!(files_in(&place), ["mirror.toml"]);
}

#[test]
fn init_takes_accounts_and_keys_from_the_tutorials_app_config() {
    let place = tempfile::tempdir().expect("a directory");
    std::fs::write(place.path().join("App.config"), APP_CONFIG).expect("written");
    let output = mediamirror(place.path(), &["init", "--from-app-config", "App.config"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for (file, secret) in [
        ("source.media.key", "bWVkaWEtd2VzdA=="),
        ("source.storage.key", "c3RvcmUtd2VzdA=="),
        ("target.media.key", "bWVkaWEtZWFzdA=="),
        ("target.storage.key", "c3RvcmUtZWFzdA=="),
    ] {
        let path = place.path().join(file);
        assert_eq!(std::fs::read_to_string(&path).expect("readable").trim(), secret, "{file}");
        assert_eq!(mode(&path), 0o600, "{file}");
    }
    let configuration = mediamirror::config::Config::load(&place.path().join("mirror.toml")).expect("it is usable");
    assert_eq!((configuration.source.account.as_str(), configuration.target.account.as_str()), ("west", "east"));
    assert_eq!(configuration.target.storage[0].account, "storeeast");
    assert!(!stderr(&output).contains("d2VzdA"), "no secret is printed");
}

#[test]
fn init_names_every_missing_key_of_an_app_config_and_writes_nothing() {
    let place = tempfile::tempdir().expect("a directory");
    let lacking = APP_CONFIG.replace("KeyTarget", "KeyTraget");
    std::fs::write(place.path().join("App.config"), lacking).expect("written");
    let output = mediamirror(place.path(), &["init", "--from-app-config", "App.config"]);
    assert_eq!(output.status.code(), Some(5));
    for key in ["MediaServicesAccountKeyTarget", "MediaServicesStorageAccountKeyTarget"] {
        assert!(stderr(&output).contains(key), "{}", stderr(&output));
    }
    assert_eq!(files_in(&place), ["App.config"]);
}

#[test]
fn the_help_shows_the_short_flags() {
    let place = tempfile::tempdir().expect("a directory");
    for arguments in [&["--help"][..], &["sync", "--help"]] {
        let help = stdout(&mediamirror(place.path(), arguments));
        assert!(help.contains("-c, --config <FILE>") && help.contains("-o, --output <FORMAT>"), "{help}");
    }
}

#[test]
fn init_writes_a_configuration_of_two_storage_accounts() {
    let place = tempfile::tempdir().expect("a directory");
    let output = mediamirror(place.path(), &["init", "--service", "blobs"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(files_in(&place), ["mirror.toml"]);
    let text = std::fs::read_to_string(place.path().join("mirror.toml")).expect("readable");
    assert_eq!(text.matches("service = \"blobs\"").count(), 2, "{text}");
    assert!(!text.contains("token_url"), "{text}");
    for side in ["source", "target"] {
        write_private(&place.path().join(format!("{side}.storage.key")), "a2V5\n");
    }
    let named = text.replace("CHANGE-ME-source-storage", "storewest").replace("CHANGE-ME-target-storage", "storeeast");
    std::fs::write(place.path().join("mirror.toml"), named).expect("written");
    mediamirror::config::Config::load(&place.path().join("mirror.toml")).expect("it is usable");
    let output = mediamirror(place.path(), &["init", "--service", "blobs", "--from-app-config", "App.config"]);
    assert_eq!(output.status.code(), Some(2));
}
