//! Names, checksums, headers, tags and tiers: what is accepted, what is stored, and what changes the entity tag.

use std::time::Duration;

use crate::emulator::blob::testing::{Got, Ground};
use crate::emulator::storage::StorageError;

const BLOCK: (&str, &str) = ("x-ms-blob-type", "BlockBlob");
/// The MD5 of `hello world`, and of something else.
const RIGHT: &str = "XrY7u+Ae7tCTyyK7j1rNww==";
const WRONG: &str = "AAAAAAAAAAAAAAAAAAAAAA==";

fn ground() -> std::sync::Arc<Ground> {
    let ground = Ground::new();
    ground.accounts[0].create_container("films").unwrap();
    ground.accounts[1].create_container("films").unwrap();
    ground
}

async fn put(ground: &Ground, headers: &[(&str, &str)]) -> Got {
    ground.ask(0, "PUT /west/films/a", &[&[BLOCK], headers].concat(), "hello world").await
}

async fn head(ground: &Ground) -> Got {
    ground.ask(0, "HEAD /west/films/a", &[], "").await.expect(200)
}

async fn listed(ground: &Ground) -> String {
    ground.ask(0, "GET /west/films?restype=container&comp=list", &[], "").await.expect(200).text().to_owned()
}

#[tokio::test]
async fn a_name_with_a_control_character_is_refused_before_the_service_sees_it() {
    let ground = ground();
    let (token, version) = (("authorization", "Bearer owner"), ("x-ms-version", "2022-11-02"));
    for code in ["%00", "%01", "%09", "%0A", "%0d", "%1B", "%7F", "%C2%81", "%C2%9D", "%EE%80%80", "%EF%80%83"] {
        for request in [format!("PUT /west/films/a{code}b"), format!("GET /west/films/x/{code}")] {
            let got = ground.open(0, &request, &[BLOCK, token, version]).await.expect(400);
            assert_eq!((got.code(), got.header("content-type")), ("", "text/html; charset=us-ascii"), "{request}");
            assert!(got.text().contains("Bad Request - Invalid URL"), "{}", got.text());
        }
    }
    for code in ["%C2%A0", "%E2%80%A8", "%EF%BF%BE", "%20", "%5C"] {
        ground.open(0, &format!("PUT /west/films/a{code}b"), &[BLOCK, token, version]).await.expect(201);
    }
    let source = ground.source("films", "a%01b");
    let copy = ground.ask(1, "PUT /east/films/a", &[BLOCK, ("x-ms-copy-source", &source)], "").await;
    copy.refused(400, "InvalidHeaderValue");
}

#[tokio::test]
async fn put_blob_checks_the_checksum_that_it_stores_and_put_block_list_only_stores_it() {
    let ground = ground();
    put(&ground, &[("x-ms-blob-content-md5", WRONG)]).await.refused(400, "Md5Mismatch");
    put(&ground, &[("x-ms-blob-content-md5", WRONG), ("content-md5", RIGHT)]).await.refused(400, "Md5Mismatch");
    put(&ground, &[("content-md5", WRONG)]).await.refused(400, "Md5Mismatch");
    put(&ground, &[("x-ms-blob-content-md5", RIGHT), ("content-md5", WRONG)]).await.expect(201);
    assert_eq!(head(&ground).await.header("content-md5"), RIGHT);
    ground.ask(0, "PUT /west/films/a?comp=block&blockid=MDE%3D", &[], "hello world").await.expect(201);
    let list = "<BlockList><Latest>MDE=</Latest></BlockList>";
    let commit =
        async |headers: &[(&str, &str)]| ground.ask(0, "PUT /west/films/a?comp=blocklist", headers, list).await;
    commit(&[("content-md5", WRONG)]).await.refused(400, "Md5Mismatch");
    commit(&[("x-ms-blob-content-md5", WRONG)]).await.expect(201);
    assert_eq!(head(&ground).await.header("content-md5"), WRONG);
}

