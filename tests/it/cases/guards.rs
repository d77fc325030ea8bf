//! How much may change in one night before a person decides, accepted causes, and a missing state. Row 11.

use std::sync::Arc;

use globset::{Glob, GlobSetBuilder};
use mediamirror::config::policy::{Accept, Allow, GuardLimits, Policy, Share};
use mediamirror::emulator::FaultPlan;
use mediamirror::engine::verify::verify;
use mediamirror::engine::{Guard, Options, Outcome, Summary};
use mediamirror::ledger::Ledger;
use mediamirror::monitor::TestMonitor;
use mediamirror::verdict::Cause;

use super::{EAST, Films, SOURCE, TARGET, WEST, die_after, look, night, only, playing, service_id};
use crate::world::{accepting, put};

/// Removes the locators of that film and of all later ones.
async fn unpublish(films: &Films, from: usize) {
    for film in from..films.films.len() {
        films.source().remove_locator(&service_id(films.locator(film))).await.unwrap();
    }
}

fn held(summary: &Summary) -> u64 {
    summary.causes.get(&Cause::HeldByGuard).copied().unwrap_or_default()
}

fn allowing(allow: Allow) -> Options {
    Options { allow, ..Options::default() }
}

/// Row 11.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_filter_that_matches_nothing_is_an_error_in_every_command() {
    let films = Films::mirrored().await;
    let options = only("no such film");
    let monitor = Arc::new(TestMonitor::default());
    let error = films.world.try_sync(options.clone(), &monitor).await.unwrap_err();
    assert!(error.to_string().contains("no asset of the source matches"), "{error}");
    let verified = verify(&films.world.pair(), &films.world.ledger, &options, monitor.as_ref()).await;
    assert!(verified.unwrap_err().to_string().contains("no asset of the source matches"));
    let dry = Options { dry_run: true, ..options };
    assert!(films.world.try_sync(dry, &monitor).await.is_err());
    films.are_settled().await;
}

/// Row 11.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_empty_source_withdraws_nothing_until_that_is_allowed() {
    let films = Films::mirrored().await;
    for film in 0..6 {
        let asset = look(&films.world, SOURCE, &format!("film{film}")).id;
        films.source().delete_asset(&asset).await.unwrap();
    }
    let (dry, _) = night(&films.world, Options { dry_run: true, ..Options::default() }).await;
    assert_eq!((dry.outcome, dry.verdict, held(&dry)), (Outcome::DryRun, Outcome::Held, 6));
    let (summary, _) = films.night().await;
    assert_eq!((summary.outcome, held(&summary), summary.withdrawn), (Outcome::Held, 6, 0));
    assert_eq!(playing(&films.world, TARGET).await.len(), 6, "everything plays on");
    let run = Some(summary.run);
    let (summary, _) = night(&films.world, allowing(Allow { shrink: run.clone(), ..Allow::default() })).await;
    // The shrunken source is allowed; another guard holds that six of six stop playing.
    assert_eq!((summary.outcome, held(&summary)), (Outcome::Held, 6), "{:?}", summary.problems);
    let allow = Allow { withdraw: Some(summary.run), ..Allow::default() };
    let (summary, _) = night(&films.world, allowing(allow)).await;
    assert_eq!(summary.withdrawn, 6, "{:?}", summary.problems);
    assert!(playing(&films.world, TARGET).await.is_empty());
}

