//! The order in which assets are copied and become playable, in virtual time.

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use mediamirror::emulator::Settings;
use mediamirror::engine::{Options, Order};
use mediamirror::model::CopyMethod;
use mediamirror::monitor::{RunEvent, TestMonitor};

use crate::world::World;

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn assets_start_in_the_requested_order() {
    let world = World::empty().await;
    world.seed("b", &["1.mp4", "2.mp4"]).await;
    tokio::time::advance(Duration::from_secs(5)).await;
    world.seed("c", &["1.mp4"]).await;
    tokio::time::advance(Duration::from_secs(5)).await;
    world.seed("a", &["1.mp4", "2.mp4", "3.mp4"]).await;
    for (order, wanted) in
        [(Order::Newest, "acb"), (Order::Largest, "abc"), (Order::Smallest, "cba"), (Order::Name, "abc")]
    {
        let monitor = Arc::new(TestMonitor::default());
        let options = Options { order, assets_in_flight: Some(1), ..Options::default() };
        world.try_sync(Options { dry_run: true, ..options }, &monitor).await.unwrap();
        let finished = monitor.events().into_iter().filter_map(|event| match event {
            RunEvent::AssetFinished { name, .. } => Some(name),
            _ => None,
        });
        assert_eq!(finished.collect::<String>(), wanted, "{order:?}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn assets_that_start_first_complete_first() {
    let mut settings = Settings::default();
    settings.regions[1].storage[0].limits.latency_ms = 20;
    let mut world = World::with(settings, Some("assets=30,blobs=20,seed=5,sizes=small,awkward=false,real=false")).await;
    world.config.target.limits.blob.in_flight = 16;
    let (summary, monitor) =
        world.sync_with(Options { copy_method: Some(CopyMethod::Put), ..Options::default() }).await;
    assert_eq!(summary.assets.mirrored, 30, "{:?}", summary.problems);
    let copied: Vec<_> = monitor
        .events()
        .into_iter()
        .filter_map(|event| match event {
            RunEvent::BlobCopied { asset, .. } => Some(asset),
            _ => None,
        })
        .collect();
    // The first half of the copies are those of half of the assets, not some copies of each asset.
    let early: HashSet<_> = copied[..300].iter().collect();
    assert!(early.len() <= 20, "{} assets were started when half was copied", early.len());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn under_a_rate_limit_assets_become_playable_one_after_the_other() {
    let early = early_at_200_a_second("assets=40,blobs=200,seed=5,sizes=small,awkward=false,real=false", 120).await;
    assert!(early >= 11, "{early} of 40 assets play when half of the blobs are copied");
    for latency in [20, 60] {
        let early = early_at_200_a_second("assets=300,blobs=20,seed=5,awkward=false,real=false", latency).await;
        assert!(early >= 135, "{latency} ms: {early} of 300 assets play when half of the blobs are copied");
    }
}

/// The number of assets that play when half of the blobs are copied, at 200 requests a second.
async fn early_at_200_a_second(recipe: &str, latency_ms: u64) -> u64 {
    let mut settings = Settings::default();
    for region in &mut settings.regions {
        region.media.latency_ms = latency_ms;
        region.storage[0].limits.latency_ms = latency_ms;
        region.storage[0].limits.requests_per_second = 200;
    }
    let mut world = World::with(settings, Some(recipe)).await;
    for side in [&mut world.config.source, &mut world.config.target] {
        side.limits.blob.requests_per_second = NonZeroU64::new(200);
    }
    let (summary, monitor) = world.sync().await;
    assert_eq!(summary.assets.failed, 0, "{:?}", summary.problems);
    let (mut copied, mut early) = (0_u64, 0_u64);
    for event in monitor.events() {
        match event {
            RunEvent::BlobCopied { .. } => copied += 1,
            RunEvent::AssetFinished { .. } if copied * 2 <= summary.blobs.copied => early += 1,
            _ => {}
        }
    }
    early
}
