//! Bodies that are truncated, slow, of another length, or hostile.

use super::*;

const WHOLE: &str = "0123456789";

#[tokio::test(start_paused = true)]
async fn a_truncated_body_ends_before_its_announced_length() {
    let emulator = emulator().await;
    set(&emulator, Rule::new(Fault::Truncate(4)));
    let response = get(&emulator, "storewest/cat/a").await;
    assert_eq!(header(&response, "content-length"), "10");
    assert!(to_bytes(response.into_body(), 100).await.is_err());
    set(&emulator, Rule::new(Fault::Truncate(10)));
    assert_eq!(text(get(&emulator, "storewest/cat/a").await).await, WHOLE);
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_sent_slowly_and_completely() {
    let emulator = emulator().await;
    set(&emulator, Rule::new(Fault::Slow(Slow { bytes: 3, every_ms: 1_000 })));
    let started = tokio::time::Instant::now();
    assert_eq!(text(get(&emulator, "storewest/cat/a").await).await, WHOLE);
    assert_eq!(started.elapsed(), Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_length_is_longer_or_shorter_than_the_body() {
    let emulator = emulator().await;
    set(&emulator, Rule::new(Fault::ContentLength(WrongLength::Longer)));
    let response = get(&emulator, "storewest/cat/a").await;
    assert_eq!(header(&response, "content-length"), "110");
    assert!(to_bytes(response.into_body(), 1_000).await.is_err());
    set(&emulator, Rule::new(Fault::ContentLength(WrongLength::Shorter)));
    let response = get(&emulator, "storewest/cat/a").await;
    assert_eq!(header(&response, "content-length"), "5");
    assert_eq!(text(response).await, "01234");
}

/// A listing of blobs, mangled.
async fn listed(how: Mangle) -> String {
    let emulator = emulator().await;
    set(&emulator, Rule::new(Fault::Mangle(how)));
    let response = get(&emulator, LIST).await;
    assert_eq!(response.status(), 200);
    text(response).await
}

fn names(page: &str) -> Vec<&str> {
    page.split("<Name>").skip(1).map(|rest| rest.split("</Name>").next().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn pages_of_blobs_are_mangled_in_every_way() {
    assert_eq!(names(&listed(Mangle::Duplicates).await), ["a", "a", "b", "b"]);
    assert_eq!(names(&listed(Mangle::Unsorted).await), ["b", "a"]);
    assert_eq!(names(&listed(Mangle::Empty).await), [""; 0]);
    assert_eq!(names(&listed(Mangle::Half).await), ["a"]);
    assert_eq!(names(&listed(Mangle::DuplicateKeys).await), ["a", "another", "b", "another"]);
    assert!(listed(Mangle::MarkerLoop).await.ends_with("<NextMarker>again</NextMarker></EnumerationResults>"));
    assert!(listed(Mangle::WrongTypes).await.contains("<Content-Length>many10"));
    let bomb = listed(Mangle::Bomb).await;
    assert!(bomb.contains("<!ENTITY e9 ") && bomb.contains("<Name>&e9;"), "{bomb}");
    assert_eq!(listed(Mangle::Deep).await.matches("<Deep>").count(), 10_000);
    let cut = listed(Mangle::Cut).await;
    assert!(cut.starts_with('<') || cut.starts_with('\u{feff}'));
    assert!(!cut.contains("</EnumerationResults>"));
    assert!(listed(Mangle::Html).await.starts_with("<html>"));
    assert!(listed(Mangle::Huge).await.len() > 64 << 20);
}

/// A listing of assets, mangled.
async fn assets(how: Mangle) -> String {
    let generate = crate::emulator::Generate::parse("assets=2,blobs=1,seed=1,awkward=false,real=false").unwrap();
    let emulator = Emulator::builder().generate(generate).start_in_process().await.unwrap();
    let account = &emulator.ready().regions[0];
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", &account.account)
        .append_pair("client_secret", &account.account_key)
        .finish();
    let request = axum::http::Request::post("/v2/OAuth2-13").body(Body::from(form)).unwrap();
    let token: serde_json::Value =
        serde_json::from_str(&text(answer(&emulator.world, Route::Token(0), request).await).await).unwrap();
    set(&emulator, Rule::new(Fault::Mangle(how)).operation("ListAssets"));
    let request = axum::http::Request::get("/api/Assets")
        .header("x-ms-version", "2.19")
        .header("accept", "application/json")
        .header("authorization", format!("Bearer {}", token["access_token"].as_str().unwrap()))
        .body(Body::empty())
        .unwrap();
    let response = answer(&emulator.world, Route::Cluster(0), request).await;
    assert_eq!(response.status(), 200);
    text(response).await
}

#[tokio::test(start_paused = true)]
async fn pages_of_assets_are_mangled_in_every_way() {
    let rows =
        |page: &str| serde_json::from_str::<serde_json::Value>(page).unwrap()["value"].as_array().unwrap().clone();
    let ids = |page: &str| rows(page).iter().map(|row| row["Id"].to_string()).collect::<Vec<_>>();
    let duplicates = ids(&assets(Mangle::Duplicates).await);
    assert_eq!(duplicates.len(), 4);
    assert_eq!(duplicates[0], duplicates[1]);
    assert_eq!(ids(&assets(Mangle::Unsorted).await), [duplicates[2].clone(), duplicates[0].clone()]);
    assert_eq!(rows(&assets(Mangle::Empty).await), [serde_json::Value::Null; 0]);
    assert_eq!(rows(&assets(Mangle::WrongTypes).await), [7, 7]);
    assert_eq!(assets(Mangle::DuplicateKeys).await.matches("\"Id\":").count(), 4);
    assert!(assets(Mangle::Bomb).await.contains("1e999999"));
    assert!(assets(Mangle::Deep).await.contains(&"[".repeat(10_000)));
    assert!(serde_json::from_str::<serde_json::Value>(&assets(Mangle::Cut).await).is_err());
}
