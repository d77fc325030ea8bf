//! The Media Services v2 plane: tokens, front door and the REST API of an account, written from the API's documents
//! and wire captures. Where a capture contradicts a document, the capture is believed.
//!
//! JSON is spoken in its verbose and light forms; Atom is not.

mod answer;
mod assets;
mod batch;
mod call;
mod dates;
mod delivery;
mod endpoints;
mod errors;
mod files;
mod front;
mod input;
mod jobs;
mod limits;
mod links;
mod locators;
mod look;
mod multipart;
mod operator;
mod policies;
mod protection;
mod query;
mod read;
mod render;
mod schema;
mod service;
mod store;
mod task_body;
#[cfg(test)]
mod tests;
mod tokens;
mod value;
mod write;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;

use self::answer::Answer;
use self::call::{Call, Verb};
use self::dates::Moment;
pub(crate) use self::delivery::{ContentKey, Delivery, Protection, Protocol};
use self::endpoints::Endpoints;
use self::errors::ApiError;
use self::limits::Throttle;
pub use self::locators::NewLocator;
pub use self::look::{AssetLook, FileLook, LocatorLook};
pub use self::operator::{Operator, OperatorError};
use self::render::Format;
use self::schema::LOCATORS;
use self::service::{Service, Transaction};
use self::store::State;
use super::faults::plan::Pretence;
use super::http::{Request, Response, http_date};
use super::settings::RegionSettings;
use super::stats::Plane;
use super::storage::StorageError;
use super::world::World;

/// What one media account holds.
#[derive(Debug)]
pub(crate) struct MediaAccount {
    key: String,
    state: Mutex<State>,
    endpoints: Endpoints,
    throttle: Throttle,
    /// Single changes share it; a changeset holds it exclusively, so that no other request sees or disturbs an
    /// intermediate state.
    changes: tokio::sync::RwLock<()>,
}

/// A streaming locator as the streaming host sees it.
#[derive(Debug, Clone)]
pub(crate) struct PublishedLocator {
    /// Storage account that holds the asset.
    pub(crate) storage_account: String,
    /// The asset's container.
    pub(crate) container: String,
    /// Not served before; `None` = at once.
    pub(crate) start: Option<jiff::Timestamp>,
    /// Not served after.
    pub(crate) expiry: jiff::Timestamp,
    /// How its asset may be delivered.
    pub(crate) protection: Protection,
}

/// What a fault plan has in mind for the token that is asked for: seconds it lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenLife(pub(crate) u64);

/// What an account held at some time, for reads that lag behind.
#[derive(Debug, Clone)]
pub(crate) struct Past(Arc<State>);

/// What the library loader says of an asset.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeedAsset {
    pub(crate) name: Option<String>,
    pub(crate) alternate_id: Option<String>,
    /// 0 none, 1 storage-encrypted, 2 common, 4 envelope.
    pub(crate) options: i32,
    /// Fixed guid, so that the same seed makes the same library.
    pub(crate) guid: Option<String>,
}

impl MediaAccount {
    /// An empty account. `key` is the account key in base64.
    pub(crate) fn new(settings: &RegionSettings, key: String) -> Self {
        let mut state = State::new();
        let endpoints = Endpoints::furnish(settings, &mut state);
        Self {
            key,
            state: Mutex::new(state),
            endpoints,
            throttle: Throttle::new(settings.media.requests_per_second),
            changes: tokio::sync::RwLock::new(()),
        }
    }

