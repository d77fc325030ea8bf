//! The sets that this emulator does not implement, with their names in the manual.
//!
//! They are refused, so that no client believes that they were honoured.

use super::call::{Call, Verb};
use super::errors::ApiError;

/// Sets of the service that are always empty in this emulator.
const SETS: [(&str, &str); 6] = [
    ("$metadata", "the metadata document"),
    ("IngestManifests", "ingest manifests"),
    ("IngestManifestAssets", "ingest manifests"),
    ("IngestManifestFiles", "ingest manifests"),
    ("JobTemplates", "job templates and task templates"),
    ("TaskTemplates", "job templates and task templates"),
];

pub(super) const ENDPOINT_CHANGES: &str = "creating and deleting streaming endpoints";
pub(super) const RELATED: &str = "related entities in the body of a new entity";

/// Is it a list of such a set? Then the answer is empty.
pub(super) fn is_empty_list(call: &Call) -> bool {
    call.verb == Verb::Get
        && matches!(call.path.as_slice(), [set] if set.key.is_none() && !set.name.starts_with('$') && feature(call).is_some())
}

/// Refuses every other call on such a set.
pub(super) fn check(call: &Call) -> Result<(), ApiError> {
    match feature(call) {
        Some(feature) if !is_empty_list(call) => Err(ApiError::not_implemented(feature)),
        _ => Ok(()),
    }
}

fn feature(call: &Call) -> Option<&'static str> {
    let first = call.path.first()?;
    SETS.iter().find(|(set, _)| *set == first.name).map(|(_, feature)| *feature)
}
