//! Listings and single entities.

use futures::TryStreamExt;

use std::sync::atomic::Ordering;

use super::*;

fn id(number: usize) -> String {
    format!("nb:cid:UUID:00000000-0000-0000-0000-{number:012}")
}

fn query(seen: &Seen, name: &str) -> Option<String> {
    seen.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn number(seen: &Seen, name: &str) -> usize {
    query(seen, name).unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn pages_are_read_until_one_is_not_full_and_each_entity_is_returned_once() {
    let fake = Fake::new(|seen| {
        let skip = number(seen, "$skip");
        // The second page repeats the last hundred of the first: the service's order changed.
        let first = if skip == 0 { 0 } else { skip - 100 };
        let rows = first..(first + 1000).min(2500);
        feed(&rows.map(|n| json!({"Id": id(n), "Name": format!("asset {n}")})).collect::<Vec<_>>())
    });
    let service = service_of(&fake, "2.19");
    let pages: Vec<Vec<Asset>> = service.assets().try_collect().await.unwrap();
    let sizes: Vec<_> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [1000, 900, 600]);
    assert_eq!(pages.concat().last().unwrap().name.as_deref(), Some("asset 2499"));
    assert_eq!(fake.calls()[2], "GET Assets?$skip=2000&$top=1000");
}

#[tokio::test(start_paused = true)]
async fn a_long_listing_requests_several_pages_at_once_and_few_useless_ones() {
    for (rows, asked) in [(0, 1), (999, 1), (1_000, 2), (1_999, 2), (2_500, 4), (9_500, 10)] {
        let fake = Fake::new(move |seen| {
            let skip = number(seen, "$skip");
            feed(&(skip..(skip + 1_000).min(rows)).map(|n| json!({"Id": id(n)})).collect::<Vec<_>>())
        });
        let pages: Vec<Vec<Asset>> = client(&fake, "2.19", 8).assets().try_collect().await.unwrap();
        let ids: Vec<_> = pages.concat().into_iter().map(|asset| asset.id).collect();
        assert_eq!(
            ids,
            (0..rows).map(|n| AssetId::new(id(n))).collect::<Vec<_>>(),
            "in order, whichever answer comes first"
        );
        let calls = fake.calls();
        assert_eq!(calls.len(), asked, "{rows} rows: {calls:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_ignores_skip_causes_an_error() {
    let fake = Fake::new(|_| feed(&(0..1000).map(|n| json!({"Id": id(n)})).collect::<Vec<_>>()));
    let service = service_of(&fake, "2.19");
    let error = service.assets().try_collect::<Vec<_>>().await.unwrap_err();
    assert!(error.to_string().contains("does not heed `$skip`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn only_files_changed_since_a_date_are_requested() {
    let fake = Fake::new(|_| feed(&[]));
    let since = "2026-01-02T03:04:05.25Z".parse().unwrap();
    let pages: Vec<Vec<AssetFile>> = service_of(&fake, "2.19").files(Some(since)).try_collect().await.unwrap();
    assert_eq!(pages.concat(), []);
    assert_eq!(fake.calls(), ["GET Files?$skip=0&$top=1000&$filter=LastModified gt datetime'2026-01-02T03:04:05.25'"]);
}

fn file_row(asset: &str, name: &str) -> Value {
    json!({"Id": format!("f-{asset}-{name}"), "ParentAssetId": asset, "Name": name, "ContentFileSize": "7"})
}

#[tokio::test(start_paused = true)]
async fn files_of_many_assets_are_read_with_a_few_filters_of_bounded_length() {
    let fake = Fake::new(|seen| {
        let filter = query(seen, "$filter").unwrap();
        let parents = filter.split(" or ").map(|clause| clause.split('\'').nth(1).unwrap().to_owned());
        feed(&parents.filter(|parent| *parent != id(3)).map(|parent| file_row(&parent, "a")).collect::<Vec<_>>())
    });
    let assets: Vec<_> = (0..40).map(|n| AssetId::new(id(n))).collect();
    let files = service_of(&fake, "2.19").files_of(&assets).await.unwrap();
    assert_eq!(files.len(), 40);
    for (asset, files) in assets.iter().zip(&files) {
        assert_eq!(files.len(), usize::from(asset.as_str() != id(3)));
        assert!(files.iter().all(|file| file.asset == *asset));
    }
    assert_eq!(fake.calls().len(), 3);
    assert!(fake.seen(false).iter().all(|seen| seen.url.as_str().len() < 2000));
}

#[tokio::test(start_paused = true)]
async fn a_refused_filter_is_replaced_by_a_request_for_each_asset() {
    let fake = Fake::new(|seen| match query(seen, "$filter") {
        Some(_) => refused(400, "The query specified in the URI is not valid."),
        None => feed(&[file_row(&id(usize::from(seen.target().contains("01')"))), "a")]),
    });
    let service = service_of(&fake, "2.19");
    let assets = [AssetId::new(id(0)), AssetId::new(id(1))];
    let files = service.files_of(&assets).await.unwrap();
    assert_eq!(files.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
    service.files_of(&assets).await.unwrap();
    assert_eq!(fake.calls().iter().filter(|call| call.contains("$filter")).count(), 1, "the refusal is remembered");
}

/// Guarantee 7: an asset is searched by its mark before it is made again.
#[tokio::test(start_paused = true)]
async fn the_result_of_a_lost_creation_is_searched_before_it_is_sent_again() {
    let posts = std::sync::atomic::AtomicUsize::new(0);
    let fake = Fake::new(move |seen| {
        let made = json!({"Id": id(9), "AlternateId": "it's|complete", "Uri": "https://store.example/asset-9", "StorageAccountName": "store"});
        match seen.method.as_str() {
            "POST" => {
                posts.fetch_add(1, Ordering::SeqCst);
                Reply::Lost
            }
            _ => feed(&[made]),
        }
    });
    let wanted = NewAsset {
        name: Some("n".to_owned()),
        alternate_id: "it's".to_owned(),
        encryption: crate::model::AssetEncryption::None,
        storage_account: Some(AccountName::new("store")),
    };
    let asset = service_of(&fake, "2.19").create_asset(&wanted).await.unwrap();
    assert_eq!(asset.container, Some(ContainerName::new("asset-9")));
    assert_eq!(fake.calls(), ["POST Assets", "GET Assets?$skip=0&$top=1000&$filter=startswith(AlternateId,'it''s')"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_creation_reads_as_a_sentence() {
    let fake = Fake::new(|_| refused(409, "no more assets"));
    let wanted = NewAsset {
        name: Some("big.mp4".to_owned()),
        alternate_id: "x".to_owned(),
        encryption: crate::model::AssetEncryption::None,
        storage_account: None,
    };
    let error = service_of(&fake, "2.19").create_asset(&wanted).await.unwrap_err();
    assert_eq!(error.to_string(), "failed to create asset big.mp4: HTTP 409: no more assets");
}

/// A service of version 2.1, whose SAS locators have the container in their path, or cannot be made.
fn old_service(locator: fn() -> Reply) -> Arc<Fake> {
    Fake::new(move |seen| match (seen.method.as_str(), seen.target()) {
        ("GET", target) if target.starts_with("AccessPolicies") => feed(&[]),
        ("GET", _) => json_reply(200, &json!({"d": {"Id": id(1), "Name": null, "Options": 0}})),
        ("POST", target) if target == "AccessPolicies" => json_reply(201, &json!({"d": {"Id": "nb:pid:UUID:1"}})),
        ("POST", _) => locator(),
        _ => Reply::Is(204, vec![], String::new()),
    })
}

#[tokio::test(start_paused = true)]
async fn an_old_service_reports_the_container_in_a_temporary_locator() {
    let fake = old_service(|| {
        json_reply(201, &json!({"d": {"Id": "x", "Type": 1, "Path": "https://store.example/asset-c?sig=s&se=x"}}))
    });
    let container = service_of(&fake, "2.1").container(&AssetId::new(id(1))).await.unwrap().unwrap();
    assert_eq!(container.as_str(), "asset-c");
    assert!(fake.calls().last().unwrap().starts_with("DELETE Locators('nb:lid:UUID:"), "{:?}", fake.calls());
}

#[tokio::test(start_paused = true)]
async fn the_temporary_locator_is_removed_even_after_an_error() {
    let fake = old_service(|| refused(400, "no"));
    service_of(&fake, "2.1").container(&AssetId::new(id(1))).await.unwrap_err();
    assert!(fake.calls().last().unwrap().starts_with("DELETE Locators('nb:lid:UUID:"), "{:?}", fake.calls());
}

#[tokio::test(start_paused = true)]
async fn streaming_hosts_come_from_endpoints_or_from_a_locator() {
    let fake = Fake::new(|seen| match seen.target() {
        target if target.starts_with("StreamingEndpoints") => feed(&[
            json!({"Id": "nb:oid:UUID:1", "Name": "default", "HostName": "acct.streaming.example", "State": "Stopped"}),
        ]),
        _ => feed(&[json!({"Id": "nb:lid:UUID:1", "Path": "http://acct.streaming.example/1/"})]),
    });
    for (version, running) in [("2.19", false), ("2.5", true)] {
        let hosts = service_of(&fake, version).streaming_hosts().await.unwrap();
        assert_eq!(hosts.len(), 1);
        assert_eq!((hosts[0].url.as_str(), hosts[0].running), ("http://acct.streaming.example", running));
    }
}

fn marked(n: usize, mark: &str) -> Value {
    json!({"Id": id(n), "AlternateId": mark})
}

#[tokio::test(start_paused = true)]
async fn marked_assets_are_found_by_prefix_or_in_the_whole_listing() {
    for refusal in [None, Some(400), Some(501)] {
        let fake = Fake::new(move |seen| match refusal {
            Some(status) if seen.target().contains("$filter") => refused(status, "no such function"),
            _ => feed(&[marked(1, "a|1"), marked(2, "b|a"), json!({"Id": id(3)}), marked(4, "a")]),
        });
        let found = service_of(&fake, "2.19").assets_by_mark("a").await.unwrap();
        let ids: Vec<_> = found.iter().map(|asset| asset.id.as_str().to_owned()).collect();
        assert_eq!(ids, [id(1), id(4)], "what the service does not filter is filtered here");
        assert!(fake.calls()[0].ends_with("$filter=startswith(AlternateId,'a')"), "{:?}", fake.calls());
        assert_eq!(fake.calls().len(), if refusal.is_some() { 2 } else { 1 });
    }
    let forbidden = Fake::new(|_| refused(403, "no"));
    service_of(&forbidden, "2.19").assets_by_mark("a").await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_ignores_its_filters_returns_no_other_assets() {
    let everything = json!({"value": [marked(1, "a|1"), marked(2, "b|1"), json!({"Id": id(3)})]});
    let part = format!(
        "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{everything}\r\n"
    );
    let fake = Fake::new(move |_| {
        let headers = vec![("content-type", "multipart/mixed; boundary=b".to_owned())];
        Reply::Is(202, headers, format!("{part}{part}--b--\r\n"))
    });
    let found = service_of(&fake, "2.19").assets_by_marks(&["a".to_owned(), "b".to_owned()]).await.unwrap();
    let ids: Vec<Vec<_>> =
        found.iter().map(|some| some.iter().map(|one| one.id.as_str().to_owned()).collect()).collect();
    assert_eq!(ids, [[id(1)], [id(2)]]);
    assert_eq!(fake.calls().len(), 1, "{:?}", fake.calls());
}

#[tokio::test(start_paused = true)]
async fn the_service_s_clock_is_known_after_its_first_answer() {
    let ahead = SignedDuration::from_mins(7);
    let fake = Fake::new(move |_| {
        let date = jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&(crate::clock::now() + ahead))
            .unwrap();
        let Reply::Is(status, mut headers, body) = feed(&[]) else { unreachable!() };
        headers.push(("date", date));
        Reply::Is(status, headers, body)
    });
    let service = service_of(&fake, "2.19");
    assert_eq!(service.clock_skew(), None);
    service.assets_by_mark("a").await.unwrap();
    let skew = service.clock_skew().unwrap();
    assert!((ahead - skew).abs() <= SignedDuration::from_secs(1), "{skew}");
}
