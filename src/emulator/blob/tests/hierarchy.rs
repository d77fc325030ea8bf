//! An account with a hierarchical namespace.

use std::sync::Arc;

use crate::emulator::blob::testing::Ground;

const BLOCK: (&str, &str) = ("x-ms-blob-type", "BlockBlob");
const MARKER: (&str, &str) = ("x-ms-meta-hdi_isfolder", "true");
const LIST: &str = "GET /west/films?restype=container&comp=list";

/// A hierarchical account with a container of these blobs, and a flat one.
async fn ground(blobs: &[&str]) -> Arc<Ground> {
    let ground = Ground::new();
    ground.accounts[0].make_hierarchical();
    for (region, account) in ["west", "east"].into_iter().enumerate() {
        ground.ask(region, &format!("PUT /{account}/films?restype=container"), &[], "").await.expect(201);
    }
    for name in blobs {
        ground.ask(0, &format!("PUT /west/films/{name}"), &[BLOCK], "x").await.expect(201);
    }
    ground
}

/// The names of a listing, folders with a slash at the end, page by page.
async fn listed(ground: &Ground, query: &str) -> Vec<String> {
    let (mut all, mut marker) = (Vec::new(), String::new());
    loop {
        let got = ground.ask(0, &format!("{LIST}&maxresults=2{query}&marker={marker}"), &[], "").await.expect(200);
        all.extend(got.text().split("<Name>").skip(1).map(|rest| rest.split_once('<').unwrap().0.to_owned()));
        let (_, next) = got.text().rsplit_once("<NextMarker").unwrap();
        match next.strip_prefix('>').and_then(|next| next.split_once('<')) {
            Some((next, _)) => marker = crate::emulator::blob::testing::encode(next),
            None => return all,
        }
    }
}

#[tokio::test]
async fn directories_are_rows_of_a_flat_listing_and_folders_of_another_one() {
    let ground = ground(&["a.txt", "a/b/1", "a-1/x", "a/b.txt", "b"]).await;
    assert_eq!(listed(&ground, "").await, ["a", "a/b", "a/b/1", "a/b.txt", "a-1", "a-1/x", "a.txt", "b"]);
    assert_eq!(listed(&ground, "&delimiter=/").await, ["a/", "a-1/", "a.txt", "b"]);
    assert_eq!(listed(&ground, "&delimiter=/&prefix=a/").await, ["a/b/", "a/b.txt"]);
    assert_eq!(listed(&ground, "&prefix=a").await, ["a", "a/b", "a/b/1", "a/b.txt", "a-1", "a-1/x", "a.txt"]);
    let got = ground.ask(0, &format!("{LIST}&include=metadata"), &[], "").await.expect(200);
    let row = got.text().split("<Blob>").nth(1).unwrap();
    assert!(row.contains("<Content-Length>0</Content-Length>") && row.contains("<ResourceType>directory</"), "{row}");
    assert!(row.contains("<hdi_isfolder>true</hdi_isfolder>"), "{row}");
    ground.ask(0, &format!("{LIST}&delimiter=-"), &[], "").await.refused(400, "InvalidQueryParameterValue");
    ground.ask(0, &format!("{LIST}&startFrom=a"), &[], "").await.refused(501, "NotImplemented");
    let tags = ground.ask(0, &format!("{LIST}&include=tags"), &[], "").await;
    tags.refused(409, "FeatureNotYetSupportedForHierarchicalNamespaceAccounts");
    let account = ground.ask(0, "GET /west?restype=account&comp=properties", &[], "").await.expect(200);
    assert_eq!(account.header("x-ms-is-hns-enabled"), "true");
}

#[tokio::test]
async fn a_path_is_a_blob_or_a_directory() {
    let ground = ground(&["a/b"]).await;
    let put = async |name: &str| ground.ask(0, &format!("PUT /west/films/{name}"), &[BLOCK], "x").await;
    put("a").await.refused(409, "ResourceTypeMismatch");
    put("a/b/c").await.refused(409, "ResourceTypeMismatch");
    put("a//c").await.refused(400, "InvalidUri");
    put("a/b").await.expect(201);
    let block = ground.ask(0, "PUT /west/films/a?comp=block&blockid=MDE%3D", &[], "x").await;
    block.refused(409, "ResourceTypeMismatch");
    ground.ask(1, "PUT /east/films/s", &[BLOCK], "x").await.expect(201);
    let sas = ground.service_sas(1, "c", "films", "r", 60);
    let source = Ground::url(1, &format!("films/s?{sas}"));
    let copy = [BLOCK, ("x-ms-copy-source", source.as_str())];
    ground.ask(0, "PUT /west/films/a", &copy, "").await.refused(409, "ResourceTypeMismatch");
    let directory = ground.ask(0, "HEAD /west/films/a", &[], "").await.expect(200);
    assert_eq!((directory.header("content-length"), directory.header("x-ms-meta-hdi_isfolder")), ("0", "true"));
    let page = [("x-ms-blob-type", "PageBlob"), ("x-ms-blob-content-length", "512")];
    let page = ground.ask(0, "PUT /west/films/p", &page, "").await;
    page.refused(409, "FeatureNotYetSupportedForHierarchicalNamespaceAccounts");
}

#[tokio::test]
async fn an_empty_directory_is_kept_and_only_empty_ones_can_be_deleted() {
    let ground = ground(&["a/b/c"]).await;
    ground.ask(0, "PUT /west/films/empty", &[BLOCK, MARKER], "").await.expect(201);
    ground.ask(0, "DELETE /west/films/a/b", &[], "").await.refused(409, "DirectoryIsNotEmpty");
    ground.ask(0, "DELETE /west/films/a/b/c", &[], "").await.expect(202);
    assert_eq!(listed(&ground, "").await, ["a", "a/b", "empty"]);
    ground.ask(0, "DELETE /west/films/a/b", &[], "").await.expect(202);
    ground.ask(0, "DELETE /west/films/a", &[], "").await.expect(202);
    let set = ground.ask(0, "PUT /west/films/empty?comp=metadata", &[("x-ms-meta-a", "1")], "").await;
    set.refused(409, "OperationNotSupportedOnDirectory");
}
