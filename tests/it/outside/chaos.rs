//! A network that cuts connections at any byte, delivers requests twice, refuses in bursts with and without a code, and sends
//! garbage, pieces of a few bytes, and headers that do not end.

use super::bad_proxy::BadProxy;
use super::{LONG, Run, is_mirrored, library, regions};
use crate::cli::against_emulator::Emulator;

/// Networks.
const SEEDS: u64 = 50;
/// Nights on such a network, at most. One that is complete is the last.
const NIGHTS: u32 = 6;

#[test]
fn whatever_the_network_does_both_libraries_are_equal_in_the_end() {
    let seeds = std::sync::Mutex::new(0..SEEDS);
    let next = || seeds.lock().unwrap().next();
    let complete = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(seed) = next() {
                    let through = is_equal_in_the_end(seed);
                    println!("seed {seed}: a night came through: {through}");
                    complete.fetch_add(u64::from(through), std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
    });
    // A proxy that spoils everything would prove nothing.
    assert!(complete.into_inner() >= SEEDS / 2);
}

/// Syncs behind the proxy until a run is complete, then once without it. Was one complete behind it?
fn is_equal_in_the_end(seed: u64) -> bool {
    let emulator = Emulator::with(&regions(0, LONG), &library(4), "");
    let proxy = BadProxy::start(&["chaos", &seed.to_string()]);
    let through = (0..NIGHTS).any(|night| {
        let ended = proxy.run(&emulator, &["sync", "--quiet"]).end();
        let said = format!("seed {seed}, night {night}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.signal.is_none() && !said.contains("panicked"), "{said}");
        assert!(ended.code != Some(0) || emulator.json(&["verify"]).0 == Some(0), "not equal after {said}");
        ended.code == Some(0)
    });
    drop(proxy);
    Run::start(&emulator, &["sync", "--quiet"]).end().with(0);
    is_mirrored(&emulator);
    through
}
