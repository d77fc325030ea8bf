//! List Blobs and List Containers.

use std::time::Duration;

use crate::emulator::blob::testing::{Ground, encode};
use crate::emulator::settings::BlobLimits;

const BLOCK: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

/// The texts of all elements with that name.
fn all<'t>(text: &'t str, tag: &str) -> Vec<&'t str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    text.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap()).collect()
}

async fn ground(names: &[&str]) -> std::sync::Arc<Ground> {
    let ground = Ground::new();
    ground.accounts[0].create_container("films").unwrap();
    for name in names {
        ground.ask(0, &format!("PUT /west/films/{}", encode(name)), &[BLOCK], "x").await.expect(201);
    }
    ground
}

async fn pages(ground: &Ground, query: &str) -> Vec<String> {
    let mut pages = Vec::new();
    let mut marker = String::new();
    loop {
        let asked = format!("GET /west/films?restype=container&comp=list&{query}&marker={}", encode(&marker));
        let got = ground.ask(0, &asked, &[], "").await.expect(200);
        marker = all(got.text(), "NextMarker").first().copied().unwrap_or_default().to_owned();
        pages.push(got.text().to_owned());
        if marker.is_empty() {
            return pages;
        }
    }
}

#[tokio::test]
async fn pages_are_listed_in_the_order_of_bytes() {
    let ground = ground(&["b", "a", "Z", "dir/1", "dir/2", "é"]).await;
    let pages = pages(&ground, "maxresults=2").await;
    let names: Vec<Vec<_>> = pages.iter().map(|page| all(page, "Name")).collect();
    assert_eq!(names, [vec!["Z", "a"], vec!["b", "dir/1"], vec!["dir/2", "é"]]);
    ground.ask(0, "GET /west/films?restype=container&comp=list&maxresults=0", &[], "").await.expect(400);
    ground.ask(0, "GET /west/films?restype=container&comp=list&marker=b", &[], "").await.expect(400);
}

#[tokio::test]
async fn a_delimiter_groups_names_and_a_page_can_end_between_folders() {
    let ground = ground(&["a/1", "a/2", "a0", "b/1/x", "b/2", "c"]).await;
    let pages = pages(&ground, "delimiter=/&maxresults=2").await;
    let names: Vec<Vec<_>> = pages.iter().map(|page| all(page, "Name")).collect();
    assert_eq!(names, [vec!["a/", "a0"], vec!["b/", "c"]]);
    assert_eq!(all(&pages[0], "BlobPrefix"), ["<Name>a/</Name>"]);
    let inside = self::pages(&ground, "delimiter=/&prefix=b/").await;
    assert_eq!(all(&inside[0], "Name"), ["b/1/", "b/2"]);
    assert_eq!(all(&inside[0], "BlobPrefix"), ["<Name>b/1/</Name>"]);
}

#[tokio::test]
async fn names_that_xml_cannot_contain_are_encoded() {
    let ground = ground(&["a&<b>", "c\u{fffe}d e"]).await;
    let page = pages(&ground, "include=copy").await.remove(0);
    assert!(page.contains("<Name>a&amp;&lt;b&gt;</Name>"), "{page}");
    assert!(page.contains("<Name Encoded=\"true\">c%EF%BF%BEd%20e</Name>"), "{page}");
}

#[tokio::test]
async fn there_are_no_deleted_blobs_and_no_snapshots_to_include() {
    let ground = ground(&["a"]).await;
    for include in ["deleted", "snapshots,deleted"] {
        let page = pages(&ground, &format!("include={include}")).await.remove(0);
        assert_eq!(page.matches("<Name>").count(), 1, "{page}");
    }
}

#[tokio::test]
async fn an_option_that_is_not_implemented_is_refused_and_not_ignored() {
    let ground = ground(&["a"]).await;
    let list = "GET /west/films?restype=container&comp=list";
    for include in ["deletedwithversions", "metadata,versions", "permissions"] {
        ground.ask(0, &format!("{list}&include={include}"), &[], "").await.refused(501, "NotImplemented");
    }
    ground.ask(0, &format!("{list}&include=colours"), &[], "").await.refused(400, "InvalidQueryParameterValue");
    ground.ask(0, "GET /west?comp=list&include=system", &[], "").await.refused(501, "NotImplemented");
    ground
        .ask(0, &format!("{list}&endBefore=a"), &[], "")
        .await
        .refused(400, "OperationNotSupportedWithFeatureMissing");
    let conditions = [("x-ms-if-tags", "k='v'")];
    ground.ask(0, "GET /west/films/a", &conditions, "").await.refused(501, "NotImplemented");
    for header in ["x-ms-encryption-key-sha256", "x-ms-encryption-algorithm"] {
        ground.ask(0, "GET /west/films/a", &[(header, "AES256")], "").await.refused(400, "MissingRequiredHeader");
    }
}

