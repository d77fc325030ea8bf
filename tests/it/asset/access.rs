//! Publishing, listing, removing, and unused policies.

use jiff::SignedDuration;
use mediamirror::asset::{find, list, prune, publish, publish_for_download, remove, show, unpublish, unused, upload};
use mediamirror::clock;
use mediamirror::connect::Pair;
use mediamirror::error::Error;
use mediamirror::model::{Asset, LocatorKind};
use mediamirror::monitor::Silent;

use super::{fetch, leak_policy, left, named, written};
use crate::world::World;

const BARS: [(&str, &[u8]); 5] = [
    ("bars.ism", include_bytes!("../../fixtures/bars/bars.ism")),
    ("bars.ismc", include_bytes!("../../fixtures/bars/bars.ismc")),
    ("bars_100.mp4", include_bytes!("../../fixtures/bars/bars_100.mp4")),
    ("bars_200.mp4", include_bytes!("../../fixtures/bars/bars_200.mp4")),
    ("bars_400.mp4", include_bytes!("../../fixtures/bars/bars_400.mp4")),
];

async fn uploaded(pair: &Pair, name: &str, files: &[(&str, &[u8])]) -> Asset {
    let (_place, paths) = written(files);
    let uploaded = upload(&pair.source, &paths, &named(name), &Silent).await.unwrap();
    pair.source.library.asset(&uploaded.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_published_asset_plays_in_every_protocol_for_thirty_days_from_five_minutes_ago() {
    let world = World::empty().await;
    let pair = world.pair();
    let bars = uploaded(&pair, "bars", &BARS).await;
    let published = publish(&pair.source, &bars, 30).await.unwrap();
    let protocols: Vec<&str> = published.urls.iter().map(|url| url.protocol).collect();
    assert_eq!(protocols, ["smooth", "hls", "dash"]);
    for (url, words) in published.urls.iter().zip(["SmoothStreamingMedia", "#EXTM3U", "<MPD"]) {
        let (status, body) = fetch(&world, &url.url).await;
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!(status == 200 && body.contains(words), "{}: {status} {body}", url.url);
    }
    let start = published.start.unwrap();
    assert_eq!(published.expiry.duration_since(start), SignedDuration::from_hours(30 * 24));
    let ago = clock::now().duration_since(start);
    assert!(ago >= SignedDuration::from_mins(5) && ago < SignedDuration::from_mins(6), "{ago}");

    publish(&pair.source, &bars, 30).await.unwrap();
    assert_eq!(left(&pair).await, (vec!["mediamirror read 43200".to_owned()], 2), "one policy serves both");
    let shown = show(&pair.source, bars.clone()).await.unwrap();
    assert_eq!((shown.files.len(), shown.locators.len(), shown.locators[0].urls.len()), (5, 2, 3));
    assert_eq!(unpublish(&pair.source, &bars.id).await.unwrap().len(), 2);
    assert_ne!(fetch(&world, &published.urls[0].url).await.0, 200);
}

#[tokio::test]
async fn without_a_server_manifest_each_file_has_a_url() {
    let world = World::empty().await;
    let pair = world.pair();
    let film = uploaded(&pair, "film", &[("film 1.mp4", b"x")]).await;
    let published = publish(&pair.source, &film, 1).await.unwrap();
    assert_eq!((published.urls.len(), published.urls[0].protocol), (1, "progressive"));
    assert!(published.urls[0].url.ends_with("/film%201.mp4"), "{}", published.urls[0].url);
}

#[tokio::test]
async fn download_urls_work_and_their_signature_is_printed_only_on_request() {
    let world = World::empty().await;
    let pair = world.pair();
    let film = uploaded(&pair, "film", &[("film 1.mp4", b"moving pictures")]).await;
    let downloads = publish_for_download(&pair.source, &film, 1).await.unwrap();
    let url = downloads.files[0].url.expose().to_string();
    assert_eq!(fetch(&world, &url).await, (200, b"moving pictures".to_vec()));
    let signature = url.split("sig=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert!(!format!("{downloads:?}").contains(&signature), "{downloads:?}");
    let shown = show(&pair.source, film.clone()).await.unwrap();
    assert_eq!((shown.locators[0].kind, shown.locators[0].urls.len()), (LocatorKind::Sas, 0));
    unpublish(&pair.source, &film.id).await.unwrap();
    assert_eq!(fetch(&world, &url).await.0, 403);
}

#[tokio::test]
async fn an_asset_is_found_by_its_id_or_by_a_unique_name() {
    let world = World::empty().await;
    let pair = world.pair();
    let film = uploaded(&pair, "it's a film", &[("a.mp4", b"x")]).await;
    assert_eq!(find(&pair.source, "it's a film").await.unwrap().id, film.id);
    assert_eq!(find(&pair.source, film.id.as_str()).await.unwrap().id, film.id);
    let twin = uploaded(&pair, "it's a film", &[("a.mp4", b"x")]).await;
    let error = find(&pair.source, "it's a film").await.unwrap_err().to_string();
    assert!(error.contains(film.id.as_str()) && error.contains(twin.id.as_str()), "{error}");
    let none = find(&pair.source, "a film").await.unwrap_err();
    assert!(matches!(none, Error::Input { .. }), "{none}");
}

#[tokio::test]
async fn an_asset_is_removed_with_its_blobs_and_locators() {
    let world = World::empty().await;
    let pair = world.pair();
    let film = uploaded(&pair, "film", &[("a.mp4", b"x")]).await;
    let stays = uploaded(&pair, "stays", &[("a.mp4", b"x")]).await;
    publish(&pair.source, &film, 1).await.unwrap();
    remove(&pair.source, &film.id).await.unwrap();
    remove(&pair.source, &film.id).await.unwrap();
    let listed: Vec<_> = list(&pair.source).await.unwrap().into_iter().map(|asset| asset.id).collect();
    assert_eq!(listed, [stays.id]);
    assert!(!pair.source.storage[0].container_exists(film.container.as_ref().unwrap()).await.unwrap());
    assert_eq!(left(&pair).await.1, 0);
}

#[tokio::test]
async fn only_unused_policies_are_pruned_except_the_shared_ones_of_mediamirror() {
    let world = World::empty().await;
    let pair = world.pair();
    let film = uploaded(&pair, "film", &[("a.mp4", b"x")]).await;
    publish(&pair.source, &film, 1).await.unwrap();
    leak_policy(&world, "File Download Policy").await;
    leak_policy(&world, "Write Policy").await;
    let now = SignedDuration::ZERO;
    assert_eq!(unused(&pair.source, SignedDuration::from_hours(1)).await.unwrap(), [], "they are young");
    let found = unused(&pair.source, now).await.unwrap();
    let mut names: Vec<&str> = found.iter().map(|policy| policy.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["File Download Policy", "Write Policy"]);
    prune(&pair.source, &found).await.unwrap();
    assert_eq!(unused(&pair.source, now).await.unwrap(), []);
    unpublish(&pair.source, &film.id).await.unwrap();
    assert_eq!(unused(&pair.source, now).await.unwrap(), [], "the next locator uses it again");
    assert_eq!(left(&pair).await, (vec!["mediamirror read 1440".to_owned()], 0));
}
