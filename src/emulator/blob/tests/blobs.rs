//! Containers, uploads, reads, conditions.

use crate::emulator::blob::testing::Ground;
use crate::emulator::storage::{Content, NewBlob};

const BLOCK: [(&str, &str); 1] = [("x-ms-blob-type", "BlockBlob")];

#[tokio::test]
async fn a_container_is_created_once_and_does_not_exist_after_its_deletion() {
    let ground = Ground::new();
    let made =
        ground.ask(0, "PUT /west/films?restype=container", &[("x-ms-meta-kind", "master")], "").await.expect(201);
    assert!(made.header("etag").starts_with("\"0x"));
    ground.ask(0, "PUT /west/films?restype=container", &[], "").await.refused(409, "ContainerAlreadyExists");
    ground.ask(0, "PUT /west/Films?restype=container", &[], "").await.refused(400, "InvalidResourceName");
    let seen = ground.ask(0, "HEAD /west/films?restype=container", &[], "").await.expect(200);
    assert_eq!(seen.header("x-ms-meta-kind"), "master");
    ground.ask(0, "PUT /west/films?restype=container&comp=metadata", &[("x-ms-meta-kind", "b")], "").await.expect(200);
    let seen = ground.ask(0, "GET /west/films?restype=container", &[], "").await.expect(200);
    assert_eq!(seen.header("x-ms-meta-kind"), "b");
    ground.ask(0, "DELETE /west/films?restype=container", &[], "").await.expect(202);
    ground.ask(0, "GET /west/films?restype=container", &[], "").await.refused(404, "ContainerNotFound");
    ground.ask(0, "PUT /west/films/a", &BLOCK, "x").await.refused(404, "ContainerNotFound");
}

#[tokio::test]
async fn a_blob_is_read_with_its_bytes_and_description() {
    let ground = Ground::new();
    ground.ask(0, "PUT /west/films?restype=container", &[], "").await.expect(201);
    let headers = [
        BLOCK[0],
        ("x-ms-blob-content-type", "video/mp4"),
        ("x-ms-meta-title", "A & B"),
        ("x-ms-tags", "genre=drama&year=1969"),
        ("x-ms-access-tier", "Cool"),
    ];
    let put = ground.ask(0, "PUT /west/films/dir/a%20b.mp4", &headers, "hello world").await.expect(201);
    assert_eq!(put.header("content-md5"), "XrY7u+Ae7tCTyyK7j1rNww==");
    let head = ground.ask(0, "HEAD /west/films/dir/a%20b.mp4", &[], "").await.expect(200);
    assert_eq!(head.header("content-length"), "11");
    assert_eq!(head.header("content-type"), "video/mp4");
    assert_eq!(head.header("content-md5"), "XrY7u+Ae7tCTyyK7j1rNww==");
    assert_eq!(head.header("x-ms-meta-title"), "A & B");
    assert_eq!(head.header("x-ms-tag-count"), "2");
    assert_eq!(head.header("x-ms-access-tier"), "Cool");
    assert_eq!(head.header("etag"), put.header("etag"));
    assert!(head.body.is_empty());
    let part = ground.ask(0, "GET /west/films/dir%2Fa%20b.mp4", &[("x-ms-range", "bytes=3-6")], "").await.expect(206);
    assert_eq!(part.text(), "lo w");
    assert_eq!(part.header("content-range"), "bytes 3-6/11");
    ground.ask(0, "GET /west/films/dir/a%20b.mp4", &[("range", "bytes=11-")], "").await.refused(416, "InvalidRange");
    let tags = ground.ask(0, "GET /west/films/dir/a%20b.mp4?comp=tags", &[], "").await.expect(200);
    assert!(tags.text().contains("<Tag><Key>genre</Key><Value>drama</Value></Tag>"), "{}", tags.text());
    ground.ask(0, "DELETE /west/films/dir/a%20b.mp4", &[], "").await.expect(202);
    let gone = ground.ask(0, "HEAD /west/films/dir/a%20b.mp4", &[], "").await.refused(404, "BlobNotFound");
    assert!(gone.body.is_empty());
    let gone = ground.ask(0, "GET /west/films/dir/a%20b.mp4", &[], "").await.refused(404, "BlobNotFound");
    assert!(gone.text().contains("<Code>BlobNotFound</Code>"));
}

