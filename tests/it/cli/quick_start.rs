//! From two accounts to a nightly run, with the commands of the README and of the manual's first page.

use std::path::Path;
use std::process::{Command, Output};

use mediamirror::manual;

use super::against_emulator::Emulator;
use super::{APP_CONFIG, files_in, mode, stderr, stdout};

/// The commands of the console examples below that heading, unchanged.
fn commands(text: &str, heading: &str) -> Vec<String> {
    let (_, section) = text.split_once(heading).expect("the heading is there");
    let section = section.split("\n## ").next().unwrap_or_default();
    let blocks = section.split("```console\n").skip(1).filter_map(|block| block.split("```").next());
    let lines = blocks.flat_map(|block| block.split("$ ").skip(1));
    lines.map(|command| command.trim().replace("\\\n", " ")).collect()
}

/// Runs a command in a shell there, with the program on the path.
fn typed(place: &Path, command: &str) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_mediamirror")).parent().expect("it is in a folder");
    let path = std::env::var("PATH").expect("text");
    Command::new("bash")
        .args(["-c", command])
        .current_dir(place)
        .env("PATH", format!("{}:{path}", program.display()))
        .env_remove("MEDIAMIRROR_CONFIG")
        .env_remove("MEDIAMIRROR_LEDGER")
        .output()
        .expect("bash runs")
}

#[track_caller]
fn succeeds(place: &Path, command: &str) -> Output {
    let output = typed(place, command);
    assert_eq!(output.status.code(), Some(0), "{command}: {}{}", stdout(&output), stderr(&output));
    output
}

/// What the operator does in an editor: writes the accounts, and the keys in their files.
fn fill_in(place: &Path, emulator: &Emulator) {
    for name in files_in(&emulator.place).iter().filter(|name| *name == "mirror.toml" || name.contains(".key")) {
        std::fs::copy(emulator.path().join(name), place.join(name)).expect("copied");
    }
}

/// The file that a command writes.
fn written_by(command: &str) -> Option<&str> {
    command.split_once("--html ").map(|(_, rest)| rest.split(' ').next().unwrap_or_default())
}

/// Runs the commands of the program after the configuration is filled in. Returns these commands.
fn run_all(place: &Path, commands: &[String]) -> Vec<String> {
    let ours = commands.iter().filter(|command| command.starts_with("mediamirror "));
    let after = ours.filter(|command| !command.starts_with("mediamirror init") || command.contains("--units"));
    let after: Vec<String> = after.cloned().collect();
    for command in &after {
        succeeds(place, command);
        assert!(written_by(command).is_none_or(|file| place.join(file).exists()), "{command} wrote nothing");
    }
    after
}

#[test]
fn the_commands_of_the_readme_lead_from_two_accounts_to_a_verified_mirror_and_nightly_units() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("readable");
    let commands = commands(&readme, "\n## From two accounts to a nightly run\n");
    let emulator = Emulator::start("");
    let place = tempfile::tempdir().expect("a directory");
    for command in commands.iter().take_while(|command| !command.contains("EDITOR")) {
        succeeds(place.path(), command);
    }
    let keys = ["source.media.key", "source.storage.key", "target.media.key", "target.storage.key"];
    for key in keys {
        assert_eq!(mode(&place.path().join(key)), 0o600, "{key}");
        std::fs::remove_file(place.path().join(key)).expect("removed");
    }
    fill_in(place.path(), &emulator);
    let run = run_all(place.path(), &commands);
    for needed in ["doctor", "sync --dry-run", "sync", "verify", "report --html report.html", "init --units systemd"] {
        let there = run
            .iter()
            .any(|command| command.split(" #").next().unwrap_or_default().trim() == format!("mediamirror {needed}"));
        assert!(there, "the README leaves out {needed}: {run:?}");
    }
    let files = files_in(&place);
    for unit in ["mediamirror.service", "mediamirror.timer", "mediamirror.yaml"] {
        assert!(files.iter().any(|file| file == unit), "{unit} is missing: {files:?}");
    }
    // The next night.
    let night = succeeds(place.path(), "mediamirror sync");
    assert!(stdout(&night).starts_with("complete: 4 assets, nothing to do"), "{}", stdout(&night));
}

#[test]
fn the_commands_of_the_quick_start_page_succeed_in_their_order() {
    let page = manual::page("quick-start").expect("the manual has the page");
    let commands = commands(page.text, "\n## Use it\n");
    let emulator = Emulator::start("");
    let place = tempfile::tempdir().expect("a directory");
    let inits = commands.iter().filter(|command| command.contains(" init") && !command.contains("--units"));
    for command in inits {
        let other = tempfile::tempdir().expect("a directory");
        std::fs::write(other.path().join("App.config"), APP_CONFIG).expect("written");
        succeeds(other.path(), command);
        assert!(other.path().join("mirror.toml").exists(), "{command}");
    }
    fill_in(place.path(), &emulator);
    let run = run_all(place.path(), &commands);
    assert!(run.len() >= 6, "{run:?}");
}
