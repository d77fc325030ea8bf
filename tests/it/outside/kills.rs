//! `kill -9`, again and again.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{LONG, Run, copies, done, is_mirrored, regions};
use crate::cli::against_emulator::Emulator;

/// Blobs of the library.
const BLOBS: u64 = 700;
/// Requests in flight. With the latency it bounds the speed: 100 copies a second, 25 in a run that is killed, at most, so
/// that no machine is fast enough to be done before [`FEWEST`] kills.
const IN_FLIGHT: u64 = 4;
const LATENCY: u64 = 40;
/// Kills that are asked for.
const FEWEST: u64 = 30;
/// After so many kills a run is left alone: a slow machine comes to nothing in half a second.
const MOST: u64 = 36;

/// Guarantee 6: killed at any moment, again and again, a run goes on with the next one; what was copied or made is not
/// copied or made again, but for what was in flight.
#[test]
fn killed_thirty_times_and_more_it_copies_no_more_than_was_in_flight_twice() {
    let seed = std::env::var("MEDIAMIRROR_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(any_seed);
    let mut rng = fastrand::Rng::with_seed(seed);
    let library = "assets=70,blobs=10,seed=1,sizes=small,awkward=false";
    let emulator = Emulator::with(&regions(LATENCY, LONG), library, "");
    let in_flight = IN_FLIGHT.to_string();
    let arguments = ["sync", "--quiet", "--max-in-flight", &in_flight];
    let (mut kills, started) = (0, Instant::now());
    let last = loop {
        let mut run = Run::start(&emulator, &arguments);
        if kills >= MOST || run.ended_within(Duration::from_millis(rng.u64(50..=500))) {
            break run.end();
        }
        run.process.kill().unwrap();
        run.process.wait().unwrap();
        kills += 1;
    };
    let made = (copies(&emulator), done(&emulator, &["CreateAsset"]));
    println!("seed {seed}: {kills} kills in {:?}, {} copies, {} assets made", started.elapsed(), made.0, made.1);
    last.with(0);
    assert!(kills >= FEWEST, "seed {seed}: done after {kills} kills");
    assert!(made.0 >= BLOBS && made.0 <= BLOBS + IN_FLIGHT * kills, "seed {seed}: {} copies, {kills} kills", made.0);
    is_mirrored(&emulator);
}

fn any_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| u64::from(since.subsec_nanos()))
}
