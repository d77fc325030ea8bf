//! Shared access signatures: what the other account's copies read our blobs with.
//!
//! One read-only signature per container, minted once and minted anew at half its life, so that every copy gets one that
//! outlasts it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use url::{Url, form_urlencoded};

use super::auth::AccountKey;
use crate::clock;
use crate::model::ContainerName;
use crate::redact::SafeUrl;

/// The layout that is signed; later service versions take it.
const VERSION: &str = "2020-12-06";
/// Starts in the past, for clocks that differ (the documentation asks for 15 minutes).
const BACKDATED: SignedDuration = SignedDuration::from_mins(15);
/// A week: an asynchronous copy reads its source for hours or days, and a signature by user delegation, which may come to
/// stand in for this one, cannot live longer.
const LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Mints and keeps the signatures of an account.
#[derive(Debug)]
pub(super) struct SasMint {
    key: AccountKey,
    https_only: bool,
    /// Locked only for a look-up; minting takes microseconds.
    kept: Mutex<HashMap<ContainerName, Sas>>,
}

/// A signature as the query of a URL.
#[derive(Clone)]
struct Sas {
    query: Arc<str>,
    renew_at: Timestamp,
}

impl std::fmt::Debug for Sas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sas").field("renew_at", &self.renew_at).finish_non_exhaustive()
    }
}

impl SasMint {
    /// A mint with that key. `https_only` binds the signatures to https.
    pub(super) fn new(key: AccountKey, https_only: bool) -> Self {
        Self { key, https_only, kept: Mutex::new(HashMap::new()) }
    }

    /// `url` with the container's signature.
    pub(super) fn signed(&self, container: &ContainerName, mut url: Url) -> SafeUrl {
        url.set_query(Some(&self.query(container)));
        SafeUrl::new(url)
    }

    /// Forgets the container's signature: it was refused. The next one is minted.
    pub(super) fn renew(&self, container: &ContainerName) {
        self.kept.lock().expect("no panic while held").remove(container);
    }

    fn query(&self, container: &ContainerName) -> Arc<str> {
        let now = clock::now();
        let mut kept = self.kept.lock().expect("no panic while held");
        if let Some(sas) = kept.get(container)
            && now < sas.renew_at
        {
            return Arc::clone(&sas.query);
        }
        let query: Arc<str> = self.mint(container, now).into();
        kept.insert(container.clone(), Sas { query: Arc::clone(&query), renew_at: now + LIFE / 2 });
        query
    }

    fn mint(&self, container: &ContainerName, now: Timestamp) -> String {
        let start = iso(now - BACKDATED);
        let expiry = iso(now + LIFE);
        let protocol = if self.https_only { "https" } else { "" };
        let resource = format!("/blob/{}/{container}", self.key.account());
        // Permissions, start, expiry, resource, policy, IP, protocol, version, kind of resource, snapshot, encryption scope,
        // and five response headers to override.
        let text = format!("r\n{start}\n{expiry}\n{resource}\n\n\n{protocol}\n{VERSION}\nc\n\n\n\n\n\n\n");
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("sv", VERSION).append_pair("sr", "c").append_pair("sp", "r");
        query.append_pair("st", &start).append_pair("se", &expiry);
        if !protocol.is_empty() {
            query.append_pair("spr", protocol);
        }
        query.append_pair("sig", &self.key.sign(&text)).finish()
    }
}

/// The time as signatures write it: whole seconds, UTC.
fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::AccountName;
    use crate::redact::Secret;

    fn mint(https_only: bool) -> SasMint {
        let key = AccountKey::new(AccountName::new("acct"), &Secret::new("SmVmZQ==")).unwrap();
        SasMint::new(key, https_only)
    }

    #[test]
    fn a_signature_covers_the_sixteen_lines_of_its_version() {
        let query = mint(true).mint(&ContainerName::new("c"), Timestamp::UNIX_EPOCH);
        let key = AccountKey::new(AccountName::new("acct"), &Secret::new("SmVmZQ==")).unwrap();
        let text =
            "r\n1969-12-31T23:45:00Z\n1970-01-08T00:00:00Z\n/blob/acct/c\n\n\nhttps\n2020-12-06\nc\n\n\n\n\n\n\n";
        assert_eq!(text.split('\n').count(), 16);
        let pairs: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        assert_eq!(pairs["sig"], key.sign(text));
        assert_eq!((pairs["sp"].as_str(), pairs["sr"].as_str(), pairs["spr"].as_str()), ("r", "c", "https"));
        assert!(!mint(false).mint(&ContainerName::new("c"), Timestamp::UNIX_EPOCH).contains("spr"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_signature_is_kept_half_its_life_unless_it_is_refused() {
        let mint = mint(false);
        let (one, other) = (ContainerName::new("one"), ContainerName::new("other"));
        let first = mint.query(&one);
        assert_ne!(mint.query(&other), first);
        tokio::time::advance(Duration::from_hours(83)).await;
        assert_eq!(mint.query(&one), first);
        mint.renew(&one);
        let second = mint.query(&one);
        assert_ne!(second, first);
        tokio::time::advance(Duration::from_hours(85)).await;
        assert_ne!(mint.query(&one), second);
    }
}
