//! Locators that the source publishes, withdraws, replaces and moves. Rows 3, 4 and 5.

use jiff::SignedDuration;
use mediamirror::clock;
use mediamirror::emulator::faults::plan::{Fault, Mangle, Pretence, Rule};
use mediamirror::emulator::{FaultPlan, NewLocator};
use mediamirror::engine::{Options, Outcome};
use mediamirror::model::{LocatorId, LocatorKind};
use mediamirror::verdict::{Cause, Change, Withdrawal};

use super::{EAST, Films, SOURCE, TARGET, assert_plays_alike, look, night, only, playing, service_id};

fn revoked(id: &LocatorId) -> Change {
    Change::LocatorWithdrawn { id: id.clone(), kind: LocatorKind::Streaming, why: Withdrawal::Revoked }
}

pub(super) fn in_hours(hours: i64) -> NewLocator {
    NewLocator::until(clock::now() + SignedDuration::from_hours(hours))
}

/// Row 3.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_that_the_source_deletes_is_withdrawn_and_reported_in_the_same_night() {
    let films = Films::mirrored().await;
    films.source().remove_locator(&service_id(films.locator(0))).await.unwrap();
    let verification = films.world.verify().await;
    assert_eq!(verification.assets.different, 1, "verify names it before: {:?}", verification.differences);
    let (summary, monitor) = films.good_night().await;
    assert_eq!((summary.withdrawn, monitor.changes_of("film0")), (1, vec![revoked(films.locator(0))]));
    assert_eq!(look(&films.world, TARGET, "film0").locators, []);
    films.are_settled().await;
}

/// Row 3: a wrong path, a proxy or a sign-in page answers with 404, too.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_404_that_is_not_from_the_service_withdraws_nothing() {
    let films = Films::mirrored().await;
    films.source().remove_locator(&service_id(films.locator(0))).await.unwrap();
    let page = Rule::new(Fault::Mangle(Mangle::Html)).operation("{GetLocator,GetAsset}").account("mediawest");
    films.world.emulator.set_faults(&FaultPlan::new(1).rule(page)).unwrap();
    let (summary, _) = films.night().await;
    assert_eq!((summary.outcome, summary.withdrawn), (Outcome::Partial, 0), "{:?}", summary.problems);
    assert!(playing(&films.world, TARGET).await.contains_key(films.locator(0).as_str()));
    films.world.emulator.set_faults(&FaultPlan::new(1)).unwrap();
    assert_eq!(films.good_night().await.0.withdrawn, 1);
}

/// Row 3.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_of_a_deleted_source_asset_is_withdrawn_in_the_same_night_and_the_bytes_stay() {
    let films = Films::mirrored().await;
    let asset = look(&films.world, SOURCE, "film0").id;
    films.source().delete_asset(&asset).await.unwrap();
    let verification = films.world.verify().await;
    assert_eq!((verification.differences.len(), verification.extra.assets), (1, 1), "{verification:?}");
    let (summary, monitor) = films.good_night().await;
    assert_eq!((summary.withdrawn, summary.assets.gone), (1, 1));
    assert_eq!(monitor.changes_of("film0"), [revoked(films.locator(0)), Change::Retired]);
    let copy = look(&films.world, TARGET, "film0");
    assert_eq!(copy.locators, []);
    assert!(films.world.emulator.describe(EAST, &copy.container, "film0.mp4").is_some());
    films.are_settled().await;
}

/// Row 3.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_whose_times_are_moved_into_the_past_stops_playing_in_the_same_night() {
    let films = Films::mirrored().await;
    let past = clock::now() - SignedDuration::from_mins(1);
    films.source().set_locator_expiry(&service_id(films.locator(0)), past).unwrap();
    let (_, monitor) = films.good_night().await;
    let changes = monitor.changes_of("film0");
    let shortened = |change: &Change| matches!(change, Change::LocatorTerms { longer: false, .. });
    let named = changes.iter().any(|change| shortened(change) || *change == revoked(films.locator(0)));
    assert!(named, "{changes:?}");
    assert!(!playing(&films.world, TARGET).await.contains_key(films.locator(0).as_str()));
    films.are_settled().await;
}

