//! Computes the operations that update the file records of an asset.
//!
//! The order is important: an asset always has at most one primary record, so the old one is reset before the new one
//! is set.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::batch::{Operation, Target};
use super::entities::{self, FileRow};
use super::odata;
use crate::library::{FileSet, OtherRecords};
use crate::model::{AssetFile, AssetId};

/// The operations, in order: deletions, records, the asset itself. None if nothing differs.
pub(super) fn plan(set: &FileSet, existing: &[FileRow]) -> Vec<Operation> {
    let wanted = unambiguous(&set.files);
    let mut there: HashMap<&str, &FileRow> = HashMap::new();
    let (mut deletions, mut changes, mut primary) = (Vec::new(), Vec::new(), Vec::new());
    let names: HashSet<&str> = wanted.iter().map(|file| file.name.as_str()).collect();
    let keep: HashSet<&str> = set.keep.iter().map(String::as_str).collect();
    let has_primary = wanted.iter().any(|file| file.primary);
    for row in existing {
        let name = row.file.name.as_str();
        if names.contains(name) {
            // If a name occurs twice, neither is deleted: both are records of one blob.
            there.entry(name).or_insert(row);
        } else if set.others == OtherRecords::Delete && !keep.contains(name) {
            deletions.push(operation("DELETE", path(row), None));
        } else if row.file.primary && has_primary {
            changes.push(operation("MERGE", path(row), Some(json!({"IsPrimary": false}))));
        }
    }
    for file in &wanted {
        let operation = match there.get(file.name.as_str()) {
            Some(row) => {
                let changes = difference(&row.file, file);
                (!changes.is_empty()).then(|| operation("MERGE", path(row), Some(Value::Object(changes))))
            }
            None => Some(operation("POST", "Files".to_owned(), Some(entity(&set.asset, file)))),
        };
        let list = if file.primary { &mut primary } else { &mut changes };
        list.extend(operation);
    }
    deletions.into_iter().chain(changes).chain(primary).chain(own_change(set)).collect()
}

/// The change of the asset itself. It is last, because a mark of a complete asset must be true when it is written.
fn own_change(set: &FileSet) -> Option<Operation> {
    let changes = entities::asset_changes(set.change.as_ref()?)?;
    Some(operation("MERGE", odata::entity("Assets", set.asset.as_str()), Some(changes)))
}

/// The wanted records, each name once, one primary.
fn unambiguous(wanted: &[AssetFile]) -> Vec<AssetFile> {
    let (mut names, mut primary_seen) = (HashSet::new(), false);
    let mut files = Vec::with_capacity(wanted.len());
    for file in wanted.iter().filter(|file| names.insert(file.name.as_str())) {
        let primary = file.primary && !primary_seen;
        primary_seen |= file.primary;
        files.push(AssetFile { primary, ..file.clone() });
    }
    files
}

fn operation(method: &'static str, path: String, body: Option<Value>) -> Operation {
    Operation { method, target: Target::Path(path), body, answer_used: false }
}

fn path(row: &FileRow) -> String {
    odata::entity("Files", &row.id)
}

/// A new record. The size is a text, as all 64-bit numbers in this dialect.
fn entity(asset: &AssetId, file: &AssetFile) -> Value {
    json!({
        "Name": file.name,
        "ParentAssetId": asset.as_str(),
        "MimeType": file.mime_type,
        "IsPrimary": file.primary,
        "IsEncrypted": file.encrypted,
        "ContentFileSize": file.size.to_string(),
    })
}

