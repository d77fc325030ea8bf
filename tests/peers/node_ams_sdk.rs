//! The suite of node-ams-sdk, an independent client, against the emulator's media plane.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use futures::TryStreamExt;
use mediamirror::connect::connect;
use mediamirror::emulator::{Emulator, Generate, ReadyRegion};
use mediamirror::transport::network;
use serde::Deserialize;

use crate::config::config_of;
use crate::tools;

/// The time limit of the suite; it takes two seconds on an idle machine.
const ENDS_WITHIN: Duration = Duration::from_mins(2);

/// `tests/node-ams-sdk/expected.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    passing: usize,
    not_passing: Vec<NotPassing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotPassing {
    test: String,
    why: String,
}

/// The used parts of the output of mocha's JSON reporter.
#[derive(Deserialize)]
struct Report {
    passes: Vec<Test>,
    pending: Vec<Test>,
    failures: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    #[serde(rename = "fullTitle")]
    title: String,
    err: BTreeMap<String, serde_json::Value>,
}

impl Report {
    /// Every test that did not pass, and why.
    fn not_passing(&self) -> BTreeMap<&str, String> {
        let pending = self.pending.iter().map(|test| (test.title.as_str(), "switched off".to_owned()));
        let message = |test: &Test| test.err.get("message").map_or_else(String::new, ToString::to_string);
        pending.chain(self.failures.iter().map(|test| (test.title.as_str(), message(test)))).collect()
    }
}

#[tokio::test]
async fn the_suite_of_node_ams_sdk_passes_except_for_tests_listed_with_reasons() {
    let listed = tools::tests().join("node-ams-sdk/expected.json");
    let expected: Expected = serde_json::from_slice(&std::fs::read(listed).expect("it is there")).expect("JSON");
    assert!(expected.not_passing.iter().all(|test| !test.why.is_empty()), "each has a reason");

    let recipe = Generate::parse("assets=4,blobs=1,seed=1,sizes=small,awkward=false").expect("a recipe");
    let emulator = Emulator::builder().generate(recipe).start().await.expect("it starts");
    let pair = connect(&config_of(&emulator), network().expect("TLS is set up")).expect("keys are keys");
    let assets = pair.source.library.assets().try_concat().await.expect("listed");
    let report = run(&emulator.ready().regions[0], assets[0].id.as_str()).await;
    emulator.shutdown().await;

    let surprises = report.not_passing();
    let known: Vec<&str> = expected.not_passing.iter().map(|test| test.test.as_str()).collect();
    let unknown: Vec<_> = surprises.iter().filter(|(title, _)| !known.contains(title)).collect();
    assert!(unknown.is_empty(), "tests that should pass do not: {unknown:#?}");
    let passing: Vec<_> = known.iter().filter(|title| !surprises.contains_key(**title)).collect();
    assert!(passing.is_empty(), "these are listed and pass, take them off the list: {passing:#?}");
    assert_eq!(report.passes.len(), expected.passing);
}

/// Runs mocha with the suite of the package.
async fn run(region: &ReadyRegion, asset: &str) -> Report {
    let folder = tempfile::tempdir().expect("a directory");
    let report = folder.path().join("report.json");
    let root = |url: &str, path: &str| url.strip_suffix(path).expect("as the ready line promises").to_owned();
    let mocha = tokio::process::Command::new("node")
        .arg(tools::installed("mocha/bin/mocha.js"))
        .args(["--reporter", "json", "--reporter-option"])
        .arg(format!("output={}", report.display()))
        .arg("--require")
        .arg(tools::tests().join("node-ams-sdk/repoint.js"))
        .arg(tools::installed("node-ams-sdk/test/test-index.js").with_file_name("*.js"))
        .env("MEDIAMIRROR_FRONT", root(&region.media, "/api/"))
        .env("MEDIAMIRROR_TOKEN", root(&region.token, "/v2/OAuth2-13"))
        .env("MEDIAMIRROR_ACCOUNT", &region.account)
        .env("MEDIAMIRROR_KEY", &region.account_key)
        .env("MEDIAMIRROR_ASSET", asset)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(ENDS_WITHIN, mocha).await.expect("mocha ends in time").expect("node is there");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let report = std::fs::read(&report).unwrap_or_else(|error| panic!("mocha wrote no report ({error}): {stderr}"));
    serde_json::from_slice(&report).expect("mocha writes JSON")
}
