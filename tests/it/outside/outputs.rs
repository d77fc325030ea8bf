//! Outputs that are closed, not read, or full. Then the output of a run is lost, but never its work; a result that
//! could not be printed is an error.

use super::{LONG, Run, is_mirrored, library, regions};
use crate::cli::against_emulator::Emulator;

#[test]
fn a_run_without_its_outputs_mirrors_and_ends_with_zero() {
    for (what, script) in [
        ("standard output is closed", r#"exec "$0" sync -v >&-"#),
        ("standard error is closed", r#"exec "$0" sync -v 2>&-"#),
        ("both are closed", r#"exec "$0" sync -vvv >&- 2>&-"#),
        ("all three are closed", r#"exec "$0" sync -v <&- >&- 2>&-"#),
        ("standard output is not read", r#"{ "$0" sync -v; echo $? >code; } | true; exit $(cat code)"#),
        ("neither output is read", r#"{ "$0" sync -vvv 2>&1; echo $? >code; } | true; exit $(cat code)"#),
        ("standard error is full", r#"exec "$0" sync -vvv 2>/dev/full"#),
    ] {
        let emulator = Emulator::with(&regions(5, LONG), &library(4), "");
        let ended = Run::script(&emulator, script).end();
        assert_eq!((ended.code, ended.signal), (Some(0), None), "{what}: {ended:?}");
        ended.with(0);
        is_mirrored(&emulator);
    }
}

#[test]
fn a_full_standard_output_is_an_error_and_the_run_is_complete_nevertheless() {
    let emulator = Emulator::with(&regions(0, LONG), &library(4), "");
    for arguments in ["sync", "sync --output json", "sync --dry-run", "verify", "urls", "doctor", "explain", "--help"] {
        let ended = Run::script(&emulator, &format!(r#"exec "$0" {arguments} >/dev/full"#)).end();
        ended.with(1);
        let message = "the result could not be written to standard output: No space left on device";
        assert_eq!(ended.stderr.matches(message).count(), 1, "{arguments}: {}", ended.stderr);
    }
    is_mirrored(&emulator);
}

#[test]
fn quiet_prints_nothing_on_success_and_reports_errors() {
    let emulator = Emulator::with(&regions(0, LONG), &library(4), "");
    let quiet = |command: &str| {
        let ended = Run::start(&emulator, &[command, "--quiet"]).end();
        (ended.code, ended.stdout + &ended.stderr)
    };
    let (code, different) = quiet("verify");
    assert_eq!((code, different.contains("4 missing")), (Some(4), true), "{different}");
    for command in ["sync", "sync", "verify"] {
        assert_eq!(quiet(command), (Some(0), String::new()), "{command}");
    }
    let (code, data) = quiet("urls");
    assert_eq!((code, data.contains("http://")), (Some(0), true), "data that was asked for is printed: {data}");
    std::fs::remove_file(emulator.path().join("west.media.key")).unwrap();
    let (code, refused) = quiet("sync");
    assert_eq!((code, refused.contains("error: ")), (Some(5), true), "{refused}");
}