    /// The account key in base64.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no operation panics while it holds the tables")
    }

    /// What it holds now.
    pub(crate) fn snapshot(&self) -> Past {
        Past(Arc::new(self.lock().clone()))
    }

    /// The on-demand locator of that guid (lower case, no prefix), whether it is valid at present or not.
    pub(crate) fn published(&self, guid: &str) -> Option<PublishedLocator> {
        let state = self.lock();
        let locator = state.get(&LOCATORS, &LOCATORS.id_of(guid))?;
        if locator.int("Type") != locators::ON_DEMAND {
            return None;
        }
        let asset = state.get(&schema::ASSETS, locator.text("AssetId"))?;
        let (storage_account, container) = assets::place(asset);
        Some(PublishedLocator {
            storage_account,
            container,
            start: locator.date("StartTime").map(Moment::timestamp),
            expiry: locator.date("ExpirationDateTime")?.timestamp(),
            protection: Protection::of(&state, asset.key()),
        })
    }

    /// Is the default streaming endpoint running?
    pub(crate) fn endpoint_running(&self) -> bool {
        let mut state = self.lock();
        self.endpoints.settle(&mut state);
        Endpoints::running(&state)
    }

    /// Makes an asset (with its container) for the library loader and returns (asset id, container).
    pub(crate) async fn seed_asset(
        &self,
        world: &World,
        region: usize,
        asset: SeedAsset,
    ) -> Result<(String, String), StorageError> {
        assets::seed(Service { world, index: region }, asset).await
    }

    /// Makes the file records of an asset from its container, sets MIME types by name and the primary.
    pub(crate) async fn seed_files(
        &self,
        world: &World,
        region: usize,
        asset_id: &str,
        primary: Option<&str>,
    ) -> Result<(), StorageError> {
        files::seed(Service { world, index: region }, asset_id, primary).await
    }

    fn service<'w>(&self, world: &'w World, region: usize) -> Service<'w> {
        debug_assert!(std::ptr::eq(self, &raw const world.regions[region].media), "an account seeds itself");
        Service { world, index: region }
    }

    /// Publishes an asset for the library loader.
    pub(crate) fn seed_locator(&self, world: &World, region: usize, asset_id: &str, locator: &NewLocator) {
        if let Err(error) = locators::add(self.service(world, region), asset_id, locator) {
            tracing::warn!(asset_id, error = error.message, "the asset could not be published");
        }
    }

    /// Links a content key of that type and guid to an asset of a library.
    pub(crate) fn seed_key(&self, world: &World, region: usize, asset_id: &str, (key_type, guid): (i32, &str)) {
        if let Err(error) = links::add_key(self.service(world, region), asset_id, key_type, guid) {
            tracing::warn!(asset_id, error = error.message, "the asset could not be given a content key");
        }
    }

    /// Links a delivery policy of that type, protocols and guid to an asset of a library; its content key comes first.
    pub(crate) fn seed_policy(&self, world: &World, region: usize, asset_id: &str, policy: (i32, i32, &str)) {
        let (policy_type, protocols, guid) = policy;
        let service = self.service(world, region);
        if let Err(error) = links::add_policy(service, asset_id, (policy_type, protocols), guid) {
            tracing::warn!(asset_id, error = error.message, "the asset could not be given a delivery policy");
        }
    }

    /// The guids of all streaming locators, expired ones included.
    pub(crate) fn streaming_guids(&self) -> Vec<String> {
        look::streaming_guids(&self.lock())
    }

    /// Removes the container of an asset behind the service's back (an awkward asset).
    pub(crate) async fn seed_lose_container(&self, world: &World, region: usize, asset_id: &str) {
        let service = Service { world, index: region };
        let place = self.lock().get(&schema::ASSETS, asset_id).map(assets::place);
        if let Some((storage, container)) = place
            && let Ok(account) = service.storage(&storage)
            && let Err(error) = account.delete_container(&container).await
        {
            tracing::warn!(%error, asset_id, "the container could not be lost");
        }
    }
}

/// The bytes of a key; one that is not base64 counts as it stands.
fn account_key(key: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(key).unwrap_or_else(|_| key.as_bytes().to_vec())
}

/// Bodies are a job with its presets or a batch of a thousand operations at most.
const LONGEST_BODY: usize = 16 * 1024 * 1024;

/// Answers one request to the cluster of a region.
pub(crate) async fn serve(world: &Arc<World>, region: usize, request: Request) -> Response {
    let service = Service { world, index: region };
    let _running = world.stats.begin();
    let head = request.method() == axum::http::Method::HEAD;
    // The documented limit of a client request id.
    let echo = ["x-ms-client-request-id", "client-request-id"]
        .iter()
        .find_map(|name| request.headers().get(*name)?.to_str().ok().map(str::to_owned))
        .filter(|id| id.len() <= 2096);
    let format = call::reply_format(request.headers()).unwrap_or(Format::Light);
    let latency = service.settings().latency_ms;
    if latency > 0 {
        tokio::time::sleep(Duration::from_millis(latency)).await;
    }
    let (operation, outcome) = handle(world, region, request).await;
    let answer = outcome.unwrap_or_else(|error| Answer::refusal(format, &error));
    world.stats.count(&service.region().settings.account, Plane::Media, operation, answer.status);
    let mut response = answer.into_response(echo.as_deref(), head);
    // By the clock that a plan of faults can put wrong.
    let seconds = world.clock.unix_millis().div_euclid(1000);
    let date = http_date(u32::try_from(seconds).unwrap_or_default());
    response.headers_mut().insert("date", axum::http::HeaderValue::try_from(date).expect("a date is ASCII"));
    response
}

