//! Streaming hosts in front of both storage accounts: they serve the blobs to everyone, as a CDN does.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, HttpClient, Request};
use mediamirror::connect::{Pair, connect};
use mediamirror::model::{BlobRef, ContainerName};
use percent_encoding::percent_decode_str;

use crate::world::World;

pub(super) const WEST: &str = "https://west.example";
pub(super) const EAST: &str = "https://east.example";

/// Both hosts.
#[derive(Clone)]
pub(super) struct Window {
    /// Reads the blobs.
    pair: Arc<Pair>,
    inner: Arc<dyn HttpClient>,
    open: bool,
    cache_control: Option<&'static str>,
    /// Hosts whose answers the pages of other sites must not read.
    closed_to_pages: Vec<&'static str>,
    silent: Vec<&'static str>,
    origin_host: Option<&'static str>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Window")
    }
}

impl Window {
    /// Hosts that serve all blobs, with a time for caches.
    pub(super) fn of(world: &World) -> Self {
        Self { open: true, ..Self::plain(world) }
    }

    /// Only the hosts of the emulator.
    pub(super) fn plain(world: &World) -> Self {
        Self {
            pair: world.pair(),
            inner: world.emulator.http_client(),
            open: false,
            cache_control: Some("public, max-age=60"),
            closed_to_pages: Vec::new(),
            silent: Vec::new(),
            origin_host: None,
            asked: Arc::default(),
        }
    }

    pub(super) fn allow_pages(&mut self, host: &'static str, allowed: bool) {
        self.closed_to_pages.retain(|closed| *closed != host);
        if !allowed {
            self.closed_to_pages.push(host);
        }
    }

    pub(super) fn cache_for(&mut self, value: Option<&'static str>) {
        self.cache_control = value;
    }

    /// Removes the streaming hosts from the configuration.
    pub(super) fn close(&mut self) {
        self.open = false;
    }

    pub(super) fn unplug(&mut self, host: &'static str) {
        self.silent.push(host);
    }

    /// Sets the host name of the source's storage account.
    pub(super) fn stand_behind(&mut self, host: &'static str) {
        self.origin_host = Some(host);
    }

    /// All URLs that were requested with GET and without a range of two bytes.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The clients of both accounts, with these hosts as streaming hosts.
    pub(super) fn pair(&self, world: &World) -> Pair {
        let mut config = world.config.clone();
        if self.open {
            config.source.streaming_url = Some(WEST.parse().unwrap());
            config.target.streaming_url = Some(EAST.parse().unwrap());
        }
        let mut pair = connect(&config, Arc::new(self.clone())).unwrap();
        if let Some(host) = self.origin_host {
            pair.source.storage_urls = vec![format!("https://{host}/").parse().unwrap()];
        }
        pair
    }

    async fn answer(&self, host: &'static str, request: &Request) -> AsyncRawResponse {
        let header = |name: &str| {
            request
                .headers()
                .iter()
                .find(|(known, _)| known.as_str() == name)
                .map(|(_, value)| value.as_str().to_owned())
        };
        assert!(header("origin").is_some() && header("authorization").is_none(), "viewers have no credentials");
        let pages = !self.closed_to_pages.contains(&host);
        let mut headers = Headers::new();
        if pages {
            headers.insert("access-control-allow-origin", "*");
        }
        if header("access-control-request-method").is_some() {
            return AsyncRawResponse::from_bytes(if pages { 200 } else { 403 }.into(), headers, "");
        }
        let side = if host == WEST { &self.pair.source } else { &self.pair.target };
        let path = percent_decode_str(request.url().path()).decode_utf8().unwrap().into_owned();
        let (container, name) = path.trim_start_matches('/').split_once('/').unwrap();
        let blob = BlobRef { container: ContainerName::new(container), name: name.to_owned() };
        let Some(found) = side.storage[0].properties(&blob).await.unwrap() else {
            return AsyncRawResponse::from_bytes(404.into(), headers, "");
        };
        let content = side.storage[0].read_small(&blob, 1 << 20).await.unwrap().whole().unwrap().content;
        headers.insert("content-type", found.properties.content_type.unwrap_or_default());
        if let Some(value) = self.cache_control {
            headers.insert("cache-control", value);
        }
        let Some(range) = header("range") else {
            return AsyncRawResponse::from_bytes(200.into(), headers, content);
        };
        let (from, to) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
        let to = to.min(content.len() - 1);
        headers.insert("content-range", format!("bytes {from}-{to}/{}", content.len()));
        AsyncRawResponse::from_bytes(206.into(), headers, content.slice(from..=to))
    }
}

#[async_trait]
impl HttpClient for Window {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let Some(host) = [WEST, EAST].into_iter().find(|host| request.url().as_str().starts_with(host)) else {
            return self.inner.execute_request(request).await;
        };
        if self.silent.contains(&host) {
            return Err(Error::with_message(ErrorKind::Connection, "nothing answers"));
        }
        self.asked.lock().unwrap().push(request.url().to_string());
        Ok(self.answer(host, request).await)
    }
}
