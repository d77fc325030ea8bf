//! Whole runs with one kind of fault each, and how the program handles it. Rows of the matrix in `FAULTS.md`.

mod damage;
mod echo;
mod encodings;
mod items;
mod lies;
mod signatures;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use mediamirror::emulator::faults::plan::{
    Fault, FaultPlan, Hang, Mangle, Redirect, Refuse, ResetAt, Rule, Slow, SourceFate, WrongLength,
};
use mediamirror::emulator::stats::Plane;
use mediamirror::engine::{Options, Outcome, Summary};
use mediamirror::error::Error;
use mediamirror::model::{BlobProperties, BlobRef, CopyMethod};
use mediamirror::monitor::TestMonitor;

use crate::world::{World, copy_of};

const LIBRARY: &str = "assets=6,blobs=5,seed=4,sizes=small,awkward=false,real=false";

/// A run of a small library with these rules.
async fn run_under(rules: &[Rule]) -> (World, Result<Summary, Error>) {
    run_with(rules, Options::default()).await
}

/// The same with other options.
async fn run_with(rules: &[Rule], options: Options) -> (World, Result<Summary, Error>) {
    let world = World::generated(LIBRARY).await;
    let ended = again_under(&world, rules, options).await;
    (world, ended)
}

/// Another run of a library with these rules.
async fn again_under(world: &World, rules: &[Rule], options: Options) -> Result<Summary, Error> {
    let mut plan = FaultPlan::new(5);
    plan.rules = rules.to_vec();
    world.emulator.set_faults(&plan).unwrap();
    let started = tokio::time::Instant::now();
    let monitor = Arc::new(TestMonitor::default());
    let ended = world.try_sync(options, &monitor).await;
    // Far above any time limit; waiting for the disk takes almost no virtual time.
    assert!(started.elapsed() < Duration::from_hours(6), "{rules:?}: {:?}", started.elapsed());
    ended
}

/// Checks that the run is complete although the rules caused faults.
async fn is_complete_under(rules: &[Rule]) -> (World, Summary) {
    let (world, ended) = run_under(rules).await;
    let summary = ended.unwrap_or_else(|error| panic!("{rules:?}: {error:?}"));
    assert_eq!(summary.outcome, Outcome::Complete, "{rules:?}: {:?}", summary.problems);
    assert!(world.emulator.fault_strikes().iter().all(|strikes| *strikes > 0), "{rules:?}");
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    assert_eq!(world.verify().await.differences, [], "{rules:?}");
    assert_eq!(world.torn_blobs().await, [""; 0], "{rules:?}");
    (world, summary)
}

/// Checks that the run reports that it is incomplete, and that the next one without faults is complete.
async fn is_mended_after(rules: &[Rule]) {
    is_mended_after_with(rules, Options::default()).await;
}

