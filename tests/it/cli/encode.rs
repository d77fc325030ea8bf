//! `asset encode`, `asset jobs` and `asset processors` with the real binary.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::against_emulator::Emulator;
use super::counted::wait_for;
use super::{mediamirror, stderr, stdout};

const PRESET: &str = "H264 Multiple Bitrate 720p";

/// Jobs of a tenth of a second.
pub(super) const QUICK: &str = r#"
[[regions]]
name = "west"
account = "mediawest"
storage = [{ account = "storewest" }]
media = { encode_queue_ms = 40, encode_ms = 60 }
[[regions]]
name = "east"
account = "mediaeast"
storage = [{ account = "storeeast" }]
"#;

fn written(directory: &Path, kind: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("readable");
    let names = entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(kind)).collect();
    names.sort();
    names
}

/// The id of an asset of the generated library.
pub(super) fn an_asset(emulator: &Emulator) -> String {
    let (_, pairs) = emulator.json(&["urls"]);
    pairs[0]["asset"].as_str().expect("an asset").to_owned()
}

#[test]
pub(super) fn an_asset_is_encoded_by_its_name_and_the_details_are_written_on_request() {
    let emulator = Emulator::start(QUICK);
    let asset = an_asset(&emulator);
    let arguments = ["asset", "encode", &asset, "--preset", PRESET, "--output-name", "out", "--details-dir", "details"];
    let (code, report) = emulator.json(&arguments);
    assert_eq!((code, &report["job"]["state"]), (Some(0), &Value::from("finished")), "{report}");
    assert_eq!(report["outputs"][0]["name"], "out");
    assert!(report["outputs"][0]["primary"].as_str().is_some_and(|name| name.contains(".ism")), "{report}");
    let id = report["job"]["id"].as_str().expect("an id");
    let file = format!("JobDetails-{}", id.replace(':', "_"));
    let details = emulator.path().join("details");
    assert_eq!(written(&details, "Job"), [format!("{file}.json"), format!("{file}.txt")]);
    let text = std::fs::read_to_string(details.join(format!("{file}.txt"))).expect("readable");
    assert!(text.contains(id) && text.contains("finished") && text.contains(PRESET), "{text}");

    let (code, jobs) = emulator.json(&["asset", "jobs"]);
    assert_eq!((code, &jobs[0]["id"]), (Some(0), &Value::from(id)));
    let (code, again) = emulator.json(&["asset", "jobs", id]);
    assert_eq!((code, &again["tasks"][0]["progress"]), (Some(0), &Value::from(100.0)));
    let (code, none) = emulator.json(&["asset", "--side", "target", "jobs"]);
    assert_eq!((code, none), (Some(0), Value::Array(vec![])));
}

#[test]
fn processors_are_listed_with_the_newest_of_a_name_first() {
    let emulator = Emulator::start("");
    let (code, processors) = emulator.json(&["asset", "processors"]);
    let all = processors.as_array().expect("a list").iter();
    let versions: Vec<_> =
        all.filter(|p| p["name"] == "Media Encoder Standard").map(|p| p["version"].as_str().expect("a text")).collect();
    assert_eq!((code, versions), (Some(0), vec!["1.10", "1.9", "1.1"]));
}

#[test]
fn a_failed_job_has_its_own_code_and_a_stop_report() {
    let emulator = Emulator::start(QUICK);
    let asset = an_asset(&emulator);
    let output =
        mediamirror(emulator.path(), &["asset", "encode", &asset, "--preset", "No Such Preset", "--details-dir", "."]);
    let (text, printed) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(10), "{text}{printed}");
    assert!(printed.contains("ErrorExecutingTask") && printed.contains("No Such Preset"), "{printed}");
    assert_eq!(written(emulator.path(), "JobDetails-").len(), 2);
    assert_eq!(written(emulator.path(), "JobStop-").len(), 2);
}

