//! `verify --play` and `verify --bytes`: the output and the exit codes of the real binary.

use serde_json::Value;

use super::against_emulator::Emulator;
use super::{mediamirror, stderr, stdout};

const LIBRARY: &str = "assets=3,blobs=4,seed=1,sizes=small,awkward=false,real=true";

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} in {value}"))
}

#[test]
fn a_library_that_plays_equally_ends_with_zero_and_its_counts_add_up() {
    let emulator = Emulator::with("", LIBRARY, "");
    emulator.json(&["sync"]);
    let (code, found) = emulator.json(&["verify", "--play", "--bytes", "--bytes-per-second", "100MB"]);
    let (play, bytes) = (&found["play"], &found["bytes"]);
    assert_eq!(code, Some(0), "{found:#}");
    let sum: u64 = ["same", "different", "not_playable", "unchecked"].map(|key| number(play, key)).iter().sum();
    assert_eq!(number(play, "urls"), sum);
    assert!(number(play, "same") > 20 && number(play, "manifests") > 0, "{play:#}");
    assert_eq!((number(play, "assets"), number(play, "left_out")), (3, 0));
    assert_eq!(number(bytes, "blobs"), number(bytes, "same"));
    assert!(number(bytes, "bytes") > 0);
    // The emulated streaming host sends no cache time. This is reported, and not owed.
    let owed = play["problems"].as_array().expect("a list").iter().map(|problem| &problem["owed"]);
    assert!(owed.clone().count() > 0 && owed.clone().all(|owed| *owed == Value::Bool(false)), "{play:#}");
    let plain = emulator.json(&["verify"]).1;
    assert!(plain.get("play").is_none() && plain.get("bytes").is_none());
}

#[test]
fn a_sample_is_printed_with_its_seed() {
    let emulator = Emulator::with("", LIBRARY, "");
    emulator.json(&["sync"]);
    let arguments = ["verify", "--play", "--bytes", "--sample", "0.1%", "--seed", "monday"];
    let output = mediamirror(emulator.path(), &arguments);
    let printed = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{printed}{}", stderr(&output));
    assert!(printed.contains("\nplay     ") && printed.contains("\nbytes    1 blob ("), "{printed}");
    assert_eq!(printed.matches("sample of seed monday").count(), 2, "{printed}");
    assert!(printed.lines().all(|line| line.chars().count() <= 80), "{printed}");
}

#[test]
fn a_different_answer_of_a_host_is_a_difference() {
    let faults = "[[rule]]\nplane = \"streaming\"\naccount = \"mediaeast\"\nname = \"*m3u8-aapl*\"\n\
                  fault = { refuse = { status = 404, code = \"x\" } }\n";
    let emulator = Emulator::with("", LIBRARY, faults);
    assert_eq!(emulator.region(1, "account"), "mediaeast");
    emulator.json(&["sync"]);
    assert_eq!(emulator.json(&["verify"]).0, Some(0));
    let (code, found) = emulator.json(&["verify", "--play"]);
    assert_eq!(code, Some(4), "{found:#}");
    assert!(number(&found["play"]["causes"], "plays-differently") > 0);
    let problem = found["play"]["problems"].as_array().expect("a list").iter().find(|one| one["owed"] == true);
    let problem = problem.expect("one is owed");
    assert_eq!((&problem["code"], &problem["result"]), (&"plays-differently".into(), &"failed".into()));
    assert!(problem["detail"].as_str().expect("a text").contains("HTTP 404 instead of HTTP 200"), "{problem}");
}

#[test]
fn a_wrong_sample_seed_or_origin_is_refused() {
    let place = tempfile::tempdir().expect("a directory");
    for wrong in [
        &["--sample", "5"][..],
        &["--sample", "0%"],
        &["--sample", "5%"],
        &["--play", "--seed", "x"],
        &["--play", "--origin", "www.example.com/x"],
    ] {
        let output = mediamirror(place.path(), &[&["verify"], wrong].concat());
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {}", stderr(&output));
    }
}
