//! Runs that stop at a limit, and are resumed.

use std::num::NonZeroU64;
use std::time::Duration;

use mediamirror::emulator::Settings;
use mediamirror::engine::{Limit, Options, Outcome, RunLimits};
use tokio::time::Instant;

use crate::world::World;

const LIBRARY: &str = "assets=40,blobs=6,seed=3,awkward=false";

/// Two regions with a latency of 50 ms.
async fn far() -> World {
    let mut settings = Settings::default();
    for region in &mut settings.regions {
        for storage in &mut region.storage {
            storage.limits.latency_ms = 50;
        }
    }
    World::with(settings, Some(LIBRARY)).await
}

/// A run that stops at that limit with a part of the work done, and runs that do the rest.
async fn stops_and_is_resumed(limits: impl Fn() -> RunLimits, limit: Limit) {
    let world = far().await;
    let options = || Options { limits: limits(), assets_in_flight: Some(4), ..Options::default() };
    let (summary, _) = world.sync_with(options()).await;
    assert_eq!((summary.outcome, summary.limit), (Outcome::Interrupted, Some(limit)));
    assert!(summary.blobs.copied > 0 && summary.assets.mirrored < 40, "{:?} {:?}", summary.blobs, summary.assets);
    let (rest, _) = world.sync().await;
    assert_eq!((rest.outcome, rest.limit), (Outcome::Complete, None), "{:?}", rest.problems);
    assert!(rest.blobs.unchanged >= summary.blobs.copied, "what arrived is not copied again");
    assert_eq!(world.verify().await.differences, []);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_stops_at_the_limit_of_requests() {
    let requests = || RunLimits { requests: NonZeroU64::new(120), ..RunLimits::default() };
    stops_and_is_resumed(requests, Limit::Requests).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_stops_at_the_limit_of_bytes() {
    let bytes = || RunLimits { bytes: NonZeroU64::new(1), ..RunLimits::default() };
    stops_and_is_resumed(bytes, Limit::Bytes).await;
}

#[test]
fn a_run_stops_at_the_limit_of_time() {
    for limit in [Limit::Duration, Limit::Window] {
        let until = || Some((Instant::now() + Duration::from_millis(1_500), limit));
        let limits = || RunLimits { until: until(), ..RunLimits::default() };
        crate::virtual_time::block_on(stops_and_is_resumed(limits, limit));
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_limit_that_is_not_reached_changes_nothing() {
    let world = far().await;
    let limits = RunLimits { requests: NonZeroU64::new(1_000_000), ..RunLimits::default() };
    let (summary, _) = world.sync_with(Options { limits, ..Options::default() }).await;
    assert_eq!((summary.outcome, summary.limit), (Outcome::Complete, None));
}
