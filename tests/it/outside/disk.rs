//! A ledger without room, and one that must not be written.
//!
//! A limit on the size of files needs no privilege and so always runs; a file system that is really full is tried where
//! this machine lets a user mount one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{LONG, Run, copies, done, is_mirrored, ledger_is_sound, library, regions};
use crate::cli::against_emulator::Emulator;

/// Blobs of [`small_room`]'s library.
const BLOBS: u64 = 150;

fn small_room() -> Emulator {
    Emulator::with(&regions(10, LONG), &library(30), "")
}

#[test]
fn a_ledger_that_may_not_grow_ends_the_run_with_eight_and_the_next_one_goes_on() {
    let emulator = small_room();
    // In blocks of 512 bytes: room for a new ledger, not for what a run records. The signal is ignored, so that the write
    // fails, as on a full disk.
    let ended = Run::script(
        &emulator,
        r#"trap '' XFSZ; ulimit -f 160; exec "$0" sync --quiet --max-in-flight 4 --assets-in-flight 4"#,
    )
    .end();
    ended.with(8);
    assert!(ended.stderr.contains("cannot write the ledger mirror.ledger"), "{}", ended.stderr);
    assert!(ended.stderr.contains("its disk"), "{}", ended.stderr);
    let started = copies(&emulator);
    assert!(started > 0 && started < BLOBS, "it ended before or after the run, not in it: {started} copies");
    ledger_is_sound(&emulator, "mirror.ledger");

    // The signal kills a program that does not ignore it: as good as any death.
    let killed = Run::script(&emulator, r#"ulimit -f 160; exec "$0" sync --quiet"#).end();
    assert!(killed.code == Some(8) || killed.signal.is_some(), "{killed:?}");
    ledger_is_sound(&emulator, "mirror.ledger");

    // No room at all: not even for the name of who holds the lock.
    fs::write(emulator.path().join("mirror.ledger.lock"), "").unwrap();
    let ended = Run::script(&emulator, r#"(trap "" XFSZ; ulimit -f 0; exec "$0" sync --quiet) 2>&1 | cat"#).end();
    assert!(ended.stdout.contains("cannot lock the ledger"), "{ended:?}");

    Run::start(&emulator, &["sync", "--quiet"]).end().with(0);
    assert_eq!((copies(&emulator), done(&emulator, &["CreateAsset"])), (BLOBS, 30), "something was done twice");
    is_mirrored(&emulator);
}

#[test]
fn a_disk_that_fills_up_ends_the_run_with_eight_and_with_room_the_next_one_goes_on() {
    let emulator = small_room();
    // The ledger is gone with the mount. Without it a blob without a checksum counts as copied only if its copy is younger
    // by a second.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    emulator.change("mirror.ledger", "small/mirror.ledger");
    fs::create_dir(emulator.path().join("small")).unwrap();
    if !may_mount(&emulator) {
        println!("no user may mount here: the test with a limit on the size of files stands for this one");
        return a_ledger_that_may_not_grow_ends_the_run_with_eight_and_the_next_one_goes_on();
    }
    // The mount is gone with the shell: what is to be seen afterwards is copied out.
    let script = r#"exec unshare -rm sh -c '
        mount -t tmpfs -o size=120k none small || exit 99
        "$0" sync --quiet --max-in-flight 4 --assets-in-flight 4; echo "first $?"
        "$0" sync --quiet; echo "second $?"
        mount -o remount,size=16m none small || exit 98
        cp small/mirror.ledger* .
        "$0" sync --quiet >/dev/null; echo "third $?"
        cp small/mirror.ledger after.ledger' "$0""#;
    let ended = Run::script(&emulator, script).end();
    ended.with(0);
    let codes: Vec<&str> = ended.stdout.lines().filter(|line| line.contains(' ')).collect();
    assert_eq!(codes, ["first 8", "second 8", "third 0"], "{}", ended.stderr);
    assert!(ended.stderr.contains("its disk is full; free some space and run again"), "{}", ended.stderr);
    ledger_is_sound(&emulator, "after.ledger");
    assert_eq!((copies(&emulator), done(&emulator, &["CreateAsset"])), (BLOBS, 30), "something was done twice");
    is_mirrored(&emulator);
}

#[test]
fn a_ledger_in_a_folder_that_is_read_only_ends_the_run_with_eight_and_nothing_is_written() {
    let emulator = Emulator::start("");
    emulator.change("mirror.ledger", "kept/mirror.ledger");
    let kept = emulator.path().join("kept");
    fs::create_dir(&kept).unwrap();
    Run::start(&emulator, &["sync", "--quiet", "--exclude", "*1"]).end().with(0);
    let done_before = (copies(&emulator), done(&emulator, &["CreateAsset"]));
    let before = fs::read(kept.join("mirror.ledger")).unwrap();

    let ended = read_only(&emulator, &["kept", "kept/mirror.ledger", "kept/mirror.ledger.lock"]);
    ended.with(8);
    assert!(ended.stderr.contains("it is read-only; check the permissions"), "{}", ended.stderr);
    assert_eq!((copies(&emulator), done(&emulator, &["CreateAsset"])), done_before);
    assert_eq!(fs::read(kept.join("mirror.ledger")).unwrap(), before);

    Run::start(&emulator, &["sync", "--quiet"]).end().with(0);
    fs::copy(kept.join("mirror.ledger"), emulator.path().join("mirror.ledger")).unwrap();
    is_mirrored(&emulator);
}

/// A run to which these are read-only: by their modes, or, for a superuser, whom modes do not keep out, by a mount.
fn read_only(emulator: &Emulator, paths: &[&str]) -> super::Ended {
    let probe = emulator.path().join("kept/probe");
    let set = |directory: u32, file: u32| {
        for path in paths.iter().map(|path| emulator.path().join(path)) {
            let mode = if path.is_dir() { directory } else { file };
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    set(0o500, 0o400);
    let modes_keep_out = fs::write(&probe, "").is_err();
    let ended = if modes_keep_out {
        Run::start(emulator, &["sync"]).end()
    } else {
        fs::remove_file(&probe).unwrap();
        assert!(may_mount(emulator), "a superuser who may not mount can make nothing read-only: be a user");
        let script = r#"exec unshare -rm sh -c '
            mount --bind kept kept && mount -o remount,bind,ro kept || exit 99
            cd . && exec "$0" sync' "$0""#;
        Run::script(emulator, script).end()
    };
    set(0o700, 0o600);
    ended
}

/// May this user mount a file system in a namespace of its own?
fn may_mount(emulator: &Emulator) -> bool {
    fs::create_dir_all(emulator.path().join("tried")).unwrap();
    Run::script(emulator, "exec unshare -rm mount -t tmpfs none tried").end().code == Some(0)
}
