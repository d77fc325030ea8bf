//! Accounts with and without a hierarchical namespace, mirrored to each other.

use std::time::Duration;

use futures::FutureExt as _;
use mediamirror::blob::WriteIf;
use mediamirror::config::{AccountConfig, ServiceConfig};
use mediamirror::emulator::Settings;
use mediamirror::engine::Outcome;
use mediamirror::model::{BlobProperties, BlobRef, ContainerName};

use super::{expected, fill, mirrored, raw};
use crate::world::{World, is_blob_copy, once};

const MARKER: [(&str, &str); 2] = [("x-ms-blob-type", "BlockBlob"), ("x-ms-meta-hdi_isfolder", "true")];

/// Two storage accounts, each with a hierarchical namespace or without.
async fn world(hierarchical: [bool; 2]) -> World {
    let mut settings = Settings::default();
    for (region, hierarchical) in settings.regions.iter_mut().zip(hierarchical) {
        region.storage[0].hierarchical = hierarchical;
    }
    let mut world = World::with(settings, None).await;
    for account in [&mut world.config.source, &mut world.config.target] {
        let AccountConfig { service, account, storage, .. } = account;
        *service = ServiceConfig::Blobs;
        account.clone_from(&storage[0].account);
    }
    world
}

/// Fails unless a run changes nothing and finds both sides equal.
async fn is_equal(world: &World) {
    assert_eq!(world.verify().await.differences, []);
    world.emulator.reset_stats();
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_eq!((summary.blobs.copied, summary.assets.unchanged), (0, summary.assets.total));
}

/// A folder with a blob, and an empty one with a marker or a directory.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn markers_of_folders_are_blobs_only_between_flat_accounts() {
    for (hierarchical, blobs) in [
        ([false, false], &["a", "a/1.ts", "b.ts", "empty"][..]),
        ([false, true], &["a/1.ts", "b.ts"]),
        ([true, false], &["a/1.ts", "b.ts"]),
        ([true, true], &["a/1.ts", "b.ts"]),
    ] {
        let world = world(hierarchical).await;
        fill(&world, "films", &["a/1.ts", "b.ts"]).await;
        let source = raw(&world, 0);
        source.ask("PUT films/empty?", &MARKER, "").await.expect(201);
        if !hierarchical[0] {
            source.ask("PUT films/a?", &MARKER, "").await.expect(201);
        }
        let (summary, _) = world.sync().await;
        assert_eq!(summary.outcome, Outcome::Complete, "{hierarchical:?} {:?}", summary.problems);
        assert_eq!(mirrored(&world).await, expected(&[("films", blobs)]), "{hierarchical:?}");
        is_equal(&world).await;
        let asked = world.count("GetAccountInformation");
        assert!(asked == 0 || !hierarchical[0], "only where there are markers, {asked} times");
        // The next blob uses its directory, or creates it.
        for name in ["a/2.ts", "c/d/3.ts"] {
            assert!(world.emulator.put_blob("storewest", "films", name, "new", None));
        }
        let (summary, _) = world.sync().await;
        assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 2), "{:?}", summary.problems);
        is_equal(&world).await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn blobs_are_copied_without_index_tags_if_an_account_has_none_and_the_run_reports_it() {
    for (hierarchical, causes) in [([false, true], &["not-supported"][..]), ([true, true], &[])] {
        let world = world(hierarchical).await;
        fill(&world, "films", &["a.ts"]).await;
        if !hierarchical[0] {
            assert!(world.emulator.set_tags("storewest", "films", "a.ts", &[("k", "v")]));
        }
        for copied in [1, 0] {
            let (summary, _) = world.sync().await;
            let found: Vec<&str> = summary.problems.iter().map(|problem| problem.finding.cause.code()).collect();
            assert_eq!((found.as_slice(), summary.blobs.copied), (causes, copied), "{:?}", summary.problems);
            assert_eq!(mirrored(&world).await, expected(&[("films", &["a.ts"])]));
        }
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn only_the_asset_with_a_name_that_is_a_blob_and_a_folder_fails() {
    let world = world([false, true]).await;
    fill(&world, "films", &["a", "a/1.ts"]).await;
    fill(&world, "series", &["a.ts"]).await;
    for _ in 0..2 {
        let (summary, _) = world.sync().await;
        let causes: Vec<&str> = summary.problems.iter().map(|problem| problem.finding.cause.code()).collect();
        assert_eq!((summary.outcome, causes), (Outcome::Partial, vec!["name-is-directory"]), "{:?}", summary.problems);
    }
    assert_eq!(mirrored(&world).await[1], expected(&[("series", &["a.ts"])])[0]);
    world.pair().source.storage[0].delete_container(&ContainerName::new("films")).await.unwrap();
}

/// More blobs than are kept in memory, in folders whose contents are listed before files with smaller names.
const FOLDERS: [&str; 3] = ["a", "a-1", "a.x"];

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_large_container_is_mirrored_even_if_both_sides_list_it_in_different_orders() {
    for hierarchical in [[true, false], [false, true], [true, true]] {
        let world = world(hierarchical).await;
        fill(&world, "films", &["first"]).await;
        for at in 0..400 {
            for folder in FOLDERS {
                assert!(world.emulator.put_blob("storewest", "films", &format!("{folder}/{at:03}.ts"), "x", None));
            }
        }
        // A copy in the same second proves nothing.
        tokio::time::advance(Duration::from_secs(2)).await;
        let (summary, _) = world.sync().await;
        assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 1201), "{:?}", summary.problems);
        is_equal(&world).await;
        // One is changed, one is added, and one is deleted.
        assert!(world.emulator.put_blob("storewest", "films", "a/007.ts", "changed", None));
        assert!(world.emulator.put_blob("storewest", "films", "a-2.ts", "new", None));
        assert!(world.emulator.delete_blob("storewest", "films", "a.x/100.ts"));
        let differences = world.verify().await.differences;
        assert_eq!(differences.len(), 2, "{hierarchical:?} {differences:?}");
        let (summary, _) = world.sync().await;
        assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 2), "{:?}", summary.problems);
        assert_eq!(mirrored(&world).await[0].1.len(), 1202);
        is_equal(&world).await;
    }
}

/// A blob that changes while it is copied is compared in its new state.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_of_a_sorted_container_can_change_during_the_run() {
    let mut world = world([true, true]).await;
    fill(&world, "films", &["first"]).await;
    for at in 0..400 {
        for folder in FOLDERS {
            assert!(world.emulator.put_blob("storewest", "films", &format!("{folder}/{at:03}.ts"), "x", None));
        }
    }
    let pair = world.pair();
    let change = async move {
        let at = BlobRef { container: ContainerName::new("films"), name: "a/399.ts".to_owned() };
        pair.source.storage[0].put_blob(&at, "changed".into(), &BlobProperties::default()).await.unwrap();
        pair.source.storage[0]
            .delete_blob(&BlobRef { name: "a-1/399.ts".to_owned(), ..at }, WriteIf::Etag("*"))
            .await
            .unwrap();
    };
    world.intercept(once(is_blob_copy, change.boxed()));
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_eq!(mirrored(&world).await[0].1.len(), 1200);
    is_equal(&world).await;
}
