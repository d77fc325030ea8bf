//! Two simultaneous runs, few file descriptors, and little memory.

use jiff::SignedDuration;

use super::{LONG, Run, done, is_mirrored, library, regions};
use crate::cli::against_emulator::Emulator;
use crate::cli::counted::wait_for;

#[test]
fn a_second_run_reports_the_process_that_holds_the_ledger_and_the_first_one_continues() {
    let emulator = Emulator::with(&regions(50, LONG), &library(12), "");
    let before = jiff::Timestamp::now() - SignedDuration::from_secs(1);
    let first = Run::start(&emulator, &["sync", "--quiet", "--max-in-flight", "2"]);
    wait_for(&emulator, "CreateAsset", 2);
    let second = crate::cli::mediamirror(emulator.path(), &["sync"]);
    let printed = crate::cli::stderr(&second);
    assert_eq!(second.status.code(), Some(6), "{printed}");
    let holder = format!("process {} on ", first.process.id());
    let (_, since) = printed.split_once(&holder).and_then(|(_, rest)| rest.split_once(" since ")).expect(&printed);
    let since: jiff::Timestamp = since.split(')').next().unwrap().parse().expect(&printed);
    // It is printed in whole seconds.
    assert!(before <= since && since <= jiff::Timestamp::now(), "{printed}");
    first.end().with(0);
    assert_eq!(done(&emulator, &["CreateAsset"]), 12);
    is_mirrored(&emulator);
}

/// More requests in flight are configured than there are descriptors. Both limits of the process are set, so that it
/// cannot raise the soft one.
#[test]
fn few_file_descriptors_slow_a_run_and_do_not_end_it() {
    for (descriptors, in_flight, assets) in [(1_000, 1_500, 300), (100, 256, 60)] {
        let emulator = Emulator::with(&regions(200, LONG), &library(assets), "");
        let script = format!(
            r#"ulimit -n {descriptors}; MEDIAMIRROR_LOG=debug exec "$0" sync --max-in-flight {in_flight} --assets-in-flight {in_flight}"#
        );
        let ended = Run::script(&emulator, &script).end();
        ended.with(0);
        let printed = format!("this process may open {descriptors} files");
        assert!(ended.stderr.contains(&printed), "{}", ended.stderr);
        assert!(!ended.stderr.contains("Too many open files"), "{descriptors}: it was tried nevertheless");
        is_mirrored(&emulator);
    }
}

/// Otherwise the process would be aborted without an explanation.
#[test]
fn a_run_with_too_little_memory_ends_before_it_starts_and_says_what_to_do() {
    let emulator = Emulator::with(&regions(0, LONG), &library(4), "");
    let ended = Run::script(&emulator, r#"ulimit -v 200000; exec "$0" sync"#).end();
    ended.with(5);
    let said = ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("195 MiB of address space are allowed, and a run can need 1024 MiB"), "{said}");
    assert!(said.contains("run `ulimit -v 1048576` before"), "{said}");
    assert_eq!(done(&emulator, &["CreateAsset"]), 0);
}
