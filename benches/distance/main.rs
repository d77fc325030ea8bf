//! Measures the cost of distance: the same work with 0, 20, 60 and 120 ms per request, compared with a simple client
//! that only sends as many signed requests, in one run: `cargo bench --bench distance`.
//!
//! The program, the emulator and this client are separate processes. `-- --full` adds 5,000 assets of 20 blobs at 60
//! ms; `-- --only 60` measures only this distance (and 0 ms, with which the bars are compared).

#![expect(clippy::print_stdout, reason = "the figures are what a bench is for")]
#![expect(clippy::cast_precision_loss, reason = "ratios of counts far below 2^52")]

mod bare;
#[path = "../scale/process.rs"]
#[expect(dead_code, reason = "the other bench uses the rest")]
mod process;

use std::time::Duration;

use bare::{Bare, Kind};
use process::{Regions, Used};

/// Milliseconds before each answer.
const DISTANCES: [u64; 4] = [0, 20, 60, 120];
/// The number of round trips that the bar adds for an asset to the simple client's time without distance.
const ROUND_TRIPS: u32 = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` runs this without the flag that `cargo bench` passes; then nothing is measured.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let only = arguments.iter().position(|argument| argument == "--only").and_then(|at| arguments.get(at + 1));
    let only = only.map(|only| only.parse::<u64>().expect("milliseconds"));
    println!("{:<44} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}", "", "ms", "wall s", "bare s", "/ bar", "CPU us", "/ bare");
    compare("first sync, 500 x 20", &Case { assets: 500, blobs: 20, night: false }, only);
    compare("no change, 3,000 x 5", &Case { assets: 3_000, blobs: 5, night: true }, only);
    if arguments.iter().any(|argument| argument == "--full") {
        let case = Case { assets: 5_000, blobs: 20, night: false };
        let (used, bare) = case.measure(60);
        let ratio = used.wall.as_secs_f64() / bare.wall.as_secs_f64();
        line("first sync, 5,000 x 20; / bare at 60 ms (2.0)", 60, &case, (used, bare), ratio);
    }
}

/// A library, and the measured run.
struct Case {
    assets: u64,
    blobs: u64,
    /// A later run without changes, instead of the first run.
    night: bool,
}

/// Measures all distances of a case; the bar is 1.3 times the simple client's wall time without distance, plus twenty
/// round trips.
fn compare(name: &str, case: &Case, only: Option<u64>) {
    let mut near = None;
    for latency in DISTANCES.into_iter().filter(|latency| *latency == 0 || only.is_none_or(|only| only == *latency)) {
        let (used, bare) = case.measure(latency);
        let near = *near.get_or_insert(bare.wall);
        let bar = near.mul_f64(1.3) + Duration::from_millis(latency) * ROUND_TRIPS;
        line(name, latency, case, (used, bare), used.wall.as_secs_f64() / bar.as_secs_f64());
    }
}

fn line(name: &str, latency: u64, case: &Case, (used, bare): (Used, Bare), ratio: f64) {
    let each = used.cpu.as_secs_f64() * 1e6 / (case.assets * case.blobs) as f64;
    println!(
        "{name:<44} {latency:>8} {:>8.2} {:>8.2} {ratio:>8.2} {each:>8.1} {:>8.2}",
        used.wall.as_secs_f64(),
        bare.wall.as_secs_f64(),
        used.cpu.as_secs_f64() / bare.cpu.as_secs_f64(),
    );
}

impl Case {
    /// The results of the program, and of the simple client with as many requests as the program sent.
    fn measure(&self, latency: u64) -> (Used, Bare) {
        let Self { assets, blobs, night } = self;
        let recipe = format!("assets={assets},blobs={blobs},seed=1,sizes=small,awkward=false,real=false");
        let regions = Regions::start_with(&recipe, &settings(latency));
        let first = regions.sync_with(assets * blobs, &[]);
        let (used, kind) = if *night {
            // File records that were created just before the first sync are listed once more in the next one.
            regions.sync_with(0, &[]);
            (regions.sync_with(0, &[]), Kind::List)
        } else {
            (first, Kind::Copy)
        };
        (used, bare::run(&regions.ready(), kind, used.blob_requests + used.media_requests))
    }
}

fn settings(latency: u64) -> String {
    let region = |name| {
        format!(
            "[[regions]]\nname = \"{name}\"\naccount = \"media{name}\"\nmedia = {{ latency_ms = {latency} }}\n\
             [[regions.storage]]\naccount = \"store{name}\"\nlimits = {{ latency_ms = {latency} }}\n"
        )
    };
    region("west") + &region("east")
}
