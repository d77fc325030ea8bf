//! Encoding through the library: from an asset to one that streams, and all failures.

use std::time::Duration;

use azure_core::http::{Method, Request};
use mediamirror::asset::encode::{EncodeOptions, complete, encode, make_playable, report, submit, watch};
use mediamirror::emulator::Settings;
use mediamirror::emulator::faults::plan::{Fault, FaultPlan, Refuse, ResetAt, Rule, TaskFailure};
use mediamirror::library::{FileSet, OtherRecords};
use mediamirror::model::{Asset, AssetFile, JobId, JobState};
use mediamirror::monitor::{RunEvent, Silent, TestMonitor};

use crate::world::{World, put, seed_asset};

const BARS: &[u8] = include_bytes!("../fixtures/bars/bars_400.mp4");

fn options() -> EncodeOptions {
    EncodeOptions {
        preset: "H264 Multiple Bitrate 720p".to_owned(),
        processor: None,
        output_name: None,
        protected: false,
    }
}

/// An asset of one real film.
async fn film(world: &World, name: &str) -> Asset {
    let pair = world.pair();
    let asset = seed_asset(&pair, name).await;
    put(&pair.source.storage[0], &asset, "bars.mp4", BARS.to_vec()).await;
    record(world, &asset, &[("bars.mp4", false)]).await;
    asset
}

async fn record(world: &World, asset: &Asset, files: &[(&str, bool)]) {
    let file = |(name, primary): &(&str, bool)| AssetFile {
        asset: asset.id.clone(),
        name: (*name).to_owned(),
        size: 1024,
        mime_type: None,
        primary: *primary,
        encrypted: false,
    };
    let files = files.iter().map(file).collect();
    let set = FileSet { others: OtherRecords::Delete, ..FileSet::new(asset.id.clone(), files) };
    world.pair().source.library.register_files(&[set]).await.remove(0).unwrap();
}

fn moves(monitor: &TestMonitor) -> Vec<(JobState, u8)> {
    let moved = |event| match event {
        RunEvent::JobMoved { state, percent, .. } => Some((state, percent)),
        _ => None,
    };
    monitor.events().into_iter().filter_map(moved).collect()
}

