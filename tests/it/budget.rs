//! The requests of runs, counted by the emulator: the minimum that the protocols permit.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mediamirror::emulator::Settings;
use mediamirror::emulator::stats::Plane;
use mediamirror::engine::{Forecast, Options, Summary, mirror};
use mediamirror::library::FileSet;
use mediamirror::model::CopyMethod;
use mediamirror::monitor::{Monitor, RunEvent};
use tokio_util::sync::CancellationToken;

use crate::world::World;

/// Blobs of each asset.
const BLOBS: u64 = 20;

fn put() -> Options {
    Options { copy_method: Some(CopyMethod::Put), ..Options::default() }
}

/// A library that did not change for an hour before its first sync.
async fn library(assets: u64) -> World {
    let recipe = format!("assets={assets},blobs={BLOBS},seed=1,sizes=small,awkward=false,real=false");
    let world = World::generated(&recipe).await;
    tokio::time::advance(Duration::from_hours(1)).await;
    world.emulator.reset_stats();
    world
}

/// The emulator's counts of requests by plane since the last call.
fn take_counts(world: &World) -> Counts {
    let stats = world.emulator.stats();
    let of = |plane| stats.requests.iter().filter(|row| row.plane == plane).map(|row| row.count).sum::<u64>();
    // Nothing else writes small blobs or takes leases.
    let of_the_lock = ["LeaseBlob", "PutBlob", "GetBlob", "CreateContainer"];
    let locks = stats.requests.iter().filter(|row| of_the_lock.contains(&row.operation.as_str()));
    let lock = locks.map(|row| row.count).sum();
    let counts = Counts { blob: of(Plane::Blob) - lock, media: of(Plane::Media), token: of(Plane::Token), state: lock };
    world.emulator.reset_stats();
    counts
}

struct Counts {
    blob: u64,
    media: u64,
    token: u64,
    /// For the target's lock and the state of the pair.
    state: u64,
}

