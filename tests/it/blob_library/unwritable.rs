//! Blobs of the target that may not be written: each cause fails its asset, and the others are mirrored.

use std::time::Duration;

use mediamirror::emulator::Protection;
use mediamirror::engine::{Outcome, Summary};

use super::{fill, raw, world};
use crate::world::World;

/// A world with two copies, both of which have changed in the source.
async fn changed() -> World {
    let world = world().await;
    for name in ["films", "series"] {
        fill(&world, name, &["a.ts", "b.ts"]).await;
    }
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
    for name in ["films", "series"] {
        assert!(world.emulator.put_blob("storewest", name, "a.ts", "changed", Some("video/mp4")));
    }
    // Services report times in whole seconds: a copy in the same second as its source could have the earlier state.
    tokio::time::advance(Duration::from_secs(1)).await;
    world
}

/// The causes of all problems, as text.
fn causes(summary: &Summary) -> Vec<&'static str> {
    summary.problems.iter().map(|problem| problem.finding.cause.code()).collect()
}

/// Checks that all blobs except the unwritable one are mirrored, and all of them after `free`.
async fn fails_alone(world: &World, cause: &str, free: impl AsyncFnOnce()) {
    for _ in 0..2 {
        world.emulator.reset_stats();
        let (summary, _) = world.sync().await;
        assert_eq!((summary.outcome, causes(&summary)), (Outcome::Partial, vec![cause]), "{:?}", summary.problems);
        assert_eq!(summary.assets.failed, 1);
        let refused = world.emulator.stats().requests.into_iter().filter(|row| row.status == 409 || row.status == 412);
        assert_eq!(refused.map(|row| row.count).sum::<u64>(), 1, "it is not tried again");
    }
    let equal = |name: &str| {
        let of = |account| world.emulator.fingerprint(account, name, "a.ts").unwrap();
        of("storewest") == of("storeeast")
    };
    assert!(equal("series") && !equal("films"));
    free().await;
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
    assert!(equal("films"));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_container_that_object_replication_writes_fails_its_asset() {
    let world = changed().await;
    assert!(world.emulator.protect("storeeast", "films", Some(Protection::Replication)));
    fails_alone(&world, "target-not-writable", async || {
        assert!(world.emulator.protect("storeeast", "films", None));
    })
    .await;
    // So do a new blob, and changed metadata of an existing one.
    assert!(world.emulator.protect("storeeast", "films", Some(Protection::Replication)));
    let account = "storewest";
    assert!(world.emulator.set_metadata(account, "films", "a.ts", &[("k", "v")]));
    assert_eq!(causes(&world.sync().await.0), ["target-not-writable"]);
    assert!(world.emulator.put_blob(account, "films", "c.ts", "new", None));
    assert_eq!(causes(&world.sync().await.0), ["target-not-writable"]);
    // It can be read and deleted.
    let target = raw(&world, 1);
    let there = target.ask("HEAD films/a.ts?", &[], "").await.expect(200);
    assert!(!there.header("x-ms-or-policy-id").is_empty());
    target.ask("PUT films/a.ts?comp=tier", &[("x-ms-access-tier", "Cool")], "").await.expect(200);
    target.ask("DELETE films/a.ts?", &[], "").await.expect(202);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_immutable_blob_fails_its_asset_and_new_names_are_mirrored() {
    for protection in [Protection::Immutability, Protection::LegalHold] {
        let world = changed().await;
        assert!(world.emulator.protect("storeeast", "films", Some(protection)));
        fails_alone(&world, "blob-immutable", async || {
            assert!(world.emulator.protect("storeeast", "films", None));
        })
        .await;
        assert!(world.emulator.protect("storeeast", "films", Some(protection)));
        assert!(world.emulator.put_blob("storewest", "films", "c.ts", "new", None));
        let (summary, _) = world.sync().await;
        assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 1), "{:?}", summary.problems);
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_that_an_operator_leased_fails_its_asset() {
    let world = changed().await;
    let target = raw(&world, 1);
    let lease = [("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "-1")];
    target.ask("PUT films/a.ts?comp=lease", &lease, "").await.expect(201);
    fails_alone(&world, "blob-leased", async || {
        target.ask("PUT films/a.ts?comp=lease", &[("x-ms-lease-action", "break")], "").await.expect(202);
    })
    .await;
}
