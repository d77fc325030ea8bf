//! Completed copies that another program damages or deletes on the target, and the remains of aborted copies.

use azure_core::http::Method;
use futures::TryStreamExt;
use mediamirror::engine::{Outcome, Summary};
use mediamirror::model::{Asset, AssetChange, AssetEncryption, BlobRef, ContainerName, Locator, Mark, NewAsset};
use mediamirror::verdict::Cause;

use crate::world::{Seeded, World, ask_media, copy_of, mark_of, put};

const BLOBS: [&str; 3] = ["film.ism", "a.mp4", "b.mp4"];

/// A mirrored asset, and another one that does not change.
struct Mirrored {
    world: World,
    film: Seeded,
    /// Our copy of it.
    copy: Asset,
}

impl Mirrored {
    async fn film() -> Self {
        let world = World::empty().await;
        let film = world.seed("film", &BLOBS).await;
        world.seed("other", &["other.ism", "other.mp4"]).await;
        assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
        tokio::time::advance(std::time::Duration::from_mins(30)).await;
        let copy = copy_of(&world, &film.asset).await;
        Self { world, film, copy }
    }

    fn container(&self) -> &ContainerName {
        self.copy.container.as_ref().unwrap()
    }

    fn delete_blob(&self, name: &str) {
        assert!(self.world.emulator.delete_blob("storeeast", self.container().as_str(), name), "{name}");
    }

    /// Deletes only the record of a file.
    async fn delete_record(&self, name: &str) {
        let path = format!("Assets('{}')/Files", self.copy.id);
        let (_, files) = ask_media(&self.world, 1, (Method::Get, "2.19"), &path, String::new()).await;
        let files: serde_json::Value = serde_json::from_slice(&files).unwrap();
        let file = files["value"].as_array().unwrap().iter().find(|file| file["Name"] == name).unwrap();
        let path = format!("Files('{}')", file["Id"].as_str().unwrap());
        assert_eq!(ask_media(&self.world, 1, (Method::Delete, "2.19"), &path, String::new()).await.0, 204);
    }

    /// The differences that `verify` reports for the film: item and difference.
    async fn differences(&self) -> Vec<(String, String)> {
        let verification = self.world.verify().await;
        assert!(verification.differences.iter().all(|difference| difference.name == "film"));
        assert_eq!(verification.assets.same, if verification.differences.is_empty() { 2 } else { 1 });
        verification.differences.into_iter().map(|difference| (difference.item, difference.what)).collect()
    }

    /// Checks that the next run repairs it without other options, and changes nothing else.
    async fn is_repaired_by_the_next_run(&self) -> Summary {
        let (summary, _) = self.world.sync().await;
        assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 1), "{:?}", summary.problems);
        assert_eq!(summary.assets.unchanged, 1);
        assert_eq!(self.differences().await, []);
        assert_eq!(self.world.torn_blobs().await, [""; 0]);
        assert_eq!(self.world.sync().await.0.assets.unchanged, 2, "it is at rest again");
        summary
    }
}

/// An asset of the target with that mark.
async fn made(world: &World, name: &str, alternate_id: &str) -> Asset {
    let wanted = NewAsset {
        name: Some(name.to_owned()),
        alternate_id: alternate_id.to_owned(),
        encryption: AssetEncryption::None,
        storage_account: None,
    };
    world.pair().target.library.create_asset(&wanted).await.unwrap()
}