/// Row 3.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn start_expiry_and_name_of_a_locator_follow_the_source_in_both_directions() {
    let films = Films::mirrored().await;
    let id = service_id(films.locator(0));
    let hours = |hours| clock::now() + SignedDuration::from_hours(hours);
    films.source().set_locator_start(&id, Some(hours(12))).unwrap();
    films.good_night().await;
    assert!(!playing(&films.world, TARGET).await.contains_key(films.locator(0).as_str()));
    films.are_settled().await;
    films.source().set_locator_start(&id, None).unwrap();
    films.good_night().await;
    assert!(playing(&films.world, TARGET).await.contains_key(films.locator(0).as_str()));
    films.are_settled().await;
    films.source().set_locator_expiry(&id, hours(900)).unwrap();
    films.source().set_locator_name(&id, Some("trailer")).unwrap();
    films.good_night().await;
    let there = look(&films.world, TARGET, "film0").locators.remove(0);
    assert_eq!(there.name.as_deref(), Some("trailer"));
    films.are_settled().await;
}

/// Row 3: an expired locator of a new asset is not created, and is not a problem.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_expired_locator_is_not_created_on_the_target() {
    let films = Films::new().await;
    let past = clock::now() - SignedDuration::from_mins(1);
    films.source().set_locator_expiry(&service_id(films.locator(0)), past).unwrap();
    films.good_night().await;
    assert_eq!(look(&films.world, TARGET, "film0").locators, []);
    films.are_settled().await;
}

/// Row 4.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_that_moves_to_another_asset_moves_in_the_same_night() {
    let films = Films::mirrored().await;
    let to = look(&films.world, SOURCE, "film1").id;
    films.source().move_locator(&service_id(films.locator(0)), &to).await.unwrap();
    assert!(films.world.verify().await.assets.different > 0);
    let (_, monitor) = films.good_night().await;
    let moved = monitor.changes_of("film1");
    let id = films.locator(0);
    assert!(matches!(&moved[..], [Change::LocatorMoved { id: moved, .. }] if moved == id), "{moved:?}");
    assert_eq!(look(&films.world, TARGET, "film1").locators.len(), 2);
    assert_eq!(look(&films.world, TARGET, "film0").locators, []);
    films.are_settled().await;
}

/// Row 4.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn two_locators_that_swap_assets_swap_them_in_the_same_night() {
    let films = Films::mirrored().await;
    let ids = [0, 1].map(|film| look(&films.world, SOURCE, &format!("film{film}")).id);
    films.source().move_locator(&service_id(films.locator(0)), &ids[1]).await.unwrap();
    films.source().move_locator(&service_id(films.locator(1)), &ids[0]).await.unwrap();
    films.good_night().await;
    films.are_settled().await;
}

/// Row 4.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_that_moves_to_a_new_asset_moves_once_the_new_copy_is_verified() {
    let mut films = Films::mirrored().await;
    let new = films.world.seed("remaster", &["remaster.ism", "remaster.mp4"]).await;
    films.source().move_locator(&service_id(films.locator(0)), new.asset.id.as_str()).await.unwrap();
    // Its copies are refused at first: the locator must still play.
    let long = "ü".repeat(400);
    crate::world::put(&films.world.pair().source.storage[0], &new.asset, &long, vec![1; 9]).await;
    let (summary, _) = films.night().await;
    assert_eq!(summary.outcome, Outcome::Partial);
    assert!(playing(&films.world, TARGET).await.contains_key(films.locator(0).as_str()), "it plays the old copy");
    let from = look(&films.world, SOURCE, "remaster").container;
    assert!(films.world.emulator.delete_blob(super::WEST, &from, &long));
    films.good_night().await;
    assert_eq!(look(&films.world, TARGET, "remaster").locators.len(), 2);
    films.are_settled().await;
    films.films.push(new);
}

/// Row 4.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_that_moves_out_of_the_scope_of_a_run_is_a_cause_and_stays() {
    for include in ["film0", "film1"] {
        let films = Films::mirrored().await;
        let to = look(&films.world, SOURCE, "film1").id;
        films.source().move_locator(&service_id(films.locator(0)), &to).await.unwrap();
        let (summary, monitor) = night(&films.world, only(include)).await;
        assert_eq!(summary.outcome, Outcome::Partial, "{include}: {:?}", monitor.events());
        let causes: Vec<_> = summary.causes.keys().copied().collect();
        assert_eq!(causes, [Cause::LocatorMovedOutOfScope], "{include}: {:?}", summary.problems);
        assert_eq!(look(&films.world, TARGET, "film0").locators.len(), 1, "{include}: it is where it was");
        films.good_night().await;
        films.are_settled().await;
    }
}

