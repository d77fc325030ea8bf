//! Plans: the run that applies a plan does what the dry run planned, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use mediamirror::clock;
use mediamirror::config::policy::Allow;
use mediamirror::emulator::{Headers, NewLocator};
use mediamirror::engine::{Options, Outcome, Summary};
use mediamirror::error::Error;
use mediamirror::model::AssetId;
use mediamirror::monitor::{AssetOutcome, RunEvent, TestMonitor};
use mediamirror::plan::{Action, Item, Kind, PlanError, Planned};
use mediamirror::verdict::{Cause, Change};

use super::locators::in_hours;
use super::{
    EAST, Films, SOURCE, TARGET, WEST, assert_plays_alike, die_after, look, night, playing, service_id, writes,
};
use crate::world::{World, put};

/// The items that a dry run plans.
async fn items(world: &World) -> Vec<Item> {
    planned(world, Options { dry_run: true, ..Options::default() }).await
}

async fn planned(world: &World, dry: Options) -> Vec<Item> {
    let (summary, monitor) = world.sync_with(dry).await;
    assert_eq!(summary.outcome, Outcome::DryRun);
    let item = |event| if let RunEvent::Planned(item) = event { Some(*item) } else { None };
    monitor.events().into_iter().filter_map(item).collect()
}

async fn plan(world: &World) -> Arc<Planned> {
    let id = format!("plan at {}", clock::now());
    Arc::new(Planned::new(&id, clock::now(), Kind::Sync, items(world).await))
}

fn applying(plan: &Arc<Planned>) -> Options {
    Options { plan: Some(Arc::clone(plan)), ..Options::default() }
}

/// Applies the plan an hour later.
async fn apply(world: &World, plan: &Arc<Planned>) -> (Summary, Arc<TestMonitor>) {
    night(world, applying(plan)).await
}

fn cause_of(monitor: &TestMonitor, name: &str) -> Option<Cause> {
    monitor.outcome_of(name).and_then(|outcome| outcome.cause())
}

/// The changes by asset; the time in which a locator was unavailable is not known in advance.
fn changes(monitor: &TestMonitor) -> Vec<(AssetId, Change)> {
    let mut all = Vec::new();
    for event in monitor.events() {
        let RunEvent::Changed { asset, changes, .. } = event else { continue };
        for change in changes {
            let change = match change {
                Change::LocatorMoved { id, .. } => Change::LocatorMoved { id, dead_milliseconds: 0 },
                other => other,
            };
            all.push((asset.clone(), change));
        }
    }
    all.sort_by_key(|(asset, change)| (asset.clone(), change.to_string()));
    all
}

