//! Assets, files, keys and their links.

use std::time::Duration;

use serde_json::json;

use super::*;

#[tokio::test]
async fn an_asset_is_created_and_deleted_with_its_container() {
    let bench = Bench::new().await;
    let got = bench.post("Assets", json!({})).await;
    assert_eq!(got.status, 201);
    let asset = got.d();
    assert_eq!((&asset["Name"], &asset["AlternateId"]), (&Json::Null, &Json::Null));
    let id = asset["Id"].as_str().unwrap();
    let guid = id.rsplit(':').next().unwrap();
    assert_eq!(asset["Uri"], json!(format!("http://blob.west/storewest/asset-{guid}")));
    assert_eq!(got.header("location"), format!("http://cluster.west/api/Assets('nb%3Acid%3AUUID%3A{guid}')"));
    let container = format!("asset-{guid}");
    assert!(bench.storage(0).container_exists(&container).await.unwrap());
    assert_eq!(bench.delete(&format!("Assets('{id}')")).await.status, 204);
    assert!(!bench.storage(0).container_exists(&container).await.unwrap());
    let got = bench.get(&format!("Assets('{id}')")).await;
    assert_eq!((got.status, got.message().as_str()), (404, "Resource Asset not found"));
}

#[tokio::test]
async fn a_kept_container_is_not_deleted_and_a_random_name_is_not_derived_from_the_id() {
    let bench = Bench::with(|m| m.random_container_names = true).await;
    let id = bench.asset().await;
    let container = bench.container(&id).await;
    assert!(!id.ends_with(container.strip_prefix("asset-").unwrap()));
    assert_eq!(bench.delete(&format!("Assets('{id}')?keepcontainer=true")).await.status, 204);
    assert!(bench.storage(0).container_exists(&container).await.unwrap());
}

