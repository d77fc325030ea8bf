//! Services that send huge answers. Measures the memory of the program.

use std::fs;
use std::time::{Duration, Instant};

use super::bad_proxy::BadProxy;
use super::{LONG, LONGEST, library, regions};
use crate::cli::against_emulator::Emulator;

/// The limit of memory in the manual, in KiB.
const MOST: u64 = 256 << 10;
/// Megabytes that the service sends before it refuses all requests: more than the limit.
const SENT: u64 = 300;
/// The fewest megabytes that must be sent. Some listings fail at the first answer.
const ONE: u64 = 20;

/// Runs a sync behind such a service. Returns its peak memory in KiB.
fn peak(kind: &str) -> u64 {
    let emulator = Emulator::with(&regions(0, LONG), &library(60), "");
    let proxy = BadProxy::start(&["flood", kind, &SENT.to_string()]);
    let mut run = proxy.run(&emulator, &["sync", "--quiet"]);
    let status = format!("/proc/{}/status", run.process.id());
    let (mut peak, deadline) = (0, Instant::now() + LONGEST);
    while !run.ended_within(Duration::from_millis(10)) {
        assert!(Instant::now() < deadline, "{kind}: no end after {LONGEST:?}");
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let size = line.and_then(|size| size.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(size.unwrap_or(0));
    }
    let ended = run.end();
    let said = format!("{kind}: {}{}", ended.stdout, ended.stderr);
    assert!(ended.signal.is_none() && !said.contains("panicked"), "{said}");
    assert_ne!(ended.code, Some(0), "{said}");
    let sent = proxy.sent() >> 20;
    assert!(sent >= ONE, "{kind}: only {sent} MiB were sent");
    peak
}

/// Guarantee 12: at most 256 MiB with default settings, even with huge answers.
#[test]
fn no_service_makes_the_program_take_more_than_256_mib() {
    for kind in [
        "pages",
        "usual-pages",
        "backwards",
        "descriptions",
        "entries",
        "metadata",
        "rows",
        "values",
        "refusals",
        "endless",
        "headers",
    ] {
        let peak = peak(kind);
        println!("{kind}: {} MiB", peak >> 10);
        assert!(peak > 10 << 10, "{kind}: {peak} KiB cannot be right");
        assert!(peak <= MOST, "{kind}: {} MiB", peak >> 10);
    }
}
