//! The history of runs.

use std::time::Duration;

use super::against_emulator::Emulator;
use super::{mediamirror, stderr, stdout};

#[test]
fn the_history_shows_runs_with_changes_and_findings_without_a_request() {
    let mut emulator = Emulator::with("", "assets=8,blobs=3,seed=1,sizes=small,awkward=true", "");
    let output = mediamirror(emulator.path(), &["runs", "list"]);
    assert!(output.status.code() == Some(5) && stderr(&output).contains("nothing was mirrored yet"), "{output:?}");
    for _ in 0..2 {
        // The id of a run is the second in which it starts.
        std::thread::sleep(Duration::from_millis(1_100));
        assert_ne!(mediamirror(emulator.path(), &["sync"]).status.code(), Some(5));
    }
    emulator.process.kill().expect("it runs");
    emulator.process.wait().expect("it ends");

    let (code, runs) = emulator.json(&["runs", "list"]);
    let runs = runs.as_array().expect("a list").clone();
    assert_eq!((code, runs.len()), (Some(0), 2), "{runs:?}");
    let [last, first] = &runs[..] else { unreachable!("there are two") };
    assert!(first["assets"]["mirrored"].as_u64() > Some(0) && last["assets"]["mirrored"] == 0, "{runs:?}");
    let id = first["run"].as_str().expect("an id");
    let (code, shown) = emulator.json(&["runs", "show", id]);
    let events = shown["events"].as_array().expect("a list");
    assert_eq!((code, &shown["run"]), (Some(0), &first["run"]));
    let new = events.iter().filter(|event| event["code"] == "new" && event["cause"] == false).count() as u64;
    assert_eq!(Some(new), first["assets"]["mirrored"].as_u64(), "{shown:#}");
    let (_, errors) = emulator.json(&["runs", "errors", id]);
    let causes = errors["events"].as_array().expect("a list");
    assert!(!causes.is_empty() && causes.iter().all(|event| event["cause"] == true), "{errors:#}");

    let table = stdout(&mediamirror(emulator.path(), &["runs", "list", "--last", "1"]));
    let last = last["run"].as_str().expect("an id");
    assert!(table.lines().count() == 2 && table.contains(last) && !table.contains(id), "{table}");
    let text = stdout(&mediamirror(emulator.path(), &["runs", "errors"]));
    assert!(text.starts_with(&format!("run {last}")) && text.contains("! ") && text.contains("; "), "{text}");
    let output = mediamirror(emulator.path(), &["runs", "show", "nothing"]);
    assert!(output.status.code() == Some(5) && stderr(&output).contains("`mediamirror runs list`"), "{output:?}");
}

#[test]
fn a_retry_mirrors_only_what_a_run_did_not_with_the_output_and_codes_of_sync() {
    let faults = "[[rule]]\noperation = \"PutBlobFromUrl\"\nnth = 1\ntimes = 1\n\
        fault = { refuse = { status = 400, code = \"InvalidInput\" } }\n";
    let emulator = Emulator::with("", "assets=4,blobs=3,seed=1,sizes=small,awkward=false", faults);
    let (code, first) = emulator.json(&["sync"]);
    assert_eq!((code, &first["assets"]["failed"]), (Some(3), &1.into()), "{first:#}");
    let run = first["run"].as_str().expect("an id");
    let (code, dry) = emulator.json(&["runs", "retry", run, "--dry-run"]);
    assert_eq!((code, &dry["assets"]["total"], &dry["assets"]["mirrored"]), (Some(0), &1.into(), &1.into()), "{dry:#}");
    std::thread::sleep(Duration::from_millis(1_100));
    let (code, retried) = emulator.json(&["runs", "retry", run]);
    assert_eq!((code, &retried["assets"]["mirrored"]), (Some(0), &1.into()), "{retried:#}");
    assert_eq!(retried["changes"][0]["asset"], first["problems"][0]["asset"]);

    let run = retried["run"].as_str().expect("an id");
    for (run, expected) in [(run, "the ledger has no asset of run"), ("nothing", "there is no run nothing")] {
        let output = mediamirror(emulator.path(), &["runs", "retry", run]);
        assert!(output.status.code() == Some(5) && stderr(&output).contains(expected), "{output:?}");
    }
}

#[test]
fn old_runs_are_removed_on_request_and_a_dry_run_removes_nothing() {
    let emulator = Emulator::start("");
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(1_100));
        assert_eq!(mediamirror(emulator.path(), &["sync"]).status.code(), Some(0));
    }
    let output = mediamirror(emulator.path(), &["runs", "prune"]);
    assert_eq!(output.status.code(), Some(2), "what is to be kept must be said: {output:?}");
    let (_, runs) = emulator.json(&["runs", "list"]);
    let (code, dry) = emulator.json(&["runs", "prune", "--keep", "1", "--dry-run"]);
    assert_eq!(
        (code, &dry["removed"], &dry["kept"]),
        (Some(0), &serde_json::json!([runs[1]["run"], runs[2]["run"]]), &1.into())
    );
    assert!(dry["events"].as_u64() > Some(0), "{dry:#}");
    assert_eq!(emulator.json(&["runs", "list"]).1, runs);
    let text = stdout(&mediamirror(emulator.path(), &["runs", "prune", "--older-than", "1d"]));
    assert_eq!(text, "nothing to remove; the ledger keeps 3 runs\n");
    let text = stdout(&mediamirror(emulator.path(), &["runs", "prune", "--keep", "1"]));
    assert!(text.starts_with("2 runs removed (") && text.contains("keeps 1 run\n"), "{text}");
    assert_eq!(emulator.json(&["runs", "list"]).1, serde_json::json!([runs[0]]));
}