#[tokio::test]
async fn dates_have_all_digits_once_and_then_sql_precision() {
    let mut bench = Bench::new().await;
    bench.light = true;
    let made = bench.post("Assets", json!({ "Name": "x" })).await.json();
    assert_eq!(made["odata.metadata"], json!("http://cluster.west/api/$metadata#Assets/@Element"));
    assert!(made["Created"].as_str().unwrap().ends_with('Z'));
    let again = bench.get(&format!("Assets('{}')", made["Id"].as_str().unwrap())).await.json();
    let read = again["Created"].as_str().unwrap();
    assert!(!read.ends_with('Z') && read.len() <= 23, "{read}");
    bench.light = false;
    let verbose = bench.get("Assets").await;
    assert!(verbose.text.contains(r#""Created":"\/Date("#), "{}", verbose.text);
}

#[tokio::test]
async fn each_property_of_a_body_is_checked() {
    let bench = Bench::new().await;
    let status = |body| async { bench.post("Assets", body).await.status };
    assert_eq!(status(json!({ "Options": "1", "Id": null, "Created": "0001-01-01T00:00:00" })).await, 201);
    assert_eq!(status(json!({ "Options": 3 })).await, 400);
    assert_eq!(status(json!({ "Name": "x".repeat(513) })).await, 400);
    let got = bench.post("Assets", json!({ "Colour": "red" })).await;
    assert_eq!(got.status, 400);
    assert!(got.message().contains("Colour"), "{}", got.message());
    let got = bench.post("Assets", json!({ "StorageAccountName": "other" })).await;
    assert_eq!(got.status, 404);
    assert!(got.message().contains("Cannot find the storage account"));
    let id = bench.asset().await;
    let path = format!("Assets('{id}')");
    assert_eq!(bench.merge(&path, json!({})).await.status, 204);
    assert_eq!(bench.merge(&path, json!({ "Options": 0, "Id": "changed" })).await.status, 204);
    assert_eq!(bench.merge(&path, json!({ "Options": 1 })).await.status, 400);
    assert_eq!(bench.merge(&path, json!({ "AlternateId": "alt", "Name": null })).await.status, 204);
    let d = bench.get(&path).await.d();
    assert_eq!((&d["AlternateId"], &d["Name"]), (&json!("alt"), &Json::Null));
}

#[tokio::test]
async fn invalid_ids_are_400_and_unknown_ones_404() {
    let bench = Bench::new().await;
    let unknown = "nb:cid:UUID:00000000-0000-4000-8000-000000000000";
    for method in ["GET", "DELETE", "MERGE"] {
        let body = if method == "MERGE" { json!({}) } else { Json::Null };
        assert_eq!(bench.call(0, method, "Assets('notAValidId')", &body).await.status, 400, "{method}");
        assert_eq!(bench.call(0, method, &format!("Assets('{unknown}')"), &body).await.status, 404, "{method}");
    }
    assert_eq!(bench.get(&format!("Files('{unknown}')")).await.message(), "Resource AssetFile not found");
    assert_eq!(bench.get("CreateFileInfos?assetid='x'").await.status, 400);
    assert_eq!(bench.get(&format!("CreateFileInfos?assetid='{unknown}'")).await.status, 404);
}

#[tokio::test]
async fn file_infos_are_made_from_the_container_and_keep_existing_properties() {
    let bench = Bench::new().await;
    let id = bench.asset().await;
    let container = bench.container(&id).await;
    let infos = format!("CreateFileInfos?assetid=%27{}%27", id.replace(':', "%3A"));
    assert_eq!(bench.get(&infos).await.status, 204, "an empty container is no error");
    for name in ["movie.ism", "movie.mp4", "folder/part"] {
        bench.put(&container, name, b"12345").await;
    }
    assert_eq!(bench.get(&infos).await.status, 204);
    let files = bench.get(&format!("Assets('{id}')/Files")).await.d();
    let files = files["results"].as_array().unwrap();
    assert_eq!(files.iter().map(|f| f["Name"].as_str().unwrap()).collect::<Vec<_>>(), ["movie.ism", "movie.mp4"]);
    assert_eq!((&files[0]["ContentFileSize"], &files[0]["IsPrimary"]), (&json!("5"), &json!(false)));
    let primary = format!("Files('{}')", files[0]["Id"].as_str().unwrap());
    let other = format!("Files('{}')", files[1]["Id"].as_str().unwrap());
    assert_eq!(bench.merge(&primary, json!({ "IsPrimary": "true", "MimeType": "x/y" })).await.status, 204);
    assert_eq!(bench.merge(&other, json!({ "IsPrimary": true })).await.status, 409);
    bench.put(&container, "movie.ism", b"123").await;
    assert_eq!(bench.get(&infos).await.status, 204);
    let kept = bench.get(&primary).await.d();
    assert_eq!(
        (&kept["ContentFileSize"], &kept["IsPrimary"], &kept["MimeType"]),
        (&json!("3"), &json!(true), &json!("x/y"))
    );
    assert_eq!(bench.get(&format!("Assets('{id}')/Files")).await.d()["results"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn files_are_unique_by_name_and_belong_to_an_asset() {
    let bench = Bench::new().await;
    let id = bench.asset().await;
    let file = |name: &str| json!({ "Name": name, "ParentAssetId": id, "ContentFileSize": "7" });
    let made = bench.make(0, "Files", file("a.mp4")).await;
    assert_eq!(bench.post("Files", file("a.mp4")).await.status, 409);
    assert_eq!(bench.post("Files", file("a/b.mp4")).await.status, 400);
    assert_eq!(bench.post("Files", json!({ "Name": "b" })).await.status, 400);
    assert_eq!(bench.post(&format!("Assets('{id}')/Files"), json!({ "Name": "b.mp4" })).await.status, 201);
    let path = format!("Files('{made}')");
    assert_eq!(bench.merge(&path, json!({ "ParentAssetId": bench.asset().await })).await.status, 400);
    assert_eq!(bench.merge(&path, json!({ "Name": "b.mp4" })).await.status, 409);
    assert_eq!(bench.merge(&path, json!({ "Name": "c.mp4", "Created": "/Date(0)/" })).await.status, 204);
    assert_eq!(bench.delete(&format!("Files('{made}')")).await.status, 204);
    assert_eq!(bench.get(&format!("Files('{made}')")).await.status, 404);
    let links = bench.get(&format!("Assets('{id}')/$links/Files")).await.d();
    assert!(links["results"][0]["uri"].as_str().unwrap().starts_with("http://cluster.west/api/Files('nb%3Acid"));
}

#[tokio::test]
async fn a_content_key_is_linked_and_unlinked() {
    let bench = Bench::new().await;
    let id = bench.asset().await;
    let key = "nb:kid:UUID:11111111-1111-4111-8111-111111111111";
    let body = json!({ "Id": key, "ContentKeyType": 1, "EncryptedContentKey": "x", "ProtectionKeyId": "y" });
    assert_eq!(bench.post("ContentKeys", body.clone()).await.status, 201);
    assert_eq!(bench.post("ContentKeys", body).await.status, 409);
    let links = format!("Assets('{id}')/$links/ContentKeys");
    let uri = format!("http://cluster.west/api/ContentKeys('{}')", key.replace(':', "%3A"));
    assert_eq!(bench.post(&links, json!({ "uri": uri })).await.status, 204);
    assert_eq!(bench.get(&format!("Assets('{id}')/ContentKeys")).await.d()["results"][0]["Id"], json!(key));
    assert_eq!(bench.post(&links, json!({ "uri": "ContentKeys('bad')" })).await.status, 400);
    assert_eq!(bench.delete(&format!("{links}('bad')")).await.status, 400);
    assert_eq!(bench.delete(&format!("{links}('{key}')")).await.status, 204);
    assert_eq!(bench.delete(&format!("{links}('{key}')")).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_an_asset_updates_its_last_modified_and_an_empty_one_does_not() {
    let mut bench = Bench::new().await;
    bench.light = true;
    let path = format!("Assets('{}')", bench.asset().await);
    let made = bench.get(&path).await.json();
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(bench.merge(&path, json!({})).await.status, 204);
    assert_eq!(bench.get(&path).await.json()["LastModified"], made["LastModified"]);
    assert_eq!(bench.merge(&path, json!({ "AlternateId": "ü".repeat(4001) })).await.status, 400);
    assert_eq!(bench.merge(&path, json!({ "AlternateId": "ü".repeat(4000), "Name": "n" })).await.status, 204);
    let changed = bench.get(&path).await.json();
    assert_eq!(changed["Created"], made["Created"]);
    assert_ne!(changed["LastModified"], made["LastModified"]);
    assert_eq!(changed["Name"], json!("n"));
}

#[tokio::test]
async fn deleting_a_file_record_keeps_its_blob() {
    let bench = Bench::new().await;
    let id = bench.asset().await;
    let container = bench.container(&id).await;
    bench.put(&container, "a.mp4", b"x").await;
    let file = bench.make(0, "Files", json!({ "Name": "a.mp4", "ParentAssetId": id })).await;
    assert_eq!(bench.delete(&format!("Files('{file}')")).await.status, 204);
    assert_eq!(bench.storage(0).list_blobs(&container).await.unwrap().len(), 1);
}
