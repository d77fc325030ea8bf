//! promtool, the tool of Prometheus, reads the metrics of runs: format, names, units and help.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::tools;

/// An emulator, ended when dropped.
struct Emulator(Child);

impl Emulator {
    fn start(place: &Path) -> Self {
        let mut emulator = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
            .args(["emulator", "--quiet", "--write-config", "mirror.toml"])
            .args(["--generate", "assets=12,blobs=2,seed=1,sizes=small,awkward=true"])
            .current_dir(place)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let stdout = emulator.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut String::new()).expect("it prints its ready line");
        Self(emulator)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the program, and returns the report of promtool about the metrics file.
fn checked(place: &Path, command: &str, file: &str, code: i32) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
        .args([command, "--quiet", "--metrics-textfile", file])
        .current_dir(place)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(code), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    let metrics = std::fs::File::open(place.join(file)).expect("it wrote the file");
    let said = Command::new(tools::promtool()).args(["check", "metrics"]).stdin(metrics).output().expect("it runs");
    let text = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success(), "{command}: {text}");
    text
}

#[test]
#[ignore = "needs promtool of prometheus, a Debian package: tests/run --all"]
fn promtool_finds_no_errors_in_the_metrics_of_runs_comparisons_and_failures() {
    let place = tempfile::tempdir().expect("a folder");
    let place = place.path();
    let _emulator = Emulator::start(place);
    assert_eq!(checked(place, "verify", "verify.prom", 4), "");
    assert_eq!(checked(place, "sync", "sync.prom", 3), "");
    assert_eq!(checked(place, "verify", "verify.prom", 3), "");
    std::fs::remove_file(place.join("west.media.key")).expect("it is there");
    assert_eq!(checked(place, "sync", "sync.prom", 5), "");
}
