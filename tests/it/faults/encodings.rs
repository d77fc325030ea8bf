//! Answers that are compressed without a request for it: they are refused, never decompressed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use azure_core::http::{Method, Request, Url};
use mediamirror::emulator::faults::plan::{Fault, FaultPlan, Mangle, Rule};
use mediamirror::engine::Options;
use mediamirror::error::Failure;
use mediamirror::memory::Memory;
use mediamirror::transport::{AllowedHosts, guarded, network};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{LIBRARY, again_under, is_mended_after};
use crate::world::World;

const REFUSED: &str = "it is compressed (gzip), which the request does not allow";

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_compressed_answer_is_refused_with_its_place_and_not_retried() {
    let compressed = || Rule::new(Fault::Mangle(Mangle::Gzip));
    let world = World::empty().await;
    let seeded = world.seed("film", &["film.ism", "film.mp4"]).await;
    world.seed("other", &["other.ism"]).await;
    let container = seeded.asset.container.unwrap().to_string();
    let rule = compressed().operation("ListBlobs").name(format!("*/{container}"));
    let summary = again_under(&world, &[rule], Options::default()).await.unwrap();
    let why = summary.problems[0].finding.to_string();
    assert!(why.contains(&container) && why.contains(REFUSED), "{why}");
    assert_eq!((summary.assets.failed, summary.assets.mirrored), (1, 1));
    assert_eq!(world.emulator.fault_strikes(), [1]);

    let error = again_under(&world, &[compressed().operation("ListAssets")], Options::default()).await.unwrap_err();
    assert!(
        error.to_string().starts_with("failed to list the assets of account media")
            && error.to_string().contains(REFUSED),
        "{error}"
    );
    // Both sides are listed at the same time.
    assert!(world.emulator.fault_strikes()[0] <= 2, "{:?}", world.emulator.fault_strikes());
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    world.sync().await;
    assert_eq!(world.verify().await.differences, []);

    is_mended_after(&[compressed().operation("AcsToken")]).await;
    is_mended_after(&[compressed().operation("Batch").nth(1)]).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn no_request_of_a_run_accepts_a_compressed_answer() {
    let mut world = World::generated(LIBRARY).await;
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    world.intercept(move |request| {
        counted.fetch_add(1, Ordering::Relaxed);
        assert!(!request.headers().iter().any(|(name, _)| name.as_str().eq_ignore_ascii_case("accept-encoding")));
        None
    });
    world.sync().await;
    assert!(asked.load(Ordering::Relaxed) > 50);
}

/// A client of one server, which always sends this answer; also returns the head of the first request.
async fn asked_of(answer: &'static [u8], method: Method) -> (Result<(u16, Vec<u8>), Failure>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let served = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4_096];
        let length = connection.read(&mut head).await.unwrap();
        connection.write_all(answer).await.unwrap();
        String::from_utf8_lossy(&head[..length]).to_lowercase()
    });
    let hosts = AllowedHosts::default();
    hosts.allow(&url);
    let client = guarded(network().unwrap(), hosts, &Memory::default());
    let result = async {
        let answer = client.execute_request(&Request::new(url, method)).await?;
        let status = u16::from(answer.status());
        Ok::<_, Failure>((status, answer.into_body().collect().await?.to_vec()))
    };
    (result.await, served.await.unwrap())
}

#[tokio::test]
async fn the_network_client_requests_no_compression_and_decompresses_nothing() {
    // The body is never sent: an answer that is refused because of its head is not awaited.
    let bomb = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000000\r\n\r\n\x1f\x8b\x08";
    let (result, head) = asked_of(bomb, Method::Get).await;
    let Err(Failure::Unexpected(why)) = result else { panic!("{result:?}") };
    assert!(why.contains(REFUSED), "{why}");
    assert!(head.starts_with("get / http/1.1") && !head.contains("accept-encoding"), "{head}");

    // The status of a refusal is used, even if a proxy changed its text.
    let busy = b"HTTP/1.1 503 Busy\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\n\x1b[J";
    assert_eq!(asked_of(busy, Method::Get).await.0.unwrap(), (503, Vec::new()));

    // The encoding of a stored blob is not that of this answer.
    let stored = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n";
    assert_eq!(asked_of(stored, Method::Head).await.0.unwrap(), (200, Vec::new()));
    let plain = b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(asked_of(plain, Method::Get).await.0.unwrap(), (200, b"{}".to_vec()));
}
