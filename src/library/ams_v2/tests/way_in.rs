//! Tokens, the front door, and refusals.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;

use super::*;
use crate::error::{Disposition, Failure};

fn not_found() -> Reply {
    refused(404, "Resource Asset not found")
}

async fn ask(service: &AmsV2) -> Result<Option<Asset>, Error> {
    service.asset(&AssetId::new("nb:cid:UUID:1")).await
}

fn token(value: &str, life: &Value) -> Reply {
    json_reply(200, &json!({"access_token": value, "expires_in": life}))
}

fn is_token_request(seen: &Seen) -> bool {
    seen.url.path().ends_with("OAuth2-13")
}

#[tokio::test(start_paused = true)]
async fn many_concurrent_requests_share_one_token_and_one_redirect() {
    let fake = Fake::new(|_| not_found());
    let service = client(&fake, "2.19", 32);
    join_all((0..50).map(|_| ask(&service))).await;
    assert_eq!(fake.seen(true).len(), 1);
    assert_eq!(fake.seen(false).len(), 51);
    let seen = fake.seen(true)[0].clone();
    assert_eq!(
        seen.body,
        "grant_type=client_credentials&client_id=acct&client_secret=k%2B%2F%3D&scope=urn%3AWindowsAzureMediaServices"
    );
    assert_eq!(seen.url.query(), None);
    let last = fake.seen(false)[50].clone();
    assert_eq!(last.header("authorization"), Some("Bearer token-1"));
    assert_eq!(last.header("x-ms-version"), Some("2.19"));
    assert!(last.url.as_str().ends_with("/api/Assets('nb%3Acid%3AUUID%3A1')"), "{}", last.url);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_ten_minutes_before_its_end() {
    let fake = Fake::new(|_| not_found());
    let service = service_of(&fake, "2.19");
    ask(&service).await.unwrap();
    tokio::time::advance(Duration::from_secs(21_600 - 605)).await;
    ask(&service).await.unwrap();
    assert_eq!(fake.seen(true).len(), 1, "eleven minutes before the end it still serves");
    tokio::time::advance(Duration::from_secs(10)).await;
    ask(&service).await.unwrap();
    assert_eq!(fake.seen(true).len(), 2);
    assert_eq!(fake.seen(false).last().unwrap().header("authorization"), Some("Bearer token-2"));
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_early_renewal_the_valid_token_is_used() {
    let tokens = AtomicUsize::new(0);
    let fake = Fake::with_tokens(move |seen| {
        if !is_token_request(seen) {
            return if seen.url.path() == "/api/" { feed(&[]) } else { not_found() };
        }
        match tokens.fetch_add(1, Ordering::SeqCst) {
            0 => token("first", &json!(3600)),
            _ => refused(503, "Server is busy"),
        }
    });
    let service = service_of(&fake, "2.19");
    ask(&service).await.unwrap();
    tokio::time::advance(Duration::from_secs(3100)).await;
    ask(&service).await.unwrap();
    ask(&service).await.unwrap();
    assert_eq!(fake.seen(true).len(), 2, "the second failure is not provoked at once");
    assert_eq!(fake.seen(false).last().unwrap().header("authorization"), Some("Bearer first"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_renewed_once_and_the_request_is_sent_again() {
    let fake = Fake::new(|seen| match seen.header("authorization") {
        Some("Bearer token-1") => refused(401, "expired"),
        _ => not_found(),
    });
    let service = service_of(&fake, "2.19");
    assert!(ask(&service).await.unwrap().is_none());
    assert_eq!((fake.seen(true).len(), fake.seen(false).len()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_token_can_expire_during_a_later_attempt() {
    let calls = AtomicUsize::new(0);
    let fake = Fake::new(move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => refused(503, "Server is busy."),
        1 => refused(401, "expired"),
        _ => not_found(),
    });
    assert!(ask(&service_of(&fake, "2.19")).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_account_that_refuses_every_token_ends_the_run() {
    let fake = Fake::new(|_| refused(401, "no"));
    let error = ask(&service_of(&fake, "2.19")).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Fatal);
    assert_eq!(fake.seen(true).len(), 2, "one renewal");
}

#[tokio::test(start_paused = true)]
async fn a_request_to_a_busy_token_service_is_retried() {
    let tokens = AtomicUsize::new(0);
    let fake = Fake::with_tokens(move |seen| {
        if !is_token_request(seen) {
            return if seen.url.path() == "/api/" { feed(&[]) } else { not_found() };
        }
        match tokens.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::Is(503, vec![], "<h1>busy</h1>".to_owned()),
            1 => Reply::Lost,
            2 => refused(500, "oops"),
            _ => token("late", &json!("3600")),
        }
    });
    assert!(ask(&service_of(&fake, "2.19")).await.unwrap().is_none());
    assert_eq!(fake.seen(true).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn wrong_credentials_are_reported_and_not_tried_by_every_waiting_task() {
    let fake = Fake::with_tokens(|_| {
        json_reply(401, &json!({"error": "invalid_client", "error_description": "ACS50012: Authentication failed."}))
    });
    let service = client(&fake, "2.19", 8);
    let results = join_all((0..8).map(|_| ask(&service))).await;
    assert_eq!(fake.seen(true).len(), 1);
    for result in results {
        let error = result.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Fatal);
        assert!(error.to_string().contains("ACS50012"), "{error}");
        assert!(!error.to_string().contains("k+/="), "{error}");
    }
}

fn front_door_to(location: &'static str) -> Arc<Fake> {
    Fake::with_tokens(move |seen| {
        if is_token_request(seen) {
            return token("t", &json!(3600));
        }
        match seen.url.host_str() {
            Some("front.example") => {
                Reply::Is(301, vec![("location", location.to_owned())], "<h2>Object moved</h2>".to_owned())
            }
            _ => not_found(),
        }
    })
}

#[tokio::test(start_paused = true)]
async fn the_redirect_of_the_front_door_is_followed_once() {
    let fake = front_door_to("https://wamsbay.cluster.example/api/");
    let service = client(&fake, "2.19", 8);
    join_all((0..8).map(|_| ask(&service))).await;
    let hosts: Vec<_> = fake.seen(false).iter().map(|seen| seen.url.host_str().unwrap().to_owned()).collect();
    assert_eq!(hosts.iter().filter(|host| *host == "front.example").count(), 1);
    assert_eq!(hosts.iter().filter(|host| *host == "wamsbay.cluster.example").count(), 8);
    assert_eq!(fake.seen(false).last().unwrap().header("authorization"), Some("Bearer t"));
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_a_foreign_host_is_refused_with_the_remedy() {
    for location in ["https://evil.example/api/", "http://wamsbay.cluster.example/api/"] {
        let fake = front_door_to(location);
        let error = ask(&service_of(&fake, "2.19")).await.unwrap_err();
        assert!(matches!(error.failure(), Some(Failure::ForeignHost(_))), "{error}");
        assert!(error.to_string().contains("add it to `redirect_hosts`"), "{error}");
        assert_eq!(fake.seen(false).len(), 1, "the token went nowhere else");
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_anywhere_else_is_not_followed() {
    let fake =
        Fake::new(|_| Reply::Is(302, vec![("location", "https://other.example/x?sig=1".to_owned())], String::new()));
    let error = ask(&service_of(&fake, "2.19")).await.unwrap_err();
    assert!(error.to_string().contains("redirects (HTTP 302) to other.example:443"), "{error}");
    assert_eq!(fake.seen(false).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_html_is_reported_with_its_first_words() {
    let fake = Fake::new(|_| Reply::Is(200, vec![], "<html><body>Welcome to the portal</body></html>".to_owned()));
    let error = ask(&service_of(&fake, "2.19")).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("Welcome to the portal") && text.contains("is `endpoint` the API root?"), "{text}");
}
