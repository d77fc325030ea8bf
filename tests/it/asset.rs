//! Single assets through the library, against the emulator: upload, publish, look, remove, tidy up.

mod access;
mod upload;

use std::path::PathBuf;

use azure_core::http::{Method, Request};
use mediamirror::asset::UploadOptions;
use mediamirror::connect::Pair;
use mediamirror::model::AssetEncryption;
use tempfile::TempDir;

use crate::world::{World, ask_media, send};

/// Bytes that are not the same anywhere near.
fn noise(length: usize) -> Vec<u8> {
    let mut dice = fastrand::Rng::with_seed(7);
    (0..length).map(|_| dice.u8(..)).collect()
}

/// Files in a directory of their own.
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

/// What a URL answers, as text.
async fn fetch(world: &World, url: &str) -> (u16, Vec<u8>) {
    send(world, Request::new(url.parse().unwrap(), Method::Get)).await
}

/// Makes an access policy as other tools do: one of its own, of that name.
async fn leak_policy(world: &World, name: &str) {
    let body = format!(r#"{{"Name":"{name}","DurationInMinutes":43200,"Permissions":1}}"#);
    let (status, body) = ask_media(world, 0, (Method::Post, "2.1"), "AccessPolicies", body).await;
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
}

/// Names of the source's policies, and how many locators it has.
async fn left(pair: &Pair) -> (Vec<String>, usize) {
    let policies = pair.source.authoring().unwrap().access_policies().await.unwrap();
    let locators = pair.source.authoring().unwrap().policies_of_locators().await.unwrap();
    (policies.into_iter().map(|policy| policy.name).collect(), locators.len())
}
