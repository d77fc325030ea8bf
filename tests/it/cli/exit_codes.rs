//! Each exit code that the manual lists, produced by the real binary.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use mediamirror::manual;

use super::against_emulator::{Emulator, signal, slow};
use super::counted::wait_for;
use super::encode::{QUICK, an_asset};
use super::mediamirror;

type Code = Option<i32>;

/// The codes of the table on the manual's page.
fn documented() -> BTreeSet<i32> {
    let page = manual::page("exit-codes").expect("the manual has the page");
    page.text.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok()).collect()
}

fn code(place: &Path, arguments: &[&str]) -> Code {
    mediamirror(place, arguments).status.code()
}

/// A library before (4) and after mirroring (0). Then its copy is the source, and the run would change originals (9).
fn compared_mirrored_and_turned_round() -> Vec<Code> {
    let emulator = Emulator::start("");
    let before = code(emulator.path(), &["verify"]);
    let mirrored = code(emulator.path(), &["sync"]);
    let path = emulator.path().join("mirror.toml");
    let text = std::fs::read_to_string(&path).expect("readable");
    let turned = text.replace("[source", "[was").replace("[[source", "[[was").replace("target", "source");
    std::fs::write(&path, turned.replace("[was", "[target")).expect("written");
    std::fs::remove_file(emulator.path().join("mirror.ledger")).expect("removed");
    vec![before, mirrored, code(emulator.path(), &["sync"])]
}

/// A full standard output (1), an unknown flag (2), no configuration (5).
fn without_an_account() -> Vec<Code> {
    let place = tempfile::tempdir().expect("a directory");
    let full = Command::new("sh")
        .args(["-c", r#"exec "$0" explain >/dev/full"#, env!("CARGO_BIN_EXE_mediamirror")])
        .status()
        .expect("the shell runs");
    vec![full.code(), code(place.path(), &["sync", "--dryrun"]), code(place.path(), &["sync"])]
}

/// Assets that cannot be mirrored (3), a limit of the run (7), a file that is not a ledger (8).
fn partial_limited_and_without_a_ledger() -> Vec<Code> {
    let emulator = Emulator::with("", "assets=12,blobs=3,seed=2,sizes=small,awkward=true", "");
    let limited = code(emulator.path(), &["sync", "--max-requests", "20"]);
    let partial = code(emulator.path(), &["sync"]);
    std::fs::write(emulator.path().join("mirror.ledger"), "a file of another kind, and a longer one").expect("written");
    vec![limited, partial, code(emulator.path(), &["sync"])]
}

/// A signal during a run (130 or 143), and a second run at the same time (6).
fn stopped_by(name: &str) -> Vec<Code> {
    let emulator = Emulator::start(&slow());
    let mut run = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
        .args(["sync", "--quiet", "--max-in-flight", "2", "--assets-in-flight", "1"])
        .current_dir(emulator.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    wait_for(&emulator, "CreateAsset", 2);
    let beside = code(emulator.path(), &["sync"]);
    signal(&run, name);
    vec![beside, run.wait().expect("it ends").code()]
}

/// A failed encoding job (10).
fn failed_encoding() -> Vec<Code> {
    let emulator = Emulator::start(QUICK);
    let asset = an_asset(&emulator);
    vec![code(emulator.path(), &["asset", "encode", &asset, "--preset", "No Such Preset"])]
}

#[test]
fn each_exit_code_of_the_manual_ends_a_run_of_the_program() {
    assert_eq!(compared_mirrored_and_turned_round(), [Some(4), Some(0), Some(9)]);
    assert_eq!(without_an_account(), [Some(1), Some(2), Some(5)]);
    assert_eq!(partial_limited_and_without_a_ledger(), [Some(7), Some(3), Some(8)]);
    assert_eq!(stopped_by("-INT"), [Some(6), Some(130)]);
    assert_eq!(stopped_by("-TERM"), [Some(6), Some(143)]);
    assert_eq!(failed_encoding(), [Some(10)]);
    // Each new code of the table needs a run above that ends with it.
    let produced = BTreeSet::from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 130, 143]);
    assert_eq!(documented(), produced);
}

/// A night without changes prints one line for a library of any size, and none with `--quiet`.
#[test]
fn a_quiet_night_of_a_thousand_assets_is_one_line() {
    let library = "assets=1000,blobs=1,seed=1,sizes=small,awkward=false,real=false";
    let emulator = Emulator::with("", library, "");
    assert_eq!(code(emulator.path(), &["sync", "--quiet"]), Some(0));
    let night = mediamirror(emulator.path(), &["sync"]);
    let printed = super::stdout(&night);
    assert_eq!((night.status.code(), printed.lines().count()), (Some(0), 1), "{printed}");
    assert!(printed.starts_with("complete: 1,000 assets, nothing to do ("), "{printed}");
    assert!(printed.trim_end().chars().count() <= 80, "{printed}");
    let silent = mediamirror(emulator.path(), &["sync", "--quiet"]);
    assert_eq!((silent.status.code(), silent.stdout, silent.stderr), (Some(0), Vec::new(), Vec::new()));
}