/// Edits of every kind, each on a different film.
async fn edit(films: &Films) {
    let (emulator, pair) = (&films.world.emulator, films.world.pair());
    put(&pair.source.storage[0], &films.films[0].asset, "film0.mp4", vec![b'y'; 2048]).await;
    let (from, name) = films.blob(SOURCE, 1, "mp4");
    assert!(emulator.set_tags(WEST, &from, &name, &[("rating", "12")]));
    let headers = Headers { content_type: Some("video/x-new".to_owned()), ..Headers::default() };
    let (from, name) = films.blob(SOURCE, 2, "mp4");
    assert!(emulator.set_headers(WEST, &from, &name, &headers));
    films.source().remove_locator(&service_id(films.locator(3))).await.unwrap();
    films.source().add_locator(&look(&films.world, SOURCE, "film4").id, &in_hours(48)).unwrap();
    films.source().delete_asset(&look(&films.world, SOURCE, "film5").id).await.unwrap();
    films.world.seed("film6", &["film6.ism", "film6.mp4"]).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_plan_is_applied_exactly_and_a_second_plan_is_empty() {
    let films = Films::mirrored().await;
    edit(&films).await;
    let (_, dry) = night(&films.world, Options { dry_run: true, ..Options::default() }).await;
    let items = items(&films.world).await;
    assert_eq!(items.iter().filter(|item| item.action == Action::Withdraw).count(), 2, "{items:?}");
    assert_eq!(items.iter().filter(|item| item.action == Action::Retire).count(), 1, "{items:?}");
    let of = |name: &str| items.iter().find(|item| item.name == name && item.action == Action::Mirror).unwrap();
    assert_eq!((of("film0").copied, of("film0").overwritten, of("film0").bytes), (1, 1, 2048));
    assert_eq!((of("film6").copied, of("film6").overwritten, of("film6").bytes), (2, 0, 2048));
    let before = writes(&films.world);
    let plan = plan(&films.world).await;
    assert_eq!(writes(&films.world), before, "a plan writes nothing");
    let (summary, monitor) = apply(&films.world, &plan).await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_eq!(changes(&monitor), changes(&dry), "what was planned was done");
    let counts = summary.plan.unwrap();
    assert_eq!((counts.applied, counts.stale, counts.not_planned), (items.len() as u64, 0, 0));
    assert_eq!(self::items(&films.world).await, []);
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_first_mirror_can_be_planned_and_applied() {
    let films = Films::new().await;
    let plan = plan(&films.world).await;
    let (summary, _) = apply(&films.world, &plan).await;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 6), "{:?}", summary.problems);
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_that_changes_after_the_plan_is_refused_by_name_and_the_others_are_mirrored() {
    let films = Films::new().await;
    let plan = plan(&films.world).await;
    let pair = films.world.pair();
    put(&pair.source.storage[0], &films.films[0].asset, "film0.mp4", vec![b'y'; 1024]).await;
    films.source().add_locator(&look(&films.world, SOURCE, "film1").id, &in_hours(48)).unwrap();
    let (from, name) = films.blob(SOURCE, 2, "mp4");
    assert!(films.world.emulator.set_tags(WEST, &from, &name, &[("rating", "12")]));
    let (summary, monitor) = apply(&films.world, &plan).await;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Partial, 3), "{:?}", summary.problems);
    for name in ["film0", "film1", "film2"] {
        assert_eq!(cause_of(&monitor, name), Some(Cause::PlanStale), "{name}");
        let there = films.target().assets().into_iter().any(|asset| asset.name.as_deref() == Some(name));
        assert!(!there, "{name} was made");
    }
    assert_eq!(summary.plan.map(|counts| (counts.applied, counts.stale)), Some((3, 3)));
    films.good_night().await;
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn changes_that_are_not_in_the_plan_are_not_made_and_are_reported_and_owed() {
    let films = Films::mirrored().await;
    let empty = plan(&films.world).await;
    films.world.seed("film6", &["film6.ism", "film6.mp4"]).await;
    put(&films.world.pair().source.storage[0], &films.films[0].asset, "film0.mp4", vec![b'y'; 1024]).await;
    let before = writes(&films.world);
    let (summary, monitor) = apply(&films.world, &empty).await;
    assert_eq!((summary.outcome, summary.assets.failed), (Outcome::Partial, 2), "{:?}", summary.problems);
    for name in ["film0", "film6"] {
        assert_eq!(cause_of(&monitor, name), Some(Cause::NotInPlan), "{name}");
    }
    assert_eq!(summary.plan.map(|counts| (counts.items, counts.not_planned)), Some((0, 2)));
    assert_eq!(writes(&films.world), before);
    assert_eq!(films.good_night().await.0.assets.mirrored, 2);
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn only_planned_locators_are_withdrawn_and_one_that_still_plays_is_owed() {
    let films = Films::mirrored().await;
    films.source().remove_locator(&service_id(films.locator(0))).await.unwrap();
    let plan = plan(&films.world).await;
    films.source().remove_locator(&service_id(films.locator(1))).await.unwrap();
    let (summary, monitor) = apply(&films.world, &plan).await;
    assert_eq!((summary.outcome, summary.withdrawn), (Outcome::Partial, 1), "{:?}", summary.problems);
    assert_eq!(cause_of(&monitor, "film1"), Some(Cause::NotInPlan));
    let playing = playing(&films.world, TARGET).await;
    assert!(!playing.contains_key(films.locator(0).as_str()) && playing.contains_key(films.locator(1).as_str()));
    films.good_night().await;
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_planned_withdrawal_still_needs_an_answer_by_key() {
    let films = Films::mirrored().await;
    films.source().remove_locator(&service_id(films.locator(0))).await.unwrap();
    let plan = plan(&films.world).await;
    let again = NewLocator { guid: Some(films.locator(0).to_string()), ..in_hours(48) };
    films.source().add_locator(&look(&films.world, SOURCE, "film0").id, &again).unwrap();
    let (summary, monitor) = apply(&films.world, &plan).await;
    assert_eq!(summary.withdrawn, 0);
    assert_eq!(cause_of(&monitor, "film0"), Some(Cause::NotInPlan), "its new end was not planned");
    films.good_night().await;
    assert_plays_alike(&films.world).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_plan_is_applied_once() {
    let films = Films::new().await;
    let plan = plan(&films.world).await;
    apply(&films.world, &plan).await;
    let monitor = Arc::new(TestMonitor::default());
    let refused = films.world.try_sync(applying(&plan), &monitor).await.unwrap_err();
    assert!(matches!(&refused, Error::Plan(PlanError::Used { id, .. }) if *id == plan.id), "{refused}");
    assert!(monitor.events().iter().all(|event| !matches!(event, RunEvent::AssetFinished { .. })));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn after_a_run_in_between_only_the_remaining_items_of_a_plan_are_applied() {
    let films = Films::new().await;
    let plan = plan(&films.world).await;
    films.world.sync_with(super::only("film0")).await;
    let (summary, monitor) = apply(&films.world, &plan).await;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 5), "{:?}", summary.problems);
    assert_eq!(monitor.outcome_of("film0"), Some(AssetOutcome::Unchanged));
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_plan_and_its_application_cost_a_dry_run_and_a_run_and_one_write_of_the_state() {
    let films = Films::mirrored().await;
    // The lease is renewed during the whole run, and virtual time jumps.
    let sent = || {
        let rows = films.world.emulator.stats().requests;
        rows.iter().filter(|row| row.operation != "LeaseBlob").map(|row| row.count).sum::<u64>()
    };
    films.good_night().await;
    films.world.emulator.reset_stats();
    films.good_night().await;
    let quiet = sent();
    let plan = plan(&films.world).await;
    films.world.emulator.reset_stats();
    apply(&films.world, &plan).await;
    assert_eq!(sent(), quiet + 1);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_guard_holds_the_same_changes_with_and_without_a_plan() {
    let films = Films::mirrored().await;
    for film in 0..4 {
        films.source().remove_locator(&service_id(films.locator(film))).await.unwrap();
    }
    let plan = plan(&films.world).await;
    assert_eq!(plan.counts().items, 0, "what is held is no item");
    let (summary, _) = apply(&films.world, &plan).await;
    assert_eq!((summary.outcome, summary.withdrawn, summary.held), (Outcome::Held, 0, 4));
    let allow = Allow { withdraw: Some(summary.run), ..Allow::default() };
    let dry = Options { dry_run: true, allow: allow.clone(), ..Options::default() };
    let plan = Arc::new(Planned::new("allowed", clock::now(), Kind::Sync, planned(&films.world, dry).await));
    let (summary, _) = night(&films.world, Options { allow, ..applying(&plan) }).await;
    assert_eq!((summary.outcome, summary.withdrawn), (Outcome::Complete, 4), "{:?}", summary.problems);
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_that_moves_and_a_copy_that_lost_its_container_are_planned_and_applied() {
    let films = Films::mirrored().await;
    let to = look(&films.world, SOURCE, "film1").id;
    films.source().move_locator(&service_id(films.locator(0)), &to).await.unwrap();
    assert!(films.world.emulator.delete_container(EAST, &look(&films.world, TARGET, "film2").container));
    let items = items(&films.world).await;
    let moves = |item: &Item| item.changes.iter().any(|change| matches!(change, Change::LocatorMoved { .. }));
    assert!(items.iter().any(|item| item.name == "film1" && moves(item)), "{items:?}");
    let plan = Arc::new(Planned::new("moves", clock::now(), Kind::Sync, items));
    let (summary, _) = apply(&films.world, &plan).await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_eq!(summary.plan.map(|counts| (counts.stale, counts.not_planned)), Some((0, 0)));
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_next_run_resumes_an_interrupted_application() {
    let mut films = Films::new().await;
    let plan = plan(&films.world).await;
    die_after(&mut films.world, applying(&plan), "AccessPolic").await;
    tokio::time::sleep(Duration::from_mins(3)).await;
    let refused = films.world.try_sync(applying(&plan), &Arc::new(TestMonitor::default())).await.unwrap_err();
    assert!(matches!(refused, Error::Plan(PlanError::Used { .. })), "{refused}");
    films.good_night().await;
    films.are_settled().await;
}
