//! The real binary, from its arguments to its exit code.

use std::process::{Command, Output};

fn mediamirror(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mediamirror")).args(arguments).output().expect("the binary runs")
}

#[test]
fn help_goes_to_standard_output_and_is_a_success() {
    let output = mediamirror(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("verify"));
    assert!(output.stderr.is_empty());
}
