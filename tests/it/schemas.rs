//! Every JSON that the real binary prints in a test is checked against the schema that `mediamirror schema` prints,
//! without unknown fields, so that the schemas cannot be out of date.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Map, Value};

use crate::cli::against_emulator::Emulator;
use crate::cli::mediamirror;

/// The schemas that were used so far.
static VALIDATORS: Mutex<BTreeMap<String, Arc<Validator>>> = Mutex::new(BTreeMap::new());

/// The names of all formats.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let listed: Value = serde_json::from_str(&schema(&["--output", "json"])).expect("JSON");
    let name = |format: &Value| format["name"].as_str().expect("a text").to_owned();
    listed.as_array().expect("a list").iter().map(name).collect()
});

/// What `mediamirror schema` prints.
fn schema(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mediamirror")).arg("schema").args(arguments).output();
    String::from_utf8(output.expect("the binary runs").stdout).expect("text")
}

/// Checks what the program printed, if it was JSON.
///
/// # Panics
/// It does not match the schema, or there is none.
pub(crate) fn check(arguments: &[&str], stdout: &str, stderr: &str) {
    let asked = |pair: &[&str]| matches!(pair, ["-o" | "--output", "json"]);
    if arguments.windows(2).any(|pair| pair == ["--events", "ndjson"]) {
        stdout.lines().for_each(|line| fits("events", line));
        return;
    }
    if !arguments.windows(2).any(asked) && !arguments.contains(&"--json") {
        return;
    }
    if !stdout.trim().is_empty() {
        let name =
            format_of(arguments).unwrap_or_else(|| panic!("no schema for {arguments:?}, which printed {stdout}"));
        fits(&name, stdout);
    }
    if let Some(error) = stderr.lines().last().filter(|line| line.starts_with("{\"error\"")) {
        fits("error", error);
    }
}

/// Checks a text against the schema of that name.
///
/// # Panics
/// It does not match.
pub(crate) fn fits(name: &str, text: &str) {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
    let validator =
        Arc::clone(VALIDATORS.lock().expect("no test panics with it").entry(name.to_owned()).or_insert_with(|| {
            let mut schema: Value = serde_json::from_str(&schema(&[name])).expect("JSON");
            let definitions = schema.get("$defs").cloned().unwrap_or_default();
            put_in_place(&mut schema, &definitions);
            forbid_unknown(&mut schema, false);
            Arc::new(jsonschema::validator_for(&schema).expect("a schema"))
        }));
    let wrong: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{name}: {wrong:#?}");
}

/// The name of a command's format: its words, without the flags between them.
fn format_of(arguments: &[&str]) -> Option<String> {
    let words: Vec<&str> = arguments.iter().copied().filter(|word| !word.starts_with('-')).collect();
    let place = |name: &str| {
        let mut rest = words.iter().enumerate();
        let mut last = 0;
        for part in name.split('-') {
            last = rest.find(|(_, word)| **word == part)?.0;
        }
        Some(last)
    };
    let parts = |name: &str| name.split('-').count();
    // In `asset show list`, the first word that is a subcommand is used.
    let fitting = NAMES.iter().filter_map(|name| Some((name, place(name)?)));
    let best = fitting.max_by_key(|(name, last)| (parts(name), std::cmp::Reverse(*last)));
    best.map(|(name, _)| name.clone())
}

/// Replaces a reference by its definition if a schema adds fields to it, such as the tag of a variant: then the
/// definition does not forbid the added fields.
fn put_in_place(schema: &mut Value, definitions: &Value) {
    match schema {
        Value::Array(members) => members.iter_mut().for_each(|member| put_in_place(member, definitions)),
        Value::Object(members) => {
            let name = members.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/"));
            let definition = name.filter(|_| members.contains_key("properties")).and_then(|name| definitions.get(name));
            if let Some(definition) = definition.cloned() {
                members.remove("$ref");
                merge(members, &definition);
            }
            members.values_mut().for_each(|member| put_in_place(member, definitions));
        }
        _ => {}
    }
}

/// Adds the fields of a definition.
fn merge(schema: &mut Map<String, Value>, definition: &Value) {
    if let (Some(Value::Object(fields)), Some(more)) =
        (schema.get_mut("properties"), definition["properties"].as_object())
    {
        fields.extend(more.clone());
    }
    if let (Some(Value::Array(required)), Some(more)) = (schema.get_mut("required"), definition["required"].as_array())
    {
        required.extend(more.iter().cloned());
    }
}

/// Forbids every field that a schema does not have. `part`: it is a part of another schema, which forbids them for
/// both.
fn forbid_unknown(schema: &mut Value, part: bool) {
    let Some(members) = schema.as_object_mut() else { return };
    let object = members.contains_key("properties");
    for (key, member) in members.iter_mut() {
        match key.as_str() {
            "properties" | "$defs" | "patternProperties" => {
                member.as_object_mut().into_iter().flatten().for_each(|(_, one)| forbid_unknown(one, false));
            }
            "items" | "additionalProperties" => forbid_unknown(member, false),
            "prefixItems" => member.as_array_mut().into_iter().flatten().for_each(|one| forbid_unknown(one, false)),
            "anyOf" | "oneOf" | "allOf" => {
                member.as_array_mut().into_iter().flatten().for_each(|one| forbid_unknown(one, part || object));
            }
            _ => {}
        }
    }
    if object && !part && !members.contains_key("additionalProperties") {
        members.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
    }
}

#[test]
fn the_words_of_a_command_are_the_name_of_its_format() {
    for (arguments, name) in [
        (&["sync", "--order", "newest", "-o", "json"][..], Some("sync")),
        (&["-c", "west.toml", "runs", "show", "sync"], Some("runs-show")),
        (&["asset", "--side", "target", "show", "list"], Some("asset-show")),
        (&["asset", "policies", "prune"], Some("asset-policies-prune")),
        (&["init"], None),
    ] {
        assert_eq!(format_of(arguments).as_deref(), name, "{arguments:?}");
    }
}

#[test]
fn an_unknown_field_and_a_missing_one_do_not_match() {
    let good = r#"{"target":"east","holder":null,"broken":false}"#;
    fits("unlock", good);
    for wrong in [good.replace('}', ",\"more\":1}"), good.replace(",\"broken\":false", "")] {
        assert!(std::panic::catch_unwind(|| fits("unlock", &wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn each_line_of_a_plan_file_matches_its_schema() {
    let emulator = Emulator::with("", "assets=12,blobs=3,seed=2,sizes=small,awkward=true", "");
    mediamirror(emulator.path(), &["plan", "--out", "night.plan"]);
    let plan = std::fs::read_to_string(emulator.path().join("night.plan")).expect("it was written");
    assert!(plan.lines().count() > 3, "{plan}");
    plan.lines().for_each(|line| fits("plan-file", line));
}

#[test]
fn each_schema_is_valid_and_has_a_title() {
    assert!(NAMES.len() > 20, "{NAMES:?}");
    for name in NAMES.iter() {
        let schema: Value = serde_json::from_str(&schema(&[name])).expect("JSON");
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
        assert_eq!(schema["title"], format!("mediamirror {name}"));
    }
}
