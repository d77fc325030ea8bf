//! The event lines of the real binary: each is a JSON object, and the last one is the summary, even after errors.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::against_emulator::{Emulator, regions, signal};
use super::counted::wait_for;
use super::{mediamirror, stderr, stdout};

/// The lines of a command, each of which has a type.
fn lines(text: &str) -> Vec<Value> {
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for line in &lines {
        assert!(line["message_type"].is_string() && line["version"] == 1, "{line}");
        line["time"].as_str().expect("a text").parse::<jiff::Timestamp>().expect("a time");
    }
    let summaries = lines.iter().filter(|line| line["message_type"] == "summary").count();
    let (first, last) = (lines.first().expect("a line"), lines.last().expect("a line"));
    assert_eq!((&first["message_type"], &last["message_type"], summaries), (&"start".into(), &"summary".into(), 1));
    lines
}

fn events(emulator: &Emulator, arguments: &[&str]) -> (Option<i32>, Vec<Value>, String) {
    let output = mediamirror(emulator.path(), &[arguments, &["--events", "ndjson"]].concat());
    (output.status.code(), lines(&stdout(&output)), stderr(&output))
}

/// The number of lines of each type.
fn counts(lines: &[Value]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry(line["message_type"].as_str().expect("a text")).or_default() += 1;
    }
    counts
}

#[test]
fn a_run_reports_each_asset_and_blob_and_its_result_is_the_last_line() {
    let emulator = Emulator::start("");
    let (code, lines, _) = events(&emulator, &["sync"]);
    let counts = counts(&lines);
    assert_eq!((code, counts["asset-started"], counts["asset-finished"], counts["blob-copied"]), (Some(0), 4, 4, 20));
    assert_eq!((counts["listing-finished"], counts["changed"]), (2, 4), "{counts:?}");
    let copied = lines.iter().find(|line| line["message_type"] == "blob-copied").expect("a blob");
    assert_eq!((&copied["kind"], copied["bytes"].is_u64()), (&"block".into(), true), "{copied}");
    let summary = lines.last().expect("a line");
    assert_eq!((&summary["command"], &summary["exit_code"]), (&"sync".into(), &0.into()));
    assert_eq!((&summary["outcome"], &summary["exit_error"]), (&"complete".into(), &Value::Null));
    assert_eq!((&summary["result"]["blobs"]["copied"], &summary["events_left_out"]), (&20.into(), &0.into()));
    assert_eq!(summary["run"], summary["result"]["run"]);
    assert_eq!(summary["result"]["changes"].as_array().map(Vec::len), Some(4));
}

#[test]
fn an_asset_that_is_not_mirrored_has_its_cause_in_its_line() {
    let emulator = Emulator::with("", "assets=12,blobs=3,seed=1,sizes=small,awkward=true", "");
    let (code, lines, _) = events(&emulator, &["sync"]);
    assert_eq!(code, Some(3));
    let not = |line: &&Value| line["outcome"] == "not-mirrored";
    let encrypted = lines.iter().filter(not).find(|line| line["name"] == "awkward-storage-encrypted").expect("a line");
    assert_eq!((&encrypted["code"], &encrypted["result"]), (&"storage-encrypted".into(), &"skipped".into()));
    let (code, lines, _) = events(&emulator, &["verify"]);
    let summary = lines.last().expect("a line");
    assert_eq!((code, &summary["exit_code"], &summary["outcome"]), (Some(3), &3.into(), &"partial".into()));
    assert!(summary["result"]["differences"].is_array());
}

#[test]
fn the_last_line_of_a_command_that_fails_is_a_summary_with_the_error() {
    let emulator = Emulator::start("");
    std::fs::remove_file(emulator.path().join("east.media.key")).expect("it is there");
    let (code, lines, errors) = events(&emulator, &["sync"]);
    let summary = lines.last().expect("a line");
    assert_eq!((code, &summary["exit_code"], &summary["outcome"]), (Some(5), &5.into(), &"failed".into()));
    let error = &summary["exit_error"];
    assert_eq!((&error["code"], &summary["result"]), (&5.into(), &Value::Null));
    assert!(error["message"].as_str().is_some_and(|message| message.contains("east.media.key")), "{error}");
    assert!(error["remedy"].is_string() && errors.contains("east.media.key"), "{errors}");
    let (code, lines, _) = events(&emulator, &["sync", "--dry-run", "--metrics-textfile", "m.prom"]);
    assert_eq!((code, &lines.last().expect("a line")["exit_error"]["code"]), (Some(2), &2.into()));
}

#[test]
fn an_interrupted_run_reports_that_it_is_stopping() {
    let emulator = Emulator::start(&regions("", "latency_ms = 100"));
    let mut run = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
        .args(["sync", "-q", "--max-in-flight", "2", "--assets-in-flight", "1", "--events", "ndjson"])
        .current_dir(emulator.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    wait_for(&emulator, "CreateAsset", 2);
    signal(&run, "-TERM");
    let mut text = String::new();
    run.stdout.take().expect("piped").read_to_string(&mut text).expect("text");
    assert_eq!(run.wait().expect("it ends").code(), Some(143));
    let lines = lines(&text);
    assert_eq!(counts(&lines)["draining"], 1);
    let summary = lines.last().expect("a line");
    assert_eq!((&summary["outcome"], &summary["exit_code"]), (&"interrupted".into(), &143.into()));
}

#[test]
fn a_closed_output_does_not_end_the_run_or_change_its_exit_code() {
    let emulator = Emulator::start("");
    let mut run = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
        .args(["sync", "-q", "--events", "ndjson"])
        .current_dir(emulator.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(run.stdout.take());
    let output = run.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
    assert_eq!(emulator.json(&["verify"]).0, Some(0));
}
