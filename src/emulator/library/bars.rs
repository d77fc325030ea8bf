//! The real asset: three renditions of a test picture that a player can play.

use bytes::Bytes;
use uuid::Uuid;

use super::plan::{PlannedAsset, PlannedBlob, PlannedLocator};
use crate::emulator::storage::Content;

/// The files, as committed with the tests.
const FILES: [(&str, &[u8]); 5] = [
    ("bars.ism", include_bytes!("../../../tests/fixtures/bars/bars.ism")),
    ("bars.ismc", include_bytes!("../../../tests/fixtures/bars/bars.ismc")),
    ("bars_400.mp4", include_bytes!("../../../tests/fixtures/bars/bars_400.mp4")),
    ("bars_200.mp4", include_bytes!("../../../tests/fixtures/bars/bars_200.mp4")),
    ("bars_100.mp4", include_bytes!("../../../tests/fixtures/bars/bars_100.mp4")),
];

/// The asset `bars`; its guids are the same in every library, so that its URL is constant.
pub(super) fn asset() -> PlannedAsset {
    PlannedAsset {
        name: "bars".to_owned(),
        guid: Uuid::from_u128(0x0ba2_5000_0000_4000_8000_0000_0000_0001),
        blobs: FILES
            .map(|(name, content)| PlannedBlob::new(name, Content::Bytes(Bytes::from_static(content))))
            .to_vec(),
        primary: Some("bars.ism".to_owned()),
        locators: vec![PlannedLocator::lasting(Uuid::from_u128(0x0ba2_5000_0000_4000_8000_0000_0000_0002))],
        ..PlannedAsset::default()
    }
}
