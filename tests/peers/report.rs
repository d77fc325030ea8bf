//! The page of a report in a real browser: on a phone and on a desktop, light and dark. It loads nothing, runs nothing,
//! and no part of it is cut off, with any names of assets.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::blob_library::mediamirror;
use crate::tools;

/// A name that tries to run a script and load a picture, and one that is a single long word.
const HOSTILE: &str =
    "</style><script>globalThis.hostile = 1</script><img src=http://127.0.0.1:9/ onerror=globalThis.hostile=1>";
const LONG: &str =
    "a-name-without-a-single-space-that-goes-on-and-on-and-on-until-it-is-wider-than-any-phone-there-is-0123456789";

/// Chromium's results for a page, for each width and colour scheme.
fn look(place: &Path, page: &str) -> Vec<Value> {
    let output = Command::new("node")
        .arg(tools::tests().join("tools/report_in_browser.mjs"))
        .arg(place.join(page))
        // The browser is unpacked there once.
        .env("TMPDIR", place)
        .output()
        .expect("node is on the PATH, as tests/run checks");
    let said = String::from_utf8_lossy(&output.stderr);
    let all: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    all.as_array().expect("a list").clone()
}

/// Records a run in a ledger that mirrored a library, but not all of it.
fn mirror(place: &Path) {
    let mut emulator = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
        .args(["emulator", "--quiet", "--write-config", "mirror.toml"])
        .args(["--generate", "assets=30,blobs=4,seed=1,sizes=small,awkward=true"])
        .current_dir(place)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let stdout = emulator.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut String::new()).expect("it prints text");
    let (code, text) = mediamirror(place, &["sync", "-q"]);
    emulator.kill().expect("it runs");
    emulator.wait().expect("it ends");
    assert_eq!(code, Some(3), "{text}");
}

#[test]
fn the_page_fits_a_phone_and_a_desktop_in_light_and_dark_and_sends_no_requests() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path();
    mirror(place);
    let (code, text) = mediamirror(place, &["report", "--json"]);
    let mut report: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{code:?} {error}: {text}"));
    for (asset, name) in report["assets"].as_array_mut().expect("a list").iter_mut().zip([HOSTILE, LONG]) {
        asset["name"] = name.into();
        asset["findings"][0]["detail"] = name.into();
    }
    fs::write(place.join("report.json"), report.to_string()).expect("written");
    let (code, text) = mediamirror(place, &["report", "--from", "report.json", "--html", "report.html", "-q"]);
    assert_eq!((code, text.as_str()), (Some(0), ""));

    let looks = look(place, "report.html");
    assert_eq!(looks.len(), 4);
    for seen in &looks {
        let which = format!("{} {}", seen["window"], seen["scheme"]);
        for wide in ["width", "opened"] {
            assert_eq!(seen[wide], seen["window"], "{which}: it scrolls sideways ({wide})");
        }
        for none in ["complaints", "requests", "cut"] {
            assert_eq!(seen[none], serde_json::json!([]), "{which}: {none}");
        }
        assert_eq!(seen["script"], 0, "{which}");
        let text = seen["text"].as_str().expect("a text");
        assert!(text.contains(HOSTILE) && text.contains(LONG), "{which}: {text}");
        for problem in report["problems"].as_array().expect("a list") {
            assert!(text.contains(problem["code"].as_str().expect("a code")), "{which}: {problem}");
        }
    }
    let background = |scheme: &str| {
        let seen = looks.iter().find(|seen| seen["scheme"] == scheme).expect("both schemes");
        seen["background"].as_str().expect("a colour").to_owned()
    };
    assert_ne!(background("light"), background("dark"));
}
