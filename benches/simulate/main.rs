//! A migration of a very large library in virtual time: `cargo bench --bench simulate [-- --full]`.
//!
//! Runs the engine itself, with the emulator in the same process, under the published limits of a real pair of
//! accounts. Tokio's paused clock jumps from event to event, so that days pass in minutes. Prints the virtual duration
//! compared with the fastest one that the limits allow, the requests, and the cost at the prices of `prices.toml`.
//!
//! The default is a hundredth of the full size (100,000 assets, 2,000,000 blobs, 1 PB); only the size differs.

#![expect(clippy::print_stdout, reason = "the figures are what a bench is for")]
#![expect(clippy::cast_precision_loss, reason = "ratios and sums of money, to a few digits")]

#[path = "../../tests/contract/config.rs"]
mod config;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mediamirror::config::Config;
use mediamirror::connect::connect;
use mediamirror::emulator::faults::plan::{Fault, FaultPlan, Refuse, Rule};
use mediamirror::emulator::settings::BlobLimits;
use mediamirror::emulator::{Emulator, EmulatorHandle, Generate, Settings, StatsSnapshot};
use mediamirror::engine::{Options, Summary, mirror};
use mediamirror::ledger::Ledger;
use mediamirror::monitor::Silent;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

/// Requests per second of a general-purpose account ("Scalability and performance targets", most regions).
const REQUESTS_PER_SECOND: u32 = 20_000;
/// 25 Gbit/s into an account, the same page.
const INGRESS: u64 = 25_000_000_000 / 8;
/// 50 Gbit/s out of an account, the same page.
const EGRESS: u64 = 50_000_000_000 / 8;
/// One server-side copy stream between regions, bytes per second (field reports of 40 to 70 MB/s).
const STREAM: u64 = 60_000_000;
/// The round-trip time to the account.
const LATENCY_MS: u64 = 30;
/// Requests at once: enough for the bandwidth. The account's rate times a block's second would be an unrealistic
/// number.
const IN_FLIGHT: usize = 512;
/// The share of requests that fail at random.
const ERRORS: f64 = 0.001;
/// The part of the limits that is used: services count in their own windows.
const SHARE: f64 = 0.99;

/// The prices of `prices.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prices {
    write_per_10_000: f64,
    list_per_10_000: f64,
    read_per_10_000: f64,
    egress_per_gb: f64,
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let full = std::env::args().any(|argument| argument == "--full");
    let assets = if full { 100_000 } else { 1_000 };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime starts");
    runtime.block_on(simulate(assets));
}

async fn simulate(assets: u32) {
    let recipe = format!("assets={assets},blobs=20,seed=1,sizes=long,awkward=false,real=false");
    let generate = Generate::parse(&recipe).expect("the recipe is good");
    let emulator = Emulator::builder()
        .settings(settings())
        .generate(generate)
        .start_in_process()
        .await
        .expect("the emulator starts");
    let error = Rule::new(Fault::Refuse(Refuse::status(500).code("InternalError"))).probability(ERRORS);
    emulator.set_faults(&FaultPlan::new(1).rule(error)).expect("the plan is good");
    let started = Instant::now();
    let summary = run(&emulator).await;
    assert!(summary.problems.is_empty(), "{:?}", summary.problems);
    report(&summary, &emulator.stats(), started.elapsed());
}

/// Two accounts with the published limits.
fn settings() -> Settings {
    let mut settings = Settings::default();
    for region in &mut settings.regions {
        region.media.latency_ms = LATENCY_MS;
        region.storage[0].limits = BlobLimits {
            latency_ms: LATENCY_MS,
            requests_per_second: REQUESTS_PER_SECOND,
            ingress_bytes_per_second: INGRESS,
            egress_bytes_per_second: EGRESS,
            copy_bytes_per_second: STREAM,
            ..BlobLimits::default()
        };
    }
    settings
}

async fn run(emulator: &EmulatorHandle) -> Summary {
    let mut config: Config = config::config_of(emulator);
    for (account, bytes) in [(&mut config.source, EGRESS), (&mut config.target, INGRESS)] {
        account.limits.blob.requests_per_second = share(u64::from(REQUESTS_PER_SECOND));
        account.limits.blob.bytes_per_second = share(bytes);
        account.limits.blob.in_flight = IN_FLIGHT;
    }
    let pair = Arc::new(connect(&config, emulator.http_client()).expect("the keys are keys"));
    let ledger = Ledger::in_memory().expect("a ledger in memory opens");
    let stop = CancellationToken::new();
    mirror(pair, ledger, Options::default(), Arc::new(Silent), stop).await.expect("the run ends")
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a positive number")]
fn share(limit: u64) -> Option<NonZeroU64> {
    NonZeroU64::new((limit as f64 * SHARE) as u64)
}

fn report(summary: &Summary, stats: &StatsSnapshot, real: Duration) {
    let prices: Prices = toml::from_str(include_str!("prices.toml")).expect("the price list is well-formed");
    let of = |names: &[&str]| -> f64 {
        stats.requests.iter().filter(|row| names.contains(&row.operation.as_str())).map(|row| row.count as f64).sum()
    };
    let copies = of(&["PutBlobFromUrl", "PutBlockFromUrl"]);
    let writes = copies + of(&["PutBlockList", "CopyBlob"]);
    let lists = of(&["ListBlobs"]);
    let refused: u64 = stats.requests.iter().filter(|row| row.status == 503).map(|row| row.count).sum();
    let failed: u64 = stats.requests.iter().filter(|row| row.status == 500).map(|row| row.count).sum();
    let bytes = summary.bytes_copied as f64;
    let ceiling = (bytes / INGRESS as f64).max(bytes / EGRESS as f64).max(writes / f64::from(REQUESTS_PER_SECOND));
    let duration = summary.elapsed.as_secs_f64();
    let money = writes / 1e4 * prices.write_per_10_000
        + lists / 1e4 * prices.list_per_10_000
        + copies / 1e4 * prices.read_per_10_000
        + bytes / 1e9 * prices.egress_per_gb;
    println!(
        "migrated            {:>14} assets, {} blobs, {:.1} TB",
        summary.assets.mirrored,
        summary.blobs.copied,
        bytes / 1e12
    );
    println!("virtual duration    {:>14.2} hours ({:.0} s real)", duration / 3600.0, real.as_secs_f64());
    println!("ceiling             {:>14.2} hours", ceiling / 3600.0);
    println!("duration / ceiling  {:>14.3}  (bar: 1.05)", duration / ceiling);
    println!(
        "requests            {:>14} blob, {} media, {refused} refused, {failed} failed",
        summary.requests.blob, summary.requests.media
    );
    println!("money               {money:>14.0} US dollars, of which egress {:.0}", bytes / 1e9 * prices.egress_per_gb);
}
