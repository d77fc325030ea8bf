//! Players on the target never read a playlist with missing segments.

use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use mediamirror::engine::{Options, Outcome};
use mediamirror::model::{BlobProperties, BlobRef, ContainerName, CopyMethod};

use super::{expected, fill, mirrored, world};
use crate::world::{World, is_blob_copy, once};

/// Names of blobs in the order in which their copies are sent.
fn watch(world: &mut World) -> Arc<Mutex<Vec<String>>> {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sent);
    world.intercept(move |request| {
        if is_blob_copy(request) {
            let name = request.url().path().split_once("/films/").map(|(_, name)| name.replace("%2F", "/"));
            seen.lock().unwrap().extend(name);
        }
        None
    });
    sent
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn segments_are_copied_before_their_playlists() {
    let names = ["a.mpd", "master.m3u8", "v1/1.ts", "v1/2.ts", "v1/list.m3u8", "v2/1.ts", "v2/list.m3u8", "z.jpg"];
    for copy_method in [CopyMethod::Put, CopyMethod::Async] {
        let mut world = world().await;
        fill(&world, "films", &names).await;
        let sent = watch(&mut world);
        let (summary, _) = world.sync_with(Options { copy_method: Some(copy_method), ..Options::default() }).await;
        assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
        let sent = sent.lock().unwrap().clone();
        let mut stages: Vec<Vec<&str>> =
            [&sent[..4], &sent[4..6], &sent[6..]].map(|stage| stage.iter().map(String::as_str).collect()).to_vec();
        for stage in &mut stages {
            stage.sort_unstable();
        }
        let expected = [
            &["v1/1.ts", "v1/2.ts", "v2/1.ts", "z.jpg"][..],
            &["v1/list.m3u8", "v2/list.m3u8"],
            &["a.mpd", "master.m3u8"],
        ];
        assert_eq!(stages, expected);
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_live_playlist_that_changes_during_the_run_is_copied_with_its_segments() {
    for copy_method in [CopyMethod::Put, CopyMethod::Async] {
        let mut world = world().await;
        fill(&world, "films", &["1.ts", "2.ts", "live.m3u8"]).await;
        let pair = world.pair();
        let goes_on = async move {
            for name in ["3.ts", "live.m3u8"] {
                let at = BlobRef { container: ContainerName::new("films"), name: name.to_owned() };
                let properties = BlobProperties::default();
                pair.source.storage[0].put_blob(&at, format!("newer {name}").into(), &properties).await.unwrap();
            }
        };
        let sent = Arc::new(Mutex::new(Vec::new()));
        let (seen, first) = (
            Arc::clone(&sent),
            once(|request| is_blob_copy(request) && request.url().path().ends_with("live.m3u8"), goes_on.boxed()),
        );
        world.intercept(move |request| {
            if is_blob_copy(request) {
                seen.lock().unwrap().extend(request.url().path().rsplit('/').next().map(str::to_owned));
            }
            first(request)
        });
        let (summary, _) = world.sync_with(Options { copy_method: Some(copy_method), ..Options::default() }).await;
        assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
        assert_eq!(summary.blobs.copied, 4);
        assert_eq!(mirrored(&world).await, expected(&[("films", &["1.ts", "2.ts", "3.ts", "live.m3u8"])]));
        let sent = sent.lock().unwrap().clone();
        assert_eq!(sent[2..], ["live.m3u8", "3.ts", "live.m3u8"]);
        assert_eq!(world.verify().await.differences, []);
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_playlist_that_changes_repeatedly_fails_its_asset_and_the_old_one_is_kept() {
    let mut world = world().await;
    fill(&world, "films", &["1.ts", "live.m3u8"]).await;
    world.sync().await;
    let at = BlobRef { container: ContainerName::new("films"), name: "live.m3u8".to_owned() };
    let old = world.emulator.fingerprint("storeeast", "films", "live.m3u8").unwrap();
    let pair = world.pair();
    let change = move |n: usize| {
        let (pair, at) = (Arc::clone(&pair), at.clone());
        async move {
            let text = format!("changed {n}");
            pair.source.storage[0].put_blob(&at, text.into(), &BlobProperties::default()).await.unwrap();
        }
    };
    change(0).await;
    let times = std::sync::atomic::AtomicUsize::new(1);
    world.intercept(move |request| {
        is_blob_copy(request).then(|| change(times.fetch_add(1, std::sync::atomic::Ordering::Relaxed)).boxed())
    });
    let (summary, _) = world.sync().await;
    let causes: Vec<&str> = summary.problems.iter().map(|problem| problem.finding.cause.code()).collect();
    assert_eq!((summary.outcome, causes.as_slice()), (Outcome::Partial, &["source-changing"][..]));
    assert_eq!(world.emulator.fingerprint("storeeast", "films", "live.m3u8").unwrap(), old);
}
