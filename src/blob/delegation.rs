//! Signatures by user delegation: made with a key that the service issues to a principal of Entra ID, so that no account key
//! is needed to let a copy read its source.
//!
//! The other way would be to send a token of ours along with each copy (`x-ms-copy-source-authorization`). The service takes
//! it with Put Blob From URL and Put Block From URL, and not with the asynchronous Copy Blob, which large and cool blobs
//! need; it ends within a day at most, while such a copy reads for days; it hands all that the principal may do to the
//! service of the target's account; and rclone gave it up as unreliable. A signature works with every operation, for a target
//! of another tenant as well, permits reading one container, and nothing else.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use azure_core::http::{HttpClient, Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};
use sha2::Sha256;
use url::{Url, form_urlencoded};

use super::caller::AccountCaller;
use super::exchange::send;
use super::sas_terms::{BACKDATED, VERSION, iso};
use super::signer::Signer;
use crate::call::Call;
use crate::clock;
use crate::error::{Error, Failure};
use crate::model::{AccountName, ContainerName};
use crate::redact::InUse;
use crate::retry::Idempotency;

/// How long a key is valid. The service issues none that ends more than seven days from now, by its own clock.
const LIFE: SignedDuration = SignedDuration::from_hours(7 * 24 - 1);
/// An old key is used after half its life if no new one is issued, as long as it is valid for this long: the copies
/// started with it may take hours. Then the pause before the next request (guesses).
const LEFT: SignedDuration = SignedDuration::from_hours(24);
const PAUSE: SignedDuration = SignedDuration::from_mins(15);
/// A key that was issued less than this ago is not replaced because a signature by it was refused: the reason is
/// another one, such as a firewall, and otherwise the copies of each container would request another key.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// Requests an account's keys.
pub(super) struct KeySource {
    pub(super) account: AccountName,
    pub(super) endpoint: Url,
    pub(super) transport: Arc<dyn HttpClient>,
    pub(super) signer: Arc<Signer>,
    /// `x-ms-version` of the request.
    pub(super) version: String,
    pub(super) read: Arc<AccountCaller>,
}

/// An account's keys: one at a time, requested when it is needed and replaced at half its life.
pub(super) struct Delegation {
    from: KeySource,
    kept: Mutex<Option<Kept>>,
    flight: tokio::sync::Mutex<()>,
}

/// A key, and when the next one is requested.
#[derive(Clone)]
struct Kept {
    key: Arc<DelegationKey>,
    due: Timestamp,
}

impl fmt::Debug for Delegation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delegation").field("account", &self.from.account).finish_non_exhaustive()
    }
}

/// A user delegation key, ready to sign with, and the terms that its signatures must contain.
pub(super) struct DelegationKey {
    mac: Hmac<Sha256>,
    terms: Terms,
    issued: Timestamp,
    /// Half its life, after which signatures are made with a new key.
    pub(super) renew_at: Timestamp,
    end: Timestamp,
    _in_use: InUse,
}

/// The terms of a key, as the service reports them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Terms {
    oid: String,
    tid: String,
    start: String,
    expiry: String,
    service: String,
    version: String,
}

impl Delegation {
    pub(super) fn new(from: KeySource) -> Self {
        Self { from, kept: Mutex::default(), flight: tokio::sync::Mutex::default() }
    }

    /// A key that is valid for at least half its life, if one is issued.
    pub(super) async fn key(&self) -> Result<Arc<DelegationKey>, Error> {
        if let Some(key) = self.known() {
            return Ok(key);
        }
        let _flight = self.flight.lock().await;
        if let Some(key) = self.known() {
            return Ok(key);
        }
        let requested = self.from.request().await;
        let now = clock::now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match (requested, kept.as_mut()) {
            (Ok(key), _) => {
                let key = Arc::new(key);
                *kept = Some(Kept { key: Arc::clone(&key), due: key.renew_at });
                Ok(key)
            }
            (Err(error), Some(old)) if now + LEFT < old.key.end => {
                tracing::warn!(%error, "no new user delegation key is issued yet; the old one is still valid");
                old.due = now + PAUSE;
                Ok(Arc::clone(&old.key))
            }
            (Err(error), _) => Err(error),
        }
    }

    fn known(&self) -> Option<Arc<DelegationKey>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        kept.filter(|kept| clock::now() < kept.due).map(|kept| kept.key)
    }

    /// A signature was refused: the key may have been revoked.
    pub(super) fn renew(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_some_and(|kept| kept.key.issued + FRESH < clock::now()) {
            *kept = None;
        }
    }
}

