//! The real binary against the emulator, which is also the real binary.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::counted::wait_for;
use super::{files_in, mediamirror, mode, stderr, stdout, unwrapped, write_private};

/// A running emulator, ended when dropped.
pub(crate) struct Emulator {
    pub(crate) process: Child,
    pub(crate) ready: Value,
    pub(crate) place: TempDir,
}

impl Emulator {
    /// Starts one with a small library and writes `mirror.toml` into a new directory.
    pub(crate) fn start(settings: &str) -> Self {
        Self::with(settings, "assets=4,blobs=5,seed=1,sizes=small,awkward=false", "")
    }

    /// The same with a library of that recipe and faults by those rules.
    pub(crate) fn with(settings: &str, library: &str, faults: &str) -> Self {
        Self::filled(settings, &["--generate", library], faults)
    }

    /// The same with a library according to these arguments.
    pub(crate) fn filled(settings: &str, library: &[&str], faults: &str) -> Self {
        let place = tempfile::tempdir().expect("a directory");
        std::fs::write(place.path().join("emulator.toml"), settings).expect("written");
        std::fs::write(place.path().join("faults.toml"), faults).expect("written");
        let mut process = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
            .args(["emulator", "--settings", "emulator.toml", "--write-config", "mirror.toml", "--quiet"])
            .args(["--faults", "faults.toml"])
            .args(library)
            .current_dir(place.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().expect("piped"));
        output.read_line(&mut line).expect("the ready line");
        crate::schemas::fits("emulator", &line);
        let ready = serde_json::from_str(&line).expect("JSON");
        Self { process, ready, place }
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let output = mediamirror(self.path(), &[arguments, &["--output", "json"]].concat());
        let value = serde_json::from_str(&stdout(&output));
        (output.status.code(), value.unwrap_or_else(|error| panic!("{error}: {}{}", stdout(&output), stderr(&output))))
    }

    /// The line of the configuration that contains this, counted from 1.
    pub(crate) fn line_of(&self, needle: &str) -> usize {
        let text = std::fs::read_to_string(self.path().join("mirror.toml")).expect("readable");
        text.lines().position(|line| line.contains(needle)).expect("it is there") + 1
    }

    /// Replaces `from` by `to` in the configuration.
    pub(crate) fn change(&self, from: &str, to: &str) {
        let path = self.path().join("mirror.toml");
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(text.contains(from), "{from} is not in {text}");
        std::fs::write(&path, text.replacen(from, to, 1)).expect("written");
    }

