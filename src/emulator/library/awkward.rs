//! The awkward assets: cases that occur in real libraries and on which simple tools fail. Each is named after its case.

use bytes::Bytes;

use super::dice::Dice;
use super::manifests;
use super::ordinary::files;
use super::plan::{PlannedAsset, PlannedBlob, PlannedLocator};
use crate::emulator::storage::Content;

/// Makes one awkward asset from random values.
type Recipe = fn(&mut Dice) -> PlannedAsset;

/// All of them.
pub(super) const ALL: [Recipe; 12] = [
    no_container,
    empty_container,
    nested_folders,
    several_server_manifests,
    no_server_manifest,
    names_to_encode,
    zero_byte_blobs,
    storage_encrypted,
    expired_locator,
    future_locator,
    five_locators,
    not_published,
];

/// A published asset of the usual files, to be made awkward.
fn named(dice: &mut Dice, name: &str, blobs: usize) -> PlannedAsset {
    PlannedAsset {
        name: name.to_owned(),
        guid: dice.guid(),
        blobs: files(dice, "show", blobs),
        primary: (blobs >= 2).then(|| "show.ism".to_owned()),
        locators: vec![PlannedLocator::lasting(dice.guid())],
        ..PlannedAsset::default()
    }
}

fn no_container(dice: &mut Dice) -> PlannedAsset {
    PlannedAsset { lose_container: true, ..named(dice, "awkward-no-container", 0) }
}

fn empty_container(dice: &mut Dice) -> PlannedAsset {
    named(dice, "awkward-empty-container", 0)
}

fn nested_folders(dice: &mut Dice) -> PlannedAsset {
    let mut asset = named(dice, "awkward-nested-folders", 4);
    for name in ["thumbs/large/0001.jpg", "thumbs/large/0002.jpg", "thumbs/0001.jpg", "a/b/c/d/e/deep.txt"] {
        let length = dice.log_normal(24_000.0, 0.6);
        asset.blobs.push(dice.blob(name, length));
    }
    asset
}

fn several_server_manifests(dice: &mut Dice) -> PlannedAsset {
    let mut asset = named(dice, "awkward-several-ism", 5);
    asset.blobs.extend(files(dice, "trailer", 3));
    asset.primary = None;
    asset
}

fn no_server_manifest(dice: &mut Dice) -> PlannedAsset {
    let mut asset = named(dice, "awkward-no-ism", 0);
    let length = dice.log_normal(200_000_000.0, 1.0);
    asset.blobs = vec![dice.blob("recording.mp4", length), dice.blob("notes.txt", 2_000)];
    asset
}

fn names_to_encode(dice: &mut Dice) -> PlannedAsset {
    let mut asset = named(dice, "awkward names: 100 % ünïcode 東京", 0);
    let renditions = [("Über uns 400.mp4".to_owned(), 400_000)];
    asset.blobs = vec![PlannedBlob::text("Über uns.ism", manifests::server(None, &renditions))];
    asset.primary = Some("Über uns.ism".to_owned());
    for name in [
        "Über uns 400.mp4",
        "100% real.mp4",
        "already%20encoded.mp4",
        "plus+and&ampersand=.mp4",
        "#1 (final) [really], 'yes'!.mp4",
        "what?.txt",
        "東京/夜景 01.jpg",
        "e\u{301} decomposed.txt",
    ] {
        let length = dice.log_normal(1_000_000.0, 1.0);
        asset.blobs.push(dice.blob(name, length));
    }
    asset
}

fn zero_byte_blobs(dice: &mut Dice) -> PlannedAsset {
    let mut asset = named(dice, "awkward-zero-byte-blobs", 4);
    for name in ["empty.txt", "thumbs/empty.jpg"] {
        asset.blobs.push(PlannedBlob::new(name, Content::Bytes(Bytes::new())));
    }
    asset
}

fn storage_encrypted(dice: &mut Dice) -> PlannedAsset {
    PlannedAsset { options: 1, ..named(dice, "awkward-storage-encrypted", 4) }
}

fn expired_locator(dice: &mut Dice) -> PlannedAsset {
    let asset = named(dice, "awkward-expired-locator", 4);
    PlannedAsset { locators: vec![PlannedLocator::expired(dice.guid())], ..asset }
}

fn future_locator(dice: &mut Dice) -> PlannedAsset {
    let asset = named(dice, "awkward-future-locator", 4);
    PlannedAsset { locators: vec![PlannedLocator::future(dice.guid())], ..asset }
}

fn five_locators(dice: &mut Dice) -> PlannedAsset {
    let asset = named(dice, "awkward-five-locators", 4);
    PlannedAsset { locators: (0..5).map(|_| PlannedLocator::lasting(dice.guid())).collect(), ..asset }
}

fn not_published(dice: &mut Dice) -> PlannedAsset {
    PlannedAsset { locators: Vec::new(), ..named(dice, "awkward-not-published", 4) }
}
