//! Tokens, front door, versions, headers, throttle.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::emulator::media_v2::front_door;

#[tokio::test(start_paused = true)]
async fn a_token_is_a_swt_with_its_lifetime_as_text_and_expires_by_the_clock() {
    let bench = Bench::new().await;
    let got = bench.token(0).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.json()["expires_in"], json!("21600"));
    let token = got.json()["access_token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("http%3a%2f%2fschemas.xmlsoap.org%2f"), "{token}");
    assert!(token.contains("&ExpiresOn=") && token.contains("&HMACSHA256="));
    assert_eq!(bench.get("Assets").await.status, 200);
    tokio::time::advance(Duration::from_secs(21_601)).await;
    assert_eq!(bench.get("Assets").await.status, 401);
}

#[tokio::test]
async fn a_token_of_another_account_and_an_altered_token_are_refused() {
    let mut bench = Bench::new().await;
    bench.tokens.swap(0, 1);
    assert_eq!(bench.get("Assets").await.status, 401);
    bench.tokens.swap(0, 1);
    bench.tokens[0] = bench.tokens[0].replace("ExpiresOn=1", "ExpiresOn=9");
    assert_eq!(bench.get("Assets").await.status, 401);
}

#[tokio::test]
async fn wrong_credentials_and_wrong_grants_have_different_answers() {
    let bench = Bench::new().await;
    let ask = |form: &'static str| bench.token_request(0, "/v2/OAuth2-13", form);
    let wrong = ask("grant_type=client_credentials&client_id=mediawest&client_secret=nope").await;
    assert_eq!((wrong.status, wrong.json()["error"].as_str()), (401, Some("invalid_client")));
    assert_eq!(ask("grant_type=password&client_id=mediawest&client_secret=nope").await.status, 400);
    assert_eq!(bench.token_request(0, "/elsewhere", "").await.status, 404);
}

#[tokio::test]
async fn an_entra_token_is_valid_for_the_account_too() {
    let mut bench = Bench::new().await;
    let secret: String = url::form_urlencoded::byte_serialize(bench.world.regions[0].media.key().as_bytes()).collect();
    let form = |resource: &str| {
        format!("grant_type=client_credentials&client_id=mediawest&client_secret={secret}&resource={resource}")
    };
    let refused = bench.token_request(0, "/tenant/oauth2/token", &form("https://vault.azure.net")).await;
    assert_eq!(refused.status, 400);
    let got = bench.token_request(0, "/tenant/oauth2/token", &form("https%3A%2F%2Frest.media.azure.net")).await;
    assert_eq!(got.status, 200, "{}", got.text);
    assert_eq!(got.json()["expires_in"], json!("21600"));
    bench.tokens[0] = got.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(bench.get("Assets").await.status, 200);
}

#[tokio::test]
async fn the_front_door_redirects_every_verb_to_the_root_of_the_cluster() {
    let bench = Bench::new().await;
    for method in ["GET", "POST", "MERGE", "DELETE", "HEAD"] {
        let request = Request::builder().method(method).uri("/API/Assets('x')/Files").body(Body::empty()).unwrap();
        let got = taken(front_door(&bench.world, 0, request).await).await;
        assert_eq!((got.status, got.header("location")), (301, "http://cluster.west/api/"), "{method}");
        assert!(got.header("content-type").starts_with("text/html"));
        assert_eq!(got.header("request-id"), got.header("x-ms-request-id"));
    }
}

#[tokio::test]
async fn a_call_needs_a_known_version_and_a_known_segment() {
    let mut bench = Bench::new().await;
    for version in ["2.20", "3.0", "x", ""] {
        bench.version = version;
        assert_eq!(bench.get("Assets").await.status, 400, "{version}");
    }
    bench.version = "2.5";
    assert_eq!(bench.get("StreamingEndpoints").await.status, 404, "2.7 brought them");
    bench.version = "2.19";
    let got = bench.get("Nothings").await;
    assert_eq!((got.status, got.message().as_str()), (404, "Resource not found for the segment 'Nothings'."));
}

#[tokio::test]
async fn headers_are_those_of_the_service() {
    let mut bench = Bench::new().await;
    let request = bench.request(0, "GET", "Assets").header("x-ms-client-request-id", "mine").body(Body::empty());
    let got = bench.send(0, request.unwrap()).await;
    assert_eq!(got.header("x-ms-client-request-id"), "mine");
    assert_eq!(got.header("dataserviceversion"), "2.0;");
    assert_eq!(got.header("content-type"), "application/json;odata=verbose;charset=utf-8");
    assert_eq!(got.header("request-id"), got.header("x-ms-request-id"));
    let head = bench.call(0, "HEAD", "Assets", &Json::Null).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), got.text.len().to_string());
    bench.light = true;
    let got = bench.get("Assets").await;
    assert_eq!(got.header("dataserviceversion"), "3.0;");
    assert_eq!(got.header("content-type"), "application/json;odata=minimalmetadata;streaming=true;charset=utf-8");
    assert_eq!(got.json()["odata.metadata"], json!("http://cluster.west/api/$metadata#Assets"));
}

