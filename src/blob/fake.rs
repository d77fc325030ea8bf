//! A blob service for unit tests: it answers from a script and records the requests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::headers::Headers;
use azure_core::http::request::Body;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, StatusCode};
use bytes::Bytes;
use url::Url;

use super::account::BlobAccount;
use super::signer::Access;
use crate::call::Caller;
use crate::config::{AuthConfig, Proof, SignIn};
use crate::identity::Tokens;
use crate::memory::Memory;
use crate::model::{AccountName, Plane};
use crate::redact::Secret;
use crate::retry::RetryPolicy;
use crate::throttle::{Lane, LaneLimits};
use crate::transport::AllowedHosts;

/// A request as it was sent.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) url: Url,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Asked {
    /// A header's value, or nothing.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// An answer to give.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    delay: Duration,
}

/// An answer without a body.
pub(super) fn answer(status: u16, headers: &[(&'static str, &str)]) -> Answer {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Answer { status, headers, body: String::new(), delay: Duration::ZERO }
}

/// A refusal with an error code.
pub(super) fn refusal(status: u16, code: &str) -> Answer {
    answer(status, &[("x-ms-error-code", code)])
}

impl Answer {
    /// The same with a body.
    pub(super) fn with_body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// Its body.
    pub(super) fn body(&self) -> &str {
        &self.body
    }

    /// The same, given after that time.
    pub(super) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// The script and the recorded requests. After the end of the script, its last answer is repeated.
#[derive(Debug)]
pub(super) struct Fake {
    script: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<Asked>>,
}

impl Fake {
    pub(super) fn new(script: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        Arc::new(Self { script: Mutex::new(script.into_iter().collect()), asked: Mutex::default() })
    }

    /// The requests so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// An account that talks to this service. Its read lane is also that of a source.
    pub(super) fn account(self: &Arc<Self>, name: &str) -> BlobAccount {
        self.account_with(name, Access::Key(Secret::new("SmVmZQ==")))
    }

    /// The same for a principal of Entra ID, whose tokens come from this service, too.
    pub(super) fn signed_in(self: &Arc<Self>, name: &str) -> BlobAccount {
        let token_url = Url::parse("https://login.example/tenant/oauth2/v2.0/token").unwrap();
        let sign_in = SignIn::Application {
            token_url,
            client_id: "app".to_owned(),
            proof: Proof::Secret(Secret::new("hush-hush")),
        };
        let auth = AuthConfig::Entra { sign_in, resource: "https://storage.azure.com".to_owned() };
        let caller = caller(&AccountName::new(name), Plane::SignIn);
        let tokens = Tokens::new(auth, Arc::<Self>::clone(self), &AllowedHosts::default(), caller);
        self.account_with(name, Access::Tokens(Arc::new(tokens)))
    }

    fn account_with(self: &Arc<Self>, name: &str, access: Access) -> BlobAccount {
        account_over(Arc::<Self>::clone(self), name, access)
    }
}

/// An account of that service.
pub(super) fn account_over(service: Arc<dyn HttpClient>, name: &str, access: Access) -> BlobAccount {
    let account = AccountName::new(name);
    let caller = |plane| caller(&account, plane);
    let endpoint = Url::parse(&format!("http://127.0.0.1:10000/{name}/")).unwrap();
    let (read, write) = (caller(Plane::BlobRead), caller(Plane::BlobWrite));
    BlobAccount::new(account.clone(), endpoint, access, (service, Memory::default()), read, write).unwrap()
}

fn caller(account: &AccountName, plane: Plane) -> Caller {
    let policy = RetryPolicy { max_attempts: 3, ..RetryPolicy::default() };
    Caller::new(Lane::new(account.clone(), plane, LaneLimits::default()), policy)
}

/// A token that is valid for an hour.
pub(super) fn token(value: &str) -> Answer {
    answer(200, &[]).with_body(format!(r#"{{"token_type":"Bearer","expires_in":3600,"access_token":"{value}"}}"#))
}

#[async_trait]
impl HttpClient for Fake {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let headers = request.headers().iter();
        let body = match request.body() {
            Body::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Body::SeekableStream(_) => "(stream)".to_owned(),
        };
        self.asked.lock().unwrap().push(Asked {
            method: request.method().as_ref().to_owned(),
            url: request.url().clone(),
            headers: headers.map(|(name, value)| (name.as_str().to_owned(), value.as_str().to_owned())).collect(),
            body,
        });
        let answer = {
            let mut script = self.script.lock().unwrap();
            if script.len() > 1 { script.pop_front() } else { script.front().cloned() }
        };
        let answer = answer.expect("the script has an answer");
        if !answer.delay.is_zero() {
            tokio::time::sleep(answer.delay).await;
        }
        let mut headers = Headers::new();
        for (name, value) in answer.headers {
            headers.insert(name, value);
        }
        Ok(AsyncRawResponse::from_bytes(StatusCode::from(answer.status), headers, Bytes::from(answer.body)))
    }
}
