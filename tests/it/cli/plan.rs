//! `plan` and `apply` with the real binary: the binding and the contents of a plan file.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::against_emulator::Emulator;
use super::counted::{ask, writes};
use super::{mediamirror, mode, stderr, stdout};

fn planned() -> (Emulator, PathBuf) {
    let emulator = Emulator::start("");
    let output = mediamirror(emulator.path(), &["plan", "--out", "night.plan"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let path = emulator.path().join("night.plan");
    (emulator, path)
}

/// Applies the plan, which is refused with 5 before anything is written, and returns the message.
fn refused(emulator: &Emulator) -> String {
    let before = writes(emulator);
    let output = mediamirror(emulator.path(), &["apply", "night.plan"]);
    assert_eq!(output.status.code(), Some(5), "{}{}", stdout(&output), stderr(&output));
    assert_eq!(writes(emulator), before, "a plan that is refused writes nothing");
    let said = stderr(&output);
    assert!(said.contains("error: ") && said.contains("remedy: "), "{said}");
    said
}

#[test]
fn a_plan_is_written_shown_and_applied_once() {
    let emulator = Emulator::start("");
    let output = mediamirror(emulator.path(), &["plan", "--out", "night.plan"]);
    let printed = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(printed.contains("assets   4 new") && printed.contains("blobs    20 to copy ("), "{printed}");
    assert!(printed.lines().all(|line| line.chars().count() <= 80), "{printed}");
    assert!(stderr(&output).contains("apply night.plan"), "{}", stderr(&output));
    assert_eq!(mode(&emulator.path().join("night.plan")), 0o600);
    let shown = mediamirror(emulator.path(), &["plan", "--show", "night.plan"]);
    assert_eq!((shown.status.code(), stdout(&shown)), (Some(0), printed));
    let all = stdout(&mediamirror(emulator.path(), &["plan", "--show", "night.plan", "--all"]));
    assert_eq!(all.lines().filter(|line| line.starts_with("+ ")).count(), 4, "{all}");

    let (code, summary) = emulator.json(&["apply", "night.plan"]);
    assert_eq!((code, &summary["assets"]["mirrored"]), (Some(0), &Value::from(4)), "{summary:#}");
    assert_eq!((&summary["plan"]["items"], &summary["plan"]["applied"]), (&Value::from(4), &Value::from(4)));
    assert_eq!(emulator.json(&["verify"]).0, Some(0));
    assert!(refused(&emulator).contains("was applied before"));

    let (code, second) = emulator.json(&["plan", "--out", "night.plan"]);
    assert_eq!((code, &second["items"]), (Some(0), &Value::Array(Vec::new())), "an empty plan replaces the old one");
    assert_eq!(emulator.json(&["apply", "night.plan"]).0, Some(0));
}

#[test]
fn a_plan_shows_its_cost_and_the_report_of_the_run_agrees() {
    let emulator = Emulator::start("");
    let (code, plan) = emulator.json(&["plan", "--out", "free.plan"]);
    assert_eq!((code, &plan["outlook"]["money"]), (Some(0), &Value::Null));
    let config = emulator.path().join("mirror.toml");
    let text = fs::read_to_string(&config).expect("readable");
    let prices = "\n[prices]\ncurrency = \"EUR\"\nreads = 2000\nwrites = 50000\ngigabytes = 7000\n";
    fs::write(&config, text + prices).expect("written");
    let output = mediamirror(emulator.path(), &["plan", "--out", "night.plan"]);
    let printed = stdout(&output);
    assert!(printed.contains("EUR, by the prices in the configuration"), "{printed}");
    let (_, plan) = emulator.json(&["plan", "--show", "night.plan"]);
    let expected = plan["outlook"]["money"]["amount"].as_f64().expect("an amount");
    assert_eq!(
        (emulator.json(&["apply", "night.plan"]).0, &plan["outlook"]["money"]["currency"]),
        (Some(0), &"EUR".into())
    );
    let (_, report) = emulator.json(&["report"]);
    let real = report["cost"]["amount"].as_f64().expect("an amount");
    assert!(real > 0.0 && (real - expected).abs() < real / 20.0, "planned {expected}, cost {real}");
}

#[test]
fn a_plan_as_json_has_its_binding_and_its_items() {
    let (emulator, _) = planned();
    let (code, plan) = emulator.json(&["plan", "--show", "night.plan"]);
    assert_eq!((code, &plan["kind"], &plan["format"]), (Some(0), &"sync".into(), &1.into()));
    assert_eq!(plan["items"].as_array().map(Vec::len), Some(4));
    assert_eq!((&plan["totals"]["copied"], &plan["verdict"]), (&20.into(), &"complete".into()));
    assert_eq!(plan["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_plan_of_another_configuration_or_ledger_is_refused_with_five() {
    let (emulator, _) = planned();
    let text = fs::read_to_string(emulator.path().join("mirror.toml")).expect("readable");
    fs::write(emulator.path().join("mirror.toml"), format!("withhold = [\"film\"]\n{text}")).expect("written");
    assert!(refused(&emulator).contains("the configuration was changed"), "withheld since");
    fs::write(emulator.path().join("mirror.toml"), &text).expect("written");

    let (code, _) = emulator.json(&["sync"]);
    assert_eq!(code, Some(0));
    assert_eq!(emulator.json(&["plan", "--out", "night.plan"]).0, Some(0));
    assert_eq!(emulator.json(&["sync", "--rebuild-ledger"]).0, Some(0));
    assert!(refused(&emulator).contains("another ledger"));
}

#[test]
fn a_plan_of_other_accounts_or_another_version_is_refused_with_five_even_if_its_checksum_is_right() {
    let (emulator, path) = planned();
    let whole = fs::read_to_string(&path).expect("readable");
    for (from, to, said) in [
        ("\"source\":\"media", "\"source\":\"other-media", "source account"),
        ("\"target\":\"media", "\"target\":\"other-media", "target account"),
        ("\"version\":\"", "\"version\":\"9.", "version of mediamirror"),
    ] {
        assert!(whole.contains(from), "{whole}");
        fs::write(&path, signed(&whole.replacen(from, to, 1))).expect("written");
        let said_now = refused(&emulator);
        assert!(said_now.contains(said), "{said_now}");
    }
}

/// A plan that was edited with a correct checksum.
fn signed(text: &str) -> String {
    use sha2::Digest as _;
    let at = text.trim_end().rfind('\n').expect("several lines") + 1;
    let mut end: Value = serde_json::from_str(&text[at..]).expect("JSON");
    end["sha256"] = format!("{:x}", sha2::Sha256::digest(&text.as_bytes()[..at])).into();
    format!("{}{end}\n", &text[..at])
}

#[test]
fn a_truncated_or_edited_plan_is_refused_with_five() {
    let (emulator, path) = planned();
    let whole = fs::read_to_string(&path).expect("readable");
    let cut = &whole[..=whole.trim_end().rfind('\n').expect("several lines")];
    fs::write(&path, cut).expect("written");
    assert!(refused(&emulator).contains("its end is missing"));
    fs::write(&path, whole.replacen("\"copied\":5", "\"copied\":4", 1)).expect("written");
    assert!(refused(&emulator).contains("checksum"));
    fs::write(&path, "no plan\n").expect("written");
    assert!(refused(&emulator).contains("is not a plan"));
    let output = mediamirror(emulator.path(), &["plan", "--out", "night.plan"]);
    assert_eq!(output.status.code(), Some(5), "a file that is no plan is not replaced");
    fs::remove_file(&path).expect("it was there");
    assert!(refused(&emulator).contains("failed to read plan night.plan"));
}

#[test]
fn a_plan_has_no_secrets() {
    let (emulator, path) = planned();
    let text = fs::read_to_string(&path).expect("readable");
    for region in [0, 1] {
        for key in ["account_key", "storage_key"] {
            assert!(!text.contains(emulator.region(region, key)), "{key}");
        }
    }
    assert!(!text.contains("sig=") && !text.contains("http"), "{text}");
}

#[test]
fn changes_since_the_plan_are_refused_by_name_with_three() {
    let (emulator, path) = planned();
    let text = fs::read_to_string(&path).expect("readable");
    let item: Value = text.lines().nth(1).and_then(|line| serde_json::from_str(line).ok()).expect("an item");
    let name = item["name"].as_str().expect("a text");
    let published = mediamirror(emulator.path(), &["asset", "publish", name, "--side", "source"]);
    assert_eq!(published.status.code(), Some(0), "{}", stderr(&published));
    let output = mediamirror(emulator.path(), &["apply", "night.plan"]);
    let printed = stdout(&output);
    assert_eq!(output.status.code(), Some(3), "{printed}");
    assert!(printed.contains(&format!("! {name}  plan-stale: ")), "{printed}");
    assert!(printed.contains("plan     3 of 4 items done; 1 refused"), "{printed}");
    assert_eq!(emulator.json(&["sync"]).0, Some(0));
}

#[test]
fn an_interrupted_application_is_resumed_by_a_sync_and_not_by_the_plan() {
    let (emulator, _) = planned();
    let output = mediamirror(emulator.path(), &["apply", "night.plan", "--max-requests", "1"]);
    assert_eq!(output.status.code(), Some(7), "{}{}", stdout(&output), stderr(&output));
    assert!(stderr(&output).contains("To resume: mediamirror --config mirror.toml sync"), "{}", stderr(&output));
    assert!(refused(&emulator).contains("was applied before"));
    assert_eq!(emulator.json(&["sync"]).0, Some(0));
    assert_eq!(emulator.json(&["verify"]).0, Some(0));
}

#[test]
fn a_plan_sends_as_many_requests_as_a_dry_run_and_showing_it_sends_none() {
    let emulator = Emulator::start("");
    let (_, dry) = emulator.json(&["sync", "--dry-run"]);
    let before = ask(&emulator, "GET", "/_emulator/stats").1;
    let (_, plan) = emulator.json(&["plan", "--out", "night.plan"]);
    let after = ask(&emulator, "GET", "/_emulator/stats").1;
    let sent = |stats: &Value| {
        let rows = stats["requests"].as_array().expect("a list").iter();
        rows.filter_map(|row| row["count"].as_u64()).sum::<u64>()
    };
    let of = |name: &str| dry["requests"][name].as_u64().expect("a number");
    assert_eq!(sent(&after) - sent(&before), of("media") + of("blob"), "{plan:#}");
    emulator.json(&["plan", "--show", "night.plan"]);
    assert_eq!(sent(&ask(&emulator, "GET", "/_emulator/stats").1), sent(&after));
}
