//! The log file: it is appended to, readable only for its owner, without secrets; and as JSON.

use serde_json::Value;

use super::against_emulator::Emulator;
use super::{mediamirror, mode, stderr, write_private};

fn text(emulator: &Emulator, name: &str) -> String {
    std::fs::read_to_string(emulator.path().join(name)).expect("it is there")
}

#[test]
fn a_log_file_is_appended_to_and_readable_only_for_its_owner() {
    let emulator = Emulator::start("");
    for runs in 1..3 {
        let output = mediamirror(emulator.path(), &["sync", "-q", "--log-file", "mirror.log"]);
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
        let log = text(&emulator, "mirror.log");
        assert_eq!(log.matches("ended exit_code=0").count(), runs, "{log}");
    }
    assert_eq!(mode(&emulator.path().join("mirror.log")), 0o600);
    assert!(!text(&emulator, "mirror.log").contains('\u{1b}'));
}

#[test]
fn a_log_in_json_has_one_object_per_line_with_the_error_and_without_secrets() {
    let emulator = Emulator::start("");
    write_private(&emulator.path().join("west.media.key"), "d3Jvbmcta2V5\n");
    let output = mediamirror(emulator.path(), &["sync", "-vvv", "--log-file", "mirror.log", "--log-format", "json"]);
    assert_eq!(output.status.code(), Some(5));
    let log = text(&emulator, "mirror.log");
    assert!(!log.contains("d3Jvbmcta2V5") && !log.contains(emulator.region(1, "storage_key")));
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let last = lines.last().expect("a line");
    assert_eq!((&last["message"], &last["level"], &last["exit_code"]), (&"ended".into(), &"INFO".into(), &5.into()));
    assert!(last["error"].as_str().is_some_and(|error| error.contains("media account mediawest")), "{last}");
    // Lines that are not log lines are still text.
    let logged = stderr(&output).lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count();
    assert_eq!(logged, lines.len());
}

#[test]
fn a_log_file_that_cannot_be_opened_ends_the_command_before_it_starts() {
    let emulator = Emulator::start("");
    std::os::unix::fs::symlink("elsewhere", emulator.path().join("link.log")).expect("made");
    for name in ["link.log", "nowhere/mirror.log", "."] {
        let output = mediamirror(emulator.path(), &["sync", "--log-file", name]);
        assert_eq!(output.status.code(), Some(5));
        assert!(stderr(&output).contains("failed to open the log"), "{}", stderr(&output));
        assert!(!emulator.path().join("mirror.ledger").exists());
    }
}
