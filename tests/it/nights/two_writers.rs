//! Two hosts that mirror the same library at the same time, each with its own ledger: with the target's lock, only one
//! of them writes, and nothing is made twice.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use mediamirror::engine::{Options, Outcome, mirror};
use mediamirror::error::Error;
use mediamirror::ledger::Ledger;
use mediamirror::monitor::Silent;
use tokio_util::sync::CancellationToken;

use super::look::{B, Library};
use super::oracle::{State, nothing_is_there_twice};
use crate::world::World;

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn of_two_hosts_that_start_at_once_one_reports_the_lock_and_nothing_is_made_twice() {
    let mut world = World::generated("assets=6,blobs=4,seed=8,sizes=small,awkward=false").await;
    let other = Ledger::in_memory().unwrap();
    // A run lasts longer than the other one waits for a holder without a name.
    world.intercept(|request| {
        request.url().path().ends_with("/Assets").then(|| tokio::time::sleep(Duration::from_secs(10)).boxed())
    });
    for night in 0..3 {
        let run = |ledger: &Ledger| {
            mirror(world.pair(), ledger.clone(), Options::default(), Arc::new(Silent), CancellationToken::new())
        };
        // They request the lock first in turn: the ledger of the second one is empty at first.
        let (first, second) = if night % 2 == 0 { (&world.ledger, &other) } else { (&other, &world.ledger) };
        let ended = tokio::join!(run(first), run(second));
        let (won, lost): (Vec<_>, Vec<_>) = [ended.0, ended.1].into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 1), "night {night}: {lost:?}");
        assert_eq!(won[0].as_ref().unwrap().outcome, Outcome::Complete, "night {night}");
        let lost = lost.into_iter().next().unwrap().unwrap_err();
        assert!(matches!(lost, Error::Locked { .. }), "night {night}: {lost}");
        let after = State::of(&world).await;
        nothing_is_there_twice(&after);
        assert_eq!(Library::of(&world, B).0.len(), 6, "night {night}");
        assert_eq!(after.plays_a, after.plays_b, "night {night}");
        tokio::time::advance(Duration::from_hours(24)).await;
    }
}
