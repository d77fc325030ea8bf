//! Pairs of URLs, and the causes of those that are not mirrored.

use jiff::SignedDuration;
use mediamirror::clock;
use mediamirror::emulator::{FaultPlan, NewLocator};
use mediamirror::engine::urls::urls;
use mediamirror::engine::{Options, Outcome};
use mediamirror::verdict::Cause;

use super::{Films, SOURCE, TARGET, look, only, service_id};
use crate::world::accepting;

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn urls_differ_until_everything_that_plays_in_the_source_plays_on_the_target() {
    let films = Films::new().await;
    let before = films.urls_with(&Options::default()).await;
    assert!(before.differ() && before.pairs.len() == 6, "{before:?}");
    assert!(before.pairs.iter().all(|pair| pair.target_url.is_none() && pair.cause.is_none()), "{before:?}");
    films.good_night().await;
    let after = films.urls_with(&Options::default()).await;
    assert!(!after.differ() && after.verdict == Outcome::Complete, "{after:?}");
    assert!(after.pairs.iter().all(|pair| pair.target_url.is_some()), "{after:?}");
    films.target().remove_locator(&service_id(films.locator(3))).await.unwrap();
    // A locator that starts only tomorrow does not play.
    let tomorrow = clock::now() + SignedDuration::from_hours(24);
    films.target().set_locator_start(&service_id(films.locator(4)), Some(tomorrow)).unwrap();
    let pairs = films.urls_with(&Options::default()).await.pairs;
    let missing: Vec<&str> =
        pairs.iter().filter(|pair| pair.target_url.is_none()).map(|pair| pair.asset.as_str()).collect();
    assert_eq!(missing, ["film3", "film4"]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn urls_sends_no_request_for_a_mirrored_asset() {
    let films = Films::mirrored().await;
    films.urls_with(&Options::default()).await;
    assert_eq!(films.world.count("ListBlobs"), 0);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn urls_reports_the_cause_of_a_locator_that_a_run_does_not_mirror_unless_it_is_accepted() {
    let films = Films::mirrored().await;
    let empty = films.source().add_asset("empty").await.unwrap();
    films.source().add_locator(&empty, &super::locators::in_hours(100)).unwrap();
    films.source().link_content_key(&look(&films.world, SOURCE, "film0").id, 0).unwrap();
    films.night().await;
    let found = films.urls_with(&Options::default()).await;
    let causes: Vec<(&str, Cause)> =
        found.pairs.iter().filter_map(|pair| Some((pair.asset.as_str(), pair.cause?))).collect();
    assert_eq!(causes, [("empty", Cause::SourceEmpty), ("film0", Cause::Protected)]);
    assert!(!found.differ() && found.verdict == Outcome::Partial, "{found:?}");
    let policy = accepting(&[Cause::SourceEmpty, Cause::Protected]);
    let options = Options { policy, ..Options::default() };
    let accepted = films.urls_with(&options).await;
    assert!(!accepted.differ() && accepted.verdict == Outcome::Complete, "{accepted:?}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn urls_of_a_filter_that_matches_nothing_are_an_error() {
    let films = Films::mirrored().await;
    let error = urls(&films.world.pair(), &films.world.ledger, &only("flim*")).await.unwrap_err();
    assert!(error.to_string().contains("no asset of the source matches"), "{error}");
}

/// The service decides whether a locator has expired: its clock is ten minutes behind ours.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn urls_follow_the_clock_of_the_service() {
    let films = Films::mirrored().await;
    films.world.emulator.set_faults(&FaultPlan::new(1).clock_skew(-600)).unwrap();
    let film = look(&films.world, SOURCE, "film0").id;
    let expired = NewLocator::until(clock::now() - SignedDuration::from_mins(5));
    films.source().add_locator(&film, &expired).unwrap();
    let found = films.urls_with(&Options::default()).await;
    let live = found.pairs.iter().filter(|pair| pair.asset == "film0").count();
    assert!(live == 2 && found.differ(), "it plays in the source for five more minutes: {found:?}");
}

/// The source has extended a locator, and the copy's locator has expired.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_that_has_expired_only_on_the_target_is_not_mirrored() {
    let films = Films::mirrored().await;
    let there = look(&films.world, TARGET, "film0");
    films.target().remove_locator(&service_id(films.locator(0))).await.unwrap();
    let short = NewLocator { guid: Some(films.locator(0).to_string()), ..super::locators::in_hours(1) };
    films.target().add_locator(&there.id, &short).unwrap();
    tokio::time::sleep(std::time::Duration::from_hours(2)).await;
    let found = films.urls_with(&Options::default()).await;
    let pair = found.pairs.iter().find(|pair| pair.asset == "film0").unwrap();
    assert_eq!(pair.target_url, None, "{found:?}");
}
