//! The layers: which modules may import which, and which crate is confined to which module.

mod circles;
mod imports;
mod modules;
mod rooms;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use self::imports::{Code, ItemPath};
use self::modules::MAY_USE;
use self::rooms::Rooms;

/// Room (submodule) of the emulator -> rooms that it may use: only those above it, so that no two depend on each other.
/// The parent file, `emulator.rs`, may use all of them.
const EMULATOR_MAY_USE: &Rooms = &[
    ("http", &[]),
    ("clock", &[]),
    ("restarts", &[]),
    ("stats", &[]),
    ("storage", &[]),
    ("settings", &[]),
    ("service_model", &["settings"]),
    ("directory", &["settings"]),
    ("faults", &["stats", "settings"]),
    ("blob", &["http", "clock", "stats", "storage", "settings", "service_model", "directory", "faults"]),
    ("external", &["storage", "blob"]),
    ("storage_account", &["storage", "blob", "external"]),
    ("mp4", &["storage", "storage_account"]),
    ("media_account", &["settings", "service_model"]),
    ("snapshots", &["blob", "media_account"]),
    (
        "world",
        &[
            "clock",
            "restarts",
            "stats",
            "settings",
            "directory",
            "faults",
            "blob",
            "external",
            "storage_account",
            "media_account",
            "snapshots",
        ],
    ),
    ("ready", &["world"]),
    ("admin", &["http", "world", "ready"]),
    (
        "media_v2",
        &[
            "http",
            "stats",
            "storage",
            "settings",
            "directory",
            "faults",
            "storage_account",
            "mp4",
            "media_account",
            "world",
        ],
    ),
    ("streaming", &["http", "stats", "storage", "storage_account", "mp4", "world", "media_v2"]),
    ("library", &["storage", "storage_account", "world", "media_v2"]),
    ("error", &["settings", "library"]),
    ("services", &["http", "blob", "world", "admin", "media_v2", "streaming"]),
    (
        "fault_injection",
        &[
            "http",
            "stats",
            "storage",
            "directory",
            "faults",
            "blob",
            "storage_account",
            "snapshots",
            "world",
            "media_v2",
            "streaming",
            "services",
        ],
    ),
    ("in_process", &["http", "settings", "world", "fault_injection"]),
    ("server", &["restarts", "settings", "world", "error", "fault_injection"]),
    (
        "handle",
        &["stats", "settings", "faults", "storage_account", "world", "ready", "media_v2", "streaming", "in_process"],
    ),
    ("tamper", &["storage", "settings", "blob", "storage_account", "handle"]),
];

/// Room of the engine -> rooms it may use, all above it. The contents of both sides and the scheduling are first, then
/// the common parts of a run, then the actions, then the views of their results.
const ENGINE_MAY_USE: &Rooms = &[
    ("base", &[]),
    ("contents", &[]),
    ("counts", &[]),
    ("expired", &[]),
    ("keeper", &[]),
    ("limits", &[]),
    ("traffic", &["counts"]),
    ("methods", &["traffic"]),
    ("options", &["limits", "base"]),
    ("schedule", &["contents"]),
    ("forecast", &["contents", "counts", "schedule", "traffic"]),
    ("tally", &["counts", "forecast"]),
    ("run", &["counts", "base", "expired", "keeper", "limits", "methods", "options", "schedule", "tally"]),
    ("intent", &["contents", "run"]),
    ("confirm", &["run"]),
    ("filters", &["expired", "run", "intent", "confirm"]),
    ("delete", &["contents", "counts", "schedule", "run"]),
    ("settings", &["run", "intent"]),
    ("tags", &["contents", "run"]),
    ("copy", &["contents", "methods", "schedule", "run"]),
    ("publish", &["schedule", "run", "confirm", "filters"]),
    ("withdraw", &["contents", "run", "intent", "confirm", "delete"]),
    (
        "asset",
        &["base", "contents", "methods", "schedule", "forecast", "run", "intent", "delete", "tags", "copy", "publish"],
    ),
    ("examine", &["run", "withdraw"]),
    ("summary", &["counts", "limits", "methods", "traffic", "forecast", "run"]),
    ("history", &["counts", "run", "summary"]),
    (
        "verify",
        &[
            "contents", "counts", "expired", "keeper", "options", "schedule", "run", "filters", "delete", "tags",
            "settings", "withdraw", "asset", "examine",
        ],
    ),
    ("reprotect", &["base", "keeper"]),
    ("failover", &["keeper"]),
    (
        "health",
        &["contents", "counts", "expired", "keeper", "options", "run", "filters", "withdraw", "asset", "verify"],
    ),
    ("urls", &["counts", "expired", "options", "run", "delete", "withdraw", "verify"]),
];

