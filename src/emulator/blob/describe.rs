//! A blob's description in request and answer headers.

use std::collections::BTreeMap;
use std::fmt::Display;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::account::pairs;
use super::ask::{Ask, header};
use super::encryption::Encryption;
use super::kind::{Kind, SEQUENCE};
use super::lease;
use super::pending::copy_id_text;
use super::properties::{BlobHeaders, Pairs, Tier, etag_text};
use super::refusal::{INVALID_BLOB_TIER, INVALID_MD5, INVALID_METADATA, INVALID_TAGS, METADATA_TOO_LARGE, Refusal};
use super::stored::{Blob, Extras};
use crate::emulator::http::Response;
use crate::emulator::http::http_date;

/// The most index tags a blob can have.
const MAX_TAGS: usize = 10;
/// The most bytes of metadata, names and values together.
const MAX_METADATA: usize = 8 * 1024;

/// Builds an answer.
#[derive(Debug)]
pub(super) struct Reply(Response);

impl Reply {
    /// An answer of that status without a body.
    pub(super) fn new(status: u16) -> Self {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self(answer)
    }

    /// Adds a header. An invalid value (such as metadata with other characters) is left out.
    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        if let Ok(value) = HeaderValue::from_maybe_shared(bytes::Bytes::from(value.to_string())) {
            self.0.headers_mut().insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// Adds a header if there is a value.
    pub(super) fn with_some(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds `ETag` and `Last-Modified`.
    pub(super) fn version(self, etag: u64, modified: u32) -> Self {
        self.with("etag", etag_text(etag)).with("last-modified", http_date(modified))
    }

    /// Adds the state of a lease.
    pub(super) fn lease(self, lease: lease::At) -> Self {
        let state = lease.state();
        self.with("x-ms-lease-status", state.status())
            .with("x-ms-lease-state", state.name())
            .with_some("x-ms-lease-duration", lease.duration())
    }

    /// Adds metadata.
    pub(super) fn metadata(mut self, metadata: Option<&Pairs>) -> Self {
        for (name, value) in metadata.into_iter().flat_map(|pairs| pairs.iter()) {
            let name = HeaderName::try_from(format!("x-ms-meta-{name}"));
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
                self.0.headers_mut().insert(name, value);
            }
        }
        self
    }

    /// Adds the headers that only blobs of one type have.
    pub(super) fn kind(self, kind: Kind) -> Self {
        match kind {
            Kind::Block => self,
            Kind::Append { blocks, sealed } => {
                let reply = self.with("x-ms-blob-committed-block-count", blocks);
                if sealed { reply.with("x-ms-blob-sealed", "true") } else { reply }
            }
            Kind::Page { sequence } => self.with(SEQUENCE, sequence),
            Kind::Directory => self.with("x-ms-resource-type", "directory"),
        }
    }

    /// Adds the access tier, which only block blobs have.
    fn tier(self, blob: &Blob) -> Self {
        match (blob.kind(), blob.tier()) {
            (Kind::Block, Some(tier)) => self.with("x-ms-access-tier", tier.name()),
            (Kind::Block, None) => {
                self.with("x-ms-access-tier", Tier::Hot.name()).with("x-ms-access-tier-inferred", "true")
            }
            (Kind::Append { .. } | Kind::Page { .. } | Kind::Directory, _) => self,
        }
    }

    /// Adds all headers with which Get Blob and Get Blob Properties describe a blob, except the length.
    pub(super) fn blob(self, blob: &Blob, elapsed: i64) -> Self {
        let headers = &blob.headers;
        let reply = self
            .version(blob.etag, blob.modified)
            .metadata(blob.metadata.as_ref())
            .with("x-ms-blob-type", blob.kind().name())
            .kind(blob.kind())
            .with("x-ms-creation-time", http_date(blob.created))
            .with("x-ms-server-encrypted", "true")
            .lease(blob.lease_at(elapsed))
            .with("accept-ranges", "bytes")
            .with_some("content-type", headers.content_type.as_deref())
            .with_some("content-encoding", headers.content_encoding.as_deref())
            .with_some("content-language", headers.content_language.as_deref())
            .with_some("content-disposition", headers.content_disposition.as_deref())
            .with_some("cache-control", headers.cache_control.as_deref())
            .with_some("x-ms-tag-count", blob.tags().map(|tags| tags.len()));
        let reply = reply.tier(blob);
        let reply = blob
            .encryption()
            .map(Encryption::header)
            .into_iter()
            .fold(reply, |reply, (name, value)| reply.with(name, value));
        let Some(copy) = blob.copy() else { return reply };
        reply
            .with("x-ms-copy-id", copy_id_text(copy.id))
            .with("x-ms-copy-status", copy.status())
            .with("x-ms-copy-source", &copy.source)
            .with("x-ms-copy-progress", copy.progress(elapsed))
            .with_some("x-ms-copy-completion-time", copy.completed().map(http_date))
            .with_some("x-ms-copy-status-description", copy.description())
    }

    /// Adds a stored Content-MD5 under the name that fits the answer.
    pub(super) fn md5(self, name: &'static str, md5: Option<&[u8]>) -> Self {
        self.with_some(name, md5.map(|md5| BASE64.encode(md5)))
    }

    /// Finishes with a body.
    pub(super) fn body(mut self, body: impl Into<Body>) -> Response {
        *self.0.body_mut() = body.into();
        self.0
    }

    /// Finishes with an XML body.
    pub(super) fn xml(self, xml: String) -> Response {
        self.with("content-type", "application/xml").body(xml)
    }

    /// Finishes without a body.
    pub(super) fn done(self) -> Response {
        self.0
    }
}

/// An MD5 in base64.
pub(super) fn parse_md5(text: &str) -> Result<[u8; 16], Refusal> {
    BASE64.decode(text).ok().and_then(|raw| raw.try_into().ok()).ok_or(INVALID_MD5)
}

/// The `x-ms-blob-*` headers of a request.
pub(super) fn blob_headers(ask: &Ask<'_>) -> Result<BlobHeaders, Refusal> {
    let get = |name| ask.header(name).map(Into::into);
    let md5 = ask.header("x-ms-blob-content-md5");
    Ok(BlobHeaders {
        content_type: get("x-ms-blob-content-type"),
        content_encoding: get("x-ms-blob-content-encoding"),
        content_language: get("x-ms-blob-content-language"),
        content_disposition: get("x-ms-blob-content-disposition"),
        cache_control: get("x-ms-blob-cache-control"),
        content_md5: md5.map(parse_md5).transpose()?.map(Into::into),
    })
}

impl BlobHeaders {
    /// Is nothing set?
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These headers, with the default content type if they have none.
    pub(super) fn with_default_type(self) -> Self {
        Self { content_type: self.content_type.or_else(|| Some("application/octet-stream".into())), ..self }
    }

