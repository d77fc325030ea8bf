//! Applies a fault.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use jiff::fmt::rfc2822::DateTimePrinter;

use super::cut::Cut;
use super::echo::echoed;
use super::{mangle, stale};
use crate::emulator::faults::plan::{Fault, Hang, Mangle, Redirect, Refuse, ResetAt, Slow, SourceFate, WrongLength};
use crate::emulator::faults::{Asked, Strike};
use crate::emulator::http::{Request, Response};
use crate::emulator::stats::Plane;
use crate::emulator::storage::{Content, NewBlob};
use crate::emulator::storage_account::StorageAccount;
use crate::emulator::world::{Route, World};
use crate::emulator::{media_v2, services};

/// How much of a head is sent before a connection is reset within it.
const HALF_A_HEAD: usize = 24;
/// The largest answer that can be changed; more than any page.
const LARGEST: usize = 256 << 20;

/// Answers a request with a fault.
pub(super) async fn inflict(
    world: &Arc<World>,
    route: Route,
    mut request: Request,
    asked: &Asked,
    strike: Strike,
) -> Response {
    match strike.fault {
        Fault::Refuse(refuse) => {
            drain(request).await;
            unserved(world, asked, refuse.status);
            refusal(world, asked.plane, &refuse)
        }
        Fault::Echo(echo) => {
            unserved(world, asked, echo.status);
            let code = echoed(echo.form, request).await;
            refusal(world, asked.plane, &Refuse::status(echo.status).code(&code).source(echo.status, &code))
        }
        Fault::Redirect(redirect) => {
            unserved(world, asked, redirect.status);
            redirection(&redirect, &request)
        }
        Fault::Reset(ResetAt::Before) => {
            unserved(world, asked, 0);
            cut(0)
        }
        Fault::Hang(Hang::Before) => {
            unserved(world, asked, 0);
            std::future::pending().await
        }
        Fault::Stale if matches!(route, Route::Blob(_)) => {
            let Route::Blob(region) = route else { unreachable!("it was just matched") };
            match stale::read(world, region, asked, request).await {
                Ok(response) => response,
                Err(request) => services::serve(world, route, request).await,
            }
        }
        Fault::Stale if matches!(route, Route::Cluster(_)) => {
            let Route::Cluster(region) = route else { unreachable!("it was just matched") };
            if let Some(past) = world.snapshots.library(region) {
                request.extensions_mut().insert(past);
            }
            services::serve(world, route, request).await
        }
        Fault::Mangle(Mangle::MarkerLoop) if matches!(route, Route::Cluster(_)) => {
            forget_skip(&mut request);
            let response = services::serve(world, route, request).await;
            mangle::spoil(response, Mangle::MarkerLoop).await
        }
        Fault::Copy(fate) => {
            request.extensions_mut().insert(fate);
            services::serve(world, route, request).await
        }
        Fault::Pretend(how) => {
            request.extensions_mut().insert(how);
            services::serve(world, route, request).await
        }
        Fault::ContainerDeleted => {
            delete_container(world, asked);
            services::serve(world, route, request).await
        }
        Fault::TokenLifetimeS(life) => {
            request.extensions_mut().insert(media_v2::TokenLife(life));
            services::serve(world, route, request).await
        }
        Fault::Source(fate) if copies(asked) => {
            let source = source_of(&request);
            if asked.operation == "CopyBlob" {
                let response = services::serve(world, route, request).await;
                strike_source(world, source, fate, strike.seed);
                return response;
            }
            strike_source(world, source, fate, strike.seed);
            services::serve(world, route, request).await
        }
        Fault::LateMs(wait) => {
            let response = services::serve(world, route, request).await;
            tokio::time::sleep(Duration::from_millis(wait)).await;
            response
        }
        after => {
            let response = services::serve(world, route, request).await;
            spoil(response, &after).await
        }
    }
}

