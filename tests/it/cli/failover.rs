//! `failover` and `reprotect` with the real binary: A is lost, B is edited, then A returns and becomes active again.

use std::fs;

use super::against_emulator::Emulator;
use super::counted::{count, writes};
use super::{mediamirror, stderr, stdout};

/// The names of the assets of a side, and how many locators each has.
fn published(emulator: &Emulator, side: &str) -> Vec<(String, usize)> {
    let json = |arguments: &[&str]| {
        let (code, shown) = emulator.json(&[&["asset", "--side", side][..], arguments].concat());
        assert_eq!(code, Some(0), "{shown:#}");
        shown
    };
    let assets = json(&["list"]);
    let names = assets.as_array().unwrap().iter().map(|asset| asset["name"].as_str().unwrap().to_owned());
    let mut all: Vec<(String, usize)> = names
        .map(|name| {
            let locators = json(&["show", &name])["locators"].as_array().unwrap().len();
            (name, locators)
        })
        .collect();
    all.sort();
    all
}

#[test]
fn a_failover_is_recorded_edited_brought_back_and_committed() {
    let emulator = Emulator::start("");
    let run = |arguments: &[&str]| {
        let output = mediamirror(emulator.path(), arguments);
        (output.status.code(), stdout(&output), stderr(&output))
    };
    // Nothing was mirrored, so there is nothing to make active.
    let (code, _, said) = run(&["failover"]);
    assert!(code == Some(5) && said.contains("run `mediamirror sync` first"), "{code:?}: {said}");
    assert_eq!(emulator.json(&["sync"]).0, Some(0));
    let (code, shown) = emulator.json(&["failover", "--show"]);
    assert_eq!((code, &shown["active"], &shown["changed"]), (Some(0), &"source".into(), &false.into()));
    let (code, _, said) = run(&["reprotect", "--out", "back.plan"]);
    assert_eq!(code, Some(9), "{said}");

    let (code, printed, _) = run(&["failover"]);
    assert!(code == Some(0) && printed.contains("now active: the target"), "{printed}");
    let before = writes(&emulator);
    let (code, printed, said) = run(&["sync"]);
    assert_eq!(code, Some(9), "{printed}{said}");
    assert!(printed.contains("target-active") && printed.contains("failover --commit"), "{printed}");
    assert_eq!(writes(&emulator), before, "a night writes nothing while the target is active");

    let names: Vec<String> = published(&emulator, "target").into_iter().map(|(name, _)| name).collect();
    fs::write(emulator.path().join("born.mp4"), vec![7; 3_000]).expect("written");
    assert_eq!(run(&["asset", "--side", "target", "upload", "--name", "born", "born.mp4"]).0, Some(0));
    assert_eq!(run(&["asset", "--side", "target", "publish", "born"]).0, Some(0));
    assert_eq!(run(&["asset", "--side", "target", "publish", &names[0]]).0, Some(0));
    assert_eq!(run(&["asset", "--side", "target", "unpublish", &names[1]]).0, Some(0));

    assert_eq!(run(&["asset", "--side", "target", "delete", &names[2], "--yes"]).0, Some(0));

    let (code, left) = emulator.json(&["failover", "--commit"]);
    assert_eq!(code, Some(4), "the source does not have it yet: {left:#}");
    assert!(left["changes"].as_array().unwrap().len() >= 4 && left["changes_left_out"] == 0, "{left:#}");
    let (code, printed, said) = run(&["reprotect", "--out", "back.plan"]);
    assert_eq!(code, Some(0), "{printed}{said}");
    assert!(printed.contains("1 new, 2 changed") && said.contains("apply back.plan"), "{printed}{said}");
    let (code, printed, said) = run(&["apply", "back.plan"]);
    assert_eq!(code, Some(0), "{printed}{said}");
    // What was deleted on the target stays in the source, without locators.
    let mut expected = published(&emulator, "target");
    expected.push((names[2].clone(), 0));
    expected.sort();
    assert_eq!(published(&emulator, "source"), expected);
    assert!(expected.iter().any(|(_, locators)| *locators == 2), "{expected:?}");
    let (code, _, said) = run(&["apply", "back.plan"]);
    assert!(
        code == Some(5) && said.contains("was applied before") && said.contains("reprotect --out"),
        "{code:?}: {said}"
    );

    let (code, home) = emulator.json(&["failover", "--commit"]);
    assert_eq!((code, &home["active"], &home["handed_over"]), (Some(0), &"source".into(), &1.into()), "{home:#}");
    let (code, night) = emulator.json(&["sync"]);
    // The source still has what was deleted on the target, so that is copied again.
    let deleted = emulator.json(&["asset", "--side", "source", "show", &names[2]]).1;
    let files = deleted["files"].as_array().unwrap().len();
    assert_eq!(
        (code, &night["blobs"]["copied"], &night["withdrawn"]),
        (Some(0), &files.into(), &0.into()),
        "{night:#}"
    );
    assert_eq!(emulator.json(&["verify"]).0, Some(0));
    // The asset that was made on the target follows the source now.
    assert_eq!(run(&["asset", "--side", "source", "unpublish", "born"]).0, Some(0));
    let (code, night) = emulator.json(&["sync"]);
    assert_eq!((code, &night["withdrawn"]), (Some(0), &1.into()), "{night:#}");
    assert_eq!(published(&emulator, "source"), published(&emulator, "target"));
    assert_eq!(count(&emulator, "LeaseBlob", 409), 0, "a command that was refused gave its locks back");
}
