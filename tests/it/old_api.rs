//! Whole runs at an `x-ms-version` below 2.2, where only temporary SAS locators report the containers.

use futures::TryStreamExt;
use mediamirror::emulator::Settings;
use mediamirror::engine::Outcome;
use mediamirror::model::{Locator, LocatorKind};
use mediamirror::monitor::AssetOutcome;

use crate::world::World;

/// Version 2.1 on both sides, and containers whose names cannot be derived from the asset ids.
async fn world(recipe: &str) -> World {
    let mut settings = Settings::default();
    for region in &mut settings.regions {
        region.media.random_container_names = true;
    }
    let mut world = World::with(settings, Some(recipe)).await;
    crate::api_version::speak(&mut world.config, "2.1");
    world.emulator.reset_stats();
    world
}

/// The number of answers of an account to an operation with that status.
fn count(world: &World, account: &str, operation: &str, status: u16) -> u64 {
    let rows = world.emulator.stats().requests;
    let of = rows.iter().filter(|row| row.account == account && row.operation == operation && row.status == status);
    of.map(|row| row.count).sum()
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn every_temporary_locator_is_removed_and_all_share_one_policy() {
    let world = world("assets=6,blobs=3,seed=5,sizes=small,awkward=false").await;
    let (first, _) = world.sync().await;
    assert_eq!((first.outcome, first.assets.mirrored), (Outcome::Complete, 6), "{:?}", first.problems);
    for account in ["mediawest", "mediaeast"] {
        assert_eq!(count(&world, account, "CreateLocator", 201), 6, "{account}: one for each asset");
        assert_eq!(count(&world, account, "DeleteLocator", 204), 6, "{account}");
    }
    assert_eq!(count(&world, "mediawest", "CreateAccessPolicy", 201), 1);
    assert_eq!(world.verify().await.differences, []);
    let pair = world.pair();
    for side in [&pair.source, &pair.target] {
        let left: Vec<Locator> = side.library.locators().try_concat().await.unwrap();
        assert!(left.iter().all(|locator| locator.kind == LocatorKind::Streaming), "{left:?}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_second_run_reads_the_targets_containers_from_the_ledger() {
    let world = world("assets=6,blobs=3,seed=5,sizes=small,awkward=false").await;
    world.sync().await;
    world.emulator.reset_stats();
    let (second, _) = world.sync().await;
    assert_eq!((second.assets.unchanged, second.blobs.unchanged), (6, 18), "{:?}", second.problems);
    assert_eq!(count(&world, "mediaeast", "CreateLocator", 201), 0);
    assert_eq!(count(&world, "mediawest", "CreateAccessPolicy", 201), 0, "the policy is found again");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_without_room_for_a_locator_fails_with_the_reason_and_the_others_continue() {
    let world = world("assets=14,blobs=3,seed=5,sizes=small,awkward=true").await;
    let (summary, monitor) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Partial, "{:?}", summary.problems);
    // The other failed asset has no container, so no locator can be made for it, either. The empty one and the
    // storage-encrypted one are skipped.
    assert_eq!((summary.assets.failed, summary.assets.skipped), (2, 2), "{:?}", summary.problems);
    let Some(AssetOutcome::Not(reason)) = monitor.outcome_of("awkward-five-locators") else {
        panic!("{:?}", summary.problems)
    };
    let reason = reason.to_string();
    assert!(reason.contains("5 locators") && reason.contains("api_version"), "{reason}");
    assert_eq!(world.verify().await.differences, []);
}