#[tokio::test]
async fn description_can_be_changed_and_archived_blobs_cannot_be_read() {
    let ground = Ground::new();
    ground.ask(0, "PUT /west/films?restype=container", &[], "").await.expect(201);
    let put = ground.ask(0, "PUT /west/films/a", &BLOCK, "x").await.expect(201);
    let meta = ground.ask(0, "PUT /west/films/a?comp=metadata", &[("x-ms-meta-a", "1")], "").await.expect(200);
    assert_ne!(meta.header("etag"), put.header("etag"));
    ground
        .ask(0, "PUT /west/films/a?comp=properties", &[("x-ms-blob-cache-control", "no-store")], "")
        .await
        .expect(200);
    let tags = "<Tags><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tags>";
    ground.ask(0, "PUT /west/films/a?comp=tags", &[], tags).await.expect(204);
    let head = ground.ask(0, "HEAD /west/films/a", &[], "").await.expect(200);
    assert_eq!(head.header("x-ms-meta-a"), "1");
    assert_eq!(head.header("cache-control"), "no-store");
    assert_eq!(head.header("content-md5"), "", "Set Blob Properties clears what is not sent");
    assert_eq!(head.header("x-ms-tag-count"), "1");
    ground.ask(0, "PUT /west/films/a?comp=tier", &[("x-ms-access-tier", "Archive")], "").await.expect(200);
    ground.ask(0, "GET /west/films/a", &[], "").await.refused(409, "BlobArchived");
    ground
        .ask(0, "PUT /west/films/a?comp=tier", &[("x-ms-access-tier", "P10")], "")
        .await
        .refused(400, "InvalidBlobTier");
    ground.ask(0, "PUT /west/films/a?comp=snapshot", &[], "").await.refused(501, "NotImplemented");
}

