//! The output of `init --units`, checked with systemd's own tools and with the schemas of Kubernetes.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::tools;

/// systemd rates the exposure of a service from 0 to 100; below 20 it is "OK", from 40 on "MEDIUM". The rest is the
/// network.
const MOST_EXPOSURE: u32 = 15;

/// Configurations with every kind of secret: files, variables, a program, an identity of Kubernetes.
const MEDIA: &str = r#"ca_file = "ca.pem"
[source]
account = "west"
endpoint = "https://media.example/api/"
auth = { kind = "acs", token_url = "https://media.example/v2/OAuth2-13", secret = { file = "west.media.key" } }
storage = [{ account = "storewest", key = { env = "WEST_KEY" } }]
[target]
account = "east"
endpoint = "https://media.example/api/"
auth = { kind = "workload-identity" }
storage = [{ account = "storeeast", key = { command = ["pass", "show", "east"] } }]
"#;

/// A folder with the files for that configuration.
fn written(text: Option<&str>, units: &str) -> TempDir {
    let place = tempfile::tempdir().expect("a folder");
    match text {
        Some(text) => std::fs::write(place.path().join("mirror.toml"), text).expect("written"),
        None => succeeded(&mediamirror(place.path(), &["init"])),
    }
    succeeded(&mediamirror(place.path(), &["init", "--units", units]));
    place
}

fn mediamirror(place: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_mediamirror"));
    program.args(arguments).current_dir(place).env_remove("MEDIAMIRROR_CONFIG").output().expect("the binary runs")
}

#[track_caller]
fn succeeded(output: &Output) {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{out}{err}");
}

/// The units, with the path of the program on this machine.
fn units(text: Option<&str>) -> TempDir {
    let place = written(text, "systemd");
    let path = place.path().join("mediamirror.service");
    let service = std::fs::read_to_string(&path).expect("it was written");
    let here = service.replace("/usr/local/bin/mediamirror", env!("CARGO_BIN_EXE_mediamirror"));
    std::fs::write(path, here).expect("written");
    place
}

#[test]
#[ignore = "needs systemd, a Debian package: tests/run --all"]
fn systemd_finds_no_mistake_in_the_units() {
    for text in [None, Some(MEDIA)] {
        let place = units(text);
        let output = tools::systemd_analyze()
            .args(["verify", "mediamirror.service", "mediamirror.timer"])
            .current_dir(place.path())
            .output()
            .expect("systemd-analyze starts");
        succeeded(&output);
        // It reports misspelt keys and values that it ignores as warnings.
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("mediamirror."), "{said}");
    }
}

#[test]
#[ignore = "needs systemd, a Debian package: tests/run --all"]
fn systemd_reports_a_mistake_in_a_unit() {
    let place = units(None);
    let path = place.path().join("mediamirror.service");
    let service = std::fs::read_to_string(&path).expect("it was written");
    std::fs::write(&path, service.replace("ProtectSystem=", "ProtectSytsem=")).expect("written");
    let output = tools::systemd_analyze()
        .args(["verify", "mediamirror.service"])
        .current_dir(place.path())
        .output()
        .expect("systemd-analyze starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("mediamirror.service") && said.contains("ProtectSytsem"), "{said}");
}

#[test]
#[ignore = "needs systemd, a Debian package: tests/run --all"]
fn the_service_has_a_low_exposure() {
    let place = units(None);
    let exposure = |threshold: u32| {
        tools::systemd_analyze()
            .args(["security", "--offline=true", "--no-pager", &format!("--threshold={threshold}")])
            .arg("mediamirror.service")
            .current_dir(place.path())
            .output()
            .expect("systemd-analyze starts")
    };
    succeeded(&exposure(MOST_EXPOSURE));
    assert!(!exposure(1).status.success(), "a service that uses the network cannot have an exposure of 0.1");
}

#[test]
fn kubernetes_accepts_the_cron_job() {
    for text in [None, Some(MEDIA)] {
        let place = written(text, "k8s");
        for version in ["1.27", "1.37"] {
            succeeded(&validated(place.path(), version));
        }
        let path = place.path().join("mediamirror.yaml");
        let cron_job = std::fs::read_to_string(&path).expect("it was written");
        std::fs::write(&path, cron_job.replace("concurrencyPolicy", "concurencyPolicy")).expect("written");
        assert!(!validated(place.path(), "1.37").status.success(), "a misspelt key is an error");
    }
}

fn validated(place: &Path, version: &str) -> Output {
    Command::new("python3")
        .args(["-m", "kubernetes_validate", "--strict", "--kubernetes-version", version, "mediamirror.yaml"])
        .env("PYTHONPATH", tools::tests().join("tools/python"))
        .current_dir(place)
        .output()
        .expect("python3 is on the PATH, as tests/run checks")
}
