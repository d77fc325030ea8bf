//! `$batch`.

use std::fmt::Write as _;

use serde_json::json;

use super::*;

fn operation(id: usize, line: &str, body: &Json) -> String {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    format!(
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n{line} HTTP/1.1\r\n\
         Content-ID: {id}\r\nContent-Type: {VERBOSE}\r\nAccept: {VERBOSE}\r\n\r\n{body}\r\n"
    )
}

fn changeset(operations: &[(&str, Json)]) -> String {
    let mut out = "Content-Type: multipart/mixed; boundary=changeset_1\r\n\r\n".to_owned();
    for (at, (line, body)) in operations.iter().enumerate() {
        write!(out, "--changeset_1\r\n{}", operation(at + 1, line, body)).unwrap();
    }
    out + "--changeset_1--\r\n"
}

fn batch(parts: &[String]) -> String {
    let mut out = String::new();
    for part in parts {
        write!(out, "--batch_1\r\n{part}").unwrap();
    }
    out + "--batch_1--\r\n"
}

async fn send(bench: &Bench, parts: &[String]) -> Got {
    let request = Request::post("/api/$batch")
        .header("authorization", format!("Bearer {}", bench.tokens[0]))
        .header("x-ms-version", bench.version)
        .header("accept", "multipart/mixed")
        .header("content-type", "multipart/mixed; boundary=batch_1")
        .body(Body::from(batch(parts)))
        .unwrap();
    bench.send(0, request).await
}

#[tokio::test]
async fn several_changesets_and_reads_are_answered_in_order() {
    let bench = Bench::new().await;
    let parts = [
        changeset(&[
            ("POST http://cluster.west/api/Assets", json!({ "Name": "one" })),
            ("POST http://cluster.west/api/$1/Files", json!({ "Name": "a.mp4" })),
            ("MERGE $1", json!({ "AlternateId": "alt" })),
        ]),
        operation(9, "GET Assets?$filter=AlternateId%20eq%20'alt'", &Json::Null),
        changeset(&[("POST /api/Assets", json!({ "Name": "two" }))]),
        operation(10, "GET /api/Assets('nonsense')", &Json::Null),
    ];
    let got = send(&bench, &parts).await;
    assert_eq!(got.status, 202, "{}", got.text);
    assert!(got.header("content-type").starts_with("multipart/mixed; boundary=batchresponse_"));
    let lines: Vec<_> = got.text.lines().filter(|l| l.starts_with("HTTP/1.1")).collect();
    assert_eq!(
        lines,
        [
            "HTTP/1.1 201 Created",
            "HTTP/1.1 201 Created",
            "HTTP/1.1 204 No Content",
            "HTTP/1.1 200 OK",
            "HTTP/1.1 201 Created",
            "HTTP/1.1 400 Bad Request"
        ]
    );
    let assets = bench.get("Assets").await.d();
    assert_eq!(assets["results"].as_array().unwrap().len(), 2);
    assert_eq!(assets["results"][0]["AlternateId"], json!("alt"));
    let rows = bench.world.stats.snapshot().requests;
    assert_eq!(rows.iter().find(|r| r.operation == "Batch").map(|r| (r.status, r.count)), Some((202, 1)));
    assert!(!rows.iter().any(|r| r.operation == "CreateAsset"), "parts are not requests");
}

#[tokio::test]
async fn a_changeset_is_applied_as_a_whole_or_not_at_all() {
    let bench = Bench::new().await;
    let kept = bench.asset().await;
    let container = bench.container(&kept).await;
    let parts = [changeset(&[
        ("POST Assets", json!({ "Name": "lost" })),
        (&format!("DELETE Assets('{kept}')"), Json::Null),
        ("POST Assets", json!({ "Name": "lost", "Options": 3 })),
    ])];
    let got = send(&bench, &parts).await;
    assert_eq!(got.status, 202);
    let lines: Vec<_> = got.text.lines().filter(|l| l.starts_with("HTTP/1.1")).collect();
    assert_eq!(lines, ["HTTP/1.1 400 Bad Request"]);
    assert!(got.text.contains("Content-ID: 3"));
    let assets = bench.get("Assets").await.d();
    assert_eq!(assets["results"].as_array().unwrap().len(), 1);
    assert_eq!(assets["results"][0]["Id"], json!(kept));
    assert!(bench.storage(0).container_exists(&container).await.unwrap());
}