async fn get(world: &World, url: &str) -> (u16, String) {
    let request = Request::new(url.parse().unwrap(), Method::Get);
    let (status, _, body) = world.emulator.http_client().execute_request(&request).await.unwrap().deconstruct();
    (status.into(), String::from_utf8(body.collect().await.unwrap().to_vec()).unwrap())
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_film_becomes_an_asset_that_streams_with_its_manifest_as_the_primary() {
    let mut settings = Settings::default();
    settings.regions[0].media.encode_queue_ms = 6_000;
    settings.regions[0].media.encode_ms_per_input_second = 5_000;
    let world = World::with(settings, None).await;
    let asset = film(&world, "Tom & \"Jerry\" <1>").await;
    let pair = world.pair();
    let monitor = TestMonitor::default();
    let report = encode(&pair.source, &asset, &options(), &monitor).await.unwrap();
    assert_eq!(report.job.state, JobState::Finished);
    assert_eq!((report.percent(), report.outputs.len()), (100, 1));
    let output = &report.outputs[0];
    assert_eq!(output.primary.as_deref(), Some("bars.ism"));
    assert_eq!(output.name.as_deref(), Some("Tom & \"Jerry\" <1> - H264 Multiple Bitrate 720p"));

    let moves = moves(&monitor);
    assert!(moves.is_sorted_by_key(|(_, percent)| *percent), "{moves:?}");
    for state in [JobState::Queued, JobState::Scheduled, JobState::Processing, JobState::Finished] {
        assert!(moves.iter().any(|(moved, _)| *moved == state), "{state} was not reported: {moves:?}");
    }
    // 38 seconds with pauses that grow by half from 1 s to 15 s.
    assert!(world.count("GetJob") <= 10, "{} questions", world.count("GetJob"));

    let made = pair.source.library.asset(&output.id).await.unwrap().unwrap();
    let files = pair.source.library.files_of(std::slice::from_ref(&made.id)).await.unwrap().remove(0);
    assert_eq!(files.iter().filter(|file| file.primary).count(), 1);
    assert_eq!(files.len(), 8);
    let locator = world.publish(&pair, &made, 24).await;
    let (status, manifest) = get(&world, &format!("{}bars.ism/manifest", locator.path.as_ref().unwrap())).await;
    assert_eq!(status, 200, "{manifest}");
    assert_eq!(manifest.matches("FourCC=\"H264\"").count(), 6);
    assert!(manifest.contains("Bitrate=\"3400000\"") && manifest.contains("Bitrate=\"400000\""), "{manifest}");
    let url = format!("{}bars.ism/manifest(format=m3u8-aapl)", locator.path.unwrap());
    let (status, playlist) = get(&world, &url).await;
    assert_eq!(status, 200, "{playlist}");
    assert!(playlist.contains("#EXT-X-STREAM-INF"), "{playlist}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_newest_processor_is_used_and_a_missing_one_is_reported_with_the_available_ones() {
    let world = World::empty().await;
    let asset = film(&world, "film").await;
    let pair = world.pair();
    let submitted = submit(&pair.source, &asset, &options(), &Silent).await.unwrap();
    assert_eq!(
        (submitted.processor.name.as_str(), submitted.processor.version.as_str()),
        ("Media Encoder Standard", "1.10")
    );
    assert!(submitted.output.is_some(), "the output asset is there from the start");
    let options = EncodeOptions { processor: Some("Media Encoder Premium".to_owned()), ..options() };
    let error = submit(&pair.source, &asset, &options, &Silent).await.unwrap_err().to_string();
    assert!(error.contains("Media Encoder Premium") && error.contains("Azure Media Encoder 4.6"), "{error}");
    assert_eq!(world.count("CreateJob"), 1);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_failed_task_is_reported_with_code_and_message_and_no_primary_is_set() {
    let world = World::empty().await;
    let failure = TaskFailure::new("ErrorDownloadingInputAssetMalformedContent", "The input cannot be read.");
    let rule = Rule::new(Fault::Encode(failure)).name("/film - *");
    world.emulator.set_faults(&FaultPlan::new(1).rule(rule)).unwrap();
    let asset = film(&world, "film").await;
    let pair = world.pair();
    let report = encode(&pair.source, &asset, &options(), &Silent).await.unwrap();
    assert_eq!(report.job.state, JobState::Error);
    let [error] = report.tasks[0].errors.as_slice() else { panic!("{report:?}") };
    assert_eq!(error.code, "ErrorDownloadingInputAssetMalformedContent");
    assert_eq!(error.message, "The input cannot be read.");
    assert!(report.percent() < 100 && report.outputs.iter().all(|output| output.primary.is_none()), "{report:?}");
    assert_eq!(world.emulator.fault_strikes(), [1]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_job_can_be_canceled_but_a_finished_one_cannot() {
    let world = World::empty().await;
    let asset = film(&world, "film").await;
    let pair = world.pair();
    let job = submit(&pair.source, &asset, &options(), &Silent).await.unwrap().job;
    tokio::time::sleep(Duration::from_secs(1)).await;
    pair.source.authoring().unwrap().cancel_job(&job).await.unwrap();
    pair.source.authoring().unwrap().cancel_job(&job).await.unwrap();
    assert_eq!(report(&pair.source, &job).await.unwrap().job.state, JobState::Canceling);
    assert_eq!(watch(&pair.source, &job, &Silent).await.unwrap(), JobState::Canceled);
    assert_eq!(complete(&pair.source, &job, &Silent).await.unwrap().job.state, JobState::Canceled);

    let finished = encode(&pair.source, &asset, &options(), &Silent).await.unwrap().job.id;
    let error = pair.source.authoring().unwrap().cancel_job(&finished).await.unwrap_err().to_string();
    assert!(error.contains("already ended: finished"), "{error}");
    let jobs = pair.source.authoring().unwrap().jobs().await.unwrap();
    assert_eq!(jobs.iter().map(|listed| &listed.id).collect::<Vec<_>>(), [&finished, &job], "the last comes first");
    let nobodys = JobId::new("nb:jid:UUID:00000000-0000-0000-0000-000000000000");
    let error = watch(&pair.source, &nobodys, &Silent).await.unwrap_err().to_string();
    assert!(error.contains("no job with that id"), "{error}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_submission_whose_answer_is_lost_makes_one_job() {
    let world = World::empty().await;
    let asset = film(&world, "film").await;
    let lost = Rule::new(Fault::LostAnswer).operation("CreateJob").times(1);
    world.emulator.set_faults(&FaultPlan::new(1).rule(lost)).unwrap();
    let pair = world.pair();
    let report = encode(&pair.source, &asset, &options(), &Silent).await.unwrap();
    assert_eq!(report.job.state, JobState::Finished);
    assert_eq!(pair.source.authoring().unwrap().jobs().await.unwrap().len(), 1);
    let reset = Rule::new(Fault::Reset(ResetAt::Before)).operation("{CreateJob,GetJob,ListTasks}").every(3);
    world.emulator.set_faults(&FaultPlan::new(1).rule(reset)).unwrap();
    encode(&pair.source, &asset, &options(), &Silent).await.unwrap();
    assert_eq!(pair.source.authoring().unwrap().jobs().await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_protected_preset_is_readable_only_for_the_encoder() {
    let world = World::empty().await;
    let asset = film(&world, "film").await;
    let pair = world.pair();
    let protected = EncodeOptions { protected: true, ..options() };
    let report = encode(&pair.source, &asset, &protected, &Silent).await.unwrap();
    assert_eq!((report.job.state, report.tasks[0].preset.as_deref()), (JobState::Finished, None));
    let files = pair.source.library.files_of(std::slice::from_ref(&report.outputs[0].id)).await.unwrap().remove(0);
    assert!(files.iter().any(|file| file.name == "bars_1280x720_3400.mp4"), "it knew the preset: {files:?}");
    assert_eq!((world.count("CreateContentKey"), world.count("DeleteContentKey")), (1, 0));
    pair.source.authoring().unwrap().delete_job(&report.job.id).await.unwrap();
    pair.source.authoring().unwrap().delete_job(&report.job.id).await.unwrap();
    assert!(pair.source.authoring().unwrap().jobs().await.unwrap().is_empty());
    assert!(pair.source.library.asset(&report.outputs[0].id).await.unwrap().is_some(), "what it made stays");

    let refused = Rule::new(Fault::Refuse(Refuse::status(403))).operation("CreateJob");
    world.emulator.set_faults(&FaultPlan::new(1).rule(refused)).unwrap();
    assert!(submit(&pair.source, &asset, &protected, &Silent).await.is_err());
    assert_eq!((world.count("CreateContentKey"), world.count("DeleteContentKey")), (2, 2), "its key is taken back");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_that_cannot_be_encoded_is_refused_before_a_job_is_submitted() {
    let world = World::empty().await;
    let pair = world.pair();
    let asset = seed_asset(&pair, "empty").await;
    let error = submit(&pair.source, &asset, &options(), &Silent).await.unwrap_err().to_string();
    assert!(error.contains("empty") && error.contains("no file"), "{error}");
    record(&world, &asset, &[("a.mp4", false), ("b.mp4", false)]).await;
    let error = submit(&pair.source, &asset, &options(), &Silent).await.unwrap_err().to_string();
    assert!(error.contains("a.mp4, b.mp4"), "{error}");
    assert_eq!(world.count("CreateJob"), 0);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_single_server_manifest_becomes_the_primary_and_any_other_number_is_reported() {
    let world = World::empty().await;
    let pair = world.pair();
    let asset = seed_asset(&pair, "made").await;
    record(&world, &asset, &[("a.mp4", true), ("A.ISM", false)]).await;
    assert_eq!(make_playable(&pair.source, &asset.id).await.unwrap(), "A.ISM");
    let files = pair.source.library.files_of(std::slice::from_ref(&asset.id)).await.unwrap().remove(0);
    let primary: Vec<_> = files.iter().filter(|file| file.primary).map(|file| file.name.as_str()).collect();
    assert_eq!(primary, ["A.ISM"], "the one before stepped back");
    record(&world, &asset, &[("a.mp4", true), ("A.ISM", false), ("b.ism", false)]).await;
    let error = make_playable(&pair.source, &asset.id).await.unwrap_err().to_string();
    assert!(error.contains("2 .ism files") && error.contains("A.ISM, b.ism"), "{error}");
    record(&world, &asset, &[("a.mp4", true)]).await;
    let error = make_playable(&pair.source, &asset.id).await.unwrap_err().to_string();
    assert!(error.contains("no .ism") && error.contains("a.mp4"), "{error}");
}
