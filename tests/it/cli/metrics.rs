//! The metrics file of the real binary: its counts, what it keeps, and that it is also written if a run fails.
#![expect(clippy::float_cmp, reason = "whole numbers, and times that are kept as they are")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::against_emulator::Emulator;
use super::{files_in, mediamirror, stderr, stdout};

/// The samples of a file by name and labels.
fn samples(path: &Path) -> BTreeMap<String, f64> {
    let text = std::fs::read_to_string(path).expect("it is there");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("name and value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    lines.map(sample).collect()
}

fn sum(samples: &BTreeMap<String, f64>, name: &str) -> f64 {
    let name = format!("{name}{{");
    samples.iter().filter(|(key, _)| key.starts_with(&name)).map(|(_, value)| value).sum()
}

const LAST_SUCCESS: &str = "mediamirror_last_success_timestamp_seconds{account=\"mediaeast\"}";

#[test]
fn a_run_writes_its_metrics_and_the_next_one_adds_to_its_counters() {
    let emulator = Emulator::start("");
    let path = emulator.path().join("mirror.prom");
    let (code, summary) = emulator.json(&["sync", "--metrics-textfile", "mirror.prom"]);
    let first = samples(&path);
    assert_eq!((code, sum(&first, "mediamirror_assets"), sum(&first, "mediamirror_runs_total")), (Some(0), 4.0, 1.0));
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode & 0o400, 0o400);
    assert_eq!(sum(&first, "mediamirror_copied_bytes_total"), summary["bytes_copied"].as_f64().expect("a number"));
    assert_eq!(sum(&first, "mediamirror_last_run_outcome"), 1.0);
    let requests = summary["requests"]["media"].as_f64().expect("a number")
        + summary["requests"]["blob"].as_f64().expect("a number");
    assert!(sum(&first, "mediamirror_requests_total") >= requests, "{first:?}");

    let second = mediamirror(emulator.path(), &["sync", "-q", "--metrics-textfile", "mirror.prom"]);
    assert_eq!((second.status.code(), stdout(&second)), (Some(0), String::new()));
    let second = samples(&path);
    assert_eq!(second["mediamirror_runs_total{account=\"mediaeast\",outcome=\"complete\"}"], 2.0);
    assert_eq!(sum(&second, "mediamirror_copied_bytes_total"), sum(&first, "mediamirror_copied_bytes_total"));
    assert_eq!(second["mediamirror_assets{account=\"mediaeast\",outcome=\"unchanged\"}"], 4.0);
    assert!(second[LAST_SUCCESS] > first[LAST_SUCCESS]);
    let names = files_in(&emulator.place);
    assert!(names.iter().all(|name| !name.contains("tmp")), "{names:?}");
}

#[test]
fn a_run_that_fails_writes_its_metrics_and_keeps_the_time_of_the_last_success() {
    let emulator = Emulator::start("");
    let path = emulator.path().join("mirror.prom");
    let sync = ["sync", "--metrics-textfile", "mirror.prom"];
    mediamirror(emulator.path(), &sync);
    let before = samples(&path);
    // Without its secret, and with invalid TOML.
    let failing: [fn(&Emulator); 2] = [
        |emulator| std::fs::remove_file(emulator.path().join("west.media.key")).expect("it is there"),
        |emulator| std::fs::write(emulator.path().join("mirror.toml"), "no = [").expect("written"),
    ];
    for (failures, fail) in (1..).zip(failing) {
        fail(&emulator);
        let output = mediamirror(emulator.path(), &sync);
        assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
        let after = samples(&path);
        assert_eq!(after[LAST_SUCCESS], before[LAST_SUCCESS]);
        assert_eq!(after["mediamirror_runs_total{account=\"mediaeast\",outcome=\"failed\"}"], f64::from(failures));
        assert_eq!(after["mediamirror_last_run_outcome{account=\"mediaeast\",outcome=\"failed\"}"], 1.0);
        assert_eq!(sum(&after, "mediamirror_blobs_total"), sum(&before, "mediamirror_blobs_total"));
        assert_eq!(sum(&after, "mediamirror_requests_total"), sum(&before, "mediamirror_requests_total"));
        assert_eq!(sum(&after, "mediamirror_assets"), 0.0, "what the run did not see is not there");
    }
}

#[test]
fn the_time_of_the_last_success_comes_from_the_ledger_if_the_file_is_lost() {
    let emulator = Emulator::start("");
    assert_eq!(emulator.json(&["sync"]).0, Some(0));
    let ended = emulator.json(&["runs", "list"]).1;
    let ended = ended[0]["ended"].as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time");
    super::write_private(&emulator.path().join("east.media.key"), "d3Jvbmcta2V5\n");
    let output = mediamirror(emulator.path(), &["sync", "--metrics-textfile", "mirror.prom"]);
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    let kept = samples(&emulator.path().join("mirror.prom"))[LAST_SUCCESS];
    assert!((kept - f64::from(i32::try_from(ended.as_second()).expect("before 2038"))).abs() < 2.0, "{kept}");
}

#[test]
fn verify_has_its_own_metrics_and_does_not_replace_those_of_sync() {
    let emulator = Emulator::start("");
    let verified = mediamirror(emulator.path(), &["verify", "--metrics-textfile", "verify.prom"]);
    assert_eq!(verified.status.code(), Some(4), "{}", stderr(&verified));
    let found = samples(&emulator.path().join("verify.prom"));
    assert_eq!(found["mediamirror_verify_assets{account=\"mediaeast\",outcome=\"missing\"}"], 4.0);
    assert_eq!(found["mediamirror_verify_last_run_outcome{account=\"mediaeast\",outcome=\"different\"}"], 1.0);
    assert!(!found.contains_key("mediamirror_verify_last_success_timestamp_seconds{account=\"mediaeast\"}"));
    let held = std::fs::read(emulator.path().join("verify.prom")).expect("it is there");
    let refused = mediamirror(emulator.path(), &["sync", "--metrics-textfile", "verify.prom"]);
    assert_eq!(refused.status.code(), Some(5));
    assert!(stderr(&refused).contains("verify.prom: the file holds the metrics of `verify`"), "{}", stderr(&refused));
    assert_eq!(std::fs::read(emulator.path().join("verify.prom")).expect("it is there"), held);
}

#[test]
fn a_file_of_another_program_or_a_missing_folder_is_refused_before_the_run() {
    let place = super::place(super::MIRROR);
    std::fs::write(place.path().join("other.prom"), "node_load1 1\n").expect("written");
    for (file, why) in [("other.prom", "did not write"), ("nowhere/m.prom", "is not a folder"), (".", "it is a folder")]
    {
        let output = mediamirror(place.path(), &["sync", "--metrics-textfile", file]);
        assert_eq!(output.status.code(), Some(5));
        assert!(stderr(&output).contains(why), "{file}: {}", stderr(&output));
    }
    let dry = mediamirror(place.path(), &["sync", "--dry-run", "--metrics-textfile", "m.prom"]);
    assert_eq!(dry.status.code(), Some(2), "a dry run writes nothing");
}
