//! Rates by the time of day, from the configuration.

use std::fs;

use serde_json::Value;

use super::against_emulator::Emulator;
use super::{mediamirror, stderr};

/// Rates that are the same at any time, so that tests do not depend on the time of day.
const LIMITS: &str = r#"
[target.limits]
time_zone = "Europe/Madrid"
[target.limits.blob]
requests_per_second = { "08:00" = 5000, "19:00" = 5000 }
bytes_per_second = { "23:00" = 10 }
"#;

/// An emulator with these lines added to the configuration.
fn with(limits: &str) -> Emulator {
    let emulator = Emulator::with("", "assets=1,blobs=1,seed=1,sizes=small,awkward=false", "");
    let path = emulator.path().join("mirror.toml");
    let text = fs::read_to_string(&path).expect("readable");
    fs::write(&path, format!("{text}{limits}")).expect("written");
    emulator
}

/// The allowed rates of requests and bytes for the target's copies, and whether there was a timetable.
fn allowed(summary: &Value) -> (Option<u64>, Option<u64>, bool) {
    let lanes = summary["traffic"].as_array().expect("a list");
    let lane = lanes.iter().find(|lane| lane["side"] == "target" && lane["plane"] == "blob-write").expect("it wrote");
    let limits = &lane["limits"];
    let timetable = lane["has_timetable"].as_bool().expect("a boolean");
    (limits["requests_per_second"].as_u64(), limits["bytes_per_second"].as_u64(), timetable)
}

#[test]
fn a_run_follows_the_timetable_and_a_flag_replaces_it() {
    let emulator = with(LIMITS);
    let (_, dry) = emulator.json(&["sync", "--dry-run"]);
    let forecast = &dry["forecast"];
    let (seconds, bytes) = (forecast["seconds"].as_f64().expect("a number"), forecast["bytes"].as_f64().expect("one"));
    assert!(bytes > 0.0 && (seconds - bytes / 10.0).abs() < 1.0, "{forecast}");
    let flags = ["sync", "--bytes-per-second", "1GB", "--requests-per-second", "700"];
    let (code, summary) = emulator.json(&flags);
    assert_eq!((code, allowed(&summary)), (Some(0), (Some(700), Some(1_000_000_000), false)));
    // Nothing is left to copy.
    emulator.change("bytes_per_second = { \"23:00\" = 10 }", "bytes_per_second = { \"23:00\" = \"off\" }");
    let (code, summary) = emulator.json(&["sync"]);
    assert_eq!((code, allowed(&summary)), (Some(0), (Some(5_000), None, true)));
}

#[test]
fn an_invalid_timetable_ends_with_five_and_the_line_and_the_remedy() {
    let emulator = with(&LIMITS.replace("19:00", "7 pm"));
    let output = mediamirror(emulator.path(), &["sync"]);
    let line = format!("mirror.toml:{}: `target.limits.blob.requests_per_second.7 pm`", emulator.line_of("7 pm"));
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains(&line) && text.contains("from \"00:00\" to \"23:59\""), "{text}");
}
