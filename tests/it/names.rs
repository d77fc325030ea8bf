//! Arbitrary names: each is mirrored byte for byte or refused by name, and none can control a terminal.

use std::fs;

use futures::TryStreamExt as _;
use mediamirror::engine::{Outcome, Summary};
use mediamirror::model::{Blob, BlobProperties, BlobRef, ContainerName};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::cli::against_emulator::Emulator;
use crate::cli::{mediamirror, stderr, stdout};
use crate::world::{World, copies_of, seed_asset};

/// Libraries that are mirrored; a case takes a few ten milliseconds.
const CASES: u32 = 48;
/// The most characters of a name in a URL that fit into the 2 KiB of a copy's source together with its signature.
const ROOM: usize = 1_500;

/// The parts of names: texts with a special meaning in URLs, XML, terminals, tables and redaction.
const PIECES: &[&str] = &[
    "../",
    "./",
    "/",
    "//",
    "..",
    ".",
    " ",
    "%2e",
    "%2F",
    "%00",
    "%",
    "?",
    "#",
    "?#%",
    "&",
    "&amp;",
    "<Name>",
    "]]>",
    "\"",
    "'",
    "\\",
    ":",
    ";",
    "+",
    "~",
    "\u{0}",
    "\u{1}",
    "\u{8}",
    "\u{1b}[2J",
    "\u{1f}",
    "\u{7f}",
    "\u{85}",
    "\u{9b}1m",
    "\u{a0}",
    "\u{202e}",
    "\u{2028}",
    "\u{feff}",
    "\u{fffd}",
    "\u{fffe}",
    "\u{ffff}",
    "e\u{301}",
    "é",
    "İ",
    "ß",
    "שלום",
    "漢字",
    "🎬",
    "=1+1",
    "@SUM(A1)",
    "sv=2021-08-06&sp=r&sig=c2lnbmF0dXJl",
    "https://h/c?sig=x",
    "null",
    "mp4",
    "a",
    "A",
    "0",
];

/// A name, mostly made of these parts, sometimes of any characters.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::collection::vec(prop::sample::select(PIECES), 1..12).prop_map(|pieces| pieces.concat()),
        1 => prop::collection::vec(any::<char>(), 1..60).prop_map(|characters| characters.into_iter().collect()),
        // The longest name that the service accepts.
        1 => "[ -~]{0,4}".prop_map(|start| format!("{start}{}", "n".repeat(1_024 - start.len()))),
    ]
}

/// Does the name have a unique URL that the service accepts and that is short enough for a copy? Other names are
/// refused: see the other test.
fn has_url(name: &str) -> bool {
    let says = |segment: &str| !matches!(segment, "." | "..");
    name.split('/').all(says)
        && !name.contains(|c: char| c.is_control() || ('\u{e000}'..='\u{f8ff}').contains(&c))
        && name.chars().count() <= 1_024
        && utf8_percent_encode(name, NON_ALPHANUMERIC).to_string().len() <= ROOM
}

/// A listing of a container, without the properties that differ between copies.
async fn listed(world: &World, side: usize, container: &ContainerName) -> Vec<(String, u64, BlobProperties)> {
    let pair = world.pair();
    let account = [&pair.source, &pair.target][side].storage[0].clone();
    let blobs: Vec<Blob> = account.list(container).try_concat().await.unwrap();
    blobs.into_iter().map(|blob| (blob.name, blob.length, blob.properties)).collect()
}

