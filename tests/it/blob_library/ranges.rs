//! A container with many folders, listed in ranges of names.

use std::time::Duration;

use mediamirror::emulator::settings::BlobLimits;
use mediamirror::engine::Options;

use super::{fill, world};

const FOLDERS: u64 = 400;
const BLOBS: u64 = 100;

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn several_pages_of_a_container_with_many_folders_are_listed_at_the_same_time() {
    let world = world().await;
    fill(&world, "vod", &["index.html"]).await;
    for (folder, blob) in (0..FOLDERS).flat_map(|folder| (0..BLOBS).map(move |blob| (folder, blob))) {
        let name = format!("films/{folder:03}/{blob:02}.ts");
        assert!(world.emulator.put_blob("storewest", "vod", &name, &b"x"[..], None));
    }
    let far = BlobLimits { latency_ms: 1_000, ..BlobLimits::default() };
    assert!(world.emulator.set_limits("storewest", &far));
    world.emulator.reset_stats();
    let (summary, _) = world.sync_with(Options { dry_run: true, ..Options::default() }).await;
    assert_eq!(summary.blobs.copied, FOLDERS * BLOBS + 1, "{:?}", summary.problems);
    // Listed twice, once to compare and once, page by page, to count what is to be copied: nine pages each. The first three
    // pages of the first listing, the folders and eight pages at once take five seconds.
    assert!(summary.elapsed < Duration::from_secs(16), "{:?}", summary.elapsed);
    assert!(world.count("ListBlobs") <= 24, "{}", world.count("ListBlobs"));
}
