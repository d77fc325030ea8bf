//! The real binary: configurations that switch viewers between the hosts, and the reasons why one is not written.

use serde_json::Value;

use crate::cli::against_emulator::Emulator;
use crate::cli::{mediamirror, stderr, stdout};

const LIBRARY: &str = "assets=3,blobs=2,seed=3,sizes=small,awkward=false,real=false";
const FORMATS: [&str; 5] = ["csv", "nginx", "front-door", "traffic-manager", "steering"];

/// The exit code of `urls` with these arguments, with both streams.
fn write(emulator: &Emulator, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = mediamirror(emulator.path(), &[&["urls"], arguments].concat());
    (output.status.code(), stdout(&output), stderr(&output))
}

/// An emulator whose regions have separate host names for viewers.
fn named() -> Emulator {
    let emulator = Emulator::with("", LIBRARY, "");
    for (region, url) in [(0, "https://a.media.test"), (1, "https://b.media.test")] {
        let own = emulator.region(region, "streaming").to_owned();
        emulator.change(&format!("streaming_url = \"{own}\""), &format!("streaming_url = \"{url}\""));
    }
    emulator
}

#[test]
fn each_format_exits_with_the_code_of_urls_and_contains_no_secret() {
    let emulator = named();
    let before: Vec<Option<i32>> = FORMATS.iter().map(|format| write(&emulator, &["--format", format]).0).collect();
    // Viewers can be switched to a host without a film, but it cannot be monitored.
    assert_eq!(before, [Some(4), Some(4), Some(5), Some(5), Some(4)]);
    assert_eq!(mediamirror(emulator.path(), &["sync"]).status.code(), Some(0));
    let keys: Vec<String> = (0..2)
        .flat_map(|region| {
            let storage = &emulator.ready["regions"][region]["storage"][0]["key"];
            [emulator.region(region, "account_key").to_owned(), storage.as_str().expect("a key").to_owned()]
        })
        .collect();
    for format in FORMATS {
        let (code, text, errors) = write(&emulator, &["--format", format]);
        assert_eq!(code, Some(0), "{format}: {errors}");
        assert!(text.contains("b.media.test"), "{format}: {text}");
        assert!(!keys.iter().any(|key| text.contains(key)) && !text.contains("sig="), "{format}: {text}");
        let comment = match format {
            "csv" => text.starts_with("asset,locator_id,"),
            "steering" => errors.starts_with("note: a steering manifest"),
            _ => text.starts_with("# nginx") || text.starts_with("// Azure"),
        };
        assert!(comment, "{format}: {text}{errors}");
    }
}

#[test]
fn the_table_has_the_pairs_of_the_json() {
    let emulator = named();
    assert_eq!(mediamirror(emulator.path(), &["sync"]).status.code(), Some(0));
    let (_, pairs) = emulator.json(&["urls"]);
    let (_, table, _) = write(&emulator, &["--format", "csv"]);
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let heads = rows.headers().expect("a line of headings").clone();
    let mut count = 0;
    for (row, pair) in rows.records().zip(pairs.as_array().expect("a list")) {
        let row = row.expect("a row");
        for (head, cell) in heads.iter().zip(&row) {
            let value = &pair[head];
            assert_eq!(value.as_str().unwrap_or_default(), cell, "{head}: {pair}");
            assert!(value.is_string() || *value == Value::Null, "{head}: {pair}");
        }
        count += 1;
    }
    assert_eq!((count, heads.len()), (3, pairs[0].as_object().expect("an object").len()));
}

#[test]
fn a_side_without_a_known_host_is_an_error_that_names_streaming_url() {
    let emulator = Emulator::with("", LIBRARY, "");
    let own = emulator.region(1, "streaming").to_owned();
    let (_, text, _) = write(&emulator, &["--format", "nginx"]);
    assert!(text.contains(&format!("proxy_pass \"{own}$request_uri\"")), "{text}");
    // Without the setting, the running streaming host of the account is used.
    emulator.change(&format!("streaming_url = \"{own}\""), "");
    assert_eq!(write(&emulator, &["--format", "nginx"]).1, text);
    // The API before 2.7 lists no streaming hosts, and nothing on the target has a URL yet.
    emulator.change("[target]", "[target]\napi_version = \"2.2\"");
    let (code, text, errors) = write(&emulator, &["--format", "nginx"]);
    assert_eq!((code, text.as_str()), (Some(5), ""), "{errors}");
    assert!(
        errors.contains("no streaming host of account") && errors.contains("`streaming_url` in [target]"),
        "{errors}"
    );
}

#[test]
fn hosts_that_one_setting_cannot_describe_are_an_error_and_print_nothing() {
    let emulator = Emulator::with("", LIBRARY, "");
    assert_eq!(mediamirror(emulator.path(), &["sync"]).status.code(), Some(0));
    for format in ["front-door", "traffic-manager", "steering"] {
        let (code, text, errors) = write(&emulator, &["--format", format]);
        assert_eq!((code, text.as_str()), (Some(5), ""), "{errors}");
        assert!(errors.contains("two host names") && errors.contains("streaming_url"), "{errors}");
    }
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    let emulator = Emulator::with("", LIBRARY, "");
    for (arguments, code, problem) in [
        (&["--format", "csv", "-o", "json"][..], 2, "--output json"),
        (&["--format", "json"], 2, "invalid value"),
        (&["--old-locators", "x.csv"], 2, "needs --format nginx"),
        (&["--format", "nginx", "--old-locators", "x.csv"], 5, "x.csv"),
    ] {
        let (found, text, errors) = write(&emulator, arguments);
        assert_eq!((found, text.as_str()), (Some(code), ""), "{errors}");
        assert!(errors.contains(problem), "{errors}");
    }
    let table = "locator_id,container\n43452ce3-1cd2-4c27-b1ef-fd3d39f38ffb,asset-1\n";
    std::fs::write(emulator.path().join("x.csv"), table).expect("written");
    let (code, _, errors) = write(&emulator, &["--format", "nginx", "--old-locators", "x.csv"]);
    assert!(code == Some(5) && errors.contains("service = \"blobs\""), "{errors}");
}