async fn handle(world: &Arc<World>, region: usize, request: Request) -> (&'static str, Result<Answer, ApiError>) {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LONGEST_BODY).await;
    let prepared = (|| {
        let body = body.map_err(|_| ApiError::new(413, "The request body is too large."))?;
        let query = call::options(parts.uri.query().unwrap_or_default());
        let verb = Verb::of(parts.method.as_str(), &parts.headers)?;
        let path = call::segments(parts.uri.path())?;
        let version = call::version(&parts.headers, &query);
        let reply = call::reply_format(&parts.headers);
        let call = Call {
            verb,
            path,
            query,
            version: *version.as_ref().unwrap_or(&0),
            reply: *reply.as_ref().unwrap_or(&Format::Light),
            body: body.to_vec(),
            pretended: parts.extensions.get::<Pretence>().is_some(),
        };
        Ok((call, version, reply))
    })();
    let (call, version, reply) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return ("Unknown", Err(error)),
    };
    let batch = call.verb == Verb::Post && matches!(call.path.as_slice(), [only] if only.name == "$batch");
    let operation = if batch { "Batch" } else { write::operation(&call) };
    let service = Service { world, index: region };
    let account = &service.region().media;
    let authorization = parts.headers.get("authorization").and_then(|v| v.to_str().ok());
    let admitted = account.throttle.admit().and_then(|()| {
        if tokens::admits(world, region, authorization) {
            version.and(reply).map(|_| ())
        } else {
            Err(ApiError::new(401, "Unauthorized: the token is missing, invalid or expired."))
        }
    });
    if let Err(refused) = admitted {
        return (operation, Err(refused));
    }
    account.endpoints.settle(&mut account.lock());
    endpoints::name_host(service);
    let outcome = if batch {
        batch::serve(world, region, &parts.headers, &call).await
    } else {
        execute(world, region, &call, parts.extensions.get()).await
    };
    (operation, outcome)
}

/// The operation of a request, as the statistics name it.
pub(crate) fn operation_of(parts: &axum::http::request::Parts) -> &'static str {
    let query = call::options(parts.uri.query().unwrap_or_default());
    let (Ok(verb), Ok(path)) = (Verb::of(parts.method.as_str(), &parts.headers), call::segments(parts.uri.path()))
    else {
        return "Unknown";
    };
    if verb == Verb::Post && matches!(path.as_slice(), [only] if only.name == "$batch") {
        return "Batch";
    }
    let version = call::version(&parts.headers, &query).unwrap_or(0);
    write::operation(&Call { verb, path, query, version, reply: Format::Light, body: Vec::new(), pretended: false })
}

/// The operation of a request to the token service.
pub(crate) fn token_operation(path: &str) -> &'static str {
    tokens::operation(&path.to_ascii_lowercase())
}

/// Performs one call that is not part of a changeset.
async fn execute(world: &Arc<World>, region: usize, call: &Call, past: Option<&Past>) -> Result<Answer, ApiError> {
    let service = Service { world, index: region };
    if !write::changes(call) {
        jobs::settle(service);
        return match past {
            Some(past) => read::get(service, &past.0, call),
            None => read::get(service, &service.state(), call),
        };
    }
    let _shared = service.region().media.changes.read().await;
    let mut tx = Transaction::default();
    match write::perform(service, &mut tx, call).await {
        Ok(answer) => {
            service::end(world, region, tx, call.pretended).await;
            Ok(answer)
        }
        Err(error) => {
            tx.roll_back(service).await;
            Err(error)
        }
    }
}

/// Answers one request to the front door of a region: 301 to the cluster.
pub(crate) async fn front_door(world: &Arc<World>, region: usize, request: Request) -> Response {
    let _running = world.stats.begin();
    front::serve(world, region, request).await
}

/// Answers one request to the token service of a region (ACS and Entra).
pub(crate) async fn tokens(world: &Arc<World>, region: usize, request: Request) -> Response {
    let _running = world.stats.begin();
    tokens::serve(world, region, request).await
}
