//! Filters of dynamic packaging.

use serde_json::json;

use super::*;

/// The body of the documents' example.
fn audio(name: &str) -> Json {
    json!({ "Name": name,
        "PresentationTimeRange": { "StartTimestamp": "0", "EndTimestamp": "9223372036854775807",
            "PresentationWindowDuration": "12000000000", "LiveBackoffDuration": "0", "Timescale": "10000000" },
        "Tracks": [{ "PropertyConditions": [
            { "Property": "Type", "Value": "audio", "Operator": "Equal" },
            { "Property": "Bitrate", "Value": "0-2147483647", "Operator": "Equal" }] }] })
}

#[tokio::test]
async fn a_filter_of_the_account_is_made_listed_changed_and_deleted() {
    let mut bench = Bench::new().await;
    assert_eq!(bench.post("Filters", audio("a")).await.status, 201);
    assert_eq!(bench.post("Filters", audio("a")).await.status, 409);
    let listed = bench.get("Filters").await.d();
    assert_eq!(listed["results"][0]["Name"], json!("a"));
    let tracks = &listed["results"][0]["Tracks"]["results"][0]["PropertyConditions"];
    assert_eq!(tracks.as_array().map(Vec::len), Some(2), "{listed}");
    assert_eq!(bench.merge("Filters('a')", json!({ "Tracks": [] })).await.status, 204);
    let range = &bench.get("Filters('a')").await.d()["PresentationTimeRange"];
    assert_eq!(range["PresentationWindowDuration"], json!("12000000000"), "what is not sent is kept");
    assert_eq!(bench.delete("Filters('a')").await.status, 204);
    assert_eq!(bench.get("Filters('a')").await.status, 404);
    bench.version = "2.10";
    assert_eq!(bench.get("Filters").await.status, 404, "filters came with 2.11");
    assert_eq!(bench.post("Filters", audio("a")).await.status, 404);
}

#[tokio::test]
async fn a_filter_of_an_asset_is_found_by_set_asset_and_id_and_deleted_with_its_asset() {
    let bench = Bench::new().await;
    let asset = bench.post("Assets", json!({ "Name": "film" })).await.d()["Id"].as_str().unwrap().to_owned();
    let body = |name: &str| {
        let mut body = audio(name);
        body["ParentAssetId"] = json!(asset);
        body
    };
    let made = bench.post("AssetFilters", body("a")).await;
    assert_eq!((made.status, made.d()["Id"].clone()), (201, json!(format!("{asset}__###__a"))));
    assert_eq!(bench.post(&format!("Assets('{asset}')/AssetFilters"), audio("b")).await.status, 201);
    assert_eq!(bench.post("AssetFilters", body("a")).await.status, 409);
    assert_eq!(bench.post("AssetFilters", audio("a")).await.status, 400, "without an asset");
    for path in ["AssetFilters".to_owned(), format!("Assets('{asset}')/AssetFilters()")] {
        let listed = bench.get(&path).await.d();
        assert_eq!(listed["results"].as_array().map(Vec::len), Some(2), "{path}");
    }
    let path = format!("AssetFilters('{asset}__%23%23%23__a')");
    assert_eq!(bench.get(&path).await.d()["ParentAssetId"], json!(asset));
    let quality = json!({ "FirstQuality": { "Bitrate": "128000" } });
    assert_eq!(bench.merge(&path, quality).await.status, 204);
    assert_eq!(bench.get(&path).await.d()["FirstQuality"]["Bitrate"], json!(128_000));
    assert_eq!(bench.merge(&path, json!({ "Name": "c" })).await.status, 400);
    assert_eq!(bench.delete(&path).await.status, 204);
    assert_eq!(bench.delete(&format!("Assets('{asset}')")).await.status, 204);
    assert_eq!(bench.get("AssetFilters").await.d()["results"], json!([]));
}

#[tokio::test]
async fn a_filter_with_meaningless_values_is_refused() {
    let bench = Bench::new().await;
    for (property, value) in [
        ("PresentationTimeRange", json!({ "StartTimestamp": "soon" })),
        ("PresentationTimeRange", json!({ "ForceEndTimestamp": "perhaps" })),
        ("FirstQuality", json!({ "Bitrate": 0 })),
        ("Tracks", json!([{ "PropertyConditions": [{ "Property": "Colour", "Value": "red", "Operator": "Equal" }] }])),
        ("Tracks", json!([{ "PropertyConditions": [{ "Property": "Type", "Value": "audio", "Operator": "Like" }] }])),
    ] {
        let mut body = audio("a");
        body[property] = value;
        let got = bench.post("Filters", body).await;
        assert_eq!(got.status, 400, "{property}");
        assert!(got.message().contains(property), "{}", got.message());
    }
}
