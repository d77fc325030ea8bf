//! Locators that move between assets during other changes. Row 4.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use mediamirror::emulator::FaultPlan;
use mediamirror::emulator::faults::plan::{Fault, Mangle, Rule};
use mediamirror::engine::{Options, Outcome};
use mediamirror::verdict::{Cause, Change};

use super::{Films, SOURCE, TARGET, look, night, playing, service_id};

/// Longer than an asset waits for others in a batch.
const SLOW: Duration = Duration::from_mins(3);

/// The first copy of a blob takes three minutes. The result shows whether it has started.
fn slow_first_copy(films: &mut Films) -> Arc<AtomicBool> {
    let started = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&started);
    films.world.intercept(move |request| {
        let slow = crate::world::is_blob_copy(request) && !asked.swap(true, Ordering::Relaxed);
        slow.then(|| tokio::time::sleep(SLOW).boxed())
    });
    started
}

/// Waits until something has happened.
async fn wait_for(happened: &AtomicBool) {
    for _ in 0..20_000 {
        if happened.load(Ordering::Relaxed) {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("it does not happen");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_that_moves_is_only_briefly_unavailable_although_its_batch_waits_for_another_asset() {
    let mut films = Films::mirrored().await;
    let slow = films.world.seed("slow", &["slow.ism", "slow.mp4"]).await;
    let to = look(&films.world, SOURCE, "film1").id;
    films.source().move_locator(&service_id(films.locator(0)), &to).await.unwrap();
    slow_first_copy(&mut films);
    let (_, monitor) = films.good_night().await;
    let changes = monitor.changes_of("film1");
    let [Change::LocatorMoved { dead_milliseconds, .. }] = changes.as_slice() else { panic!("{changes:?}") };
    assert!(*dead_milliseconds < 1_000, "{dead_milliseconds} ms");
    films.films.push(slow);
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_that_moved_and_changed_again_during_the_run_stays_where_it_plays() {
    for deleted in [true, false] {
        let mut films = Films::mirrored().await;
        let new = films.world.seed("remaster", &["remaster.ism", "remaster.mp4"]).await;
        let (id, old) = (service_id(films.locator(0)), look(&films.world, SOURCE, "film0").id);
        films.source().move_locator(&id, new.asset.id.as_str()).await.unwrap();
        let started = slow_first_copy(&mut films);
        let change = async {
            wait_for(&started).await;
            if deleted {
                films.source().remove_locator(&id).await.unwrap();
            } else {
                films.source().move_locator(&id, &old).await.unwrap();
            }
        };
        let ((summary, monitor), ()) = futures::join!(films.night(), change);
        assert_eq!(summary.outcome, Outcome::Partial, "deleted: {deleted}: {:?}", monitor.events());
        let cause = if deleted { Cause::SourceVanished } else { Cause::LocatorChanged };
        assert_eq!(summary.causes.into_keys().collect::<Vec<_>>(), [cause], "deleted: {deleted}");
        assert!(playing(&films.world, TARGET).await.contains_key(films.locator(0).as_str()), "deleted: {deleted}");
        films.world.intercept(|_| None);
        films.good_night().await;
        films.films.push(new);
        films.are_settled().await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_that_moves_to_an_asset_that_the_listing_omits_is_reported() {
    let mut films = Films::of(3).await;
    films.good_night().await;
    for name in ["new0", "new1", "new2"] {
        films.films.push(films.world.seed(name, &["new.ism", "new.mp4"]).await);
    }
    let to = look(&films.world, SOURCE, "new2").id;
    films.source().move_locator(&service_id(films.locator(0)), &to).await.unwrap();
    // The listing contains only the three mirrored assets.
    let short = Rule::new(Fault::Mangle(Mangle::Half)).operation("ListAssets").account("mediawest");
    films.world.emulator.set_faults(&FaultPlan::new(1).rule(short)).unwrap();
    for dry_run in [true, false] {
        let (summary, _) = night(&films.world, Options { dry_run, ..Options::default() }).await;
        assert_eq!(summary.verdict, Outcome::Partial, "dry run: {dry_run}");
        let causes: Vec<_> = summary.causes.iter().map(|(cause, count)| (*cause, *count)).collect();
        assert_eq!(causes, [(Cause::ListingIncomplete, 3)], "dry run: {dry_run}");
        assert_eq!(films.world.verify().await.causes, summary.causes);
    }
    films.world.emulator.set_faults(&FaultPlan::default()).unwrap();
    films.good_night().await;
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn assets_that_are_created_or_deleted_during_the_listing_do_not_count_as_omitted() {
    let mut films = Films::mirrored().await;
    let listed = AtomicBool::new(false);
    let waiting = Arc::new(AtomicBool::new(false));
    let waits = Arc::clone(&waiting);
    let cluster = films.world.emulator.ready().regions[SOURCE].cluster.clone();
    // The locators are listed a minute after the assets.
    films.world.intercept(move |request| {
        let locators = request.url().path().ends_with("/Locators") && request.url().as_str().contains(&cluster);
        let slow = locators && !listed.swap(true, Ordering::Relaxed);
        waits.fetch_or(slow, Ordering::Relaxed);
        slow.then(|| tokio::time::sleep(Duration::from_mins(1)).boxed())
    });
    let change = async {
        wait_for(&waiting).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        films.world.seed("premiere", &["premiere.ism", "premiere.mp4"]).await
    };
    let ((summary, _), new) = futures::join!(films.night(), change);
    assert_eq!((summary.outcome, summary.assets.total), (Outcome::Complete, 6), "{:?}", summary.problems);
    films.world.intercept(|_| None);
    films.films.push(new);
    films.good_night().await;
    films.are_settled().await;
}
