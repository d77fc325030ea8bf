//! Signals: SIGINT and SIGTERM, once and twice; SIGSTOP and SIGCONT.

use std::time::{Duration, Instant};

use super::{LONG, Run, copies, done, is_mirrored, ledger_is_sound, library, regions};
use crate::cli::against_emulator::{Emulator, signal};
use crate::cli::counted::wait_for;

/// The third copy is never answered: an interrupted run waits as long as a copy may take.
const ONE_HANGS: &str = r#"
[[rule]]
operation = "PutBlobFromUrl"
nth = 3
fault = { hang = "after" }
"#;

const CODES: [(&str, i32); 2] = [("-INT", 130), ("-TERM", 143)];

#[test]
fn the_first_signal_finishes_work_in_progress_and_prints_how_to_resume() {
    for (name, code) in CODES {
        let emulator = Emulator::with(&regions(50, LONG), &library(12), "");
        let run = Run::start(&emulator, &["sync", "--max-in-flight", "2", "--assets-in-flight", "2"]);
        wait_for(&emulator, "CreateAsset", 4);
        signal(&run.process, name);
        let ended = run.end();
        ended.with(code);
        assert!(ended.stderr.contains("press Ctrl-C again to leave at once"), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains("To resume: mediamirror --config mirror.toml sync"), "{name}: {}", ended.stderr);
        ledger_is_sound(&emulator, "mirror.ledger");
        assert!(!emulator.path().join("mirror.ledger-wal").exists(), "{name}: the ledger was not closed");
        let (started, made) = (copies(&emulator), done(&emulator, &["CreateAsset"]));
        assert!(started < 60 && made < 12, "{name}: it was done before the signal came");

        Run::start(&emulator, &["sync", "--quiet"]).end().with(0);
        assert_eq!(
            (copies(&emulator), done(&emulator, &["CreateAsset"])),
            (60, 12),
            "{name}: something was done twice"
        );
        is_mirrored(&emulator);
    }
}

#[test]
fn the_second_signal_ends_the_run_immediately_and_the_next_run_resumes() {
    for (name, code) in CODES {
        let emulator = Emulator::with(&regions(0, LONG), &library(4), ONE_HANGS);
        let mut run = Run::start(&emulator, &["sync"]);
        wait_for(&emulator, "PutBlobFromUrl", 15);
        signal(&run.process, name);
        run.said("press Ctrl-C again to leave at once");
        assert!(!run.ended_within(Duration::from_millis(200)), "{name}: a copy under way is waited for");
        let second = Instant::now();
        signal(&run.process, name);
        run.end().with(code);
        assert!(second.elapsed() < Duration::from_secs(5), "{name}: it left {:?} later", second.elapsed());

        Run::start(&emulator, &["sync", "--quiet"]).end().with(0);
        assert!(copies(&emulator) <= 21, "{name}: one copy was in flight, so many were made: {}", copies(&emulator));
        is_mirrored(&emulator);
    }
}

/// A stopped program continues with expired tokens and time limits. The emulator's tokens are valid for two seconds
/// here, so that four seconds have the same effect as a night on real ones.
#[test]
fn a_run_that_was_stopped_until_its_tokens_expired_continues() {
    let emulator = Emulator::with(&regions(50, 2), &library(20), "");
    let run = Run::start(&emulator, &["sync", "--quiet", "--max-in-flight", "2", "--assets-in-flight", "2"]);
    wait_for(&emulator, "CreateAsset", 4);
    signal(&run.process, "-STOP");
    std::thread::sleep(Duration::from_secs(4));
    let (started, tokens) = (copies(&emulator), done(&emulator, &["AcsToken"]));
    assert!(started < 100, "it was done before it was stopped");
    signal(&run.process, "-CONT");
    run.end().with(0);
    assert!(done(&emulator, &["AcsToken"]) > tokens, "no token was renewed");
    assert_eq!(copies(&emulator), 100);
    is_mirrored(&emulator);
}
