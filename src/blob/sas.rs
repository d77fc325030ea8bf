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

use super::auth::AccountKey;
use super::delegation::Delegation;
use super::sas_terms::{BACKDATED, VERSION, iso};
use crate::clock;
use crate::error::Error;
use crate::model::{AccountName, ContainerName};
use crate::redact::{InUse, REDACTED, Secret};

/// A week: an asynchronous copy reads its source for hours or days, and a signature by user delegation cannot be valid
/// for longer.
const LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many signatures are cached: many more than there are containers in progress. Making an evicted one again takes
/// microseconds.
const KEPT: NonZeroUsize = NonZeroUsize::new(1_024).expect("it is not zero");

/// The credential with which copies read the blobs of an account.
#[derive(Debug)]
pub(super) enum Reading {
    /// Signatures by the account's key.
    Key(AccountKey),
    /// The signature that the operator supplied, for everything.
    Sas(Secret),
    /// Signatures by user delegation.
    Delegation(AccountName, Delegation),
}

/// Makes and caches the signatures of an account.
#[derive(Debug)]
pub(super) struct SasMint {
    by: Reading,
    https_only: bool,
    /// Locked only briefly: making a signature takes microseconds.
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

/// A URL with a signature. Stored as the text of a copy's header: the URL type parses itself again for every added
/// part, which costs more than everything else here.
#[derive(Clone)]
pub struct SignedUrl {
    text: String,
    /// The position of the `?` before the signature.
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
    /// With `https_only`, the signatures are only valid for https.
    pub(super) fn new(by: Reading, https_only: bool) -> Self {
        Self { by, https_only, kept: Mutex::new(LruCache::new(KEPT)) }
    }

    /// Adds the container's signature to `url`, which has no query.
    ///
    /// # Errors
    /// There is no user delegation key.
    pub(super) async fn signed(&self, container: &ContainerName, url: &str) -> Result<SignedUrl, Error> {
        Ok(match &self.by {
            Reading::Sas(sas) => SignedUrl::new(url, &utf8_percent_encode(sas.expose(), QUERY).to_string()),
            Reading::Key(key) => {
                SignedUrl::new(url, &self.query(container, |now| mint(key, container, self.https_only, now)))
            }
            Reading::Delegation(account, delegation) => {
                let key = delegation.key().await?;
                let minted = |_| {
                    let (query, signature) = key.query(account, container, self.https_only);
                    Sas { query: query.into(), renew_at: key.renew_at, _in_use: InUse::new(&signature) }
                };
                SignedUrl::new(url, &self.query(container, minted))
            }
        })
    }

    /// Obtains the user delegation key, if signatures need one.
    pub(super) async fn prepare(&self) -> Result<(), Error> {
        match &self.by {
            Reading::Key(_) | Reading::Sas(_) => Ok(()),
            Reading::Delegation(_, delegation) => delegation.key().await.map(drop),
        }
    }

    /// Removes the container's refused signature from the cache, so that a new one is made.
    pub(super) fn renew(&self, container: &ContainerName) {
        self.kept.lock().expect("no panic while held").pop(container);
        if let Reading::Delegation(_, delegation) = &self.by {
            delegation.renew();
        }
    }

    /// The container's signature, from the cache or a new one.
    fn query(&self, container: &ContainerName, mint: impl FnOnce(Timestamp) -> Sas) -> Arc<str> {
        let now = clock::now();
        let mut kept = self.kept.lock().expect("no panic while held");
        if let Some(sas) = kept.get(container)
            && now < sas.renew_at
        {
            return Arc::clone(&sas.query);
        }
        let sas = mint(now);
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

/// The terms of a shared access signature.
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

    async fn signed(mint: &SasMint, container: &ContainerName) -> String {
        mint.signed(container, "https://h/c").await.unwrap().expose().to_owned()
    }

    #[tokio::test]
    async fn signatures_of_finished_containers_are_evicted() {
        let mint = SasMint::new(Reading::Key(key()), false);
        for number in 0..3 * KEPT.get() {
            signed(&mint, &ContainerName::new(format!("asset-{number}"))).await;
        }
        assert_eq!(mint.kept.lock().unwrap().len(), KEPT.get());
    }

    #[tokio::test(start_paused = true)]
    async fn a_signature_is_cached_for_half_its_life_unless_it_is_refused() {
        let mint = SasMint::new(Reading::Key(key()), false);
        let (one, other) = (ContainerName::new("one"), ContainerName::new("other"));
        let first = signed(&mint, &one).await;
        assert_ne!(signed(&mint, &other).await, first);
        tokio::time::advance(Duration::from_hours(83)).await;
        assert_eq!(signed(&mint, &one).await, first);
        mint.renew(&one);
        let second = signed(&mint, &one).await;
        assert_ne!(second, first);
        tokio::time::advance(Duration::from_hours(85)).await;
        assert_ne!(signed(&mint, &one).await, second);
    }
}
