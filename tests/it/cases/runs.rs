//! Whole runs: two at once, a paused run, a target that streams nothing, and the results of a dry run. Rows 8, 12 and
//! 14.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use mediamirror::engine::{Options, Outcome, mirror};
use mediamirror::error::Error;
use mediamirror::ledger::Ledger;
use mediamirror::monitor::TestMonitor;
use mediamirror::verdict::Cause;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Films, SOURCE, TARGET, WEST, assert_plays_alike, look, night, service_id, writes};
use crate::world::{World, accepting, copies_of};

/// A run of another machine, with a separate ledger.
async fn other_machine(world: &World) -> Result<mediamirror::engine::Summary, Error> {
    let pair = Arc::new(mediamirror::connect::connect(&world.config, world.emulator.http_client()).unwrap());
    let (ledger, monitor) = (Ledger::in_memory().unwrap(), Arc::new(TestMonitor::default()));
    mirror(pair, ledger, Options::default(), monitor, CancellationToken::new()).await
}

/// Checks that each asset has one copy.
async fn nothing_is_there_twice(films: &Films) {
    for film in &films.films {
        let copies = copies_of(&films.world.pair(), &film.asset).await;
        assert_eq!(copies.len(), 1, "{}: {copies:?}", film.asset.label());
    }
    assert_eq!(films.target().assets().len(), films.films.len());
}

/// Row 8.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_second_of_two_machines_with_two_ledgers_is_refused_and_nothing_is_created_twice() {
    let films = Films::new().await;
    let first = films.world.sync();
    let second = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        other_machine(&films.world).await
    };
    let ((summary, _), second) = futures::join!(first, second);
    assert_eq!(summary.outcome, Outcome::Complete);
    match second {
        Err(error) => assert!(matches!(error, Error::Locked { .. }), "{error}"),
        // The first run ended before the second started.
        Ok(second) => assert_eq!((second.outcome, second.assets.mirrored), (Outcome::Complete, 0), "{second:?}"),
    }
    nothing_is_there_twice(&films).await;
    // Later runs, on either machine.
    assert_eq!(other_machine(&films.world).await.unwrap().outcome, Outcome::Complete);
    nothing_is_there_twice(&films).await;
    films.are_settled().await;
}

/// Row 8: a run that is slow enough for a second one to start.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn while_a_run_holds_the_lock_a_second_run_is_refused_with_its_name() {
    let mut films = Films::new().await;
    let asked = AtomicU64::new(0);
    films.world.intercept(move |request| {
        let slow = crate::world::is_blob_copy(request) && asked.fetch_add(1, Ordering::Relaxed) == 0;
        slow.then(|| tokio::time::sleep(Duration::from_mins(3)).boxed())
    });
    let second = async {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(30)).await;
            let error = other_machine(&films.world).await.unwrap_err();
            assert!(matches!(error, Error::Locked { .. }), "{error}");
        }
    };
    let ((summary, _), ()) = futures::join!(films.world.sync(), second);
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    nothing_is_there_twice(&films).await;
    films.are_settled().await;
}

/// Row 8: a machine may stop at any step of a run; nothing exists twice when that run continues after its successor.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_that_was_paused_longer_than_its_lease_does_not_repeat_the_work_of_its_successor() {
    for stop_at in [12, 17, 22, 27, 32, 37, 44] {
        let mut films = Films::new().await;
        let paused = Arc::new(std::sync::Mutex::new(None::<Instant>));
        let (count, until) = (AtomicU64::new(0), Arc::clone(&paused));
        films.world.intercept(move |_| {
            let mut until = until.lock().unwrap();
            if count.fetch_add(1, Ordering::Relaxed) == stop_at {
                *until = Some(Instant::now() + Duration::from_mins(5));
            }
            // While the machine is stopped, it sends no requests.
            until.map(|until| tokio::time::sleep_until(until).boxed())
        });
        let successor = async {
            for _ in 0..60_000 {
                tokio::time::sleep(Duration::from_millis(10)).await;
                if paused.lock().unwrap().is_some() {
                    break;
                }
            }
            assert!(paused.lock().unwrap().is_some(), "the run has fewer than {stop_at} requests");
            tokio::time::sleep(Duration::from_mins(2)).await;
            other_machine(&films.world).await
        };
        let monitor = Arc::new(TestMonitor::default());
        let first = films.world.try_sync(Options::default(), &monitor);
        let (first, second) = futures::join!(first, successor);
        let second = second.unwrap();
        assert_eq!(second.outcome, Outcome::Complete, "{stop_at}: {:?}", second.problems);
        assert!(matches!(first, Err(Error::LockLost { .. })), "{stop_at}: {:?}", first.map(|summary| summary.outcome));
        assert_plays_alike(&films.world).await;
        films.world.intercept(|_| None);
        films.world.ledger = Ledger::in_memory().unwrap();
        films.good_night().await;
        nothing_is_there_twice(&films).await;
        films.are_settled().await;
    }
}

