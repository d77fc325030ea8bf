//! The folders of a container as assets.

use std::collections::BTreeSet;

use mediamirror::config::Policy;
use mediamirror::config::policy::Adopt;
use mediamirror::engine::{Options, Outcome};
use mediamirror::ledger::Ledger;
use mediamirror::model::{ContainerName, PublicAccess};
use mediamirror::play::{Sample, read_bytes};

use super::containers::{open, open_world, opened};
use super::fill;
use crate::world::{World, once};

/// A world in which the folders of container `vod` are assets.
async fn split_world() -> World {
    let mut world = open_world().await;
    world.config.blobs.split = BTreeSet::from([ContainerName::new("vod")]);
    world
}

const BLOBS: [&str; 5] = ["a/1.ts", "a/list.m3u8", "b/x/1.ts", "b/x/2.ts", "index.html"];

/// The blobs of container `vod` of the target.
async fn mirrored(world: &World) -> Vec<String> {
    use futures::TryStreamExt as _;
    let pair = world.pair();
    let listed = pair.target.storage[0].list(&ContainerName::new("vod")).try_concat().await;
    listed.map_or_else(|_| Vec::new(), |blobs| blobs.into_iter().map(|blob| blob.name).collect())
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn each_folder_is_an_asset_and_the_container_becomes_public_after_them() {
    let mut world = split_world().await;
    fill(&world, "vod", &BLOBS).await;
    fill(&world, "other", &["c/1.ts"]).await;
    open(&world, "vod", Some(PublicAccess::Blobs)).await;
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 4), "{:?}", summary.problems);
    assert_eq!(mirrored(&world).await, BLOBS);
    assert_eq!(opened(&world, "vod").await, Some(PublicAccess::Blobs));
    let verification = world.verify().await;
    assert_eq!((verification.assets.same, verification.differences.len()), (4, 0), "{:?}", verification.problems);
    let read = read_bytes(&world.pair(), &Options::default(), &BTreeSet::new(), &Sample::all()).await.unwrap();
    assert_eq!((read.blobs, read.same), (6, 6), "{:?}", read.found.problems);
    for ledger in [false, true] {
        if ledger {
            world.ledger = Ledger::in_memory().unwrap();
        }
        world.emulator.reset_stats();
        let (summary, _) = world.sync().await;
        assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 0), "{:?}", summary.problems);
        assert_eq!(world.count("CreateContainer"), 0);
    }
    world.emulator.reset_stats();
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.unchanged), (Outcome::Complete, 4), "{:?}", summary.problems);
    // One listing for each asset and side, and the folders of the container for each side.
    assert_eq!((world.count("ListBlobs"), world.count("SetContainerMetadata")), (10, 0));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_dry_run_forecasts_the_requests_of_a_first_run() {
    let world = split_world().await;
    fill(&world, "vod", &BLOBS).await;
    open(&world, "vod", Some(PublicAccess::Blobs)).await;
    let (dry, _) = world.sync_with(Options { dry_run: true, ..Options::default() }).await;
    assert_eq!((dry.assets.mirrored, dry.blobs.copied), (3, 5), "{:?}", dry.problems);
    let (run, _) = world.sync().await;
    assert_eq!(dry.forecast.unwrap().requests, run.requests);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_folder_that_cannot_be_copied_does_not_affect_the_others_and_the_container() {
    let world = split_world().await;
    fill(&world, "vod", &BLOBS).await;
    open(&world, "vod", Some(PublicAccess::Blobs)).await;
    assert!(world.emulator.archive(&world.config.source.account, "vod", "b/x/1.ts"));
    let (summary, _) = world.sync().await;
    let named: Vec<(&str, &str)> =
        summary.problems.iter().map(|problem| (problem.name.as_str(), problem.finding.cause.code())).collect();
    assert_eq!((summary.outcome, named.as_slice()), (Outcome::Partial, &[("vod/b", "archived-in-source")][..]));
    assert_eq!(mirrored(&world).await, ["a/1.ts", "a/list.m3u8", "b/x/2.ts", "index.html"]);
    assert_eq!(opened(&world, "vod").await, Some(PublicAccess::Blobs));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_folder_that_the_source_has_deleted_is_kept_and_counted_and_can_return() {
    let world = split_world().await;
    fill(&world, "vod", &BLOBS).await;
    world.sync().await;
    let source = world.config.source.account.clone();
    for name in ["a/1.ts", "a/list.m3u8"] {
        assert!(world.emulator.delete_blob(&source, "vod", name));
    }
    for _ in 0..2 {
        let (summary, _) = world.sync().await;
        assert_eq!((summary.outcome, summary.assets.unchanged), (Outcome::Complete, 2), "{:?}", summary.problems);
        assert_eq!((summary.kept.assets, summary.assets.gone), (1, 0));
        assert_eq!(mirrored(&world).await, BLOBS);
        assert_eq!(world.verify().await.extra.assets, 1);
    }
    fill_folder(&world);
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.mirrored, summary.kept.assets), (Outcome::Complete, 1, 0));
}

