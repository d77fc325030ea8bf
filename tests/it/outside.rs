//! The real binary as a separate process under bad conditions: killed, stopped, with a full disk, without its outputs,
//! without file descriptors, without its services. The emulator is a separate process, too.
//!
//! Each test ends with the same checks: both libraries are equal, nothing exists twice, and the ledger is undamaged.

mod bad_proxy;
mod chaos;
mod clock;
mod disk;
mod floods;
mod kills;
mod limits;
mod listings;
mod outages;
mod outputs;
mod secrets;
mod signals;
mod terminal;

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use mediamirror::config::Config;
use mediamirror::connect::connect;
use mediamirror::library::Library;
use mediamirror::model::{Asset, Mark};
use mediamirror::transport;
use serde_json::Value;

use crate::cli::against_emulator::Emulator;
use crate::cli::counted::ask;
use crate::schemas;

/// The program.
const BINARY: &str = env!("CARGO_BIN_EXE_mediamirror");
/// The time limit of a run: all runs here need less than a tenth of it.
const LONGEST: Duration = Duration::from_mins(2);
/// The interval for checking another process.
const LOOK: Duration = Duration::from_millis(5);

/// Two regions. The target's blob service takes `latency` milliseconds for an answer; tokens of both are valid for
/// `token` seconds.
fn regions(latency: u64, token: u64) -> String {
    format!(
        r#"
[[regions]]
name = "west"
account = "mediawest"
storage = [{{ account = "storewest" }}]
media = {{ token_lifetime_s = {token} }}
[[regions]]
name = "east"
account = "mediaeast"
storage = [{{ account = "storeeast", limits = {{ latency_ms = {latency} }} }}]
media = {{ token_lifetime_s = {token} }}
"#
    )
}

/// A library with this number of assets of five small blobs each, without awkward ones.
fn library(assets: u64) -> String {
    format!("assets={assets},blobs=5,seed=1,sizes=small,awkward=false")
}

/// The lifetime of tokens that do not expire during a test, in seconds: six hours, as in the real services.
const LONG: u64 = 21_600;

/// A run of the program. Its outputs go to files, so that it never waits for a reader.
#[derive(Debug)]
struct Run {
    process: Child,
    directory: PathBuf,
    /// The arguments of a run without a script.
    arguments: Vec<String>,
}

/// The exit code of a run, and its output.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    signal: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Run {
    /// Starts the program with these arguments.
    fn start(emulator: &Emulator, arguments: &[&str]) -> Self {
        let mut run = Self::spawn(emulator, Command::new(BINARY).args(arguments));
        run.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        run
    }

    /// Starts a script of the shell, in which `"$0"` is the program.
    fn script(emulator: &Emulator, script: &str) -> Self {
        Self::spawn(emulator, Command::new("sh").args(["-c", script, BINARY]))
    }

    fn spawn(emulator: &Emulator, command: &mut Command) -> Self {
        let directory = emulator.path().to_owned();
        let output = |name: &str| File::create(directory.join(name)).unwrap();
        let process = command
            .current_dir(&directory)
            .env_remove("MEDIAMIRROR_CONFIG")
            .env_remove("MEDIAMIRROR_LOG")
            .stdin(Stdio::null())
            .stdout(output("run.stdout"))
            .stderr(output("run.stderr"))
            .spawn()
            .unwrap();
        Self { process, directory, arguments: Vec::new() }
    }

    /// Does it end within that time?
    fn ended_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        while self.process.try_wait().unwrap().is_none() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        true
    }

    /// Waits until it ends.
    fn end(mut self) -> Ended {
        let ended = self.ended_within(LONGEST);
        if !ended {
            self.process.kill().unwrap();
        }
        let status = self.process.wait().unwrap();
        let read = |name: &str| fs::read_to_string(self.directory.join(name)).unwrap();
        let (stdout, stderr) = (read("run.stdout"), read("run.stderr"));
        assert!(ended, "no end after {LONGEST:?}: {stdout}{stderr}");
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        schemas::check(&arguments, &stdout, &stderr);
        Ended { code: status.code(), signal: status.signal(), stdout, stderr }
    }

    /// Waits until its standard error contains this.
    fn said(&self, words: &str) {
        let deadline = Instant::now() + LONGEST;
        loop {
            let said = fs::read_to_string(self.directory.join("run.stderr")).unwrap();
            if said.contains(words) {
                return;
            }
            assert!(Instant::now() < deadline, "{words:?} was not said: {said}");
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Run {
    /// A failed test leaves no process.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Ended {
    /// Checks that it ended with that code and without a panic.
    fn with(&self, code: i32) {
        assert_eq!((self.code, self.signal), (Some(code), None), "{}{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

/// Checks that both libraries are equal, that the target has one asset for each one of the source, and that the ledger
/// is undamaged.
fn is_mirrored(emulator: &Emulator) {
    let (code, compared) = emulator.json(&["verify"]);
    assert_eq!((code, &compared["differences"]), (Some(0), &Value::Array(Vec::new())), "{compared}");
    let (source, target) = assets(emulator);
    assert_eq!(compared["assets"]["same"], source.len());
    assert_eq!(target, source, "an asset was made twice, or for nothing");
    ledger_is_sound(emulator, "mirror.ledger");
}

/// The ids of the source's assets, and those of the originals of the target's assets, both in order.
fn assets(emulator: &Emulator) -> (Vec<String>, Vec<String>) {
    let config = Config::load(&emulator.path().join("mirror.toml")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pair = connect(&config, transport::network().unwrap()).unwrap();
    let all = |media: &dyn Library| runtime.block_on(media.assets().try_concat()).unwrap();
    let mut source: Vec<_> = all(pair.source.library.as_ref()).into_iter().map(|asset| asset.id.to_string()).collect();
    let target = all(pair.target.library.as_ref()).into_iter().map(|asset| origin_of(&asset));
    let mut target: Vec<_> = target.collect();
    source.sort();
    target.sort();
    (source, target)
}

/// The source asset in an asset's mark.
fn origin_of(asset: &Asset) -> String {
    let mark = asset.alternate_id.as_deref().and_then(Mark::parse);
    mark.map(|mark| mark.source.to_string()).unwrap_or_default()
}

/// Checks the ledger with the database's own check.
fn ledger_is_sound(emulator: &Emulator, ledger: &str) {
    let connection = rusqlite::Connection::open(emulator.path().join(ledger)).unwrap();
    let result: String = connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(result, "ok");
}

/// The number of these operations on the target.
fn done(emulator: &Emulator, operations: &[&str]) -> u64 {
    let (_, stats) = ask(emulator, "GET", "/_emulator/stats");
    let rows = stats["requests"].as_array().unwrap();
    let counts = |row: &&Value| {
        let good = row["status"].as_u64().is_some_and(|status| (200..300).contains(&status));
        let target = row["account"].as_str().is_some_and(|account| account.ends_with("east"));
        good && target && row["operation"].as_str().is_some_and(|operation| operations.contains(&operation))
    };
    rows.iter().filter(counts).filter_map(|row| row["count"].as_u64()).sum()
}

/// The number of started copies of blobs.
fn copies(emulator: &Emulator) -> u64 {
    done(emulator, &["PutBlobFromUrl", "CopyBlob", "CopyFromUrl", "PutBlockFromUrl"])
}
