//! The history of runs, as a user reads it.

use std::time::Duration;

use super::against_emulator::Emulator;
use super::{mediamirror, stderr, stdout};

#[test]
fn the_history_shows_runs_what_they_changed_and_what_they_found_without_a_request() {
    let mut emulator = Emulator::with("", "assets=8,blobs=3,seed=1,sizes=small,awkward=true", "");
    let output = mediamirror(emulator.path(), &["runs", "list"]);
    assert!(output.status.code() == Some(5) && stderr(&output).contains("nothing was mirrored yet"), "{output:?}");
    for _ in 0..2 {
        // Runs are named after the second in which they begin.
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
