//! The fragments of Smooth Streaming.

use super::*;

/// The URLs of all fragments in a client manifest.
fn fragment_urls(manifest: &str) -> Vec<String> {
    let mut urls = Vec::new();
    for stream in manifest.split("<StreamIndex").skip(1) {
        let texts = |before: &str| -> Vec<&str> {
            stream.split(before).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
        };
        let url = texts(" Url=\"")[0];
        for bitrate in texts(" Bitrate=\"") {
            let mut start = 0_u64;
            for duration in texts(" d=\"") {
                urls.push(url.replace("{bitrate}", bitrate).replace("{start time}", &start.to_string()));
                start += duration.parse::<u64>().unwrap();
            }
        }
    }
    urls
}

#[tokio::test]
async fn a_smooth_player_finds_every_fragment_of_its_manifest() {
    let emulator = emulator().await;
    let manifest = get(&emulator, 0, &format!("{BARS}/bars.ism/manifest")).await;
    let urls = fragment_urls(manifest.text());
    assert_eq!(urls.len(), 3 * 3 + 3, "{urls:?}");
    for url in &urls {
        let fragment = get(&emulator, 0, &format!("{BARS}/bars.ism/{url}")).await;
        assert_eq!(
            (fragment.status, fragment.header("content-type")),
            (200, "video/mp4"),
            "{url}: {:?}",
            fragment.body
        );
        assert_eq!(&fragment.body[4..8], b"moof", "{url}");
        assert_eq!(fragment.body, get(&emulator, 1, &format!("{BARS}/bars.ism/{url}")).await.body);
    }
    for wrong in ["QualityLevels(400000)/Fragments(video=1)", "QualityLevels(1)/Fragments(video=0)"] {
        assert_eq!(get(&emulator, 0, &format!("{BARS}/bars.ism/{wrong}")).await.status, 404, "{wrong}");
    }
    let rows = emulator.stats().requests;
    assert!(rows.iter().any(|row| row.operation == "GetFragment"), "{rows:?}");
}

#[tokio::test]
async fn fragments_of_generated_content_are_different_parts_of_the_file() {
    let emulator = emulator().await;
    let plain = locator("awkward-five-locators");
    let manifest = get(&emulator, 0, &format!("{plain}/show.ism/manifest")).await;
    let mut seen = std::collections::BTreeSet::new();
    for url in fragment_urls(manifest.text()) {
        let fragment = get(&emulator, 0, &format!("{plain}/show.ism/{url}")).await;
        assert_eq!(fragment.status, 200, "{url}");
        assert!(!fragment.body.is_empty() && seen.insert((url.contains("video"), fragment.body)), "{url}");
    }
}
