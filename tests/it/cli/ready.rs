//! `ready`: the text, the JSON and the exit codes of the real binary.

use serde_json::Value;

use super::against_emulator::Emulator;
use super::{mediamirror, stderr, stdout};

const LIBRARY: &str = "assets=3,blobs=4,seed=1,sizes=small,awkward=false,real=true";

/// Changes every address of the source to a closed port.
pub(super) fn cut_off_source(emulator: &Emulator) {
    let path = emulator.path().join("mirror.toml");
    let text = std::fs::read_to_string(&path).expect("readable");
    let (source, target) = text.split_once("[target]").expect("both sides");
    let dead = |line: &str| match line.split_once("http://127.0.0.1:") {
        Some((start, rest)) => {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{start}http://127.0.0.1:9{rest}")
        }
        None => line.to_owned(),
    };
    let source: Vec<String> = source.lines().map(dead).collect();
    std::fs::write(&path, format!("{}\n[target]{target}", source.join("\n"))).expect("written");
}

#[test]
fn a_library_ends_with_four_before_it_is_mirrored_and_with_zero_afterwards() {
    let emulator = Emulator::with("", LIBRARY, "");
    let (code, before) = emulator.json(&["ready"]);
    assert_eq!((code, &before["reached"]), (Some(4), &Value::Bool(false)), "{before:#}");
    assert_eq!((&before["assets"]["total"], &before["assets"]["not_ready"]), (&Value::from(3), &Value::from(3)));
    let first = &before["not_ready"][0];
    assert!(first["asset"].is_string() && first["name"].is_string(), "{first}");
    assert_eq!(first["cause"], "not-mirrored-yet");
    emulator.json(&["sync"]);
    let (code, after) = emulator.json(&["ready", "--probe", "segment", "--all"]);
    assert_eq!((code, &after["assets"]["ready"]), (Some(0), &Value::from(3)), "{after:#}");
    assert_eq!(
        (&after["recovery_point_seconds"], &after["source"]["state"]),
        (&Value::from(0), &Value::from("answered"))
    );
    assert_eq!((&after["endpoint"]["state"], &after["probes"]["plays"]), (&Value::from("running"), &Value::from(3)));
    let rows = after["rows"].as_array().expect("a list");
    assert!(rows.len() == 3 && rows.iter().all(|row| row["ready"] == "ready" && row["tier"] == "online"), "{rows:?}");
}

#[test]
fn the_text_fits_eighty_columns_and_begins_with_the_verdict() {
    let emulator = Emulator::with("", LIBRARY, "");
    let output = mediamirror(emulator.path(), &["ready", "--all"]);
    let printed = stdout(&output);
    assert!(printed.starts_with("NOT READY: 0 of 3 assets would play from mediaeast now (0 %)"), "{printed}");
    let words = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words.matches("while the source is down").count(), 1, "the remedy of a cause is said once: {printed}");
    emulator.json(&["sync"]);
    let output =
        mediamirror(emulator.path(), &["ready", "--all", "--probe", "manifest", "--sample", "50%", "--seed", "x"]);
    let printed = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{printed}{}", stderr(&output));
    assert!(printed.starts_with("READY: all 3 assets would play from mediaeast now (100 %)\n"), "{printed}");
    assert!(printed.contains("sample of seed x"), "{printed}");
    assert!(printed.lines().all(|line| line.chars().count() <= 80), "{printed}");
    let quiet = mediamirror(emulator.path(), &["ready", "-q"]);
    assert_eq!((quiet.status.code(), stdout(&quiet).as_str()), (Some(0), ""));
}

#[test]
fn a_source_that_is_down_is_not_an_error() {
    let emulator = Emulator::with("", LIBRARY, "");
    emulator.json(&["sync"]);
    cut_off_source(&emulator);
    assert_eq!(mediamirror(emulator.path(), &["verify"]).status.code(), Some(5), "other commands need it");
    let started = std::time::Instant::now();
    let (code, found) = emulator.json(&["ready"]);
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
    assert_eq!((code, &found["source"]["state"]), (Some(0), &Value::from("silent")), "{found:#}");
    assert_eq!((&found["assets"]["ready"], &found["replication"]["as_recorded"]), (&Value::from(3), &Value::from(3)));
    assert_eq!(found["recovery_point_basis"], "last-whole-run");
    let (code, found) = emulator.json(&["ready", "--without-source", "--probe", "segment"]);
    assert_eq!((code, &found["source"]["state"]), (Some(0), &Value::from("not-asked")), "{found:#}");
    std::fs::remove_file(emulator.path().join("mirror.ledger")).expect("the ledger is there");
    let (code, found) = emulator.json(&["ready", "--without-source"]);
    assert_eq!((code, &found["assets"]["ready"]), (Some(0), &Value::from(3)), "by its marks: {found:#}");
}

#[test]
fn less_than_everything_is_enough_if_less_is_required() {
    let faults = "[[rule]]\nplane = \"streaming\"\naccount = \"mediaeast\"\nname = \"*m3u8-aapl*\"\ntimes = 1\n\
                  fault = { refuse = { status = 404, code = \"x\" } }\n";
    let emulator = Emulator::with("", LIBRARY, faults);
    emulator.json(&["sync"]);
    let arguments = ["ready", "--probe", "manifest", "--require", "60%"];
    let (code, found) = emulator.json(&arguments);
    assert_eq!(
        (code, &found["assets"]["ready"], &found["causes"]["does-not-play"]),
        (Some(0), &Value::from(2), &Value::from(1)),
        "{found:#}"
    );
    assert_eq!(found["required_percent"], 60.0);
}

#[test]
fn invalid_values_of_require_and_sample_end_with_two() {
    let emulator = Emulator::start("");
    for wrong in [
        &["ready", "--require", "101%"][..],
        &["ready", "--require", "0%"],
        &["ready", "--sample", "5%"],
        &["ready", "--probe", "everything"],
    ] {
        assert_eq!(mediamirror(emulator.path(), wrong).status.code(), Some(2), "{wrong:?}");
    }
}
