//! Locators and access policies: the basis of failover.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::emulator::media_v2::published;

const LID: &str = "nb:lid:UUID:141ea923-ae46-41c4-9408-55c5ebc41938";

async fn locator(bench: &Bench, region: usize, kind: i32, id: Option<&str>) -> Got {
    let asset = bench.make(region, "Assets", json!({})).await;
    let policy = bench.make(region, "AccessPolicies", json!({ "DurationInMinutes": "60", "Permissions": 1 })).await;
    let mut body = json!({ "AssetId": asset, "AccessPolicyId": policy, "Type": kind.to_string(),
        "StartTime": "9/26/2016 10:05:03 AM" });
    if let Some(id) = id {
        body["Id"] = json!(id);
    }
    bench.call(region, "POST", "Locators", &body).await
}

#[tokio::test]
async fn a_streaming_locator_has_its_guid_in_its_path_and_is_published() {
    let mut bench = Bench::new().await;
    let got = locator(&bench, 0, 2, Some(LID)).await;
    assert_eq!(got.status, 201, "{}", got.text);
    let d = got.d();
    assert_eq!(d["Path"], json!("http://streaming.west/141ea923-ae46-41c4-9408-55c5ebc41938/"));
    assert_eq!(d["BaseUri"], json!("http://streaming.west"));
    assert_eq!(d["ContentAccessComponent"], json!("141ea923-ae46-41c4-9408-55c5ebc41938"));
    let found = published(&bench.world.regions[0].media, "141ea923-ae46-41c4-9408-55c5ebc41938").unwrap();
    assert_eq!(found.start.unwrap().to_string(), "2016-09-26T10:05:03Z");
    assert_eq!(found.expiry.to_string(), "2016-09-26T11:05:03Z");
    let path = format!("Locators('{LID}')");
    let change = json!({ "StartTime": "2017-01-01T00:00:00Z", "ExpirationDateTime": "2030-01-01T00:00:00Z" });
    assert_eq!(bench.merge(&path, change).await.status, 204);
    bench.light = true;
    let again = bench.get(&path).await.json();
    assert_eq!(again["StartTime"], json!("2017-01-01T00:00:00"));
    assert_eq!(again["ExpirationDateTime"], json!("2030-01-01T00:00:00"));
    assert_eq!(again["Path"], d["Path"]);
    assert_eq!(bench.delete(&path).await.status, 204);
    assert!(published(&bench.world.regions[0].media, "141ea923-ae46-41c4-9408-55c5ebc41938").is_none());
}

#[tokio::test]
async fn a_locator_id_is_unique_within_a_data_centre() {
    let apart = Bench::new().await;
    assert_eq!(locator(&apart, 0, 2, Some(LID)).await.status, 201);
    assert_eq!(locator(&apart, 0, 2, Some(LID)).await.status, 409);
    assert_eq!(locator(&apart, 1, 2, Some(&LID.to_uppercase().replace("NB:LID", "nb:lid"))).await.status, 201);
    let together = Bench::of(|s| s.regions.iter_mut().for_each(|r| r.data_center = Some("one".to_owned()))).await;
    assert_eq!(locator(&together, 0, 2, Some(LID)).await.status, 201);
    assert_eq!(locator(&together, 1, 2, Some(LID)).await.status, 403);
    assert_eq!(locator(&together, 1, 2, Some("nb:lid:UUID:nonsense")).await.status, 400);
}

#[tokio::test]
async fn the_zone_of_a_start_is_repeated_as_given() {
    let mut bench = Bench::new().await;
    bench.light = true;
    let (asset, policy) = (bench.asset().await, bench.policy(1).await);
    for (start, expiry) in
        [("2015-05-17T22:00:00", "2015-05-17T23:00:00"), ("2015-05-20T18:12:00Z", "2015-05-20T19:12:00Z")]
    {
        let body = json!({ "AssetId": asset, "AccessPolicyId": policy, "Type": 2, "StartTime": start });
        let got = bench.post("Locators", body).await.json();
        assert_eq!((&got["StartTime"], &got["ExpirationDateTime"]), (&json!(start), &json!(expiry)));
    }
}

