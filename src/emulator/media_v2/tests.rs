//! A small environment for the tests of the media plane, and its requests.

mod assets;
mod batches;
mod encoding;
mod entry;
mod filters;
mod lists;
mod locators;
mod operator;
mod protection;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use serde_json::Value as Json;

use super::{Seeder, serve, tokens};
use crate::emulator::blob::account::BlobAccount;
use crate::emulator::clock::Clock;
use crate::emulator::directory::Directory;
use crate::emulator::faults::Faults;
use crate::emulator::media_account::MediaAccount;
use crate::emulator::settings::{MediaSettings, Settings};
use crate::emulator::stats::Stats;
use crate::emulator::storage::{Content, NewBlob};
use crate::emulator::storage_account::StorageAccount;
use crate::emulator::world::{Region, RegionUrls, World};

/// An answer, taken apart.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Got {
    fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON ({}): {}", self.status, self.text))
    }
    /// The entity or feed of verbose JSON.
    fn d(&self) -> Json {
        self.json()["d"].clone()
    }
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
    fn message(&self) -> String {
        let json = self.json();
        let error = json.get("error").or_else(|| json.get("odata.error")).expect("an error body");
        error["message"]["value"].as_str().unwrap().to_owned()
    }
}

async fn taken(response: crate::emulator::http::Response) -> Got {
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Got { status: parts.status.as_u16(), headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

struct Bench {
    world: Arc<World>,
    tokens: Vec<String>,
    version: &'static str,
    light: bool,
}

const VERBOSE: &str = "application/json;odata=verbose";

/// For any type.
fn fresh<T: Default>() -> T {
    T::default()
}

impl Bench {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// Two regions with these settings for both media accounts.
    async fn with(change: impl Fn(&mut MediaSettings)) -> Self {
        Self::of(|settings| settings.regions.iter_mut().for_each(|r| change(&mut r.media))).await
    }

    async fn of(change: impl Fn(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        let clock = Clock::start();
        let region = |r: &crate::emulator::settings::RegionSettings| {
            let root = |service: &str| format!("http://{service}.{}", r.name);
            let key = |name: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, name);
            let storage = r.storage.iter().map(|s| {
                let url = format!("{}/{}", root("blob"), s.account);
                let account = BlobAccount::new(&s.account, &key(&s.account), &url, &s.limits, &clock);
                Arc::new(StorageAccount::Internal(account))
            });
            Region {
                media: MediaAccount::new(r, key(&r.account)),
                storage: storage.collect(),
                urls: RegionUrls {
                    token: root("token"),
                    front: root("front"),
                    cluster: root("cluster"),
                    blob: root("blob"),
                    streaming: root("streaming"),
                },
                settings: r.clone(),
            }
        };
        let regions: Vec<Region> = settings.regions.iter().map(region).collect();
        let world = World {
            directory: Directory::new(&settings),
            clock,
            stats: Stats::default(),
            regions,
            routes: std::collections::HashMap::new(),
            faults: fresh::<Faults>(),
            snapshots: fresh(),
            restarts: fresh(),
            admin: String::new(),
        };
        let mut bench = Self { world: Arc::new(world), tokens: Vec::new(), version: "2.19", light: false };
        for region in 0..bench.world.regions.len() {
            let token = bench.token(region).await.json()["access_token"].as_str().unwrap().to_owned();
            bench.tokens.push(token);
        }
        bench
    }

    async fn token(&self, region: usize) -> Got {
        let account = &self.world.regions[region];
        let form: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &account.settings.account)
            .append_pair("client_secret", account.media.key())
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", "urn:WindowsAzureMediaServices")
            .finish();
        self.token_request(region, "/v2/OAuth2-13", &form).await
    }

    async fn token_request(&self, region: usize, path: &str, form: &str) -> Got {
        let request = Request::post(path).body(Body::from(form.to_owned())).unwrap();
        taken(tokens(&self.world, region, request).await).await
    }

    fn request(&self, region: usize, method: &str, path: &str) -> axum::http::request::Builder {
        let json = if self.light { "application/json" } else { VERBOSE };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/api/{path}") };
        Request::builder()
            .method(method)
            .uri(path.replace(' ', "%20"))
            .header("authorization", format!("Bearer {}", self.tokens[region]))
            .header("x-ms-version", self.version)
            .header("accept", json)
            .header("content-type", json)
    }

    async fn send(&self, region: usize, request: Request<Body>) -> Got {
        taken(serve(&self.world, region, request).await).await
    }

    async fn call(&self, region: usize, method: &str, path: &str, body: &Json) -> Got {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(region, self.request(region, method, path).body(body).unwrap()).await
    }

    async fn get(&self, path: &str) -> Got {
        self.call(0, "GET", path, &Json::Null).await
    }

    async fn post(&self, path: &str, body: Json) -> Got {
        self.call(0, "POST", path, &body).await
    }

    async fn merge(&self, path: &str, body: Json) -> Got {
        self.call(0, "MERGE", path, &body).await
    }

    async fn delete(&self, path: &str) -> Got {
        self.call(0, "DELETE", path, &Json::Null).await
    }

    /// Creates an entity in a region and returns its id.
    async fn make(&self, region: usize, set: &str, body: Json) -> String {
        let got = self.call(region, "POST", set, &body).await;
        assert_eq!(got.status, 201, "{}", got.text);
        let json = got.json();
        json.get("d").unwrap_or(&json)["Id"].as_str().unwrap().to_owned()
    }

    async fn asset(&self) -> String {
        self.make(0, "Assets", serde_json::json!({ "Name": "a" })).await
    }

    async fn policy(&self, permissions: i32) -> String {
        self.make(0, "AccessPolicies", serde_json::json!({ "DurationInMinutes": 60, "Permissions": permissions })).await
    }

    fn storage(&self, region: usize) -> &StorageAccount {
        &self.world.regions[region].storage[0]
    }

    async fn put(&self, container: &str, name: &str, bytes: &'static [u8]) {
        let blob = NewBlob {
            content: Content::Bytes(bytes::Bytes::from_static(bytes)),
            content_type: None,
            cache_control: None,
            metadata: std::collections::BTreeMap::new(),
            tags: std::collections::BTreeMap::new(),
        };
        self.storage(0).put_blob(container, name, blob).await.unwrap();
    }

    /// The library loader's access to the first region's account.
    fn seeder(&self) -> Seeder<'_> {
        Seeder::new(&self.world, 0)
    }

    async fn container(&self, asset: &str) -> String {
        let uri = self.get(&format!("Assets('{asset}')/Uri")).await.d()["Uri"].as_str().unwrap().to_owned();
        uri.rsplit('/').next().unwrap().to_owned()
    }
}
