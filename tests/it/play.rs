//! `verify --play` and `verify --bytes` over the emulator: what viewers get from both sides, and every byte of a sample.

mod libraries;
mod window;

use std::collections::{BTreeSet, HashSet};

use mediamirror::config::Policy;
use mediamirror::engine::Options;
use mediamirror::play::{Audience, BytesRead, Played, Sample, play, read_bytes};
use mediamirror::verdict::Cause;

use self::libraries::{FILM, films, media_services};
use self::window::{EAST, WEST, Window};
use crate::world::{World, accepting};

const ORIGIN: &str = "https://viewer.example";

/// Plays everything through those windows.
async fn played(world: &World, window: &Window) -> Played {
    played_with(world, window, &Sample::all(), &Policy::default()).await
}

async fn played_with(world: &World, window: &Window, sample: &Sample, policy: &Policy) -> Played {
    let options = Options { policy: policy.clone(), ..Options::default() };
    let audience = Audience { sample, origin: ORIGIN };
    let played = play(&window.pair(world), &options, &BTreeSet::new(), &audience).await.unwrap();
    let urls = &played.urls;
    assert_eq!(urls.urls, urls.same + urls.different + urls.not_playable + urls.unchecked, "{urls:?}");
    assert_eq!(
        played.found.causes.values().sum::<u64>(),
        (played.found.problems.len() + played.found.findings.len()) as u64
    );
    played
}

