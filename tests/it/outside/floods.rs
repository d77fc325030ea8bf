//! Services that answer with as much as they can: the most memory that the program takes.

use std::fs;
use std::time::{Duration, Instant};

use super::bad_proxy::BadProxy;
use super::{LONG, LONGEST, library, regions};
use crate::cli::against_emulator::Emulator;

/// The most memory for any answers whatever, in KiB, as the manual promises it.
const MOST: u64 = 256 << 10;
/// Megabytes that are sent before the service refuses: more than the bound, from a dozen answers or more at once.
const SENT: u64 = 300;
/// Megabytes of one answer, about: some listings end with the first.
const ONE: u64 = 20;

/// The most memory that a sync took behind such a service, in KiB.
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

/// Guarantee 12: 256 MiB with default settings, for any answers whatever.
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