#[tokio::test]
async fn conditions_are_checked_for_writes_and_reads() {
    let ground = Ground::new();
    ground.ask(0, "PUT /west/films?restype=container", &[], "").await.expect(201);
    let etag = ground.ask(0, "PUT /west/films/a", &BLOCK, "x").await.expect(201).header("etag").to_owned();
    let with = |name, value| [BLOCK[0], (name, value)];
    ground.ask(0, "PUT /west/films/a", &with("if-none-match", "*"), "y").await.refused(409, "BlobAlreadyExists");
    ground.ask(0, "PUT /west/films/a", &with("if-match", "\"0x1\""), "y").await.refused(412, "ConditionNotMet");
    ground.ask(0, "PUT /west/films/b", &with("if-match", &etag), "y").await.refused(412, "ConditionNotMet");
    ground.ask(0, "GET /west/films/a", &[("if-none-match", &etag)], "").await.expect(304);
    ground.ask(0, "GET /west/films/a", &[("if-match", "\"0x1\"")], "").await.refused(412, "ConditionNotMet");
    let past = "Sat, 13 Jul 2024 10:00:00 GMT";
    ground.ask(0, "PUT /west/films/a", &with("if-unmodified-since", past), "y").await.refused(412, "ConditionNotMet");
    ground.ask(0, "GET /west/films/a", &[("if-modified-since", past)], "").await.expect(200);
    ground.ask(0, "PUT /west/films/a", &with("if-match", &etag), "y").await.expect(201);
    ground.ask(0, "PUT /west/films/b", &with("if-none-match", "*"), "y").await.expect(201);
    let wrong_crc = [BLOCK[0], ("x-ms-content-crc64", "AAAAAAAAAAA=")];
    ground.ask(0, "PUT /west/films/c", &wrong_crc, "y").await.refused(400, "Crc64Mismatch");
    let wrong_md5 = [BLOCK[0], ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")];
    ground.ask(0, "PUT /west/films/c", &wrong_md5, "y").await.refused(400, "Md5Mismatch");
}

#[tokio::test]
async fn blocks_become_a_blob_only_when_they_are_committed() {
    let ground = Ground::new();
    ground.ask(0, "PUT /west/films?restype=container", &[], "").await.expect(201);
    ground.ask(0, "PUT /west/films/a?comp=block&blockid=MDE%3D", &[], "hello ").await.expect(201);
    ground.ask(0, "PUT /west/films/a?comp=block&blockid=MDI%3D", &[], "world").await.expect(201);
    ground.ask(0, "PUT /west/films/a?comp=block&blockid=MDIz", &[], "same length").await.expect(201);
    ground.ask(0, "PUT /west/films/a?comp=block&blockid=MDIzNDU2", &[], "x").await.refused(400, "InvalidBlobOrBlock");
    ground.ask(0, "GET /west/films/a", &[], "").await.refused(404, "BlobNotFound");
    let list = ground.ask(0, "GET /west/films/a?comp=blocklist&blocklisttype=all", &[], "").await.expect(200);
    assert!(
        list.text()
            .contains("<CommittedBlocks></CommittedBlocks><UncommittedBlocks><Block><Name>MDE=</Name><Size>6</Size>")
    );
    let other = ground.ask(0, "GET /west/films/a?comp=blocklist&blocklisttype=nonsense", &[], "").await;
    other.refused(400, "InvalidQueryParameterValue");
    let unknown = "<BlockList><Latest>MDk=</Latest></BlockList>";
    ground.ask(0, "PUT /west/films/a?comp=blocklist", &[], unknown).await.refused(400, "InvalidBlockList");
    let commit = "<?xml version=\"1.0\"?><BlockList><Latest>MDE=</Latest><Uncommitted>MDI=</Uncommitted></BlockList>";
    let headers = [("x-ms-blob-content-type", "text/plain"), ("x-ms-meta-a", "1")];
    ground.ask(0, "PUT /west/films/a?comp=blocklist", &headers, commit).await.expect(201);
    let got = ground.ask(0, "GET /west/films/a", &[], "").await.expect(200);
    assert_eq!((got.text(), got.header("content-type"), got.header("x-ms-meta-a")), ("hello world", "text/plain", "1"));
    let list = ground.ask(0, "GET /west/films/a?comp=blocklist", &[], "").await.expect(200);
    assert!(list.text().contains("<CommittedBlocks><Block><Name>MDE=</Name><Size>6</Size></Block>"), "{}", list.text());
    let again = "<BlockList><Committed>MDI=</Committed></BlockList>";
    ground.ask(0, "PUT /west/films/a?comp=blocklist", &[], again).await.expect(201);
    assert_eq!(ground.ask(0, "GET /west/films/a", &[], "").await.expect(200).text(), "world");
}

#[tokio::test]
async fn any_range_of_synthetic_content_is_served_whatever_its_length() {
    let ground = Ground::new();
    let account = &ground.accounts[0];
    account.create_container("films").unwrap();
    let blob = NewBlob {
        content: Content::Synthetic { seed: 3, length: 5 << 40 },
        content_type: Some("video/mp4".to_owned()),
        cache_control: None,
        metadata: [("a".to_owned(), "1".to_owned())].into(),
        tags: std::collections::BTreeMap::new(),
    };
    account.put_blob("films", "huge.mp4", blob).unwrap();
    account.copy_within(("films", "huge.mp4"), ("films", "copy.mp4")).unwrap();
    let range = [("range", "bytes=4398046511104-4398047011103")];
    let one = ground.ask(0, "GET /west/films/huge.mp4", &range, "").await.expect(206);
    let other = ground.ask(0, "GET /west/films/copy.mp4", &range, "").await.expect(206);
    assert_eq!(one.body.len(), 500_000);
    assert_eq!(one.body, other.body);
    let (stored, bytes) = account.read_blob("films", "huge.mp4", 4_398_046_511_104 + 77, 100).unwrap();
    assert_eq!(bytes, one.body.slice(77..177));
    assert_eq!((stored.length, stored.content_type.as_deref()), (5 << 40, Some("video/mp4")));
    assert_eq!(account.fingerprint("films", "huge.mp4").unwrap(), account.fingerprint("films", "copy.mp4").unwrap());
}

#[tokio::test]
async fn every_answer_is_counted_and_carries_the_service_headers() {
    let ground = Ground::new();
    let headers = [("x-ms-client-request-id", "mine")];
    let got = ground.ask(0, "GET /west/films/a", &headers, "").await.expect(404);
    assert_eq!(got.header("x-ms-client-request-id"), "mine");
    assert_eq!(got.header("x-ms-version"), "2025-07-05");
    assert!(!got.header("x-ms-request-id").is_empty() && !got.header("date").is_empty());
    let info = ground.ask(0, "GET /west/films/a?restype=account&comp=properties", &[], "").await.expect(200);
    assert_eq!((info.header("x-ms-sku-name"), info.header("x-ms-account-kind")), ("Standard_LRS", "StorageV2"));
    ground.ask(0, "POST /west/films/a", &[], "").await.expect(501);
    let odd = [("x-ms-version", "latest")];
    ground.open(0, "GET /west/films/a", &odd).await.refused(400, "InvalidHeaderValue");
    let long = format!("GET /west/films/{}", "n".repeat(1025));
    ground.accounts[0].create_container("films").unwrap();
    ground.ask(0, &long, &[], "").await.refused(400, "OutOfRangeInput");
    let rows = ground.stats.snapshot().requests;
    let seen: Vec<_> = rows.iter().map(|row| (row.operation.as_str(), row.status, row.count)).collect();
    assert_eq!(
        seen,
        [("GetAccountInformation", 200, 1), ("GetBlob", 400, 2), ("GetBlob", 404, 1), ("Unknown", 501, 1)]
    );
}
