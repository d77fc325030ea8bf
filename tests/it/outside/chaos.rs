//! A network that cuts connections at any byte, delivers requests twice, refuses several requests in a row, sends garbage, sends a few
//! bytes at a time, and sends headers without end.

use super::bad_proxy::BadProxy;
use super::{LONG, Run, is_mirrored, library, regions};
use crate::cli::against_emulator::Emulator;

/// Seeds. Each of them is a different network.
const SEEDS: u64 = 50;
/// The most runs on such a network. The first complete run is the last one.
const NIGHTS: u32 = 6;

#[test]
fn both_libraries_are_equal_in_the_end_on_any_bad_network() {
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
    // If no run succeeded behind the proxy, the test would prove nothing.
    assert!(complete.into_inner() >= SEEDS / 2);
}

/// Runs `sync` behind the proxy until it is complete, then once without the proxy. Returns whether a run behind the proxy was complete.
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
