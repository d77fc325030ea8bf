//! `manual`: the pages, the list of topics, and what a terminal gets.

use std::process::Command;

use super::{mediamirror, stderr, stdout};

fn manual(arguments: &[&str]) -> (Option<i32>, String, String) {
    let place = tempfile::tempdir().expect("a directory");
    let output = mediamirror(place.path(), &[&["manual"], arguments].concat());
    (output.status.code(), stdout(&output), stderr(&output))
}

#[test]
fn without_a_topic_all_topics_are_listed_one_per_line() {
    let (code, listed, _) = manual(&[]);
    assert_eq!(code, Some(0));
    let topics: Vec<&str> = listed.lines().filter_map(|line| line.split("  ").next()).collect();
    assert_eq!(topics, mediamirror::manual::PAGES.iter().map(|page| page.topic).collect::<Vec<_>>());
    assert!(listed.lines().all(|line| line.chars().count() <= 80), "{listed}");
}

#[test]
fn a_piped_page_is_plain_text() {
    for page in mediamirror::manual::PAGES {
        let (code, printed, errors) = manual(&[page.topic]);
        assert_eq!((code, printed.as_str(), errors.as_str()), (Some(0), page.text, ""), "{}", page.topic);
    }
}

#[test]
fn an_unknown_topic_ends_with_two_and_names_the_topics_and_the_nearest() {
    let (code, printed, errors) = manual(&["tunning"]);
    assert_eq!((code, printed.as_str()), (Some(2), ""));
    assert!(errors.starts_with("error: the manual has no topic \"tunning\"\n"), "{errors}");
    assert!(errors.contains("remedy: did you mean `tuning`? ") && errors.contains("exit-codes"), "{errors}");
}

#[test]
fn the_json_has_topic_summary_and_text() {
    let (code, printed, _) = manual(&["verify", "-o", "json"]);
    let page: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!((code, &page["topic"]), (Some(0), &"verify".into()));
    assert!(page["summary"].is_string() && page["text"].as_str().is_some_and(|text| text.starts_with("# ")));
}

/// The output of the program on a terminal with an environment variable.
fn on_a_terminal(name: &str, value: &str) -> String {
    let command = format!("{} manual verify", env!("CARGO_BIN_EXE_mediamirror"));
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env_remove("NO_COLOR")
        .env(name, value)
        .output()
        .expect("script is on the PATH, as tests/run checks");
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

#[test]
fn on_a_terminal_pages_are_wrapped_and_headings_are_bold_unless_no_color_is_set() {
    let bold = on_a_terminal("NO_COLOR", "");
    assert!(bold.starts_with("\u{1b}[1m"), "{bold:?}");
    let plain = on_a_terminal("NO_COLOR", "1");
    assert!(plain.starts_with("verify\r\n") && !plain.contains('\u{1b}'), "{plain:?}");
    let widest = plain.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{widest:?} columns");
}