#[tokio::test]
async fn a_checksum_that_is_not_sixteen_bytes_is_refused_in_every_request() {
    let ground = ground();
    put(&ground, &[]).await.expect(201);
    let source = ground.source("films", "a");
    for md5 in ["c2hvcnQ=", "not base64", "AAAAAAAAAAAAAAAAAAAAAAA="] {
        put(&ground, &[("x-ms-blob-content-md5", md5)]).await.refused(400, "InvalidMd5");
        put(&ground, &[("content-md5", md5)]).await.refused(400, "InvalidMd5");
        let properties = [("x-ms-blob-content-md5", md5)];
        ground.ask(0, "PUT /west/films/a?comp=properties", &properties, "").await.refused(400, "InvalidMd5");
        let copy = [BLOCK, ("x-ms-copy-source", source.as_str()), ("x-ms-source-content-md5", md5)];
        ground.ask(1, "PUT /east/films/a", &copy, "").await.refused(400, "InvalidMd5");
    }
    assert_eq!(head(&ground).await.header("content-md5"), RIGHT);
}

#[tokio::test]
async fn metadata_is_limited_to_eight_kilobytes() {
    let ground = ground();
    let (fits, too_long) = ("x".repeat(8 * 1024 - 1), "x".repeat(8 * 1024));
    put(&ground, &[("x-ms-meta-a", &fits)]).await.expect(201);
    put(&ground, &[("x-ms-meta-a", &too_long)]).await.refused(400, "MetadataTooLarge");
}

#[tokio::test]
async fn a_range_after_the_end_is_refused_and_a_valid_one_has_its_own_checksum() {
    let ground = ground();
    put(&ground, &[]).await.expect(201);
    let range = async |headers: &[(&str, &str)]| ground.ask(0, "GET /west/films/a", headers, "").await;
    let behind = range(&[("x-ms-range", "bytes=11-")]).await.refused(416, "InvalidRange");
    assert_eq!(behind.header("content-range"), "bytes */11");
    let hello = ("x-ms-range", "bytes=0-4");
    let md5 = range(&[hello, ("x-ms-range-get-content-md5", "true")]).await.expect(206);
    assert_eq!(md5.header("content-md5"), "XUFAKrxLKna5cZ2REBfFkg==");
    let crc64 = range(&[hello, ("x-ms-range-get-content-crc64", "true")]).await.expect(206);
    let staged = ground.ask(0, "PUT /west/films/b?comp=block&blockid=MDE%3D", &[], "hello").await.expect(201);
    assert_eq!(crc64.header("x-ms-content-crc64"), staged.header("x-ms-content-crc64"));
    let both = [hello, ("x-ms-range-get-content-md5", "true"), ("x-ms-range-get-content-crc64", "true")];
    range(&both).await.refused(400, "InvalidHeaderValue");
}

