//! `target.storage_map`: the storage account of the target in which a copy is created.

use std::collections::BTreeMap;

use toml::Spanned;

use super::file::{AccountFile, ConfigFile, ServiceFile};
use super::problem::{Document, Problem, Problems};
use crate::model::AccountName;
use crate::spelling::nearest;

/// The first version of the v2 API in which the storage account of a new asset can be chosen.
const CHOOSES: u8 = 2;

/// Checks the names, and returns them in the spelling of `[[source.storage]]` and `[[target.storage]]`.
pub(super) fn read(
    file: &ConfigFile,
    document: &Document<'_>,
    problems: &mut Problems,
) -> BTreeMap<AccountName, AccountName> {
    if let Some(map) = file.source.as_ref().and_then(|source| source.storage_map.as_ref()) {
        let problem = "`source.storage_map`: only [target] has one";
        problems.push(document.error(&map.span(), problem, "move it to [target], or remove it"));
    }
    let (source, target) = (names(file.source.as_ref()), names(file.target.as_ref()));
    let Some(target_file) = &file.target else { return BTreeMap::new() };
    let Some(map) = &target_file.storage_map else { return BTreeMap::new() };
    if !can_choose(target_file) {
        let problem = "`target.storage_map`: this `api_version` cannot choose the storage account of a new asset";
        problems.push(document.error(&map.span(), problem, "use `api_version` 2.2 or later, or remove the map"));
    }
    let mut read = BTreeMap::new();
    for (name, to) in map.get_ref() {
        let from = find(name, &source, "source", document);
        let to = find(to, &target, "target", document);
        if let (Some(from), Some(to)) = (problems.keep(from), problems.keep(to))
            && read.insert(AccountName::new(from), AccountName::new(to)).is_some()
        {
            // TOML only recognises duplicate keys with the same spelling.
            let problem = "`target.storage_map`: this storage account has two entries";
            problems.push(document.error(&name.span(), problem, "keep one of them"));
        }
    }
    read
}

fn can_choose(target: &AccountFile) -> bool {
    match &target.service {
        ServiceFile::AmsV2(service) => {
            let version = service.api_version.as_ref().and_then(|version| minor(version.get_ref()));
            version.is_none_or(|minor| minor >= CHOOSES)
        }
        ServiceFile::Blobs => false,
    }
}

/// The storage accounts of a side.
fn names(file: Option<&AccountFile>) -> Vec<&str> {
    let storage = file.and_then(|file| file.storage.as_ref()).into_iter().flat_map(Spanned::get_ref);
    storage.filter_map(|storage| storage.account.as_ref()).map(|name| name.get_ref().trim()).collect()
}

fn find(name: &Spanned<String>, known: &[&str], side: &str, document: &Document<'_>) -> Result<String, Problem> {
    let wanted = name.get_ref().trim();
    if let Some(found) = known.iter().find(|known| known.eq_ignore_ascii_case(wanted)) {
        return Ok((*found).to_owned());
    }
    let problem = format!("`target.storage_map`: no [[{side}.storage]] has this name");
    let remedy = match nearest(wanted, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here: {}", known.join(", ")),
    };
    Err(document.error(&name.span(), problem, remedy))
}

/// The second number of a version of the v2 API.
pub(super) fn minor(version: &str) -> Option<u8> {
    version.strip_prefix("2.").and_then(|minor| minor.parse().ok()).filter(|minor| *minor <= 19)
}
