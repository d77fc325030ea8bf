//! The fixture of the whole-run tests: an emulator in the same process, in virtual time, and a mirror over it.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use azure_core::http::{AsyncRawResponse, HttpClient, Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use hmac::{Hmac, Mac as _};
use mediamirror::blob::BlobAccount;
use mediamirror::config::Config;
use mediamirror::config::policy::{Accept, Policy};
use mediamirror::connect::{Pair, connect};
use mediamirror::emulator::{Emulator, EmulatorHandle, Generate, Settings};
use mediamirror::engine::verify::{Verification, verify};
use mediamirror::engine::{Options, Summary, mirror};
use mediamirror::error::Error;
use mediamirror::ledger::Ledger;
use mediamirror::model::{
    Asset, AssetEncryption, AssetFile, BlobProperties, BlobRef, ContainerName, Locator, LocatorId, Mark, NewAsset,
};
use mediamirror::monitor::TestMonitor;
use mediamirror::verdict::Cause;
use sha2::Sha256;
use tokio_util::sync::CancellationToken;

use crate::config::config_of;
use crate::virtual_time;

/// Two regions and a mirror from the first to the second.
pub(crate) struct World {
    pub(crate) emulator: EmulatorHandle,
    pub(crate) config: Config,
    pub(crate) ledger: Ledger,
    client: Arc<dyn HttpClient>,
}

impl World {
    /// An empty library.
    pub(crate) async fn empty() -> Self {
        Self::with(Settings::default(), None).await
    }

    /// A generated library, such as `assets=5,blobs=4,seed=1,sizes=small,awkward=false,real=false`.
    pub(crate) async fn generated(recipe: &str) -> Self {
        Self::with(Settings::default(), Some(recipe)).await
    }

    /// A world with these settings.
    pub(crate) async fn with(settings: Settings, recipe: Option<&str>) -> Self {
        Self::made(settings, recipe.map(|recipe| Generate::parse(recipe).unwrap())).await
    }

    /// A world with these settings and this library.
    pub(crate) async fn filled(settings: Settings, library: Generate) -> Self {
        Self::made(settings, Some(library)).await
    }

    async fn made(mut settings: Settings, library: Option<Generate>) -> Self {
        // Each answer takes time, even in virtual time, so that no two events happen at the same time.
        for region in &mut settings.regions {
            let storage = region.storage.iter_mut().map(|storage| &mut storage.limits.latency_ms);
            for latency in storage.chain([&mut region.media.latency_ms]) {
                *latency = (*latency).max(1);
            }
        }
        let mut builder = Emulator::builder().settings(settings);
        if let Some(library) = library {
            builder = builder.generate(library);
        }
        let emulator = builder.start_in_process().await.unwrap();
        let client = emulator.http_client();
        let ledger = Ledger::in_memory().unwrap();
        virtual_time::follow(&ledger);
        Self { config: config_of(&emulator), ledger, client, emulator }
    }

    /// Calls `hook` with every request before it is sent.
    pub(crate) fn intercept(
        &mut self,
        hook: impl Fn(&Request) -> Option<BoxFuture<'static, ()>> + Send + Sync + 'static,
    ) {
        self.client = Arc::new(Intercept { inner: self.emulator.http_client(), hook: Box::new(hook) });
    }

    /// Clients of both accounts, with their own lanes and counts.
    pub(crate) fn pair(&self) -> Arc<Pair> {
        Arc::new(connect(&self.config, Arc::clone(&self.client)).unwrap())
    }

    /// One run with the default options; all its events are kept.
    pub(crate) async fn sync(&self) -> (Summary, Arc<TestMonitor>) {
        self.sync_with(Options::default()).await
    }

    /// One run.
    pub(crate) async fn sync_with(&self, options: Options) -> (Summary, Arc<TestMonitor>) {
        let monitor = Arc::new(TestMonitor::default());
        let summary = self.try_sync(options, &monitor).await.unwrap();
        (summary, monitor)
    }

    /// One run that may fail.
    pub(crate) async fn try_sync(&self, options: Options, monitor: &Arc<TestMonitor>) -> Result<Summary, Error> {
        let monitor: Arc<TestMonitor> = Arc::clone(monitor);
        mirror(self.pair(), self.ledger.clone(), options, monitor, CancellationToken::new()).await
    }

    /// Compares both sides.
    pub(crate) async fn verify(&self) -> Verification {
        verify(&self.pair(), &self.ledger, &Options::default(), &TestMonitor::default()).await.unwrap()
    }

