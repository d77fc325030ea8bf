//! Append and page blobs keep their types, and sealed ones their seal.

use std::time::Duration;

use futures::TryStreamExt as _;
use mediamirror::engine::Outcome;
use mediamirror::model::{Blob, BlobKind, ContainerName};

use super::{fill, raw, world};
use crate::world::World;

/// A world whose source has a container with a blob of each type.
async fn mixed() -> World {
    let world = world().await;
    fill(&world, "mixed", &["film.mp4"]).await;
    let source = raw(&world, 0);
    let log = [("x-ms-blob-type", "AppendBlob"), ("x-ms-blob-content-type", "text/plain"), ("x-ms-tags", "kind=log")];
    source.ask("PUT mixed/log.txt?", &log, "").await.expect(201);
    append(&world, "first").await;
    let disk =
        [("x-ms-blob-type", "PageBlob"), ("x-ms-blob-content-length", "1024"), ("x-ms-blob-sequence-number", "7")];
    source.ask("PUT mixed/disk.vhd?", &disk, "").await.expect(201);
    let pages = [("x-ms-page-write", "update"), ("x-ms-range", "bytes=512-1023")];
    source.ask("PUT mixed/disk.vhd?comp=page", &pages, vec![1_u8; 512]).await.expect(201);
    // A copy in the same second proves nothing.
    tokio::time::advance(Duration::from_secs(2)).await;
    world
}

async fn append(world: &World, text: &'static str) {
    raw(world, 0).ask("PUT mixed/log.txt?comp=appendblock", &[], text).await.expect(201);
}

/// The blobs of the copy.
async fn copies(world: &World) -> Vec<Blob> {
    world.pair().target.storage[0].list(&ContainerName::new("mixed")).try_concat().await.unwrap()
}

/// Names and types of the blobs of the copy.
async fn types(world: &World) -> Vec<(String, BlobKind)> {
    copies(world).await.into_iter().map(|blob| (blob.name, blob.kind)).collect()
}

fn expected(log: BlobKind, disk: BlobKind) -> Vec<(String, BlobKind)> {
    let one = |name: &str, kind| (name.to_owned(), kind);
    vec![one("disk.vhd", disk), one("film.mp4", BlobKind::Block), one("log.txt", log)]
}

/// Mirrors; fails unless everything is equal afterwards and another run copies nothing.
async fn mirrors(world: &World) {
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    for name in ["disk.vhd", "film.mp4", "log.txt"] {
        let of = |account| world.emulator.fingerprint(account, "mixed", name).unwrap();
        assert_eq!(of("storewest"), of("storeeast"), "{name}");
    }
    assert_eq!(world.verify().await.differences, []);
    let (again, _) = world.sync().await;
    assert_eq!((again.outcome, again.blobs.copied, again.assets.unchanged), (Outcome::Complete, 0, 1));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn append_and_page_blobs_keep_their_types_and_follow_their_sources() {
    let world = mixed().await;
    mirrors(&world).await;
    assert_eq!(types(&world).await, expected(BlobKind::Append, BlobKind::Page));
    let disk = raw(&world, 1).ask("HEAD mixed/disk.vhd?", &[], "").await.expect(200);
    assert_eq!(disk.header("x-ms-blob-sequence-number"), "7");
    assert!(copies(&world).await[2].properties.tags.is_any());

    // The log grows, and the disk becomes a blob of another type.
    append(&world, "second").await;
    raw(&world, 0).ask("DELETE mixed/disk.vhd?", &[], "").await.expect(202);
    fill_again(&world, "no disk").await;
    mirrors(&world).await;
    assert_eq!(types(&world).await, expected(BlobKind::Append, BlobKind::Block));
}

/// Replaces the disk by a block blob.
async fn fill_again(world: &World, content: &'static str) {
    raw(world, 0).ask("PUT mixed/disk.vhd?", &[("x-ms-blob-type", "BlockBlob")], content).await.expect(201);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_sealed_append_blob_is_copied_sealed() {
    let world = mixed().await;
    raw(&world, 0).ask("PUT mixed/log.txt?comp=seal", &[], "").await.expect(200);
    mirrors(&world).await;
    assert_eq!(types(&world).await, expected(BlobKind::SealedAppend, BlobKind::Page));
    assert_eq!(world.count("AppendBlobSeal"), 1, "by the source's owner alone");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_that_is_sealed_later_is_sealed_on_the_target_and_not_copied_again() {
    let world = mixed().await;
    mirrors(&world).await;
    raw(&world, 0).ask("PUT mixed/log.txt?comp=seal", &[], "").await.expect(200);
    let differences = world.verify().await.differences;
    assert!(differences.len() == 1 && format!("{differences:?}").contains("not sealed"), "{differences:?}");
    world.emulator.reset_stats();
    mirrors(&world).await;
    assert_eq!((world.count("AppendBlobSeal"), world.count("CopyBlob")), (1, 0));
    assert_eq!(types(&world).await, expected(BlobKind::SealedAppend, BlobKind::Page));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_that_another_program_sealed_is_made_again() {
    let world = mixed().await;
    mirrors(&world).await;
    raw(&world, 1).ask("PUT mixed/log.txt?comp=seal", &[], "").await.expect(200);
    append(&world, "second").await;
    mirrors(&world).await;
    assert_eq!(types(&world).await, expected(BlobKind::Append, BlobKind::Page));
    // Also without a change of the source.
    raw(&world, 1).ask("PUT mixed/log.txt?comp=seal", &[], "").await.expect(200);
    mirrors(&world).await;
    assert_eq!(types(&world).await, expected(BlobKind::Append, BlobKind::Page));
}
