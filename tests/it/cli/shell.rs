//! `completions` and `man`: the input of shells and of `man`.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{mediamirror, stdout};

#[test]
fn the_scripts_of_all_shells_complete_commands_and_flags() {
    let place = tempfile::tempdir().expect("a directory");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = mediamirror(place.path(), &["completions", shell]);
        let script = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        for word in ["failover", "reprotect", "max-duration"] {
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
        if shell == "bash" {
            let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().expect("bash runs");
            bash.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("bash reads");
            assert!(bash.wait().expect("bash ends").success(), "{script}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let place = tempfile::tempdir().expect("a directory");
    let folder = place.path().join("new/pages");
    let output = mediamirror(place.path(), &["man", "--out", "new/pages", "-o", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let written: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let pages: Vec<&str> =
        written["pages"].as_array().expect("a list").iter().filter_map(|page| page.as_str()).collect();
    for page in ["mediamirror.1", "mediamirror-sync.1", "mediamirror-runs-list.1", "mediamirror-asset-upload.1"] {
        assert!(pages.contains(&page), "{pages:?}");
    }
    for page in pages {
        let text = fs::read_to_string(folder.join(page)).expect("it was written");
        assert!(text.contains(".SH SYNOPSIS") && text.contains(".SH NAME"), "{page}");
    }
}

#[test]
fn short_help_of_a_command_leaves_out_the_common_options() {
    let place = tempfile::tempdir().expect("a directory");
    let help = |flag| stdout(&mediamirror(place.path(), &["doctor", flag]));
    assert!(!help("-h").contains("--log-file") && help("--help").contains("Common options:"));
    for command in
        ["sync", "plan", "apply", "prune", "dedupe", "verify", "ready", "urls", "failover", "reprotect", "doctor"]
    {
        let help = stdout(&mediamirror(place.path(), &[command, "-h"]));
        assert!(help.lines().count() <= 24, "{help}");
        assert!(!help.contains("--log-file") && help.contains("see more with '--help'"), "{help}");
    }
}

/// A heading applies to the options after it, even to those of other structures.
#[test]
fn options_are_below_their_own_headings() {
    let place = tempfile::tempdir().expect("a directory");
    let help = stdout(&mediamirror(place.path(), &["verify", "--help"]));
    let of = |heading: &str| {
        let (_, rest) = help.split_once(&format!("\n{heading}\n")).expect("it is there");
        let end = rest.lines().position(|line| !line.is_empty() && !line.starts_with(' ')).unwrap_or(usize::MAX);
        rest.lines().take(end).collect::<Vec<_>>().join("\n")
    };
    assert!(of("Options:").contains("--play") && of("Options:").contains("--include"), "{help}");
    assert!(of("Speed:").contains("--max-in-flight") && !of("Speed:").contains("--play"), "{help}");
}
