//! Generated assets like those of the service's encoders: a server manifest, a client manifest, renditions, thumbnails.

use super::dice::Dice;
use super::manifests;
use super::plan::{PlannedAsset, PlannedBlob, PlannedLocator};

/// The bitrates of the "H264 Adaptive Bitrate MP4 Set 1080p" preset, kilobits per second, most important first.
const BITRATES: [u64; 8] = [3400, 1000, 6000, 2250, 4700, 1500, 650, 400];

const FIRST: [&str; 12] =
    ["amber", "blue", "coastal", "distant", "early", "frozen", "golden", "hidden", "inner", "late", "quiet", "red"];
const SECOND: [&str; 12] = [
    "bridge", "canyon", "derby", "evening", "festival", "garden", "harbour", "island", "journey", "news", "river",
    "talk",
];

/// The duration of two thirds of the recordings is between a third of the median and three times the median.
const SECONDS_SIGMA: f64 = 1.0;

/// An asset of exactly `blobs` blobs.
pub(super) fn asset(dice: &mut Dice, number: u32, blobs: u32) -> PlannedAsset {
    let name = format!("{}-{}-{number:05}", dice.pick(&FIRST), dice.pick(&SECOND));
    let guid = dice.guid();
    let blobs = files(dice, &name, blobs as usize);
    let mut locators = vec![PlannedLocator::lasting(dice.guid())];
    if dice.once_in(10) {
        locators.push(PlannedLocator::lasting(dice.guid()));
    }
    let primary = blobs.iter().find(|blob| is_server_manifest(&blob.name)).or(blobs.first()).map(|b| b.name.clone());
    PlannedAsset { name, guid, blobs, primary, locators, ..PlannedAsset::default() }
}

pub(super) fn is_server_manifest(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("ism"))
}

/// Exactly `count` files of a recording, the most important first.
pub(super) fn files(dice: &mut Dice, stem: &str, count: usize) -> Vec<PlannedBlob> {
    let seconds = dice.log_normal(dice.median_seconds(), SECONDS_SIGMA).clamp(4, 6 * 3600);
    let with_server = count >= 2;
    let with_client = count >= 3;
    let left = count - usize::from(with_server) - usize::from(with_client);
    let mut bitrates = BITRATES[..left.min(BITRATES.len())].to_vec();
    bitrates.sort_unstable_by(|a, b| b.cmp(a));
    let renditions: Vec<_> = bitrates.iter().map(|rate| (format!("{stem}_{rate}.mp4"), rate * 1000)).collect();
    let mut files = Vec::with_capacity(count);
    if with_server {
        let client = with_client.then(|| format!("{stem}.ismc"));
        files.push(PlannedBlob::text(format!("{stem}.ism"), manifests::server(client.as_deref(), &renditions)));
    }
    if with_client {
        let rates: Vec<_> = bitrates.iter().map(|rate| rate * 1000).collect();
        files.push(PlannedBlob::text(format!("{stem}.ismc"), manifests::client(&rates, seconds)));
    }
    for (name, rate) in renditions {
        files.push(dice.blob(name, (rate + 128_000) / 8 * seconds));
    }
    for number in files.len()..count {
        files.push(extra(dice, stem, number));
    }
    describe(dice, &mut files);
    files
}

/// The other files of an asset: a report of the encoder, captions, and thumbnails in a folder.
fn extra(dice: &mut Dice, stem: &str, number: usize) -> PlannedBlob {
    match number {
        10 => {
            let length = dice.log_normal(6_000.0, 0.4);
            dice.blob(format!("{stem}_metadata.xml"), length)
        }
        11 => {
            let length = dice.log_normal(40_000.0, 0.8);
            dice.blob(format!("{stem}.en.vtt"), length)
        }
        number => {
            let length = dice.log_normal(24_000.0, 0.6);
            let thumbnail = dice.blob(format!("thumbs/{:04}.jpg", number - 11), length);
            PlannedBlob { cache_control: Some("public, max-age=86400"), ..thumbnail }
        }
    }
}

/// Some assets carry metadata and index tags.
fn describe(dice: &mut Dice, files: &mut [PlannedBlob]) {
    let Some(last) = files.len().checked_sub(1) else { return };
    if dice.once_in(4) {
        files[0].metadata.insert("encodedby".to_owned(), "H264 Adaptive Bitrate MP4 Set 1080p".to_owned());
    }
    if dice.once_in(8) {
        files[last].tags.insert("season".to_owned(), format!("20{:02}", dice.between(12, 23)));
    }
}
