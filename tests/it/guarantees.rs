//! The numbered guarantees of the manual and the README: each number has a test here or elsewhere that names it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use mediamirror::engine::{Options, Outcome, mirror};
use mediamirror::ledger::Ledger;
use mediamirror::manual::page;
use mediamirror::model::AccountName;
use mediamirror::monitor::{AssetOutcome, TestMonitor};
use tokio_util::sync::CancellationToken;

use crate::world::{World, is_blob_copy, put};

/// Every guarantee under a heading of a text, by number.
fn promised(text: &str, heading: &str) -> BTreeMap<u32, String> {
    text.split(heading)
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap()
        .lines()
        .filter_map(|line| {
            let (number, text) = line.split_once(". ")?;
            Some((number.parse().ok()?, text.to_owned()))
        })
        .collect()
}

/// The guarantees of the manual.
fn promised_by_the_manual() -> BTreeMap<u32, String> {
    promised(page("guarantees").unwrap().text, "\n## Guarantees")
}

#[test]
fn the_readme_lists_the_guarantees_of_the_manual_by_the_same_numbers() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let in_readme = promised(&readme, "\n## What it promises");
    assert_eq!(in_readme.keys().collect::<Vec<_>>(), promised_by_the_manual().keys().collect::<Vec<_>>());
}

#[test]
fn each_guarantee_of_the_manual_is_named_by_a_test() {
    let tests = code_below(&["tests/it", "src/library/ams_v2/tests"]);
    let promised = promised_by_the_manual();
    assert!(promised.len() >= 9, "{promised:?}");
    for (number, text) in promised {
        let named = format!("/// Guarantee {number}:");
        assert!(tests.contains(&named), "no test says {named:?} ({text})");
    }
}

/// All Rust code below some folders of the repository.
fn code_below(folders: &[&str]) -> String {
    let mut waiting: Vec<_> = folders.iter().map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).collect();
    let mut code = String::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    code
}

#[test]
fn every_test_in_the_fault_matrix_exists() {
    let matrix = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/FAULTS.md")).unwrap();
    let code = code_below(&["src", "tests"]);
    let named: Vec<&str> = matrix
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|path| path.rsplit_once("::").map(|(_, name)| name))
        .filter(|name| name.matches('_').count() >= 3)
        .collect();
    assert!(named.len() >= 20, "{named:?}");
    for name in named {
        assert!(code.contains(&format!("fn {name}(")), "FAULTS.md names {name}, which is no test");
    }
}

/// Guarantee 1: the source is only read.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_sync_only_reads_the_source() {
    let world = World::generated("assets=20,blobs=5,seed=4,awkward=true,real=true").await;
    world.emulator.reset_stats();
    world.sync().await;
    let source = &world.emulator.ready().regions[0];
    let reads = ["List", "Get", "FrontDoor", "AcsToken"];
    for row in world.emulator.stats().requests {
        let of_source = row.account == source.account || row.account == source.storage_account;
        let read = reads.iter().any(|read| row.operation.starts_with(read));
        assert!(!of_source || read, "the source was asked to {}", row.operation);
    }
}

/// Guarantee 3: the locator is made after the last copy of the asset and after its comparison.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn copying_and_comparing_end_before_the_locator_is_requested() {
    let mut world = World::empty().await;
    world.seed("film", &["film.ism", "a.mp4", "b.mp4"]).await;
    let seen: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let log = Arc::clone(&seen);
    world.intercept(move |request| {
        let body = match request.body() {
            azure_core::http::request::Body::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            azure_core::http::request::Body::SeekableStream(_) => String::new(),
        };
        let url = request.url().as_str();
        if is_blob_copy(request) {
            log.lock().unwrap().push("copy");
        } else if url.contains("comp=list") {
            log.lock().unwrap().push("list");
        } else if url.ends_with("$batch") && body.contains("/Locators ") {
            log.lock().unwrap().push("publish");
        }
        None
    });
    world.sync().await;
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.iter().filter(|what| **what == "copy").count(), 3, "{seen:?}");
    assert_eq!(seen.last(), Some(&"publish"), "{seen:?}");
    let last_copy = seen.iter().rposition(|what| *what == "copy").unwrap();
    assert_eq!(seen[last_copy + 1..], ["list", "publish"], "{seen:?}");
}

