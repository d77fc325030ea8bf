//! The program as a separate process, and the resources that it used.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// The program under measurement.
const PROGRAM: &str = env!("CARGO_BIN_EXE_mediamirror");
/// The time between two checks of a process.
const LOOK: Duration = Duration::from_millis(20);
/// The number of checks before a process is given up: an hour.
const MOST_LOOKS: u32 = 180_000;
/// Clock ticks a second in Linux' process statistics (`USER_HZ`, part of its ABI).
const TICKS: u64 = 100;

/// Requests with which the program checks at its start that both accounts' keys are valid.
pub(crate) const CREDENTIAL_CHECKS: u64 = 2;

/// The resources a process used, and the counts it reported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    peak_kilobytes: u64,
    pub(crate) cpu: Duration,
    /// As reported by the program, without its start.
    pub(crate) wall: Duration,
    pub(crate) blob_requests: u64,
    pub(crate) media_requests: u64,
}

impl Used {
    pub(crate) fn megabytes(&self) -> f64 {
        self.peak_kilobytes as f64 / 1024.0
    }
}

/// An emulator with a library; it ends with this value.
pub(crate) struct Regions {
    emulator: Child,
    directory: tempfile::TempDir,
}

impl Regions {
    /// Starts the regions and fills the source.
    pub(crate) fn start(recipe: &str) -> Self {
        Self::start_with(recipe, "")
    }

    /// As [`Self::start`], with these settings of the emulator.
    pub(crate) fn start_with(recipe: &str, settings: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let mut command = Command::new(PROGRAM);
        command.args(["-q", "emulator", "--generate", recipe, "--write-config", "mirror.toml"]);
        if !settings.is_empty() {
            fs::write(directory.path().join("emulator.toml"), settings).expect("a file can be written");
            command.args(["--settings", "emulator.toml"]);
        }
        let emulator = command
            .current_dir(directory.path())
            .stdout(fs::File::create(directory.path().join("ready")).expect("a file can be made"))
            .spawn()
            .expect("the emulator starts");
        let regions = Self { emulator, directory };
        let ready = |name: &str| fs::metadata(regions.directory.path().join(name)).is_ok_and(|file| file.len() > 0);
        for _ in 0..MOST_LOOKS {
            if ready("ready") && ready("mirror.toml") {
                return regions;
            }
            sleep(LOOK);
        }
        panic!("the emulator was not ready in time");
    }

    /// One sync with the method for small blobs, which must copy that many blobs.
    pub(crate) fn sync(&self, blobs: u64) -> Used {
        self.sync_with(blobs, &["--copy-method", "put"])
    }

    /// One sync with those flags.
    pub(crate) fn sync_with(&self, blobs: u64, flags: &[&str]) -> Used {
        let out = self.directory.path().join("summary.json");
        let mut client = Command::new(PROGRAM)
            .args(["-q", "--output", "json", "sync"])
            .args(flags)
            .current_dir(self.directory.path())
            // A backtrace for every error of the SDK costs more than the request itself.
            .env_remove("RUST_BACKTRACE")
            .stdout(fs::File::create(&out).expect("a file can be made"))
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the client starts");
        let (peak_kilobytes, cpu) = watch(&client);
        assert!(client.wait().expect("the client was started here").success(), "the sync failed");
        let text = fs::read_to_string(out).expect("the summary is there");
        let summary: serde_json::Value = serde_json::from_str(&text).expect("the summary is JSON");
        assert_eq!(summary["blobs"]["copied"].as_u64(), Some(blobs), "{text}");
        let count = |plane: &str| summary["requests"][plane].as_u64().expect("a count");
        let wall = Duration::from_secs_f64(summary["elapsed_seconds"].as_f64().expect("a number"));
        Used { peak_kilobytes, cpu, wall, blob_requests: count("blob"), media_requests: count("media") }
    }

    /// The emulator's output when it was ready.
    pub(crate) fn ready(&self) -> serde_json::Value {
        let text = fs::read_to_string(self.directory.path().join("ready")).expect("it is ready");
        serde_json::from_str(&text).expect("JSON")
    }
}

impl Drop for Regions {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
    }
}

/// Is the process of that folder running, and how much CPU time has it used?
pub(crate) fn cpu(place: &Path) -> (bool, Duration) {
    let stat = fs::read_to_string(place.join("stat")).unwrap_or_default();
    // After the name in parentheses: the state, and eleven fields later the times in user and system mode.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    let runs = fields.first().is_some_and(|state| *state != "Z" && !state.is_empty());
    (runs, Duration::from_millis((ticks(11) + ticks(12)) * 1_000 / TICKS))
}

/// Checks a process until it ends: returns the most memory it had, and its CPU time. An ended process keeps its times
/// until it is waited for.
fn watch(process: &Child) -> (u64, Duration) {
    let place = Path::new("/proc").join(process.id().to_string());
    let mut peak = 0;
    for _ in 0..MOST_LOOKS {
        let status = fs::read_to_string(place.join("status")).unwrap_or_default();
        let held = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"));
        peak = held.and_then(|held| held.trim().parse().ok()).unwrap_or(peak);
        let (runs, cpu) = cpu(&place);
        if !runs {
            return (peak, cpu);
        }
        sleep(LOOK);
    }
    panic!("the client did not end in time");
}