/// Row 5.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_that_is_replaced_every_night_plays_every_night() {
    let films = Films::mirrored().await;
    let asset = look(&films.world, SOURCE, "film0").id;
    let mut id = service_id(films.locator(0));
    for night in 1..=8 {
        films.source().remove_locator(&id).await.unwrap();
        id = films.source().add_locator(&asset, &in_hours(48)).unwrap();
        let (summary, _) = films.good_night().await;
        assert_eq!(summary.withdrawn, 1, "night {night}");
        assert_eq!(look(&films.world, TARGET, "film0").locators.len(), 1, "night {night}");
        assert_plays_alike(&films.world).await;
    }
    films.are_settled().await;
}

/// Row 5: all five locators that an asset may have.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn five_locators_that_are_all_replaced_every_night_play_every_night() {
    let films = Films::mirrored().await;
    let asset = look(&films.world, SOURCE, "film0").id;
    for night in 1..=6 {
        for locator in look(&films.world, SOURCE, "film0").locators {
            films.source().remove_locator(&locator.id).await.unwrap();
        }
        for _ in 0..5 {
            films.source().add_locator(&asset, &in_hours(48)).unwrap();
        }
        films.good_night().await;
        assert_eq!(look(&films.world, TARGET, "film0").locators.len(), 5, "night {night}");
        assert_plays_alike(&films.world).await;
    }
    films.are_settled().await;
}

/// Row 5: a foreign locator is one of the five, and is never changed.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_that_another_program_created_on_our_copy_is_never_changed() {
    let films = Films::mirrored().await;
    let copy = look(&films.world, TARGET, "film0").id;
    let theirs = films.target().add_locator(&copy, &in_hours(48)).unwrap();
    let asset = look(&films.world, SOURCE, "film0").id;
    let mut id = service_id(films.locator(0));
    for _ in 0..6 {
        films.source().remove_locator(&id).await.unwrap();
        id = films.source().add_locator(&asset, &in_hours(48)).unwrap();
        films.good_night().await;
        let there = look(&films.world, TARGET, "film0").locators;
        assert!(there.len() == 2 && there.iter().any(|locator| locator.id == theirs), "{there:?}");
    }
}

/// Row 4: the conflict is reported every night, even by a run without other work.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_id_that_another_program_takes_after_the_mirror_is_a_conflict_every_night() {
    let films = Films::mirrored().await;
    let theirs = films.target().add_asset("theirs").await.unwrap();
    films.target().move_locator(&service_id(films.locator(0)), &theirs).await.unwrap();
    for _ in 0..2 {
        let (summary, monitor) = films.night().await;
        assert_eq!(monitor.outcome_of("film0").unwrap().cause(), Some(Cause::LocatorIdTaken));
        assert_eq!((summary.outcome, summary.assets.unchanged), (Outcome::Partial, 5));
        assert_eq!(look(&films.world, TARGET, "theirs").locators.len(), 1, "it is not touched");
    }
    films.target().remove_locator(&service_id(films.locator(0))).await.unwrap();
    films.good_night().await;
    films.are_settled().await;
}

/// All requests so far, except those that keep the lock: their number depends on time.
fn requests(films: &Films) -> u64 {
    let stats = films.world.emulator.stats();
    stats.requests.iter().filter(|row| row.operation != "LeaseBlob").map(|row| row.count).sum()
}

/// Row 4: unchanged assets cost nothing, even with a conflict.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_night_with_a_known_conflict_costs_the_same_as_a_night_without_changes() {
    let films = Films::mirrored().await;
    films.good_night().await;
    let before = requests(&films);
    films.good_night().await;
    let quiet = requests(&films) - before;
    let theirs = films.target().add_asset("theirs").await.unwrap();
    films.target().move_locator(&service_id(films.locator(0)), &theirs).await.unwrap();
    for records in [false, true] {
        if records {
            let file = look(&films.world, SOURCE, "film0").files.remove(0);
            films.source().set_mime_type(&file.id, Some("video/x-edited")).unwrap();
        }
        let (summary, _) = films.night().await;
        assert_eq!(summary.assets.conflicts, 1, "records: {records}");
        let before = requests(&films);
        let (summary, _) = films.night().await;
        assert_eq!((summary.assets.conflicts, requests(&films) - before), (1, quiet), "records: {records}");
    }
    let file = look(&films.world, TARGET, "film0").files.remove(0);
    assert_eq!(file.mime_type.as_deref(), Some("video/x-edited"));
}

