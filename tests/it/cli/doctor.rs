//! `doctor`: its findings, and that it changes nothing.

use serde_json::Value;

use super::against_emulator::Emulator;
use super::counted::{ask, writes};
use super::{files_in, mediamirror, stderr, stdout, unwrapped, write_private};
use crate::world::account_signature;

/// A small library with faults by those rules.
fn emulator(faults: &str) -> Emulator {
    Emulator::with("", "assets=4,blobs=5,seed=1,sizes=small,awkward=false", faults)
}

/// The check with that name for that account.
fn check<'a>(diagnosis: &'a Value, subject: &str, check: &str) -> &'a Value {
    let checks = diagnosis["checks"].as_array().expect("a list");
    let found = checks.iter().find(|found| found["subject"] == subject && found["check"] == check);
    found.unwrap_or_else(|| panic!("no check {check} of {subject}: {diagnosis:#}"))
}

/// Names of the checks with that verdict.
fn with_verdict(diagnosis: &Value, verdict: &str) -> Vec<String> {
    let checks = diagnosis["checks"].as_array().expect("a list").iter();
    let those = checks.filter(|check| check["verdict"] == verdict);
    those.map(|check| format!("{} {}", check["subject"].as_str().unwrap(), check["check"].as_str().unwrap())).collect()
}

#[test]
fn two_healthy_accounts_pass_untested_permissions_are_listed_and_nothing_is_written() {
    let emulator = emulator("");
    let before = files_in(&emulator.place);
    let (code, diagnosis) = emulator.json(&["doctor"]);
    assert_eq!((code, &diagnosis["verdict"]), (Some(0), &Value::from("warn")), "{diagnosis:#}");
    assert_eq!(with_verdict(&diagnosis, "warn"), ["storeeast write", "mediaeast media-write"]);
    for (subject, names) in [
        ("mediawest", &["token", "media-api", "assets", "streaming", "streaming-url"][..]),
        ("storewest", &["reachable", "clock", "credential", "list", "read"]),
        ("mediaeast", &["token", "media-api", "assets", "streaming", "streaming-url"]),
        ("storeeast", &["reachable", "clock", "credential", "state"]),
    ] {
        for name in names {
            assert_eq!(check(&diagnosis, subject, name)["verdict"], "ok", "{subject} {name}: {diagnosis:#}");
        }
    }
    assert_eq!(writes(&emulator), Vec::<String>::new());
    assert_eq!(files_in(&emulator.place), before);

    let output = mediamirror(emulator.path(), &["doctor"]);
    let lines = unwrapped(&stdout(&output));
    assert_eq!(lines.len(), diagnosis["checks"].as_array().unwrap().len(), "one line a check: {lines:?}");
    assert!(lines.iter().all(|line| ["ok ", "warn ", "fail "].iter().any(|verdict| line.starts_with(verdict))));
    assert_eq!(stderr(&output), "");
}

#[test]
fn write_permissions_are_tested_only_on_the_target_and_only_the_blob_of_the_lock_is_kept() {
    let emulator = emulator("");
    let (code, diagnosis) = emulator.json(&["doctor", "--write-test"]);
    assert_eq!((code, &diagnosis["verdict"]), (Some(0), &Value::from("ok")), "{diagnosis:#}");
    let (_, stats) = ask(&emulator, "GET", "/_emulator/stats");
    let rows = stats["requests"].as_array().expect("a list");
    let count = |operation: &str| -> u64 {
        rows.iter().filter(|row| row["operation"] == operation).map(|row| row["count"].as_u64().unwrap()).sum()
    };
    assert_eq!((count("CreateAsset"), count("DeleteAsset"), count("CreateContainer")), (1, 1, 1), "{stats:#}");
    // A blob of the asset, the lock's blob and its holder; the lease is read, acquired and released.
    assert_eq!((count("PutBlob"), count("LeaseBlob")), (3, 3), "{stats:#}");
    for row in rows.iter().filter(|row| row["account"].as_str().is_some_and(|account| account.ends_with("west"))) {
        let operation = row["operation"].as_str().unwrap();
        let read = ["List", "Get", "FrontDoor", "AcsToken"].iter().any(|read| operation.starts_with(read));
        assert!(read, "the source was asked to {operation}");
    }
    let (_, compared) = emulator.json(&["verify"]);
    assert_eq!(compared["assets"]["missing"], 4, "the target is as empty as it was");
}

