//! Shared access signatures, with which copies into the other account read our blobs.
//!
//! One read-only signature per container, cached while the container is in progress and replaced at half its lifetime,
//! so that it stays valid until a copy that uses it ends.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use lru::LruCache;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::form_urlencoded;

use super::auth::{AccountKey, Credential};
use crate::clock;
use crate::model::ContainerName;
use crate::redact::{InUse, REDACTED};

/// The layout that is signed; later service versions take it.
const VERSION: &str = "2020-12-06";
/// Starts in the past, for clocks that differ (the documentation asks for 15 minutes).
const BACKDATED: SignedDuration = SignedDuration::from_mins(15);
/// A week: an asynchronous copy reads its source for hours or days, and a signature by user delegation, which may come to
/// stand in for this one, cannot live longer.
const LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many signatures are cached: for far more containers than are in progress at once. Minting an evicted one again
/// takes microseconds.
const KEPT: NonZeroUsize = NonZeroUsize::new(1_024).expect("it is not zero");

/// Mints and keeps the signatures of an account.
#[derive(Debug)]
pub(super) struct SasMint {
    by: Credential,
    https_only: bool,
    /// Locked only for a look-up; minting takes microseconds.
    kept: Mutex<LruCache<ContainerName, Sas>>,
}

/// A signature as the query of a URL.
struct Sas {
    query: Arc<str>,
    renew_at: Timestamp,
    _in_use: InUse,
}

impl std::fmt::Debug for Sas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sas").field("renew_at", &self.renew_at).finish_non_exhaustive()
    }
}

/// What the URL standard encodes in a query.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\'');

/// A URL with a signature. Kept as the text that a copy's header holds: a URL of the library is read anew with every part
/// it is given, which costs more than all else that is done to it here.
#[derive(Clone)]
pub struct SignedUrl {
    text: String,
    /// Where the signature's `?` is.
    end_of_path: usize,
}

impl SignedUrl {
    fn new(url: &str, signature: &str) -> Self {
        Self { text: [url, "?", signature].concat(), end_of_path: url.len() }
    }

    /// All of it, for sending.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The URL without its signature.
    pub fn unsigned(&self) -> &str {
        &self.text[..self.end_of_path]
    }
}

impl std::fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}?{REDACTED}", self.unsigned())
    }
}

impl SasMint {
    /// A mint with that key; without one there is one signature for everything, which was given to us. `https_only` binds
    /// what is minted to https.
    pub(super) fn new(by: Credential, https_only: bool) -> Self {
        Self { by, https_only, kept: Mutex::new(LruCache::new(KEPT)) }
    }

    /// `url`, which has no query, with the container's signature.
    pub(super) fn signed(&self, container: &ContainerName, url: &str) -> SignedUrl {
        match &self.by {
            Credential::Key(key) => SignedUrl::new(url, &self.query(key, container)),
            Credential::Sas(sas) => SignedUrl::new(url, &utf8_percent_encode(sas.expose(), QUERY).to_string()),
        }
    }

    /// Forgets the container's signature: it was refused. The next one is minted.
    pub(super) fn renew(&self, container: &ContainerName) {
        self.kept.lock().expect("no panic while held").pop(container);
    }

    fn query(&self, key: &AccountKey, container: &ContainerName) -> Arc<str> {
        let now = clock::now();
        let mut kept = self.kept.lock().expect("no panic while held");
        if let Some(sas) = kept.get(container)
            && now < sas.renew_at
        {
            return Arc::clone(&sas.query);
        }
        let sas = mint(key, container, self.https_only, now);
        let query = Arc::clone(&sas.query);
        kept.put(container.clone(), sas);
        query
    }
}