/// Checks that the run's own counts are equal to those of the services.
fn assert_reported(summary: &Summary, counts: &Counts) {
    assert_eq!(
        (summary.requests.blob, summary.requests.media),
        (counts.blob + counts.state, counts.media + counts.token)
    );
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_first_run_needs_copies_and_two_listings_and_later_nights_only_listings() {
    costs_of(1_000).await;
}

async fn costs_of(assets: u64) {
    let world = library(assets).await;
    let (first, _) = world.sync_with(put()).await;
    assert_eq!((first.blobs.copied, first.assets.mirrored), (assets * BLOBS, assets), "{:?}", first.problems);
    let counts = take_counts(&world);
    assert_reported(&first, &counts);
    // One copy per blob; one listing of the source for copying, one of the target for verifying.
    assert_eq!(counts.blob, assets * (BLOBS + 2));
    let media = counts.media + counts.token;
    assert!(2 * media <= 3 * assets, "{media} media requests for {assets} assets");

    tokio::time::advance(Duration::from_hours(24)).await;
    let (night, _) = world.sync_with(put()).await;
    assert_eq!((night.assets.unchanged, night.blobs.copied), (assets, 0), "{:?}", night.problems);
    let counts = take_counts(&world);
    assert_reported(&night, &counts);
    assert_eq!(counts.blob, 2 * assets, "one listing a container and side");
    let media = counts.media + counts.token;
    // Four of them read the filters of both accounts.
    assert!(50 * (media - 4) <= assets, "{media} media requests for {assets} unchanged assets");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn only_changed_file_records_are_read_again() {
    let world = library(30).await;
    world.sync_with(put()).await;
    tokio::time::advance(Duration::from_hours(24)).await;
    let pair = world.pair();
    let asset = futures::TryStreamExt::try_concat(pair.source.library.assets()).await.unwrap().remove(7);
    let mut files = pair.source.library.files_of(std::slice::from_ref(&asset.id)).await.unwrap().remove(0);
    files[3].mime_type = Some("video/x-changed".to_owned());
    for result in pair.source.library.register_files(&[FileSet::new(asset.id.clone(), files)]).await {
        result.unwrap();
    }
    tokio::time::advance(Duration::from_hours(1)).await;

    let (summary, monitor) = world.sync_with(put()).await;
    assert_eq!((summary.assets.mirrored, summary.assets.unchanged), (1, 29), "{:?}", summary.problems);
    assert_eq!(monitor.outcome_of(asset.label()), Some(mediamirror::monitor::AssetOutcome::Mirrored));
    assert_eq!(world.verify().await.differences, []);
    tokio::time::advance(Duration::from_hours(1)).await;
    let (summary, _) = world.sync_with(put()).await;
    assert_eq!((summary.assets.mirrored, summary.assets.unchanged), (0, 30), "{:?}", summary.problems);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_of_a_part_of_the_library_does_not_hide_changes_from_the_next_one() {
    let world = library(5).await;
    world.sync_with(put()).await;
    tokio::time::advance(Duration::from_hours(24)).await;
    let pair = world.pair();
    let asset = futures::TryStreamExt::try_concat(pair.source.library.assets()).await.unwrap().remove(2);
    let mut files = pair.source.library.files_of(std::slice::from_ref(&asset.id)).await.unwrap().remove(0);
    files[0].size += 1;
    for result in pair.source.library.register_files(&[FileSet::new(asset.id.clone(), files)]).await {
        result.unwrap();
    }
    tokio::time::advance(Duration::from_hours(1)).await;
    let mut others = globset::GlobSetBuilder::new();
    others.add(globset::Glob::new(asset.label()).unwrap());
    let others = Options { exclude: Some(others.build().unwrap()), ..put() };
    let (summary, _) = world.sync_with(others).await;
    assert_eq!((summary.assets.mirrored, summary.assets.unchanged), (0, 4));
    tokio::time::advance(Duration::from_hours(24)).await;
    let (summary, _) = world.sync_with(put()).await;
    assert_eq!((summary.assets.mirrored, summary.assets.unchanged), (1, 4), "{:?}", summary.problems);
    assert_eq!(world.verify().await.differences, []);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_container_of_more_blobs_than_are_kept_is_mirrored_and_compared_page_by_page() {
    let (blobs, pages) = (6_000, 2);
    let world = World::generated(&format!("assets=1,blobs={blobs},seed=4,sizes=small,awkward=false,real=false")).await;
    tokio::time::advance(Duration::from_hours(1)).await;
    world.emulator.reset_stats();
    let (first, _) = world.sync_with(put()).await;
    assert_eq!((first.blobs.copied, first.assets.mirrored), (blobs, 1), "{:?}", first.problems);
    // Listings of the source: for its fingerprint, for copying its media, and then its manifests; for verifying: the
    // target's fingerprint, and both sides.
    assert_eq!(take_counts(&world).blob, blobs + 6 * pages);
    assert_eq!(world.torn_blobs().await, [""; 0]);

    tokio::time::advance(Duration::from_hours(24)).await;
    world.emulator.reset_stats();
    let (night, _) = world.sync_with(put()).await;
    assert_eq!((night.assets.unchanged, night.blobs.unchanged), (1, blobs));
    assert_eq!(take_counts(&world).blob, 2 * pages);

    let pair = world.pair();
    let asset = futures::TryStreamExt::try_concat(pair.source.library.assets()).await.unwrap().remove(0);
    crate::world::put(&pair.source.storage[0], &asset, "thumbs/new.jpg", vec![1; 100]).await;
    crate::world::put(&pair.source.storage[0], &asset, "a-first.xml", vec![2; 100]).await;
    tokio::time::advance(Duration::from_hours(1)).await;
    let (summary, _) = world.sync_with(put()).await;
    assert_eq!((summary.blobs.copied, summary.blobs.unchanged), (2, blobs), "{:?}", summary.problems);
    assert_eq!(world.verify().await.differences, []);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_of_a_large_container_that_changes_during_its_copy_is_copied_in_its_new_state() {
    let mut world = World::generated("assets=1,blobs=1200,seed=4,sizes=small,awkward=false,real=false").await;
    tokio::time::advance(Duration::from_hours(1)).await;
    let pair = world.pair();
    let asset = futures::TryStreamExt::try_concat(pair.source.library.assets()).await.unwrap().remove(0);
    let change = {
        let pair = Arc::clone(&pair);
        let asset = asset.clone();
        async move { crate::world::put(&pair.source.storage[0], &asset, "thumbs/0700.jpg", vec![7; 500]).await }
    };
    world.intercept(crate::world::once(
        |request| request.url().path().ends_with("thumbs/0700.jpg"),
        futures::FutureExt::boxed(change),
    ));
    let (summary, _) = world.sync_with(put()).await;
    assert_eq!((summary.blobs.copied, summary.assets.mirrored), (1_200, 1), "{:?}", summary.problems);
    assert_eq!(world.torn_blobs().await, [""; 0]);
    let (second, _) = world.sync_with(put()).await;
    assert_eq!((second.assets.unchanged, second.blobs.copied), (1, 0), "{:?}", second.problems);
}

/// Is `real` within two in a hundred of `forecast`?
fn near(forecast: u64, real: u64) -> bool {
    forecast.abs_diff(real) * 50 <= real
}

/// The forecast of a dry run, and the summary of the next run. In real time: virtual time jumps while the ledger's
/// threads work, and an asset would reach its time limit.
async fn forecast_and_real(world: &World, options: Options) -> (Forecast, Summary) {
    let (dry, _) = world.sync_with(Options { dry_run: true, ..options.clone() }).await;
    let forecast = dry.forecast.unwrap();
    let (real, _) = world.sync_with(options).await;
    assert_eq!((real.forecast, forecast.bytes), (None, real.bytes_copied), "{:?}", real.problems);
    (forecast, real)
}

fn assert_near(forecast: Forecast, real: &Summary) {
    assert!(near(forecast.requests.media, real.requests.media), "{forecast:?}: {:?}", real.requests);
    assert!(near(forecast.requests.blob, real.requests.blob), "{forecast:?}: {:?}", real.requests);
    assert_eq!(forecast.charged.reads, real.charged.reads);
    assert!(near(forecast.charged.writes, real.charged.writes), "{forecast:?}: {:?}", real.charged);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_dry_run_forecasts_the_cost_of_the_run() {
    let world = World::generated("assets=40,blobs=20,seed=8,awkward=true,real=true").await;
    tokio::time::advance(Duration::from_hours(1)).await;
    let (forecast, real) = forecast_and_real(&world, Options::default()).await;
    assert_eq!(forecast.requests.blob, real.requests.blob, "{:?}", real.problems);
    assert_near(forecast, &real);

    tokio::time::advance(Duration::from_hours(24)).await;
    let (forecast, real) = forecast_and_real(&world, Options::default()).await;
    assert_eq!(forecast.requests, real.requests);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_dry_run_forecasts_the_cost_of_another_run_after_some_assets_changed() {
    let world = library(40).await;
    world.sync_with(put()).await;
    tokio::time::advance(Duration::from_hours(24)).await;
    let pair = world.pair();
    let assets = futures::TryStreamExt::try_concat(pair.source.library.assets()).await.unwrap();
    for asset in assets.iter().take(20) {
        crate::world::put(&pair.source.storage[0], asset, "another.xml", vec![1; 100]).await;
    }
    world.seed("new", &["a.ism", "a.mp4"]).await;
    tokio::time::advance(Duration::from_hours(1)).await;
    let (forecast, real) = forecast_and_real(&world, put()).await;
    assert_eq!((real.assets.mirrored, real.assets.unchanged), (21, 20), "{:?}", real.problems);
    assert_near(forecast, &real);
}

/// Forecast and run of a first sync, with a number of assets, a latency, and few or many at the same time.
async fn first_sync(assets: u64, latency: u64, few: bool) {
    let recipe = format!("assets={assets},blobs=3,seed=1,sizes=small,awkward=false,real=false");
    let mut settings = Settings::default();
    for region in &mut settings.regions {
        region.media.latency_ms = latency;
        for storage in &mut region.storage {
            storage.limits.latency_ms = latency;
        }
    }
    let mut world = World::with(settings, Some(&recipe)).await;
    tokio::time::advance(Duration::from_hours(1)).await;
    let mut options = put();
    if few {
        options.assets_in_flight = Some(4);
        for limits in [&mut world.config.source.limits.blob, &mut world.config.target.limits.blob] {
            limits.in_flight = 4;
        }
    }
    let (forecast, real) = forecast_and_real(&world, options).await;
    let case = format!("{assets} assets, {latency} ms, few: {few}: {forecast:?}: {:?}", real.requests);
    assert_eq!(real.assets.mirrored, assets, "{case}: {:?}", real.problems);
    assert!(
        near(forecast.requests.media, real.requests.media) && forecast.requests.blob == real.requests.blob,
        "{case}"
    );
    // Two tokens, two front doors, four listings, a missing policy (search and creation), two requests for protection,
    // four for filters, one for the streaming endpoints, and the six requests of a batch that is not full: these are a
    // large part in a small library.
    let once = 23;
    assert!(2 * (real.requests.media - once) <= 3 * assets, "{case}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_forecast_of_a_first_sync_is_right_for_any_size_latency_and_concurrency() {
    for (latency, few) in [(0, false), (0, true), (20, false), (20, true)] {
        for assets in [20, 150] {
            first_sync(assets, latency, few).await;
        }
    }
    first_sync(1_000, 0, false).await;
    first_sync(1_000, 20, false).await;
}

/// Records when each asset finished.
#[derive(Debug)]
struct Ends(tokio::time::Instant, Mutex<BTreeMap<String, Duration>>);

impl Monitor for Ends {
    fn event(&self, event: RunEvent) {
        if let RunEvent::AssetFinished { name, .. } = event {
            self.1.lock().unwrap().insert(name, self.0.elapsed());
        }
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_that_is_ready_does_not_wait_for_one_that_takes_hours() {
    let mut settings = Settings::default();
    settings.regions[1].storage[0].limits.copy_bytes_per_second = 100;
    let world = World::with(settings, None).await;
    for name in ["a", "b"] {
        world.seed(name, &["a.ism", "a.mp4"]).await;
    }
    let huge = world.seed("huge", &["a.ism"]).await;
    let pair = world.pair();
    crate::world::put(&pair.source.storage[0], &huge.asset, "film.mp4", vec![1; 3_600_000]).await;
    let ends = Arc::new(Ends(tokio::time::Instant::now(), Mutex::default()));
    let monitor: Arc<dyn Monitor> = Arc::<Ends>::clone(&ends);
    let slowly = Options { copy_method: Some(CopyMethod::Async), ..Options::default() };
    let run = mirror(world.pair(), world.ledger.clone(), slowly, monitor, CancellationToken::new());
    assert_eq!(run.await.unwrap().assets.mirrored, 3);
    let ends = ends.1.lock().unwrap();
    for name in ["a", "b"] {
        // Normally very short; but virtual time jumps while the ledger's threads work.
        assert!(ends[name] < Duration::from_hours(1), "{ends:?}");
    }
    assert!(ends["huge"] >= Duration::from_hours(10), "{ends:?}");
}

/// Only a few large containers are walked through at the same time. The others wait.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn more_large_containers_than_are_walked_through_at_once_are_mirrored_and_compared() {
    let world = World::generated("assets=10,blobs=1100,seed=1,sizes=small,awkward=false,real=false").await;
    tokio::time::advance(Duration::from_hours(1)).await;
    let (first, _) = world.sync().await;
    assert_eq!((first.assets.mirrored, first.blobs.copied), (10, 11_000));
    let (pair, monitor) = (world.pair(), mediamirror::monitor::TestMonitor::default());
    let compared = mediamirror::engine::verify::verify(&pair, &world.ledger, &Options::default(), &monitor).await;
    assert_eq!(compared.unwrap().differences, []);
}
