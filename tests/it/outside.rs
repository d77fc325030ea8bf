//! The real binary as a process of its own, mistreated from outside: killed, stopped, without room on its disk, without
//! its outputs, without file descriptors, without its services. The emulator is a process of its own as well.
//!
//! Each test ends with the same question: are both libraries equal, is nothing there twice, is the ledger sound?

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
/// No run here takes a tenth of it; one that does hangs.
const LONGEST: Duration = Duration::from_mins(2);
/// Between two looks at something that goes on elsewhere.
const LOOK: Duration = Duration::from_millis(5);

/// Two regions. The target's blob service takes `latency` milliseconds for an answer; tokens of both live `token` seconds.
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

/// A library of so many assets of five small blobs each, none of them awkward.
fn library(assets: u64) -> String {
    format!("assets={assets},blobs=5,seed=1,sizes=small,awkward=false")
}

/// The life of a token where its end is of no concern, seconds: the real services' six hours.
const LONG: u64 = 21_600;

/// A run of the program. Its outputs go to files, so that it never waits for a reader.
#[derive(Debug)]
struct Run {
    process: Child,
    directory: PathBuf,
    /// Of a run that no script starts.
    arguments: Vec<String>,
}

/// How a run ended, and what it said.
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

    /// Has it ended by itself within that time?
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

    /// Waits until it ends by itself.
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

    /// Waits until it has said that on standard error.
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
    /// A failed test leaves no process behind.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Ended {
    /// It ended with that code and no panic.
    fn with(&self, code: i32) {
        assert_eq!((self.code, self.signal), (Some(code), None), "{}{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

/// Both libraries are equal, the target has as many assets as the source, one for each, and the ledger is sound.
fn is_mirrored(emulator: &Emulator) {
    let (code, compared) = emulator.json(&["verify"]);
    assert_eq!((code, &compared["differences"]), (Some(0), &Value::Array(Vec::new())), "{compared}");
    let (source, target) = assets(emulator);
    assert_eq!(compared["assets"]["same"], source.len());
    assert_eq!(target, source, "an asset was made twice, or for nothing");
    ledger_is_sound(emulator, "mirror.ledger");
}

/// The ids of the source's assets, and those that the target's assets were made for, both in order.
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

/// The source asset that an asset's mark names.
fn origin_of(asset: &Asset) -> String {
    let mark = asset.alternate_id.as_deref().and_then(Mark::parse);
    mark.map(|mark| mark.source.to_string()).unwrap_or_default()
}

/// The database finds nothing wrong with the ledger.
fn ledger_is_sound(emulator: &Emulator, ledger: &str) {
    let connection = rusqlite::Connection::open(emulator.path().join(ledger)).unwrap();
    let result: String = connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(result, "ok");
}

/// How often the emulator did one of these operations on the target.
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

/// How many copies of blobs were started.
fn copies(emulator: &Emulator) -> u64 {
    done(emulator, &["PutBlobFromUrl", "CopyBlob", "CopyFromUrl", "PutBlockFromUrl"])
}
