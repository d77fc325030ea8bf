//! Locators that move between assets while something else happens. Row 4.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use mediamirror::engine::Outcome;
use mediamirror::verdict::{Cause, Change};

use super::{Films, SOURCE, TARGET, look, playing, service_id};

/// Longer than an asset waits for others in a batch.
const SLOW: Duration = Duration::from_mins(3);

/// The first copy of a blob takes three minutes. Returns whether it has started.
fn slow_first_copy(films: &mut Films) -> Arc<AtomicBool> {
    let started = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&started);
    films.world.intercept(move |request| {
        let slow = crate::world::is_blob_copy(request) && !asked.swap(true, Ordering::Relaxed);
        slow.then(|| tokio::time::sleep(SLOW).boxed())
    });
    started
}

#[tokio::test(start_paused = true)]
async fn a_locator_that_moves_is_dead_for_moments_although_its_batch_waits_for_another_asset() {
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

#[tokio::test(start_paused = true)]
async fn a_locator_that_moved_and_changed_again_during_the_run_stays_where_it_plays() {
    for deleted in [true, false] {
        let mut films = Films::mirrored().await;
        let new = films.world.seed("remaster", &["remaster.ism", "remaster.mp4"]).await;
        let (id, old) = (service_id(films.locator(0)), look(&films.world, SOURCE, "film0").id);
        films.source().move_locator(&id, new.asset.id.as_str()).await.unwrap();
        let started = slow_first_copy(&mut films);
        let change = async {
            while !started.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            if deleted {
                films.source().remove_locator(&id).await.unwrap();
            } else {
                films.source().move_locator(&id, &old).await.unwrap();
            }
        };
        let ((summary, monitor), ()) = futures::join!(films.night(), change);
        assert_eq!(summary.outcome, Outcome::Partial, "deleted: {deleted}: {:?}", monitor.events());
        assert_eq!(summary.causes.into_keys().collect::<Vec<_>>(), [Cause::SourceVanished], "deleted: {deleted}");
        assert!(playing(&films.world, TARGET).await.contains_key(films.locator(0).as_str()), "deleted: {deleted}");
        films.world.intercept(|_| None);
        films.good_night().await;
        films.films.push(new);
        films.are_settled().await;
    }
}
