//! A storage account on an independent blob service (Azurite), reached over HTTP with its account key.
//!
//! It offers the media plane the same functions as the emulator's own accounts, so that a second implementation can
//! replace ours. The service has no synthetic content: such a blob is produced and uploaded, if it is small enough.

use axum::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::Mutex;

use self::page::Page;
use super::blob::content::synthetic_bytes;
use super::blob::policies::{self, MAX_POLICIES, Policy};
use super::blob::sas::SigningKey;
use super::blob::shared_key::sign_request;
use super::storage::{Content, NewBlob, StorageError, StoredBlob, StoredPolicy};

mod page;

/// The version of requests: it has tags, and every current service accepts it.
const VERSION: &str = "2021-12-02";
/// The largest synthetic blob that is worth producing for an upload.
const MAX_PRODUCED: u64 = 64 * 1024 * 1024;
/// The interval for checking a pending copy inside the account.
const COPY_POLL: std::time::Duration = std::time::Duration::from_millis(100);
const COPY_POLLS: u32 = 600;
/// The characters of a name that are encoded in a URL path; `/` separates folders.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// A storage account on an external blob service.
pub(crate) struct ExternalAccount {
    name: String,
    key: String,
    url: String,
    signing_key: SigningKey,
    client: Client<HttpConnector, Full<Bytes>>,
    /// An ACL is read, changed and written back; of two simultaneous changes, one would be lost.
    policies: Mutex<()>,
}

impl std::fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalAccount").field("name", &self.name).field("url", &self.url).finish_non_exhaustive()
    }
}

/// An answer read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn refusal(&self) -> StorageError {
        let code = self.header("x-ms-error-code").unwrap_or("no error code");
        StorageError::Backend(format!("{} {code}", self.status.as_u16()))
    }
}

fn backend(error: impl std::fmt::Display) -> StorageError {
    StorageError::Backend(error.to_string())
}

fn encode(name: &str) -> String {
    utf8_percent_encode(name, PATH).to_string()
}

