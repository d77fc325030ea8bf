//! The emulator without sockets: an `HttpClient` of the official SDK that calls the services directly.
//!
//! No byte leaves the process and nothing waits for the operating system, so a paused tokio clock advances by itself
//! and a run of hours takes a moment.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use azure_core::error::{Error, ErrorKind, ResultExt};
use azure_core::http::headers::{HeaderName as SdkHeaderName, Headers};
use azure_core::http::{AsyncRawResponse, Body as SdkBody, HttpClient, Method as SdkMethod, Request as SdkRequest};
use futures::{StreamExt, TryStreamExt as _};
use hyper::body::Body as _;
use tokio_util::sync::CancellationToken;

use super::fault_injection::{self, Cut};
use super::http::{Request, Response};
use super::settings::Settings;
use super::world::{Route, World};

/// The first invented port. Ports below 1024 need privileges, so no process listens there by accident: a client with
/// the wrong transport fails to connect instead of reaching another service.
const FIRST_PORT: u16 = 1001;

/// An authority for each service; requested ports are kept.
pub(super) fn made_up_authorities(settings: &Settings) -> HashMap<Route, String> {
    let routes = Route::all(settings);
    let mut taken: HashSet<u16> = routes.iter().map(|(_, port)| *port).collect();
    let mut free = FIRST_PORT..;
    routes
        .into_iter()
        .map(|(route, asked)| {
            let port = match asked {
                0 => free.find(|port| taken.insert(*port)).expect("fewer services than ports"),
                asked => asked,
            };
            (route, format!("127.0.0.1:{port}"))
        })
        .collect()
}

/// A client that knows the emulator's authorities and no other.
#[derive(Debug)]
pub(super) struct InProcessClient {
    world: Arc<World>,
    stop: CancellationToken,
}

impl InProcessClient {
    pub(super) fn new(world: Arc<World>, stop: CancellationToken) -> Self {
        Self { world, stop }
    }

    fn route(&self, request: &SdkRequest) -> Result<(String, Route), Error> {
        let url = request.url();
        let authority =
            format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        match self.world.routes.get(&authority) {
            Some(route) if !self.stop.is_cancelled() => Ok((authority, *route)),
            _ => Err(Error::with_message(ErrorKind::Connection, format!("nothing answers at {authority}"))),
        }
    }
}

#[async_trait]
impl HttpClient for InProcessClient {
    async fn execute_request(&self, request: &SdkRequest) -> azure_core::Result<AsyncRawResponse> {
        let (authority, route) = self.route(request)?;
        let head = request.method() == SdkMethod::Head;
        let request = received(request, &authority).await?;
        let response = fault_injection::answer(&self.world, route, request).await;
        if response.extensions().get::<Cut>().is_some() {
            return Err(Error::with_message(ErrorKind::Io, "the connection was reset by a fault"));
        }
        Ok(answered(response, head))
    }
}

/// The request as a server would receive it.
async fn received(request: &SdkRequest, authority: &str) -> azure_core::Result<Request> {
    let body = match request.body().clone() {
        SdkBody::Bytes(bytes) => bytes,
        SdkBody::SeekableStream(mut stream) => {
            stream.reset().await?;
            let mut whole = bytes::BytesMut::new();
            while let Some(part) = stream.next().await {
                whole.extend_from_slice(&part?);
            }
            whole.freeze()
        }
    };
    // The SDK has no OPTIONS. A request with this header is one: browsers send it only with OPTIONS.
    let preflight = request.headers().iter().any(|(name, _)| name.as_str() == "access-control-request-method");
    let mut builder = axum::http::Request::builder()
        .method(if preflight { "OPTIONS" } else { request.method().as_str() })
        .uri(request.path_and_query())
        .header(header::HOST, authority);
    for (name, value) in request.headers().iter() {
        builder = builder.header(name.as_str(), value.as_str());
    }
    let writes = matches!(request.method(), SdkMethod::Put | SdkMethod::Post | SdkMethod::Patch);
    let length = body.len();
    let mut received = builder
        .body(Body::from(body))
        .with_context_fn(ErrorKind::DataConversion, || "a header or the path is not valid in HTTP".to_owned())?;
    if writes || length > 0 {
        received.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    Ok(received)
}

/// The answer as a client would see it on the wire.
fn answered(response: Response, head: bool) -> AsyncRawResponse {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact().filter(|_| parts.status.as_u16() != 204) {
        parts.headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    let mut headers = Headers::new();
    for (name, value) in &parts.headers {
        // A value that is not text is omitted, as in the SDK's own transport.
        if let Ok(value) = value.to_str() {
            headers.insert(SdkHeaderName::from(name.as_str().to_owned()), value.to_owned());
        }
    }
    let body = if head { Body::empty() } else { body };
    let stream = body
        .into_data_stream()
        .map_err(|error| Error::with_error(ErrorKind::Io, error, "the emulator broke off its answer"));
    AsyncRawResponse::new(parts.status.as_u16().into(), headers, Box::pin(stream))
}
