//! The streaming host: `/<locator guid>/<file>` for every client with a locator, as long as it is valid and the
//! endpoint runs.
//!
//! Serves the files themselves, with ranges, and for a server manifest `name.ism` what players ask for:
//! `name.ism/manifest` (Smooth), `…/manifest(format=m3u8-aapl)` (HLS), `…/manifest(format=mpd-time-csf)` (DASH). What it
//! answers follows from the asset's content and its delivery policies alone, so that two regions with the same blobs and
//! policies answer the same bytes.

mod dash;
mod files;
mod hls;
pub(crate) mod plays;
mod protected;
mod server_manifest;
mod smooth;

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;

use self::server_manifest::ServerManifest;
use super::http::{Request, Response};
use super::media_v2::{Delivery, Protocol, PublishedLocator};
use super::mp4;
use super::storage::StorageError;
use super::storage_account::StorageAccount;
use super::world::World;
use crate::emulator::stats::Plane;

/// A manifest larger than this is none (the largest real client manifests, of day-long archives, are a few MiB).
const MANIFEST_LIMIT: u64 = 16 * 1024 * 1024;

/// Why a request is not served.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("The streaming endpoint is stopped.")]
    Stopped,
    #[error("Only GET, HEAD and OPTIONS are served.")]
    Method,
    #[error("The path is not /<locator id>/<file>.")]
    Path,
    #[error("There is no streaming locator {0}.")]
    NoLocator(String),
    #[error("The locator is not valid before {0}.")]
    NotYet(jiff::Timestamp),
    #[error("The locator expired at {0}.")]
    Expired(jiff::Timestamp),
    #[error("The {protocol} protocol is not allowed here: {reason}.", protocol = .0.name(), reason = .1)]
    Protected(Protocol, &'static str),
    #[error("The storage account {0} of the asset is not attached.")]
    NoStorage(String),
    #[error("Not found: {0}.")]
    NotFound(StorageError),
    #[error("The storage account failed: {0}.")]
    Storage(StorageError),
    #[error("The server manifest {name} cannot be used: {problem}.")]
    Manifest { name: String, problem: String },
    #[error("There is no presentation {0:?} here.")]
    Format(String),
    #[error("The range is outside the file of {0} bytes.")]
    Range(u64),
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::NoContainer(_) | StorageError::NoBlob(_) => Self::NotFound(error),
            other => Self::Storage(other),
        }
    }
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Stopped => StatusCode::SERVICE_UNAVAILABLE,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Path | Self::NoLocator(_) | Self::NotFound(_) | Self::NoStorage(_) | Self::Format(_) => {
                StatusCode::NOT_FOUND
            }
            Self::NotYet(_) | Self::Expired(_) | Self::Protected(..) => StatusCode::FORBIDDEN,
            Self::Storage(_) => StatusCode::BAD_GATEWAY,
            Self::Manifest { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Range(_) => StatusCode::RANGE_NOT_SATISFIABLE,
        }
    }

    fn response(&self) -> Response {
        let mut response = text("text/plain; charset=utf-8", format!("{self}\n"));
        *response.status_mut() = self.status();
        if let Self::Range(length) = self {
            let range = HeaderValue::from_str(&format!("bytes */{length}")).expect("digits are a header value");
            response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
        response
    }
}

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    /// Locator guid, lower case.
    guid: String,
    /// Blob name; of the `.ism` when something is asked of a server manifest.
    file: String,
    /// What is asked of the server manifest, such as `manifest(format=m3u8-aapl)`.
    presentation: Option<String>,
}

