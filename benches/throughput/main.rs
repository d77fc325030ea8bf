//! Measures the part of a service model's throughput that the engine uses, as ratios within one run: `cargo bench
//! --bench throughput`.
//!
//! 1. The emulator alone: Put Blob From URL requests per second through sockets, to prove that it is no bottleneck.
//! 2. The engine under 1,000 requests/s and 20 ms latency per account: the rate in steady state, and the refused
//!    requests.
//! 3. The tutorial's serial algorithm with the same services, for comparison.

#![expect(clippy::print_stdout, reason = "the figures are what a bench is for")]
#![expect(clippy::cast_precision_loss, reason = "ratios of counts far below 2^52")]

#[path = "../../tests/contract/config.rs"]
mod config;
mod raw;
mod serial;
mod setup;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mediamirror::emulator::stats::Plane;
use mediamirror::emulator::{EmulatorHandle, StatsSnapshot};
use mediamirror::engine::Options;
use mediamirror::model::CopyMethod;

use setup::Mirror;

/// Requests a second that the service model allows each storage account.
const ALLOWED: u32 = 1_000;
/// The latency that is added to every answer.
const LATENCY_MS: u64 = 20;
/// Requests of the emulator's own measurement.
const RAW_REQUESTS: u32 = 60_000;
/// The limit of the sampling: ten minutes.
const MOST_SAMPLES: u32 = 6_000;

fn main() {
    // `cargo test --benches` runs this without the flag that `cargo bench` passes; then nothing is measured.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        emulator_alone().await;
        let engine = engine_under_limit().await;
        let serial = serial_under_limit().await;
        println!("engine / serial                {:>10.0} x  (bar: 200)", engine / serial);
    });
}

/// The rate at which the emulator answers without other work.
async fn emulator_alone() {
    let mirror =
        Mirror::start(setup::unlimited(), "assets=1,blobs=1,seed=1,sizes=small,awkward=false,real=false").await;
    let rate = raw::put_blob_from_url(&mirror, RAW_REQUESTS).await;
    println!("emulator, Put Blob From URL    {rate:>10.0} requests/s  (bar: 10,000)");
}

/// A sync of 10,000 small blobs; returns blobs per second of the whole run.
async fn engine_under_limit() -> f64 {
    let recipe = "assets=500,blobs=20,seed=1,sizes=small,awkward=false,real=false";
    let mirror = Mirror::start(setup::limited(ALLOWED, LATENCY_MS), recipe).await;
    mirror.emulator.reset_stats();
    let noted = Arc::new(Mutex::new(Vec::new()));
    let watch = tokio::spawn(sample(Arc::clone(&mirror.emulator), Arc::clone(&noted)));
    let summary = mirror.sync(Options { copy_method: Some(CopyMethod::Put), ..Options::default() }).await;
    watch.abort();
    let samples = std::mem::take(&mut *noted.lock().expect("no panic while held"));
    let stats = mirror.emulator.stats();
    let blobs = summary.blobs.copied;
    let seconds = summary.elapsed.as_secs_f64();
    let refused = refused(&stats);
    let sent = accepted(&stats) + refused;
    println!(
        "engine, {ALLOWED} requests/s allowed   {:>10.1} % of the allowed rate in steady state  (bar: 95)",
        100.0 * steady_rate(&samples) / f64::from(ALLOWED)
    );
    println!("                               {:>10.2} % refused  (bar: 0.5)", 100.0 * refused as f64 / sent as f64);
    println!(
        "                               {:>10.2} blob requests per blob",
        summary.requests.blob as f64 / blobs as f64
    );
    println!(
        "                               {:>10.0} blobs/s over the whole run of {seconds:.1} s",
        blobs as f64 / seconds
    );
    blobs as f64 / seconds
}

/// The tutorial's algorithm on the same services; returns blobs per second.
async fn serial_under_limit() -> f64 {
    let recipe = "assets=2,blobs=6,seed=1,sizes=small,awkward=false,real=false";
    let mirror = Mirror::start(setup::limited(ALLOWED, LATENCY_MS), recipe).await;
    let (blobs, elapsed) = serial::mirror(&mirror).await;
    let rate = f64::from(blobs) / elapsed.as_secs_f64();
    println!("serial, as in the tutorial     {rate:>10.2} blobs/s");
    rate
}

/// A time and the number of requests answered by then.
type Sample = (Instant, u64);

/// Every 100 ms, records how many requests were answered, until it is aborted.
async fn sample(emulator: Arc<EmulatorHandle>, samples: Arc<Mutex<Vec<Sample>>>) {
    for _ in 0..MOST_SAMPLES {
        samples.lock().expect("no panic while held").push((Instant::now(), accepted(&emulator.stats())));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Requests per second in the middle three fifths of the samples, without the start and the end.
fn steady_rate(samples: &[Sample]) -> f64 {
    let (from, to) = (samples[samples.len() / 5], samples[samples.len() * 4 / 5]);
    (to.1 - from.1) as f64 / (to.0 - from.0).as_secs_f64()
}

/// Blob requests of the target account that were not refused.
fn accepted(stats: &StatsSnapshot) -> u64 {
    target_blob_requests(stats, |status| status != 503)
}

fn refused(stats: &StatsSnapshot) -> u64 {
    target_blob_requests(stats, |status| status == 503)
}

fn target_blob_requests(stats: &StatsSnapshot, which: impl Fn(u16) -> bool) -> u64 {
    stats
        .requests
        .iter()
        .filter(|row| row.plane == Plane::Blob && row.account == setup::TARGET_STORAGE && which(row.status))
        .map(|row| row.count)
        .sum()
}
