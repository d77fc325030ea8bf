//! Single assets through the library, against the emulator: upload, publish, look, remove, tidy up.

mod access;
mod upload;

use std::path::PathBuf;

use azure_core::http::{Method, Request};
use mediamirror::asset::UploadOptions;
use mediamirror::connect::Pair;
use mediamirror::model::AssetEncryption;
use serde_json::Value;
use tempfile::TempDir;

use crate::world::World;

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

async fn send(world: &World, request: Request) -> (u16, Vec<u8>) {
    let response = world.emulator.http_client().execute_request(&request).await.unwrap();
    let status = u16::from(response.status());
    (status, response.into_body().collect().await.unwrap().to_vec())
}

/// Makes an access policy as other tools do: one of its own, of that name.
async fn leak_policy(world: &World, name: &str) {
    let region = &world.emulator.ready().regions[0];
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials").append_pair("client_id", &region.account);
    form.append_pair("client_secret", &region.account_key).append_pair("scope", "urn:WindowsAzureMediaServices");
    let mut ask = Request::new(region.token.parse().unwrap(), Method::Post);
    ask.insert_header("content-type", "application/x-www-form-urlencoded");
    ask.set_body(form.finish());
    let (_, token) = send(world, ask).await;
    let token: Value = serde_json::from_slice(&token).unwrap();
    let url = format!("http://{}/api/AccessPolicies", region.cluster);
    let mut make = Request::new(url.parse().unwrap(), Method::Post);
    make.insert_header("authorization", format!("Bearer {}", token["access_token"].as_str().unwrap()));
    make.insert_header("content-type", "application/json");
    make.insert_header("accept", "application/json");
    make.insert_header("x-ms-version", "2.1");
    make.set_body(format!(r#"{{"Name":"{name}","DurationInMinutes":43200,"Permissions":1}}"#));
    let (status, body) = send(world, make).await;
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
}

/// Names of the source's policies, and how many locators it has.
async fn left(pair: &Pair) -> (Vec<String>, usize) {
    let policies = pair.source.v2.access_policies().await.unwrap();
    let locators = pair.source.v2.policies_of_locators().await.unwrap();
    (policies.into_iter().map(|policy| policy.name).collect(), locators.len())
}
