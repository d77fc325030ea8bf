//! Uploads: the uploaded content, the remains of an interrupted upload, and how it is resumed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mediamirror::asset::{UploadOptions, upload};
use mediamirror::emulator::FaultPlan;
use mediamirror::model::{AssetEncryption, BlobRef};
use mediamirror::monitor::{RunEvent, Silent, TestMonitor};
use tokio::sync::Notify;

use super::{left, named, noise, written};
use crate::world::World;

/// The length of a block.
const BLOCK: usize = 4 << 20;

#[tokio::test]
async fn files_are_uploaded_with_checksum_type_and_record_and_nothing_temporary_is_made() {
    let world = World::empty().await;
    let pair = world.pair();
    let film = noise(2 * BLOCK + 5);
    let (_place, files) = written(&[("film.mp4", &film), ("film.ism", b"<smil/>"), ("empty.bin", b"")]);
    let monitor = TestMonitor::default();
    let uploaded = upload(&pair.source, &files, &named("film"), &monitor).await.unwrap();
    let asset = pair.source.library.asset(&uploaded.id).await.unwrap().unwrap();
    assert_eq!((asset.name.as_deref(), asset.alternate_id.as_deref()), (Some("film"), None));

    for (name, content, mime) in [
        ("film.mp4", film.as_slice(), "video/mp4"),
        ("film.ism", b"<smil/>", "application/xml"),
        ("empty.bin", b"", "application/octet-stream"),
    ] {
        let at = BlobRef { container: uploaded.container.clone(), name: name.to_owned() };
        let blob = pair.source.storage[0].properties(&at).await.unwrap().unwrap();
        assert_eq!(
            (blob.length, blob.properties.content_type.as_deref()),
            (content.len() as u64, Some(mime)),
            "{name}"
        );
        // The same bytes, written in one request, for comparison.
        let twin = BlobRef { name: format!("twin-{name}"), ..at.clone() };
        pair.source.storage[0].put_blob(&twin, content.to_vec().into(), &blob.properties).await.unwrap();
        let print = |name: &str| world.emulator.fingerprint("storewest", uploaded.container.as_str(), name).unwrap();
        assert_eq!(print(name), print(&twin.name), "{name}");
        let twin = pair.source.storage[0].properties(&twin).await.unwrap().unwrap();
        assert_eq!(blob.properties.content_md5, twin.properties.content_md5, "{name}");
    }
    let mut records = pair.source.library.files_of(std::slice::from_ref(&uploaded.id)).await.unwrap().remove(0);
    records.sort_by(|a, b| a.name.cmp(&b.name));
    let shown: Vec<_> = records.iter().map(|file| (file.name.as_str(), file.size, file.primary)).collect();
    assert_eq!(shown, [("empty.bin", 0, false), ("film.ism", 7, true), ("film.mp4", film.len() as u64, false)]);
    assert_eq!(left(&pair).await, (vec![], 0));
    assert_eq!((world.count("CreateAccessPolicy"), world.count("CreateLocator")), (0, 0));
    let sent: u64 = monitor
        .events()
        .iter()
        .filter_map(|event| if let RunEvent::BytesSent { bytes, .. } = event { Some(*bytes) } else { None })
        .sum();
    assert_eq!(sent, film.len() as u64 + 7);
}

