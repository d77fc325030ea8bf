//! What resets look like to a client: on sockets, and in process.

use azure_core::error::ErrorKind;
use azure_core::http::{Method, Request as SdkRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// Everything that is received on a connection, and how it ended.
async fn asked_on_a_socket(fault: Fault) -> (String, Option<std::io::ErrorKind>) {
    let plan = FaultPlan::new(1).rule(Rule::new(fault).operation("Unknown"));
    let emulator = Emulator::builder().faults(plan).start().await.unwrap();
    let authority = emulator.ready().regions[0].storage[0].blob.clone();
    let authority = url::Url::parse(&authority).unwrap();
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", authority.port().unwrap())).await.unwrap();
    stream.write_all(b"GET /storewest/x HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let (mut all, mut piece) = (Vec::new(), [0; 1024]);
    let ended = loop {
        match tokio::time::timeout(Duration::from_secs(5), stream.read(&mut piece)).await.expect("an end in time") {
            Ok(0) => break None,
            Ok(read) => all.extend_from_slice(&piece[..read]),
            Err(error) => break Some(error.kind()),
        }
    };
    emulator.shutdown().await;
    (String::from_utf8(all).unwrap(), ended)
}

#[tokio::test]
async fn a_reset_on_a_socket_comes_before_or_within_the_head() {
    for fault in [Fault::Reset(ResetAt::Before), Fault::LostAnswer] {
        let (came, ended) = asked_on_a_socket(fault).await;
        assert_eq!((came.as_str(), ended), ("", Some(std::io::ErrorKind::ConnectionReset)));
    }
    let (came, ended) = asked_on_a_socket(Fault::Reset(ResetAt::Headers)).await;
    assert!(came.len() <= 24 && "HTTP/1.1 200 OK\r\n".starts_with(&came[..came.len().min(17)]), "{came}");
    assert_eq!(ended, Some(std::io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_truncated_body_on_a_socket_is_shorter_than_announced() {
    let (came, _) = asked_on_a_socket(Fault::Truncate(3)).await;
    let (head, body) = came.split_once("\r\n\r\n").unwrap();
    assert!(head.to_ascii_lowercase().contains("content-length: "), "{head}");
    assert!(body.len() <= 3, "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_reset_in_process_is_an_error_of_the_connection() {
    for (fault, takes_effect) in
        [(Fault::Reset(ResetAt::Before), false), (Fault::Reset(ResetAt::Headers), true), (Fault::LostAnswer, true)]
    {
        let emulator = emulator().await;
        set(&emulator, Rule::new(fault.clone()).operation("PutBlob"));
        let url = format!("{}/storewest/cat/new", emulator.world.regions[0].urls.blob);
        let mut request = SdkRequest::new(url.parse().unwrap(), Method::Put);
        let bearer = bearer(&emulator);
        for (name, value) in
            [("x-ms-version", "2021-12-02"), ("authorization", bearer.as_str()), ("x-ms-blob-type", "BlockBlob")]
        {
            request.insert_header(name, value.to_owned());
        }
        let Err(error) = emulator.http_client().execute_request(&request).await else { panic!("no reset: {fault:?}") };
        assert_eq!(*error.kind(), ErrorKind::Io);
        assert_eq!(emulator.fingerprint("storewest", "cat", "new").is_some(), takes_effect, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_within_the_body_follows_a_complete_head() {
    let emulator = emulator().await;
    set(&emulator, Rule::new(Fault::Reset(ResetAt::Body)));
    let url = format!("{}/storewest/cat/a", emulator.world.regions[0].urls.blob);
    let mut request = SdkRequest::new(url.parse().unwrap(), Method::Get);
    request.insert_header("x-ms-version", "2021-12-02");
    request.insert_header("authorization", bearer(&emulator));
    let answer = emulator.http_client().execute_request(&request).await.unwrap();
    assert_eq!(u16::from(answer.status()), 200);
    assert!(answer.into_body().collect().await.is_err());
}
