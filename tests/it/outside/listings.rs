//! The memory of a long listing.

use std::fs;
use std::process::Command;

use super::{BINARY, LONG, LONGEST, LOOK, Run, regions};
use crate::cli::against_emulator::Emulator;

/// Blobs of the long container: 24 pages. Kept, they take 60 MB more.
const MANY: u64 = 120_000;
/// Blobs of one that is long enough to be listed a second time instead of being kept: a whole page.
const FEW: u64 = 5_000;
/// How much more memory the one may take than the other, kilobytes.
const MORE: u64 = 24 << 10;

/// The most memory a process has had, kilobytes, when it has ended by itself.
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

/// What a plan for one container with so many blobs takes.
fn plan(blobs: u64) -> u64 {
    let library = format!("assets=1,blobs={blobs},seed=1,sizes=small,awkward=false,published=false");
    let emulator = Emulator::with(&regions(0, LONG), &library, "");
    let mut command = Command::new(BINARY);
    command.args(["sync", "--dry-run", "--output", "json", "--quiet"]);
    // What threads hold on to, each in an arena of its own, differs from machine to machine.
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
fn a_container_of_many_pages_takes_hardly_more_memory_than_one_of_a_page() {
    let (few, many) = (plan(FEW), plan(MANY));
    assert!(few > 1 << 10, "the peak was not seen: {few} kB");
    assert!(many < few + MORE, "{many} kB for {MANY} blobs, {few} kB for {FEW}");
}