impl Target {
    fn of(path: &str) -> Option<Self> {
        let path = percent_decode_str(path).decode_utf8().ok()?;
        let (guid, file) = path.strip_prefix('/')?.split_once('/')?;
        if guid.is_empty() || file.is_empty() {
            return None;
        }
        // ASCII lower-casing keeps every byte in its place, so offsets hold in the name as it is written.
        let (file, presentation) = match file.to_ascii_lowercase().find(".ism/") {
            Some(at) => (&file[..at + 4], Some(file[at + 5..].to_owned())),
            None => (file, None),
        };
        Some(Self { guid: guid.to_ascii_lowercase(), file: file.to_owned(), presentation })
    }

    /// Folder of the file, with its slash.
    fn folder(&self) -> &str {
        self.file.rfind('/').map_or("", |at| &self.file[..=at])
    }

    /// The operation's name for the statistics.
    fn operation(&self) -> &'static str {
        match self.presentation.as_deref() {
            None => "GetFile",
            Some(asked) if asked.to_ascii_lowercase().starts_with("qualitylevels(") => "GetPlaylist",
            Some(asked) if protected::Media::of(asked).is_some() => "GetFile",
            Some(_) => "GetManifest",
        }
    }
}

/// An asset's content as the streaming host reads it.
struct Source<'a> {
    storage: &'a Arc<StorageAccount>,
    container: String,
    /// Folder of the server manifest, with its slash; what it names is beside it.
    folder: String,
    protocol: Protocol,
    delivery: Delivery,
    /// Delivery policies say which protocols are allowed, so that media has paths that name their protocol.
    restricted: bool,
}

impl Source<'_> {
    /// A whole small text beside the server manifest.
    async fn text(&self, name: &str) -> Result<String, StorageError> {
        let name = format!("{}{name}", self.folder);
        let (_, bytes) = self.storage.read_blob(&self.container, &name, 0, MANIFEST_LIMIT).await?;
        Ok(String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').to_owned())
    }

    /// The URL of a media file, relative to `…/name.ism/`.
    fn media_url(&self, name: &str) -> String {
        if self.restricted { protected::media_url(self.protocol, name) } else { format!("../{}", relative_url(name)) }
    }

    /// Where the parts of an MP4 beside the server manifest lie.
    async fn layout(&self, name: &str) -> Result<mp4::Layout, StorageError> {
        mp4::Layout::read(self.storage, &self.container, &format!("{}{name}", self.folder)).await
    }
}

/// The operation of a request, as the statistics name it.
pub(crate) fn operation_of(path: &str) -> &'static str {
    Target::of(path).as_ref().map_or("GetFile", Target::operation)
}

/// Answers one request to the streaming host of a region.
pub(crate) async fn serve(world: &Arc<World>, region: usize, request: Request) -> Response {
    let target = Target::of(request.uri().path());
    let operation = target.as_ref().map_or("GetFile", Target::operation);
    let head = request.method() == Method::HEAD;
    let answer = match *request.method() {
        Method::GET | Method::HEAD => present(world, region, target, request.headers(), head).await,
        Method::OPTIONS => Ok(preflight()),
        _ => Err(Refusal::Method),
    };
    let mut response = answer.unwrap_or_else(|refusal| refusal.response());
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Content-Length, Content-Range, Accept-Ranges"),
    );
    world.stats.count(&world.regions[region].settings.account, Plane::Streaming, operation, response.status().as_u16());
    response
}

async fn present(
    world: &Arc<World>,
    region: usize,
    target: Option<Target>,
    headers: &HeaderMap,
    head: bool,
) -> Result<Response, Refusal> {
    running(world, region)?;
    let target = target.ok_or(Refusal::Path)?;
    let (locator, storage) = locate(world, region, &target.guid)?;
    let Some(presentation) = &target.presentation else {
        allowed(&locator, Protocol::Progressive)?;
        return files::serve(storage, locator.container, target.file, headers, head, None).await;
    };
    if let Some(media) = protected::Media::of(presentation) {
        let delivery = allowed(&locator, media.protocol)?;
        let name = format!("{}{}", target.folder(), media.file);
        let cipher = protected::Cipher::of(&delivery);
        return files::serve(storage, locator.container, name, headers, head, cipher).await;
    }
    let (content_type, content) = manifest(storage, locator, &target, presentation).await?;
    Ok(text(content_type, content))
}

