mod blocks;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt as _;

use super::super::fake::{Answer, Asked, Fake, answer, refusal};
use super::*;
use crate::error::Disposition;
use crate::model::{Blob, BlobProperties, ContainerName, CopyMethod, IndexTags};
use crate::verdict::Cause;

const CREATED: &[(&str, &str)] = &[("etag", "\"0xNEW\"")];

fn source_blob(length: u64) -> Blob {
    let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let text = |text: &str| Some(text.to_owned());
    Blob {
        name: "folder/a b.mp4".to_owned(),
        length,
        etag: "\"0xOLD\"".to_owned(),
        last_modified: None,
        properties: BlobProperties {
            content_type: text("video/mp4"),
            content_encoding: text("gzip"),
            content_language: text("de"),
            content_disposition: text("inline"),
            cache_control: text("no-cache"),
            content_md5: Some((0..16).collect()),
            metadata: pairs(&[("key", "value")]),
            tags: IndexTags::Read(pairs(&[("k 1", "a=b"), ("l", "m")])),
        },
        tier: text("Cool"),
        kind: crate::model::BlobKind::Block,
        copy: None,
    }
}

fn source(length: u64) -> CopySource<'static> {
    let (container, blob) = (Box::leak(Box::new(ContainerName::new("from"))), Box::leak(Box::new(source_blob(length))));
    Fake::new([]).account("srcacct").copy_source(container, blob).now_or_never().expect("a key signs at once").unwrap()
}

fn destination() -> BlobRef {
    BlobRef { container: ContainerName::new("to"), name: "folder/a b.mp4".to_owned() }
}

fn target(script: impl IntoIterator<Item = Answer>) -> (Arc<Fake>, BlobAccount) {
    let fake = Fake::new(script);
    let account = fake.account("dstacct");
    (fake, account)
}

fn assert_arrives_whole(asked: &Asked) {
    let headers = [
        ("x-ms-blob-content-type", "video/mp4"),
        ("x-ms-blob-content-encoding", "gzip"),
        ("x-ms-blob-content-language", "de"),
        ("x-ms-blob-content-disposition", "inline"),
        ("x-ms-blob-cache-control", "no-cache"),
        ("x-ms-blob-content-md5", "AAECAwQFBgcICQoLDA0ODw=="),
        ("x-ms-meta-key", "value"),
        ("x-ms-tags", "k%201=a%3Db&l=m"),
        ("x-ms-access-tier", "Cool"),
    ];
    for (name, value) in headers {
        assert_eq!(asked.header(name), value, "{name}");
    }
}

#[test]
fn the_best_method_depends_on_size_and_account() {
    assert_eq!(choose(1 << 40, true), CopyMethod::Async);
    assert_eq!(choose(0, false), CopyMethod::Put);
    assert_eq!(choose(256 << 20, false), CopyMethod::Put);
    assert_eq!(choose((256 << 20) + 1, false), CopyMethod::Blocks);
}

#[tokio::test]
async fn one_request_copies_a_blob_with_all_properties() {
    let (fake, target) = target([answer(201, CREATED)]);
    let copied = target.put_from_url(&destination(), &source(5)).await.unwrap();
    assert_eq!(copied.etag.as_deref(), Some("\"0xNEW\""));
    let asked = &fake.asked()[0];
    assert_eq!((asked.method.as_str(), asked.url.path()), ("PUT", "/dstacct/to/folder%2Fa%20b.mp4"));
    assert_eq!(asked.header("x-ms-blob-type"), "BlockBlob");
    assert_eq!(asked.header("x-ms-source-if-match"), "\"0xOLD\"");
    assert!(asked.header("authorization").starts_with("SharedKey dstacct:"));
    let url = Url::parse(asked.header("x-ms-copy-source")).unwrap();
    assert_eq!(url.path(), "/srcacct/from/folder/a%20b.mp4");
    assert!(url.query_pairs().any(|(name, _)| name == "sig"));
    assert_arrives_whole(asked);
}

#[tokio::test]
async fn a_refused_tier_is_left_out_from_then_on() {
    let (fake, target) = target([refusal(400, "UnsupportedHeader"), answer(201, CREATED)]);
    target.put_from_url(&destination(), &source(5)).await.unwrap();
    target.put_from_url(&destination(), &source(5)).await.unwrap();
    let tiers: Vec<String> = fake.asked().iter().map(|asked| asked.header("x-ms-access-tier").to_owned()).collect();
    assert_eq!(tiers, ["Cool", "", ""]);
}

#[tokio::test]
async fn an_unreadable_source_is_signed_again_once_and_then_ends_the_run() {
    let (fake, target) = target([refusal(403, "CannotVerifyCopySource")]);
    let error = target.put_from_url(&destination(), &source(5)).await.unwrap_err();
    assert_eq!(fake.asked().len(), 2);
    assert_eq!(error.disposition(), Disposition::Fatal);
    assert!(error.to_string().contains("source-refuses-target"), "{error}");
    assert!(!error.to_string().contains("sig="), "{error}");
}

