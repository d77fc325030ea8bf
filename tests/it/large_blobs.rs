//! Large blobs, in virtual time: resumed block by block after a crash, and copied at the full speed of the account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use azure_core::http::Request;
use futures::{FutureExt, TryStreamExt};
use mediamirror::emulator::Settings;
use mediamirror::engine::{Options, Outcome};
use mediamirror::model::BlobRef;
use mediamirror::monitor::TestMonitor;
use tokio_util::sync::CancellationToken;

use crate::world::World;

/// Two blobs of 4 GiB, each in a separate asset: 64 blocks of 64 MiB each.
const TWO_LARGE: &str = "assets=2,blobs=1,seed=1,sizes=4294967296,awkward=false,real=false";
/// Blocks of both.
const BLOCKS: u64 = 128;

fn is_block_copy(request: &Request) -> bool {
    request.url().query_pairs().any(|(name, value)| (name.as_ref(), value.as_ref()) == ("comp", "block"))
}

/// A run that is interrupted when it has sent that many blocks of each blob and would send more of both.
async fn die_after(world: &mut World, blocks: u64) {
    let dead = CancellationToken::new();
    let (sent, cut) = (Mutex::new(HashMap::<String, u64>::new()), dead.clone());
    world.intercept(move |request| {
        let mut sent = sent.lock().unwrap();
        if is_block_copy(request) {
            *sent.entry(request.url().path().to_owned()).or_default() += 1;
        }
        let over = |sent: &u64| *sent > blocks;
        if sent.len() == 2 && sent.values().all(over) {
            cut.cancel();
        }
        let held = is_block_copy(request) && sent.get(request.url().path()).is_some_and(over);
        (held || cut.is_cancelled()).then(|| std::future::pending().boxed())
    });
    let monitor = Arc::new(TestMonitor::default());
    let run = world.try_sync(Options::default(), &monitor);
    tokio::select! {
        biased;
        () = dead.cancelled() => {}
        ended = run => panic!("it was to die, and ended with {:?}", ended.map(|summary| summary.outcome)),
    }
    world.intercept(|_| None);
    lock_ends().await;
}

/// Waits until the lock of an interrupted run expires.
async fn lock_ends() {
    tokio::time::sleep(std::time::Duration::from_mins(2)).await;
}

/// Guarantee 6: an interrupted run is resumed, even within a blob.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_interrupted_copy_of_a_large_blob_resumes_at_its_blocks() {
    let mut world = World::generated(TWO_LARGE).await;
    die_after(&mut world, 50).await;
    let left = world.count("PutBlockFromUrl");
    assert!((90..=100).contains(&left), "{left}");
    world.emulator.reset_stats();
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    // Blocks whose answer the dead run did not get exist, too.
    assert_eq!(world.count("PutBlockFromUrl"), BLOCKS - left);
    assert_eq!((world.count("GetBlockList"), world.count("PutBlockList")), (2, 2));
    assert_eq!(world.torn_blobs().await, [""; 0]);
    assert_eq!(world.verify().await.differences, []);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_first_sync_never_lists_blocks() {
    let world = World::generated(TWO_LARGE).await;
    world.sync().await;
    assert_eq!((world.count("GetBlockList"), world.count("PutBlockFromUrl")), (0, BLOCKS));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn small_blobs_are_resumed_without_listing_blocks() {
    let mut world = World::generated("assets=3,blobs=6,seed=1,sizes=small,awkward=false,real=false").await;
    // The asset is made on the target, but nothing is copied.
    world.intercept(|request| crate::world::is_blob_copy(request).then(|| std::future::pending().boxed()));
    let monitor = Arc::new(TestMonitor::default());
    let run = world.try_sync(Options::default(), &monitor);
    assert!(tokio::time::timeout(std::time::Duration::from_mins(1), run).await.is_err());
    world.intercept(|_| None);
    lock_ends().await;
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 18), "{:?}", summary.problems);
    assert_eq!(world.count("GetBlockList"), 0);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_source_that_changed_since_the_crash_is_copied_from_its_first_block() {
    let mut world = World::generated(TWO_LARGE).await;
    die_after(&mut world, 50).await;
    replace_one_by_the_other(&world).await;
    world.emulator.reset_stats();
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    let sent = world.count("PutBlockFromUrl");
    assert!((BLOCKS / 2..BLOCKS).contains(&sent), "all of the changed one, the missing ones of the other: {sent}");
    assert_eq!(world.torn_blobs().await, [""; 0]);
    assert_eq!(world.verify().await.differences, []);
}

/// Overwrites one of them with the other's content: the same length, but another state.
async fn replace_one_by_the_other(world: &World) {
    let pair = world.pair();
    let storage = &pair.source.storage[0];
    let mut large = Vec::new();
    for asset in pair.source.library.assets().try_concat().await.unwrap() {
        let container = asset.container.unwrap();
        let blob = storage.list(&container).try_concat().await.unwrap().remove(0);
        large.push((container, blob));
    }
    let [(container, changed), (from, blob)] = large.as_slice() else { panic!("two assets: {large:?}") };
    let to = BlobRef { container: container.clone(), name: changed.name.clone() };
    storage.start_copy(&to, &storage.copy_source(from, blob).await.unwrap()).await.unwrap();
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_single_blob_uses_the_whole_account() {
    let (account, stream, length) = (3_125_000_000, 60_000_000, 100 << 30);
    let mut settings = Settings::default();
    let limits = &mut settings.regions[1].storage[0].limits;
    (limits.account_copy_bytes_per_second, limits.copy_bytes_per_second) = (account, stream);
    let recipe = format!("assets=1,blobs=1,seed=1,sizes={length},awkward=false,real=false");
    let world = World::with(settings, Some(&recipe)).await;
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.bytes_copied), (Outcome::Complete, length), "{:?}", summary.problems);
    let ideal = length as f64 / account as f64;
    let ratio = summary.elapsed.as_secs_f64() / ideal;
    assert!(ratio < 1.15, "{ratio}");
}
