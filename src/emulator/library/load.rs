//! A library of real files: every folder is an asset, its sub-folders are virtual folders of the container.
//!
//! The folder's name is the asset's; the only `.ism`, if there is just one, is its primary file; one streaming locator
//! each. Guids are derived from the name, so that URLs are the same on every start. Files are held in memory.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::error::LibraryError;
use super::ordinary::is_server_manifest;
use super::plan::{PlannedAsset, PlannedBlob, PlannedLocator};
use super::store::store_all;
use crate::emulator::storage::Content;
use crate::emulator::world::World;

/// The maximum depth of folders: deeper ones are a loop of links.
const DEEPEST: usize = 32;

/// Loads every folder of `dir` into a region.
pub(crate) async fn load(world: &World, region: usize, dir: &Path) -> Result<(), LibraryError> {
    let (folders, beside): (Vec<_>, Vec<_>) = entries(dir)?.into_iter().partition(|path| path.is_dir());
    for path in beside {
        tracing::warn!(path = %path.display(), "not loaded: a file beside the assets' folders");
    }
    if folders.is_empty() {
        tracing::warn!(dir = %dir.display(), "no asset loaded: the library has no folder");
    }
    store_all(world, region, folders.iter().map(|folder| asset(folder))).await
}

/// Entries in the order of their names, without hidden ones.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, LibraryError> {
    let failed = |source| LibraryError::File { path: dir.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !name(&path)?.starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> Result<&str, LibraryError> {
    path.file_name().and_then(OsStr::to_str).ok_or_else(|| LibraryError::Name(path.to_owned()))
}

fn asset(folder: &Path) -> Result<PlannedAsset, LibraryError> {
    let name = name(folder)?.to_owned();
    let mut blobs = Vec::new();
    collect(folder, "", 0, &mut blobs)?;
    let mut manifests = blobs.iter().map(|blob| &blob.name).filter(|name| is_server_manifest(name));
    let primary = match (manifests.next(), manifests.next()) {
        (Some(only), None) => Some(only.clone()),
        _ => None,
    };
    Ok(PlannedAsset {
        guid: guid("asset", &name),
        locators: vec![PlannedLocator::lasting(guid("locator", &name))],
        name,
        blobs,
        primary,
        ..PlannedAsset::default()
    })
}

fn collect(folder: &Path, prefix: &str, depth: usize, into: &mut Vec<PlannedBlob>) -> Result<(), LibraryError> {
    if depth > DEEPEST {
        let source = std::io::Error::other("folders are nested too deeply; is there a loop of links?");
        return Err(LibraryError::File { path: folder.to_owned(), source });
    }
    for path in entries(folder)? {
        let blob = format!("{prefix}{}", name(&path)?);
        if path.is_dir() {
            collect(&path, &format!("{blob}/"), depth + 1, into)?;
        } else {
            let bytes = fs::read(&path).map_err(|source| LibraryError::File { path: path.clone(), source })?;
            into.push(PlannedBlob::new(blob, Content::Bytes(bytes.into())));
        }
    }
    Ok(())
}

fn guid(kind: &str, name: &str) -> Uuid {
    let digest = Sha256::digest(format!("{kind} of {name}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_becomes_an_asset_with_virtual_folders_and_its_only_server_manifest_as_primary() {
        let dir = tempfile::tempdir().unwrap();
        let show = dir.path().join("my show");
        fs::create_dir_all(show.join("thumbs")).unwrap();
        for (file, content) in [("a.ism", "x"), ("a.mp4", "yy"), ("thumbs/1.jpg", "z"), (".hidden", "h")] {
            fs::write(show.join(file), content).unwrap();
        }
        let loaded = asset(&show).unwrap();
        let names: Vec<_> = loaded.blobs.iter().map(|blob| blob.name.as_str()).collect();
        assert_eq!(names, ["a.ism", "a.mp4", "thumbs/1.jpg"]);
        assert_eq!((loaded.name.as_str(), loaded.primary.as_deref()), ("my show", Some("a.ism")));
        assert_eq!(loaded.guid, asset(&show).unwrap().guid, "the same on every start");
        fs::write(show.join("b.ism"), "x").unwrap();
        assert_eq!(asset(&show).unwrap().primary, None, "of two none is the primary");
    }

    #[test]
    fn a_missing_library_is_named() {
        let error = entries(Path::new("no/such/library")).unwrap_err();
        assert!(error.to_string().starts_with("no/such/library: "), "{error}");
    }
}