/// The properties in which a record differs from the wanted one.
fn difference(is: &AssetFile, wanted: &AssetFile) -> Map<String, Value> {
    let mut changes = Map::new();
    if is.size != wanted.size {
        changes.insert("ContentFileSize".to_owned(), json!(wanted.size.to_string()));
    }
    if is.mime_type != wanted.mime_type {
        changes.insert("MimeType".to_owned(), json!(wanted.mime_type));
    }
    if is.primary != wanted.primary {
        changes.insert("IsPrimary".to_owned(), json!(wanted.primary));
    }
    if is.encrypted != wanted.encrypted {
        changes.insert("IsEncrypted".to_owned(), json!(wanted.encrypted));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AssetChange;

    fn file(name: &str, size: u64, primary: bool) -> AssetFile {
        let asset = AssetId::new("source");
        AssetFile { asset, name: name.to_owned(), size, mime_type: None, primary, encrypted: false }
    }

    fn row(id: &str, file: AssetFile) -> FileRow {
        FileRow { id: id.to_owned(), file }
    }

    fn texts(operations: &[Operation]) -> Vec<String> {
        let one = |operation: &Operation| match &operation.target {
            Target::Path(path) => format!("{} {path} {}", operation.method, operation.body.clone().unwrap_or_default()),
            Target::Made(_) => unreachable!("files are not referred to"),
        };
        operations.iter().map(one).collect()
    }

    fn set(files: &[AssetFile]) -> FileSet {
        FileSet::new(AssetId::new("t"), files.to_vec())
    }

    #[test]
    fn correct_records_are_not_changed() {
        let existing = [row("1", file("a", 1, true)), row("2", file("b", 2, false)), row("3", file("c", 2, false))];
        assert!(plan(&set(&[file("b", 2, false), file("a", 1, true)]), &existing).is_empty());
    }

    #[test]
    fn the_old_primary_is_reset_before_the_new_one_is_set() {
        let existing = [row("1", file("a", 1, true)), row("2", file("b", 2, false)), row("3", file("gone", 3, false))];
        let set = FileSet { others: OtherRecords::Delete, ..set(&[file("b", 2, true), file("a", 1, false)]) };
        assert_eq!(
            texts(&plan(&set, &existing)),
            [
                "DELETE Files('3') null",
                r#"MERGE Files('1') {"IsPrimary":false}"#,
                r#"MERGE Files('2') {"IsPrimary":true}"#,
            ]
        );
    }

    #[test]
    fn a_primary_that_is_kept_is_reset_too() {
        let existing = [row("1", file("kept", 1, true))];
        assert_eq!(texts(&plan(&set(&[file("b", 2, true)]), &existing))[0], r#"MERGE Files('1') {"IsPrimary":false}"#);
        assert!(plan(&set(&[]), &existing).is_empty());
    }

    #[test]
    fn only_other_records_that_need_not_be_kept_are_removed() {
        let existing = ["a", "a", "kept", "gone"].map(|name| row(name, file(name, 1, false)));
        let set =
            FileSet { others: OtherRecords::Delete, keep: vec!["kept".to_owned()], ..set(&[file("a", 1, false)]) };
        assert_eq!(texts(&plan(&set, &existing)), ["DELETE Files('gone') null"]);
        assert!(plan(&FileSet { others: OtherRecords::Keep, ..set }, &existing).is_empty());
    }

    #[test]
    fn the_asset_itself_is_changed_last() {
        let change = AssetChange { name: Some(None), alternate_id: Some(Some("mark".to_owned())), metadata: None };
        let set = FileSet { change: Some(change), ..set(&[file("a", 1, true)]) };
        let operations = texts(&plan(&set, &[]));
        assert_eq!(operations[1..], [r#"MERGE Assets('t') {"AlternateId":"mark","Name":null}"#]);
        let nothing = FileSet { change: Some(AssetChange::default()), ..FileSet::new(AssetId::new("t"), Vec::new()) };
        assert!(plan(&nothing, &[]).is_empty());
    }

    #[test]
    fn missing_records_are_made_and_wrong_sizes_corrected() {
        let existing = [row("1", file("a", 1, false))];
        let operations = texts(&plan(&set(&[file("a", 5_000_000_000, false), file("b", 2, false)]), &existing));
        assert_eq!(operations[0], r#"MERGE Files('1') {"ContentFileSize":"5000000000"}"#);
        assert!(operations[1].starts_with("POST Files ") && operations[1].contains(r#""ParentAssetId":"t""#));
    }

    #[test]
    fn only_the_first_of_two_primaries_is_kept() {
        let operations = texts(&plan(&set(&[file("a", 1, true), file("b", 1, true)]), &[]));
        assert_eq!(operations.iter().filter(|text| text.contains(r#""IsPrimary":true"#)).count(), 1);
        assert!(operations[1].contains(r#""Name":"a""#), "the primary comes last: {operations:?}");
    }
}
