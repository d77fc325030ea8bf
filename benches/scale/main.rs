//! Measures the resources that the client needs for libraries of different sizes, as ratios within one run: `cargo
//! bench --bench scale`.
//!
//! The program and the emulator run as separate processes, so that the memory and the CPU time of the program are
//! measured alone. Without `-- --full` the library is ten times smaller (5,000 assets instead of 50,000).

#![expect(clippy::print_stdout, reason = "the figures are what a bench is for")]
#![expect(clippy::cast_precision_loss, reason = "ratios of counts far below 2^52")]

#[path = "../../tests/contract/config.rs"]
mod config;
mod large;
#[expect(dead_code, reason = "the other bench uses the rest")]
mod process;

use process::{Regions, Used};

/// The number of blobs of each asset.
const BLOBS: u64 = 20;
/// The most memory the client may use for any library, in MB.
const MEMORY_BAR: f64 = 200.0;
/// The same for assets of one blob each.
const LEAN_MEMORY_BAR: f64 = 150.0;
/// Requests of a night that do not depend on the library: tokens, the lock, the state, the requests about protection.
const ONCE: f64 = 20.0;

fn main() {
    // `cargo test --benches` runs this without the flag that `cargo bench` passes; then nothing is measured.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let full = std::env::args().any(|argument| argument == "--full");
    let (fewer, more) = if full { (5_000, 50_000) } else { (500, 5_000) };
    println!("{:<58} {:>10} {:>10}", "measure", "measured", "bar");
    large::ten_large_blobs();
    lean(fewer * 20, more * 20);
    let (small, large) = (library(fewer), library(more));
    row("peak memory / that of a tenth of the library", large.first.megabytes() / small.first.megabytes(), 1.25);
    row("CPU per blob / that of a tenth of the library", large.first_per_blob() / small.first_per_blob(), 1.15);
}

/// The cost of the syncs of one library.
struct Library {
    blobs: u64,
    first: Used,
}

impl Library {
    fn first_per_blob(&self) -> f64 {
        self.first.cpu.as_secs_f64() * 1e6 / self.blobs as f64
    }
}

/// A first sync and two nights without a change. (In the first night, file records that were created just before the
/// first sync are listed once more; the second night is like all later ones.)
fn library(assets: u64) -> Library {
    let blobs = assets * BLOBS;
    let regions = Regions::start(&format!("assets={assets},blobs={BLOBS},seed=1,sizes=small,awkward=false,real=false"));
    let of = |what: &str| format!("{blobs} blobs: {what}");
    let first = regions.sync(blobs);
    let library = Library { blobs, first };
    row(&of("first sync, peak memory, MB"), first.megabytes(), MEMORY_BAR);
    row(&of("first sync, CPU per blob, us"), library.first_per_blob(), 150.0);
    let beyond_checks = |used: Used| (used.blob_requests - process::CREDENTIAL_CHECKS) as f64;
    row(&of("first sync, blob requests per blob"), beyond_checks(first) / blobs as f64, 1.10 + ONCE / blobs as f64);
    row(&of("first sync, media requests per asset"), first.media_requests as f64 / assets as f64, 1.5);
    regions.sync(0);
    let night = regions.sync(0);
    row(&of("no change, peak memory, MB"), night.megabytes(), MEMORY_BAR);
    row(&of("no change, CPU per blob and side, us"), night.cpu.as_secs_f64() * 1e6 / (2 * blobs) as f64, 25.0);
    let once = ONCE / assets as f64;
    row(
        &of("no change, blob requests per container and side"),
        beyond_checks(night) / (2 * assets) as f64,
        1.0 + once / 2.0,
    );
    let beyond = night.media_requests as f64 / assets as f64;
    row(&of("no change, media requests per asset"), beyond, 0.02 + once);
    library
}

/// Assets of one blob each: measures the cost of an asset without its blobs.
fn lean(fewer: u64, more: u64) {
    let first = |assets: u64| {
        let recipe = format!("assets={assets},blobs=1,seed=1,sizes=small,awkward=false,real=false");
        let regions = Regions::start(&recipe);
        (regions.sync(assets), regions.sync(0))
    };
    let ((small, _), (large, night)) = (first(fewer), first(more));
    let of = |what: &str| format!("{more} assets of one blob: {what}");
    row(&of("first sync, peak memory, MB"), large.megabytes(), LEAN_MEMORY_BAR);
    row(&of("no change, peak memory, MB"), night.megabytes(), LEAN_MEMORY_BAR);
    row("peak memory / that of a tenth of the assets", large.megabytes() / small.megabytes(), 1.2);
}

/// One line of the table.
pub(crate) fn row(measure: &str, measured: f64, bar: f64) {
    let verdict = if measured <= bar + 1e-9 { "" } else { "  over the bar" };
    println!("{measure:<58} {measured:>10.3} {bar:>10.3}{verdict}");
}
