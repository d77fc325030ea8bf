//! Whole runs under one kind of fault each: what the program does about it. Rows of the matrix in `FAULTS.md`.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use mediamirror::emulator::faults::plan::{
    Fault, FaultPlan, Hang, Mangle, Pretence, Redirect, Refuse, ResetAt, Rule, Slow, SourceFate, WrongLength,
};
use mediamirror::emulator::stats::Plane;
use mediamirror::engine::{Options, Outcome, Summary};
use mediamirror::error::Error;
use mediamirror::model::{AssetId, CopyMethod, Locator};
use mediamirror::monitor::{AssetOutcome, TestMonitor};

use crate::world::World;

const LIBRARY: &str = "assets=6,blobs=5,seed=4,sizes=small,awkward=false,real=false";

/// A run over a small library under these rules.
async fn run_under(rules: &[Rule]) -> (World, Result<Summary, Error>) {
    run_with(rules, Options::default()).await
}

/// The same with options of its own.
async fn run_with(rules: &[Rule], options: Options) -> (World, Result<Summary, Error>) {
    let world = World::generated(LIBRARY).await;
    let ended = again_under(&world, rules, options).await;
    (world, ended)
}

/// One more run over a library, under these rules.
async fn again_under(world: &World, rules: &[Rule], options: Options) -> Result<Summary, Error> {
    let mut plan = FaultPlan::new(5);
    plan.rules = rules.to_vec();
    world.emulator.set_faults(&plan).unwrap();
    let started = tokio::time::Instant::now();
    let monitor = Arc::new(TestMonitor::default());
    let ended = world.try_sync(options, &monitor).await;
    // Far beyond any patience; waits for the disk pass in no virtual time worth counting.
    assert!(started.elapsed() < Duration::from_hours(6), "{rules:?}: {:?}", started.elapsed());
    ended
}

/// The run is complete in spite of the rules, which did strike.
async fn is_complete_under(rules: &[Rule]) -> (World, Summary) {
    let (world, ended) = run_under(rules).await;
    let summary = ended.unwrap();
    assert_eq!(summary.outcome, Outcome::Complete, "{rules:?}: {:?}", summary.problems);
    assert!(world.emulator.fault_strikes().iter().all(|strikes| *strikes > 0), "{rules:?}");
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    assert_eq!(world.verify().await.differences, [], "{rules:?}");
    assert_eq!(world.torn_blobs().await, [""; 0], "{rules:?}");
    (world, summary)
}

/// The run says that it is not complete; the next one, without faults, is.
async fn is_mended_after(rules: &[Rule]) {
    is_mended_after_with(rules, Options::default()).await;
}

/// The same with options of its own.
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

