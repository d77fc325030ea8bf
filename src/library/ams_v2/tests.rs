//! The client with a small test service.

mod protecting;
mod publishing;
mod reading;
mod registering;
mod way_in;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use azure_core::http::headers::Headers;
use azure_core::http::request::Body;
use azure_core::http::{AsyncRawResponse, HttpClient, Request};
use serde_json::{Value, json};
use url::Url;

use super::*;
use crate::call::Caller;
use crate::config::{AmsV2Config, AuthConfig};
use crate::memory::Memory;
use crate::model::Plane;
use crate::redact::Secret;
use crate::retry::RetryPolicy;
use crate::throttle::{Lane, LaneLimits};
use crate::transport::{AllowedHosts, guarded};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) url: Url,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, wanted: &str) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }

    /// Path below `/api/`, decoded, with the decoded query.
    pub(super) fn target(&self) -> String {
        let text = format!("{}?{}", self.url.path(), self.url.query().unwrap_or_default());
        let text = percent_encoding::percent_decode_str(&text).decode_utf8().unwrap().into_owned();
        text.trim_start_matches("/api/").trim_end_matches('?').to_owned()
    }
}

/// The answer.
#[derive(Debug)]
pub(super) enum Reply {
    Is(u16, Vec<(&'static str, String)>, String),
    /// The connection breaks.
    Lost,
}

pub(super) fn json_reply(status: u16, body: &Value) -> Reply {
    Reply::Is(
        status,
        vec![("content-type", "application/json;odata=verbose;charset=utf-8".to_owned())],
        body.to_string(),
    )
}

pub(super) fn refused(status: u16, message: &str) -> Reply {
    json_reply(status, &json!({"error": {"code": "", "message": {"lang": "en-US", "value": message}}}))
}

pub(super) fn feed(rows: &[Value]) -> Reply {
    json_reply(200, &json!({"d": {"results": rows}}))
}

type Handler = Box<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// A network whose answers come from a closure; token requests are answered with `token-<n>`.
pub(super) struct Fake {
    handler: Handler,
    seen: Mutex<Vec<Seen>>,
    /// Does the handler also answer token requests?
    own_tokens: bool,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl Fake {
    pub(super) fn new(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { handler: Box::new(handler), seen: Mutex::default(), own_tokens: false })
    }

    pub(super) fn with_tokens(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { handler: Box::new(handler), seen: Mutex::default(), own_tokens: true })
    }

    /// Requests to the API (or, with `tokens`, to the token service) so far.
    pub(super) fn seen(&self, tokens: bool) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|seen| seen.url.path().ends_with("OAuth2-13") == tokens).cloned().collect()
    }

    /// `METHOD target` of the API's requests except the first one, which is that to the front door.
    pub(super) fn calls(&self) -> Vec<String> {
        self.seen(false).iter().skip(1).map(|seen| format!("{} {}", seen.method, seen.target())).collect()
    }
}

#[async_trait]
impl HttpClient for Fake {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let Body::Bytes(body) = request.body() else { panic!("a stream") };
        let headers = request.headers().iter().map(|(n, v)| (n.as_str().to_owned(), v.as_str().to_owned())).collect();
        let method = request.method().as_ref().to_owned();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let seen = Seen { method, url: request.url().clone(), headers, body };
        let tokens = seen.url.path().ends_with("OAuth2-13");
        let number = {
            let mut all = self.seen.lock().unwrap();
            all.push(seen.clone());
            all.iter().filter(|seen| seen.url.path().ends_with("OAuth2-13")).count()
        };
        // Other tasks run while an answer is pending.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let reply = if tokens && !self.own_tokens {
            json_reply(200, &json!({"access_token": format!("token-{number}"), "expires_in": "21600"}))
        } else if seen.url.path() == "/api/" && !self.own_tokens {
            json_reply(200, &json!({"value": []}))
        } else {
            (self.handler)(&seen)
        };
        match reply {
            Reply::Is(status, given, body) => {
                let mut headers = Headers::new();
                for (name, value) in given {
                    headers.insert(name, value);
                }
                Ok(AsyncRawResponse::from_bytes(status.into(), headers, body))
            }
            Reply::Lost => Err(azure_core::Error::with_message(azure_core::error::ErrorKind::Io, "reset by peer")),
        }
    }
}

