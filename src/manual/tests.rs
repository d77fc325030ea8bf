use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text for people with its folder: the pages of the manual and the files at the top of the repository.
fn texts() -> Vec<(String, PathBuf, String)> {
    let mut texts: Vec<_> =
        PAGES.iter().map(|page| (page.topic.to_owned(), root().join("src/manual"), page.text.to_owned())).collect();
    for name in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = fs::read_to_string(root().join(name)).expect("the file is there");
        texts.push((name.to_owned(), root().to_owned(), text));
    }
    texts
}

/// The text without its code blocks.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// Phrases that have to be read twice.
const LITERARY: [&str; 23] = [
    "is told",
    "are told",
    "tells",
    "begun",
    "stands",
    "whatever",
    "whoever",
    "wherever",
    "taken for",
    "nobody",
    "any more",
    "alone",
    "outlasts",
    "died",
    "come home",
    "coming home",
    "mend",
    "mends",
    "surely",
    "anew",
    "beforehand",
    "its like",
    "in spite of",
];

#[test]
fn texts_for_people_are_plain() {
    for (name, _, text) in texts() {
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let text = format!(" {} ", words.join(" ").to_lowercase());
        let found: Vec<&str> = LITERARY.into_iter().filter(|phrase| text.contains(&format!(" {phrase} "))).collect();
        assert_eq!(found, [""; 0], "{name}: say it plainly");
    }
}

#[test]
fn every_page_begins_with_its_only_title() {
    for page in PAGES {
        let titles = prose(page.text).lines().filter(|line| line.starts_with("# ")).count();
        assert!(page.text.starts_with("# ") && titles == 1, "{}", page.topic);
    }
}

#[test]
fn every_file_of_the_manual_is_a_page() {
    let files: BTreeSet<String> = fs::read_dir(root().join("src/manual"))
        .expect("the folder is there")
        .filter_map(|entry| entry.expect("readable").file_name().to_str()?.strip_suffix(".md").map(str::to_owned))
        .collect();
    let topics: BTreeSet<String> =
        PAGES.iter().map(|page| page.topic.to_owned()).filter(|topic| topic != "development").collect();
    assert_eq!(files, topics);
}

#[test]
fn a_topic_and_its_summary_fit_one_line_of_eighty_columns() {
    let widest = PAGES.iter().map(|page| page.topic.len()).max().expect("there are pages");
    for page in PAGES {
        assert!(widest + 2 + page.summary.chars().count() <= 80, "{}", page.topic);
    }
}

#[test]
fn every_topic_that_a_text_names_exists() {
    let mut named = 0;
    for (name, _, text) in texts() {
        for topic in text.split("mediamirror manual ").skip(1) {
            let topic: String = topic.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            assert!(topic.is_empty() || page(&topic).is_ok(), "{name} names the topic {topic:?}");
            named += usize::from(!topic.is_empty());
        }
    }
    assert!(named > 10, "{named}");
}

#[test]
fn every_file_that_a_link_leads_to_exists() {
    for (name, folder, text) in texts() {
        for link in prose(&text).split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            let elsewhere = target.starts_with("https://");
            assert!(elsewhere || folder.join(target).exists(), "{name} has a link to {target:?}");
        }
    }
}

#[test]
fn a_misspelt_topic_is_an_error_that_names_the_nearest() {
    assert_eq!(page("tuning").map(|page| page.topic), Ok("tuning"));
    assert_eq!(page("exit-code").unwrap_err().nearest, Some("exit-codes"));
    let unknown = page("zebra").unwrap_err();
    assert_eq!((unknown.nearest, unknown.to_string()), (None, "the manual has no topic \"zebra\"".to_owned()));
}

#[test]
fn the_readme_has_at_most_a_thousand_words_outside_code_blocks() {
    let text = fs::read_to_string(root().join("README.md")).expect("the file is there");
    let words = prose(&text).split_whitespace().count();
    assert!(words <= 1000, "{words} words");
}