    pub(crate) fn region(&self, index: usize, key: &str) -> &str {
        self.ready["regions"][index][key].as_str().expect("a text")
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn signal(process: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &process.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

#[test]
fn the_emulator_reports_when_it_is_ready_and_ends_on_sigterm() {
    let mut emulator = Emulator::start("");
    assert_eq!(emulator.ready["ready"], Value::Bool(true));
    for key in
        ["name", "media", "token", "blob", "streaming", "account", "storage_account", "account_key", "storage_key"]
    {
        assert!(!emulator.region(1, key).is_empty(), "{key}");
    }
    for name in ["west.media.key", "west.storewest.key", "east.media.key", "east.storeeast.key", "mirror.toml"] {
        assert_eq!(mode(&emulator.path().join(name)), 0o600, "{name}");
    }
    let configuration = std::fs::read_to_string(emulator.path().join("mirror.toml")).expect("readable");
    assert!(!configuration.contains(emulator.region(0, "account_key")), "a secret is in the configuration");
    signal(&emulator.process, "-TERM");
    assert_eq!(emulator.process.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_library_is_planned_mirrored_compared_and_then_not_changed() {
    let emulator = Emulator::start("");
    let before = files_in(&emulator.place);
    let (code, plan) = emulator.json(&["sync", "--dry-run"]);
    assert_eq!((code, &plan["outcome"]), (Some(0), &Value::from("dry-run")));
    assert_eq!(plan["blobs"]["copied"], 20);
    assert_eq!(files_in(&emulator.place), before, "a dry run writes nothing");

    let (code, difference) = emulator.json(&["verify"]);
    assert_eq!((code, &difference["assets"]["missing"]), (Some(4), &Value::from(4)));

    let (code, first) = emulator.json(&["sync"]);
    assert_eq!((code, &first["outcome"]), (Some(0), &Value::from("complete")));
    assert_eq!((&first["assets"]["mirrored"], &first["blobs"]["copied"]), (&Value::from(4), &Value::from(20)));

    let (code, comparison) = emulator.json(&["verify"]);
    assert_eq!((code, &comparison["assets"]["same"]), (Some(0), &Value::from(4)));
    assert_eq!(comparison["differences"], Value::Array(vec![]));

    let (code, second) = emulator.json(&["sync"]);
    assert_eq!((code, &second["outcome"]), (Some(0), &Value::from("complete")));
    assert_eq!((&second["assets"]["mirrored"], &second["blobs"]["copied"]), (&Value::from(0), &Value::from(0)));

    let (code, urls) = emulator.json(&["urls"]);
    let urls = urls.as_array().expect("a list");
    assert_eq!((code, urls.len()), (Some(0), 4));
    for pair in urls {
        let source = pair["source_url"].as_str().expect("a text");
        let moved = source.replace(emulator.region(0, "streaming"), emulator.region(1, "streaming"));
        assert_eq!(pair["target_url"], Value::from(moved));
    }
}

#[test]
fn a_run_without_changes_prints_one_line_and_v_does_not_list_unchanged_assets() {
    let emulator = Emulator::start("");
    let first = stdout(&mediamirror(emulator.path(), &["sync"]));
    assert!(first.contains("complete: 4 assets, 4 mirrored, 20 blobs copied ("), "{first}");
    let second = mediamirror(emulator.path(), &["sync"]);
    let printed = stdout(&second);
    assert!(printed.starts_with("complete: 4 assets, nothing to do ("), "{printed}");
    assert_eq!((printed.lines().count(), stderr(&second)), (1, String::new()), "{printed}");
    let (_, json) = emulator.json(&["sync"]);
    assert_eq!(json["changes"], Value::Array(Vec::new()));
    let verbose = mediamirror(emulator.path(), &["sync", "-v"]);
    assert!(stdout(&verbose).contains("assets   4 in scope: 0 mirrored, 4 unchanged"), "{}", stdout(&verbose));
    assert!(!stderr(&verbose).contains("asset unchanged"), "{}", stderr(&verbose));
    let debug = mediamirror(emulator.path(), &["sync", "-vv"]);
    assert_eq!(stderr(&debug).matches("asset unchanged").count(), 4, "{}", stderr(&debug));
}

#[test]
fn each_asset_that_is_not_mirrored_has_a_line_before_the_total() {
    let emulator = Emulator::with("", "assets=12,blobs=3,seed=1,sizes=small,awkward=true", "");
    let output = mediamirror(emulator.path(), &["sync"]);
    let printed = stdout(&output);
    assert_eq!(output.status.code(), Some(3), "{printed}");
    assert!(printed.contains("! awkward-storage-encrypted  storage-encrypted: "), "{printed}");
    assert!(printed.lines().all(|line| line.chars().count() <= 80), "{printed}");
    let lines = unwrapped(&printed);
    assert!(lines.last().expect("a total").starts_with("partial: 12 assets, "), "{printed}");
}

#[test]
fn deletions_on_the_target_are_reported_with_exit_code_four_and_repaired_by_the_next_run() {
    let emulator = Emulator::start("");
    let (_, urls) = (emulator.json(&["sync"]), emulator.json(&["urls"]).1);
    let name = |at: usize| urls[at]["asset"].as_str().or(urls[at]["name"].as_str()).expect("a name").to_owned();
    emulator.json(&["asset", "unpublish", &name(0), "--side", "target"]);
    emulator.json(&["asset", "delete", &name(1), "--side", "target", "--yes"]);
    let (code, found) = emulator.json(&["verify"]);
    assert_eq!((code, &found["assets"]["different"], &found["assets"]["missing"]), (Some(4), &1.into(), &1.into()));
    let printed = found["differences"].to_string();
    assert!(printed.contains(&name(0)) && printed.contains(&name(1)), "{printed}");
    let (code, summary) = emulator.json(&["sync"]);
    assert_eq!((code, &summary["assets"]["mirrored"]), (Some(0), &Value::from(2)), "{summary:#}");
    assert_eq!(emulator.json(&["verify"]).0, Some(0));
}

#[test]
fn globs_and_copy_methods_limit_a_run() {
    let emulator = Emulator::start("");
    let (_, all) = emulator.json(&["urls"]);
    let name = all[0]["asset"].as_str().expect("a text").to_owned();
    let (code, one) = emulator.json(&["sync", "--include", &name, "--copy-method", "async"]);
    assert_eq!((code, &one["assets"]["total"]), (Some(0), &Value::from(1)));
    let (_, rest) = emulator.json(&["sync", "--exclude", &name, "--copy-method", "blocks"]);
    assert_eq!(rest["assets"]["mirrored"], 3);
}

/// Guarantee 9: a wrong key is reported before anything is written.
#[test]
fn wrong_keys_end_with_five_and_the_line_and_nothing_is_written() {
    for (file, subject) in [
        ("west.media.key", "the source's media account mediawest"),
        ("west.storewest.key", "the source's storage account storewest"),
        ("east.media.key", "the target's media account mediaeast"),
        ("east.storeeast.key", "the target's storage account storeeast"),
    ] {
        let emulator = Emulator::start("");
        write_private(&emulator.path().join(file), "d3Jvbmcta2V5\n");
        let before = files_in(&emulator.place);
        let output = mediamirror(emulator.path(), &["sync"]);
        let printed = stderr(&output);
        assert_eq!(output.status.code(), Some(5), "{file}: {printed}");
        assert_eq!(printed.matches("error: ").count(), 1, "{file}: {printed}");
        assert!(printed.contains(&format!("mirror.toml:{}: {subject}", emulator.line_of(file))), "{file}: {printed}");
        assert!(printed.contains("remedy: ") && !printed.contains("d3Jvbmcta2V5"), "{file}: {printed}");
        assert_eq!(files_in(&emulator.place), before, "{file}");
        let (_, comparison) = {
            std::fs::write(emulator.path().join(file), key_of(&emulator, file)).expect("written");
            emulator.json(&["verify"])
        };
        assert_eq!(comparison["assets"]["missing"], 4, "nothing was made on the target");
    }
}

fn key_of<'a>(emulator: &'a Emulator, file: &str) -> &'a str {
    let region = usize::from(file.starts_with("east"));
    emulator.region(region, if file.contains("media") { "account_key" } else { "storage_key" })
}

#[test]
fn an_api_that_answers_html_ends_with_five() {
    let emulator = Emulator::start("");
    let page = web_page();
    emulator.change(emulator.region(0, "media"), &format!("http://{page}/api/"));
    let line = emulator.line_of(&page);
    let output = mediamirror(emulator.path(), &["sync"]);
    let printed = stderr(&output);
    assert_eq!(output.status.code(), Some(5), "{printed}");
    assert!(printed.contains(&format!("mirror.toml:{line}: the source's media account mediawest")), "{printed}");
    assert_eq!(printed.matches("error: ").count(), 1, "{printed}");
    assert!(!emulator.path().join("mirror.ledger").exists());
}

/// A server that answers every request with a web page; returns its `host:port`. It runs until the test's process ends.
pub(crate) fn web_page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 8_192];
            let _ = stream.read(&mut request);
            let page = "<!DOCTYPE html><html><body>Welcome</body></html>";
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length:";
            let _ = write!(stream, "{head} {}\r\n\r\n{page}", page.len());
        }
    });
    address
}

