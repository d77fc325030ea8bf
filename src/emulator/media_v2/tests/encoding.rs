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
async fn a_job_runs_by_the_clock_and_makes_a_streamable_asset() {
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
    assert_eq!(files.len(), 5, "three renditions and both manifests");
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
async fn a_canceled_job_has_no_output() {
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
    assert_eq!(bench.get(&format!("{path}/State")).await.d(), json!({ "State": 6 }), "it takes a moment");
    assert_eq!(bench.get(&format!("CancelJob?jobid='{id}'")).await.status, 400, "it is being canceled");
    assert_eq!(bench.delete(&path).await.status, 400, "not over yet");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(bench.get(&format!("{path}/State")).await.d(), json!({ "State": 5 }));
    let outputs = bench.get(&format!("{path}/OutputMediaAssets")).await.d();
    let output = outputs["results"][0]["Id"].as_str().unwrap();
    assert_eq!(bench.get(&format!("Assets('{output}')/Files")).await.d()["results"], json!([]));
}

fn tasks(got: &Got) -> Vec<Json> {
    got.d()["results"].as_array().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn progress_follows_the_clock_and_the_duration_depends_on_the_input() {
    let bench = Bench::with(|media| media.encode_ms_per_input_second = 1000).await;
    let asset = bench.asset().await;
    let container = bench.container(&asset).await;
    bench.put(&container, "bars.mp4", include_bytes!("../../../../tests/fixtures/bars/bars_400.mp4")).await;
    assert_eq!(bench.get(&format!("CreateFileInfos?assetid='{asset}'")).await.status, 204);
    let id = bench.make(0, "Jobs", job(&asset)).await;
    let all = format!("Jobs('{id}')/Tasks");
    let mut last = 0.0;
    // 0.4 s in the queue, then 1.6 s for each task and one second for each of the six seconds of its input.
    for second in 1..=7 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let task = tasks(&bench.get(&all).await).remove(0);
        let progress = task["Progress"].as_f64().unwrap();
        assert_eq!(task["State"], json!(2), "after {second} s");
        assert!(progress > last && progress < 100.0, "{progress} after {second} s");
        last = progress;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let got = bench.get(&format!("Jobs('{id}')")).await.d();
    assert_eq!(got["State"], json!(3));
    let lasted = got["RunningDuration"].as_f64().unwrap();
    assert!((7_500.0..8_000.0).contains(&lasted), "{lasted} ms, as captures have it");
    let task = tasks(&bench.get(&all).await).remove(0);
    let codes: Vec<_> = task["HistoricalEvents"]["results"].as_array().unwrap().iter().map(|e| &e["Code"]).collect();
    assert_eq!(codes, ["Scheduled", "Processing", "Finished"]);
}

#[tokio::test(start_paused = true)]
async fn only_the_primary_file_is_encoded_and_named_by_the_preset() {
    let bench = Bench::new().await;
    let asset = bench.asset().await;
    let container = bench.container(&asset).await;
    bench.put(&container, "film.mov", b"a film").await;
    bench.put(&container, "notes.txt", b"no film").await;
    bench.make(0, "Files", json!({ "Name": "film.mov", "ParentAssetId": asset, "IsPrimary": true })).await;
    bench.make(0, "Files", json!({ "Name": "notes.txt", "ParentAssetId": asset })).await;
    let mut wanted = job(&asset);
    wanted["Tasks"][0]["Configuration"] = json!("H264 Multiple Bitrate 720p");
    let id = bench.make(0, "Jobs", wanted).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let outputs = bench.get(&format!("Jobs('{id}')/OutputMediaAssets")).await;
    let output = outputs.d()["results"][0]["Id"].as_str().unwrap().to_owned();
    let container = bench.container(&output).await;
    let blobs = bench.storage(0).list_blobs(&container).await.unwrap();
    let names: Vec<_> = blobs.iter().map(|b| b.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "film.ism",
            "film.ismc",
            "film_1280x720_3400.mp4",
            "film_320x180_400.mp4",
            "film_640x360_1000.mp4",
            "film_640x360_650.mp4",
            "film_960x540_1500.mp4",
            "film_960x540_2250.mp4",
        ]
    );
    let (_, bytes) = bench.storage(0).read_blob(&container, "film_640x360_650.mp4", 0, 100).await.unwrap();
    assert_eq!(&bytes[..], b"a film");
}

#[tokio::test(start_paused = true)]
async fn a_task_fails_by_plan_with_its_code_and_later_tasks_are_canceled() {
    use crate::emulator::faults::plan::{Fault, FaultPlan, Rule, TaskFailure};
    let bench = Bench::new().await;
    let failure = TaskFailure::new("ErrorDownloadingInputAssetMalformedContent", "The input cannot be read.");
    let rule = Rule::new(Fault::Encode(failure)).operation("EncodeTask").name("/J/Adaptive*").times(1);
    bench.world.faults.set(&FaultPlan::new(1).rule(rule));
    let asset = input(&bench).await;
    let mut wanted = job(&asset);
    let second = json!({ "MediaProcessorId": PROCESSOR, "Configuration": "H264 Multiple Bitrate 720p",
        "TaskBody": BODY.replace("JobOutputAsset(0)", "JobOutputAsset(1)") });
    wanted["Tasks"].as_array_mut().unwrap().push(second.clone());
    let id = bench.make(0, "Jobs", wanted.clone()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(bench.get(&format!("Jobs('{id}')/State")).await.d(), json!({ "State": 4 }));
    let both = tasks(&bench.get(&format!("Jobs('{id}')/Tasks")).await);
    assert_eq!((&both[0]["State"], &both[1]["State"]), (&json!(4), &json!(5)));
    let details = &both[0]["ErrorDetails"]["results"];
    let expected = [("Code", "ErrorDownloadingInputAssetMalformedContent"), ("Message", "The input cannot be read.")];
    for (key, value) in expected {
        assert_eq!(details[0][key], json!(value));
    }
    assert_eq!(both[1]["ErrorDetails"]["results"], json!([]));
    let left = tasks(&bench.get(&format!("Jobs('{id}')/OutputMediaAssets")).await);
    assert_eq!(left.len(), 1, "the failed task's output is deleted, the canceled one's is not");

    bench.world.faults.set(&FaultPlan::new(1));
    wanted["Tasks"][0]["Configuration"] = json!("No Such Preset");
    wanted["Tasks"][0]["Options"] = json!(2);
    wanted["Tasks"][1]["Options"] = json!(4);
    let id = bench.make(0, "Jobs", wanted).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let both = tasks(&bench.get(&format!("Jobs('{id}')/Tasks")).await);
    assert_eq!((&both[0]["State"], &both[1]["State"]), (&json!(4), &json!(3)), "it goes on after a failure");
    let message = both[0]["ErrorDetails"]["results"][0]["Message"].as_str().unwrap();
    assert!(message.contains("No Such Preset"), "{message}");
    assert_eq!(tasks(&bench.get(&format!("Jobs('{id}')/OutputMediaAssets")).await).len(), 2, "it keeps its output");
}

#[tokio::test(start_paused = true)]
async fn a_task_can_read_the_output_of_an_earlier_one() {
    let bench = Bench::new().await;
    let asset = input(&bench).await;
    let mut wanted = job(&asset);
    let second = json!({ "MediaProcessorId": PROCESSOR, "Configuration": "H264 Single Bitrate 720p",
        "TaskBody": "<taskBody><inputAsset>JobOutputAsset(0)</inputAsset>\
                     <outputAsset>JobOutputAsset(1)</outputAsset></taskBody>" });
    wanted["Tasks"].as_array_mut().unwrap().push(second);
    let id = bench.make(0, "Jobs", wanted).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let states: Vec<_> =
        tasks(&bench.get(&format!("Jobs('{id}')/Tasks")).await).iter().map(|t| t["State"].clone()).collect();
    assert_eq!(states, [3, 2], "one after the other");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(bench.get(&format!("Jobs('{id}')/State")).await.d(), json!({ "State": 3 }));
    let outputs = tasks(&bench.get(&format!("Jobs('{id}')/OutputMediaAssets")).await);
    let files = bench.get(&format!("Assets('{}')/Files", outputs[1]["Id"].as_str().unwrap())).await;
    assert_eq!(tasks(&files).len(), 3, "one rendition and both manifests");
}

#[tokio::test(start_paused = true)]
async fn an_encrypted_configuration_needs_a_key_that_this_service_can_decrypt() {
    let bench = Bench::new().await;
    let asset = input(&bench).await;
    let answer = bench.get("GetProtectionKeyId?contentKeyType=2").await;
    let thumbprint = answer.d()["GetProtectionKeyId"].as_str().unwrap().to_owned();
    let certificate = bench.get(&format!("GetProtectionKey?ProtectionKeyId='{thumbprint}'")).await;
    assert!(certificate.d()["GetProtectionKey"].as_str().unwrap().starts_with("MII"));
    let id = "nb:kid:UUID:11111111-2222-3333-4444-555555555555";
    let mut key = json!({ "Id": id, "ContentKeyType": 2, "ProtectionKeyType": 0, "ProtectionKeyId": "00",
        "EncryptedContentKey": "bm8ga2V5" });
    assert_eq!(bench.post("ContentKeys", key.clone()).await.status, 400, "another service's certificate");
    key["ProtectionKeyId"] = json!(thumbprint);
    assert_eq!(bench.post("ContentKeys", key).await.status, 400, "nothing that can be opened");
    let mut wanted = job(&asset);
    wanted["Tasks"][0]["Options"] = json!(1);
    wanted["Tasks"][0]["EncryptionKeyId"] = json!(id);
    assert_eq!(bench.post("Jobs", wanted).await.status, 404, "no such key");
}

#[tokio::test]
async fn a_refused_job_leaves_no_output_assets() {
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
