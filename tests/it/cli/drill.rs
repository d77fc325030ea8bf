//! `failover --test` with the real binary: its output, its exit code, and that the next `ready` shows it.

use serde_json::Value;

use super::against_emulator::{Emulator, slow};
use super::counted::{wait_for, writes};
use super::ready::cut_off_source;
use super::{mediamirror, stderr, stdout};

const LIBRARY: &str = "assets=3,blobs=4,seed=1,sizes=small,awkward=false,real=true";

#[test]
fn a_drill_is_recorded_and_the_next_assessment_shows_it_in_all_formats() {
    let emulator = Emulator::with("", LIBRARY, "");
    let (code, before) = emulator.json(&["failover", "--test"]);
    assert_eq!((code, &before["last_drill"]["passed"]), (Some(4), &Value::Bool(false)), "{before:#}");
    assert_eq!((&before["reached"], &before["last_drill"]["last_passed"]), (&Value::Bool(false), &Value::Null));
    emulator.json(&["sync"]);
    let wrote = writes(&emulator);
    let (code, drill) = emulator.json(&["failover", "--test"]);
    assert_eq!((code, &drill["reached"]), (Some(0), &Value::Bool(true)), "{drill:#}");
    assert_eq!((&drill["probes"]["depth"], &drill["probes"]["plays"]), (&"segment".into(), &3.into()));
    assert_eq!((&drill["last_drill"]["at"], &drill["last_drill"]["passed"]), (&drill["at"], &Value::Bool(true)));
    assert_eq!(writes(&emulator), wrote, "a drill leaves nothing in the accounts");
    let (code, side) = emulator.json(&["failover", "--show"]);
    assert_eq!((code, &side["active"]), (Some(0), &"source".into()), "nothing was switched");

    let (code, next) = emulator.json(&["ready"]);
    assert_eq!((code, &next["last_drill"]), (Some(0), &drill["last_drill"]));
    let printed = stdout(&mediamirror(emulator.path(), &["ready", "--metrics-textfile", "ready.prom"]));
    assert!(printed.contains("passed at ") && printed.contains("3 of 3 assets ready, 3 played"), "{printed}");
    assert!(printed.lines().all(|line| line.chars().count() <= 80), "{printed}");
    let metrics = std::fs::read_to_string(emulator.path().join("ready.prom")).expect("it was written");
    let at = drill["at"].as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time").as_second();
    for name in ["last_drill_timestamp_seconds", "last_passed_drill_timestamp_seconds"] {
        let line = format!("mediamirror_ready_{name}{{account=\"mediaeast\"}} {at}");
        assert!(metrics.lines().any(|one| one == line), "{line} is not in {metrics}");
    }
    std::fs::write(emulator.path().join("ready.json"), next.to_string()).expect("written");
    mediamirror(emulator.path(), &["report", "--ready", "ready.json", "--html", "report.html"]);
    let page = std::fs::read_to_string(emulator.path().join("report.html")).expect("it was written");
    assert!(page.contains("The last drill passed at "), "{page}");
}

#[test]
fn a_failed_drill_ends_with_four_and_says_when_the_last_one_passed() {
    let faults = "[[rule]]\nplane = \"streaming\"\naccount = \"mediaeast\"\nname = \"*m3u8-aapl*\"\n\
                  fault = { refuse = { status = 404, code = \"x\" } }\n";
    let emulator = Emulator::with("", LIBRARY, faults);
    emulator.json(&["sync"]);
    assert_eq!(emulator.json(&["failover", "--test", "--probe", "endpoint"]).0, Some(0));
    let output = mediamirror(emulator.path(), &["failover", "--test", "--probe", "manifest"]);
    let printed = stdout(&output);
    assert_eq!(output.status.code(), Some(4), "{printed}{}", stderr(&output));
    assert!(printed.starts_with("NOT READY: ") && printed.contains("does-not-play"), "{printed}");
    assert!(printed.contains("failed at ") && printed.contains("passed was at "), "{printed}");
    let (code, next) = emulator.json(&["ready"]);
    assert_eq!((code, &next["last_drill"]["passed"]), (Some(0), &Value::Bool(false)), "{next:#}");
    assert!(next["last_drill"]["last_passed"].is_string(), "{next:#}");
}

