//! Lists: filters, pages, orders, projections, navigations.

use std::time::Duration;

use serde_json::json;

use super::*;

fn names(got: &Got) -> Vec<String> {
    let d = got.d();
    let results = d["results"].as_array().unwrap_or_else(|| panic!("{}", got.text)).clone();
    results.iter().map(|r| r["Name"].as_str().unwrap_or("null").to_owned()).collect()
}

async fn library(count: usize) -> Bench {
    let bench = Bench::new().await;
    for n in 0..count {
        let asset = crate::emulator::media_v2::SeedAsset {
            name: Some(format!("asset {n}")),
            alternate_id: Some(format!("alt{n}")),
            ..Default::default()
        };
        bench.seeder().add_asset(asset).await.unwrap();
    }
    bench
}

#[tokio::test]
async fn a_page_has_a_thousand_entities_and_skip_continues() {
    let bench = library(2500).await;
    let mut seen = Vec::new();
    for skip in [0, 1000, 2000, 3000] {
        let page = names(&bench.get(&format!("Assets?$skip={skip}&$top=5000")).await);
        assert_eq!(page.len(), [1000, 1000, 500, 0][skip / 1000]);
        seen.extend(page);
    }
    assert_eq!(seen, (0..2500).map(|n| format!("asset {n}")).collect::<Vec<_>>());
    assert_eq!(
        names(&bench.get("Assets()?$filter=AlternateId eq 'alt7' or AlternateId eq 'alt2001'").await),
        ["asset 7", "asset 2001"]
    );
    assert_eq!(names(&bench.get("Assets?$filter=startswith(Name,'asset 249') and Options eq 0&$top=2").await).len(), 2);
    assert_eq!(bench.get("Assets/$count").await.text, "2500");
    assert_eq!(bench.get("Assets?$inlinecount=allpages&$top=1").await.d()["__count"], json!("2500"));
}

#[tokio::test]
async fn a_deletion_between_two_pages_skips_a_row_of_the_next() {
    let bench = library(4).await;
    let first = bench.get("Assets?$skip=0&$top=2").await;
    assert_eq!(names(&first), ["asset 0", "asset 1"]);
    let gone = first.d()["results"][0]["Id"].as_str().unwrap().to_owned();
    assert_eq!(bench.delete(&format!("Assets('{gone}')")).await.status, 204);
    assert_eq!(names(&bench.get("Assets?$skip=2&$top=2").await), ["asset 3"], "asset 2 is in no page");
    assert!(first.d().get("__next").is_none(), "the service gives no link to the next page");
}

#[tokio::test(start_paused = true)]
async fn assets_are_found_by_the_prefix_of_a_mark_and_by_their_last_change() {
    let bench = library(12).await;
    for form in ["", " eq true"] {
        let found = names(&bench.get(&format!("Assets?$filter=startswith(AlternateId,'alt1'){form}")).await);
        assert_eq!(found, ["asset 1", "asset 10", "asset 11"]);
    }
    let none = names(&bench.get("Assets?$filter=startswith(AlternateId,'alt1') eq true and Name eq 'asset 2'").await);
    assert!(none.is_empty());
    // Stored times are rounded as in SQL Server, up to two milliseconds into the future.
    tokio::time::advance(Duration::from_secs(1)).await;
    let before = bench.world.clock.timestamp();
    tokio::time::advance(Duration::from_mins(1)).await;
    let d = bench.get("Assets?$filter=Name eq 'asset 3'").await.d();
    let path = format!("Assets('{}')", d["results"][0]["Id"].as_str().unwrap());
    assert_eq!(bench.merge(&path, json!({ "AlternateId": "new" })).await.status, 204);
    let filter = format!("Assets?$filter=LastModified gt datetime'{before}'");
    assert_eq!(names(&bench.get(&filter).await), ["asset 3"]);
}

#[tokio::test]
async fn orders_are_global_or_local_to_the_page() {
    for (local, expected) in [(false, ["d", "c"]), (true, ["b", "a"])] {
        let bench = Bench::with(|m| m.page_local_orderby = local).await;
        for name in ["a", "b", "d", "c"] {
            bench.make(0, "Assets", json!({ "Name": name })).await;
        }
        assert_eq!(names(&bench.get("Assets?$orderby=Name desc&$top=2").await), expected);
    }
}

#[tokio::test]
async fn an_unsupported_query_is_refused() {
    let bench = library(1).await;
    for query in
        ["$expand=Files", "$filter=Id eq ''", "$filter=Nme eq 'x'", "$top=x", "$orderby=Nme", "$select=Nme", "$x=1"]
    {
        assert_eq!(bench.get(&format!("Assets?{query}")).await.status, 400, "{query}");
    }
    assert_eq!(bench.post("Assets/Files", json!({})).await.status, 404);
    assert_eq!(bench.delete("Assets").await.status, 400);
    assert_eq!(bench.post("MediaProcessors", json!({})).await.status, 400);
}

#[tokio::test]
async fn select_returns_only_the_requested_properties() {
    let mut bench = library(1).await;
    let d = bench.get("Assets?$select=Id,Name").await.d();
    let keys: Vec<_> = d["results"][0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["Id", "Name", "__metadata"]);
    bench.light = true;
    let json = bench.get("Assets?$select=Name").await.json();
    assert_eq!(json["value"], json!([{ "Name": "asset 0" }]));
}

#[tokio::test]
async fn navigations_return_the_related_entities() {
    let bench = Bench::new().await;
    let (asset, policy) = (bench.asset().await, bench.policy(1).await);
    let locator = bench.make(0, "Locators", json!({ "AssetId": asset, "AccessPolicyId": policy, "Type": 2 })).await;
    assert_eq!(bench.get(&format!("Locators('{locator}')/Asset")).await.d()["Id"], json!(asset));
    assert_eq!(bench.get(&format!("Locators('{locator}')/AccessPolicy")).await.d()["Id"], json!(policy));
    assert_eq!(bench.get(&format!("Assets('{asset}')/StorageAccount")).await.d()["Name"], json!("storewest"));
    assert_eq!(bench.get(&format!("Assets('{asset}')/DeliveryPolicies")).await.d()["results"], json!([]));
    assert_eq!(bench.get(&format!("Assets('{asset}')/State")).await.d(), json!({ "State": 0 }));
    assert_eq!(bench.get(&format!("Assets('{asset}')/Name/$value")).await.text, "a");
    let got = bench.get(&format!("Assets('{asset}')/AccessPolicies")).await;
    assert_eq!((got.status, got.message().as_str()), (404, "Resource not found for the segment 'AccessPolicies'."));
    let processors = names(&bench.get("MediaProcessors?$filter=Name eq 'Media Encoder Standard'").await);
    assert_eq!(processors, ["Media Encoder Standard"; 3]);
    let filter = format!("Locators?$filter=AssetId eq '{asset}' and ExpirationDateTime gt datetime'2016-01-01'");
    assert_eq!(bench.get(&filter).await.d()["results"].as_array().unwrap().len(), 1);
    assert_eq!(bench.get("StorageAccounts('storewest')").await.d()["IsDefault"], json!(true));
    assert_eq!(bench.get("").await.d()["EntitySets"][0], json!("Assets"));
}
