//! Limits of the service model, as clients see them.

use crate::emulator::blob::testing::{Got, Ground};
use crate::emulator::settings::BlobLimits;

const BLOCK: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

fn message(got: &Got) -> &str {
    let text = got.text();
    let from = text.find("<Message>").unwrap() + "<Message>".len();
    &text[from..text.find("</Message>").unwrap()]
}

/// Puts blobs until one is refused.
async fn put_until_refused(ground: &Ground, headers: &[(&str, &str)]) -> Got {
    for _ in 0..100 {
        let got = ground.ask(1, "PUT /east/films/a", headers, "").await;
        if !got.status.is_success() {
            return got;
        }
    }
    panic!("nothing was refused");
}

async fn ground(west: BlobLimits, east: BlobLimits) -> std::sync::Arc<Ground> {
    let ground = Ground::with([west, east]);
    for account in &ground.accounts {
        account.create_container("films").unwrap();
    }
    ground.ask(0, "PUT /west/films/a", &[BLOCK], "0123456789").await.expect(201);
    ground
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_are_refused_with_the_text_that_clients_expect() {
    let slow = BlobLimits { requests_per_second: 10, ..BlobLimits::default() };
    let ground = ground(BlobLimits::default(), slow).await;
    let got = put_until_refused(&ground, &[BLOCK]).await.refused(503, "ServerBusy");
    assert_eq!(message(&got), "Operations per second is over the account limit.");
}

#[tokio::test(start_paused = true)]
async fn written_and_read_bytes_have_separate_limits_and_texts() {
    let slow = BlobLimits { ingress_bytes_per_second: 20, egress_bytes_per_second: 20, ..BlobLimits::default() };
    let ground = ground(BlobLimits::default(), slow).await;
    let source = ground.source("films", "a");
    let got = put_until_refused(&ground, &[BLOCK, ("x-ms-copy-source", &source)]).await.refused(503, "ServerBusy");
    assert_eq!(message(&got), "Ingress is over the account limit.");
    ground.ask(1, "GET /east/films/a", &[], "").await.expect(200);
    let got = ground.ask(1, "GET /east/films/a", &[], "").await.refused(503, "ServerBusy");
    assert_eq!(message(&got), "Egress is over the account limit.");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_source_is_reported_by_the_destination() {
    for (slow, text) in [
        (
            BlobLimits { requests_per_second: 10, ..BlobLimits::default() },
            "Operations per second is over the account limit.",
        ),
        (BlobLimits { egress_bytes_per_second: 20, ..BlobLimits::default() }, "Egress is over the account limit."),
    ] {
        let ground = ground(slow, BlobLimits::default()).await;
        let source = ground.source("films", "a");
        let got = put_until_refused(&ground, &[BLOCK, ("x-ms-copy-source", &source)]).await;
        let got = got.refused(503, "CannotVerifyCopySource");
        assert_eq!(got.header("x-ms-copy-source-status-code"), "503");
        assert_eq!(got.header("x-ms-copy-source-error-code"), "ServerBusy");
        assert_eq!(message(&got), text);
    }
}