fn fill_folder(world: &World) {
    for name in ["a/1.ts", "a/list.m3u8"] {
        assert!(world.emulator.put_blob(&world.config.source.account, "vod", name, vec![1; 9], None));
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_container_that_the_source_has_deleted_is_closed_with_all_its_folders() {
    let world = split_world().await;
    fill(&world, "vod", &BLOBS).await;
    fill(&world, "other", &["1.ts"]).await;
    open(&world, "vod", Some(PublicAccess::Blobs)).await;
    world.sync().await;
    assert!(world.emulator.delete_container(&world.config.source.account, "vod"));
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.withdrawn), (Outcome::Complete, 1), "{:?}", summary.problems);
    assert_eq!((opened(&world, "vod").await, mirrored(&world).await), (None, BLOBS.map(str::to_owned).to_vec()));
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.gone, summary.kept.assets), (Outcome::Complete, 0, 3));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_container_is_split_and_joined_again_without_a_copy() {
    let mut world = split_world().await;
    fill(&world, "vod", &BLOBS).await;
    let split = std::mem::take(&mut world.config.blobs.split);
    world.sync().await;
    for split in [split.clone(), BTreeSet::new(), split] {
        world.config.blobs.split = split;
        let (summary, _) = world.sync().await;
        assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 0), "{:?}", summary.problems);
        assert_eq!((summary.assets.gone, summary.kept.assets), (0, 0));
        assert_eq!(world.verify().await.differences, []);
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_folders_of_a_foreign_container_are_foreign_and_not_adopted() {
    let world = split_world().await;
    fill(&world, "vod", &BLOBS).await;
    let container = ContainerName::new("vod");
    world.pair().target.storage[0].create_container(&container).await.unwrap();
    for adopt in [Adopt::No, Adopt::Equal, Adopt::Overwrite] {
        let policy = Policy { adopt, ..Policy::default() };
        let (summary, _) = world.sync_with(Options { policy, ..Options::default() }).await;
        let causes: Vec<&str> = summary.problems.iter().map(|problem| problem.finding.cause.code()).collect();
        assert_eq!((summary.outcome, causes.as_slice()), (Outcome::Partial, &["foreign-copy"; 3][..]));
        assert!(mirrored(&world).await.is_empty());
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_container_that_is_deleted_during_the_listing_does_not_affect_the_others() {
    let mut world = split_world().await;
    fill(&world, "vod", &BLOBS).await;
    fill(&world, "other", &["1.ts"]).await;
    let (pair, vod) = (world.pair(), ContainerName::new("vod"));
    let deletion = async move { pair.source.storage[0].delete_container(&vod).await.unwrap() };
    let lists = |request: &azure_core::http::Request| {
        let url = request.url().as_str();
        url.contains("storewest/vod") && url.contains("delimiter")
    };
    world.intercept(once(lists, Box::pin(deletion)));
    let (summary, _) = world.sync().await;
    let causes: Vec<&str> = summary.problems.iter().map(|problem| problem.finding.cause.code()).collect();
    assert_eq!((summary.assets.mirrored, causes.as_slice()), (1, &["source-vanished"][..]), "{:?}", summary.problems);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_withheld_folder_is_reported_because_it_still_plays() {
    let world = split_world().await;
    fill(&world, "vod", &BLOBS).await;
    open(&world, "vod", Some(PublicAccess::Blobs)).await;
    world.sync().await;
    let withholding = |entry: &str| {
        let policy = Policy { withhold: vec![entry.to_owned()], ..Policy::default() };
        Options { policy, ..Options::default() }
    };
    let (summary, _) = world.sync_with(withholding("vod/a")).await;
    let causes: Vec<&str> = summary.findings.iter().map(|finding| finding.cause.code()).collect();
    assert_eq!((summary.outcome, causes.as_slice()), (Outcome::Partial, &["withhold-unmatched"][..]));
    let (summary, _) = world.sync_with(withholding("vod")).await;
    assert_eq!((summary.outcome, summary.withdrawn), (Outcome::Complete, 1), "{:?}", summary.problems);
    assert_eq!(opened(&world, "vod").await, None);
}
