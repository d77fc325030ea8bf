//! Sources that a client can read and a copy cannot, and blobs that are encrypted with a customer's key or in a scope.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

use crate::emulator::blob::testing::{Got, Ground};
use crate::emulator::settings::SourceAccess;

const BLOCK: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

/// A blob `films/a` in the first account, and a container `films` in the second.
async fn ground(headers: &[(&str, &str)]) -> std::sync::Arc<Ground> {
    let ground = Ground::new();
    ground.accounts[0].create_container("films").unwrap();
    ground.accounts[1].create_container("films").unwrap();
    ground.ask(0, "PUT /west/films/a", &[&[BLOCK], headers].concat(), "0123456789").await.expect(201);
    ground
}

/// Tries each way to copy the blob to the second account.
async fn every_copy(ground: &Ground) -> Vec<Got> {
    let source = ground.source("films", "a");
    let from = ("x-ms-copy-source", source.as_str());
    let ways: [(&str, &[(&str, &str)]); 4] = [
        ("PUT /east/films/a", &[BLOCK, from]),
        ("PUT /east/films/b?comp=block&blockid=MDE%3D", &[from]),
        ("PUT /east/films/c", &[from]),
        ("PUT /east/films/d", &[from, ("x-ms-requires-sync", "true")]),
    ];
    let mut answers = Vec::new();
    for (request, headers) in ways {
        answers.push(ground.ask(1, request, headers, "").await);
    }
    answers
}

#[tokio::test]
async fn a_source_behind_a_firewall_or_private_endpoint_refuses_copies_and_serves_clients() {
    let ground = ground(&[]).await;
    for (access, status, code) in
        [(SourceAccess::Refused, 403, "AuthorizationFailure"), (SourceAccess::Hidden, 404, "ResourceNotFound")]
    {
        ground.accounts[0].set_source_access(access);
        for got in every_copy(&ground).await {
            let got = got.refused(status, "CannotVerifyCopySource");
            assert_eq!(got.header("x-ms-copy-source-status-code"), status.to_string());
            assert_eq!(got.header("x-ms-copy-source-error-code"), code);
        }
        ground.ask(0, "HEAD /west/films/a", &[], "").await.expect(200);
        let sas = ground.service_sas(0, "c", "films", "r", 60);
        ground.open(0, &format!("GET /west/films/a?{sas}"), &[]).await.expect(200);
        let within = ground.source("films", "a");
        ground.ask(0, "PUT /west/films/b", &[("x-ms-copy-source", &within)], "").await.expect(202);
    }
    ground.accounts[0].set_source_access(SourceAccess::Open);
    for got in every_copy(&ground).await {
        assert!(got.status.is_success(), "{}", got.text());
    }
}

/// The three headers that carry a key, with that prefix of their names.
fn key_headers(prefix: &str, key: [u8; 32]) -> Vec<(String, String)> {
    vec![
        (format!("{prefix}-key"), BASE64.encode(key)),
        (format!("{prefix}-key-sha256"), BASE64.encode(Sha256::digest(key))),
        (format!("{prefix}-algorithm"), "AES256".to_owned()),
    ]
}

fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[tokio::test]
async fn a_blob_with_a_customers_key_is_read_and_copied_only_with_that_key() {
    let (own, other) = (key_headers("x-ms-encryption", [1; 32]), key_headers("x-ms-encryption", [2; 32]));
    let ground = ground(&borrowed(&own)).await;
    for request in ["HEAD /west/films/a", "GET /west/films/a", "PUT /west/films/a?comp=metadata"] {
        ground.ask(0, request, &[], "").await.refused(409, "BlobUsesCustomerSpecifiedEncryption");
        let wrong = ground.ask(0, request, &borrowed(&other), "").await;
        wrong.refused(409, "BlobCustomerSpecifiedEncryptionMismatch");
        let right = ground.ask(0, request, &borrowed(&own), "").await.expect(200);
        assert!(request.starts_with("PUT") || right.header("x-ms-encryption-key-sha256") == own[1].1);
    }
    let list = ground.ask(0, "GET /west/films?restype=container&comp=list", &[], "").await.expect(200);
    let row = format!("<CustomerProvidedKeySha256>{}</CustomerProvidedKeySha256>", own[1].1);
    assert!(list.text().contains(&row), "{}", list.text());
    for got in every_copy(&ground).await {
        let got = got.refused(409, "CannotVerifyCopySource");
        assert_eq!(got.header("x-ms-copy-source-error-code"), "BlobUsesCustomerSpecifiedEncryption");
    }
    let source = ground.source("films", "a");
    let key = key_headers("x-ms-source-encryption", [1; 32]);
    let with_key = [&[BLOCK, ("x-ms-copy-source", source.as_str())], &*borrowed(&key)].concat();
    ground.ask(1, "PUT /east/films/a", &with_key, "").await.expect(201);
    let copy = ground.ask(1, "GET /east/films/a", &[], "").await.expect(200);
    assert_eq!((copy.text(), copy.header("x-ms-encryption-key-sha256")), ("0123456789", ""));
    let plain = ground.ask(1, "GET /east/films/a", &borrowed(&own), "").await;
    plain.refused(409, "BlobDoesNotUseCustomerSpecifiedEncryption");
    ground.ask(1, "GET /east/films/a", &borrowed(&own)[..1], "").await.refused(400, "MissingRequiredHeader");
    let block = "PUT /west/films/a?comp=block&blockid=MDE%3D";
    ground.ask(0, block, &borrowed(&own), "x").await.refused(501, "NotImplemented");
}

#[tokio::test]
async fn an_encryption_scope_is_shown_and_not_copied() {
    let scope = ("x-ms-encryption-scope", "vault");
    let ground = ground(&[scope]).await;
    assert_eq!(ground.ask(0, "HEAD /west/films/a", &[], "").await.expect(200).header(scope.0), scope.1);
    let list = ground.ask(0, "GET /west/films?restype=container&comp=list", &[], "").await.expect(200);
    assert!(list.text().contains("<EncryptionScope>vault</EncryptionScope>"), "{}", list.text());
    for got in every_copy(&ground).await {
        assert!(got.status.is_success(), "{}", got.text());
    }
    assert_eq!(ground.ask(1, "HEAD /east/films/a", &[], "").await.expect(200).header(scope.0), "");
    let source = ground.source("films", "a");
    let copy = [("x-ms-copy-source", source.as_str()), scope];
    ground.ask(1, "PUT /east/films/a", &copy, "").await.refused(501, "NotImplemented");
}
