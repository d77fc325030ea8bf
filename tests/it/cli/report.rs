//! Reports of runs.

use std::fs;

use serde_json::Value;

use super::against_emulator::Emulator;
use super::{mediamirror, stderr, stdout};

/// The page without the line with its creation time.
fn page(emulator: &Emulator, arguments: &[&str]) -> String {
    let output = mediamirror(emulator.path(), &[&["report", "--html", "report.html"], arguments].concat());
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""), "{output:?}");
    let page = fs::read_to_string(emulator.path().join("report.html")).expect("it was written");
    page.lines().filter(|line| !line.starts_with("<footer>")).collect()
}

#[test]
fn a_report_is_made_from_the_ledger_without_a_request_and_rendered_again_from_its_json() {
    let mut emulator = Emulator::with("", "assets=8,blobs=3,seed=1,sizes=small,awkward=true", "");
    let output = mediamirror(emulator.path(), &["report"]);
    assert!(output.status.code() == Some(5) && stderr(&output).contains("nothing was mirrored yet"), "{output:?}");
    let (_, summary) = emulator.json(&["sync"]);
    emulator.process.kill().expect("it runs");
    emulator.process.wait().expect("it ends");

    let (code, report) = emulator.json(&["report"]);
    assert_eq!((code, &report["message_type"], &report["format"]), (Some(0), &"report".into(), &1.into()));
    assert_eq!((&report["run"]["id"], &report["run"]["outcome"]), (&summary["run"], &summary["outcome"]));
    assert_eq!(report["summary"]["assets"], summary["assets"]);
    let causes: u64 =
        report["problems"].as_array().expect("a list").iter().filter_map(|cause| cause["assets"].as_u64()).sum();
    assert_eq!(Some(causes), summary["problems"].as_array().map(|all| all.len() as u64));

    let direct = page(&emulator, &[]);
    for problem in summary["problems"].as_array().expect("a list") {
        assert!(direct.contains(problem["code"].as_str().expect("a code")), "{problem}");
        assert!(direct.contains(problem["name"].as_str().expect("a name")), "{problem}");
    }
    let json = stdout(&mediamirror(emulator.path(), &["report", "--json"]));
    fs::write(emulator.path().join("report.json"), json).expect("written");
    assert_eq!(page(&emulator, &["--from", "report.json"]), direct);

    let text = stdout(&mediamirror(emulator.path(), &["report"]));
    assert!(text.starts_with(&format!("run {}: ", summary["run"].as_str().expect("an id"))), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");

    let table = stdout(&mediamirror(emulator.path(), &["report", "--csv"]));
    let mut rows = csv::ReaderBuilder::new().from_reader(table.as_bytes());
    let rows: Vec<csv::StringRecord> = rows.records().map(|row| row.expect("a row")).collect();
    let (_, shown) = emulator.json(&["runs", "show"]);
    assert_eq!(Some(rows.len()), shown["events"].as_array().map(Vec::len));
    let findings = rows.iter().filter(|row| &row[4] == "finding").count() as u64;
    assert_eq!(findings, causes, "{table}");
}

#[test]
fn the_error_for_a_report_says_why_and_what_to_do() {
    let emulator = Emulator::start("");
    assert_eq!(mediamirror(emulator.path(), &["sync"]).status.code(), Some(0));
    fs::write(emulator.path().join("other.json"), "{\"message_type\":\"summary\"}").expect("written");
    fs::write(emulator.path().join("later.json"), "{\"message_type\":\"report\",\"format\":2}").expect("written");
    for (arguments, code, words) in [
        (&["report", "nothing"][..], 5, "there is no run nothing"),
        (&["report", "--from", "no.json"], 5, "no.json"),
        (&["report", "--from", "other.json"], 5, "it is not a report"),
        (&["report", "--from", "later.json"], 5, "its format is 2"),
        (&["report", "--ready", "other.json"], 5, "other.json"),
        (&["report", "--csv", "--output", "json"], 2, "--csv prints no JSON"),
        (&["report", "--csv", "--json"], 2, "--json"),
        (&["report", "--html", "no/such/folder/r.html"], 5, "no/such/folder"),
    ] {
        let output = mediamirror(emulator.path(), arguments);
        assert!(output.status.code() == Some(code) && stderr(&output).contains(words), "{arguments:?}: {output:?}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn a_report_shows_the_cost_by_the_configured_prices_and_what_would_play() {
    let emulator = Emulator::start("");
    assert_eq!(mediamirror(emulator.path(), &["sync"]).status.code(), Some(0));
    let (_, free) = emulator.json(&["report"]);
    assert_eq!((&free["cost"], &free["ready"]), (&Value::Null, &Value::Null));
    let config = emulator.path().join("mirror.toml");
    let text = fs::read_to_string(&config).expect("readable");
    let prices = "\n[prices]\ncurrency = \"EUR\"\nreads = 0.5\nwrites = 5\ngigabytes = 0.02\n";
    fs::write(&config, text + prices).expect("written");
    let ready = r#"{"assets":{"total":4,"ready":3,"not_ready":1,"unknown":0},"recovery_point_seconds":90,
        "not_ready":[{"asset":"nb:cid:UUID:1","name":"film","cause":"source-empty"}],"more":1}"#;
    fs::write(emulator.path().join("ready.json"), ready).expect("written");
    let (_, report) = emulator.json(&["report", "--ready", "ready.json"]);
    let cost = &report["cost"];
    let amount = cost["reads"].as_f64().expect("a count") * 0.5 / 10_000.0
        + cost["writes"].as_f64().expect("a count") * 5.0 / 10_000.0
        + cost["gigabytes"].as_f64().expect("a number") * 0.02;
    assert!((cost["amount"].as_f64().expect("a number") - amount).abs() < 1e-9 && amount > 0.0, "{cost}");
    let page = page(&emulator, &["--ready", "ready.json"]);
    for words in ["Requests and money", "An estimate by the prices in the configuration", "75 %", "90 s"] {
        assert!(page.contains(words), "{words}");
    }
}