#[tokio::test]
async fn a_refusal_names_what_is_not_implemented() {
    let ground = ground(&["a"]).await;
    let message = async |request: &str, headers: &[(&str, &str)]| {
        let got = ground.ask(0, request, headers, "").await.refused(501, "NotImplemented");
        let (_, rest) = got.text().split_once("<Message>This emulator does not implement ").expect("its words");
        rest.split_once(".</Message>").unwrap().0.to_owned()
    };
    for (request, feature) in [
        ("GET /west/films/a?comp=pagelist", "lists of page ranges"),
        ("POST /west/films?restype=container&comp=batch", "batches"),
        ("GET /west?comp=blobs&where=x", "finding blobs by tags"),
        ("PUT /west/films/a?comp=legalhold", "setting immutability policies and legal holds"),
        ("GET /west?restype=service&comp=stats", "statistics of the service"),
        ("PUT /west/films/a?comp=snapshot", "snapshots and versions"),
        ("GET /west/films/a?versionid=1", "snapshots and versions"),
        ("PUT /west/films/a?comp=undelete", "soft delete"),
        ("DELETE /west/films/a?deletetype=permanent", "soft delete"),
        ("POST /west/films/a?comp=query", "blob queries"),
    ] {
        assert_eq!(message(request, &[]).await, feature, "{request}");
    }
    for (header, value, feature) in [
        ("x-ms-if-tags", "k='v'", "conditions on tags"),
        ("x-ms-legal-hold", "true", "setting immutability policies and legal holds"),
        ("x-ms-structured-body", "XSM/1.0; properties=crc64", "structured message bodies"),
        ("x-ms-delete-snapshots", "only", "snapshots and versions"),
    ] {
        assert_eq!(message("DELETE /west/films/a", &[(header, value)]).await, feature, "{header}");
    }
    ground.ask(0, "GET /west/films/a", &[("x-ms-legal-hold", "false")], "").await.expect(200);
}

#[tokio::test]
async fn a_listing_starts_with_the_given_name() {
    let ground = ground(&["a/1", "a/2", "b/1", "c"]).await;
    for (query, expected) in [
        ("startFrom=a/2", vec!["a/2", "b/1", "c"]),
        ("startFrom=a/3", vec!["b/1", "c"]),
        ("startFrom=a&prefix=b", vec!["b/1"]),
        ("startFrom=d", vec![]),
    ] {
        let page = pages(&ground, query).await.remove(0);
        assert_eq!(all(&page, "Name"), expected, "{query}");
    }
    let page = pages(&ground, "startFrom=a/2&delimiter=/").await.remove(0);
    assert_eq!(all(&page, "Name"), ["a/", "b/", "c"]);
    assert_eq!(pages(&ground, "startFrom=a/2&maxresults=2").await.len(), 2);
}