#[tokio::test]
async fn a_sas_locator_has_a_stored_policy_that_is_deleted_with_it() {
    let bench = Bench::new().await;
    let got = locator(&bench, 0, 1, None).await;
    assert_eq!(got.status, 201, "{}", got.text);
    let d = got.d();
    let id = d["Id"].as_str().unwrap();
    let guid = id.rsplit(':').next().unwrap();
    let path = d["Path"].as_str().unwrap();
    assert!(path.contains(&format!("si={guid}")) && path.contains("sr=c") && path.contains("sig="), "{path}");
    assert_eq!(path, format!("{}{}", d["BaseUri"].as_str().unwrap(), d["ContentAccessComponent"].as_str().unwrap()));
    assert_eq!(bench.merge(&format!("Locators('{id}')"), json!({ "Name": "n" })).await.status, 400);
    assert!(published(&bench.world.regions[0].media, guid).is_none(), "only streaming locators are published");
    assert_eq!(bench.delete(&format!("Locators('{id}')")).await.status, 204);
}

#[tokio::test]
async fn an_asset_has_at_most_five_locators_and_needs_its_container() {
    let bench = Bench::new().await;
    let (asset, policy) = (bench.asset().await, bench.policy(1).await);
    let body = json!({ "AssetId": asset, "AccessPolicyId": policy, "Type": 1 });
    for kind in [1, 1, 2, 1, 1] {
        let mut body = body.clone();
        body["Type"] = json!(kind);
        bench.make(0, "Locators", body).await;
    }
    let sixth = bench.post("Locators", body).await;
    assert_eq!(sixth.status, 409);
    assert!(sixth.message().contains("five shared access policies"));
    let lost = bench.asset().await;
    bench.seeder().lose_container(&lost).await;
    let got = bench.post("Locators", json!({ "AssetId": lost, "AccessPolicyId": policy, "Type": 2 })).await;
    assert_eq!(got.status, 409);
    assert_eq!(bench.delete(&format!("Assets('{asset}')")).await.status, 204);
    assert_eq!(bench.get("Locators").await.d()["results"], json!([]), "locators go with their asset");
}

#[tokio::test(start_paused = true)]
async fn an_expired_locator_counts_and_is_listed_until_it_is_deleted() {
    let bench = Bench::new().await;
    let (asset, policy) = (bench.asset().await, bench.policy(1).await);
    let body = json!({ "AssetId": asset, "AccessPolicyId": policy, "Type": 2, "StartTime": "2016-01-01T00:00:00Z" });
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(bench.make(0, "Locators", body.clone()).await);
    }
    assert_eq!(bench.post("Locators", body.clone()).await.status, 409);
    let filter = "ExpirationDateTime lt datetime'2017-01-01'";
    let listed = bench.get(&format!("Assets('{asset}')/Locators?$filter={filter}")).await.d();
    assert_eq!(listed["results"].as_array().unwrap().len(), 5);
    assert_eq!(bench.delete(&format!("Locators('{}')", ids[0])).await.status, 204);
    assert_eq!(bench.delete(&format!("Locators('{}')", ids[0])).await.status, 404);
    assert_eq!(bench.post("Locators", body).await.status, 201);
}

#[tokio::test]
async fn a_streaming_locator_needs_a_read_only_policy() {
    let bench = Bench::with(|m| m.strict_locators = true).await;
    let asset = bench.asset().await;
    let (read, write) = (bench.policy(1).await, bench.policy(2).await);
    let post = |policy: &str, kind: i32| {
        bench.call(
            0,
            "POST",
            "Locators",
            Box::leak(Box::new(json!({ "AssetId": asset, "AccessPolicyId": policy, "Type": kind }))),
        )
    };
    assert_eq!(post(&write, 2).await.status, 400);
    assert_eq!(post(&read, 2).await.status, 400, "strict: no files yet");
    assert_eq!(post(&write, 1).await.status, 201);
    assert_eq!(post(&read, 0).await.status, 400);
    bench.make(0, "Files", json!({ "Name": "a.mp4", "ParentAssetId": asset })).await;
    assert_eq!(post(&read, 2).await.status, 201);
}

#[tokio::test]
async fn access_policies_are_checked_and_never_change() {
    let bench = Bench::new().await;
    assert_eq!(bench.post("AccessPolicies", json!({ "Name": "x" })).await.status, 400);
    assert_eq!(bench.post("AccessPolicies", json!({ "DurationInMinutes": 0 })).await.status, 400);
    assert_eq!(bench.post("AccessPolicies", json!({ "DurationInMinutes": 1, "Permissions": 16 })).await.status, 400);
    let id = bench.policy(1).await;
    let path = format!("AccessPolicies('{id}')");
    assert_eq!(bench.merge(&path, json!({ "Name": "y" })).await.status, 400);
    assert_eq!(bench.get(&path).await.d()["DurationInMinutes"], json!(60));
    assert_eq!(bench.delete(&path).await.status, 204);
    assert_eq!(bench.delete(&path).await.status, 404);
}