#[tokio::test]
async fn an_interrupted_upload_is_resumed_and_no_block_is_sent_twice() {
    let mut world = World::empty().await;
    let (sent, dying, third) = (AtomicU64::new(0), Arc::new(AtomicBool::new(true)), Arc::new(Notify::new()));
    let (stuck, notifier) = (Arc::clone(&dying), Arc::clone(&third));
    world.intercept(move |request| {
        let block = request.url().query().is_some_and(|query| query.contains("blockid="));
        if !block || !stuck.load(Ordering::Relaxed) || sent.fetch_add(1, Ordering::Relaxed) < 3 {
            return None;
        }
        notifier.notify_one();
        Some(Box::pin(std::future::pending()))
    });
    let pair = world.pair();
    let film = noise(8 * BLOCK);
    let (_place, files) = written(&[("film.mp4", &film)]);
    let options = named("film");
    tokio::select! {
        biased;
        () = third.notified() => {}
        done = upload(&pair.source, &files, &options, &Silent) => panic!("it was to die: {done:?}"),
    }
    dying.store(false, Ordering::Relaxed);
    let before = world.count("PutBlock");
    assert!((1..8).contains(&before), "{before}");
    let uploaded = upload(&pair.source, &files, &options, &Silent).await.unwrap();
    assert!(uploaded.resumed);
    assert_eq!((world.count("CreateAsset"), world.count("PutBlock")), (1, 8));
    assert_eq!(uploaded.files[0].there, before * BLOCK as u64);

    let again = upload(&pair.source, &files, &options, &Silent).await.unwrap();
    assert!(!again.resumed && again.id != uploaded.id, "a finished upload is not continued");
    assert_eq!(again.files[0].md5, uploaded.files[0].md5);
}

#[tokio::test]
async fn complete_files_of_an_interrupted_upload_are_not_sent_again() {
    let world = World::empty().await;
    let pair = world.pair();
    let (_place, files) = written(&[("a.mp4", &noise(BLOCK)), ("b.mp4", b"b")]);
    // Making the records fails, so only they are missing.
    let plan = r#"
        [[rule]]
        plane = "media"
        operation = "{Batch,CreateFile,CreateFileInfos}"
        fault = { refuse = { status = 403 } }
    "#;
    world.emulator.set_faults(&FaultPlan::parse(plan).unwrap()).unwrap();
    upload(&pair.source, &files, &named("ab"), &Silent).await.unwrap_err();
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    let blocks = world.count("PutBlock");
    let uploaded = upload(&pair.source, &files, &named("ab"), &Silent).await.unwrap();
    assert!(uploaded.resumed && uploaded.files.iter().all(|file| file.there == file.bytes));
    assert_eq!((world.count("PutBlock"), world.count("CreateAsset")), (blocks, 1));
    assert_eq!(pair.source.library.files_of(&[uploaded.id]).await.unwrap()[0].len(), 2);
}

#[tokio::test]
async fn a_file_that_changed_since_is_another_upload() {
    let world = World::empty().await;
    let pair = world.pair();
    let (_place, files) = written(&[("a.mp4", b"one")]);
    let plan = r#"
        [[rule]]
        operation = "PutBlockList"
        fault = { refuse = { status = 403 } }
    "#;
    world.emulator.set_faults(&FaultPlan::parse(plan).unwrap()).unwrap();
    upload(&pair.source, &files, &named("a"), &Silent).await.unwrap_err();
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    std::fs::write(&files[0], "three").unwrap();
    let uploaded = upload(&pair.source, &files, &named("a"), &Silent).await.unwrap();
    assert!(!uploaded.resumed);
    assert_eq!((uploaded.files[0].bytes, world.count("CreateAsset")), (5, 2));
}

#[tokio::test]
async fn storage_encryption_is_refused_before_any_request_and_other_options_are_sent_to_the_service() {
    let world = World::empty().await;
    let pair = world.pair();
    let (_place, files) = written(&[("a.mp4", b"x")]);
    let with = |encryption| UploadOptions { name: None, encryption };
    let error = upload(&pair.source, &files, &with(AssetEncryption::Storage), &Silent).await.unwrap_err();
    assert!(error.to_string().contains("cannot be mirrored"), "{error}");
    assert!(world.emulator.stats().requests.is_empty());
    for encryption in [AssetEncryption::Common, AssetEncryption::Envelope] {
        let uploaded = upload(&pair.source, &files, &with(encryption), &Silent).await.unwrap();
        let asset = pair.source.library.asset(&uploaded.id).await.unwrap().unwrap();
        assert_eq!((asset.encryption, asset.name.as_deref()), (encryption, Some("a.mp4")));
    }
}