impl ExternalAccount {
    /// An account at `url` (`http://host:port/account`, no trailing slash).
    pub(crate) fn new(name: &str, key_base64: &str, url: &str) -> Self {
        Self {
            name: name.to_owned(),
            key: key_base64.to_owned(),
            url: url.trim_end_matches('/').to_owned(),
            signing_key: SigningKey::from_base64(key_base64),
            client: Client::builder(TokioExecutor::new()).build_http(),
            policies: Mutex::new(()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) async fn create_container(&self, container: &str) -> Result<(), StorageError> {
        let answer = self.ask(Method::PUT, &format!("{container}?restype=container"), &[], Bytes::new()).await?;
        match answer.status {
            StatusCode::CREATED => Ok(()),
            StatusCode::CONFLICT if answer.header("x-ms-error-code") == Some("ContainerAlreadyExists") => {
                Err(StorageError::ContainerExists(container.to_owned()))
            }
            _ => Err(answer.refusal()),
        }
    }

    pub(crate) async fn delete_container(&self, container: &str) -> Result<(), StorageError> {
        let target = format!("{container}?restype=container");
        self.ask_container(container, Method::DELETE, &target, Bytes::new()).await.map(drop)
    }

    pub(crate) async fn container_exists(&self, container: &str) -> Result<bool, StorageError> {
        let target = format!("{container}?restype=container");
        match self.ask_container(container, Method::HEAD, &target, Bytes::new()).await {
            Ok(_) => Ok(true),
            Err(StorageError::NoContainer(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn list_blobs(&self, container: &str) -> Result<Vec<StoredBlob>, StorageError> {
        let mut blobs = Vec::new();
        let mut marker = String::new();
        loop {
            let after = utf8_percent_encode(&marker, NON_ALPHANUMERIC);
            let target = format!("{container}?restype=container&comp=list&marker={after}");
            let answer = self.ask_container(container, Method::GET, &target, Bytes::new()).await?;
            let page = Page::parse(&answer.body).map_err(backend)?;
            blobs.extend(page.blobs);
            match page.next {
                Some(next) if next != marker => marker = next,
                _ => return Ok(blobs),
            }
        }
    }

    pub(crate) async fn put_blob(&self, container: &str, name: &str, blob: NewBlob) -> Result<(), StorageError> {
        let bytes = match blob.content {
            Content::Bytes(bytes) => bytes,
            Content::Synthetic { seed, length } if length <= MAX_PRODUCED => synthetic_bytes(seed, length),
            Content::Synthetic { length, .. } => {
                return Err(StorageError::Backend(format!("{length} synthetic bytes are too many to upload")));
            }
        };
        let mut headers = vec![("x-ms-blob-type".to_owned(), "BlockBlob".to_owned())];
        headers.extend(blob.content_type.map(|value| ("x-ms-blob-content-type".to_owned(), value)));
        headers.extend(blob.cache_control.map(|value| ("x-ms-blob-cache-control".to_owned(), value)));
        headers.extend(blob.metadata.into_iter().map(|(key, value)| (format!("x-ms-meta-{key}"), value)));
        if !blob.tags.is_empty() {
            let tags = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&blob.tags).finish();
            headers.push(("x-ms-tags".to_owned(), tags));
        }
        self.ask_blob((container, name), Method::PUT, &headers, bytes).await.map(drop)
    }

    pub(crate) async fn read_blob(
        &self,
        container: &str,
        name: &str,
        offset: u64,
        length: u64,
    ) -> Result<(StoredBlob, Bytes), StorageError> {
        let head = self.ask_blob((container, name), Method::HEAD, &[], Bytes::new()).await?;
        let found = StoredBlob {
            name: name.to_owned(),
            length: head.header("content-length").and_then(|text| text.parse().ok()).unwrap_or_default(),
            content_type: head.header("content-type").map(str::to_owned),
        };
        let end = offset.saturating_add(length).min(found.length);
        if offset >= end {
            return Ok((found, Bytes::new()));
        }
        let range = [("x-ms-range".to_owned(), format!("bytes={offset}-{}", end - 1))];
        let part = self.ask_blob((container, name), Method::GET, &range, Bytes::new()).await?;
        Ok((found, part.body))
    }

    pub(crate) async fn copy_within(&self, from: (&str, &str), to: (&str, &str)) -> Result<(), StorageError> {
        let source = format!("{}/{}/{}", self.url, from.0, encode(from.1));
        let headers = [("x-ms-copy-source".to_owned(), source)];
        let mut answer = self.ask_blob(to, Method::PUT, &headers, Bytes::new()).await?;
        for _ in 0..COPY_POLLS {
            match answer.header("x-ms-copy-status") {
                Some("pending") => tokio::time::sleep(COPY_POLL).await,
                Some("success") | None => return Ok(()),
                Some(status) => return Err(StorageError::Backend(format!("the copy ended as {status}"))),
            }
            answer = self.ask_blob(to, Method::HEAD, &[], Bytes::new()).await?;
        }
        Err(StorageError::Backend("the copy is still pending".to_owned()))
    }

    pub(crate) async fn set_policy(&self, container: &str, id: &str, policy: StoredPolicy) -> Result<(), StorageError> {
        let _changing = self.policies.lock().await;
        let mut policies = self.policies(container).await?;
        policies.retain(|known| known.id != id);
        if policies.len() >= MAX_POLICIES {
            return Err(StorageError::TooManyPolicies(container.to_owned()));
        }
        policies.push(Policy::new(id, policy));
        self.write_policies(container, &policies).await
    }

    pub(crate) async fn remove_policy(&self, container: &str, id: &str) -> Result<(), StorageError> {
        let _changing = self.policies.lock().await;
        let mut policies = self.policies(container).await?;
        let before = policies.len();
        policies.retain(|known| known.id != id);
        if policies.len() == before { Ok(()) } else { self.write_policies(container, &policies).await }
    }

    async fn policies(&self, container: &str) -> Result<Vec<Policy>, StorageError> {
        let target = format!("{container}?restype=container&comp=acl");
        let answer = self.ask_container(container, Method::GET, &target, Bytes::new()).await?;
        policies::parse(&answer.body).map_err(backend)
    }

    async fn write_policies(&self, container: &str, policies: &[Policy]) -> Result<(), StorageError> {
        let target = format!("{container}?restype=container&comp=acl");
        let body = Bytes::from(policies::print(policies));
        self.ask_container(container, Method::PUT, &target, body).await.map(drop)
    }

    /// Sends a request for a container; 404 means that it does not exist.
    async fn ask_container(
        &self,
        container: &str,
        method: Method,
        target: &str,
        body: Bytes,
    ) -> Result<Answer, StorageError> {
        let answer = self.ask(method, target, &[], body).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Err(StorageError::NoContainer(container.to_owned())),
            status if status.is_success() => Ok(answer),
            _ => Err(answer.refusal()),
        }
    }

    /// Sends a request for a blob; 404 means that it does not exist unless the answer has another code.
    async fn ask_blob(
        &self,
        (container, name): (&str, &str),
        method: Method,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<Answer, StorageError> {
        let answer = self.ask(method, &format!("{container}/{}", encode(name)), headers, body).await?;
        match answer.status {
            StatusCode::NOT_FOUND if answer.header("x-ms-error-code") == Some("ContainerNotFound") => {
                Err(StorageError::NoContainer(container.to_owned()))
            }
            StatusCode::NOT_FOUND => Err(StorageError::NoBlob(name.to_owned())),
            status if status.is_success() => Ok(answer),
            _ => Err(answer.refusal()),
        }
    }

    /// Sends one signed request and reads the answer.
    async fn ask(
        &self,
        method: Method,
        target: &str,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<Answer, StorageError> {
        let mut request = Request::builder().method(&method).uri(format!("{}/{target}", self.url));
        request = request.header("x-ms-version", VERSION);
        if method == Method::PUT {
            request = request.header("content-length", body.len());
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let (mut parts, ()) = request.body(()).map_err(backend)?.into_parts();
        sign_request(&mut parts, &self.name, &self.signing_key);
        let answer = self.client.request(Request::from_parts(parts, Full::new(body))).await.map_err(backend)?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(backend)?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}
