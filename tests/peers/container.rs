//! The Containerfile, judged by hadolint.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::tools;

fn hadolint(file: &Path) -> Output {
    let mut hadolint = Command::new(tools::hadolint());
    hadolint.args(["--no-color", "--failure-threshold", "style"]).arg(file).output().expect("hadolint runs")
}

#[test]
fn hadolint_finds_no_mistake_in_the_containerfile() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(".packaging/Containerfile");
    let output = hadolint(&file);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");

    let place = tempfile::tempdir().expect("a folder");
    let changed = place.path().join("Containerfile");
    let text = fs::read_to_string(file).expect("it is there");
    for (from, to, rule) in [
        ("FROM debian:bookworm-slim", "FROM debian", "DL3006"),
        ("WORKDIR /var", "WORKDIR var", "DL3000"),
        ("ENTRYPOINT [\"mediamirror\"]", "ENTRYPOINT mediamirror", "DL3025"),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&changed, text.replace(from, to)).expect("written");
        let output = hadolint(&changed);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() && said.contains(rule), "{to}: {said}");
    }
}
