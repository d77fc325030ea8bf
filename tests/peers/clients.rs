//! The vendor's own blob libraries, and two clients of Media Services v2 from the registries, with the emulator as a
//! process. The refused operations and the functions that do not work are exactly those in the manual.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use crate::tools;

const MANUAL: &str = include_str!("../../src/manual/emulator.md");

/// The time limit of a script; each takes three seconds on an idle machine.
const ENDS_WITHIN: Duration = Duration::from_mins(2);

/// The fewest checks that each exercise of the blob service must pass.
const FEWEST_CHECKS: usize = 30;

/// The identity of the machine may do everything in the first storage account.
const SETTINGS: &str = "[[principals]]\nclient_id = \"app\"\ntenant = \"contoso\"\nmanaged = true\n\
                        roles = [{ account = \"storewest\", role = \"owner\" }]\n";

/// The emulator, which ends with this value.
struct Process {
    child: Child,
    region: Region,
    _place: tempfile::TempDir,
}

/// The first line that it prints.
#[derive(Deserialize)]
struct Ready {
    regions: Vec<Region>,
}

#[derive(Deserialize)]
struct Region {
    media: String,
    token: String,
    account: String,
    account_key: String,
    blob: String,
    storage_account: String,
    storage_key: String,
}

impl Process {
    fn start() -> Self {
        let place = tempfile::tempdir().expect("a folder");
        std::fs::write(place.path().join("emulator.toml"), SETTINGS).expect("the file is written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
            .args(["emulator", "--settings", "emulator.toml"])
            .args(["--generate", "assets=1,blobs=2,seed=1,sizes=small,awkward=false"])
            .current_dir(place.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it prints text");
        let ready: Ready = serde_json::from_str(&line).expect("the ready line is JSON");
        Self { child, region: ready.regions.into_iter().next().expect("it has a region"), _place: place }
    }

    /// The report of a script of tests/tools about the blob service.
    async fn exercise(&self, program: &str, script: &str) -> Exercise {
        let Region { blob, storage_account, storage_key, token, .. } = &self.region;
        let report = run(program, script, &[blob, storage_account, storage_key, token]).await;
        serde_json::from_str(&report).expect("the report is JSON")
    }

    /// The report of a script of tests/tools about the media service.
    async fn functions(&self, program: &str, script: &str) -> Functions {
        let Region { media, token, account, account_key, .. } = &self.region;
        let report = run(program, script, &[media, token, account, account_key]).await;
        serde_json::from_str(&report).expect("the report is JSON")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn run(program: &str, script: &str, arguments: &[&str]) -> String {
    let path = tools::tests().join("tools").join(script);
    let ended = tokio::process::Command::new(program).arg(path).args(arguments).kill_on_drop(true).output();
    let output = tokio::time::timeout(ENDS_WITHIN, ended).await.unwrap_or_else(|_| panic!("{script} does not end"));
    let output = output.expect("tests/run checks that the program is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The results of an exercise of the blob service.
#[derive(Deserialize)]
struct Exercise {
    right: Vec<usize>,
    wrong: Vec<Finding>,
    refused: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "a failure prints it")]
struct Finding {
    number: usize,
    check: String,
    why: String,
}

/// The results of a client's functions.
#[derive(Deserialize)]
struct Functions {
    works: Vec<String>,
    fails: Vec<Failure>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    function: String,
    /// The service answered that it does not implement this.
    refused: bool,
    why: String,
}

/// The lines of the manual below a heading.
fn section(heading: &str) -> impl Iterator<Item = &'static str> {
    let (_, below) = MANUAL.split_once(&format!("\n{heading}\n")).expect("the manual has the section");
    below.lines().take_while(|line| !line.starts_with('#'))
}

/// The list below a heading.
fn list(heading: &str) -> BTreeSet<&'static str> {
    section(heading).filter_map(|line| line.strip_prefix("- ")).collect()
}

/// The functions of a client that the manual lists with a reason; `*` stands for any text.
fn listed(client: &str) -> Vec<&'static str> {
    let rows = section("## Clients of Media Services").filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let mut functions = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.split(" | ").collect();
        if cells[0] == client {
            assert!(!cells[2].is_empty(), "{row} has a reason");
            functions.extend(cells[1].split(", ").map(|function| function.trim_matches('`')));
        }
    }
    functions
}

fn matches(pattern: &str, function: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => function.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
        None => pattern == function,
    }
}

/// Checks that exactly the functions in the manual's list do not work.
#[track_caller]
fn check_functions(client: &str, found: &Functions) {
    let listed = listed(client);
    let is_listed = |function: &str| listed.iter().any(|pattern| matches(pattern, function));
    let unlisted: Vec<_> = found.fails.iter().filter(|failure| !is_listed(&failure.function)).collect();
    assert!(unlisted.is_empty(), "{client}: these fail, and the manual does not list them: {unlisted:#?}");
    let works: Vec<_> = found.works.iter().filter(|function| is_listed(function)).collect();
    assert!(works.is_empty(), "{client}: these work, take them off the manual's list: {works:?}");
    let fails = |pattern: &&&str| found.fails.iter().any(|failure| matches(pattern, &failure.function));
    let unknown: Vec<_> = listed.iter().filter(|pattern| !fails(pattern)).collect();
    assert!(unknown.is_empty(), "{client} has no such functions: {unknown:?}");
}

#[tokio::test]
async fn the_vendors_libraries_find_no_errors_and_only_operations_in_the_manual_are_refused() {
    let emulator = Process::start();
    let mut refused = BTreeSet::new();
    let python = emulator.exercise("python3", "blob_exercise.py").await;
    let node = emulator.exercise("node", "blob_exercise.js").await;
    for report in [&python, &node] {
        assert!(report.wrong.is_empty(), "{:#?}", report.wrong);
        assert!(report.right.len() >= FEWEST_CHECKS, "only {} checks ran", report.right.len());
        refused.extend(report.refused.iter().map(|finding| finding.why.as_str()));
    }
    assert_eq!(refused, list("### Blob service"));
}

#[tokio::test]
async fn every_function_of_the_media_services_clients_works_or_is_listed_with_a_reason() {
    let emulator = Process::start();
    let amspy = emulator.functions("python3", "amspy_functions.py").await;
    check_functions("amspy", &amspy);
    let azure_media = emulator.functions("node", "azure_media_functions.js").await;
    check_functions("azure-media", &azure_media);
    let failures = amspy.fails.iter().chain(&azure_media.fails).filter(|failure| failure.refused);
    let refused: BTreeSet<&str> = failures.map(|failure| failure.why.as_str()).collect();
    assert_eq!(refused, list("### Media service"));
}
