//! One test per fault, against the services themselves.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::HeaderMap;

use super::answer;
use crate::emulator::faults::plan::{
    CopyFate, Fault, FaultPlan, Hang, Mangle, Pretence, Redirect, Refuse, ResetAt, Rule, Slow, SourceFate, WrongLength,
};
use crate::emulator::http::{Request, Response};
use crate::emulator::stats::Plane;
use crate::emulator::storage::StoredPolicy;
use crate::emulator::storage_account::StorageAccount;
use crate::emulator::world::Route;
use crate::emulator::{Emulator, EmulatorHandle};

mod bodies;
mod owner;
mod wire;

use owner::{bearer, settings};

/// An emulator with a container `cat` that holds `a` and `b` in its first storage account, and one `dog` in its second.
async fn emulator() -> EmulatorHandle {
    let emulator = Emulator::builder().settings(settings()).start_in_process().await.unwrap();
    put(&emulator, "storewest/cat?restype=container", "").await;
    put(&emulator, "storeeast/dog?restype=container", "").await;
    for blob in ["a", "b"] {
        let response = put(&emulator, &format!("storewest/cat/{blob}"), "0123456789").await;
        assert_eq!(response.status(), 201);
    }
    emulator
}

fn region_of(path: &str) -> usize {
    usize::from(path.starts_with("storeeast"))
}

/// Asks the blob service.
async fn blob(emulator: &EmulatorHandle, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let mut request = axum::http::Request::builder()
        .method(method)
        .uri(format!("/{path}"))
        .header("x-ms-version", "2021-12-02")
        .header("authorization", bearer(emulator))
        .header("content-length", body.len());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request: Request = request.body(Body::from(body.to_owned())).unwrap();
    answer(&emulator.world, Route::Blob(region_of(path)), request).await
}

async fn put(emulator: &EmulatorHandle, path: &str, body: &str) -> Response {
    blob(emulator, "PUT", path, &[("x-ms-blob-type", "BlockBlob")], body).await
}

async fn get(emulator: &EmulatorHandle, path: &str) -> Response {
    blob(emulator, "GET", path, &[], "").await
}

/// Copies `storewest/cat/a` to `storeeast/dog/<name>`.
async fn copy(emulator: &EmulatorHandle, name: &str, asynchronous: bool) -> Response {
    let source = format!("{}/storewest/cat/a", emulator.world.regions[0].urls.blob);
    let source_url = if asynchronous { signed(emulator, &source) } else { source };
    let bearer = bearer(emulator);
    let mut headers = vec![("x-ms-copy-source", source_url.as_str())];
    if !asynchronous {
        headers.extend([("x-ms-copy-source-authorization", bearer.as_str()), ("x-ms-blob-type", "BlockBlob")]);
    }
    blob(emulator, "PUT", &format!("storeeast/dog/{name}"), &headers, "").await
}

/// A source URL with a signature that does not expire during a test.
fn signed(emulator: &EmulatorHandle, url: &str) -> String {
    let StorageAccount::Internal(account) = &**emulator.world.storage("storewest").unwrap() else { panic!("external") };
    let expiry = Some(emulator.world.clock.timestamp() + jiff::SignedDuration::from_hours(10_000));
    account.set_policy("cat", "read", StoredPolicy { start: None, expiry, permissions: "r".to_owned() }).unwrap();
    let query = crate::emulator::blob::sas::sign_container("storewest", account.key(), "cat", "read", None, None);
    format!("{url}?{query}")
}

