//! `init --units`: the files that run mediamirror every night, and a run with their settings.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

use super::{files_in, mediamirror, mode, stderr, stdout};

const BLOBS: &str = r#"ca_file = "ca.pem"
[source]
service = "blobs"
[[source.storage]]
account = "storewest"
key = { env = "WEST_KEY" }
[target]
service = "blobs"
[[target.storage]]
account = "storeeast"
auth = { kind = "entra", tenant = "t", client_id = "c", certificate = "/etc/our keys/app.pem" }
"#;

/// A folder with that configuration and the files made for it.
fn made(config: &str, text: &str, units: &str) -> (tempfile::TempDir, Output) {
    let place = tempfile::tempdir().expect("a directory");
    std::fs::write(place.path().join(config), text).expect("written");
    let output = mediamirror(place.path(), &["-c", config, "init", "--units", units]);
    (place, output)
}

fn read(place: &Path, name: &str) -> String {
    std::fs::read_to_string(place.join(name)).expect("it was written")
}

/// A new configuration of two media accounts.
fn new_configuration() -> String {
    let place = tempfile::tempdir().expect("a directory");
    assert_eq!(mediamirror(place.path(), &["init"]).status.code(), Some(0));
    read(place.path(), "mirror.toml")
}

#[test]
fn units_are_written_once_next_to_the_configuration_and_name_each_secret() {
    let (place, output) = made("mirror.toml", &new_configuration(), "systemd");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).is_empty() && stderr(&output).contains("wrote mediamirror.service\n"), "{output:?}");
    assert_eq!(files_in(&place), ["mediamirror.service", "mediamirror.timer", "mirror.toml"]);
    let service = read(place.path(), "mediamirror.service");
    for name in ["source.media.key", "source.storage.key", "target.media.key", "target.storage.key"] {
        assert!(service.contains(&format!("\nLoadCredential={name}:/etc/mediamirror/{name}\n")), "{service}");
    }
    assert!(service.contains("MEDIAMIRROR_LEDGER=%S/mediamirror/mirror.ledger\n"), "{service}");
    std::fs::remove_file(place.path().join("mediamirror.service")).expect("removed");
    let refused = mediamirror(place.path(), &["init", "--units", "systemd"]);
    assert_eq!(refused.status.code(), Some(5));
    assert!(stderr(&refused).contains("mediamirror.timer already exists; nothing was written"), "{refused:?}");
    assert_eq!(files_in(&place), ["mediamirror.timer", "mirror.toml"]);
    let forced = mediamirror(place.path(), &["init", "--units", "systemd", "--force"]);
    assert_eq!((forced.status.code(), files_in(&place).len()), (Some(0), 3));
}

#[test]
fn the_files_of_another_configuration_have_its_name_and_only_what_it_needs() {
    let (place, output) = made("West 2.toml", BLOBS, "systemd");
    assert_eq!(
        (output.status.code(), stderr(&output).contains("West 2.toml cannot be")),
        (Some(5), true),
        "{output:?}"
    );
    assert_eq!(files_in(&place), ["West 2.toml"]);
    let (place, output) = made("west.toml", BLOBS, "systemd");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let service = read(place.path(), "mediamirror-west.service");
    for line in [
        "#   sudo install -D -m 644 -t /etc/mediamirror west.toml ca.pem",
        "#   sudo install -D -m 600 -t /etc/mediamirror '/etc/our keys/app.pem'",
        "LoadCredential=app.pem:/etc/mediamirror/app.pem",
        "EnvironmentFile=/etc/mediamirror/mediamirror-west.env",
        "# The variables: WEST_KEY",
        "StateDirectory=mediamirror-west",
    ] {
        assert!(service.lines().any(|there| there == line), "{line} is missing: {service}");
    }
    assert!(!service.contains("The programs:"), "{service}");
    let again = mediamirror(place.path(), &["-c", "west.toml", "init", "--units", "k8s"]);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    let cron_job = read(place.path(), "mediamirror-west.yaml");
    assert!(cron_job.contains("--from-file=WEST_KEY=<(printf %s \"$WEST_KEY\")"), "{cron_job}");
    assert!(cron_job.contains("- name: WEST_KEY\n                  valueFrom:"), "{cron_job}");
}

#[test]
fn two_secrets_with_one_file_name_and_a_missing_configuration_are_refused() {
    let clash = BLOBS.replace("{ env = \"WEST_KEY\" }", "{ file = \"west/app.pem\" }");
    let (_, output) = made("mirror.toml", &clash, "k8s");
    assert_eq!(output.status.code(), Some(5));
    assert!(stderr(&output).contains("west/app.pem and '/etc/our keys/app.pem' have the same file name"), "{output:?}");
    let place = tempfile::tempdir().expect("a directory");
    let output = mediamirror(place.path(), &["init", "--units", "systemd"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(stderr(&output).contains("`mediamirror init`"), "{output:?}");
    let both = mediamirror(place.path(), &["init", "--units", "systemd", "--service", "blobs"]);
    assert_eq!(both.status.code(), Some(2));
}

/// As with systemd and Kubernetes: the configuration is in a read-only folder, the secrets are in another one, where
/// each can be a link, and the ledger is in a third one.
#[cfg(feature = "emulator")]
#[test]
fn a_run_uses_the_secrets_and_the_ledger_that_the_service_manager_passes() {
    use super::against_emulator::Emulator;
    let emulator = Emulator::start("");
    let [config, secrets, state] = [(); 3].map(|()| tempfile::tempdir().expect("a directory"));
    std::fs::copy(emulator.path().join("mirror.toml"), config.path().join("mirror.toml")).expect("copied");
    std::fs::create_dir(secrets.path().join("..data")).expect("made");
    for name in
        files_in(&emulator.place).into_iter().filter(|name| Path::new(name).extension().is_some_and(|end| end == "key"))
    {
        let passed = secrets.path().join("..data").join(&name);
        std::fs::copy(emulator.path().join(&name), &passed).expect("copied");
        std::fs::set_permissions(&passed, std::fs::Permissions::from_mode(0o440)).expect("mode set");
        symlink(Path::new("..data").join(&name), secrets.path().join(&name)).expect("linked");
    }
    let (made, output) = made("mirror.toml", &read(config.path(), "mirror.toml"), "systemd");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_mediamirror"))
            .args(arguments)
            .env("MEDIAMIRROR_CONFIG", config.path().join("mirror.toml"))
            .env("MEDIAMIRROR_LEDGER", state.path().join("mirror.ledger"))
            .env("CREDENTIALS_DIRECTORY", secrets.path())
            .output()
            .expect("the binary runs")
    };
    // With the command of the service.
    let service = read(made.path(), "mediamirror.service");
    let start = service.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it starts something");
    let arguments: Vec<&str> = start.split(' ').skip(1).collect();
    for command in [&arguments[..], &["verify"], &["doctor"], &["runs", "list"]] {
        let output = run(command);
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}{}", stdout(&output), stderr(&output));
    }
    assert_eq!(files_in(&config), ["mirror.toml"], "nothing is written beside the configuration");
    assert_eq!(mode(&state.path().join("mirror.ledger")), 0o600);
}
