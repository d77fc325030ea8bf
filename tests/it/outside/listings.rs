//! The memory of a long listing.

use std::fs;
use std::process::Command;

use super::{BINARY, LONG, LONGEST, LOOK, Run, regions};
use crate::cli::against_emulator::Emulator;

/// Blobs of the long container: 24 pages. In memory, they would take 60 MB more.
const MANY: u64 = 120_000;
/// Blobs of a container that is just long enough to be listed again instead of being kept in memory: a whole page.
const FEW: u64 = 5_000;
/// How much more memory the long one may take, in kilobytes.
const MORE: u64 = 24 << 10;

/// The peak memory of a process until its end, in kilobytes.
fn peak_of(run: &mut Run) -> u64 {
    let status = format!("/proc/{}/status", run.process.id());
    let deadline = std::time::Instant::now() + LONGEST;
    let mut peak = 0;
    while run.process.try_wait().unwrap().is_none() {
        assert!(std::time::Instant::now() < deadline, "it does not end");
        let text = fs::read_to_string(&status).unwrap_or_default();
        let held = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"));
        peak = held.and_then(|held| held.trim().parse().ok()).unwrap_or(peak);
        std::thread::sleep(LOOK);
    }
    peak
}

/// The peak memory of a plan for one container with that number of blobs.
fn plan(blobs: u64) -> u64 {
    let library = format!("assets=1,blobs={blobs},seed=1,sizes=small,awkward=false,published=false");
    let emulator = Emulator::with(&regions(0, LONG), &library, "");
    let mut command = Command::new(BINARY);
    command.args(["sync", "--dry-run", "--output", "json", "--quiet"]);
    // The memory in separate arenas of the threads would differ between machines.
    command.env("MALLOC_ARENA_MAX", "1");
    let mut run = Run::spawn(&emulator, &mut command);
    let peak = peak_of(&mut run);
    let ended = run.end();
    ended.with(0);
    let summary: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(summary["blobs"]["copied"], blobs);
    peak
}

#[test]
fn a_container_of_many_pages_takes_hardly_more_memory_than_one_of_one_page() {
    let (few, many) = (plan(FEW), plan(MANY));
    assert!(few > 1 << 10, "the peak was not seen: {few} kB");
    assert!(many < few + MORE, "{many} kB for {MANY} blobs, {few} kB for {FEW}");
}
