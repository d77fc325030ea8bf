//! Copies between accounts.

use std::time::Duration;

use crate::emulator::blob::testing::{Got, Ground};
use crate::emulator::settings::BlobLimits;
use crate::emulator::storage::{Content, NewBlob};

const BLOCK: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

/// A source blob `films/a` with all properties of a blob, and an empty container `films` in the other region.
async fn ground(limits: BlobLimits) -> std::sync::Arc<Ground> {
    let ground = Ground::with([BlobLimits::default(), limits]);
    ground.accounts[0].create_container("films").unwrap();
    ground.accounts[1].create_container("films").unwrap();
    let headers = [
        BLOCK,
        ("x-ms-blob-content-type", "video/mp4"),
        ("x-ms-blob-cache-control", "max-age=60"),
        ("x-ms-meta-title", "a"),
        ("x-ms-tags", "k=v"),
    ];
    ground.ask(0, "PUT /west/films/a", &headers, "0123456789").await.expect(201);
    ground
}

async fn head(ground: &Ground, name: &str) -> Got {
    ground.ask(1, &format!("HEAD /east/films/{name}"), &[], "").await.expect(200)
}

#[tokio::test]
async fn put_blob_from_url_copies_headers_and_bytes_but_not_metadata_and_tags() {
    let ground = ground(BlobLimits::default()).await;
    let source = ground.source("films", "a");
    ground.ask(1, "PUT /east/films/a", &[BLOCK, ("x-ms-copy-source", &source)], "").await.expect(201);
    let copy = head(&ground, "a").await;
    assert_eq!((copy.header("content-type"), copy.header("cache-control")), ("video/mp4", "max-age=60"));
    assert_eq!((copy.header("x-ms-meta-title"), copy.header("x-ms-tag-count")), ("", ""));
    assert_eq!((copy.header("content-length"), copy.header("x-ms-copy-id")), ("10", ""));
    assert_eq!(ground.ask(1, "GET /east/films/a", &[], "").await.expect(200).text(), "0123456789");
    let fingerprint = |region: usize| ground.accounts[region].fingerprint("films", "a").unwrap();
    assert_eq!(fingerprint(0), fingerprint(1));

    let explicit = [
        BLOCK,
        ("x-ms-copy-source", source.as_str()),
        ("x-ms-copy-source-blob-properties", "false"),
        ("x-ms-blob-content-type", "text/plain"),
        ("x-ms-meta-own", "1"),
        ("x-ms-tags", "t=u"),
    ];
    ground.ask(1, "PUT /east/films/b", &explicit, "").await.expect(201);
    let copy = head(&ground, "b").await;
    assert_eq!((copy.header("content-type"), copy.header("cache-control")), ("text/plain", ""));
    assert_eq!((copy.header("x-ms-meta-own"), copy.header("x-ms-tag-count")), ("1", "1"));

    let tagged = |permissions| {
        let sas = ground.service_sas(0, "c", "films", permissions, 60);
        Ground::url(0, &format!("films/a?{sas}"))
    };
    let option = ("x-ms-copy-source-tag-option", "COPY");
    let refused = ground.ask(1, "PUT /east/films/c", &[BLOCK, option, ("x-ms-copy-source", &tagged("r"))], "").await;
    refused.refused(403, "CannotVerifyCopySource");
    ground.ask(1, "PUT /east/films/c", &[BLOCK, option, ("x-ms-copy-source", &tagged("rt"))], "").await.expect(201);
    assert_eq!(head(&ground, "c").await.header("x-ms-tag-count"), "1");
}

#[tokio::test]
async fn the_destination_reports_the_refusal_of_the_source() {
    let ground = ground(BlobLimits::default()).await;
    let try_source =
        async |source: &str| ground.ask(1, "PUT /east/films/a", &[BLOCK, ("x-ms-copy-source", source)], "").await;
    let said = |got: Got| {
        let status = got.header("x-ms-copy-source-status-code").to_owned();
        (status, got.header("x-ms-copy-source-error-code").to_owned())
    };
    let got = try_source(&Ground::url(0, "films/a")).await.refused(401, "CannotVerifyCopySource");
    assert_eq!(said(got), ("401".to_owned(), "NoAuthenticationInformation".to_owned()));
    let expired = ground.service_sas(0, "c", "films", "r", -1);
    let got = try_source(&Ground::url(0, &format!("films/a?{expired}"))).await.refused(403, "CannotVerifyCopySource");
    assert_eq!(said(got), ("403".to_owned(), "AuthenticationFailed".to_owned()));
    let list_only = ground.service_sas(0, "c", "films", "l", 60);
    let got = try_source(&Ground::url(0, &format!("films/a?{list_only}"))).await.refused(403, "CannotVerifyCopySource");
    assert_eq!(said(got), ("403".to_owned(), "AuthorizationPermissionMismatch".to_owned()));
    let got = try_source(&ground.source("films", "missing")).await.refused(404, "CannotVerifyCopySource");
    assert_eq!(said(got), ("404".to_owned(), "BlobNotFound".to_owned()));
    try_source("http://nowhere:1/west/films/a").await.refused(404, "CannotVerifyCopySource");
    try_source(&format!("{}&x={}", ground.source("films", "a"), "y".repeat(2048)))
        .await
        .refused(400, "InvalidHeaderValue");
    let bearer =
        [BLOCK, ("x-ms-copy-source", &*Ground::url(0, "films/a")), ("x-ms-copy-source-authorization", "Bearer reader")];
    ground.ask(1, "PUT /east/films/a", &bearer, "").await.expect(201);
    let no_async = ground.ask(1, "PUT /east/films/a", &bearer[1..], "").await;
    no_async.refused(401, "CannotVerifyCopySource");
    assert!(ground.stats.snapshot().requests.iter().all(|row| row.account == "east" || row.operation == "PutBlob"));
}

