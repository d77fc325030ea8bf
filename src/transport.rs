//! The only access to the network: `azure_core`'s `HttpClient` with our own reqwest client.
//!
//! It follows no redirects, sends requests only to configured hosts, uses https (TLS 1.2 or later) except for loopback
//! and a link-local identity service, has a timeout for each kind of call, limits the size of answers, and decompresses
//! nothing.

mod headers;
mod refusal;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::{Error as SdkError, ErrorKind};
use azure_core::http::headers::Headers;
use azure_core::http::request::Body;
use azure_core::http::{AsyncRawResponse, AsyncResponseBody, HttpClient, Method, Request};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use rustls::pki_types::CertificateDer;
use url::Url;

pub use crate::config::{is_link_local, is_loopback};
use crate::memory::{self, Memory, Share};

/// The user agent, if the SDK does not set it.
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
/// TCP and TLS handshake (the SDK's own client waits as long).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// First byte of an ordinary answer (the SDK's own client waits as long).
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// First byte of a synchronous copy's answer, which comes when the copy is done: azcopy's time per try.
pub const COPY_TIMEOUT: Duration = Duration::from_mins(15);
/// Between two pieces of a body.
const BODY_TIMEOUT: Duration = Duration::from_mins(1);
/// A whole body, even if it is steadily received: the largest page, nearly 20 MB, takes this long at 70 kB/s.
const BODY_DEADLINE: Duration = Duration::from_mins(5);
/// The largest page of 5,000 blobs with every field is nearly 20 MB. (With a lot of metadata it is larger; then it is
/// requested as smaller pages.)
const BODY_CAP: usize = 24 << 20;
/// Ten seconds of video at 200 Mbit/s, far above what is streamed.
const SEGMENT_CAP: usize = 256 << 20;
/// Only a browser's preflight request has this header. It is sent as OPTIONS, which the SDK does not have.
const PREFLIGHT: &str = "access-control-request-method";
/// The longest name of an encoding in a message; the registered names are shorter.
const LONGEST_WORD: usize = 20;

pub(crate) use refusal::parse_retry_after;

/// The hosts that may be reached, with their ports. Shared, because the cluster of a service is known only after a
/// request.
#[derive(Debug, Clone, Default)]
pub struct AllowedHosts(Arc<RwLock<BTreeSet<(String, u16)>>>);

impl AllowedHosts {
    /// Adds the host of a URL.
    pub fn allow(&self, url: &Url) {
        let (host, port) = place(url);
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert((host.to_owned(), port));
    }

    /// Is a request to that URL allowed?
    pub fn permits(&self, url: &Url) -> bool {
        let secure = url.scheme() == "https" || is_loopback(url) || is_link_local(url);
        let asked = place(url);
        // There are only a few hosts: comparing each is cheaper than making a key for a look-up.
        secure
            && self
                .0
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .any(|(host, port)| (host.as_str(), *port) == asked)
    }
}

