//! A small environment for the tests of the blob plane: two regions of one account each, and a client that signs.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;

use super::account::BlobAccount;
use super::ask::Ask;
use super::sas::{Issuer as _, SigningKey};
use super::surroundings::Surroundings;
use super::{serve, shared_key};
use crate::emulator::clock::Clock;
use crate::emulator::directory::Principal;
use crate::emulator::http::http_date;
use crate::emulator::settings::{BlobLimits, Role};
use crate::emulator::stats::Stats;

/// The account keys, in base64.
pub(super) const KEYS: [&str; 2] = ["d2VzdCBrZXk=", "ZWFzdCBrZXk="];
const AUTHORITIES: [&str; 2] = ["127.0.0.1:1001", "127.0.0.1:1002"];
const NAMES: [&str; 2] = ["west", "east"];

/// Region 0 has account `west`, region 1 account `east`.
pub(super) struct Ground {
    pub(super) accounts: [BlobAccount; 2],
    pub(super) stats: Stats,
    pub(super) clock: Clock,
}

impl Surroundings for Ground {
    fn account(&self, region: usize, name: &str) -> Option<&BlobAccount> {
        self.accounts.get(region).filter(|account| account.name() == name)
    }

    fn account_at(&self, authority: &str, name: &str) -> Option<&BlobAccount> {
        let region = AUTHORITIES.iter().position(|known| *known == authority)?;
        self.account(region, name)
    }

    fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Every token except one is the name of its principal.
    fn principal(&self, token: &str) -> Option<Principal> {
        let known = token != "forged";
        known.then(|| Principal { object_id: token.to_owned(), tenant_id: "tenant".to_owned() })
    }
}

/// An answer read to its end.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn code(&self) -> &str {
        self.header("x-ms-error-code")
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Fails unless the status is the expected one; reports the answer.
    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{} {}", self.code(), String::from_utf8_lossy(&self.body));
        self
    }

    /// Fails unless it is this error.
    #[track_caller]
    pub(super) fn refused(self, status: u16, code: &str) -> Self {
        let got = self.expect(status);
        assert_eq!(got.code(), code, "{}", String::from_utf8_lossy(&got.body));
        got
    }
}

impl Ground {
    pub(super) fn new() -> Arc<Self> {
        Self::with([BlobLimits::default(); 2])
    }

    pub(super) fn with(limits: [BlobLimits; 2]) -> Arc<Self> {
        let clock = Clock::start();
        let account = |region: usize| {
            let url = format!("http://{}/{}", AUTHORITIES[region], NAMES[region]);
            BlobAccount::new(NAMES[region], KEYS[region], &url, &limits[region], &clock)
        };
        let accounts = [account(0), account(1)];
        for account in &accounts {
            for (name, role) in [
                ("owner", Role::Owner),
                ("contributor", Role::Contributor),
                ("reader", Role::Reader),
                ("delegator", Role::Delegator),
            ] {
                account.assign_role(name, Some(role));
            }
        }
        Arc::new(Self { accounts, stats: Stats::default(), clock })
    }

    pub(super) fn now(&self) -> i64 {
        self.clock.unix_millis()
    }

    /// A time some seconds from now, as signatures write it.
    pub(super) fn iso(&self, seconds: i64) -> String {
        let at = jiff::Timestamp::from_second(self.now() / 1000 + seconds).unwrap();
        super::times::iso_seconds(at)
    }

    pub(super) fn date(&self) -> String {
        http_date(u32::try_from(self.now() / 1000).unwrap())
    }

    /// Sends a request as it is.
    pub(super) async fn send(&self, region: usize, request: Request<Body>) -> Got {
        let response = serve(self, region, request).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Got { status, headers, body }
    }

    /// Sends a request signed with the account key. `request` is `VERB /path?query`.
    pub(super) async fn ask(
        &self,
        region: usize,
        request: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Got {
        let mut request = unsigned(request, headers, body.into());
        let date = self.date();
        request.headers_mut().insert("x-ms-date", date.parse().unwrap());
        request.headers_mut().insert("x-ms-version", "2025-07-05".parse().unwrap());
        let (mut parts, body) = request.into_parts();
        let key = SigningKey::from_base64(KEYS[region]);
        let credential = shared_key::credential(&Ask::parse(&parts).unwrap(), NAMES[region], &key);
        parts.headers.insert("authorization", credential.parse().unwrap());
        self.send(region, Request::from_parts(parts, body)).await
    }

    /// Sends a request that only its URL authorises.
    pub(super) async fn open(&self, region: usize, request: &str, headers: &[(&str, &str)]) -> Got {
        self.send(region, unsigned(request, headers, Bytes::new())).await
    }

    /// A query with a signature over the given lines of a service SAS of 2020-12-06.
    pub(super) fn service_sas(
        &self,
        region: usize,
        resource: &str,
        path: &str,
        permissions: &str,
        life: i64,
    ) -> String {
        let (version, expiry) = ("2020-12-06", self.iso(life));
        let text = format!(
            "{permissions}\n\n{expiry}\n/blob/{}/{path}\n\n\n\n{version}\n{resource}\n\n\n\n\n\n\n",
            NAMES[region]
        );
        let signature = encode(&self.accounts[region].sign(&text));
        format!("sv={version}&sr={resource}&sp={permissions}&se={}&sig={signature}", encode(&expiry))
    }

    /// The URL of something in a region.
    pub(super) fn url(region: usize, path_and_query: &str) -> String {
        format!("http://{}/{}/{path_and_query}", AUTHORITIES[region], NAMES[region])
    }

    /// A source URL that permits reading a whole container for an hour.
    pub(super) fn source(&self, container: &str, blob: &str) -> String {
        let sas = self.service_sas(0, "c", container, "r", 3600);
        Self::url(0, &format!("{container}/{blob}?{sas}"))
    }
}

impl BlobAccount {
    pub(super) fn sign(&self, text: &str) -> String {
        super::sas::Issuer::key(self).sign(text)
    }

    pub(super) fn now_millis(&self) -> i64 {
        self.now()
    }
}

/// Percent-encodes a query value.
pub(super) fn encode(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn unsigned(request: &str, headers: &[(&str, &str)], body: Bytes) -> Request<Body> {
    let (method, uri) = request.split_once(' ').unwrap();
    let mut built = Request::builder().method(method).uri(uri);
    if method == "PUT" {
        built = built.header("content-length", body.len());
    }
    for (name, value) in headers {
        built = built.header(*name, *value);
    }
    built.body(Body::from(body)).unwrap()
}