/// One difference in the form of [`Mirrored::differences`].
fn said(item: &str, what: &str) -> (String, String) {
    (item.to_owned(), what.to_owned())
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_deleted_on_the_target_is_reported_and_only_it_is_copied_again() {
    let mirrored = Mirrored::film().await;
    mirrored.delete_blob("a.mp4");
    assert_eq!(mirrored.differences().await, [said("a.mp4", "missing on the target")]);
    assert_eq!(mirrored.is_repaired_by_the_next_run().await.blobs.copied, 1);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_overwritten_on_the_target_is_reported_and_only_it_is_copied_again() {
    for (bytes, reported) in [(vec![7; 10], "length 10 instead of 1024"), (vec![7; 1024], "Content-MD5")] {
        let mirrored = Mirrored::film().await;
        put(&mirrored.world.pair().target.storage[0], &mirrored.copy, "a.mp4", bytes).await;
        assert_eq!(mirrored.differences().await, [said("a.mp4", reported)]);
        assert_eq!(mirrored.is_repaired_by_the_next_run().await.blobs.copied, 1, "{reported}");
    }
}

/// A blob made from blocks has no checksum, so comparing listings does not show other bytes.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn only_an_overwritten_blob_without_a_checksum_is_copied_again() {
    let world = World::empty().await;
    let film = world.seed("film", &["film.ism"]).await;
    for name in ["a.mp4", "b.mp4"] {
        put_without_checksum(&world, 0, film.asset.container.clone().unwrap(), name, b"true").await;
    }
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
    tokio::time::advance(std::time::Duration::from_mins(30)).await;
    let copy = copy_of(&world, &film.asset).await;
    put_without_checksum(&world, 1, copy.container.unwrap(), "a.mp4", b"lies").await;
    assert_eq!(world.torn_blobs().await, ["film/a.mp4"]);
    let reported = world.verify().await.differences;
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert_eq!(
        (reported[0].item.as_str(), reported[0].what.as_str()),
        ("a.mp4", "written on the target since it was verified")
    );
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 1), "{:?}", summary.problems);
    assert_eq!(world.torn_blobs().await, [""; 0]);
    assert_eq!(world.sync().await.0.assets.unchanged, 1);
}