/// Host and port of a URL. Port 0 is never used.
fn place(url: &Url) -> (&str, u16) {
    (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// `host:port` of a URL, always with the port.
pub fn authority(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// Wraps `inner` (the network, or an emulator in the same process) with the allow-list, the timeouts and the body cap. All clients with the
/// same `memory` share its limits.
pub fn guarded(inner: Arc<dyn HttpClient>, hosts: AllowedHosts, memory: &Memory) -> Arc<dyn HttpClient> {
    Arc::new(Guarded { inner, hosts, memory: Some(memory.clone()) })
}

/// The same for a client that sends the requests of viewers. It reads segments of all usual sizes, so bodies must not
/// be kept.
pub fn guarded_for_viewers(inner: Arc<dyn HttpClient>, hosts: AllowedHosts) -> Arc<dyn HttpClient> {
    Arc::new(Guarded { inner, hosts, memory: None })
}

/// A client for the network that trusts only the system's authorities.
///
/// # Errors
/// The TLS library cannot be set up (no system roots).
pub fn network() -> Result<Arc<dyn HttpClient>, String> {
    network_trusting(&[])
}

/// A client for the network that trusts these authorities in addition to the system's.
///
/// It uses TLS 1.2 and 1.3; rustls has no older versions, so a service with only these cannot be reached.
///
/// # Errors
/// The TLS library cannot be set up (no system roots, or an invalid certificate).
pub fn network_trusting(roots: &[CertificateDer<'static>]) -> Result<Arc<dyn HttpClient>, String> {
    // If another library has already installed a provider, that one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots: Result<Vec<_>, _> = roots.iter().map(|root| reqwest::Certificate::from_der(root)).collect();
    let roots = roots.map_err(|error| error.to_string())?;
    let client = |builder: reqwest::ClientBuilder| builder.build().map_err(|error| error.to_string());
    Ok(Arc::new(Network { client: client(builder(roots.clone()))?, direct: client(builder(roots).no_proxy())? }))
}

/// The common settings of all our connections.
fn builder(roots: Vec<reqwest::Certificate>) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .tls_certs_merge(roots)
        .redirect(reqwest::redirect::Policy::none())
        // Only our own retries decide what may be sent twice; and this would copy every request for a retry.
        .retry(reqwest::retry::never().max_retries_per_request(0))
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .user_agent(USER_AGENT)
        .pool_max_idle_per_host(usize::MAX)
}

/// The network.
#[derive(Debug)]
struct Network {
    client: reqwest::Client,
    /// Without a proxy: for the identity service of this machine, which a proxy cannot reach and whose answers it must
    /// not see.
    direct: reqwest::Client,
}

#[async_trait]
impl HttpClient for Network {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let method = if request.headers().iter().any(|(name, _)| name.as_str() == PREFLIGHT) {
            reqwest::Method::OPTIONS
        } else {
            reqwest::Method::from_bytes(request.method().as_ref().as_bytes())
                .map_err(|error| SdkError::new(ErrorKind::Other, error))?
        };
        // Not with the builder, which is moved and checked again for every header.
        let mut sent = reqwest::Request::new(method, request.url().clone());
        *sent.headers_mut() = headers::to_send(request)?;
        match request.body().clone() {
            Body::Bytes(bytes) => *sent.body_mut() = Some(bytes.into()),
            Body::SeekableStream(stream) => *sent.body_mut() = Some(reqwest::Body::wrap_stream(stream)),
        }
        // `without_url`: the URL may carry a signature, and the subject of the call is named by the caller.
        let client = if is_to_own_identity_service(request) { &self.direct } else { &self.client };
        let response = client.execute(sent).await.map_err(|error| {
            let kind = if error.is_connect() { ErrorKind::Connection } else { ErrorKind::Io };
            SdkError::new(kind, error.without_url())
        })?;
        let status = response.status().as_u16().into();
        let headers = headers::received(response.headers());
        // For example a copy's answer: there is nothing to read.
        if response.content_length() == Some(0) {
            return Ok(AsyncRawResponse::from_bytes(status, headers, Bytes::new()));
        }
        let body = response.bytes_stream().map_err(|error| SdkError::new(ErrorKind::Io, error.without_url()));
        Ok(AsyncRawResponse::new(status, headers, Box::pin(body)))
    }
}

/// The headers of requests to the identity service of this machine.
const OF_IDENTITY_SERVICES: &[&str] = &["metadata", "x-identity-header"];

/// Is this a request to the identity service of the machine or container that this runs on?
fn is_to_own_identity_service(request: &Request) -> bool {
    let url = request.url();
    let marked = || request.headers().iter().any(|(name, _)| OF_IDENTITY_SERVICES.contains(&name.as_str()));
    is_link_local(url) || (is_loopback(url) && marked())
}

/// A client with the rules of this module.
#[derive(Debug)]
struct Guarded {
    inner: Arc<dyn HttpClient>,
    hosts: AllowedHosts,
    /// The limits that all answers share; `None`: each body is limited separately, and read without being kept.
    memory: Option<Memory>,
}

#[async_trait]
impl HttpClient for Guarded {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        if !self.hosts.permits(request.url()) {
            return Err(SdkError::new(ErrorKind::Other, ForeignHost(authority(request.url()))));
        }
        let limit = if is_copy(request) { COPY_TIMEOUT } else { ANSWER_TIMEOUT };
        let answer = tokio::time::timeout(limit, self.inner.execute_request(request))
            .await
            .map_err(|_| SdkError::new(ErrorKind::Io, TimedOut(limit)))??;
        let (status, headers, body) = answer.deconstruct();
        match compression(request, &headers) {
            None => Ok(AsyncRawResponse::new(
                status,
                headers,
                Box::pin(bounded(body, self.memory.as_ref().map(Memory::share))),
            )),
            Some(how) if status.is_success() => Err(SdkError::with_message(
                ErrorKind::DataConversion,
                format!("it is compressed ({how}), which the request does not allow"),
            )),
            // The status is enough; the text cannot be read.
            Some(_) => Ok(AsyncRawResponse::from_bytes(status, headers, Bytes::new())),
        }
    }
}

/// The compression of an answer, although no request accepts one. Nothing is decompressed here, because a few bytes can
/// become any number of bytes. (For a HEAD request, the header describes the stored content.)
fn compression(request: &Request, headers: &Headers) -> Option<String> {
    let encoding = headers.iter().find(|(name, _)| name.as_str() == "content-encoding")?.1.as_str();
    let whole = request.method() == Method::Head || encoding.is_empty() || encoding.eq_ignore_ascii_case("identity");
    (!whole).then(|| encoding.chars().take(LONGEST_WORD).collect())
}

/// Is this a copy whose answer may take long? (An asynchronous copy is answered immediately; a longer timeout does no
/// harm.)
fn is_copy(request: &Request) -> bool {
    request.headers().iter().any(|(name, _)| name.as_str() == "x-ms-copy-source")
}

/// The body with limits for the time between pieces, the total time and the size.
fn bounded(
    body: AsyncResponseBody,
    share: Option<Share>,
) -> impl futures::Stream<Item = azure_core::Result<Bytes>> + Send {
    let deadline = tokio::time::Instant::now() + BODY_DEADLINE;
    let cap = if share.is_some() { BODY_CAP } else { SEGMENT_CAP };
    let state = (body, share, 0_usize);
    futures::stream::try_unfold(state, move |(mut body, mut share, seen)| async move {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        let limit = if left < BODY_TIMEOUT { BODY_DEADLINE } else { BODY_TIMEOUT };
        let next = tokio::time::timeout(BODY_TIMEOUT.min(left), body.next())
            .await
            .map_err(|_| SdkError::new(ErrorKind::Io, TimedOut(limit)))?;
        let Some(piece) = next.transpose()? else {
            if let Some(share) = share {
                memory::keep(share);
            }
            return Ok(None);
        };
        let seen = seen + piece.len();
        if seen > cap {
            return Err(SdkError::new(ErrorKind::DataConversion, TooLarge(cap)));
        }
        if let Some(share) = &mut share {
            // Other answers may be using the memory.
            tokio::time::timeout(left, share.grow(piece.len()))
                .await
                .map_err(|_| SdkError::new(ErrorKind::Io, TimedOut(BODY_DEADLINE)))?;
        }
        Ok(Some((piece, (body, share, seen))))
    })
}

/// Reads a body to its end, into one buffer of exactly its size. (The SDK's own function doubles its buffer while it
/// grows.)
pub(crate) async fn collect(mut body: AsyncResponseBody) -> azure_core::Result<Bytes> {
    let mut pieces = Vec::new();
    while let Some(piece) = body.try_next().await? {
        pieces.push(piece);
    }
    Ok(match &mut pieces[..] {
        [only] => std::mem::take(only),
        _ => pieces.concat().into(),
    })
}

/// Marker inside an SDK error: an answer with too many bytes.
#[derive(Debug, thiserror::Error)]
#[error("the answer has more than {0} bytes")]
struct TooLarge(usize);

/// Marker inside an SDK error: no answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {0:?}")]
struct TimedOut(Duration);

/// Marker inside an SDK error: a host that is not configured.
#[derive(Debug)]
struct ForeignHost(String);

impl fmt::Display for ForeignHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host {} is not configured", self.0)
    }
}

