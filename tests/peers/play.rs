//! Films made by ffmpeg are mirrored from one account of Azurite to another one. `verify --play` compares them, and
//! ffmpeg plays them from both, and so do hls.js and dash.js in a browser.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::azurite::{Azurite, free_port};
use crate::blob_contract::Access;
use crate::blob_library::{mediamirror, python, write_config};
use crate::tools;

const ORIGIN: &str = "https://player.example";
/// Seconds of the film, in segments of two.
const SECONDS: usize = 6;
pub(crate) const SUBTITLES: &str =
    "WEBVTT\n\n00:00:00.000 --> 00:00:03.000\nHello\n\n00:00:03.000 --> 00:00:06.000\nWorld\n";
const SUBTITLE_SET: &str = "<AdaptationSet id=\"2\" contentType=\"text\" lang=\"en\"><Representation id=\"3\" \
    mimeType=\"text/vtt\" bandwidth=\"256\"><BaseURL>../en.vtt</BaseURL></Representation></AdaptationSet></Period>";

/// Runs ffmpeg; returns its messages, which are empty on success.
fn ffmpeg(place: &Path, arguments: &[&str]) -> String {
    let output = Command::new(tools::ffmpeg())
        .args(["-hide_banner", "-nostdin", "-loglevel", "error"])
        .args(arguments)
        .current_dir(place)
        .output()
        .expect("ffmpeg runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { said } else { format!("{}: {said}", output.status) }
}

/// A film in two qualities with audio and subtitles, in HLS and in DASH.
fn make_films(place: &Path) {
    std::fs::create_dir(place.join("films")).expect("a folder");
    std::fs::write(place.join("films/en.vtt"), SUBTITLES).expect("written");
    make_hls(place, SECONDS);
    std::fs::create_dir(place.join("films/dash")).expect("a folder");
    let dash = ["-f", "dash", "-seg_duration", "2", "-adaptation_sets", "id=0,streams=v id=1,streams=a"];
    encode(place, SECONDS, &[&dash[..], &["films/dash/manifest.mpd"]].concat());
    let path = place.join("films/dash/manifest.mpd");
    let text = std::fs::read_to_string(&path).expect("ffmpeg wrote it");
    assert_eq!(text.matches("</Period>").count(), 1, "{text}");
    std::fs::write(path, text.replace("</Period>", SUBTITLE_SET)).expect("written");
}

/// Makes the film in HLS. There is a folder `films` with the subtitles.
pub(crate) fn make_hls(place: &Path, seconds: usize) {
    std::fs::create_dir(place.join("films/hls")).expect("a folder");
    let ladder = "v:0,s:0,agroup:sound,sgroup:subs,name:high v:1,agroup:sound,name:low a:0,agroup:sound,name:sound";
    let hls = ["-map", "2:s", "-c:s", "webvtt", "-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod"];
    let names = ["-hls_segment_type", "fmp4", "-master_pl_name", "master.m3u8", "-var_stream_map", ladder];
    let files = ["-hls_segment_filename", "films/hls/%v/%d.m4s", "films/hls/%v/index.m3u8"];
    encode(place, seconds, &[&hls[..], &names, &files].concat());
}

/// Encodes two qualities of the video, and the audio, with these output arguments.
fn encode(place: &Path, seconds: usize, output: &[&str]) {
    let (picture, sound) =
        (format!("testsrc2=size=320x180:rate=24:duration={seconds}"), format!("sine=duration={seconds}"));
    let input = ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound, "-i", "films/en.vtt"];
    let encode = ["-map", "0:v", "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "ultrafast", "-g", "48"];
    let rates = ["-b:v:0", "300k", "-b:v:1", "100k", "-c:a", "aac"];
    let said = ffmpeg(place, &[&input[..], &encode, &rates, output].concat());
    assert_eq!(said, "", "{output:?}");
}

/// Decodes the content of a manifest to its end. Returns the errors of ffmpeg, and the number of video frames.
fn watch(place: &Path, access: &Access, manifest: &str) -> (String, usize) {
    let url = format!("{}/films/{manifest}", access.endpoint);
    let said = ffmpeg(place, &["-i", &url, "-map", "0:v:0", "-map", "0:a:0", "-f", "framemd5", "-y", "frames.txt"]);
    let frames = std::fs::read_to_string(place.join("frames.txt")).unwrap_or_default();
    (said, frames.lines().filter(|line| line.starts_with("0,")).count())
}

/// Plays a manifest in Chromium, on a page of that port.
fn watch_in_browser(place: &Path, access: &Access, manifest: &str, port: u16) -> Value {
    let output = Command::new("node")
        .arg(tools::tests().join("tools/play_in_browser.mjs"))
        .args([port.to_string(), format!("{}/films/{manifest}", access.endpoint)])
        // The browser is unpacked there once.
        .env("TMPDIR", place)
        .output()
        .expect("node is on the PATH, as tests/run checks");
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// URL, name and key of an account, then more arguments.
pub(crate) fn with<'a>(command: &'a str, access: &'a [String; 3], more: &[&'a str]) -> Vec<&'a str> {
    let access = access.iter().map(String::as_str);
    std::iter::once(command).chain(access).chain(more.iter().copied()).collect()
}