#[tokio::test]
async fn conditions_on_source_and_destination_have_different_codes() {
    let ground = ground(BlobLimits::default()).await;
    let source = ground.source("films", "a");
    let with = |name, value| [BLOCK, ("x-ms-copy-source", source.as_str()), (name, value)];
    let put = async |headers: &[(&str, &str)]| ground.ask(1, "PUT /east/films/a", headers, "").await;
    put(&with("x-ms-source-if-match", "\"0x1\"")).await.refused(412, "SourceConditionNotMet");
    let etag = ground.ask(0, "HEAD /west/films/a", &[], "").await.header("etag").to_owned();
    put(&with("x-ms-source-if-match", &etag)).await.expect(201);
    put(&with("x-ms-source-if-none-match", &etag)).await.refused(412, "SourceConditionNotMet");
    put(&with("if-none-match", "*")).await.refused(409, "BlobAlreadyExists");
    put(&with("if-match", "\"0x1\"")).await.refused(412, "ConditionNotMet");
    put(&with("x-ms-source-content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")).await.refused(400, "Md5Mismatch");
    put(&with("x-ms-source-content-md5", "eB5eJF1ptWaXm4bijSPyxw==")).await.expect(201);
}

#[tokio::test]
async fn blocks_from_url_make_a_blob_without_properties_of_the_source() {
    let ground = ground(BlobLimits::default()).await;
    let source = ground.source("films", "a");
    let block = async |id: &str, range: &str| {
        let headers = [("x-ms-copy-source", source.as_str()), ("x-ms-source-range", range)];
        ground.ask(1, &format!("PUT /east/films/a?comp=block&blockid={id}"), &headers, "").await
    };
    block("MDE%3D", "bytes=0-3").await.expect(201);
    block("MDI%3D", "bytes=4-99").await.expect(201);
    block("MDM%3D", "bytes=10-11").await.refused(416, "CannotVerifyCopySource");
    let list = "<BlockList><Latest>MDE=</Latest><Latest>MDI=</Latest></BlockList>";
    ground.ask(1, "PUT /east/films/a?comp=blocklist", &[], list).await.expect(201);
    let copy = head(&ground, "a").await;
    assert_eq!((copy.header("content-type"), copy.header("x-ms-meta-title")), ("application/octet-stream", ""));
    let fingerprint = |region: usize| ground.accounts[region].fingerprint("films", "a").unwrap();
    assert_eq!(fingerprint(0), fingerprint(1));
}

#[tokio::test]
async fn copy_blob_copies_the_block_list_and_metadata_unless_the_request_sets_it() {
    let ground = ground(BlobLimits::default()).await;
    ground.ask(0, "PUT /west/films/b?comp=block&blockid=MDE%3D", &[], "hello").await.expect(201);
    let list = "<BlockList><Latest>MDE=</Latest></BlockList>";
    ground.ask(0, "PUT /west/films/b?comp=blocklist", &[], list).await.expect(201);
    let source = ground.source("films", "b");
    let started = ground.ask(1, "PUT /east/films/b", &[("x-ms-copy-source", &source)], "").await.expect(202);
    assert_eq!(started.header("x-ms-copy-status"), "success");
    let blocks = ground.ask(1, "GET /east/films/b?comp=blocklist", &[], "").await.expect(200);
    assert!(blocks.text().contains("<Name>MDE=</Name>"), "{}", blocks.text());
    ground.ask(1, "PUT /east/films/c", &[BLOCK, ("x-ms-copy-source", &source)], "").await.expect(201);
    let blocks = ground.ask(1, "GET /east/films/c?comp=blocklist", &[], "").await.expect(200);
    assert!(!blocks.text().contains("<Name>"), "{}", blocks.text());

    let source = ground.source("films", "a");
    let sync = [("x-ms-copy-source", source.as_str()), ("x-ms-requires-sync", "true")];
    ground.ask(1, "PUT /east/films/a", &sync, "").await.expect(202);
    let copy = head(&ground, "a").await;
    assert_eq!((copy.header("x-ms-meta-title"), copy.header("x-ms-copy-status")), ("a", "success"));
    assert!(!copy.header("x-ms-copy-source").contains("sig="), "{}", copy.header("x-ms-copy-source"));
    let own = [("x-ms-copy-source", source.as_str()), ("x-ms-meta-own", "1")];
    ground.ask(1, "PUT /east/films/a", &own, "").await.expect(202);
    let copy = head(&ground, "a").await;
    assert_eq!((copy.header("x-ms-meta-title"), copy.header("x-ms-meta-own")), ("", "1"));
}

