//! Content that the source has deleted is deleted on the target after a period in which the source confirms it every
//! night.

mod second;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use azure_core::http::{Method, Request};
use futures::FutureExt;
use mediamirror::config::policy::{Allow, GuardLimits, Policy, Share};
use mediamirror::emulator::FaultPlan;
use mediamirror::emulator::faults::plan::{Fault, Mangle, Refuse, Rule};
use mediamirror::engine::verify::verify;
use mediamirror::engine::{DeletedCounts, Options, Outcome, Summary};
use mediamirror::ledger::Ledger;
use mediamirror::model::{BlobProperties, BlobRef, ContainerName};
use mediamirror::monitor::TestMonitor;
use mediamirror::verdict::{Cause, Change};
use tokio_util::sync::CancellationToken;

use super::{EAST, Films, SOURCE, TARGET, WEST, look, playing};
use crate::world::put;

/// Deletes after seven days.
fn weekly() -> Options {
    let policy = Policy { delete_after: Some("7d".parse().unwrap()), ..Policy::default() };
    Options { policy, ..Options::default() }
}

/// Runs a day later.
async fn day(films: &Films, options: Options) -> (Summary, Arc<TestMonitor>) {
    tokio::time::sleep(Duration::from_hours(24)).await;
    films.world.sync_with(options).await
}

/// Runs once a day for `days` days, and checks that nothing is deleted.
async fn quiet_days(films: &Films, days: u32) {
    for number in 0..days {
        let (summary, _) = day(films, weekly()).await;
        assert_eq!(summary.deleted, DeletedCounts::default(), "day {number}: {:?}", summary.problems);
    }
}

async fn delete_film(films: &Films, film: usize) {
    let id = look(&films.world, SOURCE, &format!("film{film}")).id;
    films.source().delete_asset(&id).await.unwrap();
}

fn is_on_target(films: &Films, name: &str) -> bool {
    films.target().assets().iter().any(|asset| asset.name.as_deref() == Some(name))
}

/// Removes a blob and its file record from a film of the source.
fn delete_blob(films: &Films, film: usize, extension: &str) {
    let asset = look(&films.world, SOURCE, &format!("film{film}"));
    let name = format!("film{film}.{extension}");
    assert!(films.world.emulator.delete_blob(WEST, &asset.container, &name));
    let record = asset.files.iter().find(|file| file.name == name).unwrap();
    films.source().remove_file(&record.id).unwrap();
}

/// Six films, after the run that notices a deletion: the source has deleted an additional blob of the first film.
async fn with_kept_blob() -> (Films, String) {
    let films = Films::new().await;
    put(&films.world.pair().source.storage[0], &films.films[0].asset, "extra.mp4", vec![b'x'; 100]).await;
    films.source().add_file(films.films[0].asset.id.as_str(), "extra.mp4", 100).unwrap();
    let (summary, _) = films.world.sync_with(weekly()).await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    let asset = look(&films.world, SOURCE, "film0");
    assert!(films.world.emulator.delete_blob(WEST, &asset.container, "extra.mp4"));
    let record = asset.files.iter().find(|file| file.name == "extra.mp4").unwrap();
    films.source().remove_file(&record.id).unwrap();
    let container = look(&films.world, TARGET, "film0").container;
    (films, container)
}

fn has(films: &Films, container: &str, blob: &str) -> bool {
    films.world.emulator.describe(EAST, container, blob).is_some()
}