/// Mirrors one asset of blobs with these names; returns its blobs and those of its copy.
async fn mirrored(names: &[String]) -> (Summary, [Vec<(String, u64, BlobProperties)>; 2]) {
    let world = World::empty().await;
    let pair = world.pair();
    let asset = seed_asset(&pair, "named by others").await;
    let container = asset.container.clone().unwrap();
    for (number, name) in names.iter().enumerate() {
        let properties = BlobProperties {
            content_type: Some("video/mp4".to_owned()),
            cache_control: Some(format!("max-age={number}")),
            metadata: [("number".to_owned(), number.to_string())].into(),
            ..BlobProperties::default()
        };
        let at = BlobRef { container: container.clone(), name: name.clone() };
        pair.source.storage[0].put_blob(&at, vec![b'x'; number + 1].into(), &properties).await.unwrap();
    }
    world.publish(&pair, &asset, 24).await;
    let (summary, _) = world.sync().await;
    let copies = copies_of(&pair, &asset).await;
    let copy = copies[0].container.clone().unwrap();
    (summary, [listed(&world, 0, &container).await, listed(&world, 1, &copy).await])
}

#[test]
fn any_name_with_a_url_is_mirrored_byte_for_byte_with_its_properties() {
    // The names come from a generator with a fixed seed, so a failure is reproduced without a stored file.
    let mut runner = TestRunner::new_with_rng(
        Config { cases: CASES, failure_persistence: None, ..Config::default() },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let names = prop::collection::btree_set(name().prop_filter("it has a URL", |name| has_url(name)), 1..8);
    let checked = runner.run(&names, |names| {
        let names: Vec<String> = names.into_iter().collect();
        let (summary, [source, target]) = crate::virtual_time::block_on(mirrored(&names));
        prop_assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
        let mut there: Vec<&String> = source.iter().map(|(name, ..)| name).collect();
        there.sort();
        prop_assert_eq!(there, names.iter().collect::<Vec<_>>());
        prop_assert_eq!(source, target);
        Ok(())
    });
    checked.unwrap_or_else(|why| panic!("{why}"));
}

/// Checks that a text has no characters that control a terminal, and no forged line.
fn is_harmless(what: &str, printed: &str) {
    let acts = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{2028}'..='\u{202e}');
    assert!(!printed.contains(acts), "{what}: {printed:?}");
    assert!(!printed.lines().any(|line| line.starts_with("forged")), "{what}: {printed}");
}

#[test]
fn a_name_that_no_url_can_contain_is_reported_and_no_name_reaches_a_terminal_unescaped() {
    let library = tempfile::tempdir().unwrap();
    let write = |asset: &str, files: &[&str]| {
        let folder = library.path().join(asset);
        fs::create_dir(&folder).unwrap();
        for file in files {
            fs::write(folder.join(file), "x").unwrap();
        }
    };
    let hostile = "=1+1 \u{1b}]0;title\u{7}\u{9b}2J\nforged: 1 mirrored\u{202e}";
    write(hostile, &["a.ism", "line\nforged: break\u{1b}[1A.mp4"]);
    write(
        "good\u{1b}[2J",
        &["good.ism", "\u{2028}[31m.mp4", "\u{202e}4pm", "?#%", "%2e%2e", "trailing. ", "sig=x&sp=r"],
    );
    let emulator = Emulator::filled("", &["--library", library.path().to_str().unwrap()], "");
    let commands: [(&[&str], i32); 8] = [
        (&["sync", "--dry-run", "-vvv"], 0),
        (&["sync", "-vvv", "--color", "never"], 3),
        (&["sync", "-v"], 3),
        (&["sync", "--output", "json"], 3),
        (&["verify"], 4),
        (&["urls"], 4),
        (&["asset", "list"], 0),
        (&["asset", "show", hostile], 0),
    ];
    for (arguments, code) in commands {
        let output = mediamirror(emulator.path(), arguments);
        let (out, err) = (stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {out}{err}");
        is_harmless(&format!("{arguments:?}: stdout"), &out);
        is_harmless(&format!("{arguments:?}: stderr"), &err);
    }
    let printed = stdout(&mediamirror(emulator.path(), &["sync"]));
    assert!(printed.contains("line\\nforged: break") && printed.contains("name-not-usable"), "{printed}");
    assert!(printed.contains("1 unchanged") && printed.contains("1 failed"), "{printed}");
}