#[test]
fn a_wrong_key_fails_the_check_of_its_account_and_is_not_printed() {
    for (file, subject, name) in [
        ("west.media.key", "mediawest", "token"),
        ("west.storewest.key", "storewest", "credential"),
        ("east.media.key", "mediaeast", "token"),
        ("east.storeeast.key", "storeeast", "credential"),
    ] {
        let emulator = emulator("");
        write_private(&emulator.path().join(file), "d3Jvbmcta2V5\n");
        let (code, diagnosis) = emulator.json(&["doctor"]);
        assert_eq!((code, &diagnosis["verdict"]), (Some(5), &Value::from("fail")), "{diagnosis:#}");
        assert_eq!(with_verdict(&diagnosis, "fail"), [format!("{subject} {name}")]);
        let failed = check(&diagnosis, subject, name);
        assert!(failed["remedy"].as_str().is_some_and(|remedy| remedy.starts_with("check ")), "{failed}");
        assert!(!diagnosis.to_string().contains("d3Jvbmcta2V5"));
    }
}

#[test]
fn an_unreachable_account_fails_and_the_others_are_still_checked() {
    let emulator = emulator("");
    emulator.change(emulator.region(1, "blob"), "http://127.0.0.1:1/storeeast");
    let (code, diagnosis) = emulator.json(&["doctor"]);
    assert_eq!((code, with_verdict(&diagnosis, "fail")), (Some(5), vec!["storeeast reachable".to_owned()]));
    assert_eq!(check(&diagnosis, "storewest", "read")["verdict"], "ok");
    assert_eq!(check(&diagnosis, "mediaeast", "assets")["verdict"], "ok");
}

#[test]
fn a_streaming_url_that_does_not_answer_fails_on_each_side() {
    for (region, account) in [(0, "mediawest"), (1, "mediaeast")] {
        let emulator = emulator("");
        emulator.change(emulator.region(region, "streaming"), "http://127.0.0.1:1");
        let (code, diagnosis) = emulator.json(&["doctor"]);
        assert_eq!((code, with_verdict(&diagnosis, "fail")), (Some(5), vec![format!("{account} streaming-url")]));
    }
}

/// A rule that refuses an operation on an account.
fn without(account: &str, operation: &str) -> String {
    let refuse = r#"{ refuse = { status = 403, code = "AuthorizationPermissionMismatch" } }"#;
    format!("[[rule]]\naccount = \"{account}\"\noperation = \"{operation}\"\nfault = {refuse}\n")
}

#[test]
fn missing_permissions_are_named() {
    for (account, operation, failed) in [
        ("storewest", "ListBlobs", &["storewest list"][..]),
        // Without the lock, which is a blob, nothing else is written.
        ("storeeast", "PutBlob", &["storeeast state"]),
        ("storeeast", "CreateContainer", &["storeeast state"]),
        ("storeeast", "LeaseBlob", &["storeeast state"]),
        ("mediaeast", "CreateAsset", &["mediaeast media-write"]),
        ("mediaeast", "DeleteAsset", &["mediaeast media-write"]),
        ("mediawest", "ListAssets", &["mediawest assets"]),
    ] {
        let emulator = emulator(&without(account, operation));
        let (code, diagnosis) = emulator.json(&["doctor", "--write-test"]);
        assert_eq!(with_verdict(&diagnosis, "fail"), failed, "{diagnosis:#}");
        assert_eq!(code, Some(5), "{operation}");
    }
}

#[test]
fn an_unreadable_state_fails_even_without_a_write_test() {
    let emulator = emulator(&without("storeeast", "GetContainerProperties"));
    let (code, diagnosis) = emulator.json(&["doctor"]);
    // The request for the time is refused, too, and a refusal has the time.
    assert_eq!((code, with_verdict(&diagnosis, "fail")), (Some(5), vec!["storeeast state".to_owned()]));
}