#[tokio::test]
async fn a_row_has_the_requested_columns() {
    let ground = Ground::with([BlobLimits { async_copy_min_ms: 1000, ..BlobLimits::default() }; 2]);
    ground.accounts[0].create_container("films").unwrap();
    let headers = [BLOCK, ("x-ms-meta-k", "v&"), ("x-ms-tags", "t=u"), ("x-ms-blob-content-type", "video/mp4")];
    ground.ask(0, "PUT /west/films/a", &headers, "hello").await.expect(201);
    ground.ask(0, "PUT /west/films/b", &[("x-ms-copy-source", &ground.source("films", "a"))], "").await.expect(202);
    ground.ask(0, "PUT /west/films/c?comp=block&blockid=MDE%3D", &[], "x").await.expect(201);
    let bare = pages(&ground, "").await.remove(0);
    for (tag, value) in [
        ("Content-Length", "5"),
        ("Content-Type", "video/mp4"),
        ("BlobType", "BlockBlob"),
        ("AccessTier", "Hot"),
        ("TagCount", "1"),
    ] {
        assert_eq!(all(&bare, tag)[0], value, "{bare}");
    }
    assert_eq!(all(&bare, "Content-MD5"), ["XUFAKrxLKna5cZ2REBfFkg=="]);
    assert!(all(&bare, "Last-Modified")[0].ends_with("GMT") && all(&bare, "Etag")[0].starts_with("0x"));
    assert!(!bare.contains("<Metadata>") && !bare.contains("<Tags>") && !bare.contains("<CopyId>"));
    assert_eq!(all(&bare, "Name"), ["a", "b"]);
    let full = pages(&ground, "include=metadata,tags,copy,uncommittedblobs").await.remove(0);
    assert_eq!(all(&full, "Metadata")[0], "<k>v&amp;</k>");
    assert_eq!(all(&full, "TagSet")[0], "<Tag><Key>t</Key><Value>u</Value></Tag>");
    assert_eq!((all(&full, "CopyStatus"), all(&full, "CopyProgress").len()), (vec!["pending"], 1));
    assert_eq!(all(&full, "Name"), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_listing_completes_copies_that_have_ended() {
    let ground = Ground::with([BlobLimits { async_copy_min_ms: 1000, ..BlobLimits::default() }; 2]);
    ground.accounts[0].create_container("films").unwrap();
    ground.ask(0, "PUT /west/films/a", &[BLOCK], "hello").await.expect(201);
    for name in ["b", "c"] {
        let source = ground.source("films", "a");
        ground.ask(0, &format!("PUT /west/films/{name}"), &[("x-ms-copy-source", &source)], "").await.expect(202);
        tokio::time::advance(Duration::from_millis(600)).await;
    }
    let page = pages(&ground, "include=copy").await.remove(0);
    assert_eq!(all(&page, "CopyStatus"), ["success", "pending"]);
    assert_eq!(all(&page, "Content-Length"), ["5", "5", "0"]);
}

#[tokio::test(start_paused = true)]
async fn the_duration_of_a_copy_does_not_depend_on_clock_skew() {
    let ground = Ground::with([BlobLimits { async_copy_min_ms: 1000, ..BlobLimits::default() }; 2]);
    ground.accounts[0].create_container("films").unwrap();
    ground.ask(0, "PUT /west/films/a", &[BLOCK], "hello").await.expect(201);
    let source = ground.source("films", "a");
    ground.ask(0, "PUT /west/films/b", &[("x-ms-copy-source", &source)], "").await.expect(202);
    for (skew, millis, status) in [(-600, 600, "pending"), (600, 300, "pending"), (-600, 200, "success")] {
        ground.clock.skew(skew);
        tokio::time::advance(Duration::from_millis(millis)).await;
        assert_eq!(all(&pages(&ground, "include=copy").await.remove(0), "CopyStatus"), [status], "{skew}");
    }
}

#[tokio::test]
async fn containers_are_listed_in_pages() {
    let ground = Ground::new();
    for name in ["aaa", "bbb", "bbc", "ccc"] {
        ground.ask(0, &format!("PUT /west/{name}?restype=container"), &[("x-ms-meta-k", name)], "").await.expect(201);
    }
    let first = ground.ask(0, "GET /west?comp=list&maxresults=3&include=metadata", &[], "").await.expect(200);
    assert_eq!(all(first.text(), "Name"), ["aaa", "bbb", "bbc"]);
    assert_eq!(all(first.text(), "Metadata")[0], "<k>aaa</k>");
    let marker = encode(all(first.text(), "NextMarker")[0]);
    let second = ground.ask(0, &format!("GET /west/?comp=list&marker={marker}"), &[], "").await.expect(200);
    assert_eq!(all(second.text(), "Name"), ["ccc"]);
    let prefixed = ground.ask(0, "GET /west/?comp=list&prefix=bb", &[], "").await.expect(200);
    assert_eq!(all(prefixed.text(), "Name"), ["bbb", "bbc"]);
}

/// The expected listing, calculated in a slow and simple way.
fn expected(names: &std::collections::BTreeSet<String>, prefix: &str, delimiter: &str) -> Vec<String> {
    let mut rows = Vec::new();
    for name in names.iter().filter(|name| name.starts_with(prefix)) {
        let folded = (!delimiter.is_empty()).then(|| name[prefix.len()..].find(delimiter)).flatten();
        let row = folded.map_or(name.clone(), |at| name[..prefix.len() + at + delimiter.len()].to_owned());
        if rows.last() != Some(&row) {
            rows.push(row);
        }
    }
    rows
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    #[test]
    fn pages_of_any_size_add_up_to_the_whole_listing(
        names in proptest::collection::btree_set("[a-c/é]{1,6}", 0..30),
        prefix in "[a-c/]{0,2}",
        delimiter in "/?",
        size in 1..8_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let names: std::collections::BTreeSet<String> = names.into_iter().filter(|name| !name.starts_with('/')).collect();
        let rows = runtime.block_on(async {
            let ground = ground(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
            let query = format!("prefix={}&delimiter={}&maxresults={size}", encode(&prefix), encode(&delimiter));
            let pages = pages(&ground, &query).await;
            pages.iter().flat_map(|page| all(page, "Name")).map(str::to_owned).collect::<Vec<_>>()
        });
        proptest::prop_assert_eq!(rows, expected(&names, &prefix, &delimiter));
    }
}