async fn put_without_checksum(
    world: &World,
    region: usize,
    container: ContainerName,
    name: &str,
    bytes: &'static [u8],
) {
    let pair = world.pair();
    let account = if region == 0 { &pair.source.storage[0] } else { &pair.target.storage[0] };
    let at = BlobRef { container, name: name.to_owned() };
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, bytes);
    account.stage_block(&at, b"0001", bytes.into(), crc).await.unwrap();
    let properties = mediamirror::model::BlobProperties::default();
    account.commit_blocks(&at, &[b"0001".to_vec()], &properties).await.unwrap();
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_file_record_deleted_on_the_target_is_reported_and_made_again() {
    // Together with its blob, as in the portal: the container shows it immediately.
    let mirrored = Mirrored::film().await;
    mirrored.delete_blob("a.mp4");
    mirrored.delete_record("a.mp4").await;
    let reported = [said("a.mp4", "missing on the target"), said("a.mp4", "the file record is missing on the target")];
    assert_eq!(mirrored.differences().await, reported);
    mirrored.is_repaired_by_the_next_run().await;

    // A missing record alone is found only if all records are listed: always by `verify`, once a week by runs.
    let mirrored = Mirrored::film().await;
    mirrored.delete_record("a.mp4").await;
    assert_eq!(mirrored.differences().await, reported[1..]);
    let unmoved = mirrored.world.sync().await.0;
    assert_eq!((unmoved.outcome, unmoved.assets.unchanged), (Outcome::Complete, 2));
    tokio::time::advance(std::time::Duration::from_hours(7 * 24)).await;
    assert_eq!(mirrored.is_repaired_by_the_next_run().await.blobs.copied, 0);
    // Or immediately, if the next run has no ledger.
    let mut mirrored = Mirrored::film().await;
    mirrored.delete_record("a.mp4").await;
    mirrored.world.ledger = mediamirror::ledger::Ledger::in_memory().unwrap();
    let (summary, _) = mirrored.world.sync().await;
    assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 0), "{:?}", summary.problems);
    assert_eq!(mirrored.differences().await, []);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_deleted_on_the_target_is_reported_and_published_again() {
    let mirrored = Mirrored::film().await;
    let id = &mirrored.film.locator.id;
    mirrored.world.pair().target.library.delete_locator(id).await.unwrap();
    assert_eq!(mirrored.differences().await, [said(id.as_str(), "the locator is missing on the target")]);
    let summary = mirrored.is_repaired_by_the_next_run().await;
    assert_eq!((summary.locators.mirrored, summary.blobs.copied), (1, 0));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_deleted_copy_is_reported_and_made_again() {
    let mirrored = Mirrored::film().await;
    mirrored.world.pair().target.library.delete_asset(&mirrored.copy.id).await.unwrap();
    assert_eq!(mirrored.differences().await, [said("asset", "missing on the target")]);
    let summary = mirrored.is_repaired_by_the_next_run().await;
    assert_eq!((summary.locators.mirrored, summary.blobs.copied), (1, 3));
    assert_ne!(copy_of(&mirrored.world, &mirrored.film.asset).await.id, mirrored.copy.id);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_that_plays_and_whose_complete_mark_was_never_stored_is_still_ours() {
    let mirrored = Mirrored::film().await;
    let mut mark = Mark::parse(mirrored.copy.alternate_id.as_deref().unwrap()).unwrap();
    mark.own = None;
    let change = AssetChange { alternate_id: Some(Some(mark.text())), ..AssetChange::default() };
    mirrored.world.pair().target.library.update_asset(&mirrored.copy.id, &change).await.unwrap();
    assert_eq!(mirrored.differences().await, [said("asset", "its name or mark differs")]);
    let summary = mirrored.is_repaired_by_the_next_run().await;
    assert_eq!((summary.locators.mirrored, summary.blobs.copied), (0, 0));
    assert_eq!(copy_of(&mirrored.world, &mirrored.film.asset).await.id, mirrored.copy.id);
}

/// An empty blob with all properties of the source's blob, as an aborted copy leaves it.
async fn leave_empty(world: &World, film: &Asset, copy: &Asset, name: &str) {
    let pair = world.pair();
    let at = |asset: &Asset| BlobRef { container: asset.container.clone().unwrap(), name: name.to_owned() };
    let properties = pair.source.storage[0].properties(&at(film)).await.unwrap().unwrap().properties;
    // Put Blob would compare the checksum with the content.
    pair.target.storage[0].commit_blocks(&at(copy), &[], &properties).await.unwrap();
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_empty_blob_of_an_aborted_copy_in_our_copy_is_replaced() {
    // As after an aborted run: there is the asset with our mark, and no ledger.
    let world = World::empty().await;
    let film = world.seed("film", &BLOBS).await.asset;
    tokio::time::advance(std::time::Duration::from_mins(1)).await;
    let ours = made(&world, "film", &mark_of(&world, &film)).await;
    leave_empty(&world, &film, &ours, "a.mp4").await;
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 3), "{:?}", summary.problems);
    assert_eq!(copy_of(&world, &film).await.id, ours.id, "it was made a second time");
    assert_eq!(world.torn_blobs().await, [""; 0]);
    // And in a copy that is done according to the ledger.
    tokio::time::advance(std::time::Duration::from_mins(1)).await;
    leave_empty(&world, &film, &ours, "a.mp4").await;
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 1), "{:?}", summary.problems);
    assert_eq!(world.torn_blobs().await, [""; 0]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_empty_blob_with_full_metadata_in_a_foreign_asset_is_a_conflict_and_kept() {
    let world = World::empty().await;
    let film = world.seed("film", &BLOBS).await;
    let theirs = made(&world, "theirs", "theirs").await;
    for name in BLOBS {
        leave_empty(&world, &film.asset, &theirs, name).await;
    }
    let pair = world.pair();
    let taken = Locator { asset: theirs.id.clone(), ..film.locator.clone() };
    pair.target.library.publish(&[taken]).await.remove(0).unwrap();
    let listed = || pair.target.storage[0].list(theirs.container.as_ref().unwrap()).try_concat();
    let before: Vec<_> = listed().await.unwrap();
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.conflicts), (Outcome::Partial, 1));
    let why = summary.problems[0].finding.to_string();
    assert!(why.contains("locator-id-taken") && why.contains("theirs"), "{why}");
    assert_eq!(listed().await.unwrap(), before);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_foreign_asset_that_replaced_a_copy_is_reported_and_not_changed() {
    let mirrored = Mirrored::film().await;
    let world = &mirrored.world;
    let pair = world.pair();
    pair.target.library.delete_asset(&mirrored.copy.id).await.unwrap();
    let theirs = made(world, "theirs", "theirs").await;
    put(&pair.target.storage[0], &theirs, "a.mp4", vec![7; 10]).await;
    let taken = Locator { asset: theirs.id.clone(), ..mirrored.film.locator.clone() };
    pair.target.library.publish(&[taken]).await.remove(0).unwrap();

    let reported = world.verify().await;
    assert_eq!(
        (reported.assets.not_mirrored, reported.problems[0].finding.cause),
        (1, Cause::LocatorIdTaken),
        "{reported:?}"
    );
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.conflicts), (Outcome::Partial, 1), "{:?}", summary.problems);
    let why = summary.problems[0].finding.to_string();
    assert!(why.contains("theirs") && why.contains(theirs.id.as_str()), "{why}");
    let blobs: Vec<_> = pair.target.storage[0].list(theirs.container.as_ref().unwrap()).try_concat().await.unwrap();
    assert_eq!(blobs.iter().map(|blob| blob.length).collect::<Vec<_>>(), [10]);
    assert_eq!(pair.target.library.locator(&mirrored.film.locator.id).await.unwrap().unwrap().asset, theirs.id);
}
