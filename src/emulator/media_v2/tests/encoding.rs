//! Jobs and tasks.

use std::time::Duration;

use serde_json::json;

use super::*;

const PROCESSOR: &str = "nb:mpid:UUID:ff4df607-d419-42f0-bc17-a481b1331e56";
const BODY: &str = "<taskBody><inputAsset>JobInputAsset(0)</inputAsset>\
                    <outputAsset assetName=\"out\">JobOutputAsset(0)</outputAsset></taskBody>";

async fn input(bench: &Bench) -> String {
    let asset = bench.asset().await;
    let container = bench.container(&asset).await;
    bench.put(&container, "film.mp4", b"a film").await;
    assert_eq!(bench.get(&format!("CreateFileInfos?assetid='{asset}'")).await.status, 204);
    asset
}

fn job(asset: &str) -> Json {
    json!({ "Name": "J", "InputMediaAssets": [{ "__metadata": { "uri": format!("Assets('{asset}')") } }],
        "Tasks": [{ "Configuration": "Adaptive Streaming", "MediaProcessorId": PROCESSOR, "TaskBody": BODY }] })
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_by_the_clock_and_leaves_a_streamable_asset() {
    let bench = Bench::new().await;
    let asset = input(&bench).await;
    let got = bench.post("Jobs", job(&asset)).await;
    assert_eq!(got.status, 201, "{}", got.text);
    assert_eq!(got.header("dataserviceversion"), "3.0;");
    let id = got.d()["Id"].as_str().unwrap().to_owned();
    let state = format!("Jobs('{id}')/State");
    assert_eq!(bench.get(&state).await.d(), json!({ "State": 0 }));
    let outputs = bench.get(&format!("Jobs('{id}')/OutputMediaAssets")).await.d();
    let output = outputs["results"][0].clone();
    assert_eq!(output["Name"], json!("out"));
    let output_id = output["Id"].as_str().unwrap();
    assert!(bench.storage(0).container_exists(&bench.container(output_id).await).await.unwrap());
    for (after, expected) in [(300, 1), (300, 2), (1000, 2), (1000, 3)] {
        tokio::time::sleep(Duration::from_millis(after)).await;
        assert_eq!(bench.get(&state).await.d(), json!({ "State": expected }), "after {after}");
    }
    let files = bench.get(&format!("Assets('{output_id}')/Files")).await.d();
    let files = files["results"].as_array().unwrap();
    assert_eq!(files.len(), 4);
    let primary: Vec<_> = files.iter().filter(|f| f["IsPrimary"] == json!(true)).collect();
    assert_eq!(primary.len(), 1);
    assert_eq!(primary[0]["Name"], json!("film.ism"));
    let tasks = bench.get(&format!("Jobs('{id}')/Tasks")).await.d();
    assert_eq!((&tasks["results"][0]["State"], &tasks["results"][0]["Progress"]), (&json!(3), &json!(100)));
    let task = tasks["results"][0]["Id"].as_str().unwrap().to_owned();
    let made = bench.get(&format!("Tasks('{task}')/OutputMediaAssets")).await.d();
    assert_eq!(made["results"][0]["Id"], json!(output_id));
    let parents = bench.get(&format!("Assets('{output_id}')/ParentAssets")).await.d();
    assert_eq!(parents["results"][0]["Id"], json!(asset));
    assert_eq!(bench.get(&format!("CancelJob?jobid='{id}'")).await.status, 400, "it is over");
    assert_eq!(bench.delete(&format!("Jobs('{id}')")).await.status, 204);
    assert_eq!(bench.get(&format!("Tasks('{task}')")).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_canceled_job_makes_nothing() {
    let bench = Bench::new().await;
    let asset = input(&bench).await;
    let id = bench.make(0, "Jobs", job(&asset)).await;
    let path = format!("Jobs('{id}')");
    assert_eq!(bench.merge(&path, json!({ "Priority": 5 })).await.status, 204);
    assert_eq!(bench.delete(&path).await.status, 400, "not over yet");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let late = bench.merge(&path, json!({ "Priority": 6 })).await;
    assert_eq!(late.message(), "Job's priority can only be changed if the job is in Queued state");
    assert_eq!(bench.get(&format!("CancelJob?jobid='{id}'")).await.status, 204);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(bench.get(&format!("{path}/State")).await.d(), json!({ "State": 5 }));
    let outputs = bench.get(&format!("{path}/OutputMediaAssets")).await.d();
    let output = outputs["results"][0]["Id"].as_str().unwrap();
    assert_eq!(bench.get(&format!("Assets('{output}')/Files")).await.d()["results"], json!([]));
}

#[tokio::test]
async fn a_refused_job_leaves_no_output_assets_behind() {
    let mut bench = Bench::new().await;
    let asset = input(&bench).await;
    let mut broken = job(&asset);
    let second = json!({ "MediaProcessorId": PROCESSOR, "TaskBody": "<nonsense/>" });
    broken["Tasks"].as_array_mut().unwrap().push(second);
    assert_eq!(bench.post("Jobs", broken).await.status, 400);
    assert_eq!(bench.get("Assets").await.d()["results"].as_array().unwrap().len(), 1);
    assert_eq!(bench.get("Jobs").await.d()["results"], json!([]));
    for name in ["b.mp4", "c.mp4"] {
        bench.make(0, "Files", json!({ "Name": name, "ParentAssetId": asset })).await;
    }
    assert_eq!(bench.post("Jobs", job(&asset)).await.status, 400, "no primary file to be determined");
    let other = input(&bench).await;
    bench.light = true;
    let mut light = job(&other);
    light.as_object_mut().unwrap().remove("InputMediaAssets");
    light["InputMediaAssets@odata.bind"] = json!([format!("http://cluster.west/api/Assets('{other}')")]);
    assert_eq!(bench.post("Jobs", light).await.status, 201);
}