fn running(world: &World, region: usize) -> Result<(), Refusal> {
    if world.regions[region].media.endpoint_running() { Ok(()) } else { Err(Refusal::Stopped) }
}

/// The locator of a guid, if it is served now, and the storage account of its asset.
fn locate<'w>(
    world: &'w World,
    region: usize,
    guid: &str,
) -> Result<(PublishedLocator, &'w Arc<StorageAccount>), Refusal> {
    running(world, region)?;
    let locator = world.regions[region].media.published(guid).ok_or_else(|| Refusal::NoLocator(guid.to_owned()))?;
    in_time(&locator, world.clock.timestamp())?;
    match world.storage(&locator.storage_account) {
        Some(storage) => Ok((locator, storage)),
        None => Err(Refusal::NoStorage(locator.storage_account)),
    }
}

/// How an asset is delivered in a protocol, unless its delivery policies refuse that.
fn allowed(locator: &PublishedLocator, protocol: Protocol) -> Result<Delivery, Refusal> {
    match locator.protection.delivery(protocol) {
        Delivery::Refused(reason) => Err(Refusal::Protected(protocol, reason)),
        delivery => Ok(delivery),
    }
}

/// The manifest or playlist that is asked of a server manifest.
async fn manifest(
    storage: &Arc<StorageAccount>,
    locator: PublishedLocator,
    target: &Target,
    presentation: &str,
) -> Result<(&'static str, String), Refusal> {
    let asked = presentation.to_ascii_lowercase();
    let protocol = match asked.as_str() {
        "manifest" => Protocol::Smooth,
        "manifest(format=mpd-time-csf)" => Protocol::Dash,
        _ => Protocol::Hls,
    };
    let delivery = allowed(&locator, protocol)?;
    let restricted = !locator.protection.is_open();
    let folder = target.folder().to_owned();
    let source = Source { storage, container: locator.container, folder, protocol, delivery, restricted };
    let manifest = ServerManifest::parse(&source.text(&target.file[source.folder.len()..]).await?)
        .map_err(|problem| Refusal::Manifest { name: target.file.clone(), problem })?;
    Ok(match asked.as_str() {
        "manifest" => (smooth::CONTENT_TYPE, smooth::client_manifest(&source, &manifest).await?),
        "manifest(format=m3u8-aapl)" | "manifest(format=m3u8-aapl-v3)" => {
            (hls::CONTENT_TYPE, hls::master(&source, &manifest, &asked).await?)
        }
        "manifest(format=mpd-time-csf)" => (dash::CONTENT_TYPE, dash::description(&source, &manifest).await?),
        _ => match hls::playlist(&source, &manifest, &asked).await? {
            Some(playlist) => (hls::CONTENT_TYPE, playlist),
            None => return Err(Refusal::Format(presentation.to_owned())),
        },
    })
}

fn in_time(locator: &PublishedLocator, now: jiff::Timestamp) -> Result<(), Refusal> {
    if let Some(start) = locator.start.filter(|start| now < *start) {
        return Err(Refusal::NotYet(start));
    }
    if now >= locator.expiry {
        return Err(Refusal::Expired(locator.expiry));
    }
    Ok(())
}

fn text(content_type: &'static str, content: String) -> Response {
    let length = content.len();
    let mut response = Response::new(Body::from(content));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// What a browser asks before it sends a `Range` header to another origin.
fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    response
}

/// A blob name as a relative URL reference: everything but unreserved characters encoded, slashes kept.
fn relative_url(name: &str) -> String {
    let mut url = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => url.push(char::from(byte)),
            other => write!(url, "%{other:02X}").expect("writing to a string never fails"),
        }
    }
    url
}

#[cfg(test)]
mod tests;