#[tokio::test]
async fn a_change_of_the_source_is_reported() {
    let source_said = |status: &'static str, code: &'static str| {
        let headers = [
            ("x-ms-error-code", "CannotVerifyCopySource"),
            ("x-ms-copy-source-status-code", status),
            ("x-ms-copy-source-error-code", code),
        ];
        answer(409, &headers)
    };
    let modified = answer(409, &[]).with_body("<Error><Message>Copy source blob has been modified.</Message></Error>");
    let cases = [
        (refusal(412, "SourceConditionNotMet"), "source-changing"),
        (refusal(412, "ConditionNotMet"), "source-changing"),
        (modified, "source-changing"),
        (refusal(404, "CannotVerifyCopySource"), "source-vanished"),
        (source_said("404", "BlobNotFound"), "source-vanished"),
        (source_said("409", "BlobArchived"), "archived-in-source"),
        (refusal(409, "BlobArchived"), "archived-in-target"),
        (source_said("409", "BlobUsesCustomerSpecifiedEncryption"), "customer-key"),
        (refusal(409, "BlobUsesCustomerSpecifiedEncryption"), "customer-key"),
        (refusal(403, "RequestForbiddenByContainerEncryptionPolicy"), "encryption-scope"),
        (refusal(400, "Md5Mismatch"), "wrong-checksum"),
        (refusal(412, "LeaseIdMissing"), "lease"),
        (refusal(409, "BlobImmutableDueToLegalHold"), "blob-immutable"),
        (refusal(409, "BlobOperationNotSupported"), "target-not-writable"),
        (refusal(404, "ContainerNotFound"), "target-container-deleted"),
    ];
    for (answer, expected) in cases {
        let (_, target) = target([answer.clone()]);
        let put = target.put_from_url(&destination(), &source(5)).await.unwrap_err().to_string();
        assert!(put.contains(expected), "{put}");
        let (_, target) = self::target([answer.clone()]);
        let started = target.start_copy(&destination(), &source(5)).await.unwrap_err().to_string();
        assert!(started.contains(expected), "{started}");
        let (_, target) = self::target([answer]);
        let blocks = target.put_blocks_from_url(&destination(), &source(5)).await.unwrap_err().to_string();
        assert!(blocks.contains(expected), "{blocks}");
    }
}

#[tokio::test]
async fn a_source_that_refuses_every_signature_has_the_cause_of_its_code() {
    for (code, expected) in
        [("AuthorizationFailure", Cause::SourceRefusesTarget), ("AuthenticationFailed", Cause::SourceSignatureRefused)]
    {
        let headers = [
            ("x-ms-error-code", "CannotVerifyCopySource"),
            ("x-ms-copy-source-status-code", "403"),
            ("x-ms-copy-source-error-code", code),
        ];
        let (_, target) = target([answer(403, &headers)]);
        let error = target.put_from_url(&destination(), &source(5)).await.unwrap_err();
        assert!(matches!(error, Error::Copy { cause, .. } if cause == expected), "{error:?}");
        assert_eq!(error.disposition(), Disposition::Fatal);
    }
}

#[tokio::test]
async fn a_refusal_with_an_unknown_code_means_object_replication_if_the_blob_has_its_header() {
    let head = [("content-length", "1"), ("x-ms-blob-type", "BlockBlob"), ("x-ms-or-policy-id", "p")];
    for (headers, cause) in [(&head[..], Some(Cause::TargetNotWritable)), (&head[..2], None)] {
        let (fake, target) = target([refusal(409, "Unheard"), answer(200, headers)]);
        let error = target.put_from_url(&destination(), &source(5)).await.unwrap_err();
        assert_eq!((error.cause().filter(|cause| *cause != Cause::RequestRefused), fake.asked().len()), (cause, 2));
        let disposition = if cause.is_some() { Disposition::Permanent } else { Disposition::Conflict };
        assert_eq!(error.disposition(), disposition, "{error}");
    }
}

