//! Requests of the real binary, counted by the emulator: a refusal changes nothing, and a second run writes nothing;
//! and the documented shapes of the output.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::against_emulator::{Emulator, web_page};
use super::{files_in, mediamirror, stderr, write_private};

/// Sends a request to the admin service.
pub(crate) fn ask(emulator: &Emulator, method: &str, path: &str) -> (u16, Value) {
    let authority = emulator.ready["admin"].as_str().expect("a text").trim_start_matches("http://");
    let mut stream = TcpStream::connect(authority).expect("it listens");
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).expect("JSON"))
}

/// Waits until the emulator has counted that operation this number of times.
pub(crate) fn wait_for(emulator: &Emulator, operation: &str, times: u64) {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let (_, stats) = ask(emulator, "GET", "/_emulator/stats");
        let rows = stats["requests"].as_array().expect("a list");
        let counted = rows.iter().filter(|row| row["operation"] == operation).filter_map(|row| row["count"].as_u64());
        if counted.sum::<u64>() >= times {
            return;
        }
        assert!(Instant::now() < deadline, "{operation} was not asked for {times} times: {stats}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How often that operation was answered with that status.
pub(super) fn count(emulator: &Emulator, operation: &str, code: u16) -> u64 {
    let (_, stats) = ask(emulator, "GET", "/_emulator/stats");
    let rows = stats["requests"].as_array().expect("a list");
    let rows = rows.iter().filter(|row| row["operation"] == operation && row["status"] == code);
    rows.filter_map(|row| row["count"].as_u64()).sum()
}

/// The writes for the target's lock in every night: acquire, write the holder, release.
pub(crate) const LOCK: [&str; 3] = ["LeaseBlob", "LeaseBlob", "PutBlob"];

/// The counted operations that write, with their statuses.
pub(crate) fn writes(emulator: &Emulator) -> Vec<String> {
    let looks = |operation: &str| {
        ["Get", "List", "Head", "AcsToken", "FrontDoor", "Root"].iter().any(|start| operation.starts_with(start))
    };
    let (code, stats) = ask(emulator, "GET", "/_emulator/stats");
    assert_eq!(code, 200);
    let rows = stats["requests"].as_array().expect("a list");
    let operation = |row: &Value| row["operation"].as_str().expect("a text").to_owned();
    rows.iter().map(operation).filter(|operation| !looks(operation)).collect()
}

fn has_keys(value: &Value, keys: &[&str]) {
    for key in keys {
        assert!(value.pointer(key).is_some_and(|value| !value.is_null()), "{key} is missing in {value}");
    }
}

#[test]
fn the_statistics_are_read_and_reset() {
    let emulator = Emulator::start("");
    emulator.json(&["verify"]);
    let (code, stats) = ask(&emulator, "GET", "/_emulator/stats");
    assert_eq!(code, 200);
    has_keys(&stats, &["/concurrency", "/max_concurrency"]);
    let rows = stats["requests"].as_array().expect("a list");
    for row in rows {
        has_keys(row, &["/account", "/plane", "/operation", "/status", "/count"]);
    }
    for plane in ["media", "blob", "token"] {
        assert!(rows.iter().any(|row| row["plane"] == plane), "{plane} is not counted: {stats}");
    }
    assert_eq!(ask(&emulator, "POST", "/_emulator/stats/reset").0, 200);
    assert_eq!(ask(&emulator, "GET", "/_emulator/stats").1["requests"], Value::Array(Vec::new()));
    assert_eq!(ask(&emulator, "GET", "/_emulator/nothing").0, 404);
    for wrong in ["", "?away_ms=", "?away_ms=-1", "?away_ms=3600001", "?seconds=1"] {
        assert_eq!(ask(&emulator, "POST", &format!("/_emulator/restart{wrong}")).0, 400, "{wrong}");
    }
    assert_eq!(ask(&emulator, "GET", "/_emulator/restart?away_ms=0").0, 405);
    assert_eq!(ask(&emulator, "GET", "/_emulator/ready").1, emulator.ready);
}

#[test]
fn the_output_has_the_documented_keys_and_a_second_run_writes_nothing() {
    let emulator = Emulator::start("");
    let (code, first) = emulator.json(&["sync"]);
    assert_eq!(code, Some(0));
    for counts in ["total", "mirrored", "unchanged", "skipped", "failed", "conflicts"] {
        has_keys(&first["assets"], &[&format!("/{counts}")]);
    }
    for keys in
        [["/blobs/copied", "/blobs/unchanged", "/blobs/failed"], ["/outcome", "/bytes_copied", "/elapsed_seconds"]]
    {
        has_keys(&first, &keys);
    }
    has_keys(&first, &["/locators/mirrored", "/locators/unchanged", "/locators/failed"]);
    has_keys(&first, &["/requests/media", "/requests/blob"]);
    assert!(first["bytes_copied"].as_u64() > Some(0) && first["locators"]["mirrored"].as_u64() > Some(0), "{first}");
    assert!(!writes(&emulator).is_empty());

    let (_, compared) = emulator.json(&["verify"]);
    has_keys(&compared, &["/assets/same", "/assets/different", "/assets/missing", "/differences"]);
    let (_, urls) = emulator.json(&["urls"]);
    has_keys(&urls[0], &["/asset", "/locator_id", "/source_url", "/target_url"]);

    ask(&emulator, "POST", "/_emulator/stats/reset");
    let (code, second) = emulator.json(&["sync"]);
    assert_eq!((code, &second["blobs"]["copied"], &second["bytes_copied"]), (Some(0), &0.into(), &0.into()));
    assert_eq!(second["blobs"]["unchanged"], first["blobs"]["copied"]);
    assert_eq!(second["locators"]["unchanged"], first["locators"]["mirrored"]);
    assert_eq!(writes(&emulator), LOCK);
}

/// Replaces `from` by `to` in the configuration of a new emulator; see [`refused`].
fn refuses(from: impl Fn(&Emulator) -> String, to: &str, subject: &str) {
    let emulator = Emulator::start("");
    let from = from(&emulator);
    emulator.change(&from, to);
    refused(&emulator, to, subject);
}

/// Checks that every command ends with 5, writes nothing, and prints one message with the line that contains `place`,
/// the `subject` and the remedy. If the configuration itself is wrong, the message shows the line.
fn refused(emulator: &Emulator, place: &str, subject: &str) {
    let line = emulator.line_of(place);
    let before = files_in(&emulator.place);
    for command in ["sync", "verify", "urls"] {
        let output = mediamirror(emulator.path(), &[command]);
        let printed = stderr(&output);
        assert_eq!(output.status.code(), Some(5), "{command}: {printed}");
        assert!(output.stdout.is_empty(), "{command}");
        let shown = if printed.contains(&format!("\n{line} | ")) { 3 } else { 0 };
        let lines = |start: &str| printed.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(
            (printed.lines().count(), lines("error: "), lines("remedy: ")),
            (2 + shown, 1, 1),
            "{command}: {printed}"
        );
        assert!(
            printed.contains(&format!("mirror.toml:{line}: ")) && printed.contains(subject),
            "{command}: {printed}"
        );
        assert_eq!(files_in(&emulator.place), before, "{command}");
    }
    assert_eq!(writes(emulator), Vec::<String>::new());
}

/// No process listens there, because this needs privileges.
const CLOSED_PORT: &str = "http://127.0.0.1:1";

#[test]
fn an_unreachable_media_api_is_refused() {
    let from = |emulator: &Emulator| emulator.region(0, "media").to_owned();
    refuses(from, &format!("{CLOSED_PORT}/api/"), "the source's media account mediawest at http://127.0.0.1:1/api/");
}

#[test]
fn an_unreachable_token_service_is_refused() {
    let from = |emulator: &Emulator| emulator.region(1, "token").to_owned();
    refuses(
        from,
        &format!("{CLOSED_PORT}/v2/OAuth2-13"),
        "the target's token service of media account mediaeast at http://127.0.0.1:1/v2/OAuth2-13",
    );
}

#[test]
fn an_unreachable_blob_service_is_refused() {
    let from = |emulator: &Emulator| emulator.region(1, "blob").to_owned();
    refuses(
        from,
        &format!("{CLOSED_PORT}/storeeast"),
        "the target's storage account storeeast at http://127.0.0.1:1/storeeast",
    );
}

#[test]
fn a_web_page_in_place_of_the_token_service_is_refused() {
    let from = |emulator: &Emulator| emulator.region(0, "token").to_owned();
    let emulator = Emulator::start("");
    emulator.change(&from(&emulator), &format!("http://{}/v2/OAuth2-13", web_page()));
    refused(&emulator, "west.media.key", "is the token URL right?");
}

#[test]
fn a_web_page_in_place_of_the_blob_service_is_refused() {
    let from = |emulator: &Emulator| emulator.region(0, "blob").to_owned();
    refuses(from, &format!("http://{}/storewest", web_page()), "the source's storage account storewest");
}

#[test]
fn an_unknown_key_is_refused() {
    refuses(|_| "redirect_hosts".to_owned(), "redirct_hosts", "did you mean `redirect_hosts`?");
}

#[test]
fn a_missing_secret_is_refused() {
    refuses(|_| "west.storewest.key".to_owned(), "lost.key", "lost.key");
}

#[test]
fn a_target_that_is_the_source_is_refused() {
    let emulator = Emulator::start("");
    emulator.change(emulator.region(1, "media"), emulator.region(0, "media"));
    emulator.change("account = \"mediaeast\"", "account = \"MediaWest\"");
    refused(&emulator, "MediaWest", "the target is the source");
}

#[test]
fn a_wrong_key_is_refused() {
    for (file, line) in [("east.media.key", "east.media.key"), ("west.storewest.key", "west.storewest.key")] {
        let emulator = Emulator::start("");
        write_private(&emulator.path().join(file), "d3Jvbmcta2V5\n");
        refused(&emulator, line, "check ");
    }
}

#[test]
fn a_wrong_line_is_shown_and_marked_without_its_values() {
    let place = tempfile::tempdir().expect("a directory");
    std::fs::write(place.path().join("mirror.toml"), "[source]\nacount = \"hunter2\"\n").expect("it is written");
    let printed = stderr(&mediamirror(place.path(), &["doctor"]));
    assert!(printed.contains("\n2 | acount = \"…\"\n  | ^^^^^^\n"), "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");
}

#[test]
fn an_account_key_that_was_pasted_as_a_line_is_not_shown() {
    let key = "J1YpBsgLMTAQBfBiPb6IiOV6fpq5O0Rmlh9t3AqXOzsx8MloxZgvxvam0nKLlafVSnrd9nRka1cCTHtHdQPoQ==";
    for line in [key.to_owned(), format!("key = {key}"), format!("key = \"{key}"), format!("{key} = 1")] {
        let place = tempfile::tempdir().expect("a directory");
        std::fs::write(place.path().join("mirror.toml"), format!("[source]\n{line}\n")).expect("it is written");
        for output in ["text", "json"] {
            let refused = mediamirror(place.path(), &["doctor", "-o", output]);
            let printed = stderr(&refused);
            assert_eq!(refused.status.code(), Some(5), "{printed}");
            assert!(!printed.contains(&key[..20]), "{printed}");
        }
    }
}
