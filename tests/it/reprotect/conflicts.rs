//! Changes on both sides, or only of the original.

use globset::{Glob, GlobSetBuilder};
use mediamirror::engine::Outcome;
use mediamirror::model::{AssetChange, BlobProperties, BlobRef, Side};
use mediamirror::verdict::Cause;

use super::{Mirror, locator};
use crate::world::{copy_of, put};

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn changes_of_only_the_original_are_kept_and_mirrored_after_the_return() {
    let mirror = Mirror::new().await;
    let world = &mirror.world;
    let film = world.seed("film", &["film.ism", "film.mp4"]).await;
    mirror.night().await;
    // Changes in A after the last night: a new blob, a new locator and a revoked one.
    let pair = world.pair();
    put(&pair.source.storage[0], &film.asset, "film.mp4", vec![b'n'; 2048]).await;
    let late = world.publish(&pair, &film.asset, 48).await;
    pair.source.library.delete_locator(&film.locator.id).await.unwrap();
    mirror.fail_over().await;

    let done = mirror.reprotect(false).await;
    assert_eq!((done.outcome, done.blobs.copied, done.withdrawn), (Outcome::Complete, 0, 0), "{done:#?}");
    assert_eq!(done.causes.get(&Cause::OriginalChanged), Some(&1), "{done:#?}");
    assert!(mirror.locator(Side::Source, &late.id).await.is_some());
    assert_eq!(mirror.locator(Side::Source, &film.locator.id).await, None);

    mirror.come_home().await;
    let night = mirror.night().await;
    assert_eq!((night.outcome, night.blobs.copied, night.withdrawn), (Outcome::Complete, 1, 1), "{night:#?}");
    assert!(mirror.locator(Side::Target, &late.id).await.is_some());
    assert_eq!(mirror.locator(Side::Target, &film.locator.id).await, None);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_that_both_sides_changed_is_not_changed_until_one_side_is_preferred() {
    let mirror = Mirror::new().await;
    let world = &mirror.world;
    let film = world.seed("film", &["film.ism", "film.mp4"]).await;
    mirror.night().await;
    let pair = world.pair();
    put(&pair.source.storage[0], &film.asset, "film.mp4", vec![b'a'; 2048]).await;
    mirror.fail_over().await;
    let copy = copy_of(world, &film.asset).await;
    put(&pair.target.storage[0], &copy, "film.mp4", vec![b'b'; 4096]).await;
    let added = pair.target.library.publish(&[locator(&copy)]).await.remove(0).unwrap();

    let done = mirror.reprotect(false).await;
    assert_eq!((done.outcome, done.blobs.copied), (Outcome::Partial, 0), "{done:#?}");
    assert_eq!(done.problems[0].finding.cause, Cause::ChangedOnBothSides);
    assert_eq!(mirror.locator(Side::Source, &added.id).await, None);

    let prefer = GlobSetBuilder::new().add(Glob::new("film").unwrap()).build().unwrap();
    let done = mirror.reprotect_preferring(false, Some(prefer)).await;
    assert_eq!((done.outcome, done.blobs.copied), (Outcome::Complete, 1), "{done:#?}");
    assert!(mirror.locator(Side::Source, &added.id).await.is_some());
    mirror.come_home().await;
    assert_eq!(mirror.night().await.blobs.copied, 0);
    assert_eq!(world.torn_blobs().await, [""; 0]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn without_the_ledger_of_the_nights_only_differences_are_conflicts() {
    let mirror = Mirror::new().await;
    let world = &mirror.world;
    let film = world.seed("film", &["film.ism", "film.mp4"]).await;
    world.seed("still", &["still.ism", "still.mp4"]).await;
    mirror.night().await;
    mirror.fail_over().await;
    std::fs::remove_file(mirror.path()).unwrap();
    drop(mirror.nights_of_a_new_ledger());
    let copy = copy_of(world, &film.asset).await;
    let renamed = AssetChange { name: Some(Some("renamed".to_owned())), ..AssetChange::default() };
    world.pair().target.library.update_asset(&copy.id, &renamed).await.unwrap();
    world.pair().target.library.delete_locator(&film.locator.id).await.unwrap();

    let done = mirror.reprotect(false).await;
    assert_eq!((done.outcome, done.blobs.copied, done.withdrawn), (Outcome::Partial, 0, 0), "{done:#?}");
    assert_eq!(done.causes.get(&Cause::ChangedOnBothSides), Some(&1), "{done:#?}");
    assert_eq!(mirror.asset(Side::Source, &film.asset.id).await.unwrap().label(), "film");
    assert!(mirror.locator(Side::Source, &film.locator.id).await.is_some());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn blobs_that_the_source_had_deleted_are_not_brought_back_and_equal_ones_not_copied() {
    let mirror = Mirror::new().await;
    let world = &mirror.world;
    let film = world.seed("film", &["film.ism", "film.mp4", "old/1.ts"]).await;
    let pair = world.pair();
    // Without a checksum, only the ledger can prove that both are equal.
    for blob in ["film.mp4", "film.ism"] {
        let at = BlobRef { container: film.asset.container.clone().unwrap(), name: blob.to_owned() };
        let listed = pair.source.storage[0].properties(&at).await.unwrap().unwrap();
        let bare = BlobProperties { content_md5: None, ..listed.properties };
        pair.source.storage[0].set_headers(&at, &bare, &listed.etag).await.unwrap();
    }
    mirror.night().await;
    mirror.delete_blob(Side::Source, &film.asset, "old/1.ts").await;
    assert_eq!(mirror.night().await.kept.blobs, 1);
    tokio::time::sleep(std::time::Duration::from_mins(1)).await;

    mirror.fail_over().await;
    let copy = copy_of(world, &film.asset).await;
    put(&pair.target.storage[0], &copy, "film.vtt", vec![b'c'; 100]).await;
    let done = mirror.reprotect(false).await;
    assert_eq!((done.outcome, done.blobs.copied), (Outcome::Complete, 1), "{done:#?}");
    assert_eq!(mirror.blobs(Side::Source, &film.asset).await, ["film.ism", "film.mp4", "film.vtt"]);
    mirror.come_home().await;
    let night = mirror.night().await;
    assert_eq!((night.outcome, night.blobs.copied), (Outcome::Complete, 0), "{night:#?}");
}

/// Nothing records which side has changed a filter.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn filters_that_differ_are_reported_and_changed_on_neither_side() {
    let mirror = Mirror::new().await;
    let world = &mirror.world;
    let film = world.seed("film", &["film.ism", "film.mp4"]).await;
    let (west, east) = (world.emulator.operator(0), world.emulator.operator(1));
    west.set_filter(Some(film.asset.id.as_str()), "start", &serde_json::json!({})).unwrap();
    mirror.night().await;
    mirror.fail_over().await;
    let done = mirror.reprotect(false).await;
    assert_eq!((done.outcome, done.causes.len(), done.findings.len()), (Outcome::Complete, 0, 0), "{done:#?}");

    let copy = copy_of(world, &film.asset).await;
    east.set_filter(Some(copy.id.as_str()), "end", &serde_json::json!({})).unwrap();
    east.set_filter(None, "phone", &serde_json::json!({})).unwrap();
    let done = mirror.reprotect(false).await;
    assert_eq!((done.outcome, &done.causes), (Outcome::Partial, &[(Cause::FiltersDiffer, 1)].into()), "{done:#?}");
    assert_eq!(done.findings.iter().map(|one| one.cause).collect::<Vec<_>>(), [Cause::FiltersDiffer]);
    assert_eq!(west.filters(Some(film.asset.id.as_str())).unwrap().len(), 1);
    assert_eq!((west.filters(None).unwrap().len(), east.filters(None).unwrap().len()), (0, 1));
}
