//! Sends requests to a host like a viewer: without credentials, and any status is an answer.

use std::sync::Arc;

use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, HttpClient, Method, Request};
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::call::{Call, Caller};
use crate::error::{CallError, Failure};
use crate::redact::SafeUrl;
use crate::retry::Idempotency;
use crate::transport::{AllowedHosts, parse_retry_after};

/// The largest body that is read, in bytes: a segment of ten seconds has 30 MB at most.
const LARGEST: usize = 64 << 20;

/// A client without credentials, for the host of `streaming_url` and those that [`Self::allow`] adds.
#[derive(Debug)]
pub struct Viewer {
    client: Arc<dyn HttpClient>,
    hosts: AllowedHosts,
    caller: Caller,
}

/// A request of a viewer.
#[derive(Debug, Clone, Copy)]
pub struct ViewerRequest<'a> {
    /// The URL.
    pub url: &'a Url,
    /// Additional headers. With `access-control-request-method`, it is sent as OPTIONS.
    pub headers: &'a [(&'static str, String)],
    /// The most bytes of the body to keep. A longer body is not kept.
    pub keep: usize,
}

/// The answer of the host, read to its end.
#[derive(Debug, Clone)]
pub struct ViewerAnswer {
    /// HTTP status.
    pub status: u16,
    /// Name, in lower case, and value.
    pub headers: Vec<(String, String)>,
    /// Bytes of the body.
    pub length: u64,
    /// SHA-256 of the body.
    pub digest: [u8; 32],
    /// The body, unless it is longer than the limit.
    pub body: Option<Bytes>,
}

impl Viewer {
    pub(super) fn new(client: Arc<dyn HttpClient>, hosts: AllowedHosts, caller: Caller) -> Self {
        Self { client, hosts, caller }
    }

    /// Allows requests to the host of that URL, too: one from which viewers read according to the library's account.
    pub fn allow(&self, url: &Url) {
        self.hosts.allow(url);
    }

    /// The status of a request for a URL's head, sent once.
    pub(super) async fn head(&self, url: &Url) -> Result<u16, Failure> {
        let answer = self.client.execute_request(&Request::new(url.clone(), Method::Head)).await?;
        Ok(answer.status().into())
    }

    /// Sends the request, and retries as often as the retry policy allows. A status that persists is an answer, too,
    /// then without a body.
    ///
    /// # Errors
    /// No answer: the name is unknown, the connection or TLS fails, the time is over, or the body is compressed or too
    /// large.
    pub async fn ask(&self, request: ViewerRequest<'_>) -> Result<ViewerAnswer, CallError> {
        let shown = SafeUrl::new(request.url.clone());
        let call = Call {
            operation: "View",
            attempted: "read as a viewer",
            subject: &shown,
            idempotency: Idempotency::Repeatable,
            bytes: 0,
            source: None,
        };
        match self.caller.run(call, |_| self.attempt(request)).await {
            Err(CallError { failure: Failure::Refused { status, .. }, .. }) => Ok(ViewerAnswer::without_body(status)),
            other => other,
        }
    }

    async fn attempt(&self, asked: ViewerRequest<'_>) -> Result<ViewerAnswer, Failure> {
        let mut request = Request::new(asked.url.clone(), Method::Get);
        for (name, value) in asked.headers {
            request.insert_header(*name, value.clone());
        }
        let answer = self.client.execute_request(&request).await?;
        let status = u16::from(answer.status());
        // The statuses that the retry policy treats as a problem of the service; viewers get any other status.
        if matches!(status, 408 | 429 | 500 | 502 | 503 | 504) {
            return Err(Failure::Refused {
                status,
                code: None,
                message: String::new(),
                retry_after: value_of(answer.headers(), "retry-after").and_then(|text| parse_retry_after(&text)),
                source_refusal: None,
            });
        }
        // Nothing is read of a body that announces to be too large.
        let announced = value_of(answer.headers(), "content-length").and_then(|length| length.parse::<usize>().ok());
        match announced {
            Some(length) if length > LARGEST => Err(Failure::TooLarge(LARGEST)),
            _ => read(answer, asked.keep).await,
        }
    }
}