/// Crate -> the only modules that may use it.
const CONFINED: &[(&str, &[&str])] = &[
    ("reqwest", &["transport"]),
    ("azure_storage_blob", &["blob"]),
    ("governor", &["throttle"]),
    ("rusqlite", &["ledger", "claims"]),
    ("ring", &["config"]),
    ("rustix", &["clock", "files", "machine"]),
    ("clap", &["cli", "main"]),
    ("csv", &["cli"]),
    ("askama", &["report"]),
    ("indicatif", &["cli"]),
    ("prometheus_client", &["cli"]),
    ("console", &["cli"]),
    ("axum", &["emulator"]),
    ("hyper", &["emulator"]),
    ("m3u8_rs", &["play"]),
];

/// Words of a service's protocol -> the only folders whose code may contain them, in addition to the emulator and the
/// list of what may be logged. Tests may contain anything.
const SPELLED: &[(&str, &[&str])] = &[
    ("nb:cid:", &["library/ams_v2"]),
    ("nb:lid:", &["library/ams_v2"]),
    ("$filter", &["library/ams_v2", "redact.rs"]),
    ("$batch", &["library/ams_v2"]),
    ("$skip", &["library/ams_v2", "redact.rs"]),
    ("AlternateId", &["library/ams_v2"]),
    ("CreateFileInfos", &["library/ams_v2"]),
    ("odata", &["library/ams_v2"]),
];

/// The most lines of a file, with its tests.
const MOST_LINES: usize = 400;

/// The Rust files of a folder.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file with the module at the top of its path.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found
        .into_iter()
        .map(|path| {
            let relative = path.strip_prefix(&root).unwrap();
            let top = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let code: String =
                text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            (top, path, code)
        })
        .collect()
}

/// Every module of the crate with its code.
fn modules() -> Vec<(ItemPath, Code)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let module_of = |path: &Path| -> ItemPath {
        let relative = path.strip_prefix(&root).unwrap().with_extension("");
        relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect()
    };
    sources().iter().map(|(_, path, code)| (module_of(path), Code::of(code))).collect()
}

#[test]
fn no_module_imports_a_module_that_its_layer_must_not_use() {
    let rules: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let modules = modules();
    let tests = rooms::test_modules(&modules);
    let mut wrong = Vec::new();
    for (module, code) in modules.iter().filter(|(module, _)| !tests.iter().any(|test| module.starts_with(test))) {
        let top = module[0].as_str();
        let Some(allowed) = rules.get(top) else { continue };
        for used in code.named_paths(module).iter().filter_map(|path| path.first()) {
            if used != top && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{} uses crate::{used}: `{top}` may use {allowed:?} only", module.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn third_party_crates_stay_in_their_modules() {
    let mut wrong = Vec::new();
    for (module, path, code) in sources() {
        for (name, homes) in CONFINED {
            let named = imports::names_crate(&code, name) || code.contains(&format!("use {name};"));
            if named && !homes.contains(&module.as_str()) {
                wrong.push(format!("{} names {name}, which belongs to {homes:?} alone", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The code of a file before the tests at its end. A test module in a separate file is only declared here.
fn before_its_tests(code: &str) -> &str {
    let marks = code.match_indices("#[cfg(test)]\n");
    let end = marks.map(|(at, _)| at).find(|&at| {
        let declared = code[at..].lines().nth(1).unwrap_or_default();
        declared.contains("mod ") && declared.ends_with('{')
    });
    &code[..end.unwrap_or(code.len())]
}

#[test]
fn words_of_a_service_stay_in_its_folder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (module, path, code) in sources() {
        let within = path.strip_prefix(&root).unwrap().to_str().unwrap();
        if module == "emulator" || module == "fuzz" || within.contains("/tests") {
            continue;
        }
        let code = before_its_tests(&code);
        for (word, homes) in SPELLED {
            if code.contains(word) && !homes.iter().any(|home| within.starts_with(home)) {
                wrong.push(format!("{} spells {word}, which belongs to {homes:?} alone", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_rule_or_is_at_the_top() {
    let tops = ["main", "lib", "cli", "report"];
    let ruled: Vec<&str> = MAY_USE.iter().map(|(module, _)| *module).collect();
    for (module, path, _) in sources() {
        assert!(
            tops.contains(&module.as_str()) || ruled.contains(&module.as_str()),
            "{}: give `{module}` a row in MAY_USE",
            path.display()
        );
    }
}

#[test]
fn no_room_of_the_engine_imports_a_room_that_it_must_not_use() {
    let wrong = rooms::violations("engine", ENGINE_MAY_USE, &modules());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_cycle() {
    let found = circles::find(&modules());
    let lines: Vec<String> = found.iter().map(|circle| circle.join(", ")).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn no_room_of_the_emulator_imports_a_room_that_it_must_not_use() {
    let wrong = rooms::violations("emulator", EMULATOR_MAY_USE, &modules());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let mut files = Vec::new();
    for folder in ["src", "tests/it", "benches"] {
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    }
    let lines = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().count();
    let long: Vec<&PathBuf> = files.iter().filter(|path| lines(path) > MOST_LINES).collect();
    assert!(!files.is_empty() && long.is_empty(), "more than {MOST_LINES} lines: {long:?}");
}