/// The exit code of `verify --play`, and the codes and details of its findings about playing.
fn verify(place: &Path) -> (Option<i32>, Value, Vec<(String, String)>) {
    let (code, text) = mediamirror(place, &["verify", "--play", "--origin", ORIGIN, "-q", "--output", "json"]);
    let json: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let play = json["play"].clone();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let all = play["problems"].as_array().expect("a list").iter().chain(play["findings"].as_array().expect("a list"));
    let found = all.map(|one| (text(&one["code"]), text(&one["detail"]))).collect();
    (code, play, found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn films_made_by_ffmpeg_play_equally_from_the_copy_until_one_segment_is_damaged() {
    let azurite = Azurite::start().await;
    let (source, target) = (azurite.source(), azurite.target());
    let [from, to] =
        [&source, &target].map(|access| [access.endpoint.to_string(), access.name.clone(), access.key.clone()]);
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path();
    make_films(place);
    let films = place.join("films");
    python(&with("upload", &from, &["films", films.to_str().expect("a path")]));
    write_config(place, [("source", &source), ("target", &target)]);
    let (code, text) = mediamirror(place, &["sync"]);
    assert_eq!(code, Some(0), "{text}");
    // They cannot be read without a signature, so nothing is proven.
    let (code, _, found) = verify(place);
    assert!(code == Some(3) && found.iter().all(|(code, _)| code == "play-unchecked"), "{found:?}");

    let port = free_port();
    let sites = [ORIGIN, &format!("http://127.0.0.1:{port}")];
    for access in [&from, &to] {
        python(&with("open", access, &["films"]));
        python(&with("pages", access, &sites));
    }
    let (code, play, found) = verify(place);
    assert_eq!((code, found), (Some(0), Vec::new()));
    // Five playlists and a description; in both, the initialization of each of three renditions, and two segments of
    // it; two segments of subtitles, and the file.
    let urls = 6 + 2 * (3 + 2 * 3) + 2 + 1;
    assert_eq!((&play["manifests"], &play["urls"], &play["same"]), (&6.into(), &urls.into(), &urls.into()), "{play:#}");
    for manifest in ["hls/master.m3u8", "dash/manifest.mpd"] {
        for access in [&source, &target] {
            let (said, frames) = watch(place, access, manifest);
            assert_eq!((said.as_str(), frames), ("", SECONDS * 24), "{manifest} from {}", access.name);
            let seen = watch_in_browser(place, access, manifest, port);
            // Some are decoded twice when the player changes to another quality.
            let every_frame = seen["frames"].as_u64() >= Some(SECONDS as u64 * 24);
            let all = seen["ended"] == true && every_frame && seen["subtitles"] == 2;
            assert!(all && seen["problems"] == Value::Array(Vec::new()), "{manifest} from {}: {seen}", access.name);
        }
    }

    python(&with("pages", &to, &[]));
    let (code, _, found) = verify(place);
    assert!(code == Some(4) && found.iter().all(|(code, _)| code == "cors-differs"), "{found:?}");
    let seen = watch_in_browser(place, &target, "hls/master.m3u8", port);
    assert_eq!((&seen["ended"], &seen["frames"]), (&false.into(), &0.into()), "{seen}");
    python(&with("pages", &to, &sites));

    python(&with("spoil", &to, &["films", "hls/high/2.m4s"]));
    let (code, _, found) = verify(place);
    assert_eq!(code, Some(4));
    let [(cause, detail)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(cause, "plays-differently");
    assert!(detail.starts_with("films/hls/high/2.m4s: other bytes"), "{detail}");
    let (code, text) = mediamirror(place, &["verify", "--bytes"]);
    assert!(code == Some(4) && text.contains("hls/high/2.m4s: other bytes"), "{text}");
    let (code, text) = mediamirror(place, &["sync"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(verify(place).0, Some(0));
}