async fn text(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

fn set(emulator: &EmulatorHandle, rule: Rule) {
    emulator.set_faults(&FaultPlan::new(1).rule(rule)).unwrap();
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    let headers: &HeaderMap = response.headers();
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

const LIST: &str = "storewest/cat?restype=container&comp=list";

/// The statuses of ten reads of `a`; 0 for a connection that was reset.
async fn ten_reads(emulator: &EmulatorHandle) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..10 {
        let response = get(emulator, "storewest/cat/a").await;
        let cut = response.extensions().get::<super::Cut>().is_some();
        statuses.push(if cut { 0 } else { response.status().as_u16() });
    }
    statuses
}

#[tokio::test(start_paused = true)]
async fn matchers_select_the_requests_that_get_the_fault() {
    let emulator = emulator().await;
    let refuse = || Rule::new(Fault::Refuse(Refuse::status(500)));
    let cases: [(Rule, &[usize]); 7] = [
        (refuse().nth(3), &[2]),
        (refuse().every(4), &[3, 7]),
        (refuse().from(3).to(5), &[2, 3, 4]),
        (refuse().times(2), &[0, 1]),
        (refuse().account("mediawest"), &[]),
        (refuse().plane(Plane::Media), &[]),
        (refuse().operation("{GetBlob,PutBlob}").name("*/cat/a").nth(1), &[0]),
    ];
    for (rule, struck) in cases {
        set(&emulator, rule.clone());
        let statuses = ten_reads(&emulator).await;
        let found: Vec<usize> = (0..10).filter(|n| statuses[*n] == 500).collect();
        assert_eq!(found, struck, "{rule:?}");
    }
    set(&emulator, refuse().name("*/cat/b"));
    assert_eq!(ten_reads(&emulator).await, [200; 10]);
    assert_eq!(get(&emulator, "storewest/cat/b").await.status(), 500);
}

#[tokio::test(start_paused = true)]
async fn a_probability_selects_the_same_requests_for_the_same_seed() {
    let emulator = emulator().await;
    let mut seen = Vec::new();
    for seed in [1, 1, 2, 3] {
        let rule = Rule::new(Fault::Reset(ResetAt::Before)).probability(0.5);
        emulator.set_faults(&FaultPlan::new(seed).rule(rule)).unwrap();
        seen.push(ten_reads(&emulator).await);
        let struck = seen.last().unwrap().iter().filter(|status| **status == 0).count();
        assert_eq!(emulator.fault_strikes(), [struck as u64]);
    }
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0] != seen[2] || seen[0] != seen[3], "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rule_can_be_limited_in_time() {
    let emulator = emulator().await;
    set(&emulator, Rule::new(Fault::Refuse(Refuse::status(503))).after_s(10.0).until_s(20.0));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(get(&emulator, "storewest/cat/a").await.status().as_u16());
        tokio::time::advance(Duration::from_secs(12)).await;
    }
    assert_eq!(statuses, [200, 503, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_has_the_configured_answer_and_is_counted() {
    let emulator = emulator().await;
    for (status, value, header_sent) in
        [(503, "0", "0"), (429, "7", "7"), (500, "86400", "86400"), (502, "-1", "-1"), (504, "soon", "soon")]
    {
        set(&emulator, Rule::new(Fault::Refuse(Refuse::status(status).retry_after(value).code("ServerBusy"))));
        emulator.reset_stats();
        let response = get(&emulator, "storewest/cat/a").await;
        assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (status, header_sent));
        assert_eq!(header(&response, "x-ms-error-code"), "ServerBusy");
        assert!(text(response).await.contains("<Code>ServerBusy</Code>"));
        let row = &emulator.stats().requests[0];
        assert_eq!((row.operation.as_str(), row.status, row.count), ("GetBlob", status, 1));
    }
    set(&emulator, Rule::new(Fault::Refuse(Refuse::status(503))));
    let response = get(&emulator, "storewest/cat/a").await;
    assert_eq!((header(&response, "retry-after"), header(&response, "x-ms-error-code")), ("", ""));
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_can_be_a_past_or_future_date() {
    let emulator = emulator().await;
    for (value, later) in [("date+3600", true), ("date-3600", false)] {
        set(&emulator, Rule::new(Fault::Refuse(Refuse::status(503).retry_after(value))));
        let response = get(&emulator, "storewest/cat/a").await;
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(header(&response, "retry-after")).unwrap();
        assert_eq!(date > emulator.world.clock.timestamp(), later, "{date}");
    }
}

#[tokio::test(start_paused = true)]
async fn headers_report_the_refusal_of_a_copys_source() {
    let emulator = emulator().await;
    let busy = Refuse::status(503).code("CannotVerifyCopySource").source(503, "ServerBusy");
    set(&emulator, Rule::new(Fault::Refuse(busy)).operation("PutBlobFromUrl"));
    let response = copy(&emulator, "a", false).await;
    assert_eq!(header(&response, "x-ms-copy-source-status-code"), "503");
    assert_eq!(header(&response, "x-ms-copy-source-error-code"), "ServerBusy");
    assert_eq!(emulator.fingerprint("storeeast", "dog", "a"), None);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_keeps_the_path_and_has_no_effect() {
    let emulator = emulator().await;
    for status in [301, 302, 307, 308] {
        let redirect = Redirect { status, to: "http://elsewhere.example".to_owned() };
        set(&emulator, Rule::new(Fault::Redirect(redirect)));
        let response = put(&emulator, "storewest/cat/new", "x").await;
        assert_eq!(response.status(), status);
        assert_eq!(header(&response, "location"), "http://elsewhere.example/storewest/cat/new");
    }
    assert_eq!(emulator.fingerprint("storewest", "cat", "new"), None);
}

#[tokio::test(start_paused = true)]
async fn a_stale_read_shows_everything_except_the_last_write() {
    let emulator = emulator().await;
    set(&emulator, Rule::new(Fault::Stale).operation("{ListBlobs,GetBlobProperties}"));
    assert!(text(get(&emulator, LIST).await).await.contains("<Name>b</Name>"), "nothing was written since");
    put(&emulator, "storewest/cat/new1", "x").await;
    put(&emulator, "storewest/cat/new2", "x").await;
    let listed = text(get(&emulator, LIST).await).await;
    assert!(listed.contains("<Name>new1</Name>") && !listed.contains("<Name>new2</Name>"), "{listed}");
    assert_eq!(blob(&emulator, "HEAD", "storewest/cat/new2", &[], "").await.status(), 404);
    assert_eq!(get(&emulator, "storewest/cat/new2").await.status(), 200, "only what the rule names is stale");
}

#[tokio::test(start_paused = true)]
async fn a_write_is_acknowledged_and_something_else_is_stored() {
    let emulator = emulator().await;
    let length = async |path: &str| {
        let response = blob(&emulator, "HEAD", path, &[], "").await;
        (response.status() == 200).then(|| header(&response, "content-length").to_owned())
    };
    for (how, stored) in [(Pretence::Nothing, None), (Pretence::Truncated, Some("5")), (Pretence::Other, Some("10"))] {
        for asynchronous in [false, true] {
            set(&emulator, Rule::new(Fault::Pretend(how)).operation("{PutBlob,PutBlobFromUrl,CopyBlob}"));
            let name = format!("{how:?}-{asynchronous}");
            let response = copy(&emulator, &name, asynchronous).await;
            assert_eq!(response.status(), if asynchronous { 202 } else { 201 });
            assert_eq!(length(&format!("storeeast/dog/{name}")).await.as_deref(), stored, "{name}");
            let source = emulator.fingerprint("storewest", "cat", "a");
            assert_ne!(emulator.fingerprint("storeeast", "dog", &name), source, "{name}");
        }
        let put = put(&emulator, &format!("storeeast/dog/{how:?}"), "0123456789").await;
        assert_eq!(put.status(), 201);
        assert_eq!(length(&format!("storeeast/dog/{how:?}")).await.as_deref(), stored, "{how:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_of_blocks_and_a_deletion_are_acknowledged_and_nothing_happens() {
    let emulator = emulator().await;
    set(&emulator, Rule::new(Fault::Pretend(Pretence::Nothing)).operation("{PutBlockList,DeleteBlob}"));
    let block = "storewest/cat/new?comp=block&blockid=YQ==";
    assert_eq!(blob(&emulator, "PUT", block, &[], "xyz").await.status(), 201);
    let list = "<BlockList><Latest>YQ==</Latest></BlockList>";
    assert_eq!(blob(&emulator, "PUT", "storewest/cat/new?comp=blocklist", &[], list).await.status(), 201);
    assert_eq!(get(&emulator, "storewest/cat/new").await.status(), 404);
    assert_eq!(blob(&emulator, "DELETE", "storewest/cat/a", &[], "").await.status(), 202);
    assert_eq!(get(&emulator, "storewest/cat/a").await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_container_is_deleted_during_a_request() {
    let emulator = emulator().await;
    set(&emulator, Rule::new(Fault::ContainerDeleted).operation("PutBlobFromUrl").nth(2));
    assert_eq!(copy(&emulator, "one", false).await.status(), 201);
    let response = copy(&emulator, "two", false).await;
    assert_eq!((response.status().as_u16(), header(&response, "x-ms-error-code")), (404, "ContainerNotFound"));
    assert_eq!(emulator.fingerprint("storeeast", "dog", "one"), None);
}

#[tokio::test(start_paused = true)]
async fn a_copy_ends_as_the_plan_says() {
    for (fate, seen) in [(CopyFate::Pending, "pending"), (CopyFate::Failed, "failed"), (CopyFate::Aborted, "aborted")] {
        let emulator = emulator().await;
        set(&emulator, Rule::new(Fault::Copy(fate)).operation("CopyBlob"));
        let response = copy(&emulator, "a", true).await;
        assert_eq!((response.status().as_u16(), header(&response, "x-ms-copy-status")), (202, "pending"));
        tokio::time::advance(Duration::from_hours(24 * 30)).await;
        let response = blob(&emulator, "HEAD", "storeeast/dog/a", &[], "").await;
        assert_eq!(header(&response, "x-ms-copy-status"), seen);
    }
}

#[tokio::test(start_paused = true)]
async fn the_source_changes_or_disappears_while_it_is_copied() {
    for fate in [SourceFate::Changed, SourceFate::Deleted, SourceFate::ContainerDeleted] {
        let emulator = emulator().await;
        let before = emulator.fingerprint("storewest", "cat", "a").unwrap();
        set(&emulator, Rule::new(Fault::Source(fate)).nth(2));
        assert_eq!(copy(&emulator, "one", false).await.status(), 201);
        let response = copy(&emulator, "two", false).await;
        match fate {
            SourceFate::Changed => {
                assert_eq!(response.status(), 201);
                assert_ne!(emulator.fingerprint("storewest", "cat", "a"), Some(before));
            }
            _ => assert_eq!(header(&response, "x-ms-copy-source-status-code"), "404"),
        }
        let gone = emulator.fingerprint("storewest", "cat", "b").is_none();
        assert_eq!(gone, fate == SourceFate::ContainerDeleted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pending_copy_fails_if_its_source_changes() {
    let mut settings = settings();
    settings.regions[1].storage[0].limits.async_copy_min_ms = 5_000;
    let emulator = Emulator::builder().settings(settings).start_in_process().await.unwrap();
    put(&emulator, "storewest/cat?restype=container", "").await;
    put(&emulator, "storeeast/dog?restype=container", "").await;
    put(&emulator, "storewest/cat/a", "0123456789").await;
    set(&emulator, Rule::new(Fault::Source(SourceFate::Changed)).operation("CopyBlob"));
    assert_eq!(copy(&emulator, "a", true).await.status(), 202);
    tokio::time::advance(Duration::from_secs(10)).await;
    let response = blob(&emulator, "HEAD", "storeeast/dog/a", &[], "").await;
    assert_eq!(header(&response, "x-ms-copy-status"), "failed");
}

#[tokio::test(start_paused = true)]
async fn the_clock_is_wrong_as_the_plan_says() {
    let emulator = emulator().await;
    let right = emulator.world.clock.timestamp();
    for skew in [600, -600] {
        emulator.set_faults(&FaultPlan::new(1).clock_skew(skew)).unwrap();
        let apart = emulator.world.clock.timestamp().duration_since(right).as_secs();
        assert_eq!(apart, skew);
        let date = header(&get(&emulator, "storewest/cat/a").await, "date").to_owned();
        let value = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(&date).unwrap();
        assert!((value.duration_since(right).as_secs() - skew).abs() <= 1, "{date}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_lifetime_of_tokens_follows_the_plan_and_their_service_can_be_down() {
    let emulator = Emulator::builder().start_in_process().await.unwrap();
    let region = &emulator.ready().regions[0];
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", &region.account)
        .append_pair("client_secret", &region.account_key)
        .finish();
    let ask = || {
        let request = axum::http::Request::post("/v2/OAuth2-13").body(Body::from(form.clone())).unwrap();
        answer(&emulator.world, Route::Token(0), request)
    };
    set(&emulator, Rule::new(Fault::TokenLifetimeS(3)).operation("AcsToken"));
    assert!(text(ask().await).await.contains("\"expires_in\":\"3\""));
    set(&emulator, Rule::new(Fault::Refuse(Refuse::status(500).code("down"))).plane(Plane::Token).until_s(60.0));
    let response = ask().await;
    assert_eq!(response.status(), 500);
    assert!(text(response).await.contains("\"error\":\"down\""));
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(ask().await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn an_account_loses_its_permissions_from_the_given_request() {
    let emulator = emulator().await;
    let refused = Refuse::status(403).code("AuthorizationPermissionMismatch");
    set(&emulator, Rule::new(Fault::Refuse(refused)).account("storewest").from(8));
    assert_eq!(ten_reads(&emulator).await, [200, 200, 200, 200, 200, 200, 200, 403, 403, 403]);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_can_take_effect() {
    for (hang, takes_effect) in [(Hang::Before, false), (Hang::After, true)] {
        let emulator = emulator().await;
        set(&emulator, Rule::new(Fault::Hang(hang)));
        let answer = tokio::time::timeout(Duration::from_hours(24), put(&emulator, "storewest/cat/new", "x")).await;
        assert!(answer.is_err());
        assert_eq!(emulator.fingerprint("storewest", "cat", "new").is_some(), takes_effect);
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_a_good_one() {
    let emulator = emulator().await;
    set(&emulator, Rule::new(Fault::LateMs(3_000)).every(2));
    let began = tokio::time::Instant::now();
    assert_eq!(ten_reads(&emulator).await, [200; 10]);
    assert_eq!(began.elapsed().as_secs(), 15);
}

#[tokio::test]
async fn an_invalid_plan_is_refused_and_changes_nothing() {
    let emulator = emulator().await;
    let wrong = FaultPlan::new(1).rule(Rule::new(Fault::LostAnswer).probability(2.0));
    assert_eq!(emulator.set_faults(&wrong).unwrap_err().key, "rule[0].probability");
    assert_eq!(ten_reads(&emulator).await, [200; 10]);
    assert!(Emulator::builder().faults(wrong).start_in_process().await.is_err());
}