/// Row 3: a locator that the listing omitted is not withdrawn.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_that_the_listing_of_the_source_omits_is_not_withdrawn() {
    let films = Films::mirrored().await;
    let short = Rule::new(Fault::Mangle(Mangle::Half)).operation("ListLocators").account("mediawest");
    films.world.emulator.set_faults(&FaultPlan::new(1).rule(short)).unwrap();
    let (summary, _) = films.night().await;
    films.world.emulator.set_faults(&FaultPlan::default()).unwrap();
    assert_eq!((summary.outcome, summary.withdrawn), (Outcome::Partial, 0), "{:?}", summary.problems);
    assert_eq!(summary.causes.get(&Cause::ListingIncomplete), Some(&3));
    films.are_settled().await;
}

/// Row 3: an interrupted or narrowed run withdraws nothing outside its scope.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_withdraws_only_what_is_in_its_scope() {
    let films = Films::mirrored().await;
    films.source().remove_locator(&service_id(films.locator(0))).await.unwrap();
    let gone = look(&films.world, SOURCE, "film1").id;
    films.source().delete_asset(&gone).await.unwrap();
    let (summary, _) = night(&films.world, only("film5")).await;
    assert_eq!((summary.outcome, summary.withdrawn, summary.assets.gone), (Outcome::Complete, 0, 0));
    let (summary, _) = night(&films.world, only("film[12]")).await;
    assert_eq!((summary.withdrawn, summary.assets.gone), (1, 1), "its copy still has the name");
    films.good_night().await;
    films.are_settled().await;
}

/// A removal that the service acknowledges and does not perform.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_withdrawal_without_effect_is_repeated_and_is_reported_if_it_never_takes_effect() {
    for (times, outcome) in [(1, Outcome::Complete), (9, Outcome::Partial)] {
        let films = Films::mirrored().await;
        films.source().remove_locator(&service_id(films.locator(0))).await.unwrap();
        let pretend = Rule::new(Fault::Pretend(Pretence::Nothing)).account("mediaeast").times(times);
        let plan = FaultPlan::new(1).rule(pretend.operation("{Batch,DeleteLocator}"));
        films.world.emulator.set_faults(&plan).unwrap();
        let (summary, _) = films.night().await;
        assert_eq!(summary.outcome, outcome, "{:?}", summary.problems);
        let named = summary.causes.contains_key(&Cause::NotThereWhenReadBack);
        let plays = playing(&films.world, TARGET).await.contains_key(films.locator(0).as_str());
        assert_eq!((named, plays), (times > 1, times > 1));
        films.world.emulator.set_faults(&FaultPlan::default()).unwrap();
        films.good_night().await;
        films.are_settled().await;
    }
}

/// The service allows five locators per asset.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_beyond_the_limit_of_the_copy_is_reported_by_dry_run_and_run_until_one_is_free() {
    let films = Films::mirrored().await;
    let copy = look(&films.world, TARGET, "film0").id;
    let theirs: Vec<String> = (0..4).map(|_| films.target().add_locator(&copy, &in_hours(100)).unwrap()).collect();
    let source = look(&films.world, SOURCE, "film0").id;
    films.source().add_locator(&source, &in_hours(100)).unwrap();
    for dry_run in [true, false, true] {
        let (summary, monitor) = night(&films.world, Options { dry_run, ..Options::default() }).await;
        assert_eq!(summary.verdict, Outcome::Partial, "dry run {dry_run}: {:?}", summary.problems);
        assert_eq!(monitor.outcome_of("film0").unwrap().cause(), Some(Cause::NoLocatorRoom));
        assert_eq!(monitor.changes_of("film0"), []);
    }
    films.target().remove_locator(&theirs[0]).await.unwrap();
    films.good_night().await;
    let there = playing(&films.world, TARGET).await;
    assert!(playing(&films.world, SOURCE).await.keys().all(|guid| there.contains_key(guid)), "{there:?}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_that_moves_away_frees_a_place_for_another_one_in_the_next_run() {
    let films = Films::new().await;
    let [source, other] = ["film0", "film1"].map(|name| look(&films.world, SOURCE, name).id);
    for _ in 0..4 {
        films.source().add_locator(&source, &in_hours(100)).unwrap();
    }
    films.good_night().await;
    films.source().move_locator(&service_id(films.locator(0)), &other).await.unwrap();
    films.source().add_locator(&source, &in_hours(100)).unwrap();
    for dry_run in [true, false] {
        let (summary, monitor) = night(&films.world, Options { dry_run, ..Options::default() }).await;
        assert_eq!(summary.verdict, Outcome::Partial, "dry run {dry_run}: {:?}", summary.problems);
        assert_eq!(monitor.outcome_of("film0").unwrap().cause(), Some(Cause::NoLocatorRoom));
    }
    films.good_night().await;
    films.are_settled().await;
}
