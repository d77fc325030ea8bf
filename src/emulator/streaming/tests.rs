//! The streaming host as a player sees it.

mod fragments;

use azure_core::http::{AsyncRawResponse, HttpClient, Method, Request, Url};
use bytes::Bytes;

use super::locate::in_time;
use super::refusal::Refusal;
use super::target::Target;
use crate::emulator::{Emulator, EmulatorHandle, Generate, library};

const BARS: &str = "0ba25000-0000-4000-8000-000000000002";

/// Two regions with the same library: the real asset and the awkward ones.
async fn emulator() -> EmulatorHandle {
    let generate = Generate::parse("assets=16,blobs=4,real=true").unwrap();
    let emulator = Emulator::builder().generate(generate.clone()).start_in_process().await.unwrap();
    library::generate::fill(&emulator.world, 1, &generate).await.unwrap();
    emulator
}

struct Answer {
    status: u16,
    headers: azure_core::http::headers::Headers,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &'static str) -> &str {
        self.headers.get_optional_str(&name.into()).unwrap_or_default()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

async fn ask(client: &dyn HttpClient, method: Method, url: &str, range: Option<&str>) -> Answer {
    let mut request = Request::new(Url::parse(url).unwrap(), method);
    if let Some(range) = range {
        request.insert_header("range", range.to_owned());
    }
    let response: AsyncRawResponse = client.execute_request(&request).await.unwrap();
    let (status, headers, body) = response.deconstruct();
    Answer { status: status.into(), headers, body: body.collect().await.unwrap() }
}

async fn get(emulator: &EmulatorHandle, region: usize, path: &str) -> Answer {
    let url = format!("{}/{path}", emulator.ready().regions[region].streaming);
    ask(&*emulator.http_client(), Method::Get, &url, None).await
}

#[tokio::test]
async fn both_regions_answer_the_same_manifests_byte_for_byte() {
    let emulator = emulator().await;
    for presentation in
        ["manifest", "manifest(format=m3u8-aapl)", "manifest(format=m3u8-aapl-v3)", "manifest(format=mpd-time-csf)"]
    {
        let path = format!("{BARS}/bars.ism/{presentation}");
        let (west, east) = (get(&emulator, 0, &path).await, get(&emulator, 1, &path).await);
        assert_eq!((west.status, east.status), (200, 200), "{presentation}: {}", west.text());
        assert_eq!(west.body, east.body, "{presentation}");
        assert_eq!(west.header("access-control-allow-origin"), "*");
    }
    let smooth = get(&emulator, 0, &format!("{BARS}/bars.ism/Manifest")).await;
    assert_eq!(smooth.text(), include_str!("../../../tests/fixtures/bars/bars.ismc"));
}

#[tokio::test]
async fn an_hls_player_can_read_every_byte_range_of_its_playlists() {
    let emulator = emulator().await;
    let base = Url::parse(&format!("{}/{BARS}/bars.ism/", emulator.ready().regions[0].streaming)).unwrap();
    let client = emulator.http_client();
    let master = get(&emulator, 0, &format!("{BARS}/bars.ism/manifest(format=m3u8-aapl)")).await;
    let playlists: Vec<_> = master.text().lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(playlists.len(), 3, "{}", master.text());
    for playlist in playlists {
        let url = base.join(playlist).unwrap();
        let answer = ask(&*client, Method::Get, url.as_str(), None).await;
        assert_eq!(answer.status, 200, "{url}: {}", answer.text());
        let text = answer.text();
        assert!(text.starts_with("#EXTM3U\n") && text.ends_with("#EXT-X-ENDLIST\n"), "{text}");
        let map = text.lines().find_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\"")).unwrap();
        let (file, range) = map.split_once("\",BYTERANGE=\"").unwrap();
        let init = part(&*client, &url, file, range.trim_end_matches('"')).await;
        assert_eq!(&init[4..8], b"ftyp");
        let mut lines = text.lines();
        let mut segments = 0;
        while let Some(line) = lines.next() {
            let Some(range) = line.strip_prefix("#EXT-X-BYTERANGE:") else { continue };
            let segment = part(&*client, &url, lines.next().unwrap(), range).await;
            assert_eq!(&segment[4..8], b"moof");
            segments += 1;
        }
        assert_eq!(segments, 3);
    }
    let rows = emulator.stats().requests;
    let count = |operation: &str| rows.iter().filter(|r| r.operation == operation).map(|r| r.count).sum::<u64>();
    assert_eq!((count("GetManifest"), count("GetPlaylist"), count("GetFile")), (1, 3, 12));
}

