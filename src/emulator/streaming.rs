//! The streaming host: `/<locator guid>/<file>` for every client with a locator, as long as it is valid and the
//! endpoint runs.
//!
//! Serves the files themselves, with ranges, and for a server manifest `name.ism` what players request:
//! `name.ism/manifest` (Smooth, with its fragments), `…/manifest(format=m3u8-aapl)` (HLS),
//! `…/manifest(format=mpd-time-csf)` (DASH). Its answers depend only on the asset's content and its delivery policies,
//! so that two regions with the same blobs and policies answer the same bytes.

mod dash;
mod files;
mod fragment_urls;
mod fragments;
mod hls;
mod locate;
mod manifests;
pub(crate) mod plays;
mod protected;
mod refusal;
mod server_manifest;
mod smooth;
mod source;
mod target;
mod urls;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use self::fragment_urls::Fragment;
use self::locate::{allowed, filtered, locate, running};
use self::manifests::manifest;
use self::protected::{Cipher, Media};
use self::refusal::Refusal;
use self::target::Target;
use super::http::{Request, Response};
use super::media_v2::Protocol;
use super::stats::Plane;
use super::world::World;

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
    let mut response = answer.unwrap_or_else(|refusal| refused(&refusal));
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
    if let Some(media) = Media::of(presentation) {
        let delivery = allowed(&locator, media.protocol)?;
        let name = format!("{}{}", target.folder(), media.file);
        let cipher = Cipher::of(&delivery);
        return files::serve(storage, locator.container, name, headers, head, cipher).await;
    }
    if let Some(fragment) = Fragment::of(presentation) {
        return fragments::serve(storage, locator, &target, &fragment, head).await;
    }
    filtered(&locator, &target)?;
    let (content_type, content) = manifest(storage, locator, &target, presentation).await?;
    Ok(text(content_type, content))
}

fn text(content_type: &'static str, content: String) -> Response {
    let length = content.len();
    let mut response = Response::new(Body::from(content));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// A refusal as a player sees it.
fn refused(refusal: &Refusal) -> Response {
    let mut response = text("text/plain; charset=utf-8", format!("{refusal}\n"));
    *response.status_mut() = refusal.status();
    if let Refusal::Range(length) = refusal {
        let range = HeaderValue::from_str(&format!("bytes */{length}")).expect("digits are a header value");
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    response
}

/// Answers the preflight of a browser that sends a `Range` header to another origin.
fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    response
}

#[cfg(test)]
mod tests;
