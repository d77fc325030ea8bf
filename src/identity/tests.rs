//! Each way to sign in, with a small test service.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::headers::Headers;
use azure_core::http::request::Body;
use azure_core::http::{AsyncRawResponse, HttpClient, Request};
use jiff::SignedDuration;
use url::Url;

use super::Tokens;
use crate::call::Caller;
use crate::clock;
use crate::config::{AuthConfig, IdentityService, Proof, SignIn};
use crate::error::{CallError, Failure};
use crate::model::{AccountName, Plane};
use crate::redact::{Secret, mask};
use crate::retry::RetryPolicy;
use crate::throttle::{Lane, LaneLimits};
use crate::transport::AllowedHosts;

/// A request as it arrived.
#[derive(Debug, Clone)]
struct Seen {
    url: Url,
    headers: BTreeMap<String, String>,
    form: BTreeMap<String, String>,
}

/// The answers by the number of the request; `None` = no answer.
type Answers = dyn Fn(usize) -> Option<(u16, String)> + Send + Sync;

struct Service {
    answers: Box<Answers>,
    seen: Mutex<Vec<Seen>>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Service")
    }
}

impl Service {
    fn new(answers: impl Fn(usize) -> Option<(u16, String)> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { answers: Box::new(answers), seen: Mutex::default() })
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

#[async_trait]
impl HttpClient for Service {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let body = match request.body() {
            Body::Bytes(bytes) => bytes.clone(),
            Body::SeekableStream(_) => panic!("a token request is a few bytes"),
        };
        let headers = request.headers().iter();
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(Seen {
                url: request.url().clone(),
                headers: headers.map(|(name, value)| (name.as_str().to_owned(), value.as_str().to_owned())).collect(),
                form: url::form_urlencoded::parse(&body).into_owned().collect(),
            });
            seen.len() - 1
        };
        let Some((status, body)) = (self.answers)(number) else { return std::future::pending().await };
        Ok(AsyncRawResponse::from_bytes(status.into(), Headers::new(), body))
    }
}

fn tokens(service: &Arc<Service>, sign_in: SignIn) -> Tokens {
    let lane = Lane::new(AccountName::new("acct"), Plane::SignIn, LaneLimits::default());
    let auth = AuthConfig::Entra { sign_in, resource: "https://storage.azure.com".to_owned() };
    let caller = Caller::new(lane, RetryPolicy::default());
    Tokens::new(auth, Arc::<Service>::clone(service), &AllowedHosts::default(), caller)
}

fn application(proof: Proof) -> SignIn {
    let token_url = Url::parse("https://login.example/contoso/oauth2/v2.0/token").unwrap();
    SignIn::Application { token_url, client_id: "app".to_owned(), proof }
}

fn machine(client_id: Option<&str>) -> SignIn {
    let service = IdentityService::Machine(Url::parse("http://169.254.169.254").unwrap());
    SignIn::ManagedIdentity { service, client_id: client_id.map(str::to_owned) }
}