/// Fetches `length@offset` of a file.
async fn part(client: &dyn HttpClient, base: &Url, file: &str, range: &str) -> Bytes {
    let (length, offset) = range.split_once('@').unwrap();
    let (length, offset): (u64, u64) = (length.parse().unwrap(), offset.parse().unwrap());
    let range = format!("bytes={offset}-{}", offset + length - 1);
    let answer = ask(client, Method::Get, base.join(file).unwrap().as_str(), Some(&range)).await;
    assert_eq!(answer.status, 206, "{}", base.join(file).unwrap());
    assert_eq!(answer.body.len() as u64, length);
    answer.body
}

#[tokio::test]
async fn files_are_served_completely_in_part_and_by_head() {
    let emulator = emulator().await;
    let client = emulator.http_client();
    let url = format!("{}/{BARS}/bars_400.mp4", emulator.ready().regions[0].streaming);
    let content = include_bytes!("../../../tests/fixtures/bars/bars_400.mp4");
    let whole = ask(&*client, Method::Get, &url, None).await;
    assert_eq!((whole.status, &whole.body[..]), (200, &content[..]));
    assert_eq!(whole.header("content-type"), "video/mp4");
    let head = ask(&*client, Method::Head, &url, None).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), content.len().to_string());
    let tail = ask(&*client, Method::Get, &url, Some("bytes=-10")).await;
    assert_eq!((tail.status, &tail.body[..]), (206, &content[content.len() - 10..]));
    let range = format!("bytes {}-{}/{}", content.len() - 10, content.len() - 1, content.len());
    assert_eq!(tail.header("content-range"), range);
    let outside = ask(&*client, Method::Get, &url, Some("bytes=9999999-")).await;
    assert_eq!((outside.status, outside.header("content-range")), (416, &*format!("bytes */{}", content.len())));
}

/// The guid of an asset's first locator, by the asset's name.
fn locator(name: &str) -> String {
    Generate::parse("assets=16,blobs=4,real=true").unwrap().locator_of(name)
}