#[test]
fn a_clock_that_is_twenty_minutes_wrong_is_reported() {
    let emulator = emulator("clock_skew_s = -1200\n");
    let (code, diagnosis) = emulator.json(&["doctor"]);
    assert_eq!(code, Some(5), "{diagnosis:#}");
    let clock = check(&diagnosis, "storewest", "clock");
    assert_eq!(clock["verdict"], "fail");
    assert!(clock["remedy"].as_str().is_some_and(|remedy| remedy.contains("time service")), "{clock}");
}

#[test]
fn the_ledger_is_checked_and_its_problems_have_their_own_codes() {
    let emulator = emulator("");
    let ledger = emulator.path().join("mirror.ledger");
    emulator.json(&["sync"]);
    let (code, diagnosis) = emulator.json(&["doctor"]);
    let found = |diagnosis: &Value| {
        let checks = diagnosis["checks"].as_array().expect("a list");
        checks.iter().find(|check| check["check"] == "ledger").expect("it is examined").clone()
    };
    assert_eq!((code, &found(&diagnosis)["verdict"]), (Some(0), &Value::from("ok")));
    assert!(found(&diagnosis)["found"].as_str().is_some_and(|found| found.starts_with("knows 4 assets")));
    assert_eq!(check(&diagnosis, "storeeast", "list")["verdict"], "ok");

    let lock = std::fs::File::open(emulator.path().join("mirror.ledger.lock")).expect("a run was here");
    lock.lock().expect("the lock is free");
    let (code, diagnosis) = emulator.json(&["doctor"]);
    assert_eq!((code, &found(&diagnosis)["verdict"]), (Some(6), &Value::from("fail")), "{diagnosis:#}");
    drop(lock);

    std::fs::write(&ledger, "no ledger".repeat(99)).expect("written");
    let (code, diagnosis) = emulator.json(&["doctor"]);
    assert_eq!((code, &found(&diagnosis)["verdict"]), (Some(8), &Value::from("fail")), "{diagnosis:#}");
    assert!(found(&diagnosis)["found"].as_str().is_some_and(|found| found.contains("--rebuild-ledger")));
}

/// Configures a signature with these permissions instead of the key for that region's storage account. Returns the
/// signature.
fn by_signature(emulator: &Emulator, region: usize, permissions: &str) -> String {
    let account = emulator.region(region, "storage_account");
    let (key, rights) = (emulator.region(region, "storage_key"), format!("ss=b&srt=co&sp={permissions}"));
    let query = account_signature(account, key, &rights, "2099-01-01T00:00:00Z");
    let signature = query.split("sig=").nth(1).expect("it is signed").to_owned();
    let file = format!("{}.{account}.key", ["west", "east"][region]);
    emulator.change(&format!("key = {{ file = \"{file}\" }}"), &format!("sas = {{ file = \"{account}.sas\" }}"));
    write_private(&emulator.path().join(format!("{account}.sas")), &format!("?{query}\n"));
    signature
}

#[test]
fn signatures_with_the_minimum_of_permissions_mirror_a_library_and_pass_doctor() {
    let emulator = emulator("");
    let signatures = [by_signature(&emulator, 0, "rlt"), by_signature(&emulator, 1, "rwlt")];
    let (code, diagnosis) = emulator.json(&["doctor", "--write-test"]);
    assert_eq!((code, &diagnosis["verdict"]), (Some(0), &Value::from("ok")), "{diagnosis:#}");
    for account in ["storewest", "storeeast"] {
        assert_eq!(check(&diagnosis, account, "sas")["verdict"], "ok");
    }
    let output = mediamirror(emulator.path(), &["sync", "-vvv", "--copy-method", "async"]);
    let printed = stdout(&output) + &stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(signatures.iter().all(|signature| !printed.contains(signature)), "a signature was printed");
    let (code, compared) = emulator.json(&["verify"]);
    assert_eq!((code, &compared["assets"]["same"]), (Some(0), &Value::from(4)), "{compared:#}");
}