#[tokio::test]
async fn a_job_and_its_tasks_are_submitted_together() {
    let bench = Bench::new().await;
    let asset = bench.asset().await;
    let input = json!({ "InputMediaAssets": [{ "__metadata": { "uri": format!("Assets('{asset}')") } }] });
    let task = json!({ "MediaProcessorId": "nb:mpid:UUID:ff4df607-d419-42f0-bc17-a481b1331e56",
        "TaskBody": "<taskBody><inputAsset>JobInputAsset(0)</inputAsset>\
                     <outputAsset>JobOutputAsset(0)</outputAsset></taskBody>" });
    let got = send(&bench, &[changeset(&[("POST Jobs", input), ("POST $1/Tasks", task)])]).await;
    assert_eq!(got.text.matches("HTTP/1.1 201 Created").count(), 2, "{}", got.text);
    let jobs = bench.get("Jobs").await.d();
    let job = jobs["results"][0]["Id"].as_str().unwrap();
    assert_eq!(
        bench.get(&format!("Jobs('{job}')/OutputMediaAssets")).await.d()["results"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn batches_have_limits_and_can_be_refused() {
    let bench = Bench::new().await;
    let post = ("POST Assets", json!({}));
    assert_eq!(send(&bench, &[changeset(&vec![post.clone(); 101])]).await.status, 400);
    assert_eq!(send(&bench, &vec![changeset(&vec![post.clone(); 100]); 11]).await.status, 400);
    assert_eq!(bench.get("Assets/$count").await.text, "0");
    assert_eq!(send(&bench, &[changeset(&vec![post.clone(); 100])]).await.status, 202);
    assert_eq!(bench.get("Assets/$count").await.text, "100");
    assert_eq!(send(&bench, &[changeset(&[("GET Assets", Json::Null)])]).await.status, 400);
    assert_eq!(send(&bench, &[operation(1, "POST Assets", &json!({}))]).await.status, 400);
    let refusing = Bench::with(|m| m.refuse_batch = true).await;
    assert_eq!(send(&refusing, &[changeset(&[post])]).await.status, 501);
}

#[tokio::test]
async fn settings_limit_the_operations_of_a_batch() {
    let bench = Bench::with(|m| m.batch_limit = 100).await;
    let half = changeset(&vec![("POST Assets", json!({})); 50]);
    let read = operation(1, "GET Assets", &Json::Null);
    let refused = send(&bench, &[half.clone(), read, half.clone()]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("Only 100 are allowed"), "{}", refused.text);
    assert_eq!(bench.get("Assets/$count").await.text, "0");
    assert_eq!(send(&bench, &[half.clone(), half]).await.status, 202);
}

#[tokio::test]
async fn reads_between_changesets_see_the_earlier_changes() {
    let bench = Bench::new().await;
    let asset = bench.asset().await;
    let policy = bench.policy(1).await;
    let file = bench.make(0, "Files", json!({ "Name": "a.mp4", "ParentAssetId": asset })).await;
    let locator = bench.make(0, "Locators", json!({ "AssetId": asset, "AccessPolicyId": policy, "Type": 2 })).await;
    let read = |id, of: &str| operation(id, &format!("GET http://cluster.west/api/{of}"), &Json::Null);
    let parts = [
        read(1, &format!("Locators('{locator}')")),
        changeset(&[
            (&format!("MERGE Assets('{asset}')"), json!({ "Name": "renamed" })),
            (&format!("DELETE Locators('{locator}')"), Json::Null),
            (&format!("DELETE Files('{file}')"), Json::Null),
        ]),
        read(2, &format!("Assets('{asset}')")),
        read(3, &format!("Locators('{locator}')")),
        read(4, &format!("Assets('{asset}')/Files")),
    ];
    let got = send(&bench, &parts).await;
    let statuses: Vec<_> = got.text.lines().filter_map(|l| l.strip_prefix("HTTP/1.1 ")).map(|l| &l[..3]).collect();
    assert_eq!(statuses, ["200", "204", "204", "204", "200", "404", "200"], "{}", got.text);
    assert!(got.text.contains("\"Name\":\"renamed\"") && got.text.contains("\"results\":[]"), "{}", got.text);
}

#[tokio::test]
async fn a_refused_changeset_restores_deleted_locators_files_and_names() {
    let bench = Bench::new().await;
    let asset = bench.asset().await;
    let policy = bench.policy(1).await;
    let file = bench.make(0, "Files", json!({ "Name": "a.mp4", "ParentAssetId": asset })).await;
    let locator = bench.make(0, "Locators", json!({ "AssetId": asset, "AccessPolicyId": policy, "Type": 2 })).await;
    let got = send(
        &bench,
        &[changeset(&[
            (&format!("MERGE Assets('{asset}')"), json!({ "Name": "renamed" })),
            (&format!("DELETE Locators('{locator}')"), Json::Null),
            (&format!("DELETE Files('{file}')"), Json::Null),
            (&format!("DELETE Files('{file}')"), Json::Null),
        ])],
    )
    .await;
    assert!(got.text.contains("HTTP/1.1 404"), "{}", got.text);
    assert_eq!(bench.get(&format!("Assets('{asset}')")).await.d()["Name"], json!("a"));
    assert_eq!(bench.get(&format!("Locators('{locator}')")).await.status, 200);
    assert_eq!(bench.get(&format!("Files('{file}')")).await.status, 200);
}

#[tokio::test]
async fn file_infos_can_be_requested_in_a_batch() {
    let bench = Bench::new().await;
    let mut parts = Vec::new();
    for _ in 0..3 {
        let asset = bench.asset().await;
        bench.put(&bench.container(&asset).await, "a.mp4", b"x").await;
        parts.push(operation(1, &format!("GET CreateFileInfos?assetid='{asset}'"), &Json::Null));
    }
    let got = send(&bench, &parts).await;
    assert_eq!(got.text.matches("HTTP/1.1 204 No Content").count(), 3, "{}", got.text);
    assert_eq!(bench.get("Files/$count").await.text, "3");
}
