//! The emulator as a whole, on sockets and in process.

use azure_core::error::ErrorKind;
use azure_core::http::{HttpClient, Method, Request, Url};

use super::*;

async fn get(client: &dyn HttpClient, url: &str) -> azure_core::Result<(u16, bytes::Bytes)> {
    send(client, Request::new(Url::parse(url)?, Method::Get)).await
}

async fn send(client: &dyn HttpClient, request: Request) -> azure_core::Result<(u16, bytes::Bytes)> {
    let response = client.execute_request(&request).await?;
    let (status, _, body) = response.deconstruct();
    Ok((u16::from(status), body.collect().await?))
}

#[tokio::test]
async fn the_ready_line_starts_with_exactly_the_documented_fields() {
    let emulator = Emulator::builder().start_in_process().await.unwrap();
    let line: serde_json::Value = serde_json::from_str(&emulator.ready().json()).unwrap();
    assert_eq!(line["ready"], true);
    assert_eq!(line["regions"].as_array().unwrap().len(), 2);
    let west = &line["regions"][0];
    for field in
        ["name", "media", "token", "blob", "streaming", "account", "storage_account", "account_key", "storage_key"]
    {
        assert!(west[field].as_str().is_some_and(|text| !text.is_empty()), "{field} is missing in {west}");
    }
    assert!(west["media"].as_str().unwrap().ends_with("/api/"));
    assert!(west["token"].as_str().unwrap().ends_with("/v2/OAuth2-13"));
    assert!(west["blob"].as_str().unwrap().ends_with("/storewest"));
}

#[tokio::test]
async fn the_admin_service_answers_in_process_and_unknown_hosts_do_not() {
    let emulator = Emulator::builder().start_in_process().await.unwrap();
    let client = emulator.http_client();
    let (status, body) = get(&*client, &format!("{}/_emulator/stats", emulator.ready().admin)).await.unwrap();
    assert_eq!(status, 200);
    assert_eq!(&body[..], br#"{"requests":[],"concurrency":0,"max_concurrency":0}"#);
    let error = get(&*client, "http://127.0.0.1:9/").await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Connection);
    emulator.shutdown().await;
    let error = get(&*client, "http://127.0.0.1:1001/_emulator/stats").await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Connection, "after shutdown nothing answers");
}

#[tokio::test]
async fn on_sockets_the_admin_service_answers_until_shutdown() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let emulator = Emulator::builder().start().await.unwrap();
    let address = emulator.ready().admin.trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request = format!("GET /_emulator/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.ends_with(&emulator.ready().json()), "{answer}");
    emulator.shutdown().await;
    assert!(tokio::net::TcpStream::connect(&address).await.is_err(), "the listener is closed");
}

#[tokio::test]
async fn a_used_port_is_named_with_its_service() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut settings = Settings::default();
    settings.regions[1].ports.blob = port;
    let error = Emulator::builder().settings(settings).start().await.unwrap_err().to_string();
    assert!(error.contains(&port.to_string()) && error.contains("blob service of region \"east\""), "{error}");
}