fn entra(value: &str, life: u64) -> (u16, String) {
    (200, format!(r#"{{"token_type":"Bearer","expires_in":{life},"access_token":"{value}"}}"#))
}

async fn value(tokens: &Tokens) -> Result<String, CallError> {
    Ok(tokens.get().await?.value.expose().to_owned())
}

#[tokio::test(start_paused = true)]
async fn many_tasks_share_one_request_and_a_token_is_renewed_before_it_expires() {
    let service = Service::new(|number| Some(entra(&format!("token-{number}-of-many"), 3600)));
    let tokens = tokens(&service, application(Proof::Secret(Secret::new("hush-hush"))));
    let all = futures::future::join_all((0..50).map(|_| value(&tokens))).await;
    assert!(all.iter().all(|token| token.as_ref().unwrap() == "token-0-of-many"));
    assert_eq!(service.seen().len(), 1);
    assert_eq!(service.seen()[0].form["scope"], "https://storage.azure.com/.default");
    assert_eq!(mask("it was token-0-of-many"), "it was REDACTED");
    tokio::time::advance(Duration::from_mins(51)).await;
    let all = futures::future::join_all((0..50).map(|_| value(&tokens))).await;
    assert_eq!(service.seen().len(), 2, "{all:?}");
    assert_eq!(value(&tokens).await.unwrap(), "token-1-of-many");
}

#[tokio::test(start_paused = true)]
async fn the_old_token_is_used_if_no_new_one_is_issued() {
    let service = Service::new(|number| Some(if number == 0 { entra("first", 3600) } else { (503, String::new()) }));
    let tokens = tokens(&service, application(Proof::Secret(Secret::new("hush-hush"))));
    value(&tokens).await.unwrap();
    tokio::time::advance(Duration::from_mins(55)).await;
    assert_eq!(value(&tokens).await.unwrap(), "first");
    tokio::time::advance(Duration::from_mins(6)).await;
    let error = value(&tokens).await.unwrap_err();
    assert_eq!((error.failure.status(), error.disposition), (Some(503), crate::error::Disposition::Exhausted));
}

#[tokio::test]
async fn the_token_of_another_issuer_is_read_again_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let service = Service::new(|_| Some(entra("short", 0)));
    let tokens = tokens(&service, application(Proof::TokenFile(file.clone())));
    let missing = value(&tokens).await.unwrap_err();
    assert!(matches!(&missing.failure, Failure::Credential(why) if why.contains("token")), "{missing}");
    for issued in ["one.two.three\n", "four.five.six"] {
        std::fs::write(&file, issued).unwrap();
        value(&tokens).await.unwrap();
    }
    let seen = service.seen();
    assert_eq!(
        seen.iter().map(|seen| seen.form["client_assertion"].as_str()).collect::<Vec<_>>(),
        ["one.two.three", "four.five.six"]
    );
    assert!(
        seen[0].form["client_assertion_type"].ends_with("jwt-bearer") && !seen[0].form.contains_key("client_secret")
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_to_a_machine_follows_its_documentation_and_is_retried_during_an_update() {
    let ends = (clock::now() + SignedDuration::from_hours(24)).as_second();
    let service = Service::new(move |number| match number {
        0 => Some((410, "{}".to_owned())),
        1 => Some((404, String::new())),
        _ => Some((200, format!(r#"{{"access_token":"of-the-machine","expires_on":"{ends}","token_type":"Bearer"}}"#))),
    });
    let tokens = tokens(&service, machine(Some("chosen")));
    let before = tokio::time::Instant::now();
    assert_eq!(value(&tokens).await.unwrap(), "of-the-machine");
    assert!(before.elapsed() >= Duration::from_secs(20), "{:?}", before.elapsed());
    let seen = &service.seen()[2];
    assert_eq!(
        seen.url.as_str(),
        "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&\
         resource=https%3A%2F%2Fstorage.azure.com&client_id=chosen"
    );
    assert_eq!(seen.headers["metadata"], "true");
    tokio::time::advance(Duration::from_hours(23)).await;
    assert_eq!((value(&tokens).await.unwrap().as_str(), service.seen().len()), ("of-the-machine", 3));
}

#[tokio::test(start_paused = true)]
async fn a_machine_without_an_identity_fails_immediately_and_one_outside_azure_soon() {
    let body = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
    let service = Service::new(|_| Some((400, body.to_owned())));
    let error = value(&tokens(&service, machine(None))).await.unwrap_err();
    assert!(matches!(&error.failure, Failure::Credential(why) if why.contains("Identity not found")), "{error}");
    assert_eq!(service.seen().len(), 1);

    let nowhere = Service::new(|_| None);
    let before = tokio::time::Instant::now();
    let error = value(&tokens(&nowhere, machine(None))).await.unwrap_err();
    assert!(error.to_string().contains("only machines in Azure have one"), "{error}");
    assert!(before.elapsed() < Duration::from_mins(2), "{:?}", before.elapsed());
}

#[tokio::test]
async fn a_request_to_a_host_has_its_header() {
    let service =
        Service::new(|_| Some((200, r#"{"access_token":"of-the-host","expires_on":"4070908800"}"#.to_owned())));
    let url = Url::parse("http://localhost:42356/msi/token").unwrap();
    let from = IdentityService::Host(url, Secret::new("header-secret"));
    let tokens = tokens(&service, SignIn::ManagedIdentity { service: from, client_id: None });
    assert_eq!(value(&tokens).await.unwrap(), "of-the-host");
    let seen = &service.seen()[0];
    assert_eq!(seen.headers["x-identity-header"], "header-secret");
    assert_eq!(
        seen.url.as_str(),
        "http://localhost:42356/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fstorage.azure.com"
    );
}