async fn read(answer: AsyncRawResponse, keep: usize) -> Result<ViewerAnswer, Failure> {
    let (status, headers, mut body) = answer.deconstruct();
    let (mut hash, mut length, mut kept) = (Sha256::new(), 0_u64, Some(BytesMut::new()));
    while let Some(piece) = body.try_next().await? {
        hash.update(&piece);
        length += piece.len() as u64;
        kept = kept.filter(|kept| kept.len() + piece.len() <= keep);
        if let Some(kept) = &mut kept {
            kept.extend_from_slice(&piece);
        }
    }
    let headers = headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_str().to_owned()));
    Ok(ViewerAnswer {
        status: status.into(),
        headers: headers.collect(),
        length,
        digest: hash.finalize().into(),
        body: kept.map(BytesMut::freeze),
    })
}

fn value_of(headers: &Headers, name: &str) -> Option<String> {
    headers.iter().find(|(known, _)| known.as_str() == name).map(|(_, value)| value.as_str().to_owned())
}

impl ViewerAnswer {
    fn without_body(status: u16) -> Self {
        Self { status, headers: Vec::new(), length: 0, digest: Sha256::digest([]).into(), body: Some(Bytes::new()) }
    }

    /// The value of a header; its name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::model::{AccountName, Plane};
    use crate::retry::RetryPolicy;
    use crate::throttle::{Lane, LaneLimits};
    use crate::transport::{guarded_for_viewers, network};

    /// Answers with one status after the other.
    #[derive(Debug)]
    struct Host(Mutex<Vec<u16>>);

    #[async_trait]
    impl HttpClient for Host {
        async fn execute_request(&self, _: &Request) -> azure_core::Result<AsyncRawResponse> {
            let status = self.0.lock().unwrap().pop().unwrap();
            Ok(AsyncRawResponse::from_bytes(status.into(), Headers::new(), Bytes::from_static(b"content")))
        }
    }

    fn viewer(client: Arc<dyn HttpClient>) -> Viewer {
        let hosts = AllowedHosts::default();
        let lane = Lane::new(AccountName::new("acct"), Plane::Viewer, LaneLimits::default());
        Viewer::new(guarded_for_viewers(client, hosts.clone()), hosts, Caller::new(lane, RetryPolicy::default()))
    }

    fn of(url: &Url, keep: usize) -> ViewerRequest<'_> {
        ViewerRequest { url, headers: &[], keep }
    }

    #[tokio::test(start_paused = true)]
    async fn errors_of_the_service_are_retried_and_a_status_that_persists_is_an_answer() {
        let url: Url = "https://a.example/x".parse().unwrap();
        for (statuses, expected) in
            [(vec![200, 503, 429], 200), (vec![404], 404), (vec![401], 401), (vec![503; 8], 503)]
        {
            let viewer = viewer(Arc::new(Host(Mutex::new(statuses))));
            viewer.allow(&url);
            assert_eq!(viewer.ask(of(&url, 0)).await.unwrap().status, expected);
        }
    }

    #[tokio::test]
    async fn a_body_is_hashed_and_kept_only_if_it_is_short() {
        let url: Url = "https://a.example/x".parse().unwrap();
        let viewer = viewer(Arc::new(Host(Mutex::new(vec![200, 200]))));
        viewer.allow(&url);
        let (long, short) = (viewer.ask(of(&url, 6)).await.unwrap(), viewer.ask(of(&url, 7)).await.unwrap());
        assert_eq!((long.length, long.body), (7, None));
        assert_eq!(short.body.as_deref(), Some(&b"content"[..]));
        assert_eq!((long.digest, short.digest), (Sha256::digest(b"content").into(), Sha256::digest(b"content").into()));
    }

    #[tokio::test]
    async fn a_host_that_was_not_allowed_gets_no_request() {
        let viewer = viewer(Arc::new(Host(Mutex::new(Vec::new()))));
        let error = viewer.ask(of(&"https://b.example/x".parse().unwrap(), 0)).await.unwrap_err();
        assert!(matches!(error.failure, Failure::ForeignHost(_)), "{error}");
    }

    #[tokio::test]
    async fn the_preflight_request_of_a_browser_is_sent_as_options() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}/x", listener.local_addr().unwrap()).parse().unwrap();
        let viewer = viewer(network().unwrap());
        viewer.allow(&url);
        let headers = [("access-control-request-method", "GET".to_owned())];
        let host = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        };
        let (request, answer) = tokio::join!(host, viewer.ask(ViewerRequest { url: &url, headers: &headers, keep: 0 }));
        assert!(request.starts_with("OPTIONS /x HTTP/1.1\r\n"), "{request}");
        assert!(!request.to_ascii_lowercase().contains("authorization"), "{request}");
        assert_eq!(answer.unwrap().status, 204);
    }
}