#[tokio::test(start_paused = true)]
async fn an_asynchronous_copy_is_pending_until_its_end_time() {
    let ground = ground(BlobLimits { copy_bytes_per_second: 1, ..BlobLimits::default() }).await;
    let source = ground.source("films", "a");
    let start = async || ground.ask(1, "PUT /east/films/a", &[("x-ms-copy-source", &source)], "").await;
    let started = start().await.expect(202);
    assert_eq!(started.header("x-ms-copy-status"), "pending");
    let copy = head(&ground, "a").await;
    assert_eq!((copy.header("content-length"), copy.header("x-ms-copy-progress")), ("0", "0/10"));
    start().await.refused(409, "PendingCopyOperation");
    ground.ask(1, "DELETE /east/films/a", &[], "").await.refused(409, "PendingCopyOperation");
    ground.ask(1, "PUT /east/films/a", &[BLOCK], "x").await.refused(409, "PendingCopyOperation");
    tokio::time::advance(Duration::from_secs(4)).await;
    assert_eq!(head(&ground, "a").await.header("x-ms-copy-progress"), "4/10");
    tokio::time::advance(Duration::from_secs(6)).await;
    let copy = head(&ground, "a").await;
    assert_eq!((copy.header("x-ms-copy-status"), copy.header("x-ms-copy-progress")), ("success", "10/10"));
    assert_eq!((copy.header("content-length"), copy.header("x-ms-meta-title")), ("10", "a"));
    assert_eq!(copy.header("x-ms-copy-id"), started.header("x-ms-copy-id"));
    assert!(!copy.header("x-ms-copy-completion-time").is_empty());
    assert_ne!(copy.header("etag"), started.header("etag"));
    start().await.expect(202);
}

#[tokio::test(start_paused = true)]
async fn an_asynchronous_copy_fails_only_if_its_source_changes_before_its_end() {
    let ground = ground(BlobLimits { async_copy_min_ms: 5000, ..BlobLimits::default() }).await;
    let source = ground.source("films", "a");
    for name in ["early", "late"] {
        ground.ask(1, &format!("PUT /east/films/{name}"), &[("x-ms-copy-source", &source)], "").await.expect(202);
        tokio::time::advance(Duration::from_secs(3)).await;
    }
    ground.ask(0, "PUT /west/films/a", &[BLOCK], "changed").await.expect(201);
    tokio::time::advance(Duration::from_mins(1)).await;
    let early = head(&ground, "early").await;
    assert_eq!((early.header("x-ms-copy-status"), early.header("content-length")), ("success", "10"));
    let late = head(&ground, "late").await;
    assert_eq!((late.header("x-ms-copy-status"), late.header("content-length")), ("failed", "0"));
    assert!(late.header("x-ms-copy-status-description").starts_with("409 "));
    ground.ask(1, "PUT /east/films/gone", &[("x-ms-copy-source", &source)], "").await.expect(202);
    ground.ask(0, "DELETE /west/films/a", &[], "").await.expect(202);
    tokio::time::advance(Duration::from_mins(1)).await;
    let gone = head(&ground, "gone").await;
    assert_eq!(
        gone.header("x-ms-copy-status-description"),
        "404 ResourceNotFound \"Copy failed when reading the source.\""
    );
}

#[tokio::test(start_paused = true)]
async fn an_asynchronous_copy_fails_if_its_signature_expires_before_its_end() {
    let ground = ground(BlobLimits { copy_bytes_per_second: 1, ..BlobLimits::default() }).await;
    for (name, life, status) in [("short", 5, "failed"), ("long", 15, "success")] {
        let sas = ground.service_sas(0, "c", "films", "r", life);
        let source = Ground::url(0, &format!("films/a?{sas}"));
        ground.ask(1, &format!("PUT /east/films/{name}"), &[("x-ms-copy-source", &source)], "").await.expect(202);
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(head(&ground, name).await.header("x-ms-copy-status"), status, "{name}");
    }
}