/// The same with other options.
async fn is_mended_after_with(rules: &[Rule], options: Options) {
    let (world, ended) = run_with(rules, options).await;
    assert!(world.emulator.fault_strikes().iter().any(|strikes| *strikes > 0), "{rules:?}");
    if let Ok(summary) = &ended {
        assert_ne!(summary.outcome, Outcome::Complete, "{rules:?}");
    }
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{rules:?}: {:?}", summary.problems);
    assert_eq!(world.verify().await.differences, [], "{rules:?}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_survives_every_kind_of_busy_service() {
    for (status, retry_after) in [
        (503, None),
        (503, Some("0")),
        (429, Some("3")),
        (503, Some("86400")),
        (503, Some("-1")),
        (500, Some("soon")),
        (502, None),
        (504, Some("date+30")),
        (503, Some("date-30")),
    ] {
        let mut refuse = Refuse::status(status);
        refuse.retry_after = retry_after.map(str::to_owned);
        // Random, not counted: during a long wait, renewals of the lease count, too, so that a counted fault could hit
        // every attempt of one request.
        is_complete_under(&[Rule::new(Fault::Refuse(refuse)).probability(0.11)]).await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_busy_source_that_the_target_reports_is_retried_until_it_recovers() {
    let busy = Refuse::status(503).code("CannotVerifyCopySource").source(503, "ServerBusy");
    is_complete_under(&[Rule::new(Fault::Refuse(busy)).operation("PutBlobFromUrl").every(4)]).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_survives_resets_at_every_point() {
    for at in [ResetAt::Before, ResetAt::Headers, ResetAt::Body] {
        is_complete_under(&[Rule::new(Fault::Reset(at)).probability(0.08)]).await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn nothing_is_made_twice_after_lost_answers() {
    for operation in ["CreateAsset", "CreateAccessPolicy", "Batch", "PutBlobFromUrl"] {
        let rule = Rule::new(Fault::LostAnswer).operation(operation).every(1).times(2);
        let (world, _) = is_complete_under(&[rule]).await;
        let made: u64 = world
            .emulator
            .stats()
            .requests
            .iter()
            .filter(|row| row.operation == "CreateAsset" && row.status == 201)
            .map(|row| row.count)
            .sum();
        assert_eq!(made, 6, "{operation}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn broken_bodies_are_read_again() {
    for fault in [Fault::Truncate(10), Fault::ContentLength(WrongLength::Longer)] {
        is_complete_under(&[Rule::new(fault).operation("List*").every(5)]).await;
    }
}

/// The HTTP message is well-formed, so only the text itself shows it.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn truncated_bodies_are_not_treated_as_complete() {
    let half = || Rule::new(Fault::ContentLength(WrongLength::Shorter));
    for operation in ["ListAssets", "ListLocators", "ListFiles", "ListBlobs", "{CreateAsset,Batch}"] {
        is_mended_after(&[half().operation(operation)]).await;
    }
    let (world, ended) = run_under(&[half().operation("ListBlobs").account("storewest").nth(2)]).await;
    let summary = ended.unwrap();
    assert_eq!((summary.assets.failed, summary.assets.mirrored), (1, 5), "{:?}", summary.problems);
    assert_eq!(world.torn_blobs().await, [""; 0]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_request_without_an_answer_times_out_and_is_retried() {
    for hang in [Hang::Before, Hang::After] {
        is_complete_under(&[Rule::new(Fault::Hang(hang)).every(11).times(3)]).await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 307, 308] {
        let redirect = Redirect { status, to: "http://elsewhere.example".to_owned() };
        is_mended_after(&[Rule::new(Fault::Redirect(redirect)).plane(Plane::Blob).times(1)]).await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn hostile_pages_affect_only_their_asset() {
    for how in [
        Mangle::Cut,
        Mangle::Html,
        Mangle::Bomb,
        Mangle::Deep,
        Mangle::Huge,
        Mangle::WrongTypes,
        Mangle::DuplicateKeys,
        Mangle::MarkerLoop,
    ] {
        is_mended_after(&[Rule::new(Fault::Mangle(how)).operation("ListBlobs")]).await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn hostile_answers_of_the_media_api_stop_the_run() {
    for how in [Mangle::Cut, Mangle::Html, Mangle::Bomb, Mangle::Deep, Mangle::Huge, Mangle::WrongTypes] {
        is_mended_after(&[Rule::new(Fault::Mangle(how)).operation("ListAssets")]).await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn order_and_repetitions_in_a_page_have_no_effect() {
    for how in [Mangle::Duplicates, Mangle::Unsorted] {
        is_complete_under(&[Rule::new(Fault::Mangle(how)).operation("List{Assets,Locators,Files}")]).await;
        is_complete_under(&[Rule::new(Fault::Mangle(how)).operation("ListBlobs")]).await;
    }
}

/// The most that the service stores with a blob besides its content, and so the largest entry of a listing.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn names_of_a_thousand_characters_and_eight_kilobytes_of_metadata_are_mirrored() {
    let world = World::empty().await;
    let film = world.seed("film", &["film.ism"]).await;
    let storage = &world.pair().source.storage[0];
    for number in 0..20 {
        let name = format!("{number:04}{}", "n".repeat(1_020));
        let metadata = (0..8).map(|part| (format!("m{part}"), "v<&>".repeat(250))).collect();
        let properties = BlobProperties { metadata, ..BlobProperties::default() };
        let at = BlobRef { container: film.asset.container.clone().unwrap(), name };
        storage.put_blob(&at, vec![b'x'; 10].into(), &properties).await.unwrap();
    }
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 21), "{:?}", summary.problems);
    let container = copy_of(&world, &film.asset).await.container.unwrap();
    let listed = world.pair().target.storage[0].list(&container).try_concat().await.unwrap();
    let long = listed.iter().filter(|blob| blob.name.len() == 1_024);
    assert!(long.clone().all(|blob| blob.properties.metadata.values().map(String::len).sum::<usize>() == 8_000));
    assert_eq!(long.count(), 20);
    assert_eq!(world.verify().await.differences, []);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_stale_listing_of_the_target_is_not_treated_as_complete() {
    is_mended_after(&[Rule::new(Fault::Stale).operation("ListBlobs").account("storeeast")]).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_survives_a_token_service_that_is_down_for_some_time() {
    let down = Rule::new(Fault::Refuse(Refuse::status(500))).plane(Plane::Token).to(8);
    is_complete_under(&[down]).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn tokens_that_are_valid_for_seconds_are_renewed() {
    is_complete_under(&[Rule::new(Fault::TokenLifetimeS(2)).plane(Plane::Token)]).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_clock_that_is_ten_minutes_wrong_does_no_harm() {
    for skew in [600, -600] {
        let world = World::generated(LIBRARY).await;
        world.emulator.set_faults(&FaultPlan::new(1).clock_skew(skew)).unwrap();
        let (summary, _) = world.sync().await;
        assert_eq!(summary.outcome, Outcome::Complete, "{skew}: {:?}", summary.problems);
    }
}

/// A run requests the file records that changed since the start of the last one, according to its own clock.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_file_record_that_changes_after_a_run_with_a_wrong_clock_is_found_by_the_next_run() {
    for skew in [600, -600] {
        let world = World::empty().await;
        world.emulator.set_faults(&FaultPlan::new(1).clock_skew(skew)).unwrap();
        let film = world.seed("film", &["film.ism", "film.mp4"]).await;
        for _ in 0..2 {
            assert_eq!(world.sync().await.0.outcome, Outcome::Complete, "{skew}");
            tokio::time::advance(Duration::from_mins(1)).await;
        }
        world.pair().source.authoring().unwrap().set_primary(&film.asset.id, "film.mp4").await.unwrap();
        assert_eq!(world.verify().await.differences.len(), 2, "{skew}: two records differ");
        world.emulator.set_faults(&FaultPlan::default()).unwrap();
        let (summary, _) = world.sync().await;
        assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 1), "{skew}");
        assert_eq!(world.verify().await.differences, [], "{skew}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_account_that_loses_its_permissions_ends_the_run_soon() {
    let refused = Refuse::status(403).code("AuthorizationPermissionMismatch");
    let rule = Rule::new(Fault::Refuse(refused)).account("storeeast").from(8);
    let (world, ended) = run_under(&[rule]).await;
    assert!(ended.is_err());
    assert!(world.emulator.fault_strikes()[0] < 100, "{:?}", world.emulator.fault_strikes());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_source_that_changes_during_its_copy_is_mirrored_in_its_new_state() {
    for method in [CopyMethod::Put, CopyMethod::Async] {
        let world = World::generated(LIBRARY).await;
        // A manifest that changes each time it is listed waits for the next run: that is another test's.
        let changes =
            Rule::new(Fault::Source(SourceFate::Changed)).operation("{PutBlobFromUrl,CopyBlob}").name("*.mp4");
        world.emulator.set_faults(&FaultPlan::new(2).rule(changes.every(3))).unwrap();
        let (summary, _) = world.sync_with(Options { copy_method: Some(method), ..Options::default() }).await;
        assert!(world.emulator.fault_strikes()[0] > 2, "sources changed");
        world.emulator.set_faults(&FaultPlan::default()).unwrap();
        assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
        world.sync().await;
        assert_eq!(world.torn_blobs().await, [""; 0]);
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn each_request_is_counted_once_with_any_result() {
    let rules = [
        Rule::new(Fault::TokenLifetimeS(1)).plane(Plane::Token).times(3),
        Rule::new(Fault::Refuse(Refuse::status(401))).operation("{ListFiles,Batch}").every(2),
        Rule::new(Fault::Reset(ResetAt::Before)).every(10),
    ];
    let (world, ended) = run_under(&rules).await;
    let Ok(summary) = ended else { return };
    let counted: u64 = world.emulator.stats().requests.iter().map(|row| row.count).sum();
    assert_eq!(summary.requests.blob + summary.requests.media, counted);
}

/// The same library under [`troubled`] services and under clean ones, with that latency and with that allowed (and
/// requested) rate of each storage account; returns the additional requests and time of the first one.
async fn cost_of_troubles(assets: u32, (latency_ms, slots): (u64, usize), per_second: Option<u32>) -> (f64, f64) {
    let recipe = format!("assets={assets},blobs=20,seed=1,sizes=small,awkward=false,real=false");
    let mut settings = mediamirror::emulator::Settings::default();
    for region in &mut settings.regions {
        region.media.latency_ms = latency_ms;
        region.storage[0].limits.latency_ms = latency_ms;
        region.storage[0].limits.requests_per_second = per_second.unwrap_or(0);
    }
    let mut runs = Vec::new();
    for plan in [FaultPlan::default(), troubled()] {
        let mut world = World::with(settings.clone(), Some(&recipe)).await;
        for account in [&mut world.config.source, &mut world.config.target] {
            account.limits.blob.in_flight = slots;
            account.limits.blob.requests_per_second = per_second.and_then(|rate| NonZeroU64::new(u64::from(rate)));
        }
        world.emulator.set_faults(&plan).unwrap();
        let (summary, _) = world.sync().await;
        assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
        runs.push(summary);
    }
    let requests = |run: &Summary| (run.requests.blob + run.requests.media) as f64;
    let more = requests(&runs[1]) / requests(&runs[0]);
    let longer = runs[1].elapsed.as_secs_f64() / runs[0].elapsed.as_secs_f64();
    (more, longer)
}

#[test]
fn ten_percent_of_refusals_add_at_most_a_quarter_of_requests_and_half_of_the_time() {
    // The run waits for the services' answers (no limit) or their rate, for ten or twenty seconds.
    for (assets, answers, per_second) in [(150, (50, 16), None), (100, (20, 256), Some(100))] {
        let (requests, time) = crate::virtual_time::block_on(cost_of_troubles(assets, answers, per_second));
        assert!(requests <= 1.25, "{requests} times the requests at {per_second:?}/s");
        assert!(time <= 1.5, "{time} times the time at {per_second:?}/s");
    }
}

/// 10 % of 503s, 1 % of resets, 1 % of lost answers.
fn troubled() -> FaultPlan {
    FaultPlan::new(9)
        .rule(Rule::new(Fault::Refuse(Refuse::status(503).code("ServerBusy"))).probability(0.1))
        .rule(Rule::new(Fault::Reset(ResetAt::Before)).probability(0.01))
        .rule(Rule::new(Fault::LostAnswer).probability(0.01))
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_endless_listing_of_the_media_api_is_detected() {
    for operation in ["ListAssets", "ListFiles", "ListLocators"] {
        is_mended_after(&[Rule::new(Fault::Mangle(Mangle::MarkerLoop)).operation(operation)]).await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_endlessly_slow_body_times_out_and_is_requested_again() {
    let drip = Slow { bytes: 1, every_ms: 10_000 };
    is_complete_under(&[Rule::new(Fault::Slow(drip)).operation("List*").every(4).times(3)]).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_signature_that_becomes_valid_late_does_no_lasting_harm() {
    let early = Refuse::status(403).code("CannotVerifyCopySource").source(403, "AuthenticationFailed");
    // Hours, because virtual time passes while the ledger's threads write, especially on a busy machine.
    let rule = Rule::new(Fault::Refuse(early)).operation("{PutBlobFromUrl,PutBlockFromUrl,CopyBlob}").until_s(10_000.0);
    is_mended_after(&[rule]).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_media_account_that_loses_its_permissions_ends_the_run_soon() {
    for status in [401, 403] {
        let rule = Rule::new(Fault::Refuse(Refuse::status(status))).account("mediaeast").plane(Plane::Media).from(6);
        let (world, ended) = run_under(&[rule]).await;
        assert!(ended.is_err(), "{status}: {ended:?}");
        assert!(world.emulator.fault_strikes()[0] < 100, "{status}: {:?}", world.emulator.fault_strikes());
    }
}