#[test]
fn a_side_whose_tags_cannot_be_read_is_a_warning_and_a_run_ends_with_three_and_the_cause() {
    for (region, account, permissions) in [(0, "storewest", "rl"), (1, "storeeast", "rwl")] {
        let emulator = emulator("");
        by_signature(&emulator, region, permissions);
        let (code, diagnosis) = emulator.json(&["doctor", "--write-test"]);
        assert_eq!((code, with_verdict(&diagnosis, "warn")), (Some(0), vec![format!("{account} tags")]));
        let found = check(&diagnosis, account, "tags");
        assert!(found["remedy"].as_str().is_some_and(|remedy| remedy.contains("`t`")), "{found}");
        for command in ["sync", "sync", "verify"] {
            let (code, result) = emulator.json(&[command]);
            assert_eq!((code, &result["causes"]["tags-unreadable"]), (Some(3), &Value::from(4)), "{result:#}");
        }
    }
}

#[test]
fn a_signature_with_too_few_or_too_many_permissions_is_reported_with_their_letters() {
    for (region, permissions, code, verdict, words) in [
        (0, "r", 5, "fail", "sp=r lacks l"),
        (1, "rl", 5, "fail", "sp=rl lacks w"),
        (0, "racwdl", 0, "warn", "sp=racwdl allows more than is needed: acwd"),
        (1, "rwdlct", 0, "warn", "sp=rwdlct allows more than is needed: d"),
    ] {
        let emulator = emulator("");
        by_signature(&emulator, region, permissions);
        let (ended, diagnosis) = emulator.json(&["doctor"]);
        let found = check(&diagnosis, emulator.region(region, "storage_account"), "sas");
        assert_eq!((ended, &found["verdict"], &found["found"]), (Some(code), &verdict.into(), &words.into()));
        assert!(found["remedy"].as_str().is_some_and(|remedy| remedy.contains("permissions r")), "{found}");
    }
}

#[test]
fn a_storage_account_has_one_credential_of_a_known_kind() {
    let emulator = emulator("");
    by_signature(&emulator, 0, "rl");
    write_private(&emulator.path().join("storewest.sas"), "c2VjcmV0\n");
    let output = mediamirror(emulator.path(), &["doctor"]);
    let line = emulator.line_of("storewest.sas");
    assert_eq!(output.status.code(), Some(5));
    let words = format!("mirror.toml:{line}: `source.storage.sas`: not a shared access signature");
    assert!(stderr(&output).contains(&words), "{}", stderr(&output));
    emulator.change("sas = { file = \"storewest.sas\" }", "");
    let output = mediamirror(emulator.path(), &["doctor"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(stderr(&output).contains("write `key = …`, `sas = …` or `auth = …`, one of them"), "{}", stderr(&output));
}

#[test]
fn every_problem_of_the_configuration_is_printed_with_its_line_and_its_remedy() {
    let emulator = emulator("");
    std::fs::remove_file(emulator.path().join("west.storewest.key")).expect("it is there");
    emulator.change("[target]\n", "[target]\nflavour = \"x\"\n");
    for command in ["doctor", "sync", "verify"] {
        let output = mediamirror(emulator.path(), &[command]);
        let printed = stderr(&output);
        assert_eq!((output.status.code(), printed.matches("error: mirror.toml:").count()), (Some(5), 2), "{printed}");
        assert_eq!(printed.matches("remedy: ").count(), 2, "{printed}");
    }
    let output = mediamirror(emulator.path(), &["doctor", "--output", "json"]);
    let failure: Value = serde_json::from_str(&stderr(&output)).expect("JSON");
    let problems = failure["error"]["problems"].as_array().expect("a list");
    let lines = [emulator.line_of("west.storewest.key"), emulator.line_of("flavour")];
    for (problem, line) in problems.iter().zip(lines) {
        assert_eq!(problem["place"], format!("mirror.toml:{line}"));
        assert!(!problem["problem"].to_string().is_empty() && !problem["remedy"].to_string().is_empty());
    }
    assert_eq!((problems.len(), &failure["error"]["message"]), (2, &"the configuration has 2 problems".into()));
}