#[tokio::test]
async fn refusals_name_the_violated_rule() {
    let emulator = emulator().await;
    for (path, status, reason) in [
        (format!("{}/show.ism/manifest", locator("awkward-expired-locator")), 403, "expired at 2015-01-01"),
        (format!("{}/show.ism/manifest", locator("awkward-future-locator")), 403, "not valid before 2098-01-01"),
        (format!("{}/show.ism/manifest", locator("awkward-no-container")), 404, "does not exist"),
        (format!("{}/show.ism/manifest", locator("awkward-empty-container")), 404, "show.ism"),
        ("00000000-0000-4000-8000-000000000000/show.ism/manifest".to_owned(), 404, "no streaming locator"),
        ("nothing".to_owned(), 404, "not /<locator id>/<file>"),
        (format!("{BARS}/bars.ism/manifest(format=avi)"), 404, "no presentation"),
        (format!("{BARS}/bars_1.mp4"), 404, "bars_1.mp4"),
    ] {
        let answer = get(&emulator, 0, &path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.text().contains(reason), "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn generated_assets_have_manifests_even_without_a_client_manifest() {
    let emulator = emulator().await;
    let plain = locator("awkward-five-locators");
    let named = locator("awkward names: 100 % ünïcode 東京");
    for (path, wanted) in [
        (format!("{plain}/show.ism/manifest"), "<SmoothStreamingMedia"),
        (format!("{plain}/show.ism/manifest(format=m3u8-aapl)"), "#EXT-X-STREAM-INF"),
        (format!("{plain}/show.ism/manifest(format=mpd-time-csf)"), "<MPD"),
        (format!("{named}/%C3%9Cber%20uns.ism/manifest"), "<SmoothStreamingMedia"),
    ] {
        let answer = get(&emulator, 0, &path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(answer.text().contains(wanted), "{path}: {}", answer.text());
    }
    let master = get(&emulator, 0, &format!("{plain}/show.ism/manifest(format=m3u8-aapl)")).await;
    let playlist = master.text().lines().find(|line| !line.starts_with('#')).unwrap();
    let answer = get(&emulator, 0, &format!("{plain}/show.ism/{playlist}")).await;
    assert!(answer.text().contains("\n../../show_"), "one segment over the whole file: {}", answer.text());
}

/// Protected assets, one of each kind.
const PROTECTED: &str = "assets=5,blobs=4,sizes=small,awkward=false,protected=4";

async fn protected() -> EmulatorHandle {
    Emulator::builder().generate(Generate::parse(PROTECTED).unwrap()).start_in_process().await.unwrap()
}

fn protected_locator(name: &str) -> String {
    Generate::parse(PROTECTED).unwrap().locator_of(name)
}

const SMOOTH: &str = "show.ism/manifest";
const HLS: &str = "show.ism/manifest(format=m3u8-aapl)";
const DASH: &str = "show.ism/manifest(format=mpd-time-csf)";

#[tokio::test]
async fn delivery_policies_decide_what_is_served_and_how() {
    let emulator = protected().await;
    for (name, file, expected) in [
        ("protected-envelope-00000", 403, [(SMOOTH, "<Protection>"), (HLS, "#EXTM3U"), (DASH, "<ContentProtection")]),
        ("protected-common-00001", 403, [(SMOOTH, "<Protection>"), (HLS, "403"), (DASH, "<ContentProtection")]),
        ("protected-key-alone-00002", 200, [(SMOOTH, "clear"), (HLS, "clear"), (DASH, "clear")]),
        ("protected-not-encrypted-00003", 200, [(SMOOTH, "clear"), (HLS, "clear"), (DASH, "clear")]),
    ] {
        let guid = protected_locator(name);
        let got = get(&emulator, 0, &format!("{guid}/show_3400.mp4")).await;
        assert_eq!(got.status, file, "{name}");
        for (presentation, expected) in expected {
            let answer = get(&emulator, 0, &format!("{guid}/{presentation}")).await;
            let wanted = if expected == "403" { 403 } else { 200 };
            assert_eq!(answer.status, wanted, "{name} {presentation}: {}", answer.text());
            let protected = answer.text().contains("Protection");
            match expected {
                "clear" => assert!(!protected, "{name} {presentation}: {}", answer.text()),
                "403" => assert!(answer.text().contains("hls"), "{}", answer.text()),
                mark => assert!(answer.text().contains(mark), "{name} {presentation}: {}", answer.text()),
            }
        }
    }
}

#[tokio::test]
async fn an_encrypted_playlist_names_its_key_and_lists_encrypted_segments() {
    let emulator = protected().await;
    let guid = protected_locator("protected-envelope-00000");
    let base = Url::parse(&format!("{}/{guid}/show.ism/", emulator.ready().regions[0].streaming)).unwrap();
    let master = get(&emulator, 0, &format!("{guid}/{HLS}")).await;
    let playlist = base.join(master.text().lines().find(|line| !line.starts_with('#')).unwrap()).unwrap();
    let client = emulator.http_client();
    let media = ask(&*client, Method::Get, playlist.as_str(), None).await;
    let key = "#EXT-X-KEY:METHOD=AES-128,URI=\"https://mediawest.keydelivery.mediaservices.windows.net/?KID=";
    assert!(media.text().contains(key), "{}", media.text());
    let segment = playlist.join(media.text().lines().find(|line| !line.starts_with('#')).unwrap()).unwrap();
    let encrypted = ask(&*client, Method::Get, segment.as_str(), None).await;
    assert_eq!(encrypted.status, 200, "{segment}");
    let part = ask(&*client, Method::Get, segment.as_str(), Some("bytes=1001-1300")).await;
    assert_eq!((part.status, &part.body[..]), (206, &encrypted.body[1001..1301]));
    let asset = emulator.operator(0).assets().into_iter().find(|a| a.locators.iter().any(|l| l.guid == guid)).unwrap();
    let name =
        asset.files.iter().map(|file| &file.name).find(|name| segment.path().ends_with(&format!(",{name})"))).unwrap();
    let storage = emulator.world.storage(&asset.storage_account).unwrap();
    let (_, clear) = storage.read_blob(&asset.container, name, 0, u64::MAX).await.unwrap();
    assert_eq!(encrypted.body.len(), clear.len());
    let equal = encrypted.body.iter().zip(&clear).filter(|(a, b)| a == b).count();
    assert!(equal < clear.len() / 100, "{equal} of {} bytes are the clear ones", clear.len());
}

#[tokio::test]
async fn policies_without_encryption_serve_the_files_in_their_protocols() {
    let emulator = emulator().await;
    let operator = emulator.operator(0);
    let asset = operator.assets().into_iter().find(|asset| asset.name.as_deref() == Some("bars")).unwrap();
    let before = get(&emulator, 0, &format!("{BARS}/bars_400.mp4")).await.body;
    operator.link_delivery_policy(&asset.id, 2, 4).unwrap();
    for (path, status) in [
        ("bars.ism/manifest", 403),
        ("bars.ism/manifest(format=mpd-time-csf)", 403),
        ("bars_400.mp4", 403),
        ("bars.ism/Media(dash,bars_400.mp4)", 403),
        ("bars.ism/manifest(format=m3u8-aapl)", 200),
        ("bars.ism/Media(hls,bars_400.mp4)", 200),
    ] {
        assert_eq!(get(&emulator, 0, &format!("{BARS}/{path}")).await.status, status, "{path}");
    }
    assert_eq!(get(&emulator, 0, &format!("{BARS}/bars.ism/Media(hls,bars_400.mp4)")).await.body, before);
    operator.link_delivery_policy(&asset.id, 1, 0xFFFF).unwrap();
    let blocked = get(&emulator, 0, &format!("{BARS}/bars.ism/manifest(format=m3u8-aapl)")).await;
    assert!((blocked.status, blocked.text().contains("blocks the protocol")) == (403, true), "{}", blocked.text());
}

#[tokio::test]
async fn a_storage_encrypted_asset_is_not_streamed() {
    let emulator = emulator().await;
    let answer = get(&emulator, 0, &format!("{}/show.ism/manifest", locator("awkward-storage-encrypted"))).await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("storage-encrypted"), "{}", answer.text());
}

#[tokio::test]
async fn playing_assets_of_both_hosts_are_listed_without_a_request() {
    let emulator = emulator().await;
    emulator.reset_stats();
    let (west, east) = (emulator.plays(0).await, emulator.plays(1).await);
    assert_eq!(west, east, "the same library plays the same content");
    let bars = &west[BARS];
    assert_eq!((bars.status, bars.answers.len()), (200, 5 + 3));
    assert!(bars.answers.values().all(|answer| answer.status == 200 && answer.fingerprint.is_some()));
    assert_eq!(west[&locator("awkward-expired-locator")].status, 403);
    assert_eq!(west[&locator("awkward-no-container")].status, 404);
    assert!(emulator.stats().requests.is_empty());
    let operator = emulator.operator(1);
    let asset = operator.assets().into_iter().find(|asset| asset.name.as_deref() == Some("bars")).unwrap();
    assert!(emulator.delete_blob(&asset.storage_account, &asset.container, "bars_100.mp4"));
    let damaged = &emulator.plays(1).await[BARS];
    assert!(!damaged.answers.contains_key("bars_100.mp4"));
    assert_ne!(damaged, bars);
    operator.set_streaming(false).unwrap();
    assert!(emulator.plays(1).await.values().all(|played| played.status == 503));
}

#[tokio::test]
async fn the_list_of_playing_assets_agrees_with_the_answers_of_the_host() {
    let emulator = protected().await;
    for (guid, played) in emulator.plays(0).await {
        for (path, answer) in &played.answers {
            let got = get(&emulator, 0, &format!("{guid}/{path}")).await;
            assert_eq!(got.status, answer.status, "{guid}/{path}");
        }
    }
    let played = &emulator.plays(0).await[&protected_locator("protected-envelope-00000")];
    assert_eq!(played.answers["show_3400.mp4"].status, 403);
    let hls = played.answers["show.ism/Media(hls,show_3400.mp4)"];
    assert_eq!((hls.status, hls.fingerprint), (200, None), "encrypted bytes have no fingerprint");
}

#[test]
fn a_path_names_a_locator_a_file_and_a_presentation() {
    let target = Target::of("/AB-cd/folder/My%20Show.ISM/Manifest(format=m3u8-aapl)").unwrap();
    assert_eq!(target.guid, "ab-cd");
    assert_eq!(target.file, "folder/My Show.ISM");
    assert_eq!(target.presentation.as_deref(), Some("Manifest(format=m3u8-aapl)"));
    assert_eq!(Target::of("/ab/a.ism").unwrap().presentation, None);
    assert_eq!(Target::of("/ab"), None);
    assert_eq!(Target::of("/ab/"), None);
}

#[test]
fn a_locator_is_valid_from_its_start_and_until_just_before_its_expiry() {
    let at = |second| jiff::Timestamp::from_second(second).unwrap();
    let (start, expiry) = (Some(at(100)), at(200));
    assert!(matches!(in_time(start, expiry, at(99)), Err(Refusal::NotYet(_))));
    assert!(in_time(start, expiry, at(100)).is_ok());
    assert!(in_time(start, expiry, at(199)).is_ok());
    assert!(matches!(in_time(start, expiry, at(200)), Err(Refusal::Expired(_))));
}

#[tokio::test]
async fn an_archived_file_is_answered_as_an_unreadable_one() {
    let emulator = emulator().await;
    let holds = |container: &String| emulator.describe("storewest", container, "bars.ism").is_some();
    let container = emulator.containers("storewest").unwrap().into_iter().find(holds).unwrap();
    let (file, manifest) = (format!("{BARS}/bars.ism"), format!("{BARS}/bars.ism/manifest"));
    assert_eq!(get(&emulator, 0, &manifest).await.status, 200);
    assert!(emulator.archive("storewest", &container, "bars.ism"));
    for path in [&file, &manifest] {
        let answer = get(&emulator, 0, path).await;
        assert_eq!(answer.status, 502, "{path}");
        assert!(answer.text().contains("is archived"), "{}", answer.text());
        assert_eq!(get(&emulator, 1, path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_url_with_a_filter_plays_only_if_the_asset_or_the_account_has_it() {
    let emulator = emulator().await;
    let west = emulator.operator(0);
    let bars = west.assets().into_iter().find(|asset| asset.locators.iter().any(|one| one.guid == BARS)).unwrap();
    west.set_filter(None, "phone", &serde_json::json!({})).unwrap();
    west.set_filter(Some(&bars.id), "start", &serde_json::json!({})).unwrap();
    let statuses = async |region| {
        let mut all = Vec::new();
        for filters in ["phone", "start", "phone;start", "phone;other", "a;b;c;d"] {
            let path = format!("{BARS}/bars.ism/manifest(format=m3u8-aapl,filter={filters})");
            all.push(get(&emulator, region, &path).await.status);
        }
        all
    };
    assert_eq!(statuses(0).await, [200, 200, 200, 404, 400]);
    assert_eq!(statuses(1).await, [404, 404, 404, 404, 400]);
    let (filtered, whole) = (
        get(&emulator, 0, &format!("{BARS}/bars.ism/Manifest(filter=phone)")).await,
        get(&emulator, 0, &format!("{BARS}/bars.ism/Manifest")).await,
    );
    assert_eq!(filtered.body, whole.body);
    west.remove_filter(None, "phone").unwrap();
    assert_eq!(statuses(0).await, [404, 200, 404, 404, 400]);
}