/// Changes the answer of a service.
async fn spoil(response: Response, fault: &Fault) -> Response {
    match fault {
        Fault::LostAnswer => cut(0),
        Fault::Reset(ResetAt::Headers) => cut(HALF_A_HEAD),
        Fault::Hang(_) => std::future::pending().await,
        Fault::Reset(_) => {
            let (mut response, body) = taken(response).await;
            *response.body_mut() = broken_off(&body, body.len() / 2);
            response
        }
        Fault::Truncate(bytes) => {
            let (mut response, body) = taken(response).await;
            let bytes = usize::try_from(*bytes).unwrap_or(usize::MAX);
            *response.body_mut() = if bytes >= body.len() { Body::from(body) } else { broken_off(&body, bytes) };
            response
        }
        Fault::Slow(slow) => {
            let (mut response, body) = taken(response).await;
            *response.body_mut() = drip(body, *slow);
            response
        }
        Fault::ContentLength(wrong) => wrong_length(response, *wrong).await,
        Fault::Mangle(how) => mangle::spoil(response, *how).await,
        _ => response,
    }
}

/// Counts a request that its service never got.
fn unserved(world: &World, asked: &Asked, status: u16) {
    world.stats.count(&asked.account, asked.plane, asked.operation, status);
}

/// Reads a request to its end, so that the connection can be kept.
async fn drain(request: Request) {
    drop(to_bytes(request.into_body(), LARGEST).await);
}

/// An answer that is replaced by the end of the connection.
fn cut(after: usize) -> Response {
    let mut response = Response::new(Body::from(" ".repeat(HALF_A_HEAD)));
    response.extensions_mut().insert(Cut { after });
    response
}

/// The whole body, and the answer with its length in the head.
async fn taken(response: Response) -> (Response, Bytes) {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, LARGEST).await.unwrap_or_default();
    parts.headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(body.len()));
    (Response::from_parts(parts, Body::empty()), body)
}

fn broken_off(body: &Bytes, after: usize) -> Body {
    let first = Some(body.slice(..after.min(body.len()))).filter(|first| !first.is_empty());
    let end = stream::once(async {
        // Lets the server send what it has: with an immediate error, the head and first bytes would not be sent.
        tokio::task::yield_now().await;
        Err(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "cut off by a fault"))
    });
    Body::from_stream(stream::iter(first.map(Ok)).chain(end))
}

fn drip(body: Bytes, slow: Slow) -> Body {
    let step = usize::try_from(slow.bytes).unwrap_or(usize::MAX).max(1);
    let pieces = body.len().div_ceil(step);
    let piece = move |n: usize| body.slice(n * step..((n + 1) * step).min(body.len()));
    Body::from_stream(stream::iter(0..pieces).then(move |n| {
        let piece = piece(n);
        async move {
            tokio::time::sleep(Duration::from_millis(slow.every_ms)).await;
            Ok::<_, std::io::Error>(piece)
        }
    }))
}

async fn wrong_length(response: Response, wrong: WrongLength) -> Response {
    let (mut response, body) = taken(response).await;
    let said = match wrong {
        WrongLength::Longer => body.len() + 100,
        WrongLength::Shorter => body.len() / 2,
    };
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(said));
    *response.body_mut() = match wrong {
        WrongLength::Longer => broken_off(&body, body.len()),
        WrongLength::Shorter => Body::from(body.slice(..said)),
    };
    response
}

