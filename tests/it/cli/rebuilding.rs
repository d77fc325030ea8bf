//! A ledger that is lost, damaged or of a newer release: the marks on the target are enough to continue.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::against_emulator::Emulator;
use super::counted::{LOCK, ask, writes};
use super::{files_in, mediamirror, stderr};

/// A mirrored library whose requests are counted from now on.
fn mirrored() -> Emulator {
    let emulator = Emulator::start("");
    // A blob without a checksum counts as copied only if its copy is younger by a second: the service reports whole
    // seconds.
    std::thread::sleep(Duration::from_millis(1_100));
    let (code, first) = emulator.json(&["sync"]);
    assert_eq!((code, &first["assets"]["mirrored"]), (Some(0), &Value::from(4)));
    ask(&emulator, "POST", "/_emulator/stats/reset");
    emulator
}

/// Checks that the run created and copied nothing. Its only batch tries to make all file records, and is refused for
/// existing ones.
fn nothing_was_made(emulator: &Emulator) {
    assert_eq!(writes(emulator), [&["Batch"], &LOCK[..]].concat());
    let (code, compared) = emulator.json(&["verify"]);
    assert_eq!((code, &compared["assets"]["same"]), (Some(0), &Value::from(4)), "{compared}");
    // And the new ledger has the same records as the old one: each asset is done.
    let (_, next) = emulator.json(&["sync"]);
    assert_eq!((&next["assets"]["unchanged"], &next["blobs"]["unchanged"]), (&Value::from(4), &Value::from(20)));
    let ledger = rusqlite::Connection::open(emulator.path().join("mirror.ledger")).expect("a database");
    let done = "SELECT count(*) FROM relation WHERE step = 'publish-locators' AND status = 'succeeded'";
    let done: u32 = ledger.query_row(done, (), |row| row.get(0)).expect("a row");
    assert_eq!(done, 4);
}

/// The files that a ledger was moved to.
fn moved(emulator: &Emulator) -> Vec<String> {
    files_in(&emulator.place).into_iter().filter(|name| name.starts_with("mirror.ledger.2")).collect()
}

#[test]
fn a_deleted_ledger_is_created_with_and_without_the_flag_and_nothing_is_made_twice() {
    for arguments in [&["sync"][..], &["sync", "--rebuild-ledger"]] {
        let emulator = mirrored();
        fs::remove_file(emulator.path().join("mirror.ledger")).expect("removed");
        let output = mediamirror(emulator.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        nothing_was_made(&emulator);
        assert_eq!(moved(&emulator), Vec::<String>::new());
    }
}

#[test]
fn a_damaged_or_newer_ledger_ends_with_eight_and_the_flag_replaces_it() {
    let damage: [fn(&std::path::Path); 2] = [
        |ledger| fs::write(ledger, b"no database any more, but long enough to be taken for one".repeat(99)).unwrap(),
        |ledger| rusqlite::Connection::open(ledger).unwrap().pragma_update(None, "user_version", 99).unwrap(),
    ];
    for damage in damage {
        let emulator = mirrored();
        let path = emulator.path().join("mirror.ledger");
        damage(&path);
        let before = fs::read(&path).expect("readable");
        let refused = mediamirror(emulator.path(), &["sync"]);
        assert_eq!(refused.status.code(), Some(8), "{}", stderr(&refused));
        assert!(stderr(&refused).contains("`sync --rebuild-ledger`"), "{}", stderr(&refused));
        assert_eq!((fs::read(&path).expect("readable"), moved(&emulator).len()), (before.clone(), 0));

        let output = mediamirror(emulator.path(), &["sync", "--rebuild-ledger"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let aside = moved(&emulator);
        assert_eq!(aside.len(), 1, "{aside:?}");
        assert!(stderr(&output).contains(&aside[0]), "{} does not name {aside:?}", stderr(&output));
        assert_eq!(fs::read(emulator.path().join(&aside[0])).expect("readable"), before, "it is kept as it was");
        nothing_was_made(&emulator);
    }
}

#[test]
fn the_flag_is_refused_for_a_dry_run() {
    let place = tempfile::tempdir().expect("a directory");
    let output = mediamirror(place.path(), &["sync", "--rebuild-ledger", "--dry-run"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}
