//! The history of runs in the ledger: its events are those that the run reported.

use std::time::Duration;

use mediamirror::engine::{Options, Outcome};
use mediamirror::ledger::Event;
use mediamirror::monitor::{RunEvent, TestMonitor};
use serde_json::json;

use crate::world::World;

/// Asset and code of each event, in order.
fn codes(events: Vec<Event>) -> Vec<(Option<String>, String)> {
    let mut codes: Vec<_> =
        events.into_iter().map(|event| (event.asset.map(|asset| asset.to_string()), event.code)).collect();
    codes.sort();
    codes
}

/// Asset and code of each change and finding that the monitor got, in order.
fn reported(monitor: &TestMonitor) -> Vec<(Option<String>, String)> {
    let mut codes = Vec::new();
    for event in monitor.events() {
        match event {
            RunEvent::Changed { asset, changes, .. } => codes.extend(changes.iter().map(|change| {
                let kind = json!(change)["change"].as_str().unwrap().to_owned();
                (Some(asset.to_string()), kind)
            })),
            RunEvent::AssetFinished { asset, outcome, .. } => {
                codes.extend(outcome.cause().map(|cause| (Some(asset.to_string()), cause.code().to_owned())));
            }
            _ => {}
        }
    }
    codes.sort();
    codes
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_ledger_has_the_counts_of_a_run_and_an_event_for_each_change_and_each_problem() {
    let world = World::generated("assets=14,blobs=4,seed=8,awkward=true,real=false").await;
    let (summary, monitor) = world.sync().await;
    assert!(summary.assets.mirrored > 0 && !summary.problems.is_empty(), "{summary:?}");
    let runs = world.ledger.runs(10).await.unwrap();
    let [run] = runs.as_slice() else { panic!("one run: {runs:?}") };
    let end = run.ended.clone().expect("it ended");
    assert_eq!((&run.id, end.outcome), (&summary.run, summary.outcome));
    let mut expected = json!(summary);
    expected.as_object_mut().unwrap().remove("problems");
    assert_eq!(end.summary, Some(expected), "it has the summary without its list of assets");

    let events = codes(world.ledger.events_of(&summary.run).await.unwrap());
    assert_eq!(events, reported(&monitor));
    for problem in &summary.problems {
        let event = (Some(problem.asset.to_string()), problem.finding.cause.code().to_owned());
        assert!(events.contains(&event), "{event:?}");
    }
    let problems = events.iter().filter(|(_, code)| mediamirror::verdict::Cause::of_code(code).is_some());
    assert_eq!(problems.count(), summary.problems.len());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_night_without_changes_adds_a_run_without_events_and_a_dry_run_adds_nothing() {
    let world = World::generated("assets=5,blobs=4,seed=1,sizes=small,awkward=false,real=false").await;
    let (first, _) = world.sync().await;
    assert!(!world.ledger.events_of(&first.run).await.unwrap().is_empty());
    tokio::time::sleep(Duration::from_hours(24)).await;
    let (quiet, _) = world.sync().await;
    assert_eq!(quiet.assets.unchanged, 5);
    assert_eq!(world.ledger.events_of(&quiet.run).await.unwrap(), []);
    assert_eq!(world.ledger.runs(10).await.unwrap().len(), 2);

    world.seed("new", &["new.ism", "new.mp4"]).await;
    tokio::time::sleep(Duration::from_hours(24)).await;
    let (dry, _) = world.sync_with(Options { dry_run: true, ..Options::default() }).await;
    assert_eq!(dry.assets.mirrored, 1);
    assert_eq!(world.ledger.runs(10).await.unwrap().len(), 2);
    let (last, _) = world.sync().await;
    let kinds: Vec<String> =
        codes(world.ledger.events_of(&last.run).await.unwrap()).into_iter().map(|(_, code)| code).collect();
    assert_eq!(kinds, ["new"]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_that_ends_with_an_error_is_recorded_as_failed() {
    let world = World::generated("assets=2,blobs=1,seed=1,sizes=small,awkward=false,real=false").await;
    let nothing = globset::GlobSet::builder().add(globset::Glob::new("no such asset").unwrap()).build().unwrap();
    let options = Options { include: Some(nothing), ..Options::default() };
    world.try_sync(options, &std::sync::Arc::new(TestMonitor::default())).await.unwrap_err();
    let runs = world.ledger.runs(10).await.unwrap();
    let end = runs[0].ended.as_ref().expect("it ended");
    assert_eq!((end.outcome, &end.summary), (Outcome::Failed, &None));
    assert!(end.error.as_ref().is_some_and(|error| error.contains("no asset of the source matches")), "{end:?}");
}