/// Row 11.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_target_stays_published_if_half_of_the_source_containers_are_gone() {
    let films = Films::mirrored().await;
    for film in 0..3 {
        assert!(
            films.world.emulator.delete_container(WEST, &look(&films.world, SOURCE, &format!("film{film}")).container)
        );
    }
    // Another container exists and is empty.
    let emptied = look(&films.world, SOURCE, "film3").container;
    for blob in ["film3.ism", "film3.mp4"] {
        assert!(films.world.emulator.delete_blob(WEST, &emptied, blob));
    }
    for _ in 0..2 {
        let (summary, _) = films.night().await;
        assert_eq!(summary.outcome, Outcome::Partial);
        assert_eq!(summary.causes.get(&Cause::SourceLost), Some(&4), "{:?}", summary.problems);
        assert_eq!(summary.withdrawn, 0);
        assert_eq!(playing(&films.world, TARGET).await.len(), 6, "the copies play on");
        assert_eq!(films.world.verify().await.causes.get(&Cause::SourceLost), Some(&4));
    }
    for film in 0..4 {
        let container = look(&films.world, TARGET, &format!("film{film}")).container;
        assert!(films.world.emulator.describe(EAST, &container, &format!("film{film}.mp4")).is_some());
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn withdrawals_beyond_the_guard_are_held_and_reported_and_can_be_allowed_once_by_run_id() {
    let films = Films::mirrored().await;
    unpublish(&films, 2).await;
    let (summary, _) = films.night().await;
    assert_eq!((summary.outcome, summary.withdrawn, held(&summary)), (Outcome::Held, 0, 4));
    let names: Vec<&str> = summary.problems.iter().map(|problem| problem.name.as_str()).collect();
    assert_eq!(names, ["film2", "film3", "film4", "film5"], "each is named");
    let run = Some(summary.run.clone());
    // The fifth one is later: it was not on the allowed list.
    films.source().remove_locator(&service_id(films.locator(1))).await.unwrap();
    let allow = Allow { withdraw: run.clone(), ..Allow::default() };
    // A run over a part of the library does not change the list of held assets.
    night(&films.world, only("film0")).await;
    let (summary, _) = night(&films.world, allowing(allow.clone())).await;
    assert_eq!(summary.withdrawn, 5, "one more is within the guard: {:?}", summary.problems);
    // Only once.
    let again = films.world.try_sync(allowing(allow), &Arc::new(TestMonitor::default())).await;
    assert!(again.unwrap_err().to_string().contains("neither it nor any other run has held changes"));
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_that_plays_nothing_is_retired_while_withdrawals_of_others_are_held() {
    let films = Films::mirrored().await;
    unpublish(&films, 5).await;
    films.good_night().await;
    films.source().delete_asset(&look(&films.world, SOURCE, "film5").id).await.unwrap();
    for film in 1..5 {
        films.source().remove_locator(&service_id(films.locator(film))).await.unwrap();
    }
    let (summary, _) = films.night().await;
    assert_eq!((summary.outcome, held(&summary), summary.withdrawn), (Outcome::Held, 4, 0), "{:?}", summary.problems);
    assert_eq!((summary.held_by.as_slice(), summary.assets.gone), ([Guard::Withdraw].as_slice(), 1));
}

/// Both guards hold changes of the same night.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn changes_that_two_guards_hold_are_made_in_the_run_that_allows_both() {
    let films = Films::mirrored().await;
    for film in 0..4 {
        films.source().delete_asset(&look(&films.world, SOURCE, &format!("film{film}")).id).await.unwrap();
    }
    unpublish(&films, 5).await;
    let (first, _) = films.night().await;
    assert_eq!((first.outcome, held(&first), first.withdrawn), (Outcome::Held, 5, 0));
    assert_eq!(first.held_by, [Guard::Withdraw, Guard::Shrink]);
    let allow = Allow { withdraw: Some(first.run.clone()), shrink: Some(first.run), ..Allow::default() };
    let (second, _) = night(&films.world, allowing(allow)).await;
    assert_eq!((second.outcome, second.withdrawn, second.assets.gone), (Outcome::Complete, 5, 4), "{second:?}");
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_source_that_lost_more_than_the_allowed_list_is_held_again() {
    let films = Films::of(20).await;
    films.good_night().await;
    let delete = async |film: usize| {
        films.source().delete_asset(&look(&films.world, SOURCE, &format!("film{film}")).id).await.unwrap();
    };
    for film in 0..5 {
        delete(film).await;
    }
    let (first, _) = films.night().await;
    assert_eq!((first.outcome, &first.held_by[..], held(&first)), (Outcome::Held, &[Guard::Shrink][..], 5));
    // The first five are restored, and five others are deleted: as many, but not the allowed ones.
    for film in 5..10 {
        delete(film).await;
    }
    let allow = Allow { shrink: Some(first.run), ..Allow::default() };
    let (second, _) = night(&films.world, allowing(allow)).await;
    assert_eq!((second.outcome, second.withdrawn, held(&second)), (Outcome::Held, 5, 5), "{:?}", second.problems);
    assert_eq!(playing(&films.world, TARGET).await.len(), 15, "the list is done, the rest is held");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn withdrawals_of_an_interrupted_run_count_for_the_guard() {
    let mut films = Films::of(10).await;
    films.good_night().await;
    unpublish(&films, 7).await;
    die_after(&mut films.world, Options::default(), "DELETE ").await;
    assert_eq!(playing(&films.world, TARGET).await.len(), 7, "it was interrupted after it withdrew them");
    for film in 4..7 {
        films.source().remove_locator(&service_id(films.locator(film))).await.unwrap();
    }
    let (summary, _) = films.night().await;
    assert_eq!((summary.outcome, summary.withdrawn, held(&summary)), (Outcome::Held, 0, 3), "{:?}", summary.problems);
}

/// The film stops, and its locator still plays.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_protected_asset_whose_locator_moved_to_one_that_plays_does_not_count_for_the_guard() {
    let films = Films::mirrored().await;
    for film in 0..4 {
        let (asset, heir) = (format!("film{film}"), look(&films.world, SOURCE, &format!("film{}", 4 + film % 2)).id);
        films.source().link_content_key(&look(&films.world, SOURCE, &asset).id, 0).unwrap();
        films.source().move_locator(&service_id(films.locator(film)), &heir).await.unwrap();
    }
    let (summary, _) = films.night().await;
    assert_eq!((summary.outcome, summary.held), (Outcome::Complete, 0), "{:?}", summary.problems);
    assert_eq!(playing(&films.world, TARGET).await.len(), 6, "every locator plays");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_change_that_was_not_on_the_held_list_is_held_by_the_guard_again() {
    let films = Films::of(12).await;
    films.good_night().await;
    unpublish(&films, 5).await;
    let (first, _) = films.night().await;
    assert_eq!((first.outcome, held(&first)), (Outcome::Held, 7));
    unpublish(&films, 12).await;
    for film in 0..5 {
        films.source().remove_locator(&service_id(films.locator(film))).await.unwrap();
    }
    let limits = GuardLimits { max_withdraw: Some(Share::Count(4)), ..GuardLimits::default() };
    let policy = Policy { guards: limits, ..Policy::default() };
    let allow = Allow { withdraw: Some(first.run), ..Allow::default() };
    let (second, _) = night(&films.world, Options { policy, allow, ..Options::default() }).await;
    assert_eq!((second.outcome, second.withdrawn, held(&second)), (Outcome::Held, 7, 5));
    assert_eq!(playing(&films.world, TARGET).await.len(), 5);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn withdrawals_of_seven_days_add_up_and_rotated_locators_do_not_count() {
    let films = Films::of(10).await;
    films.good_night().await;
    for film in 0..10 {
        films.source().remove_locator(&service_id(films.locator(film))).await.unwrap();
        let asset = look(&films.world, SOURCE, &format!("film{film}")).id;
        films.source().add_locator(&asset, &super::locators::in_hours(24 * 60)).unwrap();
    }
    let (summary, _) = films.good_night().await;
    assert_eq!(summary.withdrawn, 10, "each is replaced, none stops playing");
    let unpublish = async |film: usize| {
        let locator = look(&films.world, SOURCE, &format!("film{film}")).locators.remove(0).id;
        films.source().remove_locator(&locator).await.unwrap();
    };
    // Half of ten, in two nights.
    for film in [0, 1, 2] {
        unpublish(film).await;
    }
    films.good_night().await;
    for film in [3, 4, 5] {
        unpublish(film).await;
    }
    let (summary, _) = films.night().await;
    assert_eq!((summary.outcome, held(&summary)), (Outcome::Held, 3), "six within two days are too many");
    tokio::time::sleep(std::time::Duration::from_hours(7 * 24)).await;
    let (summary, _) = films.good_night().await;
    assert_eq!(summary.withdrawn, 3, "a week later the first three do not count any more");
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn new_assets_are_mirrored_while_a_guard_holds_withdrawals() {
    let films = Films::mirrored().await;
    unpublish(&films, 0).await;
    films.world.seed("premiere", &["premiere.ism", "premiere.mp4"]).await;
    let (summary, _) = films.night().await;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Held, 1));
    assert_eq!(playing(&films.world, TARGET).await.len(), 7);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn overwriting_beyond_the_guard_is_held_and_can_be_allowed_once() {
    let films = Films::mirrored().await;
    let storage = &films.world.pair().source.storage[0];
    for film in 0..4 {
        put(storage, &films.films[film].asset, &format!("film{film}.mp4"), vec![b'n'; 1024]).await;
    }
    let limits = GuardLimits { max_overwrite: Some(Share::Count(3)), ..GuardLimits::default() };
    let policy = Policy { guards: limits, ..Policy::default() };
    let (summary, _) = night(&films.world, Options { policy: policy.clone(), ..Options::default() }).await;
    assert_eq!((summary.outcome, held(&summary), summary.blobs.copied), (Outcome::Held, 4, 0));
    assert_eq!(films.world.torn_blobs().await.len(), 4);
    let allow = Allow { overwrite: Some(summary.run), ..Allow::default() };
    let (summary, _) = night(&films.world, Options { policy, allow, ..Options::default() }).await;
    assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 4), "{:?}", summary.problems);
    films.are_settled().await;
}

/// A source that was restored to an earlier state.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_source_blob_older_than_its_copy_holds_only_its_asset() {
    let films = Films::mirrored().await;
    let emulator = &films.world.emulator;
    emulator.set_faults(&FaultPlan::new(1).clock_skew(-7_200)).unwrap();
    let (container, blob) = films.blob(SOURCE, 0, "mp4");
    assert!(emulator.put_blob(WEST, &container, &blob, vec![b'o'; 500], None));
    emulator.set_faults(&FaultPlan::default()).unwrap();
    put(&films.world.pair().source.storage[0], &films.films[1].asset, "film1.mp4", vec![b'n'; 1024]).await;
    let (summary, monitor) = films.night().await;
    assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Held, 1), "{:?}", summary.problems);
    assert_eq!(monitor.outcome_of("film0").unwrap().cause(), Some(Cause::SourceOlder));
    let (to, blob) = films.blob(TARGET, 0, "mp4");
    assert_eq!(emulator.describe(EAST, &to, &blob).unwrap().length, 1024, "it is left whole");
    let allow = Allow { overwrite: Some(summary.run), ..Allow::default() };
    let (summary, _) = night(&films.world, allowing(allow)).await;
    assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 1), "{:?}", summary.problems);
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_accepted_cause_changes_only_the_exit_code_and_only_within_its_scope() {
    let films = Films::new().await;
    for film in [0, 1] {
        let asset = look(&films.world, SOURCE, &format!("film{film}")).id;
        films.source().link_content_key(&asset, 0).unwrap();
    }
    let named = |glob: &str, most| {
        let names = GlobSetBuilder::new().add(Glob::new(glob).unwrap()).build().unwrap();
        let accept = vec![Accept { cause: Cause::Protected, names: Some(names), most }];
        Options { policy: Policy { accept, ..Policy::default() }, ..Options::default() }
    };
    let all = Options { policy: accepting(&[Cause::Protected]), ..Options::default() };
    let other = Options { policy: accepting(&[Cause::SourceEmpty]), ..Options::default() };
    for (options, outcome, owed) in [
        (all, Outcome::Complete, 0),
        (named("film*", None), Outcome::Complete, 0),
        (named("film*", Some(2)), Outcome::Complete, 0),
        (named("film*", Some(1)), Outcome::Partial, 1),
        (named("film0", None), Outcome::Partial, 1),
        (other, Outcome::Partial, 2),
    ] {
        let dry = Options { dry_run: true, ..options.clone() };
        assert_eq!(night(&films.world, dry).await.0.verdict, outcome, "{:?}", options.policy);
        let (summary, _) = night(&films.world, options.clone()).await;
        assert_eq!(summary.outcome, outcome, "{:?}", options.policy);
        assert_eq!(summary.problems.iter().filter(|problem| problem.owed).count(), owed, "{:?}", options.policy);
        assert_eq!(summary.causes.get(&Cause::Protected), Some(&2), "it is counted and named all the same");
        let verification = films.verify_with(&options).await;
        assert_eq!(verification.owes(), owed > 0, "{:?}", options.policy);
        assert_eq!(playing(&films.world, TARGET).await.len(), 4, "nothing else is published");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_missing_state_of_the_pair_prevents_writes_until_the_ledger_is_rebuilt() {
    let mut films = Films::mirrored().await;
    unpublish(&films, 5).await;
    assert!(films.world.emulator.delete_container(EAST, "mediamirror-state"));
    let (summary, monitor) = films.night().await;
    let causes: Vec<Cause> = summary.findings.iter().map(|finding| finding.cause).collect();
    assert_eq!((summary.outcome, &causes[..]), (Outcome::Held, &[Cause::StateMissing][..]), "{:?}", monitor.events());
    assert_eq!((summary.withdrawn, summary.assets.total), (0, 0));
    assert_eq!(playing(&films.world, TARGET).await.len(), 6);
    let verification = films.world.verify().await;
    assert!(verification.owes(), "verify does not call this equal");
    films.world.ledger = Ledger::in_memory().unwrap();
    let (summary, _) = night(&films.world, Options { rebuild: true, ..Options::default() }).await;
    assert_eq!((summary.outcome, summary.withdrawn), (Outcome::Complete, 1), "{:?}", summary.problems);
    assert_eq!(films.target().assets().len(), 6, "nothing is made twice");
    films.are_settled().await;
}
