//! What a run prints about the chosen copy methods and its forecast.

use serde_json::Value;

use super::against_emulator::{Emulator, regions};
use super::{mediamirror, stderr, stdout};

/// Asynchronous copies that are pending for some time.
fn pending() -> String {
    regions("", "async_copy_min_ms = 50")
}

#[test]
fn auto_reports_the_chosen_methods_with_reasons_and_by_asset_with_v() {
    let emulator = Emulator::start("");
    let (_, plan) = emulator.json(&["sync", "--dry-run", "--copy-method", "auto"]);
    let chosen = &plan["copies"][0];
    assert_eq!((&chosen["method"], &chosen["reason"]), (&Value::from("put"), &Value::from("small")), "{plan}");
    assert_eq!((&chosen["blobs"], &chosen["bytes"]), (&Value::from(20), &plan["bytes_copied"]));
    assert!(chosen["why"].as_str().is_some_and(|why| why.contains("256 MiB")), "{plan}");

    let output = mediamirror(emulator.path(), &["sync", "-v"]);
    let (report, log) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{log}");
    let line = report.lines().find(|line| line.starts_with("copies   20 (")).unwrap_or_else(|| panic!("{report}"));
    assert!(line.ends_with("by put: up to 256 MiB one request is the cheapest"), "{line}");
    assert_eq!(log.matches(" by put: up to 256 MiB one request is the cheapest").count(), 4, "{log}");

    let (_, second) = emulator.json(&["sync"]);
    assert_eq!(second["copies"], Value::Array(Vec::new()));
}

#[test]
fn a_requested_method_is_reported_as_such_and_not_by_asset_without_v() {
    for (verbose, reported) in [(&["-v"][..], true), (&[], false)] {
        let emulator = Emulator::start("");
        let output = mediamirror(emulator.path(), &[&["sync", "--copy-method", "blocks"], verbose].concat());
        let report = stdout(&output);
        assert_eq!(report.contains("by blocks: set by --copy-method\n"), reported, "{report}");
        assert_eq!(stderr(&output).contains("by blocks"), reported, "{}", stderr(&output));
    }
}

#[test]
fn polls_of_asynchronous_copies_are_forecast_and_marked_as_an_estimate() {
    let emulator = Emulator::start(&pending());
    let output = mediamirror(emulator.path(), &["sync", "--dry-run", "--copy-method", "async"]);
    let text = stdout(&output);
    assert!(text.contains("about 8 of the blob requests") && text.contains("(estimate)"), "{text}");
    let (_, plan) = emulator.json(&["sync", "--dry-run", "--copy-method", "async"]);
    assert_eq!(plan["forecast"]["estimated_polls"], 8, "{plan}");
    let (_, run) = emulator.json(&["sync", "--copy-method", "async"]);
    assert_eq!(run["requests"]["blob"], plan["forecast"]["requests"]["blob"]);
    assert_eq!(run["copies"][0]["reason"], "asked");

    let (_, plan) = emulator.json(&["sync", "--dry-run"]);
    assert_eq!(plan["forecast"]["estimated_polls"], 0, "{plan}");
}