    /// These headers, with another's for the missing ones.
    pub(super) fn or(self, other: &Self) -> Self {
        Self {
            content_type: self.content_type.or_else(|| other.content_type.clone()),
            content_encoding: self.content_encoding.or_else(|| other.content_encoding.clone()),
            content_language: self.content_language.or_else(|| other.content_language.clone()),
            content_disposition: self.content_disposition.or_else(|| other.content_disposition.clone()),
            cache_control: self.cache_control.or_else(|| other.cache_control.clone()),
            content_md5: self.content_md5.or_else(|| other.content_md5.clone()),
        }
    }
}

/// The `x-ms-meta-*` headers; names are in lower case, as HTTP libraries send them.
pub(super) fn metadata(headers: &HeaderMap) -> Result<Option<Pairs>, Refusal> {
    let mut map = BTreeMap::new();
    let mut size = 0;
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix("x-ms-meta-") else { continue };
        let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if !starts_well || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(INVALID_METADATA);
        }
        let value = std::str::from_utf8(value.as_bytes()).map_err(|_| INVALID_METADATA)?.trim();
        size += name.len() + value.len();
        map.insert(name.to_owned(), value.to_owned());
    }
    if size > MAX_METADATA { Err(METADATA_TOO_LARGE) } else { Ok(pairs(map)) }
}

/// Checks tags against the service's rules.
pub(super) fn valid_tags(tags: BTreeMap<String, String>) -> Result<Option<Pairs>, Refusal> {
    let legal = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || " +-./:=_".contains(c));
    let fits = |(name, value): (&String, &String)| {
        (1..=128).contains(&name.len()) && value.len() <= 256 && legal(name) && legal(value)
    };
    if tags.len() > MAX_TAGS || !tags.iter().all(fits) { Err(INVALID_TAGS) } else { Ok(pairs(tags)) }
}

/// The `x-ms-tags` header, a query string.
pub(super) fn tags(ask: &Ask<'_>) -> Result<Option<Pairs>, Refusal> {
    let Some(text) = ask.header("x-ms-tags") else { return Ok(None) };
    valid_tags(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect())
}

/// The `x-ms-access-tier` header.
pub(super) fn tier(ask: &Ask<'_>) -> Result<Option<Tier>, Refusal> {
    header(ask.headers, "x-ms-access-tier").map(|name| Tier::parse(name).ok_or(INVALID_BLOB_TIER)).transpose()
}

/// The attributes that few blobs have, boxed only if there are any: these tags, and the tier and encryption of a write
/// request.
pub(super) fn extras(ask: &Ask<'_>, tags: Option<Pairs>) -> Result<Option<Box<Extras>>, Refusal> {
    let (tier, encryption) = (tier(ask)?, Encryption::of_write(ask)?);
    let any = tags.is_some() || tier.is_some() || encryption.is_some();
    Ok(any.then(|| Box::new(Extras { tags, tier, encryption, ..Extras::default() })))
}