    /// The same with the ledger in that file.
    pub(crate) async fn verify_by(&self, ledger: &Path) -> Verification {
        let pair = self.pair();
        let (source, target) = (pair.source.library.account(), pair.target.library.account());
        let ledger =
            Ledger::open_read_only(ledger, source, target).unwrap().unwrap_or_else(|| Ledger::in_memory().unwrap());
        verify(&pair, &ledger, &Options::default(), &TestMonitor::default()).await.unwrap()
    }

    /// Blobs whose bytes are not the same on both sides, according to the emulator's stores.
    pub(crate) async fn torn_blobs(&self) -> Vec<String> {
        let pair = self.pair();
        let assets = pair.source.library.assets().try_concat().await.unwrap();
        let mut torn = Vec::new();
        for asset in assets {
            let copies = copies_of(&pair, &asset).await;
            let ([copy], Some(from)) = (copies.as_slice(), &asset.container) else { continue };
            let to = copy.container.clone().unwrap();
            for blob in pair.source.storage[0].list(from).try_concat().await.unwrap_or_default() {
                let bytes = |storage: &BlobAccount, container: &ContainerName| {
                    self.emulator.fingerprint(storage.name().as_str(), container.as_str(), &blob.name)
                };
                let (source, target) = (bytes(&pair.source.storage[0], from), bytes(&pair.target.storage[0], &to));
                if source.is_none() || source != target {
                    let there = if target.is_some() { "" } else { " (missing)" };
                    torn.push(format!("{}/{}{there}", asset.label(), blob.name));
                }
            }
        }
        torn
    }

    /// Makes an asset on the source with those blobs (1 KiB each) as files, the first `.ism` as the primary file, and
    /// one locator.
    pub(crate) async fn seed(&self, name: &str, blobs: &[&str]) -> Seeded {
        let pair = self.pair();
        let asset = seed_asset(&pair, name).await;
        for blob in blobs {
            put(&pair.source.storage[0], &asset, blob, vec![b'x'; 1024]).await;
        }
        let files: Vec<AssetFile> = blobs
            .iter()
            .filter(|blob| !blob.contains('/'))
            .map(|blob| AssetFile {
                asset: asset.id.clone(),
                name: (*blob).to_owned(),
                size: 1024,
                mime_type: Some(if blob.contains(".mp4") { "video/mp4" } else { "application/xml" }.to_owned()),
                primary: blobs.iter().find(|b| b.contains(".ism")) == Some(blob),
                encrypted: false,
            })
            .collect();
        let set = mediamirror::library::FileSet::new(asset.id.clone(), files);
        for result in pair.source.library.register_files(&[set]).await {
            result.unwrap();
        }
        let locator = self.publish(&pair, &asset, 24).await;
        Seeded { asset, locator }
    }

    /// Publishes an asset of the source for a number of hours, starting five minutes ago.
    pub(crate) async fn publish(&self, pair: &Pair, asset: &Asset, hours: i64) -> Locator {
        let start = mediamirror::clock::now() - jiff::SignedDuration::from_mins(5);
        let locator = Locator {
            id: LocatorId::new(uuid::Uuid::new_v4().to_string()),
            asset: asset.id.clone(),
            kind: mediamirror::model::LocatorKind::Streaming,
            name: Some("play".to_owned()),
            start: Some(start),
            expiry: start + jiff::SignedDuration::from_hours(hours),
            path: None,
            policy: None,
        };
        let made = pair.source.library.publish(&[locator]).await.remove(0).unwrap();
        // Read again, because the service stores times with less precision than in the answer to a creation.
        pair.source.library.locator(&made.id).await.unwrap().unwrap()
    }

    /// The number of the emulator's answers to that operation.
    pub(crate) fn count(&self, operation: &str) -> u64 {
        self.emulator.stats().requests.iter().filter(|row| row.operation == operation).map(|row| row.count).sum()
    }
}

/// An asset made by [`World::seed`].
pub(crate) struct Seeded {
    pub(crate) asset: Asset,
    pub(crate) locator: Locator,
}

/// An empty, unpublished asset on the source.
pub(crate) async fn seed_asset(pair: &Pair, name: &str) -> Asset {
    let wanted = NewAsset {
        name: Some(name.to_owned()),
        alternate_id: format!("seed {name}"),
        encryption: AssetEncryption::None,
        storage_account: None,
    };
    pair.source.library.create_asset(&wanted).await.unwrap()
}

/// Writes a blob of an asset.
pub(crate) async fn put(account: &BlobAccount, asset: &Asset, name: &str, bytes: Vec<u8>) {
    let at = BlobRef { container: asset.container.clone().unwrap(), name: name.to_owned() };
    let properties =
        BlobProperties { content_type: Some("application/octet-stream".to_owned()), ..BlobProperties::default() };
    account.put_blob(&at, bytes.into(), &properties).await.unwrap();
}

