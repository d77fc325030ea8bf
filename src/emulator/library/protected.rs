//! Protected assets: content keys and delivery policies in the combinations that decide whether an asset plays, and how.

use super::dice::Dice;
use super::ordinary::files;
use super::plan::{PlannedAsset, PlannedLocator, PlannedProtection};

/// A content key's type, and a delivery policy's type and protocols.
type Combination = (&'static str, Option<i32>, Option<(i32, i32)>);

/// The combinations, in turn.
const COMBINATIONS: [Combination; 4] = [
    // Smooth, DASH and HLS with envelope encryption.
    ("envelope", Some(4), Some((3, 7))),
    // Smooth and DASH with common encryption; HLS is blocked.
    ("common", Some(0), Some((4, 3))),
    // A key alone protects nothing: the asset plays without encryption.
    ("key-alone", Some(4), None),
    // A policy that allows all protocols without encryption.
    ("not-encrypted", None, Some((2, 0xFFFF))),
];

/// The protected asset of that number, from 0 up.
pub(super) fn asset(dice: &mut Dice, number: u32) -> PlannedAsset {
    /// A server manifest, a client manifest and two renditions.
    const BLOBS: usize = 4;
    let (name, key, policy) = COMBINATIONS[number as usize % COMBINATIONS.len()];
    PlannedAsset {
        name: format!("protected-{name}-{number:05}"),
        guid: dice.guid(),
        blobs: files(dice, "show", BLOBS),
        primary: Some("show.ism".to_owned()),
        locators: vec![PlannedLocator::lasting(dice.guid())],
        protection: Some(PlannedProtection {
            key: key.map(|kind| (kind, dice.guid())),
            policy: policy.map(|(kind, protocols)| (kind, protocols, dice.guid())),
        }),
        ..PlannedAsset::default()
    }
}