#[tokio::test]
async fn a_copy_cannot_read_an_archived_source() {
    let ground = ground(BlobLimits::default()).await;
    ground.ask(0, "PUT /west/films/a?comp=tier", &[("x-ms-access-tier", "Archive")], "").await.expect(200);
    let source = ground.source("films", "a");
    let got = ground.ask(1, "PUT /east/films/a", &[BLOCK, ("x-ms-copy-source", &source)], "").await;
    assert_eq!(got.refused(409, "CannotVerifyCopySource").header("x-ms-copy-source-error-code"), "BlobArchived");
}

#[tokio::test(start_paused = true)]
async fn only_a_pending_copy_can_be_aborted_and_only_by_its_id() {
    let ground = ground(BlobLimits { async_copy_min_ms: 5000, ..BlobLimits::default() }).await;
    let source = ground.source("films", "a");
    let started = ground.ask(1, "PUT /east/films/a", &[("x-ms-copy-source", &source)], "").await.expect(202);
    let id = started.header("x-ms-copy-id").to_owned();
    let abort = async |id: &str| {
        ground.ask(1, &format!("PUT /east/films/a?comp=copy&copyid={id}"), &[("x-ms-copy-action", "abort")], "").await
    };
    let unnamed = ground.ask(1, "PUT /east/films/a?comp=copy", &[("x-ms-copy-action", "abort")], "").await;
    unnamed.refused(400, "MissingRequiredQueryParameter");
    abort("nonsense").await.refused(400, "InvalidQueryParameterValue");
    abort("11111111-1111-4111-8111-111111111111").await.refused(409, "CopyIdMismatch");
    abort(&id).await.expect(204);
    let copy = head(&ground, "a").await;
    assert_eq!((copy.header("x-ms-copy-status"), copy.header("content-length")), ("aborted", "0"));
    abort(&id).await.refused(409, "NoPendingCopyOperation");
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(head(&ground, "a").await.header("x-ms-copy-status"), "aborted");
}

#[tokio::test(start_paused = true)]
async fn a_synchronous_copy_is_answered_when_it_is_done() {
    let ground = ground(BlobLimits { copy_bytes_per_second: 1 << 20, latency_ms: 20, ..BlobLimits::default() }).await;
    let content = Content::Synthetic { seed: 1, length: 300 << 20 };
    let blob = NewBlob { content, content_type: None, cache_control: None, metadata: [].into(), tags: [].into() };
    ground.accounts[0].put_blob("films", "big", blob).unwrap();
    let source = ground.source("films", "big");
    let started = tokio::time::Instant::now();
    ground.ask(1, "PUT /east/films/big", &[BLOCK, ("x-ms-copy-source", &source)], "").await.expect(201);
    assert_eq!(started.elapsed(), Duration::from_millis(300_020));
    let sync = [("x-ms-copy-source", source.as_str()), ("x-ms-requires-sync", "true")];
    ground.ask(1, "PUT /east/films/big", &sync, "").await.expect(409);
}

/// Writes, copies from the other region and lists, in a loop.
async fn keep_copying(ground: std::sync::Arc<Ground>, region: usize, name: usize) {
    let (here, there) = (["west", "east"][region], 1 - region);
    for round in 0..50 {
        ground.ask(region, &format!("PUT /{here}/films/{name}"), &[BLOCK], "x").await;
        let sas = ground.service_sas(there, "c", "films", "r", 60);
        let source = Ground::url(there, &format!("films/{}?{sas}", (name + round) % 4));
        ground.ask(region, &format!("PUT /{here}/films/copy{name}"), &[("x-ms-copy-source", &source)], "").await;
        let list = format!("GET /{here}/films?restype=container&comp=list&include=copy");
        ground.ask(region, &list, &[], "").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn simultaneous_copies_in_both_directions_never_deadlock() {
    let limits = BlobLimits { async_copy_min_ms: 1, ..BlobLimits::default() };
    let ground = Ground::with([limits; 2]);
    for account in &ground.accounts {
        account.create_container("films").unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        tasks.spawn(keep_copying(std::sync::Arc::clone(&ground), task % 2, task / 2));
    }
    tokio::time::timeout(Duration::from_mins(1), tasks.join_all()).await.expect("no two requests wait for each other");
    let rows = ground.stats.snapshot().requests;
    let started: u64 = rows.iter().filter(|row| row.operation == "CopyBlob").map(|row| row.count).sum();
    assert_eq!(started, 400);
    assert!(rows.iter().any(|row| row.operation == "CopyBlob" && row.status == 202), "{rows:?}");
}