#[test]
fn a_drill_runs_and_is_recorded_while_the_source_is_down_and_after_a_failover() {
    let emulator = Emulator::with("", LIBRARY, "");
    emulator.json(&["sync"]);
    cut_off_source(&emulator);
    let (code, drill) = emulator.json(&["failover", "--test"]);
    assert_eq!((code, &drill["source"]["state"]), (Some(0), &"silent".into()), "{drill:#}");
    let (_, next) = emulator.json(&["ready", "--without-source"]);
    assert_eq!(next["last_drill"], drill["last_drill"]);
    assert_eq!(emulator.json(&["failover"]).0, Some(0));
    let (code, again) = emulator.json(&["failover", "--test", "--sample", "40%", "--seed", "x"]);
    assert_eq!((code, &again["target_active"], &again["probes"]["seed"]), (Some(0), &true.into(), &"x".into()));
    assert_ne!(again["last_drill"]["at"], drill["last_drill"]["at"]);
    // Without the ledger, the next drill creates a new one.
    std::fs::remove_file(emulator.path().join("mirror.ledger")).expect("it is there");
    assert_eq!(emulator.json(&["ready"]).1["last_drill"], Value::Null);
    let (code, new) = emulator.json(&["failover", "--test", "--without-source"]);
    assert_eq!((code, &new["last_drill"]["passed"]), (Some(0), &Value::Bool(true)), "{new:#}");
    assert_eq!(emulator.json(&["ready"]).1["last_drill"], new["last_drill"]);
    assert_eq!(emulator.json(&["failover", "--show"]).1["active"], "target");
}

#[test]
fn a_drill_during_a_run_is_recorded_and_the_run_continues() {
    let emulator = Emulator::with(&slow(), "assets=12,blobs=6,seed=1,sizes=small,awkward=false", "");
    let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_mediamirror"))
        .args(["sync", "--quiet", "--max-in-flight", "1"])
        .current_dir(emulator.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the binary runs");
    wait_for(&emulator, "CreateAsset", 1);
    let (code, drill) = emulator.json(&["failover", "--test", "--probe", "endpoint"]);
    assert_eq!((code, &drill["last_drill"]["passed"]), (Some(4), &Value::Bool(false)), "{drill:#}");
    assert!(run.try_wait().expect("it can be asked").is_none(), "the run still works");
    assert_eq!(emulator.json(&["ready"]).1["last_drill"], drill["last_drill"]);
    assert_eq!(run.wait().expect("it ends").code(), Some(0));
    assert_eq!(emulator.json(&["ready"]).1["last_drill"], drill["last_drill"]);
}

#[test]
fn a_result_that_cannot_be_recorded_is_printed_and_is_an_error() {
    let emulator = Emulator::with("", LIBRARY, "");
    emulator.json(&["sync"]);
    emulator.change("mirror.ledger", "nowhere/mirror.ledger");
    let output = mediamirror(emulator.path(), &["failover", "--test"]);
    assert_eq!(output.status.code(), Some(8), "{output:?}");
    assert!(stdout(&output).starts_with("READY: all 3 assets"), "{}", stdout(&output));
    assert!(stderr(&output).contains("the folder nowhere does not exist"), "{}", stderr(&output));
}

#[test]
fn the_flags_of_a_drill_need_test_and_a_drill_is_a_separate_step() {
    let emulator = Emulator::start("");
    for wrong in [
        &["failover", "--probe", "manifest"][..],
        &["failover", "--without-source"],
        &["failover", "--show", "--require", "50%"],
        &["failover", "--test", "--commit"],
        &["failover", "--test", "--require", "0%"],
        &["failover", "--test", "--seed", "x"],
    ] {
        assert_eq!(mediamirror(emulator.path(), wrong).status.code(), Some(2), "{wrong:?}");
    }
}
