//! The services restart, or stop answering, during a run.

use std::time::Duration;

use super::{Run, copies, done, is_mirrored, library, regions};
use crate::cli::against_emulator::{Emulator, signal};
use crate::cli::counted::{ask, wait_for};

/// How long services are unavailable.
const AWAY: Duration = Duration::from_secs(3);

/// Blobs of the library.
const BLOBS: u64 = 100;

/// Tokens are valid for two seconds, so new ones are needed while no service issues any.
fn emulator() -> Emulator {
    Emulator::with(&regions(50, 2), &library(20), "")
}

fn sync(emulator: &Emulator) -> Run {
    let run = Run::start(emulator, &["sync", "--quiet", "--max-in-flight", "2", "--assets-in-flight", "2"]);
    wait_for(emulator, "CreateAsset", 4);
    run
}

#[test]
fn a_run_waits_for_services_that_restart() {
    let emulator = emulator();
    let mut run = sync(&emulator);
    let restart = format!("/_emulator/restart?away_ms={}", AWAY.as_millis());
    assert_eq!(ask(&emulator, "POST", &restart).0, 202);
    let started = copies(&emulator);
    assert!(!run.ended_within(AWAY / 2), "it ended while no service listened");
    // Two copies were in flight when the connections broke, and may have been counted later.
    assert!(started < BLOBS && copies(&emulator) <= started + 2, "it went on without the services");
    run.end().with(0);
    assert!(copies(&emulator) <= BLOBS + 2, "{} copies", copies(&emulator));
    assert_eq!(done(&emulator, &["CreateAsset"]), 20);
    is_mirrored(&emulator);
}

#[test]
fn a_run_waits_for_services_that_stop_answering() {
    let emulator = emulator();
    let mut run = sync(&emulator);
    signal(&emulator.process, "-STOP");
    assert!(!run.ended_within(AWAY), "it ended while no service answered");
    signal(&emulator.process, "-CONT");
    run.end().with(0);
    assert_eq!((copies(&emulator), done(&emulator, &["CreateAsset"])), (BLOBS, 20));
    is_mirrored(&emulator);
}
