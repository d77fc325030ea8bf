//! Whole runs with the emulator, in virtual time: what is copied, what is refused, and what a second run does.

use futures::{FutureExt, TryStreamExt};
use mediamirror::emulator::Settings;
use mediamirror::engine::{Options, Outcome};
use mediamirror::model::{Asset, AssetEncryption, BlobRef, CopyMethod, NewAsset};
use mediamirror::monitor::AssetOutcome;
use mediamirror::verdict::Cause;

use crate::world::{World, is_blob_copy, mark_of, once, put, seed_asset};

/// An asset on the target that mediamirror did not make.
async fn foreign_asset(world: &World, name: &str) -> Asset {
    let wanted = NewAsset {
        name: Some(name.to_owned()),
        alternate_id: "theirs".to_owned(),
        encryption: AssetEncryption::None,
        storage_account: None,
    };
    world.pair().target.library.create_asset(&wanted).await.unwrap()
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_library_is_mirrored_completely_and_a_second_run_changes_nothing() {
    let world = World::generated("assets=12,blobs=6,seed=3,sizes=small,awkward=false,real=true").await;
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_eq!(summary.assets.mirrored, summary.assets.total);
    assert!(summary.blobs.copied >= 72 && summary.blobs.failed == 0);

    let verification = world.verify().await;
    assert_eq!(verification.differences, []);
    assert_eq!(verification.assets.same, summary.assets.total);

    world.emulator.reset_stats();
    let (second, _) = world.sync().await;
    assert_eq!(second.outcome, Outcome::Complete);
    assert_eq!(second.assets.unchanged, summary.assets.total);
    assert_eq!((second.blobs.copied, second.locators.mirrored, second.bytes_copied), (0, 0, 0));
    for write in [
        "PutBlobFromUrl",
        "PutBlockFromUrl",
        "PutBlockList",
        "CopyBlob",
        "CreateAsset",
        "Batch",
        "CreateLocator",
        "CreateFile",
    ] {
        assert_eq!(world.count(write), 0, "{write}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn every_copy_method_makes_the_same_target() {
    for method in [CopyMethod::Put, CopyMethod::Blocks, CopyMethod::Async] {
        let world = World::generated("assets=4,blobs=5,seed=9,awkward=false,real=true").await;
        let (summary, _) = world.sync_with(Options { copy_method: Some(method), ..Options::default() }).await;
        assert_eq!(summary.outcome, Outcome::Complete, "{method:?}: {:?}", summary.problems);
        assert_eq!(world.verify().await.differences, [], "{method:?}");
        assert_eq!(world.torn_blobs().await, [""; 0], "{method:?}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_awkward_library_ends_with_every_asset_accounted_for() {
    let world = World::generated("assets=30,blobs=8,seed=1,awkward=true,real=true").await;
    let (summary, _) = world.sync().await;
    let counts = summary.assets;
    assert_eq!(counts.total, counts.mirrored + counts.skipped + counts.failed + counts.conflicts + counts.held);
    assert_eq!((counts.failed, counts.conflicts), (0, 0), "{:?}", summary.problems);
    assert_eq!(world.torn_blobs().await, ["awkward-storage-encrypted"; 0]);
    let reasons: Vec<String> = summary.problems.iter().map(|problem| problem.finding.to_string()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("storage-encrypted")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("container")), "{reasons:?}");
    assert_eq!(world.verify().await.differences, []);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn names_with_spaces_percents_umlauts_and_folders_are_mirrored() {
    let world = World::empty().await;
    let names = ["my film.ism", "50%.mp4", "straße.mp4", "a/b/c.mp4", "a+b&c=d.mp4", "x#y?z.mp4", "100%25.mp4"];
    world.seed("Ünicode & 100 % odd", &names).await;
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_eq!(summary.blobs.copied, names.len() as u64);
    assert_eq!(world.verify().await.differences, []);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_published_asset_without_blobs_is_reported_and_not_mirrored() {
    let world = World::empty().await;
    let seeded = world.seed("empty", &[]).await;
    let (summary, monitor) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.skipped), (Outcome::Partial, 1), "{:?}", summary.problems);
    assert_eq!(monitor.outcome_of("empty").unwrap().cause(), Some(Cause::SourceEmpty));
    assert!(world.pair().target.library.locator(&seeded.locator.id).await.unwrap().is_none());
    world.pair().source.library.delete_locator(&seeded.locator.id).await.unwrap();
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete, "what plays nowhere is not owed");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_keeps_id_name_start_and_expiry() {
    let world = World::empty().await;
    let seeded = world.seed("film", &["film.ism", "film.mp4"]).await;
    world.sync().await;
    let pair = world.pair();
    // Read again, because the service rounds times when it stores them, but not in its answer to the creation.
    let original = pair.source.library.locator(&seeded.locator.id).await.unwrap().unwrap();
    let copy = pair.target.library.locator(&seeded.locator.id).await.unwrap().unwrap();
    assert_eq!(copy.name, original.name);
    assert_eq!(copy.start, original.start);
    assert_eq!(copy.expiry, original.expiry);
    assert!(copy.path.unwrap().ends_with(&format!("/{}/", seeded.locator.id)));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_with_several_locators_gets_them_all() {
    let world = World::empty().await;
    let seeded = world.seed("film", &["film.ism"]).await;
    let pair = world.pair();
    world.publish(&pair, &seeded.asset, 48).await;
    world.publish(&pair, &seeded.asset, 100).await;
    let (summary, _) = world.sync().await;
    assert_eq!(summary.locators.mirrored, 3);
    let (second, _) = world.sync().await;
    assert_eq!((second.locators.mirrored, second.locators.unchanged, second.assets.unchanged), (0, 3, 1));
}

/// Guarantee 2: what another tool or person made on the target is not changed.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_id_taken_by_a_foreign_asset_is_a_conflict_and_nothing_is_deleted() {
    let world = World::empty().await;
    let seeded = world.seed("film", &["film.ism", "film.mp4"]).await;
    world.seed("other", &["other.ism"]).await;
    let pair = world.pair();
    let foreign = foreign_asset(&world, "somebody else's").await;
    put(&pair.target.storage[0], &foreign, "theirs.mp4", vec![1; 10]).await;
    let taken = mediamirror::model::Locator { asset: foreign.id.clone(), ..seeded.locator.clone() };
    pair.target.library.publish(&[taken]).await.remove(0).unwrap();

    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Partial);
    assert_eq!((summary.assets.conflicts, summary.assets.mirrored), (1, 1));
    let reason = summary.problems[0].finding.to_string();
    assert!(reason.contains("somebody else's"), "{reason}");
    let still = pair.target.library.locator(&seeded.locator.id).await.unwrap().unwrap();
    assert_eq!(still.asset, foreign.id);
    let at = BlobRef { container: foreign.container.unwrap(), name: "theirs.mp4".to_owned() };
    assert!(pair.target.storage[0].properties(&at).await.unwrap().is_some());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_equal_asset_that_another_tool_made_is_a_conflict_and_not_written_to() {
    let world = World::empty().await;
    let seeded = world.seed("film", &["film.ism"]).await;
    let theirs = foreign_asset(&world, "migrated by another tool").await;
    let pair = world.pair();
    put(&pair.target.storage[0], &theirs, "film.ism", vec![b'x'; 1024]).await;
    let locator = mediamirror::model::Locator { asset: theirs.id.clone(), ..seeded.locator.clone() };
    pair.target.library.publish(&[locator]).await.remove(0).unwrap();
    let (summary, monitor) = world.sync().await;
    assert_eq!((summary.assets.conflicts, summary.blobs.copied), (1, 0), "{:?}", summary.problems);
    assert_eq!(monitor.outcome_of("film").unwrap().cause(), Some(Cause::LocatorIdTaken));
    assert_eq!(pair.target.library.assets().try_concat().await.unwrap().len(), 1, "nothing was made beside it");
}

/// Guarantee 4: a copy requires the listed entity tag.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_that_changes_during_its_copy_is_copied_in_its_new_state() {
    let mut world = World::empty().await;
    let seeded = world.seed("film", &["film.ism", "film.mp4"]).await;
    let pair = world.pair();
    let asset = seeded.asset.clone();
    let change = async move { put(&pair.source.storage[0], &asset, "film.mp4", vec![7; 4096]).await }.boxed();
    world.intercept(once(|request| is_blob_copy(request) && request.url().path().ends_with("film.mp4"), change));
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_eq!(world.verify().await.differences, []);
    assert_eq!(world.torn_blobs().await, [""; 0]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_deleted_during_the_run_is_reported_and_the_others_continue() {
    let mut world = World::empty().await;
    let gone = world.seed("gone", &["gone.ism", "gone.mp4"]).await;
    world.seed("stays", &["stays.ism"]).await;
    let pair = world.pair();
    let id = gone.asset.id.clone();
    let delete = async move { pair.source.library.delete_asset(&id).await.unwrap() }.boxed();
    let container = gone.asset.container.unwrap();
    let at = format!("/{container}/");
    world.intercept(once(
        move |request| is_blob_copy(request) && request.headers().iter().any(|(_, value)| value.as_str().contains(&at)),
        delete,
    ));
    let (summary, monitor) = world.sync().await;
    assert_eq!(
        monitor.outcome_of("gone"),
        Some(AssetOutcome::Not(Cause::SourceVanished.into())),
        "{:?}",
        summary.problems
    );
    assert_eq!(monitor.outcome_of("stays"), Some(AssetOutcome::Mirrored));
    assert!(world.pair().target.library.locator(&gone.locator.id).await.unwrap().is_none());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_next_run_copies_only_the_changed_blob() {
    let world = World::empty().await;
    let seeded = world.seed("film", &["film.ism", "a.mp4", "b.mp4"]).await;
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    world.sync().await;
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    put(&world.pair().source.storage[0], &seeded.asset, "b.mp4", vec![9; 2048]).await;
    let (summary, _) = world.sync().await;
    assert_eq!((summary.blobs.copied, summary.blobs.unchanged), (1, 2), "{:?}", summary.problems);
    assert_eq!(world.verify().await.differences, []);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_dry_run_reports_the_planned_changes_and_makes_none() {
    let world = World::generated("assets=5,blobs=4,seed=2,sizes=small,awkward=false,real=false").await;
    world.emulator.reset_stats();
    let (summary, _) = world.sync_with(Options { dry_run: true, ..Options::default() }).await;
    assert_eq!(summary.outcome, Outcome::DryRun);
    assert_eq!((summary.assets.mirrored, summary.blobs.copied), (5, 20));
    let writes = ["CreateAsset", "PutBlobFromUrl", "Batch", "CreateAccessPolicy", "CreateLocator"];
    assert!(writes.iter().all(|write| world.count(write) == 0));
    let (real, _) = world.sync().await;
    assert_eq!((real.blobs.copied, real.bytes_copied), (summary.blobs.copied, summary.bytes_copied));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_unpublished_asset_is_copied_and_not_published() {
    let world = World::empty().await;
    let pair = world.pair();
    let asset = seed_asset(&pair, "hidden").await;
    put(&pair.source.storage[0], &asset, "a.bin", vec![1; 100]).await;
    let (summary, _) = world.sync().await;
    assert_eq!((summary.assets.mirrored, summary.blobs.copied, summary.locators.mirrored), (1, 1, 0));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_that_an_earlier_run_left_pending_is_ended_and_replaced() {
    let mut settings = Settings::default();
    settings.regions[1].storage[0].limits.async_copy_min_ms = 3_600_000;
    let world = World::with(settings, None).await;
    let seeded = world.seed("film", &["film.ism", "film.mp4"]).await;
    let pair = world.pair();
    let wanted = NewAsset {
        name: Some("film".to_owned()),
        alternate_id: mark_of(&world, &seeded.asset),
        encryption: AssetEncryption::None,
        storage_account: None,
    };
    let half = pair.target.library.create_asset(&wanted).await.unwrap();
    let from = seeded.asset.container.clone().unwrap();
    let at = |name: &str| BlobRef { container: from.clone(), name: name.to_owned() };
    let blob = pair.source.storage[0].properties(&at("film.mp4")).await.unwrap().unwrap();
    let source = pair.source.storage[0].copy_source(&from, &blob).await.unwrap();
    let to = BlobRef { container: half.container.unwrap(), name: "film.mp4".to_owned() };
    pair.target.storage[0].start_copy(&to, &source).await.unwrap();

    let (summary, _) = world.sync_with(Options { copy_method: Some(CopyMethod::Put), ..Options::default() }).await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_eq!(world.torn_blobs().await, [""; 0]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asynchronous_copy_without_progress_is_replaced_by_blocks() {
    let mut settings = Settings::default();
    settings.regions[1].storage[0].limits.async_copy_min_ms = 30 * 24 * 3_600_000;
    let world = World::with(settings, None).await;
    world.seed("film", &["film.ism", "film.mp4"]).await;
    let (summary, _) = world.sync_with(Options { copy_method: Some(CopyMethod::Async), ..Options::default() }).await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_eq!(world.torn_blobs().await, [""; 0]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_published_asset_is_never_replaced_by_a_pending_copy() {
    let world = World::empty().await;
    let seeded = world.seed("film", &["film.ism", "film.mp4"]).await;
    let asynchronous = || Options { copy_method: Some(CopyMethod::Async), ..Options::default() };
    world.sync_with(asynchronous()).await;
    assert_eq!((world.count("CopyBlob"), world.count("PutBlockList")), (2, 0));
    put(&world.pair().source.storage[0], &seeded.asset, "film.mp4", vec![b'y'; 2048]).await;
    let (summary, _) = world.sync_with(asynchronous()).await;
    assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 1), "{:?}", summary.problems);
    assert_eq!((world.count("CopyBlob"), world.count("PutBlockList")), (2, 1));
    assert_eq!(world.torn_blobs().await, [""; 0]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_deleted_target_asset_is_made_again() {
    let world = World::empty().await;
    let seeded = world.seed("film", &["film.ism", "film.mp4"]).await;
    world.sync().await;
    let media = &world.pair().target.library;
    let copy = media.locator(&seeded.locator.id).await.unwrap().unwrap().asset;
    media.delete_asset(&copy).await.unwrap();
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 1), "{:?}", summary.problems);
    assert_eq!(world.verify().await.differences, []);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_deleted_or_damaged_target_blob_is_copied_again() {
    let world = World::empty().await;
    let seeded = world.seed("film", &["film.ism", "a.mp4", "b.mp4"]).await;
    world.sync().await;
    let pair = world.pair();
    let id = pair.target.library.locator(&seeded.locator.id).await.unwrap().unwrap().asset;
    let copy = pair.target.library.asset(&id).await.unwrap().unwrap();
    put(&pair.target.storage[0], &copy, "a.mp4", vec![0; 7]).await;
    let (summary, _) = world.sync().await;
    assert_eq!((summary.blobs.copied, summary.blobs.unchanged), (1, 2), "{:?}", summary.problems);
    assert_eq!(world.torn_blobs().await, [""; 0]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_extended_locator_is_extended_on_the_target() {
    let world = World::empty().await;
    let seeded = world.seed("film", &["film.ism"]).await;
    world.sync().await;
    let longer = mediamirror::model::Locator {
        expiry: seeded.locator.expiry + jiff::SignedDuration::from_hours(100),
        ..seeded.locator.clone()
    };
    world.pair().source.library.update_locator(&longer).await.unwrap();
    let (summary, _) = world.sync().await;
    assert_eq!((summary.locators.mirrored, summary.blobs.copied), (1, 0), "{:?}", summary.problems);
    assert_eq!(world.verify().await.differences, []);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_that_is_too_large_for_the_requested_method_is_copied_in_blocks() {
    // Put Blob From URL takes 5,000 MiB; a library of real sizes has larger blobs.
    let world = World::generated("assets=60,blobs=5,seed=3,awkward=false,real=false").await;
    let (summary, _) = world.sync_with(Options { copy_method: Some(CopyMethod::Put), ..Options::default() }).await;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 60), "{:?}", summary.problems);
    assert!(world.count("PutBlockFromUrl") > 0, "no blob was too large");
    assert_eq!(world.torn_blobs().await, [""; 0]);
}
