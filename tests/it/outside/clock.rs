//! A machine whose own clock is wrong. The services' clocks are right, and so is the monotonic one.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::{BINARY, LONG, Run, copies, done, is_mirrored, library, regions};
use crate::cli::against_emulator::Emulator;

/// Builds the library that makes the clock wrong, with the compiler that also builds `SQLite`, so that it is always
/// available.
fn wrong_clock(emulator: &Emulator) -> PathBuf {
    let library = emulator.path().join("wrong-clock.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/wrong-clock.c");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let built = Command::new(compiler).args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).output();
    let built = built.expect("a C compiler, as the build needs one");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    library
}

#[test]
fn a_machine_whose_clock_is_ten_minutes_wrong_mirrors_and_the_doctor_reports_it() {
    for wrong in [600, -600] {
        let emulator = Emulator::with(&regions(0, LONG), &library(12), "");
        let clock = wrong_clock(&emulator);
        let run = |arguments: &[&str]| {
            let mut command = Command::new(BINARY);
            command.args(arguments).env("LD_PRELOAD", &clock).env("CLOCK_WRONG_BY", wrong.to_string());
            Run::spawn(&emulator, &mut command).end()
        };
        let printed = run(&["doctor", "--output", "json"]).stdout;
        let diagnosis: Value = serde_json::from_str(&printed).expect(&printed);
        let clocks = diagnosis["checks"].as_array().unwrap().iter().filter(|check| check["check"] == "clock");
        let verdicts: Vec<_> = clocks.map(|check| (&check["verdict"], &check["found"])).collect();
        let seconds = |found: &Value| found.as_str().and_then(|found| found.split(' ').next()?.parse::<u64>().ok());
        assert_eq!(verdicts.len(), 2, "{diagnosis:#}");
        for (verdict, found) in verdicts {
            assert!(seconds(found).is_some_and(|seconds| (595..=605).contains(&seconds)), "it is not wrong: {found}");
            assert_eq!(verdict, "warn", "{found}");
        }

        run(&["sync", "--quiet"]).with(0);
        is_mirrored(&emulator);
        run(&["verify", "--quiet"]).with(0);
        // With the correct clock, and with the wrong one again, there is nothing to do.
        Run::start(&emulator, &["sync", "--quiet"]).end().with(0);
        run(&["sync", "--quiet"]).with(0);
        assert_eq!((copies(&emulator), done(&emulator, &["CreateAsset"])), (60, 12), "something was done twice");
    }
}