#[tokio::test]
async fn a_cleared_content_type_is_missing_until_a_write_sets_the_default() {
    let ground = ground();
    put(&ground, &[]).await.expect(201);
    assert_eq!(head(&ground).await.header("content-type"), "application/octet-stream");
    ground.ask(0, "PUT /west/films/a?comp=properties", &[], "").await.expect(200);
    assert!(!head(&ground).await.headers.contains_key("content-type"));
    assert!(listed(&ground).await.contains("<Content-Type></Content-Type>"), "{}", listed(&ground).await);
    let source = ground.source("films", "a");
    let from = ("x-ms-copy-source", source.as_str());
    let type_of = async |headers: &[(&str, &str)]| {
        let got = ground.ask(1, "PUT /east/films/a", headers, "").await;
        assert!(got.status.is_success(), "{}", got.text());
        let copy = ground.ask(1, "HEAD /east/films/a", &[], "").await.expect(200);
        copy.headers.get("content-type").map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(type_of(&[from]).await, None, "Copy Blob");
    assert_eq!(type_of(&[from, ("x-ms-requires-sync", "true")]).await, None, "Copy Blob From URL");
    assert_eq!(type_of(&[BLOCK, from]).await, None, "Put Blob From URL");
    let without = type_of(&[BLOCK, from, ("x-ms-copy-source-blob-properties", "false")]).await;
    assert_eq!(without.as_deref(), Some("application/octet-stream"));
    let empty = "<BlockList></BlockList>";
    ground.ask(0, "PUT /west/films/a?comp=blocklist", &[], empty).await.expect(201);
    assert_eq!(head(&ground).await.header("content-type"), "application/octet-stream");
}

#[tokio::test(start_paused = true)]
async fn properties_and_metadata_change_the_entity_tag_and_tags_do_not() {
    let ground = ground();
    put(&ground, &[("x-ms-blob-content-language", "en"), ("x-ms-meta-a", "1"), ("x-ms-tags", "k=v")]).await.expect(201);
    let version = |got: &Got| (got.header("etag").to_owned(), got.header("last-modified").to_owned());
    let first = version(&head(&ground).await);
    tokio::time::advance(Duration::from_secs(2)).await;
    let tags = "<Tags><TagSet><Tag><Key>t</Key><Value>u</Value></Tag></TagSet></Tags>";
    ground.ask(0, "PUT /west/films/a?comp=tags", &[], tags).await.expect(204);
    assert_eq!(version(&head(&ground).await), first);
    let got = ground.ask(0, "GET /west/films/a?comp=tags", &[], "").await.expect(200);
    assert!(got.text().contains("<TagSet><Tag><Key>t</Key><Value>u</Value></Tag></TagSet>"), "{}", got.text());
    let cleared = "<Tags><TagSet></TagSet></Tags>";
    ground.ask(0, "PUT /west/films/a?comp=tags", &[], cleared).await.expect(204);
    assert_eq!(head(&ground).await.header("x-ms-tag-count"), "");

    let wrong = ("if-match", "\"0x1\"");
    let language = ("x-ms-blob-content-disposition", "inline");
    let properties = "PUT /west/films/a?comp=properties";
    ground.ask(0, properties, &[language, wrong], "").await.refused(412, "ConditionNotMet");
    assert_eq!(version(&head(&ground).await), first);
    ground.ask(0, properties, &[language, ("if-match", &first.0)], "").await.expect(200);
    let second = head(&ground).await;
    let shown =
        ["content-disposition", "content-language", "content-md5", "x-ms-meta-a"].map(|name| second.header(name));
    assert_eq!(shown, ["inline", "", "", "1"]);
    let second = version(&second);
    assert!(second.0 != first.0 && second.1 != first.1, "{first:?} {second:?}");
    tokio::time::advance(Duration::from_secs(2)).await;
    let metadata = "PUT /west/films/a?comp=metadata";
    ground.ask(0, metadata, &[("x-ms-meta-b", "2"), wrong], "").await.refused(412, "ConditionNotMet");
    ground.ask(0, metadata, &[("x-ms-meta-b", "2")], "").await.expect(200);
    let third = head(&ground).await;
    assert_eq!((third.header("x-ms-meta-a"), third.header("x-ms-meta-b")), ("", "2"));
    assert_eq!(third.header("content-disposition"), "inline");
    assert!(version(&third).0 != second.0 && version(&third).1 != second.1);
}

#[tokio::test]
async fn an_archived_blob_keeps_its_content_and_only_tags_and_tier_can_change() {
    let ground = ground();
    put(&ground, &[("x-ms-access-tier", "Archive")]).await.expect(201);
    for (request, headers) in [
        ("PUT /west/films/a", &[BLOCK][..]),
        ("PUT /west/films/a?comp=block&blockid=MDE%3D", &[]),
        ("PUT /west/films/a?comp=metadata", &[]),
        ("PUT /west/films/a?comp=properties", &[]),
        ("GET /west/films/a", &[]),
    ] {
        ground.ask(0, request, headers, "x").await.refused(409, "BlobArchived");
    }
    let read = ground.accounts[0].read_blob("films", "a", 0, 1).unwrap_err();
    assert!(matches!(read, StorageError::Archived(_)), "{read}");
    let tags = "<Tags><TagSet><Tag><Key>t</Key><Value>u</Value></Tag></TagSet></Tags>";
    ground.ask(0, "PUT /west/films/a?comp=tags", &[], tags).await.expect(204);
    ground.ask(0, "PUT /west/films/a?comp=tier", &[("x-ms-access-tier", "Cool")], "").await.expect(200);
    put(&ground, &[]).await.expect(201);
    assert_eq!(head(&ground).await.header("x-ms-access-tier"), "Cool", "a blob written over another keeps its tier");
    ground.ask(0, "DELETE /west/films/a", &[], "").await.expect(202);
}