impl std::error::Error for ForeignHost {}

/// The time limit that was hit, if the error is that.
fn timed_out(error: &SdkError) -> Option<Duration> {
    find::<TimedOut>(error).map(|found| found.0)
}

/// The size that was exceeded, if the error is that.
fn too_large(error: &SdkError) -> Option<usize> {
    find::<TooLarge>(error).map(|found| found.0)
}

/// The host that was refused, if the error is that.
fn foreign_host(error: &SdkError) -> Option<String> {
    find::<ForeignHost>(error).map(|found| found.0.clone())
}

fn find<'a, E: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref::<E>())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::failure::Failure;

    /// Answers every request and counts it.
    #[derive(Debug, Default)]
    struct Counting(AtomicU32);

    #[async_trait]
    impl HttpClient for Counting {
        async fn execute_request(&self, _: &Request) -> azure_core::Result<AsyncRawResponse> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(AsyncRawResponse::from_bytes(200.into(), Headers::new(), Bytes::new()))
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_to_other_hosts_or_over_plain_http() {
        let (inner, hosts) = (Arc::new(Counting::default()), AllowedHosts::default());
        for allowed in ["https://media.example/api/", "http://plain.example/", "http://127.0.0.1:5001/"] {
            hosts.allow(&Url::parse(allowed).unwrap());
        }
        let client = guarded(Arc::<Counting>::clone(&inner), hosts, &Memory::default());
        let ask = async |url: &str| client.execute_request(&Request::new(Url::parse(url).unwrap(), Method::Get)).await;
        for url in ["https://media.example/other", "http://127.0.0.1:5001/x"] {
            ask(url).await.unwrap();
        }
        assert_eq!(inner.0.swap(0, Ordering::Relaxed), 2);
        for url in [
            "https://media.example:8443/",
            "https://media.example.evil.example/",
            "https://example/",
            "https://media.example@evil.example/",
            "http://media.example/",
            "http://media.example:443/",
            "http://plain.example/",
            "http://127.0.0.1:5002/",
        ] {
            let failure = Failure::from(ask(url).await.unwrap_err());
            assert!(matches!(failure, Failure::ForeignHost(_)), "{url}: {failure}");
        }
        assert_eq!(inner.0.load(Ordering::Relaxed), 0);
    }
}
