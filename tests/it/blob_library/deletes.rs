//! Containers and blobs that the source has deleted are deleted some days later.

use std::collections::BTreeSet;
use std::time::Duration;

use globset::{Glob, GlobSetBuilder};
use mediamirror::config::Policy;
use mediamirror::engine::{Options, Outcome, Summary};
use mediamirror::model::{ContainerName, PublicAccess, Selection, Side};
use mediamirror::verdict::Cause;

use super::containers::{open, open_world, opened};
use super::{expected, fill, fill_side, mirrored, world};
use crate::world::World;

fn weekly() -> Options {
    let policy = Policy { delete_after: Some("7d".parse().unwrap()), ..Policy::default() };
    Options { policy, ..Options::default() }
}

async fn day(world: &World) -> Summary {
    tokio::time::sleep(Duration::from_hours(24)).await;
    world.sync_with(weekly()).await.0
}

async fn quiet_days(world: &World, days: u32) {
    for number in 0..days {
        let summary = day(world).await;
        assert_eq!((summary.deleted.assets, summary.deleted.blobs), (0, 0), "day {number}: {:?}", summary.problems);
    }
}

/// Four containers after their first night.
async fn filled() -> World {
    let world = open_world().await;
    for container in ["films", "news", "series", "sport"] {
        fill(&world, container, &["a/1.ts", "a.m3u8"]).await;
    }
    assert_eq!(world.sync_with(weekly()).await.0.outcome, Outcome::Complete);
    world
}

fn delete_container(world: &World, container: &str) {
    assert!(world.emulator.delete_container(&world.config.source.account, container));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_deleted_container_is_closed_immediately_and_deleted_after_seven_nights() {
    let world = filled().await;
    open(&world, "films", Some(PublicAccess::Blobs)).await;
    day(&world).await;
    delete_container(&world, "films");
    quiet_days(&world, 7).await;
    assert_eq!(opened(&world, "films").await, None);
    assert_eq!(mirrored(&world).await.len(), 4);
    let summary = day(&world).await;
    assert_eq!((summary.deleted.assets, summary.deleted.blobs), (1, 2), "{:?}", summary.findings);
    let names: Vec<String> = mirrored(&world).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!((summary.outcome, names), (Outcome::Complete, ["news", "series", "sport"].map(str::to_owned).to_vec()));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_container_that_comes_back_on_the_fifth_day_is_mirrored_again_and_its_time_starts_again() {
    let world = filled().await;
    delete_container(&world, "films");
    quiet_days(&world, 5).await;
    fill(&world, "films", &["b.ts"]).await;
    let summary = day(&world).await;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 1), "{:?}", summary.problems);
    quiet_days(&world, 2).await;
    delete_container(&world, "films");
    quiet_days(&world, 7).await;
    assert_eq!(day(&world).await.deleted.assets, 1);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_foreign_container_that_replaced_a_retired_copy_is_kept() {
    let world = filled().await;
    delete_container(&world, "films");
    quiet_days(&world, 4).await;
    world.pair().target.storage[0].delete_container(&ContainerName::new("films")).await.unwrap();
    tokio::time::sleep(Duration::from_hours(1)).await;
    fill_side(&world, Side::Target, "films", &["theirs"]).await;
    quiet_days(&world, 10).await;
    assert_eq!(mirrored(&world).await[0], expected(&[("films", &["theirs"])])[0]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_deleted_blob_is_deleted_after_seven_nights_and_excluded_blobs_are_not() {
    let mut world = filled().await;
    let source = world.config.source.account.clone();
    assert!(world.emulator.delete_blob(&source, "films", "a/1.ts"));
    quiet_days(&world, 7).await;
    let summary = day(&world).await;
    assert_eq!((summary.outcome, summary.deleted.blobs), (Outcome::Complete, 1), "{:?}", summary.findings);
    assert_eq!(mirrored(&world).await[0], expected(&[("films", &["a.m3u8"])])[0]);
    // A container with a blob that the configuration leaves out is not deleted.
    let exclude = GlobSetBuilder::new().add(Glob::new("news/a/*").unwrap()).build().unwrap();
    world.config.blobs.selection = Selection { exclude: Some(exclude), ..Selection::default() };
    day(&world).await;
    delete_container(&world, "news");
    quiet_days(&world, 12).await;
    world.config.blobs.selection = Selection::default();
    let all: Vec<String> = mirrored(&world).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(all, ["films", "news", "series", "sport"]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn blobs_of_folders_are_deleted_but_not_whole_folders_and_their_containers() {
    let mut world = world().await;
    world.config.blobs.split = BTreeSet::from([ContainerName::new("vod")]);
    fill(&world, "vod", &["a/1.ts", "a/2.ts", "b/1.ts", "index.html"]).await;
    for container in ["films", "news", "series"] {
        fill(&world, container, &["1.ts"]).await;
    }
    assert_eq!(world.sync_with(weekly()).await.0.outcome, Outcome::Complete);
    let source = world.config.source.account.clone();
    for blob in ["a/1.ts", "b/1.ts"] {
        assert!(world.emulator.delete_blob(&source, "vod", blob));
    }
    quiet_days(&world, 7).await;
    let summary = day(&world).await;
    assert_eq!((summary.deleted.assets, summary.deleted.blobs), (0, 1), "{:?}", summary.findings);
    let target = world.config.target.account.clone();
    let vod = || world.emulator.blobs(&target, "vod").unwrap();
    assert_eq!(vod(), ["a/2.ts", "b/1.ts", "index.html"]);
    delete_container(&world, "vod");
    quiet_days(&world, 12).await;
    assert_eq!(vod().len(), 3);
    let summary = day(&world).await;
    assert!(!summary.causes.contains_key(&Cause::NotDeleted), "{:?}", summary.problems);
}