/// Guarantee 3: an asset of which a blob cannot be copied is not published.
/// Guarantee 5: its failure does not stop the others.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_with_a_blob_that_cannot_be_copied_is_not_published_and_the_others_continue() {
    let world = World::empty().await;
    // Percent-encoded, this name makes a source URL above the service's limit of 2 KiB.
    let long = "ü".repeat(400);
    let bad = world.seed("bad", &["bad.ism", &long]).await;
    let good = world.seed("good", &["good.ism", "good.mp4"]).await;
    let (summary, monitor) = world.sync().await;
    assert!(matches!(monitor.outcome_of("bad"), Some(AssetOutcome::Not(why)) if why.detail.contains("ü")));
    assert_eq!((summary.assets.failed, summary.assets.mirrored), (1, 1));
    assert_eq!(summary.outcome, Outcome::Partial);
    let media = &world.pair().target.library;
    assert!(media.locator(&bad.locator.id).await.unwrap().is_none());
    assert!(media.locator(&good.locator.id).await.unwrap().is_some());
}

/// Guarantee 6: a run that was stopped is completed by the next one, and nothing is copied or made twice.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_next_run_completes_a_stopped_one_and_does_nothing_twice() {
    for stop_after in [1, 7, 30, 55, 79] {
        let mut world = World::generated("assets=20,blobs=4,seed=6,sizes=small,awkward=false,real=false").await;
        world.emulator.reset_stats();
        let stop = CancellationToken::new();
        let (copies, pull) = (AtomicU32::new(0), stop.clone());
        world.intercept(move |request| {
            if is_blob_copy(request) && copies.fetch_add(1, Ordering::Relaxed) + 1 == stop_after {
                pull.cancel();
            }
            None
        });
        let options = Options { assets_in_flight: Some(3), ..Options::default() };
        let monitor = Arc::new(TestMonitor::default());
        let first = mirror(world.pair(), world.ledger.clone(), options, monitor, stop).await.unwrap();
        assert_eq!(first.outcome, Outcome::Interrupted, "{:?}", first.problems);
        let (second, _) = world.sync().await;
        assert_eq!(second.outcome, Outcome::Complete, "{:?}", second.problems);
        assert_eq!(first.blobs.copied + second.blobs.copied, 80);
        assert_eq!((world.count("PutBlobFromUrl"), world.count("CreateAsset")), (80, 20));
        assert_eq!(world.verify().await.differences, []);
    }
}

/// Guarantee 8: no key, token or signature is printed or written anywhere, also when things go wrong.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn no_secret_is_in_events_results_errors_or_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mirror.ledger");
    let mut world = World::generated("assets=14,blobs=4,seed=8,awkward=true,real=true").await;
    let names = (AccountName::new("mediawest"), AccountName::new("mediaeast"));
    world.ledger = Ledger::open(&path, &names.0, &names.1).unwrap();
    let long = "ü".repeat(400);
    world.seed("bad", &["bad.ism", &long]).await;
    let (summary, monitor) = world.sync().await;
    // And with a wrong target key: the failure is reported, but not the key.
    let wrong = "d3JvbmcgYnV0IHByZXR0eSBsb25nIGtleSBvZiBhbiBhY2NvdW50";
    world.config.target.storage[0].credential =
        mediamirror::config::StorageCredential::Key(mediamirror::redact::Secret::new(wrong));
    put(&world.pair().source.storage[0], &world.seed("more", &["m.ism"]).await.asset, "new.mp4", vec![1; 64]).await;
    let error = world.try_sync(Options::default(), &monitor).await.unwrap_err();
    let printed = format!("{:?} {:?} {error} {error:?} {:?}", summary, monitor.events(), world.config);
    let written: Vec<u8> =
        fs::read_dir(folder.path()).unwrap().flat_map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    let written = String::from_utf8_lossy(&written);
    let mut secrets = vec![wrong.to_owned(), "sig=".to_owned(), "Bearer ".to_owned(), "HMACSHA256=".to_owned()];
    for region in &world.emulator.ready().regions {
        secrets.extend([region.account_key.clone(), region.storage_key.clone()]);
    }
    for secret in secrets {
        assert!(!printed.contains(&secret), "{secret} was printed");
        assert!(!written.contains(&secret), "{secret} was written");
    }
}
