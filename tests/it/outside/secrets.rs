//! All traces of a run are searched for secrets: both outputs with the full log, the ledger with its write-ahead log,
//! and the command line, which other users of the machine can see.

use std::fs;

use super::{LONG, Run, copies, library, regions};
use crate::cli::against_emulator::Emulator;
use crate::cli::counted::wait_for;

/// Faults of all kinds that could make a program print too much.
const TROUBLE: &str = r#"
seed = 5
[[rule]]
operation = "PutBlobFromUrl"
probability = 0.1
fault = { refuse = { status = 403, code = "CannotVerifyCopySource", source_status = 403 } }
[[rule]]
operation = "PutBlobFromUrl"
probability = 0.1
fault = { redirect = { status = 307, to = "http://127.0.0.1:1/" } }
[[rule]]
probability = 0.1
fault = { reset = "headers" }
[[rule]]
probability = 0.05
fault = { echo = { status = 503, form = "raw" } }
[[rule]]
probability = 0.05
fault = { echo = { status = 503, form = "url" } }
[[rule]]
probability = 0.1
fault = { refuse = { status = 503, code = "ServerBusy" } }
"#;

/// Guarantee 8: no part of a secret is printed, logged or recorded, or is on the command line.
#[test]
fn no_output_or_file_of_a_run_with_faults_contains_a_secret() {
    let emulator = Emulator::with(&regions(20, LONG), &library(30), TROUBLE);
    let secrets = secrets(&emulator);
    let searched = |what: &str, bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{what} holds {secret:?}: {text}");
        }
    };
    let mut run = Run::script(&emulator, r#"MEDIAMIRROR_LOG=trace exec "$0" sync --max-in-flight 4"#);
    wait_for(&emulator, "PutBlobFromUrl", 20);
    let running = format!("/proc/{}/cmdline", run.process.id());
    searched("the command line", &fs::read(running).unwrap());
    let killed = !run.ended_within(std::time::Duration::ZERO);
    run.process.kill().unwrap();
    run.process.wait().unwrap();
    assert!(killed && emulator.path().join("mirror.ledger-wal").exists(), "it was killed too late to leave a log");
    let mut read = leftovers(&emulator, &searched);
    for name in ["mirror.ledger", "mirror.ledger-wal", "run.stderr"] {
        assert!(read.contains(&name.to_owned()), "{name} is not among {read:?}");
    }

    // It can fail: only its output is checked.
    for script in [r#"MEDIAMIRROR_LOG=trace exec "$0" sync"#, r#"exec "$0" verify -vvv --output json"#] {
        let ended = Run::script(&emulator, script).end();
        assert!(ended.code.is_some() && !ended.stderr.is_empty(), "{ended:?}");
        read = leftovers(&emulator, &searched);
    }
    assert!(copies(&emulator) > 0 && read.contains(&"run.stdout".to_owned()));
}

/// The keys of all accounts, unchanged and URL-encoded, and the prefix of a signature.
fn secrets(emulator: &Emulator) -> Vec<String> {
    let keys =
        (0..2).flat_map(|region| ["account_key", "storage_key"].map(|key| emulator.region(region, key).to_owned()));
    let keys: Vec<String> = keys.collect();
    let encoded = keys.iter().map(|key| key.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"));
    keys.iter().cloned().chain(encoded).chain(["SharedKey store".to_owned()]).collect()
}

/// Searches every file of the run, except the files that are meant to hold secrets. Returns the matches.
fn leftovers(emulator: &Emulator, searched: &impl Fn(&str, &[u8])) -> Vec<String> {
    let mut read = Vec::new();
    for entry in fs::read_dir(emulator.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_file() && path.extension().is_none_or(|extension| extension != "key") {
            let bytes = fs::read(&path).unwrap();
            searched(&name, &bytes);
            // The value after the name of a signature must be masked.
            let text = String::from_utf8_lossy(&bytes);
            for mark in ["sig=", "HMACSHA256=", "hmacsha256%3d"] {
                for (at, found) in text.match_indices(mark) {
                    assert!(text[at + found.len()..].starts_with("REDACTED"), "{name} holds a signature: {text}");
                }
            }
            read.push(name);
        }
    }
    read
}