/// Row 12.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_target_with_a_stopped_streaming_endpoint_is_mirrored_but_never_reported_as_complete() {
    let films = Films::new().await;
    films.target().set_streaming(false).unwrap();
    for dry_run in [true, false, false] {
        let (summary, _) = night(&films.world, Options { dry_run, ..Options::default() }).await;
        assert_eq!(summary.verdict, Outcome::Partial);
        let causes: Vec<Cause> = summary.findings.iter().map(|finding| finding.cause).collect();
        assert_eq!(causes, [Cause::TargetNotStreaming]);
    }
    let verification = films.world.verify().await;
    assert!(verification.owes() && verification.differences.is_empty());
    let urls = films.urls_with(&Options::default()).await;
    assert_eq!(urls.findings.iter().map(|finding| finding.cause).collect::<Vec<_>>(), [Cause::TargetNotStreaming]);
    let accepted = Options { policy: accepting(&[Cause::TargetNotStreaming]), ..Options::default() };
    assert_eq!(night(&films.world, accepted.clone()).await.0.outcome, Outcome::Complete, "a cold standby is accepted");
    assert!(!films.verify_with(&accepted).await.owes(), "by verify, too");
    films.target().set_streaming(true).unwrap();
    films.are_settled().await;
}

/// Row 14.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_dry_run_has_the_verdict_of_the_run_and_changes_nothing() {
    let films = Films::new().await;
    let dry = Options { dry_run: true, ..Options::default() };
    // Pending work does not count.
    let (summary, _) = night(&films.world, dry.clone()).await;
    assert_eq!((summary.outcome, summary.verdict), (Outcome::DryRun, Outcome::Complete));
    let both_agree = async |expected: Outcome| {
        let before = (films.target().assets(), writes(&films.world));
        let (planned, _) = night(&films.world, dry.clone()).await;
        assert_eq!((films.target().assets(), writes(&films.world)), before, "a dry run changes nothing");
        let (summary, _) = films.night().await;
        assert_eq!((planned.verdict, summary.outcome), (expected, expected), "{:?}", summary.problems);
        assert_eq!((planned.causes, planned.withdrawn), (summary.causes, summary.withdrawn));
    };
    let asset = look(&films.world, SOURCE, "film0").id;
    let key = films.source().link_content_key(&asset, 0).unwrap();
    both_agree(Outcome::Partial).await;
    films.source().unlink_content_key(&asset, &key).unwrap();
    both_agree(Outcome::Complete).await;
    films.source().remove_locator(&service_id(films.locator(1))).await.unwrap();
    both_agree(Outcome::Complete).await;
    assert!(films.world.emulator.delete_container(WEST, &look(&films.world, SOURCE, "film2").container));
    both_agree(Outcome::Partial).await;
    for film in [0, 3, 4, 5] {
        films.source().remove_locator(&service_id(films.locator(film))).await.unwrap();
    }
    both_agree(Outcome::Held).await;
    let theirs = films.target().add_asset("theirs").await.unwrap();
    films.target().move_locator(&service_id(films.locator(2)), &theirs).await.unwrap();
    both_agree(Outcome::Held).await;
    assert_eq!(look(&films.world, TARGET, "theirs").locators.len(), 1);
}