#[test]
fn an_interrupted_run_says_how_to_resume_and_the_next_run_does() {
    // A tenth of a second for each answer of the target's blob service: the signal is sent while copies are in
    // progress.
    let emulator = Emulator::start(&slow());
    let mut run = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
        .args(["sync", "-v", "--max-in-flight", "2", "--assets-in-flight", "1", "--output", "json"])
        .current_dir(emulator.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut log = run.stderr.take().expect("piped");
    // When the third asset starts, the first one is copied and the fourth one has not started.
    wait_for(&emulator, "CreateAsset", 3);
    signal(&run, "-INT");
    let mut rest = String::new();
    log.read_to_string(&mut rest).expect("text");
    let output = run.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{rest}");
    assert!(rest.contains("To resume: mediamirror --config mirror.toml sync"), "{rest}");
    crate::schemas::fits("sync", &stdout(&output));
    let summary: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(summary["outcome"], "interrupted");
    let (code, next) = emulator.json(&["sync"]);
    assert_eq!((code, &next["outcome"]), (Some(0), &Value::from("complete")));
    assert!(next["assets"]["unchanged"].as_u64() >= Some(1), "{next}");
}

/// Settings of the two regions, with limits of their storage accounts.
pub(crate) fn regions(west: &str, east: &str) -> String {
    [("west", west), ("east", east)]
        .map(|(name, limits)| {
            format!(
                "[[regions]]\nname = \"{name}\"\naccount = \"media{name}\"\n\
                 storage = [{{ account = \"store{name}\", limits = {{ {limits} }} }}]\n"
            )
        })
        .concat()
}

pub(crate) fn slow() -> String {
    regions("", "latency_ms = 100")
}

#[test]
fn a_closed_output_does_not_panic() {
    // Nothing is mirrored yet.
    let emulator = Emulator::start("");
    let mut run = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
        .arg("urls")
        .current_dir(emulator.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(run.stdout.take());
    let output = run.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), stderr(&output)), (Some(4), String::new()));
}

#[test]
fn a_second_run_at_the_same_time_is_refused_with_six() {
    let emulator = Emulator::start(&slow());
    let mut run = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
        .args(["sync", "--quiet", "--max-in-flight", "1"])
        .current_dir(emulator.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary runs");
    wait_for(&emulator, "CreateAsset", 1);
    let output = mediamirror(emulator.path(), &["sync"]);
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    let _ = run.kill();
    let _ = run.wait();
}

#[test]
fn a_small_demonstration_prints_pairs_of_urls_and_no_surprises() {
    let place = tempfile::tempdir().expect("a directory");
    let output = mediamirror(place.path(), &["demo", "--assets", "3", "--blobs", "3"]);
    let shown = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}{}", stderr(&output));
    for words in [
        "Of 3 streaming URLs, 2 play in both regions",
        "bars.ism/manifest",
        "awkward-no-container: source-empty",
        "0 blobs copied, 0 assets and 0 locators made",
    ] {
        assert!(shown.contains(words), "{words} is missing in {shown}");
    }
    assert!(files_in(&place).is_empty(), "a demonstration leaves nothing behind");
}
