//! Repeated `kill -9`, and the ledger after a power cut.
//!
//! A copy of the emulator is made and counted when it is requested, and answered later: so a kill interrupts requests
//! in flight.

use std::fs::{self, OpenOptions};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Ended, LONG, Run, copies, done, is_mirrored, library, regions};
use crate::cli::against_emulator::Emulator;

/// Blobs and assets of the library.
const BLOBS: u64 = 700;
const ASSETS: u64 = 70;
/// Requests in flight. Together with the latency, it limits the speed to 100 copies per second, or 25 in a killed run,
/// so that no machine finishes before [`FEWEST`] kills.
const IN_FLIGHT: u64 = 4;
const LATENCY: u64 = 40;
/// The fewest kills.
const FEWEST: u64 = 30;
/// The most kills: after these, a run is not killed, because a slow machine would never finish in half a second.
const MOST: u64 = 36;

/// Guarantee 6: a run can be killed at any moment, repeatedly, and the next run resumes it. Completed work is not done
/// again; only requests in flight may be repeated.
#[test]
fn after_thirty_kills_only_copies_in_flight_were_repeated() {
    let seed = seed();
    let recipe = "assets=70,blobs=10,seed=1,sizes=small,awkward=false";
    let emulator = Emulator::with(&regions(LATENCY, LONG), recipe, "");
    let started = Instant::now();
    let (kills, last) = killed_until_done(&emulator, seed);
    let made = (copies(&emulator), done(&emulator, &["CreateAsset"]));
    println!("seed {seed}: {kills} kills in {:?}, {} copies, {} assets made", started.elapsed(), made.0, made.1);
    last.with(0);
    assert!(kills >= FEWEST, "seed {seed}: done after {kills} kills");
    assert!(made.0 >= BLOBS && made.0 <= BLOBS + IN_FLIGHT * kills, "seed {seed}: {} copies, {kills} kills", made.0);
    assert_eq!(made.1, ASSETS, "seed {seed}: an asset was made twice");
    is_mirrored(&emulator);
}

/// Guarantee 6, within blobs: existing blocks are not copied again.
#[test]
fn after_kills_within_large_blobs_only_blocks_in_flight_were_repeated() {
    let seed = seed();
    // 128 blocks of 64 MiB each.
    let recipe = "assets=3,blobs=1,seed=1,sizes=8589934592,awkward=false,real=false";
    let emulator = Emulator::with(&regions(LATENCY, LONG), recipe, "");
    let (kills, last) = killed_until_done(&emulator, seed);
    let (copied, committed) = (copies(&emulator), done(&emulator, &["PutBlockList"]));
    println!("seed {seed}: {kills} kills, {copied} blocks copied, {committed} blobs made of them");
    last.with(0);
    // A killed run lasts half a second with at most a hundred blocks per second.
    assert!(kills >= 384 / 50, "seed {seed}: done after {kills} kills");
    assert!((384..=384 + IN_FLIGHT * kills).contains(&copied), "seed {seed}: {copied} blocks, {kills} kills");
    assert!((3..=3 + kills).contains(&committed), "seed {seed}: {committed} blobs, {kills} kills");
    is_mirrored(&emulator);
}

/// After a power cut, the data that the file system had not written is lost. The ledger syncs every commit, so it
/// should lose none; here it loses the last commits, and finally everything. The target's data still prevents making
/// things twice.
#[test]
fn nothing_is_made_twice_after_the_ledger_lost_its_last_or_all_commits() {
    let seed = seed();
    let mut rng = fastrand::Rng::with_seed(seed);
    let emulator = Emulator::with(&regions(LATENCY, LONG), &library(60), "");
    let in_flight = IN_FLIGHT.to_string();
    let arguments = ["sync", "--quiet", "--max-in-flight", &in_flight];
    let log = emulator.path().join("mirror.ledger-wal");
    let mut cut = 0;
    for _ in 0..8 {
        let mut run = Run::start(&emulator, &arguments);
        assert!(!run.ended_within(Duration::from_millis(rng.u64(200..=400))), "seed {seed}: the library is too small");
        run.process.kill().unwrap();
        run.process.wait().unwrap();
        if let Ok(file) = OpenOptions::new().write(true).open(&log) {
            let length = file.metadata().unwrap().len();
            file.set_len(rng.u64(0..=length)).unwrap();
            cut += u32::from(length > 0);
        }
    }
    assert!(cut > 0, "seed {seed}: no log was ever there");
    for name in ["mirror.ledger", "mirror.ledger-wal", "mirror.ledger-shm"] {
        let gone = fs::remove_file(emulator.path().join(name));
        assert!(gone.is_ok() || name != "mirror.ledger", "{gone:?}");
    }
    Run::start(&emulator, &["sync", "--quiet"]).end().with(0);
    let made = (copies(&emulator), done(&emulator, &["CreateAsset"]));
    println!("seed {seed}: {cut} logs cut, {made:?} copies and assets made");
    assert!(made.0 <= 300 + IN_FLIGHT * 8, "seed {seed}: {} copies", made.0);
    assert_eq!(made.1, 60, "seed {seed}: an asset was made twice");
    is_mirrored(&emulator);
}

/// Kills one run after the other until one finishes, or until the maximum; returns the number of kills, and how the
/// last one ended.
fn killed_until_done(emulator: &Emulator, seed: u64) -> (u64, Ended) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let in_flight = IN_FLIGHT.to_string();
    let arguments = ["sync", "--quiet", "--max-in-flight", &in_flight];
    let mut kills = 0;
    loop {
        let mut run = Run::start(emulator, &arguments);
        if kills >= MOST || run.ended_within(Duration::from_millis(rng.u64(50..=500))) {
            return (kills, run.end());
        }
        run.process.kill().unwrap();
        run.process.wait().unwrap();
        kills += 1;
    }
}

/// The seed of the environment, to reproduce a failure, or a random one.
fn seed() -> u64 {
    std::env::var("MEDIAMIRROR_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(any_seed)
}

fn any_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| u64::from(since.subsec_nanos()))
}