/// An error answer as its service writes it.
fn refusal(world: &World, plane: Plane, refuse: &Refuse) -> Response {
    let code = refuse.code.as_deref().unwrap_or_default();
    let text = if code.contains(' ') { code } else { "A fault that was asked for." };
    let (kind, body) = match plane {
        _ if code.is_empty() => ("text/plain", String::new()),
        Plane::Blob => (
            "application/xml",
            format!(
                "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{text}</Message></Error>"
            ),
        ),
        Plane::Token => {
            ("application/json", serde_json::json!({ "error": code, "error_description": text }).to_string())
        }
        Plane::Media | Plane::Streaming => {
            let message = serde_json::json!({ "lang": "en-US", "value": text });
            ("application/json", serde_json::json!({ "error": { "code": code, "message": message } }).to_string())
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(refuse.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut set = |name: &'static str, value: Option<String>| {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    };
    set("content-type", Some(kind.to_owned()));
    set("x-ms-error-code", refuse.code.clone());
    set("retry-after", refuse.retry_after.as_deref().map(|value| retry_after(world, value)));
    set("x-ms-copy-source-status-code", refuse.source_status.map(|status| status.to_string()));
    set("x-ms-copy-source-error-code", refuse.source_code.clone());
    response
}

/// `date+60` as an HTTP date; everything else unchanged.
fn retry_after(world: &World, value: &str) -> String {
    let Some(offset) = value.strip_prefix("date").and_then(|seconds| seconds.parse::<i64>().ok()) else {
        return value.to_owned();
    };
    let at = world.clock.timestamp().saturating_add(jiff::SignedDuration::from_secs(offset));
    at.ok().and_then(|at| DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()).unwrap_or_default()
}

/// A redirect that keeps path and query, as a server does that does not know their meaning.
fn redirection(redirect: &Redirect, request: &Request) -> Response {
    let rest = request.uri().path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
    let location = format!("{}{rest}", redirect.to.trim_end_matches('/'));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(redirect.status).unwrap_or(StatusCode::TEMPORARY_REDIRECT);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Changes the request so that it asks for the first page.
fn forget_skip(request: &mut Request) {
    let uri = request.uri().to_string();
    let Some(at) = uri.find("$skip=").map(|at| at + "$skip=".len()) else { return };
    let rest = uri[at..].trim_start_matches(|digit: char| digit.is_ascii_digit());
    if let Ok(first) = format!("{}0{rest}", &uri[..at]).parse() {
        *request.uri_mut() = first;
    }
}

/// Deletes the container of a request.
fn delete_container(world: &World, asked: &Asked) {
    let mut parts = asked.path.trim_start_matches('/').split('/');
    let (Some(account), Some(container)) = (parts.next(), parts.next()) else { return };
    let Some(StorageAccount::Internal(account)) = world.storage(account).map(|account| &**account) else { return };
    if let Err(error) = account.delete_container(container) {
        tracing::debug!(%error, "the container was not there to be deleted");
    }
}

/// Is it a copy from a URL?
fn copies(asked: &Asked) -> bool {
    matches!(asked.operation, "PutBlobFromUrl" | "PutBlockFromUrl" | "CopyBlob" | "CopyFromUrl")
}

/// Account, container and blob that a copy reads.
fn source_of(request: &Request) -> Option<(String, String, String)> {
    let url = url::Url::parse(request.headers().get("x-ms-copy-source")?.to_str().ok()?).ok()?;
    let path = percent_encoding::percent_decode_str(url.path()).decode_utf8().ok()?.into_owned();
    let mut parts = path.trim_start_matches('/').splitn(3, '/').map(str::to_owned);
    Some((parts.next()?, parts.next()?, parts.next()?))
}

/// Changes the source of a copy as another program might.
fn strike_source(world: &World, source: Option<(String, String, String)>, fate: SourceFate, seed: u64) {
    let Some((account, container, name)) = source else { return };
    let Some(StorageAccount::Internal(account)) = world.storage(&account).map(|account| &**account) else { return };
    let done = match fate {
        SourceFate::ContainerDeleted => account.delete_container(&container),
        SourceFate::Deleted => account.delete_blob(&container, &name),
        SourceFate::Changed => account.read_blob(&container, &name, 0, 0).and_then(|(blob, _)| {
            let changed = NewBlob {
                content: Content::Synthetic { seed, length: blob.length + 1 },
                content_type: blob.content_type,
                cache_control: None,
                metadata: std::collections::BTreeMap::new(),
                tags: std::collections::BTreeMap::new(),
            };
            account.put_blob(&container, &name, changed)
        }),
    };
    if let Err(error) = done {
        tracing::debug!(%error, "the source of a copy was not there to be struck");
    }
}