/// Sends a request to the media API of the first region as a client does: token, cluster, JSON.
async fn media(emulator: &EmulatorHandle, method: Method, path: &str) -> (u16, serde_json::Value) {
    let (client, west) = (emulator.http_client(), &emulator.ready().regions[0]);
    let mut request = Request::new(Url::parse(&west.token).unwrap(), Method::Post);
    request.insert_header("content-type", "application/x-www-form-urlencoded");
    let form: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", &west.account)
        .append_pair("client_secret", &west.account_key)
        .append_pair("scope", "urn:WindowsAzureMediaServices")
        .finish();
    request.set_body(form.into_bytes());
    let (status, token) = send(&*client, request).await.unwrap();
    assert_eq!(status, 200);
    let token: serde_json::Value = serde_json::from_slice(&token).unwrap();
    let mut request = Request::new(Url::parse(&format!("http://{}/api/{path}", west.cluster)).unwrap(), method);
    request.insert_header("authorization", format!("Bearer {}", token["access_token"].as_str().unwrap()));
    for (name, value) in [
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("x-ms-version", "2.19"),
        ("dataserviceversion", "3.0"),
        ("maxdataserviceversion", "3.0"),
    ] {
        request.insert_header(name, value);
    }
    let (status, body) = send(&*client, request).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn a_generated_library_is_listed_by_the_media_api() {
    let generate = Generate::parse("assets=20,blobs=6,seed=3,sizes=small").unwrap();
    let emulator = Emulator::builder().generate(generate).start_in_process().await.unwrap();
    let (status, assets) = media(&emulator, Method::Get, "Assets").await;
    assert_eq!(status, 200, "{assets}");
    let assets = assets["value"].as_array().unwrap();
    assert_eq!(assets.len(), 20);
    let asset = |name: &str| assets.iter().find(|asset| asset["Name"] == name).unwrap();
    assert_eq!(asset("awkward-storage-encrypted")["Options"], 1);
    let (_, locators) = media(&emulator, Method::Get, "Locators").await;
    let of = |name: &str| {
        let id = &asset(name)["Id"];
        locators["value"].as_array().unwrap().iter().filter(|locator| locator["AssetId"] == *id).count()
    };
    assert_eq!((of("awkward-five-locators"), of("awkward-expired-locator"), of("awkward-not-published")), (5, 1, 0));
    let (_, files) = media(&emulator, Method::Get, "Files?$filter=IsPrimary%20eq%20true").await;
    let primaries = files["value"].as_array().unwrap();
    assert!(primaries.iter().any(|file| file["Name"] == "Über uns.ism"), "{files}");
    let several = &asset("awkward-several-ism")["Id"];
    assert!(primaries.iter().all(|file| file["ParentAssetId"] != *several), "none of the two was chosen");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_streaming_endpoint_answers_503() {
    let generate = Generate::parse("assets=1,real=true").unwrap();
    let emulator = Emulator::builder().generate(generate).start_in_process().await.unwrap();
    let url =
        format!("{}/0ba25000-0000-4000-8000-000000000002/bars.ism/manifest", emulator.ready().regions[0].streaming);
    let client = emulator.http_client();
    assert_eq!(get(&*client, &url).await.unwrap().0, 200);
    let (_, endpoints) = media(&emulator, Method::Get, "StreamingEndpoints").await;
    let id = endpoints["value"][0]["Id"].as_str().unwrap();
    let (status, answer) = media(&emulator, Method::Post, &format!("StreamingEndpoints('{id}')/Stop")).await;
    assert_eq!(status, 202, "{answer}");
    tokio::time::sleep(std::time::Duration::from_hours(1)).await;
    let (status, body) = get(&*client, &url).await.unwrap();
    assert_eq!((status, &body[..]), (503, &b"The streaming endpoint is stopped.\n"[..]));
}

#[tokio::test(start_paused = true)]
async fn latency_in_process_passes_in_virtual_time() {
    let mut settings = Settings::default();
    settings.regions[0].storage[0].limits.latency_ms = 3_600_000;
    let emulator = Emulator::builder().settings(settings).start_in_process().await.unwrap();
    let (real, virtual_time) = (std::time::Instant::now(), tokio::time::Instant::now());
    let url = format!("{}/nothing/here", emulator.ready().regions[0].blob);
    let (status, _) = get(&*emulator.http_client(), &url).await.unwrap();
    assert!((400..500).contains(&status), "{status}");
    assert!(virtual_time.elapsed() >= std::time::Duration::from_hours(1));
    assert!(real.elapsed() < std::time::Duration::from_mins(1), "an hour passed for real");
}

#[tokio::test]
async fn a_library_of_folders_is_loaded_into_the_first_region_and_streams() {
    let dir = tempfile::tempdir().unwrap();
    let asset = dir.path().join("my bars");
    std::fs::create_dir(&asset).unwrap();
    for file in std::fs::read_dir("tests/fixtures/bars").unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, asset.join(path.file_name().unwrap())).unwrap();
    }
    let emulator = Emulator::builder().library_dir(dir.path()).start_in_process().await.unwrap();
    let (_, locators) = media(&emulator, Method::Get, "Locators").await;
    let path = locators["value"][0]["Path"].as_str().unwrap();
    let (status, body) = get(&*emulator.http_client(), &format!("{path}bars.ism/manifest")).await.unwrap();
    assert_eq!(status, 200);
    assert_eq!(&body[..], include_bytes!("../../tests/fixtures/bars/bars.ismc"));
}

#[tokio::test]
async fn a_settings_file_is_read_at_the_start_and_its_errors_are_reported() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("emulator.toml");
    std::fs::write(&path, "[[regions]]\nname = \"north\"\naccount = \"medianorth\"\nstorage = [{ account = \"X\" }]\n")
        .unwrap();
    let error = Emulator::builder().settings_file(&path).start_in_process().await.unwrap_err().to_string();
    assert!(error.contains("emulator.toml:4: regions[0].storage[0].account: \"X\""), "{error}");
    std::fs::write(
        &path,
        "[[regions]]\nname = \"north\"\naccount = \"medianorth\"\nstorage = [{ account = \"good\" }]\n",
    )
    .unwrap();
    let emulator = Emulator::builder().settings_file(&path).start_in_process().await.unwrap();
    assert_eq!(emulator.ready().regions[0].storage_account, "good");
}
