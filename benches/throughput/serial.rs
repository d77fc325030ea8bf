//! The tutorial's algorithm: one asset after the other, one blob after the other, with a check of its status every
//! second.

use std::time::{Duration, Instant};

use futures::TryStreamExt;
use mediamirror::library::FileSet;
use mediamirror::model::{BlobRef, CopyStatus, LocatorKind, NewAsset};

use crate::setup::Mirror;

/// The tutorial's `Thread.Sleep(1000)`.
const POLL: Duration = Duration::from_secs(1);
/// The most checks of one copy.
const MOST_LOOKS: u32 = 60;

/// Mirrors the library; returns the number of blobs and the time.
pub(crate) async fn mirror(mirror: &Mirror) -> (u32, Duration) {
    let pair = mirror.pair();
    let (source, target) = (&pair.source, &pair.target);
    let started = Instant::now();
    let mut copied = 0;
    let assets = source.library.assets().try_concat().await.expect("the assets are listed");
    let locators = source.library.locators().try_concat().await.expect("the locators are listed");
    for asset in assets {
        let from = asset.container.clone().expect("version 2.19 names the container");
        let made = target
            .library
            .create_asset(&NewAsset {
                name: Some(from.to_string()),
                alternate_id: asset.id.to_string(),
                encryption: asset.encryption,
                storage_account: None,
            })
            .await
            .expect("the asset is created");
        let to = made.container.expect("version 2.19 names the container");
        for blob in source.storage[0].list(&from).try_concat().await.expect("the blobs are listed") {
            let source_blob = source.storage[0].copy_source(&from, &blob).await.expect("the source can be signed");
            let at = BlobRef { container: to.clone(), name: blob.name.clone() };
            let mut copy = target.storage[0].start_copy(&at, &source_blob).await.expect("the copy begins");
            for _ in 0..MOST_LOOKS {
                let seen = target.storage[0].properties(&at).await.expect("the blob can be looked at");
                copy = seen.and_then(|blob| blob.copy).expect("the blob names its copy");
                if copy.status != CopyStatus::Pending {
                    break;
                }
                tokio::time::sleep(POLL).await;
            }
            assert_eq!(copy.status, CopyStatus::Success);
            copied += 1;
        }
        let files = source.library.files_of(std::slice::from_ref(&asset.id)).await.expect("the files are listed");
        let set = FileSet::new(made.id.clone(), files.concat());
        for result in target.library.register_files(&[set]).await {
            result.expect("the files are registered");
        }
        for locator in
            locators.iter().filter(|locator| locator.asset == asset.id && locator.kind == LocatorKind::Streaming)
        {
            let copy = mediamirror::model::Locator { asset: made.id.clone(), ..locator.clone() };
            target.library.publish(&[copy]).await.remove(0).expect("the locator is made");
        }
    }
    (copied, started.elapsed())
}
