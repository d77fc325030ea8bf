//! The shell: started both ways, asked through both ways.

use azure_core::error::ErrorKind;
use azure_core::http::{Method, Request, Url};

use super::*;

async fn get(client: &dyn azure_core::http::HttpClient, url: &str) -> azure_core::Result<(u16, bytes::Bytes)> {
    let request = Request::new(Url::parse(url)?, Method::Get);
    let response = client.execute_request(&request).await?;
    let (status, _, body) = response.deconstruct();
    Ok((u16::from(status), body.collect().await?))
}

#[tokio::test]
async fn the_ready_line_has_exactly_the_promised_fields_first() {
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
async fn in_process_the_admin_service_answers_and_strangers_do_not() {
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
async fn a_port_that_is_taken_is_named_with_its_service() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut settings = Settings::default();
    settings.regions[1].ports.blob = port;
    let error = Emulator::builder().settings(settings).start().await.unwrap_err().to_string();
    assert!(error.contains(&port.to_string()) && error.contains("blob service of region \"east\""), "{error}");
}
