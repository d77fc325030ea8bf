//! Outputs that are closed, that nobody reads, or that are full. What a run prints is lost then, never what it does.

use super::{LONG, Run, is_mirrored, library, regions};
use crate::cli::against_emulator::Emulator;

#[test]
fn a_run_without_its_outputs_mirrors_and_ends_with_zero() {
    for (what, script) in [
        ("standard output is closed", r#"exec "$0" sync -v >&-"#),
        ("standard error is closed", r#"exec "$0" sync -v 2>&-"#),
        ("both are closed", r#"exec "$0" sync -vvv >&- 2>&-"#),
        ("all three are closed", r#"exec "$0" sync -v <&- >&- 2>&-"#),
        ("nobody reads standard output", r#"{ "$0" sync -v; echo $? >code; } | true; exit $(cat code)"#),
        ("nobody reads either", r#"{ "$0" sync -vvv 2>&1; echo $? >code; } | true; exit $(cat code)"#),
        ("standard error is full", r#"exec "$0" sync -vvv 2>/dev/full"#),
    ] {
        let emulator = Emulator::with(&regions(5, LONG), &library(4), "");
        let ended = Run::script(&emulator, script).end();
        assert_eq!((ended.code, ended.signal), (Some(0), None), "{what}: {ended:?}");
        ended.with(0);
        is_mirrored(&emulator);
    }
}
