//! A ledger on a full disk, and one that must not be written.
//!
//! A limit on the size of files needs no privileges, so it is always tested; a full file system is tested if users may
//! mount one on this machine.

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
fn a_ledger_that_cannot_grow_ends_the_run_with_eight_and_the_next_one_resumes() {
    let emulator = small_room();
    // In blocks of 512 bytes: enough for a new ledger, but not for the records of a run. The signal is ignored, so that
    // the write fails, as on a full disk.
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

    // The signal kills a program that does not ignore it.
    let killed = Run::script(&emulator, r#"ulimit -f 160; exec "$0" sync --quiet"#).end();
    assert!(killed.code == Some(8) || killed.signal.is_some(), "{killed:?}");
    ledger_is_sound(&emulator, "mirror.ledger");

    // No space at all, not even for the name of the lock's holder.
    fs::write(emulator.path().join("mirror.ledger.lock"), "").unwrap();
    let ended = Run::script(&emulator, r#"(trap "" XFSZ; ulimit -f 0; exec "$0" sync --quiet) 2>&1 | cat"#).end();
    assert!(ended.stdout.contains("cannot lock the ledger"), "{ended:?}");

    Run::start(&emulator, &["sync", "--quiet"]).end().with(0);
    assert_eq!((copies(&emulator), done(&emulator, &["CreateAsset"])), (BLOBS, 30), "something was done twice");
    is_mirrored(&emulator);
}

#[test]
fn a_full_disk_ends_the_run_with_eight_and_the_next_one_with_free_space_resumes() {
    let emulator = small_room();
    // The ledger disappears with the mount. Without it, a blob without a checksum counts as copied only if its copy is
    // younger by one second.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    emulator.change("mirror.ledger", "small/mirror.ledger");
    fs::create_dir(emulator.path().join("small")).unwrap();
    if !may_mount(&emulator) {
        println!("no user may mount here: the test with a limit on the size of files stands for this one");
        return a_ledger_that_cannot_grow_ends_the_run_with_eight_and_the_next_one_resumes();
    }
    // The mount disappears with the shell, so the files for later checks are copied.
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
fn a_ledger_in_a_read_only_folder_ends_the_run_with_eight_and_nothing_is_written() {
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

/// A run for which these paths are read-only: by their modes, or by a mount for a superuser, for whom modes have no
/// effect.
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

/// May this user mount a file system in a separate namespace?
fn may_mount(emulator: &Emulator) -> bool {
    fs::create_dir_all(emulator.path().join("tried")).unwrap();
    Run::script(emulator, "exec unshare -rm mount -t tmpfs none tried").end().code == Some(0)
}