/// A read-only signature of a container.
fn mint(key: &AccountKey, container: &ContainerName, https_only: bool, now: Timestamp) -> Sas {
    let start = iso(now - BACKDATED);
    let expiry = iso(now + LIFE);
    let protocol = if https_only { "https" } else { "" };
    let resource = format!("/blob/{}/{container}", key.account());
    // Permissions, start, expiry, resource, policy, IP, protocol, version, kind of resource, snapshot, encryption scope,
    // and five response headers to override.
    let text = format!("r\n{start}\n{expiry}\n{resource}\n\n\n{protocol}\n{VERSION}\nc\n\n\n\n\n\n\n");
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("sv", VERSION).append_pair("sr", "c").append_pair("sp", "r");
    query.append_pair("st", &start).append_pair("se", &expiry);
    if !protocol.is_empty() {
        query.append_pair("spr", protocol);
    }
    let signature = key.sign(&text);
    let query = query.append_pair("sig", &signature).finish().into();
    Sas { query, renew_at: now + LIFE / 2, _in_use: InUse::new(&signature) }
}

/// The time as signatures write it: whole seconds, UTC.
fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What a shared access signature says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedAccess {
    /// Permission letters (`sp`).
    pub permissions: String,
    /// Kinds of resources (`srt`) of an account's signature; `None`: it is for one container or blob.
    pub resource_types: Option<String>,
    /// Services (`ss`).
    pub services: String,
    /// When it ends (`se`).
    pub expiry: Option<Timestamp>,
}

impl SharedAccess {
    /// Reads the query of a URL.
    pub(super) fn read(query: &str) -> Self {
        let pairs: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let text = |name: &str| pairs.get(name).cloned();
        Self {
            permissions: text("sp").unwrap_or_default(),
            resource_types: text("srt"),
            services: text("ss").unwrap_or_default(),
            expiry: text("se").and_then(|time| time.parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::AccountName;
    use crate::redact::Secret;

    fn key() -> AccountKey {
        AccountKey::new(AccountName::new("acct"), &Secret::new("SmVmZQ==")).unwrap()
    }

    #[test]
    fn a_signature_covers_the_sixteen_lines_of_its_version() {
        let key = key();
        let query = mint(&key, &ContainerName::new("c"), true, Timestamp::UNIX_EPOCH).query;
        let text =
            "r\n1969-12-31T23:45:00Z\n1970-01-08T00:00:00Z\n/blob/acct/c\n\n\nhttps\n2020-12-06\nc\n\n\n\n\n\n\n";
        assert_eq!(text.split('\n').count(), 16);
        let pairs: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        assert_eq!(pairs["sig"], key.sign(text));
        assert_eq!((pairs["sp"].as_str(), pairs["sr"].as_str(), pairs["spr"].as_str()), ("r", "c", "https"));
        assert!(!mint(&key, &ContainerName::new("c"), false, Timestamp::UNIX_EPOCH).query.contains("spr"));
    }

    #[test]
    fn signatures_of_containers_that_are_done_with_are_not_kept() {
        let key = key();
        let mint = SasMint::new(Credential::Key(key.clone()), false);
        for number in 0..3 * KEPT.get() {
            mint.query(&key, &ContainerName::new(format!("asset-{number}")));
        }
        assert_eq!(mint.kept.lock().unwrap().len(), KEPT.get());
    }

    #[tokio::test(start_paused = true)]
    async fn a_signature_is_kept_half_its_life_unless_it_is_refused() {
        let key = key();
        let mint = SasMint::new(Credential::Key(key.clone()), false);
        let (one, other) = (ContainerName::new("one"), ContainerName::new("other"));
        let first = mint.query(&key, &one);
        assert_ne!(mint.query(&key, &other), first);
        tokio::time::advance(Duration::from_hours(83)).await;
        assert_eq!(mint.query(&key, &one), first);
        mint.renew(&one);
        let second = mint.query(&key, &one);
        assert_ne!(second, first);
        tokio::time::advance(Duration::from_hours(85)).await;
        assert_ne!(mint.query(&key, &one), second);
    }
}