pub(super) fn settings(version: &str) -> AmsV2Config {
    AmsV2Config {
        endpoint: Url::parse("https://front.example/api/").unwrap(),
        redirect_hosts: vec!["*.cluster.example".to_owned()],
        api_version: version.to_owned(),
        auth: AuthConfig::Acs {
            token_url: Url::parse("https://acs.example/v2/OAuth2-13").unwrap(),
            client_id: "acct".to_owned(),
            secret: Secret::new("k+/="),
        },
    }
}

/// A client with only one slot, so that anything that would wait for a second one hangs and is detected.
pub(super) fn service_of(fake: &Arc<Fake>, version: &str) -> AmsV2 {
    client(fake, version, 1)
}

pub(super) fn client(fake: &Arc<Fake>, version: &str, in_flight: usize) -> AmsV2 {
    let hosts = AllowedHosts::default();
    let limits = LaneLimits { in_flight, ..LaneLimits::default() };
    let lane = Lane::new(AccountName::new("acct"), Plane::Media, limits);
    let network: Arc<dyn HttpClient> = Arc::<Fake>::clone(fake);
    let (account, storage) = (AccountName::new("acct"), Some(AccountName::new("store")));
    let caller = Caller::new(lane, RetryPolicy::default());
    AmsV2::new(account, storage, &settings(version), guarded(network, hosts.clone(), &Memory::default()), hosts, caller)
}

/// The JSON bodies inside a batch request, by changeset.
pub(super) fn changesets(body: &str) -> Vec<Vec<(String, Value)>> {
    let mut sets: Vec<Vec<(String, Value)>> = Vec::new();
    let mut line_of = String::new();
    for line in body.lines() {
        if line.starts_with("Content-Type: multipart/mixed") {
            sets.push(Vec::new());
        } else if line.ends_with(" HTTP/1.1") {
            line_of = line.trim_end_matches(" HTTP/1.1").replace("https://front.example/api/", "");
            if line.starts_with("DELETE") {
                sets.last_mut().unwrap().push((line_of.clone(), Value::Null));
            }
        } else if line.starts_with('{') {
            sets.last_mut().unwrap().push((line_of.clone(), serde_json::from_str(line).unwrap()));
        }
    }
    sets
}

/// A batch answer: each changeset's statuses and bodies; for a changeset with one error, the answer has only this
/// error.
pub(super) fn batch_reply(sets: &[Vec<(u16, Value)>]) -> Reply {
    use std::fmt::Write as _;
    let mut text = String::new();
    let message = |text: &mut String, (status, body): &(u16, Value)| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let _ = write!(
            text,
            "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nHTTP/1.1 {status} X\r\n\
             Content-ID: 1\r\nContent-Type: application/json;odata=verbose\r\n\r\n{body}\r\n"
        );
    };
    for set in sets {
        text.push_str("--b\r\n");
        match set.as_slice() {
            [one @ (400.., _)] => message(&mut text, one),
            all => {
                text.push_str("Content-Type: multipart/mixed; boundary=c\r\n\r\n");
                for one in all {
                    text.push_str("--c\r\n");
                    message(&mut text, one);
                }
                text.push_str("--c--\r\n");
            }
        }
    }
    text.push_str("--b--\r\n");
    Reply::Is(202, vec![("content-type", "multipart/mixed; boundary=b".to_owned())], text)
}

pub(super) fn error_body(message: &str) -> Value {
    json!({"error": {"code": "", "message": {"lang": "en-US", "value": message}}})
}