#[tokio::test]
async fn old_versions_have_no_locator_names_and_no_asset_uris() {
    let mut bench = Bench::new().await;
    let asset = bench.asset().await;
    bench.version = "2.1";
    let d = bench.get(&format!("Assets('{asset}')")).await.d();
    assert!(d.get("Uri").is_none() && d.get("StorageAccountName").is_none());
    let policy = bench.policy(1).await;
    let body = json!({ "AssetId": asset, "AccessPolicyId": policy, "Type": 2 });
    let mut named = body.clone();
    named["Name"] = json!("n");
    assert_eq!(bench.post("Locators", named).await.status, 400);
    assert!(bench.post("Locators", body).await.d().get("Name").is_none());
}

#[tokio::test]
async fn a_seeded_library_is_read_like_a_created_one() {
    let bench = Bench::new().await;
    let media = &bench.world.regions[0].media;
    let guid = "22222222-2222-4222-8222-222222222222";
    let seed = crate::emulator::media_v2::SeedAsset {
        name: Some("film".to_owned()),
        guid: Some(guid.to_owned()),
        ..Default::default()
    };
    let (id, container) = bench.seeder().add_asset(seed.clone()).await.unwrap();
    assert_eq!(id, format!("nb:cid:UUID:{guid}"));
    assert!(bench.seeder().add_asset(seed).await.is_err(), "the same guid twice");
    bench.put(&container, "film.ism", b"x").await;
    bench.put(&container, "film.mp4", b"xyz").await;
    bench.seeder().add_files(&id, Some("film.ism")).await.unwrap();
    let expiry = bench.world.clock.timestamp() + Duration::from_hours(1);
    let locator = crate::emulator::NewLocator {
        guid: Some(guid.to_owned()),
        name: Some("l".to_owned()),
        ..crate::emulator::NewLocator::until(expiry)
    };
    bench.seeder().add_locator(&id, &locator);
    let files = bench.get(&format!("Assets('{id}')/Files")).await.d();
    assert_eq!(
        (&files["results"][0]["IsPrimary"], &files["results"][1]["MimeType"]),
        (&json!(true), &json!("video/mp4"))
    );
    assert_eq!(published(media, guid).unwrap().container, container);
    let locators = bench.get(&format!("Assets('{id}')/Locators")).await.d();
    let policy = locators["results"][0]["AccessPolicyId"].as_str().unwrap().to_owned();
    assert_eq!(bench.get(&format!("AccessPolicies('{policy}')")).await.d()["Permissions"], json!(1));
}

/// Reads a blob through a SAS locator's URL.
async fn through(bench: &Bench, locator: &Json, name: &str) -> u16 {
    let url = format!(
        "{}/{name}{}",
        locator["BaseUri"].as_str().unwrap(),
        locator["ContentAccessComponent"].as_str().unwrap()
    );
    let request = Request::get(&url).header("host", "blob.west").header("x-ms-version", "2023-11-03");
    let answer = crate::emulator::blob::serve(&*bench.world, 0, request.body(Body::empty()).unwrap()).await;
    answer.status().as_u16()
}

#[tokio::test(start_paused = true)]
async fn a_sas_locator_permits_reading_from_its_activation_until_its_deletion() {
    for delay in [0, 30_000] {
        let bench = Bench::with(|m| m.sas_activation_ms = delay).await;
        let (asset, policy) = (bench.asset().await, bench.policy(1).await);
        bench.put(&bench.container(&asset).await, "a.mp4", b"bytes").await;
        let d = bench.post("Locators", json!({ "AssetId": asset, "AccessPolicyId": policy, "Type": 1 })).await.d();
        if delay > 0 {
            assert_eq!(through(&bench, &d, "a.mp4").await, 403, "not active yet");
            tokio::time::sleep(Duration::from_millis(delay + 1)).await;
        }
        assert_eq!(through(&bench, &d, "a.mp4").await, 200);
        let path = format!("Locators('{}')", d["Id"].as_str().unwrap());
        assert_eq!(bench.delete(&path).await.status, 204);
        assert_eq!(through(&bench, &d, "a.mp4").await, 403, "revoked");
    }
}