#[test]
pub(super) fn an_asset_that_cannot_be_encoded_is_refused_with_the_available_choices() {
    let emulator = Emulator::start("");
    let asset = an_asset(&emulator);
    for (asset, more, message) in [
        ("no such asset", &[][..], "no such asset"),
        (asset.as_str(), &["--processor", "Nothing"][..], "Media Encoder Standard 1.10"),
        (asset.as_str(), &["--watch", "--no-wait"][..], "--no-wait"),
    ] {
        let arguments = [&["asset", "encode", asset, "--preset", PRESET], more].concat();
        let output = mediamirror(emulator.path(), &arguments);
        let code = if message == "--no-wait" { 2 } else { 5 };
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(message), "{arguments:?}: {}", stderr(&output));
    }
    let (_, jobs) = emulator.json(&["asset", "jobs"]);
    assert_eq!(jobs, Value::Array(vec![]));
    for arguments in [
        ["asset", "jobs", "nb:jid:UUID:00000000-0000-0000-0000-000000000000", "--watch"].as_slice(),
        &["asset", "jobs", "--cancel", "nb:jid:UUID:00000000-0000-0000-0000-000000000000"],
    ] {
        let output = mediamirror(emulator.path(), arguments);
        assert_eq!(output.status.code(), Some(5), "{arguments:?}: {}", stderr(&output));
    }
}

/// A job of an hour, followed until it is interrupted.
fn interrupted(more: &[&str]) -> (Emulator, Option<i32>, String) {
    let emulator = Emulator::start(&QUICK.replace("encode_ms = 60", "encode_ms = 3600000"));
    let asset = an_asset(&emulator);
    let child = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
        .args([&["asset", "encode", &asset, "--preset", PRESET], more].concat())
        .current_dir(emulator.path())
        .env_remove("MEDIAMIRROR_CONFIG")
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    wait_for(&emulator, "ListTasks", 1);
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    let output = child.wait_with_output().expect("it ends");
    (emulator, output.status.code(), stderr(&output))
}

#[test]
fn an_interruption_keeps_the_job_and_says_how_to_follow_and_cancel_it() {
    let (emulator, code, printed) = interrupted(&[]);
    let (_, jobs) = emulator.json(&["asset", "jobs"]);
    let id = jobs[0]["id"].as_str().expect("an id");
    assert_eq!((code, &jobs[0]["state"]), (Some(130), &Value::from("processing")), "{printed}");
    assert!(
        printed.contains(&format!("mediamirror --config mirror.toml asset jobs --side source {id} --watch")),
        "{printed}"
    );
    assert!(printed.contains(&format!("asset jobs --side source --cancel {id}")), "{printed}");
    let (code, report) = emulator.json(&["asset", "jobs", "--cancel", id]);
    assert_eq!((code, &report["job"]["state"]), (Some(0), &Value::from("canceled")));
}

#[test]
fn an_interruption_cancels_the_job_on_request() {
    let (emulator, code, printed) = interrupted(&["--cancel-on-interrupt"]);
    let (_, jobs) = emulator.json(&["asset", "jobs"]);
    assert_eq!((code, &jobs[0]["state"]), (Some(130), &Value::from("canceled")), "{printed}");
}

#[test]
fn a_submitted_job_can_be_followed_later() {
    let emulator = Emulator::start(QUICK);
    let asset = an_asset(&emulator);
    let (code, report) = emulator.json(&["asset", "encode", &asset, "--preset", PRESET, "--no-wait"]);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(report["outputs"][0]["primary"], Value::Null);
    let id = report["job"]["id"].as_str().expect("an id");
    let (code, report) = emulator.json(&["asset", "jobs", id, "--watch"]);
    assert_eq!((code, &report["job"]["state"]), (Some(0), &Value::from("finished")));
    assert!(report["outputs"][0]["primary"].as_str().is_some_and(|name| name.contains(".ism")), "{report}");
}