/// The emulator's answer.
pub(crate) async fn send(world: &World, request: Request) -> (u16, Vec<u8>) {
    let response = world.emulator.http_client().execute_request(&request).await.unwrap();
    let status = u16::from(response.status());
    (status, response.into_body().collect().await.unwrap().to_vec())
}

/// Sends a request to a region's media API as another tool, with a separate token and that version.
pub(crate) async fn ask_media(
    world: &World,
    region: usize,
    (method, version): (Method, &'static str),
    path: &str,
    body: String,
) -> (u16, Vec<u8>) {
    let region = &world.emulator.ready().regions[region];
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials").append_pair("client_id", &region.account);
    form.append_pair("client_secret", &region.account_key).append_pair("scope", "urn:WindowsAzureMediaServices");
    let mut ask = Request::new(region.token.parse().unwrap(), Method::Post);
    ask.insert_header("content-type", "application/x-www-form-urlencoded");
    ask.set_body(form.finish());
    let (_, token) = send(world, ask).await;
    let token: serde_json::Value = serde_json::from_slice(&token).unwrap();
    let url = format!("http://{}/api/{path}", region.cluster);
    let mut ask = Request::new(url.parse().unwrap(), method);
    ask.insert_header("authorization", format!("Bearer {}", token["access_token"].as_str().unwrap()));
    ask.insert_header("content-type", "application/json");
    ask.insert_header("accept", "application/json");
    ask.insert_header("x-ms-version", version);
    if !body.is_empty() {
        ask.set_body(body);
    }
    send(world, ask).await
}

/// A storage account's shared access signature with these permissions, `ss=…&srt=…&sp=…`.
pub(crate) fn account_signature(account: &str, key: &str, rights: &str, expiry: &str) -> String {
    let version = "2020-12-06";
    let right = |name: &str| {
        let mut rights = rights.split('&').filter_map(|right| right.split_once('='));
        rights.find(|right| right.0 == name).expect("the right is given").1
    };
    let (services, types, permissions) = (right("ss"), right("srt"), right("sp"));
    let text = format!("{account}\n{permissions}\n{services}\n{types}\n\n{expiry}\n\n\n{version}\n\n");
    let mut mac = Hmac::<Sha256>::new_from_slice(&BASE64.decode(key).unwrap()).unwrap();
    mac.update(text.as_bytes());
    let signature = BASE64.encode(mac.finalize().into_bytes());
    let signature: String = url::form_urlencoded::byte_serialize(signature.as_bytes()).collect();
    format!("sv={version}&{rights}&se={expiry}&sig={signature}")
}

/// A policy that only accepts those causes.
pub(crate) fn accepting(causes: &[Cause]) -> Policy {
    let accept = causes.iter().map(|&cause| Accept { cause, names: None, most: None });
    Policy { accept: accept.collect(), ..Policy::default() }
}

/// The assets of the target that are marked as copies of that one.
pub(crate) async fn copies_of(pair: &Pair, source: &Asset) -> Vec<Asset> {
    let prefix = Mark::prefix(pair.source.library.account(), &source.id);
    pair.target.library.assets_by_mark(&prefix).await.unwrap()
}

/// The mark of an incomplete copy of that asset from an earlier run.
pub(crate) fn mark_of(world: &World, source: &Asset) -> String {
    Mark::new(world.pair().source.library.account().clone(), source.id.clone(), source.alternate_id.clone()).text()
}

/// The asset of the target that is marked as a copy of that one.
pub(crate) async fn copy_of(world: &World, source: &Asset) -> Asset {
    let found = copies_of(&world.pair(), source).await;
    assert_eq!(found.len(), 1);
    found.into_iter().next().unwrap()
}

type Hook = Box<dyn Fn(&Request) -> Option<BoxFuture<'static, ()>> + Send + Sync>;

/// Calls a hook with every request before it is sent.
struct Intercept {
    inner: Arc<dyn HttpClient>,
    hook: Hook,
}

impl fmt::Debug for Intercept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Intercept")
    }
}

#[async_trait]
impl HttpClient for Intercept {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        if let Some(first) = (self.hook)(request) {
            first.await;
        }
        self.inner.execute_request(request).await
    }
}

/// A hook that does `action` once, at the first request that `when` accepts.
pub(crate) fn once(
    when: impl Fn(&Request) -> bool + Send + Sync + 'static,
    action: BoxFuture<'static, ()>,
) -> impl Fn(&Request) -> Option<BoxFuture<'static, ()>> + Send + Sync + 'static {
    let action = Mutex::new(Some(action));
    move |request| if when(request) { action.lock().unwrap().take() } else { None }
}

/// Does the request copy a blob?
pub(crate) fn is_blob_copy(request: &Request) -> bool {
    request.headers().iter().any(|(name, _)| name.as_str() == "x-ms-copy-source")
}