impl KeySource {
    async fn request(&self) -> Result<DelegationKey, Error> {
        let mut url = self.endpoint.clone();
        // The path of the service ends with a slash, also if it contains the account.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("");
        }
        url.query_pairs_mut().append_pair("restype", "service").append_pair("comp", "userdelegationkey");
        let url = &url;
        let call = Call {
            operation: "GetUserDelegationKey",
            attempted: "get a user delegation key of",
            subject: self.account.as_str(),
            idempotency: Idempotency::Repeatable,
            bytes: 0,
            source: None,
        };
        let key = self.read.run(call, |_| async move {
            let now = clock::now();
            let (start, expiry) = (iso(now - BACKDATED), iso(now + LIFE));
            let mut request = Request::new(url.clone(), Method::Post);
            request.insert_header("x-ms-version", self.version.clone());
            request.insert_header("content-type", "application/xml");
            request.set_body(format!(
                "<?xml version=\"1.0\" encoding=\"utf-8\"?><KeyInfo><Start>{start}</Start><Expiry>{expiry}</Expiry></KeyInfo>"
            ));
            let answer = send(&self.signer, self.transport.as_ref(), &mut request, &[200]).await?;
            read(answer.body().as_ref(), now)
                .ok_or_else(|| Failure::Unexpected("the answer is not a user delegation key".to_owned()))
        });
        Ok(key.await?)
    }
}

impl DelegationKey {
    /// The query of a URL with a signature that permits reading the blobs of a container while the key is valid; and
    /// the signature alone.
    pub(super) fn query(&self, account: &AccountName, container: &ContainerName, https_only: bool) -> (String, String) {
        let Terms { oid, tid, start, expiry, service, version } = &self.terms;
        let protocol = if https_only { "https" } else { "" };
        // Permissions, start, expiry, resource, the six terms of the key, authorised and unauthorised object, correlation,
        // IP, protocol, version, kind of resource, snapshot, encryption scope, and five response headers to override.
        let text = format!(
            "r\n{start}\n{expiry}\n/blob/{account}/{container}\n{oid}\n{tid}\n{start}\n{expiry}\n{service}\n{version}\n\
             \n\n\n\n{protocol}\n{VERSION}\nc\n\n\n\n\n\n\n"
        );
        let mut mac = self.mac.clone();
        mac.update(text.as_bytes());
        let signature = BASE64.encode(mac.finalize().into_bytes());
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("sv", VERSION),
            ("sr", "c"),
            ("sp", "r"),
            ("st", start),
            ("se", expiry),
            ("skoid", oid),
            ("sktid", tid),
            ("skt", start),
            ("ske", expiry),
            ("sks", service),
            ("skv", version),
        ] {
            query.append_pair(name, value);
        }
        if https_only {
            query.append_pair("spr", protocol);
        }
        (query.append_pair("sig", &signature).finish(), signature)
    }
}

/// Reads the answer to a request sent at `now`.
fn read(body: &[u8], now: Timestamp) -> Option<DelegationKey> {
    let mut reader = Reader::from_reader(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
    let (mut terms, mut value, mut inside) = (Terms::default(), String::new(), Vec::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => inside = start.local_name().as_ref().to_vec(),
            Event::End(_) => inside.clear(),
            Event::Text(text) => {
                let text = text.xml_content(XmlVersion::Implicit1_0).ok()?;
                let field = match inside.as_slice() {
                    b"SignedOid" => &mut terms.oid,
                    b"SignedTid" => &mut terms.tid,
                    b"SignedStart" => &mut terms.start,
                    b"SignedExpiry" => &mut terms.expiry,
                    b"SignedService" => &mut terms.service,
                    b"SignedVersion" => &mut terms.version,
                    b"Value" => &mut value,
                    _ => continue,
                };
                field.push_str(text.trim());
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let Terms { oid, tid, start, expiry, service, version } = &terms;
    if [oid, tid, start, expiry, service, version].iter().any(|term| term.is_empty()) {
        return None;
    }
    let end: Timestamp = expiry.parse().ok()?;
    let half = SignedDuration::from_secs(end.duration_since(now).as_secs() / 2);
    let in_use = InUse::new(&value);
    let bytes = BASE64.decode(&value).ok().filter(|bytes| !bytes.is_empty())?;
    let mac = Hmac::new_from_slice(&bytes).ok()?;
    Some(DelegationKey { mac, terms, issued: now, renew_at: now.checked_add(half).ok()?, end, _in_use: in_use })
}

#[cfg(test)]
mod tests;