/// Code and detail of all problems and findings.
fn found(played: &Played) -> Vec<(&'static str, &str)> {
    let findings = played.found.problems.iter().map(|problem| &problem.finding).chain(&played.found.findings);
    findings.map(|finding| (finding.cause.code(), finding.detail.as_str())).collect()
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_equal_library_plays_equally_and_every_kind_of_url_is_requested() {
    let world = films().await;
    let window = Window::of(&world);
    let played = played(&world, &window).await;
    assert_eq!(found(&played), []);
    assert!(!played.found.differs() && !played.found.owes());
    // Two master playlists, four media playlists, and one description.
    assert_eq!((played.assets, played.nothing_to_play, played.manifests), (1, 0, 7));
    let mut asked = window.asked();
    asked.retain(|url| url.starts_with(EAST));
    asked.sort();
    asked.dedup();
    let expected = [
        "/films/bars/a/1.aac",
        "/films/bars/a/2.aac",
        "/films/bars/audio.m3u8",
        "/films/bars/d/chunk-0-1.m4s",
        "/films/bars/d/chunk-0-3.m4s",
        "/films/bars/d/init-0.m4s",
        "/films/bars/en.vtt",
        "/films/bars/low.mp4",
        "/films/bars/manifest.mpd",
        "/films/bars/master.m3u8",
        "/films/bars/sub.m3u8",
        "/films/bars/v/high.m3u8?quality=high",
        "/films/bars/v/high.m3u8",
        "/films/bars/v/init.mp4",
        "/films/bars/v/1.m4s",
        "/films/bars/v/3.m4s?token=a%2Fb",
        "/films/bars/v/low.m3u8",
        "/films/second%20film.m3u8",
    ];
    let mut expected = expected.map(|path| format!("{EAST}{path}"));
    expected.sort();
    assert_eq!(asked, expected);
    assert_eq!(window.asked().iter().filter(|url| url.starts_with(WEST)).count(), window.asked().len() / 2);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_segment_that_differs_on_the_target_is_reported() {
    let world = films().await;
    assert!(world.emulator.exchange_bytes("storeeast", "films", "bars/v/3.m4s"));
    let played = played(&world, &Window::of(&world)).await;
    let expected = ("plays-differently", "films/bars/v/3.m4s: other bytes, of the same length 5");
    assert_eq!(found(&played), [expected]);
    assert_eq!(played.urls.different, 1);
    assert!(played.found.differs());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_accepted_difference_is_reported_and_not_owed() {
    let world = films().await;
    assert!(world.emulator.exchange_bytes("storeeast", "films", "bars/v/3.m4s"));
    let policy = accepting(&[Cause::PlaysDifferently]);
    let played = played_with(&world, &Window::of(&world), &Sample::all(), &policy).await;
    assert_eq!((played.urls.different, played.found.differs(), played.found.owes()), (1, false, false));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_segment_that_is_missing_on_the_target_differs_and_one_missing_on_both_sides_is_noted() {
    let world = films().await;
    assert!(world.emulator.delete_blob("storeeast", "films", "bars/a/2.aac"));
    let window = Window::of(&world);
    let one = played(&world, &window).await;
    let expected = ("plays-differently", "films/bars/a/2.aac: HTTP 404 instead of HTTP 200");
    assert_eq!(found(&one), [expected]);
    assert!(one.found.differs());
    assert!(world.emulator.delete_blob("storewest", "films", "bars/a/2.aac"));
    let both = played(&world, &window).await;
    assert_eq!(found(&both), [("not-playable-at-source", "films/bars/a/2.aac: HTTP 404 on both hosts")]);
    assert_eq!((both.urls.not_playable, both.found.differs(), both.found.owes()), (1, false, false));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn hosts_with_other_rules_for_pages_of_other_sites_differ() {
    let world = films().await;
    let mut window = Window::of(&world);
    window.allow_pages(EAST, false);
    let played = played(&world, &window).await;
    assert!(played.found.differs());
    assert!(found(&played).iter().all(|(code, _)| *code == "cors-differs"), "{:?}", found(&played));
    assert_eq!(played.urls.different, played.urls.urls, "no answer lets a page read it");
    let preflight = "films/bars/master.m3u8: OPTIONS: HTTP 403 instead of HTTP 200";
    assert!(found(&played).iter().any(|(_, detail)| *detail == preflight), "{:?}", found(&played));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_manifest_with_any_host_name_of_the_source_is_reported() {
    for host in [WEST.to_owned(), "https://origin-west.example".to_owned(), "//west.example".to_owned()] {
        let world = films().await;
        let text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{host}/films/bars/v/1.m4s\n#EXT-X-ENDLIST\n");
        for account in ["storewest", "storeeast"] {
            assert!(world.emulator.put_blob(account, "films", "bars/v/low.m3u8", text.clone(), Some("audio/mpegurl")));
        }
        let mut window = Window::of(&world);
        window.stand_behind("origin-west.example");
        let played = played(&world, &window).await;
        let detail = "films/bars/v/low.m3u8: it names the source's host west.example, also to viewers of the target";
        let named: Vec<_> =
            found(&played).into_iter().filter(|(code, _)| *code == "manifest-names-other-host").collect();
        assert_eq!(named, [("manifest-names-other-host", detail)], "{host}");
        assert!(played.found.differs());
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_manifest_with_a_third_host_is_not_reported_as_equal() {
    let world = films().await;
    // An external key server serves both sides.
    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-KEY:METHOD=AES-128,URI=\"https://keys.example/1\"\n#EXTINF:6,\n\
                https://ads.example/1.ts\n#EXT-X-ENDLIST\n";
    for account in ["storewest", "storeeast"] {
        assert!(world.emulator.put_blob(account, "films", "bars/v/low.m3u8", text, Some("audio/mpegurl")));
    }
    let window = Window::of(&world);
    let played = played(&world, &window).await;
    let expected = ("play-unchecked", "films/bars/v/low.m3u8: it names the host ads.example, which is not asked");
    assert_eq!(found(&played), [expected]);
    assert!(!played.found.differs() && played.found.owes());
    assert!(!window.asked().iter().any(|url| url.contains("ads.example")));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_manifest_that_cannot_be_read_is_unchecked() {
    let world = films().await;
    for account in ["storewest", "storeeast"] {
        assert!(world.emulator.put_blob(account, "films", "bars/manifest.mpd", "<html>", Some("application/dash+xml")));
    }
    let played = played(&world, &Window::of(&world)).await;
    assert!(played.found.owes() && !played.found.differs());
    assert!(
        found(&played).iter().any(|(_, detail)| detail.contains("bars/manifest.mpd: the manifest is not understood"))
    );
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn answers_without_cache_control_are_reported_once_per_asset() {
    let world = films().await;
    let mut window = Window::of(&world);
    window.cache_for(None);
    let played = played(&world, &window).await;
    let causes: Vec<_> = found(&played).iter().map(|(code, _)| *code).collect();
    assert_eq!(causes, ["no-cache-control"]);
    assert!(!played.found.owes());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_library_without_manifests_is_not_proven() {
    let world = films().await;
    for account in ["storewest", "storeeast"] {
        for blob in world.emulator.blobs(account, "films").unwrap() {
            let manifest = blob.ends_with("m3u8") || blob.ends_with("mpd");
            assert!(!manifest || world.emulator.delete_blob(account, "films", &blob));
        }
    }
    let played = played(&world, &Window::of(&world)).await;
    assert_eq!(found(&played), [("play-unchecked", "no manifest was found, so nothing was played")]);
    assert!(played.found.owes() && !played.found.differs() && played.urls.urls == 0);
    assert_eq!((played.assets, played.nothing_to_play), (1, 1));
    let policy = accepting(&[Cause::PlayUnchecked]);
    let accepted = played_with(&world, &Window::of(&world), &Sample::all(), &policy).await;
    assert!(!accepted.found.owes() && accepted.found.findings.len() == 1, "it is still named");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_private_container_is_unchecked_unless_another_host_serves_it() {
    let world = films().await;
    let mut window = Window::of(&world);
    window.close();
    let played = played(&world, &window).await;
    assert_eq!(played.urls.urls, 0);
    assert_eq!(played.found.causes[&Cause::PlayUnchecked], 2, "{:?}", found(&played));
    assert!(found(&played)[0].1.contains("not public") && played.found.owes());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_host_that_does_not_answer_gets_requests_for_a_few_titles_and_nothing_is_proven() {
    let world = films().await;
    let mut window = Window::of(&world);
    window.unplug(EAST);
    let played = played(&world, &window).await;
    assert!(played.urls.same == 0 && played.urls.unchecked > 0 && played.found.owes() && !played.found.differs());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_sample_is_the_same_for_the_same_seed_and_never_empty() {
    let world = films().await;
    let window = Window::of(&world);
    let sample = |part, seed: &str| Sample { part, seed: seed.to_owned() };
    let first = played_with(&world, &window, &sample(0.5, "a"), &Policy::default()).await;
    let again = played_with(&world, &window, &sample(0.5, "a"), &Policy::default()).await;
    assert_eq!(first.urls, again.urls);
    let least = played_with(&world, &window, &sample(0.000_001, "a"), &Policy::default()).await;
    assert_eq!(least.manifests, 1, "{:?}", found(&least));
    assert!(least.urls.same > 0 && !least.found.owes());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_library_of_media_services_plays_equally_until_a_file_differs() {
    let world = media_services().await;
    let window = Window::plain(&world);
    let played = played(&world, &window).await;
    let codes: HashSet<_> = found(&played).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, HashSet::from(["no-cache-control"]), "{:?}", found(&played));
    assert!(!played.found.owes() && played.urls.same > 20, "{:?}", played.urls);
    let container = world
        .emulator
        .containers("storeeast")
        .unwrap()
        .into_iter()
        .find(|name| world.emulator.describe("storeeast", name, "bars_400.mp4").is_some());
    assert!(world.emulator.exchange_bytes("storeeast", &container.unwrap(), "bars_400.mp4"));
    let after = self::played(&world, &window).await;
    assert!(after.found.differs(), "{:?}", found(&after));
    let named =
        |detail: &str| found(&after).iter().any(|(code, text)| *code == "plays-differently" && text.contains(detail));
    assert!(named("bars.ism/Media(hls,bars_400.mp4)") || named("bars_400.mp4"), "{:?}", found(&after));
}

async fn read(world: &World, sample: &Sample) -> BytesRead {
    let read = read_bytes(&world.pair(), &Options::default(), &BTreeSet::new(), sample).await.unwrap();
    assert_eq!(read.blobs, read.same + read.different + read.unchecked);
    read
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn every_byte_is_compared_and_a_copy_with_other_bytes_is_reported() {
    for world in [films().await, media_services().await] {
        let all = read(&world, &Sample::all()).await;
        assert!(
            all.same == all.blobs && all.blobs > 4 && all.bytes > 0 && !all.found.owes(),
            "{:?}",
            all.found.problems
        );
        let container =
            world.emulator.containers("storeeast").unwrap().into_iter().find(|name| {
                *name != "mediamirror-state" && !world.emulator.blobs("storeeast", name).unwrap().is_empty()
            });
        let container = container.unwrap();
        let blob = world.emulator.blobs("storeeast", &container).unwrap().pop().unwrap();
        assert!(world.emulator.exchange_bytes("storeeast", &container, &blob));
        let read = read(&world, &Sample::all()).await;
        assert_eq!((read.different, read.found.differs()), (1, true));
        let problem = &read.found.problems[0];
        assert_eq!(problem.finding.cause, Cause::BytesDiffer);
        assert!(problem.finding.detail.starts_with(&format!("{blob}: other bytes")), "{}", problem.finding.detail);
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_changed_or_missing_blob_is_not_reported_as_equal() {
    let world = films().await;
    assert!(world.emulator.delete_blob("storeeast", "films", FILM[0].0));
    assert!(world.emulator.archive("storewest", "films", FILM[1].0));
    let read = read(&world, &Sample::all()).await;
    assert_eq!((read.different, read.unchecked), (1, 1), "{:?}", read.found.problems);
    assert!(read.found.differs() && read.found.owes());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_sample_of_blobs_is_never_empty() {
    let world = films().await;
    let read = read(&world, &Sample { part: 0.000_001, seed: "s".to_owned() }).await;
    assert_eq!((read.blobs, read.same, read.found.owes()), (1, 1, false));
}