#[tokio::test]
async fn a_stored_md5_of_another_length_is_refused_before_anything_is_sent() {
    let mut source = source(5);
    let mut blob = source.blob.clone();
    blob.properties.content_md5 = Some(vec![7; 15]);
    source.blob = &blob;
    let (fake, target) = target([answer(201, CREATED)]);
    let errors = [
        target.put_from_url(&destination(), &source).await.unwrap_err(),
        target.put_blocks_from_url(&destination(), &source).await.unwrap_err(),
        target.start_copy(&destination(), &source).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Copy { cause: Cause::WrongChecksum, .. }), "{error:?}");
    }
    assert!(fake.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_copy_waits_for_a_throttled_source() {
    let headers = [("x-ms-error-code", "CannotVerifyCopySource"), ("x-ms-copy-source-status-code", "503")];
    let (fake, target) = target([answer(503, &headers), answer(201, CREATED)]);
    target.put_from_url(&destination(), &source(5)).await.unwrap();
    assert_eq!(fake.asked().len(), 2);
}

const STARTED: &[(&str, &str)] = &[("x-ms-copy-id", "id-1"), ("x-ms-copy-status", "pending")];

#[tokio::test]
async fn a_copy_is_started_with_metadata_tags_and_condition() {
    let (fake, target) = target([answer(202, STARTED)]);
    let state = target.start_copy(&destination(), &source(5)).await.unwrap();
    assert_eq!((state.id.as_str(), state.status), ("id-1", CopyStatus::Pending));
    let asked = &fake.asked()[0];
    let sent =
        ["x-ms-source-if-match", "x-ms-meta-key", "x-ms-tags", "x-ms-access-tier"].map(|name| asked.header(name));
    assert_eq!(sent, ["\"0xOLD\"", "value", "k%201=a%3Db&l=m", "Cool"]);
    assert_eq!(asked.header("x-ms-blob-type"), "");
}

fn pending(copy_source: &str) -> Answer {
    answer(
        200,
        &[
            ("content-length", "0"),
            ("x-ms-blob-type", "BlockBlob"),
            ("etag", "\"0x2\""),
            ("x-ms-copy-id", "id-7"),
            ("x-ms-copy-status", "pending"),
            ("x-ms-copy-progress", "1/5"),
            ("x-ms-copy-source", copy_source),
        ],
    )
}

#[tokio::test(start_paused = true)]
async fn a_copy_whose_answer_was_lost_is_adopted() {
    let ours = "http://127.0.0.1:10000/srcacct/from/folder%2Fa%20b.mp4?sv=1&sig=REDACTED";
    let script = [refusal(500, "InternalError"), refusal(409, "PendingCopyOperation"), pending(ours)];
    let (_, target) = target(script);
    let state = target.start_copy(&destination(), &source(5)).await.unwrap();
    assert_eq!((state.id.as_str(), state.progress), ("id-7", Some((1, 5))));
}

#[tokio::test]
async fn a_copy_of_something_else_is_a_conflict() {
    let theirs = "http://127.0.0.1:10000/srcacct/from/other.mp4";
    let (_, target) = target([refusal(409, "PendingCopyOperation"), pending(theirs)]);
    let error = target.start_copy(&destination(), &source(5)).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Conflict);
}

fn remains(id: &'static str, status: &'static str) -> Answer {
    let headers = [
        ("content-length", "0"),
        ("x-ms-blob-type", "BlockBlob"),
        ("etag", "\"0x3\""),
        ("x-ms-copy-id", id),
        ("x-ms-copy-status", status),
    ];
    answer(200, &headers)
}

#[tokio::test]
async fn an_aborted_copy_leaves_nothing() {
    let (fake, target) = target([answer(204, &[]), remains("id-1", "aborted"), answer(202, &[])]);
    target.abort_copy(&destination(), "id-1").await.unwrap();
    let asked = fake.asked();
    let methods: Vec<&str> = asked.iter().map(|asked| asked.method.as_str()).collect();
    assert_eq!(methods, ["PUT", "HEAD", "DELETE"]);
    assert!(asked[0].url.query_pairs().any(|(name, value)| (name.as_ref(), value.as_ref()) == ("copyid", "id-1")));
    assert_eq!(asked[2].header("if-match"), "\"0x3\"");
}

#[tokio::test]
async fn an_abort_that_comes_too_late_changes_nothing() {
    for (id, status) in [("id-1", "success"), ("id-2", "aborted"), ("id-2", "pending")] {
        let (fake, target) = target([refusal(409, "NoPendingCopyOperation"), remains(id, status)]);
        target.abort_copy(&destination(), "id-1").await.unwrap();
        assert_eq!(fake.asked().len(), 2);
    }
}

#[test]
fn names_that_no_url_can_contain_are_unsuitable() {
    let account = Fake::new([]).account("srcacct");
    let container = ContainerName::new("c");
    for name in ["a/../b", "./a", "..", "", "a\tb", &"ü".repeat(400)] {
        let blob = Blob { name: name.to_owned(), ..source_blob(1) };
        let error = account.copy_source(&container, &blob).now_or_never().expect("a key signs at once").unwrap_err();
        assert!(matches!(&error, Error::Found { subject, .. } if subject.contains(name)), "{error}");
    }
    let blob = Blob { name: "100% #1?/a//b\\ü".to_owned(), ..source_blob(1) };
    let source = account.copy_source(&container, &blob).now_or_never().expect("a key signs at once").unwrap();
    assert!(source.url.unsigned().ends_with("/srcacct/c/100%25%20%231%3F/a//b%5C%C3%BC"), "{source:?}");
}

#[test]
fn every_name_is_encoded_as_in_the_url_standard() {
    let account = Fake::new([]).account("srcacct");
    let name: String = (' '..='\u{ff}').chain("/a//b/漢字 🎬/".chars()).collect();
    let (container, blob) = (ContainerName::new("c"), Blob { name, ..source_blob(1) });
    let url = account.url_of(["c"].into_iter().chain(blob.name.split('/')));
    assert_eq!(
        account.copy_source(&container, &blob).now_or_never().expect("a key signs at once").unwrap().url.unsigned(),
        url.as_str()
    );
}