fn pending(summary: &Summary) -> Vec<(&str, bool, u64)> {
    summary.pending_deletions.iter().map(|one| (one.name.as_str(), one.whole, one.blobs)).collect()
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_deleted_asset_is_reported_withdrawn_and_deleted_with_its_container_after_seven_nights() {
    let films = Films::mirrored().await;
    let container = look(&films.world, TARGET, "film0").container;
    delete_film(&films, 0).await;
    let (summary, monitor) = day(&films, weekly()).await;
    assert_eq!((summary.outcome, summary.deleted), (Outcome::Complete, DeletedCounts::default()));
    assert_eq!(pending(&summary), [("film0", true, 2)]);
    let changes = monitor.changes_of("film0");
    assert!(
        matches!(&changes[..], [Change::LocatorWithdrawn { .. }, Change::Retired, Change::CopyToDelete { on }]
            if *on == summary.pending_deletions[0].on),
        "{changes:?}"
    );
    quiet_days(&films, 6).await;
    assert!(is_on_target(&films, "film0"));
    let dry = Options { dry_run: true, ..weekly() };
    tokio::time::sleep(Duration::from_hours(24)).await;
    let (said, _) = films.world.sync_with(dry).await;
    assert!(is_on_target(&films, "film0"), "a dry run deletes nothing");
    let (summary, monitor) = films.world.sync_with(weekly()).await;
    assert_eq!((summary.outcome, said.deleted), (Outcome::Complete, summary.deleted), "{:?}", summary.findings);
    assert_eq!(summary.deleted, DeletedCounts { assets: 1, blobs: 2, bytes: 2048 });
    assert_eq!(monitor.changes_of("film0"), [Change::CopyDeleted { blobs: 2, bytes: 2048 }]);
    assert!(!is_on_target(&films, "film0"));
    assert_eq!(films.world.emulator.blobs(EAST, &container), None);
    let (summary, _) = day(&films, weekly()).await;
    assert_eq!((summary.assets.unchanged, pending(&summary), summary.kept.assets), (5, vec![], 0));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn nothing_is_deleted_without_delete_after() {
    let films = Films::mirrored().await;
    delete_film(&films, 0).await;
    for _ in 0..20 {
        let (summary, _) = day(&films, Options::default()).await;
        assert_eq!((pending(&summary), summary.deleted), (vec![], DeletedCounts::default()));
    }
    assert!(is_on_target(&films, "film0"));
    // Now it is set, and the period starts.
    quiet_days(&films, 7).await;
    let (summary, _) = day(&films, weekly()).await;
    assert_eq!(summary.deleted.assets, 1);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_missing_night_restarts_the_period() {
    let films = Films::mirrored().await;
    delete_film(&films, 0).await;
    quiet_days(&films, 4).await;
    tokio::time::sleep(Duration::from_hours(24)).await;
    quiet_days(&films, 7).await;
    let (summary, _) = day(&films, weekly()).await;
    assert_eq!(summary.deleted.assets, 1, "seven days after the first night that followed");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_night_in_which_the_source_does_not_answer_restarts_the_period() {
    let films = Films::mirrored().await;
    delete_film(&films, 0).await;
    quiet_days(&films, 4).await;
    let refused = Rule::new(Fault::Refuse(Refuse::status(500))).account("mediawest").operation("GetAsset");
    films.world.emulator.set_faults(&FaultPlan::new(1).rule(refused)).unwrap();
    let (summary, _) = day(&films, weekly()).await;
    assert_eq!(summary.outcome, Outcome::Partial, "{:?}", summary.problems);
    films.world.emulator.set_faults(&FaultPlan::default()).unwrap();
    quiet_days(&films, 7).await;
    let (summary, _) = day(&films, weekly()).await;
    assert_eq!(summary.deleted.assets, 1);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_period_survives_the_loss_of_the_ledger() {
    let mut films = Films::mirrored().await;
    delete_film(&films, 0).await;
    quiet_days(&films, 4).await;
    films.world.ledger = Ledger::in_memory().unwrap();
    quiet_days(&films, 3).await;
    let (summary, _) = day(&films, weekly()).await;
    assert_eq!(summary.deleted.assets, 1);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_that_is_not_proven_to_be_only_ours_stays() {
    let mut films = Films::mirrored().await;
    delete_film(&films, 0).await;
    films.world.ledger = Ledger::in_memory().unwrap();
    let (summary, monitor) = day(&films, weekly()).await;
    assert_eq!(summary.outcome, Outcome::Complete, "the target owes nothing for that");
    assert_eq!(monitor.outcome_of("film0").unwrap().cause(), Some(Cause::NotDeleted));
    quiet_days(&films, 12).await;
    assert!(is_on_target(&films, "film0"));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_retired_copy_stays_if_another_program_adds_a_blob_or_a_locator() {
    let films = Films::mirrored().await;
    for film in [0, 1] {
        delete_film(&films, film).await;
    }
    quiet_days(&films, 4).await;
    let container = look(&films.world, TARGET, "film0").container;
    assert!(films.world.emulator.put_blob(EAST, &container, "theirs", vec![1; 9], None));
    let theirs = super::locators::in_hours(24 * 60);
    films.target().add_locator(&look(&films.world, TARGET, "film1").id, &theirs).unwrap();
    quiet_days(&films, 10).await;
    assert!(is_on_target(&films, "film0") && is_on_target(&films, "film1"));
    assert!(has(&films, &container, "theirs"));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn nothing_is_deleted_in_a_run_that_may_have_missed_something() {
    let films = Films::mirrored().await;
    delete_film(&films, 0).await;
    quiet_days(&films, 7).await;
    let short = Rule::new(Fault::Mangle(Mangle::Half)).operation("ListLocators").account("mediawest");
    films.world.emulator.set_faults(&FaultPlan::new(1).rule(short)).unwrap();
    let (summary, _) = day(&films, weekly()).await;
    assert_eq!((summary.outcome, summary.deleted.assets), (Outcome::Partial, 0), "{:?}", summary.findings);
    assert!(summary.findings.iter().any(|finding| finding.cause == Cause::DeletionsPutOff));
    films.world.emulator.set_faults(&FaultPlan::default()).unwrap();
    let (summary, _) = day(&films, weekly()).await;
    assert_eq!(summary.deleted.assets, 1, "{:?}", summary.findings);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn deletions_beyond_the_guard_are_held_and_reported_and_can_be_allowed_once_by_run_id() {
    let films = Films::mirrored().await;
    delete_film(&films, 0).await;
    quiet_days(&films, 7).await;
    let guards = GuardLimits { max_delete: Some(Share::Count(1)), ..GuardLimits::default() };
    let options = || Options { policy: Policy { guards, ..weekly().policy }, ..weekly() };
    tokio::time::sleep(Duration::from_hours(24)).await;
    let dry = films.world.sync_with(Options { dry_run: true, ..options() }).await.0;
    let verified = verify(&films.world.pair(), &films.world.ledger, &options(), &TestMonitor::default()).await.unwrap();
    assert_eq!((dry.verdict, verified.verdict), (Outcome::Held, Outcome::Held));
    let (summary, monitor) = films.world.sync_with(options()).await;
    assert_eq!((summary.outcome, summary.deleted.assets), (Outcome::Held, 0), "{:?}", summary.problems);
    assert_eq!(monitor.outcome_of("film0").unwrap().cause(), Some(Cause::HeldByGuard));
    let allow = Allow { delete: Some(summary.run), ..Allow::default() };
    let (summary, _) = day(&films, Options { allow, ..options() }).await;
    assert_eq!((summary.outcome, summary.deleted.assets), (Outcome::Complete, 1), "{:?}", summary.problems);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_next_run_completes_an_interrupted_deletion() {
    let mut films = Films::mirrored().await;
    let container = look(&films.world, TARGET, "film0").container;
    delete_film(&films, 0).await;
    quiet_days(&films, 7).await;
    tokio::time::sleep(Duration::from_hours(24)).await;
    die_after_delete(&mut films).await;
    assert!(!is_on_target(&films, "film0"));
    tokio::time::sleep(Duration::from_mins(5)).await;
    // As if the service had removed the asset and kept the container.
    let storage = films.world.pair().target.storage[0].clone();
    storage.create_container(&ContainerName::new(&container)).await.unwrap();
    let (summary, _) = films.world.sync_with(weekly()).await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert!(!is_on_target(&films, "film0"));
    assert_eq!(films.world.emulator.blobs(EAST, &container), None);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_deleted_blob_is_reported_and_deleted_with_its_file_record_after_seven_nights() {
    let (films, container) = with_kept_blob().await;
    let (summary, monitor) = day(&films, weekly()).await;
    assert_eq!(pending(&summary), [("film0", false, 1)], "{:?}", summary.problems);
    let changes = monitor.changes_of("film0");
    let named = changes
        .iter()
        .any(|change| matches!(change, Change::BlobsToDelete { names, bytes: 100, .. } if names == &["extra.mp4"]));
    assert!(named, "{changes:?}");
    quiet_days(&films, 6).await;
    assert!(has(&films, &container, "extra.mp4"));
    let (summary, monitor) = day(&films, weekly()).await;
    assert_eq!(summary.deleted, DeletedCounts { assets: 0, blobs: 1, bytes: 100 }, "{:?}", summary.findings);
    let deleted = vec!["extra.mp4".to_owned()];
    assert_eq!(monitor.changes_of("film0"), [Change::BlobsDeleted { names: deleted, bytes: 100 }]);
    assert!(!has(&films, &container, "extra.mp4") && has(&films, &container, "film0.mp4"));
    assert!(look(&films.world, TARGET, "film0").files.iter().all(|file| file.name != "extra.mp4"));
    assert_eq!((summary.outcome, summary.assets.unchanged), (Outcome::Complete, 6));
    let before = super::writes(&films.world);
    let (summary, _) = day(&films, weekly()).await;
    assert_eq!((summary.assets.unchanged, pending(&summary), summary.kept.blobs), (6, vec![], 0));
    assert_eq!(super::writes(&films.world), before, "and then nothing is written");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_that_is_restored_on_the_fifth_day_is_not_deleted() {
    let (films, container) = with_kept_blob().await;
    quiet_days(&films, 5).await;
    put(&films.world.pair().source.storage[0], &films.films[0].asset, "extra.mp4", vec![b'x'; 100]).await;
    quiet_days(&films, 5).await;
    assert!(has(&films, &container, "extra.mp4"));
    let from = look(&films.world, SOURCE, "film0").container;
    assert!(films.world.emulator.delete_blob(WEST, &from, "extra.mp4"));
    quiet_days(&films, 7).await;
    let (summary, _) = day(&films, weekly()).await;
    assert_eq!(summary.deleted.blobs, 1, "its time started again: {:?}", summary.findings);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_that_another_program_added_to_a_copy_is_never_deleted() {
    let (films, container) = with_kept_blob().await;
    assert!(films.world.emulator.put_blob(EAST, &container, "theirs", vec![1; 9], None));
    quiet_days(&films, 4).await;
    assert!(films.world.emulator.put_blob(EAST, &container, "more", vec![1; 9], None));
    quiet_days(&films, 3).await;
    let (summary, _) = day(&films, weekly()).await;
    assert_eq!(summary.deleted.blobs, 1, "{:?}", summary.findings);
    quiet_days(&films, 10).await;
    assert!(has(&films, &container, "theirs") && has(&films, &container, "more"));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn kept_blobs_stay_if_the_ledger_that_proves_their_origin_is_lost() {
    let (mut films, container) = with_kept_blob().await;
    quiet_days(&films, 4).await;
    films.world.ledger = Ledger::in_memory().unwrap();
    quiet_days(&films, 14).await;
    assert!(has(&films, &container, "extra.mp4"));
    delete_blob(&films, 1, "mp4");
    quiet_days(&films, 7).await;
    let (summary, _) = day(&films, weekly()).await;
    assert_eq!(summary.deleted.blobs, 1, "what goes later is known: {:?}", summary.findings);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn nothing_is_deleted_from_an_asset_whose_container_the_source_has_lost() {
    let (films, container) = with_kept_blob().await;
    quiet_days(&films, 5).await;
    assert!(films.world.emulator.delete_container(WEST, &look(&films.world, SOURCE, "film0").container));
    for _ in 0..9 {
        let (summary, _) = day(&films, weekly()).await;
        assert_eq!((summary.outcome, summary.deleted.blobs), (Outcome::Partial, 0));
        assert_eq!(summary.causes.get(&Cause::SourceLost), Some(&1), "{:?}", summary.problems);
    }
    assert!(has(&films, &container, "extra.mp4") && has(&films, &container, "film0.mp4"));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_that_changes_on_the_target_immediately_before_its_deletion_stays() {
    let (mut films, container) = with_kept_blob().await;
    quiet_days(&films, 7).await;
    let emulator = &films.world.emulator;
    let before = emulator.describe(EAST, &container, "extra.mp4").unwrap();
    let storage = films.world.pair().target.storage[0].clone();
    let at = BlobRef { container: ContainerName::new(&container), name: "extra.mp4".to_owned() };
    let write = async move {
        storage.put_blob(&at, "theirs".into(), &BlobProperties::default()).await.unwrap();
    };
    let deletes = |request: &Request| request.method() == Method::Delete;
    films.world.intercept(crate::world::once(deletes, Box::pin(write)));
    let (summary, _) = day(&films, weekly()).await;
    assert_eq!(summary.deleted.blobs, 0, "{:?}", summary.problems);
    let after = films.world.emulator.describe(EAST, &container, "extra.mp4").unwrap();
    assert_ne!(before.length, after.length);
}

/// Stops a run immediately after it sent the deletion of an asset to the target's media account.
async fn die_after_delete(films: &mut Films) {
    let sent = AtomicBool::new(false);
    let dead = CancellationToken::new();
    let killed = dead.clone();
    films.world.intercept(move |request| {
        if sent.load(Ordering::Relaxed) {
            killed.cancel();
            return Some(std::future::pending().boxed());
        }
        let path = request.url().path();
        sent.fetch_or(request.method() == Method::Delete && path.contains("Assets("), Ordering::Relaxed);
        None
    });
    let monitor = Arc::new(TestMonitor::default());
    tokio::select! {
        ended = films.world.try_sync(weekly(), &monitor) => panic!("it did not die: {:?}", ended.map(|run| run.deleted)),
        () = dead.cancelled() => {}
    }
    films.world.intercept(|_| None);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_playing_copy_is_never_deleted() {
    let films = Films::mirrored().await;
    quiet_days(&films, 10).await;
    assert_eq!(playing(&films.world, TARGET).await.len(), playing(&films.world, SOURCE).await.len());
    assert_eq!(films.target().assets().len(), 6);
}
