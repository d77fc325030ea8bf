//! `asset …` and `tutorial` with the real binary: output, refusals, and that nothing is left behind.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::against_emulator::{Emulator, regions};
use super::counted::{count, wait_for};
use super::{files_in, mediamirror, stderr, stdout};

/// A storage account that is slow enough to interrupt an upload.
fn slow() -> String {
    regions("latency_ms = 150", "")
}

#[test]
fn a_killed_upload_is_resumed_and_sends_no_block_twice() {
    let emulator = Emulator::start(&slow());
    let film = std::fs::File::create(emulator.path().join("film.mp4")).expect("made");
    film.set_len(24 * (4 << 20)).expect("grown");
    let mut upload = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
        .args(["asset", "upload", "film.mp4", "--quiet"])
        .current_dir(emulator.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary runs");
    wait_for(&emulator, "PutBlock", 3);
    upload.kill().expect("killed");
    upload.wait().expect("it ends");
    let (code, uploaded) = emulator.json(&["asset", "upload", "film.mp4"]);
    assert_eq!((code, &uploaded["resumed"]), (Some(0), &Value::from(true)), "{uploaded}");
    let there = uploaded["files"][0]["there"].as_u64().expect("a number") / (4 << 20);
    assert!((3..24).contains(&there), "{uploaded}");
    let sent = count(&emulator, "PutBlock", 201);
    assert_eq!((sent, count(&emulator, "CreateAsset", 201)), (24, 1), "{there} were there");
}

#[test]
fn an_asset_is_uploaded_published_shown_and_deleted_only_after_a_confirmation() {
    let emulator = Emulator::start("");
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/bars/");
    let files: Vec<String> = ["bars.ism", "bars.ismc", "bars_100.mp4", "bars_200.mp4", "bars_400.mp4"]
        .iter()
        .map(|name| format!("{fixtures}{name}"))
        .collect();
    let mut arguments = vec!["asset", "upload", "--name", "clip"];
    arguments.extend(files.iter().map(String::as_str));
    let (code, uploaded) = emulator.json(&arguments);
    assert_eq!((code, uploaded["files"].as_array().map(Vec::len)), (Some(0), Some(5)), "{uploaded}");

    let (code, published) = emulator.json(&["asset", "publish", "clip"]);
    let protocols: Vec<&str> =
        published["urls"].as_array().expect("a list").iter().filter_map(|url| url["protocol"].as_str()).collect();
    assert_eq!((code, protocols), (Some(0), vec!["smooth", "hls", "dash"]));

    let secret = mediamirror(emulator.path(), &["asset", "publish", "clip", "--sas", "-vvv"]);
    assert!(stdout(&secret).contains("sig="), "{}", stdout(&secret));
    let signature = stdout(&secret).split("sig=").nth(1).and_then(|rest| rest.split('&').next()).map(str::to_owned);
    let signature = signature.expect("a signature");
    let shown = mediamirror(emulator.path(), &["asset", "show", "clip", "-vvv"]);
    assert_eq!(shown.status.code(), Some(0));
    for printed in [stderr(&secret), stdout(&shown), stderr(&shown)] {
        assert!(!printed.contains(&signature), "a signature is printed: {printed}");
    }

    let refused = mediamirror(emulator.path(), &["asset", "delete", "clip"]);
    assert_eq!(refused.status.code(), Some(5));
    assert!(stderr(&refused).contains("--yes"), "{}", stderr(&refused));
    assert_eq!(mediamirror(emulator.path(), &["asset", "show", "clip"]).status.code(), Some(0), "it is still there");
    assert_eq!(mediamirror(emulator.path(), &["asset", "delete", "clip", "--yes"]).status.code(), Some(0));
    let gone = mediamirror(emulator.path(), &["asset", "show", "clip"]);
    assert_eq!(gone.status.code(), Some(5));
    assert!(stderr(&gone).contains("no asset with that name"), "{}", stderr(&gone));

    let (_, all) = emulator.json(&["asset", "list"]);
    assert_eq!(all.as_array().map(Vec::len), Some(4), "the assets from before: {all}");
    let (code, deleted) = emulator.json(&["asset", "delete", "--all", "--yes"]);
    assert_eq!((code, deleted.as_array().map(Vec::len)), (Some(0), Some(4)));
    assert_eq!(emulator.json(&["asset", "list"]), (Some(0), Value::Array(vec![])));
    let (code, endpoints) = emulator.json(&["asset", "endpoints", "--side", "target"]);
    assert_eq!((code, &endpoints[0]["running"]), (Some(0), &Value::from(true)));
}

#[test]
fn a_file_that_cannot_be_uploaded_is_refused_with_five_and_its_reason() {
    let emulator = Emulator::start("");
    std::fs::write(emulator.path().join("a.mp4"), "x").expect("written");
    for (arguments, words) in [
        (vec!["a.mp4", "--options", "storage-encrypted"], "cannot be mirrored"),
        (vec!["b.mp4"], "b.mp4: failed to read it"),
        (vec!["a.mp4", "./a.mp4"], "two files have that name"),
    ] {
        let output = mediamirror(emulator.path(), &[&["asset", "upload"], arguments.as_slice()].concat());
        assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
    assert_eq!(count(&emulator, "CreateAsset", 201), 0);
}

#[test]
fn the_tutorial_plays_in_both_regions_and_leaves_nothing_behind() {
    let place = tempfile::tempdir().expect("a directory");
    let output = mediamirror(place.path(), &["tutorial", "--output", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let printed: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!((&printed["equal"], &printed["left_behind"]), (&Value::from(true), &Value::Array(vec![])));
    assert_eq!(printed["manifests"].as_array().map(Vec::len), Some(3));
    let steps: Vec<&str> =
        printed["steps"].as_array().expect("a list").iter().filter_map(|step| step["step"].as_str()).collect();
    assert_eq!(steps, ["upload", "encode", "publish", "mirror", "compare"]);
    assert!(files_in(&place).is_empty());
}

#[test]
fn the_tutorial_with_configured_accounts_leaves_them_unchanged() {
    let emulator = Emulator::start("");
    let film = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/bars/bars_200.mp4");
    let before = emulator.json(&["asset", "list"]);
    let (code, printed) = emulator.json(&["tutorial", film, "--config", "mirror.toml"]);
    assert_eq!((code, &printed["left_behind"]), (Some(0), &Value::Array(vec![])), "{printed}");
    let url = printed["manifests"][0]["source_url"].as_str().expect("a text");
    assert!(url.starts_with(emulator.region(0, "streaming")), "{url}");
    assert_eq!(emulator.json(&["asset", "list"]), before);
    assert_eq!(emulator.json(&["asset", "list", "--side", "target"]).1, Value::Array(vec![]));

    // An unknown preset: the job fails, and everything that was created is still removed.
    let failed = mediamirror(emulator.path(), &["tutorial", film, "--config", "mirror.toml", "--preset", "no such"]);
    assert_eq!(failed.status.code(), Some(10), "{}", stderr(&failed));
    assert_eq!(emulator.json(&["asset", "list"]), before, "{}", stderr(&failed));
}

#[test]
fn an_app_config_without_keys_is_refused_by_name() {
    let place = tempfile::tempdir().expect("a directory");
    std::fs::write(place.path().join("App.config"), "<configuration/>").expect("written");
    let output = mediamirror(place.path(), &["tutorial", "--config", "App.config"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(stderr(&output).contains("MediaServicesAccountNameSource"), "{}", stderr(&output));
}
