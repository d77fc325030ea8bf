//! Single assets through the library, against the emulator: upload, publish, browse, remove, prune.

mod access;
mod upload;

use std::path::PathBuf;

use azure_core::http::{Method, Request};
use mediamirror::asset::UploadOptions;
use mediamirror::connect::Pair;
use mediamirror::model::AssetEncryption;
use tempfile::TempDir;

use crate::world::{World, ask_media, send};

/// Bytes without repetitions.
fn noise(length: usize) -> Vec<u8> {
    let mut dice = fastrand::Rng::with_seed(7);
    (0..length).map(|_| dice.u8(..)).collect()
}

/// Writes files into a new directory.
fn written(files: &[(&str, &[u8])]) -> (TempDir, Vec<PathBuf>) {
    let place = tempfile::tempdir().unwrap();
    let paths = files.iter().map(|(name, content)| {
        let path = place.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    });
    let paths = paths.collect();
    (place, paths)
}

fn named(name: &str) -> UploadOptions {
    UploadOptions { name: Some(name.to_owned()), encryption: AssetEncryption::None }
}

/// The status and body of a URL.
async fn fetch(world: &World, url: &str) -> (u16, Vec<u8>) {
    send(world, Request::new(url.parse().unwrap(), Method::Get)).await
}

/// Makes a separate access policy with that name, as other tools do.
async fn leak_policy(world: &World, name: &str) {
    let body = format!(r#"{{"Name":"{name}","DurationInMinutes":43200,"Permissions":1}}"#);
    let (status, body) = ask_media(world, 0, (Method::Post, "2.1"), "AccessPolicies", body).await;
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
}

/// The names of the source's policies, and the number of its locators.
async fn left(pair: &Pair) -> (Vec<String>, usize) {
    let policies = pair.source.authoring().unwrap().access_policies().await.unwrap();
    let locators = pair.source.authoring().unwrap().policies_of_locators().await.unwrap();
    (policies.into_iter().map(|policy| policy.name).collect(), locators.len())
}