#[tokio::test]
async fn a_verb_can_be_tunnelled_through_post() {
    let bench = Bench::new().await;
    let id = bench.asset().await;
    let request = bench.request(0, "POST", &format!("Assets('{id}')")).header("x-http-method", "MERGE");
    let got = bench.send(0, request.body(Body::from(r#"{"Name":"b"}"#)).unwrap()).await;
    assert_eq!(got.status, 204);
    assert_eq!(bench.get(&format!("Assets('{id}')")).await.d()["Name"], json!("b"));
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_are_refused_until_time_passes() {
    let bench = Bench::with(|m| m.requests_per_second = 50).await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(bench.get("Assets").await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 503, 503, 503]);
    assert!(bench.get("Assets").await.message().starts_with("Server is busy."));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(bench.get("Assets").await.status, 200);
    let rows = bench.world.stats.snapshot().requests;
    let count = |status| rows.iter().find(|r| r.operation == "ListAssets" && r.status == status).map(|r| r.count);
    assert_eq!((count(200), count(503)), (Some(6), Some(4)));
}

#[tokio::test]
async fn a_streaming_endpoint_stops_and_starts_with_operations() {
    let bench = Bench::new().await;
    let list = bench.get("StreamingEndpoints").await.d();
    let endpoint = &list["results"][0];
    assert_eq!((&endpoint["State"], &endpoint["HostName"]), (&json!("Running"), &json!("streaming.west")));
    let id = endpoint["Id"].as_str().unwrap();
    let media = &bench.world.regions[0].media;
    assert!(media.endpoint_running());
    tokio::time::pause();
    let got = bench.post(&format!("StreamingEndpoints('{id}')/Stop"), Json::Null).await;
    assert_eq!(got.status, 202);
    let operation = format!("Operations('{}')", got.header("operation-id"));
    assert_eq!(bench.get(&operation).await.d()["State"], json!("InProgress"));
    assert!(!media.endpoint_running());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(bench.get(&operation).await.d()["State"], json!("Succeeded"));
    let state = format!("StreamingEndpoints('{id}')/State");
    assert_eq!(bench.get(&state).await.d()["State"], json!("Stopped"));
    assert_eq!(bench.post(&format!("StreamingEndpoints('{id}')/Start"), Json::Null).await.status, 202);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(media.endpoint_running());
}

#[tokio::test]
async fn a_missing_set_is_an_empty_list_and_refuses_other_requests_by_name() {
    let bench = Bench::new().await;
    for (set, feature) in [
        ("IngestManifests", "ingest manifests"),
        ("JobTemplates", "job templates and task templates"),
        ("TaskTemplates", "job templates and task templates"),
    ] {
        assert_eq!(bench.get(set).await.d(), json!({ "results": [] }), "{set}");
        let one = format!("{set}('nb:x:UUID:1')");
        for refused in [bench.post(set, json!({ "Name": "n" })).await, bench.get(&one).await, bench.delete(&one).await]
        {
            let message = format!("This emulator does not implement {feature}.");
            assert_eq!((refused.status, refused.message()), (501, message));
        }
    }
    assert_eq!(bench.get("$metadata").await.status, 501);
    let endpoint = bench.post("StreamingEndpoints", json!({ "Name": "second" })).await;
    assert_eq!((endpoint.status, endpoint.message().contains("streaming endpoints")), (501, true), "{}", endpoint.text);
    assert_eq!(bench.get("NothingLikeThis").await.status, 404);
}

#[tokio::test]
async fn a_body_in_single_quotes_is_read() {
    let bench = Bench::new().await;
    let sent = async |body: &'static str| {
        bench.send(0, bench.request(0, "POST", "Assets").body(Body::from(body)).unwrap()).await
    };
    let made = sent("{ 'Name': 'it\\'s \"quoted\"', \"AlternateId\": \"it's\" }").await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!((&made.d()["Name"], &made.d()["AlternateId"]), (&json!("it's \"quoted\""), &json!("it's")));
    assert_eq!(sent("{ 'Name': 'open }").await.status, 400);
}