#[tokio::test(start_paused = true)]
async fn every_kind_of_busy_service_is_outlasted() {
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
        is_complete_under(&[Rule::new(Fault::Refuse(refuse)).every(9)]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_source_that_the_target_tells_of_is_outlasted() {
    let busy = Refuse::status(503).code("CannotVerifyCopySource").source(503, "ServerBusy");
    is_complete_under(&[Rule::new(Fault::Refuse(busy)).operation("PutBlobFromUrl").every(4)]).await;
}

#[tokio::test(start_paused = true)]
async fn resets_at_every_point_are_outlasted() {
    for at in [ResetAt::Before, ResetAt::Headers, ResetAt::Body] {
        is_complete_under(&[Rule::new(Fault::Reset(at)).every(13)]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_make_nothing_twice() {
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

#[tokio::test(start_paused = true)]
async fn broken_bodies_are_read_again() {
    for fault in [Fault::Truncate(10), Fault::ContentLength(WrongLength::Longer)] {
        is_complete_under(&[Rule::new(fault).operation("List*").every(5)]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_answers_is_given_up_and_asked_again() {
    for hang in [Hang::Before, Hang::After] {
        is_complete_under(&[Rule::new(Fault::Hang(hang)).every(11).times(3)]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 307, 308] {
        let redirect = Redirect { status, to: "http://elsewhere.example".to_owned() };
        is_mended_after(&[Rule::new(Fault::Redirect(redirect)).plane(Plane::Blob).times(1)]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn hostile_pages_stop_what_they_concern_and_nothing_else() {
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

#[tokio::test(start_paused = true)]
async fn hostile_answers_of_the_media_api_stop_the_run() {
    for how in [Mangle::Cut, Mangle::Html, Mangle::Bomb, Mangle::Deep, Mangle::Huge, Mangle::WrongTypes] {
        is_mended_after(&[Rule::new(Fault::Mangle(how)).operation("ListAssets")]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn order_and_repetition_in_a_page_do_not_matter() {
    for how in [Mangle::Duplicates, Mangle::Unsorted] {
        is_complete_under(&[Rule::new(Fault::Mangle(how)).operation("List{Assets,Locators,Files}")]).await;
        is_complete_under(&[Rule::new(Fault::Mangle(how)).operation("ListBlobs")]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_listing_of_the_target_is_not_believed_to_be_complete() {
    is_mended_after(&[Rule::new(Fault::Stale).operation("ListBlobs").account("storeeast")]).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_service_that_is_down_for_a_while_is_outlasted() {
    let down = Rule::new(Fault::Refuse(Refuse::status(500))).plane(Plane::Token).until_s(5.0);
    is_complete_under(&[down]).await;
}

#[tokio::test(start_paused = true)]
async fn tokens_that_live_for_seconds_are_renewed() {
    is_complete_under(&[Rule::new(Fault::TokenLifetimeS(2)).plane(Plane::Token)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_ten_minutes_wrong_does_no_harm() {
    for skew in [600, -600] {
        let world = World::generated(LIBRARY).await;
        world.emulator.set_faults(&FaultPlan::new(1).clock_skew(skew)).unwrap();
        let (summary, _) = world.sync().await;
        assert_eq!(summary.outcome, Outcome::Complete, "{skew}: {:?}", summary.problems);
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_loses_its_rights_ends_the_run_soon() {
    let refused = Refuse::status(403).code("AuthorizationPermissionMismatch");
    let rule = Rule::new(Fault::Refuse(refused)).account("storeeast").from(8);
    let (world, ended) = run_under(&[rule]).await;
    assert!(ended.is_err());
    assert!(world.emulator.fault_strikes()[0] < 100, "{:?}", world.emulator.fault_strikes());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_changes_under_its_copy_arrives_as_it_is_then() {
    for method in [CopyMethod::Put, CopyMethod::Async] {
        let world = World::generated(LIBRARY).await;
        let plan = FaultPlan::new(2).rule(Rule::new(Fault::Source(SourceFate::Changed)).every(7));
        world.emulator.set_faults(&plan).unwrap();
        let (summary, _) = world.sync_with(Options { copy_method: Some(method), ..Options::default() }).await;
        world.emulator.set_faults(&FaultPlan::default()).unwrap();
        assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
        world.sync().await;
        assert_eq!(world.torn_blobs().await, [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn requests_are_counted_once_each_whatever_becomes_of_them() {
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

#[tokio::test(start_paused = true)]
async fn a_tenth_of_refusals_costs_at_most_a_quarter_more_requests() {
    let recipe = "assets=60,blobs=20,seed=1,sizes=small,awkward=false,real=false";
    let mut settings = mediamirror::emulator::Settings::default();
    for region in &mut settings.regions {
        region.media.latency_ms = 50;
        region.storage[0].limits.latency_ms = 50;
    }
    let mut runs = Vec::new();
    for plan in [FaultPlan::default(), troubled()] {
        let world = World::with(settings.clone(), Some(recipe)).await;
        world.emulator.set_faults(&plan).unwrap();
        let (summary, _) = world.sync().await;
        assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
        runs.push(summary);
    }
    let requests = |run: &Summary| (run.requests.blob + run.requests.media) as f64;
    let more = requests(&runs[1]) / requests(&runs[0]);
    assert!(more <= 1.25, "{more} times the requests");
    // The wall time is bounded, too; how closely depends on how long the run is against its last retries.
    let longer = runs[1].elapsed.as_secs_f64() / runs[0].elapsed.as_secs_f64();
    assert!(longer <= 3.0, "{longer} times the time");
}

/// 10 % of 503s, 1 % of resets, 1 % of lost answers.
fn troubled() -> FaultPlan {
    FaultPlan::new(9)
        .rule(Rule::new(Fault::Refuse(Refuse::status(503).code("ServerBusy"))).probability(0.1))
        .rule(Rule::new(Fault::Reset(ResetAt::Before)).probability(0.01))
        .rule(Rule::new(Fault::LostAnswer).probability(0.01))
}

/// How many locators the target has.
async fn published(world: &World) -> usize {
    let locators: Vec<_> = world.pair().target.media.locators().try_concat().await.unwrap();
    locators.len()
}

/// How many assets the target has.
async fn copies(world: &World) -> usize {
    let assets: Vec<_> = world.pair().target.media.assets().try_concat().await.unwrap();
    assets.len()
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_acknowledged_and_not_made_is_not_said_to_be_there() {
    for (method, operation) in
        [(CopyMethod::Put, "PutBlobFromUrl"), (CopyMethod::Blocks, "PutBlockList"), (CopyMethod::Async, "CopyBlob")]
    {
        for how in [Pretence::Nothing, Pretence::Truncated] {
            let rule = Rule::new(Fault::Pretend(how)).operation(operation).nth(4);
            let options = Options { copy_method: Some(method), ..Options::default() };
            is_mended_after_with(std::slice::from_ref(&rule), options.clone()).await;
            let (world, ended) = run_with(&[rule], options).await;
            let summary = ended.unwrap();
            assert_eq!((summary.assets.failed, summary.assets.mirrored), (1, 5), "{operation} {how:?}");
            assert!(published(&world).await < world.pair().source.media.locators().try_concat().await.unwrap().len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn other_bytes_are_noticed_by_their_checksum() {
    let world = World::empty().await;
    world.seed("film", &["film.ism", "film.mp4"]).await;
    let rule = Rule::new(Fault::Pretend(Pretence::Other)).operation("PutBlobFromUrl").nth(1);
    let options = Options { copy_method: Some(CopyMethod::Put), ..Options::default() };
    let summary = again_under(&world, &[rule], options).await.unwrap();
    assert_eq!((summary.outcome, summary.assets.failed), (Outcome::Partial, 1));
    assert_eq!(published(&world).await, 0);
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
    assert_eq!(world.torn_blobs().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn records_and_locators_that_are_acknowledged_and_not_made_are_made_after_all() {
    for nth in 1..=3 {
        let rule = Rule::new(Fault::Pretend(Pretence::Nothing)).operation("Batch").account("mediaeast").nth(nth);
        let (world, ended) = run_under(&[rule]).await;
        assert_eq!(ended.unwrap().outcome, Outcome::Complete, "batch {nth}");
        world.emulator.set_faults(&FaultPlan::default()).unwrap();
        assert_eq!(world.verify().await.differences, [], "batch {nth}");
    }
    is_mended_after(&[Rule::new(Fault::Pretend(Pretence::Nothing)).operation("CreateAsset").nth(2)]).await;
    is_mended_after(&[Rule::new(Fault::Pretend(Pretence::Nothing)).operation("CreateAccessPolicy").nth(1)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_media_service_that_only_says_yes_gets_no_asset_called_mirrored() {
    let rule = Rule::new(Fault::Pretend(Pretence::Nothing)).operation("{Batch,Create*,Update*}").account("mediaeast");
    is_mended_after(&[rule.clone().from(8)]).await;
    let (world, ended) = run_under(&[rule.operation("Batch")]).await;
    let summary = ended.unwrap();
    assert_eq!((summary.assets.mirrored, summary.assets.failed), (0, 6), "{:?}", summary.problems);
    assert_eq!(published(&world).await, 0);
}

#[tokio::test(start_paused = true)]
async fn reads_of_the_media_api_that_lag_behind_make_nothing_twice() {
    for account in ["mediawest", "mediaeast"] {
        for operation in ["ListAssets", "GetAsset", "ListFiles", "{List,Get}Locator*"] {
            let stale = Rule::new(Fault::Stale).operation(operation).account(account).every(2);
            let lost = Rule::new(Fault::LostAnswer).operation("CreateAsset").every(2);
            let world = World::generated(LIBRARY).await;
            let ended = again_under(&world, &[stale, lost], Options::default()).await;
            world.emulator.set_faults(&FaultPlan::default()).unwrap();
            if let Ok(Summary { outcome: Outcome::Complete, .. }) = &ended {
                assert_eq!(world.verify().await.differences, [], "{account} {operation}");
            }
            assert_eq!(world.sync().await.0.outcome, Outcome::Complete, "{account} {operation}: {ended:?}");
            assert_eq!(copies(&world).await, 6, "{account} {operation}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_seems_empty_is_not_filled_a_second_time() {
    let world = World::generated(LIBRARY).await;
    world.sync().await;
    let empty = Rule::new(Fault::Mangle(Mangle::Empty)).operation("ListAssets").account("mediaeast");
    let summary = again_under(&world, &[empty], Options::default()).await.unwrap();
    assert_eq!((summary.outcome, summary.assets.failed), (Outcome::Partial, 6));
    let AssetOutcome::Failed(why) = &summary.problems[0].outcome else { panic!("{:?}", summary.problems) };
    assert!(why.contains("the target's listing does not show it"), "{why}");
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    assert_eq!(world.sync().await.0.assets.unchanged, 6);
    assert_eq!(copies(&world).await, 6);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_seems_empty_or_halved_changes_nothing_and_is_told() {
    for (how, hidden) in [(Mangle::Empty, 6), (Mangle::Half, 3)] {
        let world = World::generated(LIBRARY).await;
        world.sync().await;
        let short = Rule::new(Fault::Mangle(how)).operation("ListAssets").account("mediawest");
        let summary = again_under(&world, &[short], Options::default()).await.unwrap();
        assert_eq!((summary.outcome, summary.assets.failed), (Outcome::Partial, hidden), "{how:?}");
        assert_eq!((summary.assets.unchanged, summary.assets.gone), (6 - hidden, 0), "{how:?}");
        let AssetOutcome::Failed(why) = &summary.problems[0].outcome else { panic!("{:?}", summary.problems) };
        assert!(why.contains("listing leaves it out"), "{why}");
        world.emulator.set_faults(&FaultPlan::default()).unwrap();
        assert_eq!(world.verify().await.differences, [], "{how:?}: nothing was deleted or changed");
        let summary = world.sync().await.0;
        assert_eq!((summary.outcome, summary.assets.unchanged), (Outcome::Complete, 6), "{how:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_asset_deleted_at_the_source_is_counted_as_gone_and_its_copy_stays() {
    let world = World::generated(LIBRARY).await;
    world.sync().await;
    let pair = world.pair();
    let assets: Vec<_> = pair.source.media.assets().try_concat().await.unwrap();
    pair.source.media.delete_asset(&assets[2].id).await.unwrap();
    let (summary, monitor) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.gone), (Outcome::Complete, 1));
    assert_eq!((summary.assets.total, copies(&world).await), (5, 6));
    let told = format!("{:?}", monitor.events());
    assert!(told.contains("1 assets that were mirrored before are not in the source's listing any more"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_seems_empty_is_not_mirrored_as_empty() {
    let empty = Rule::new(Fault::Mangle(Mangle::Empty)).operation("ListBlobs").account("storewest");
    let (world, ended) = run_under(std::slice::from_ref(&empty)).await;
    let summary = ended.unwrap();
    assert_eq!((summary.assets.mirrored, summary.assets.skipped), (0, 6), "{:?}", summary.problems);
    assert_eq!(published(&world).await, 0);
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    assert_eq!(world.sync().await.0.assets.mirrored, 6);
    let summary = again_under(&world, &[empty], Options::default()).await.unwrap();
    assert_eq!((summary.assets.unchanged, summary.assets.skipped), (0, 6));
    let AssetOutcome::Skipped(why) = &summary.problems[0].outcome else { panic!("{:?}", summary.problems) };
    assert!(why.contains("is listed as empty, although it has"), "{why}");
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    assert_eq!(world.verify().await.differences, []);
    assert_eq!(world.sync().await.0.assets.unchanged, 6);
}

#[tokio::test(start_paused = true)]
async fn a_copy_whose_container_is_deleted_is_told_with_what_to_do() {
    let gone = Rule::new(Fault::ContainerDeleted).operation("PutBlobFromUrl").account("storeeast").nth(9);
    let options = Options { copy_method: Some(CopyMethod::Put), ..Options::default() };
    let (world, ended) = run_with(&[gone], options.clone()).await;
    let summary = ended.unwrap();
    assert_eq!((summary.assets.mirrored, summary.assets.failed), (5, 1), "{:?}", summary.problems);
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    let summary = world.sync_with(options.clone()).await.0;
    let AssetOutcome::Failed(why) = &summary.problems[0].outcome else { panic!("{:?}", summary.problems) };
    assert!(why.contains("delete asset nb:cid:UUID:"), "{why}");
    let lost = why.split("delete asset ").nth(1).unwrap().split(' ').next().unwrap();
    world.pair().target.media.delete_asset(&AssetId::new(lost)).await.unwrap();
    assert_eq!(world.sync_with(options).await.0.outcome, Outcome::Complete);
    assert_eq!(world.verify().await.differences, []);
}

#[tokio::test(start_paused = true)]
async fn a_source_whose_container_is_deleted_while_it_is_copied_is_not_published() {
    for method in [CopyMethod::Put, CopyMethod::Blocks, CopyMethod::Async] {
        let gone = Rule::new(Fault::Source(SourceFate::ContainerDeleted))
            .operation("{PutBlobFromUrl,PutBlockFromUrl,CopyBlob}")
            .nth(9);
        let options = Options { copy_method: Some(method), ..Options::default() };
        let (world, ended) = run_with(&[gone], options.clone()).await;
        let summary = ended.unwrap();
        assert_eq!((summary.assets.mirrored, summary.problems.len()), (5, 1), "{method:?}: {:?}", summary.problems);
        world.emulator.set_faults(&FaultPlan::default()).unwrap();
        let summary = world.sync_with(options).await.0;
        let AssetOutcome::Skipped(why) = &summary.problems[0].outcome else { panic!("{:?}", summary.problems) };
        assert!(why.contains("does not exist in the source"), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_of_the_media_api_without_end_is_noticed() {
    for operation in ["ListAssets", "ListFiles", "ListLocators"] {
        is_mended_after(&[Rule::new(Fault::Mangle(Mangle::MarkerLoop)).operation(operation)]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_for_ever_is_given_up_and_asked_for_again() {
    let drip = Slow { bytes: 1, every_ms: 10_000 };
    is_complete_under(&[Rule::new(Fault::Slow(drip)).operation("List*").every(4).times(3)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_signature_that_becomes_valid_late_does_no_lasting_harm() {
    let early = Refuse::status(403).code("CannotVerifyCopySource").source(403, "AuthenticationFailed");
    let rule = Rule::new(Fault::Refuse(early)).operation("{PutBlobFromUrl,PutBlockFromUrl,CopyBlob}").until_s(5.0);
    is_mended_after(&[rule]).await;
}

#[tokio::test(start_paused = true)]
async fn a_media_account_that_loses_its_rights_ends_the_run_soon() {
    for status in [401, 403] {
        let rule = Rule::new(Fault::Refuse(Refuse::status(status))).account("mediaeast").plane(Plane::Media).from(6);
        let (world, ended) = run_under(&[rule]).await;
        assert!(ended.is_err(), "{status}: {ended:?}");
        assert!(world.emulator.fault_strikes()[0] < 100, "{status}: {:?}", world.emulator.fault_strikes());
    }
}

#[tokio::test(start_paused = true)]
async fn a_locator_that_is_said_to_be_extended_and_is_not_is_told() {
    let world = World::empty().await;
    let seeded = world.seed("film", &["film.ism", "film.mp4"]).await;
    world.sync().await;
    let longer = seeded.locator.expiry + jiff::SignedDuration::from_hours(24);
    let locator = Locator { expiry: longer, ..seeded.locator };
    world.pair().source.media.update_locator(&locator).await.unwrap();
    let rule = Rule::new(Fault::Pretend(Pretence::Nothing)).operation("UpdateLocator");
    let summary = again_under(&world, std::slice::from_ref(&rule), Options::default()).await.unwrap();
    assert_eq!((summary.outcome, summary.assets.failed), (Outcome::Partial, 1));
    let summary = again_under(&world, &[rule.nth(1)], Options::default()).await.unwrap();
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 1), "{:?}", summary.problems);
    assert_eq!(world.verify().await.differences, []);
}
