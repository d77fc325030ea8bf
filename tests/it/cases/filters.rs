//! Filters of dynamic packaging, of assets and of accounts. Row 26.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use mediamirror::emulator::FaultPlan;
use mediamirror::emulator::faults::plan::{Fault, Mangle, Pretence, Refuse, Rule};
use mediamirror::engine::{Options, Outcome};
use mediamirror::monitor::RunEvent;
use mediamirror::plan::{Action, Item, Kind, Planned};
use mediamirror::verdict::{Cause, Change};
use serde_json::{Value, json};

use super::{Films, SOURCE, TARGET, die_after, look, night};
use crate::api_version::speak;
use crate::world::accepting;

/// The rules of a filter that trims the start.
fn trimmed(seconds: u64) -> Value {
    json!({ "PresentationTimeRange": { "StartTimestamp": (seconds * 10_000_000).to_string() } })
}

/// The rules of a filter that selects only audio.
fn audio() -> Value {
    json!({ "Tracks": [{ "PropertyConditions": [{ "Property": "Type", "Value": "audio", "Operator": "Equal" }] }] })
}

/// Sets a filter of a film's asset in a region.
fn set(films: &Films, region: usize, film: usize, name: &str, rules: &Value) {
    let asset = look(&films.world, region, &format!("film{film}")).id;
    films.world.emulator.operator(region).set_filter(Some(&asset), name, rules).unwrap();
}

/// The names and rules of a film's filters in a region.
fn of(films: &Films, region: usize, film: usize) -> BTreeMap<String, String> {
    let asset = look(&films.world, region, &format!("film{film}")).id;
    films.world.emulator.operator(region).filters(Some(&asset)).unwrap()
}

/// The differences that `verify` finds: item and difference.
async fn differences(films: &Films) -> Vec<(String, String)> {
    let verification = films.world.verify().await;
    assert!(!verification.owes(), "{:?} {:?}", verification.problems, verification.findings);
    verification.differences.into_iter().map(|one| (one.item, one.what)).collect()
}

fn difference(filter: &str, how: &str) -> Vec<(String, String)> {
    vec![(filter.to_owned(), format!("the filter {how}"))]
}

fn filters(set: &[&str], deleted: &[&str]) -> Vec<Change> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    vec![Change::Filters { set: names(set), deleted: names(deleted) }]
}

/// Row 26.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn filters_of_a_published_asset_are_created_changed_and_deleted_on_its_copy() {
    let films = Films::mirrored().await;
    set(&films, SOURCE, 0, "start", &trimmed(4));
    set(&films, SOURCE, 0, "it's 50 %", &audio());
    assert_eq!(differences(&films).await.len(), 2);
    let (_, monitor) = films.good_night().await;
    assert_eq!(monitor.changes_of("film0"), filters(&["it's 50 %", "start"], &[]));
    films.are_settled().await;
    set(&films, SOURCE, 0, "start", &trimmed(5));
    assert_eq!(differences(&films).await, difference("start", "has other rules on the target"));
    let (_, monitor) = films.good_night().await;
    assert_eq!(monitor.changes_of("film0"), filters(&["start"], &[]));
    films.are_settled().await;
    set(&films, TARGET, 0, "theirs", &audio());
    assert_eq!(differences(&films).await, difference("theirs", "is only on the target"));
    let (_, monitor) = films.good_night().await;
    assert_eq!(monitor.changes_of("film0"), filters(&[], &["theirs"]));
    films.are_settled().await;
    assert_eq!(of(&films, TARGET, 0), of(&films, SOURCE, 0));
}

/// Row 26.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_new_copy_has_the_filters_of_its_source_before_it_is_published() {
    let mut films = Films::new().await;
    set(&films, SOURCE, 0, "start", &json!({ "FirstQuality": { "Bitrate": 128_000 } }));
    films.source().set_filter(None, "phone", &audio()).unwrap();
    die_after(&mut films.world, Options::default(), "start").await;
    assert!(!super::playing(&films.world, TARGET).await.contains_key(films.locator(0).as_str()));
    films.good_night().await;
    films.are_settled().await;
    // The copy is made again without its filters.
    let (container, _) = films.blob(TARGET, 0, "ism");
    assert!(films.world.emulator.delete_container(super::EAST, &container));
    films.good_night().await;
    assert_eq!(of(&films, TARGET, 0), of(&films, SOURCE, 0));
    films.are_settled().await;
}

/// Row 26.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn filters_of_an_asset_that_does_not_play_are_mirrored_when_it_is_published() {
    let films = Films::mirrored().await;
    films.source().remove_locator(&super::service_id(films.locator(0))).await.unwrap();
    set(&films, SOURCE, 0, "start", &trimmed(4));
    films.good_night().await;
    assert_eq!((differences(&films).await, of(&films, TARGET, 0)), (Vec::new(), BTreeMap::new()));
    let asset = look(&films.world, SOURCE, "film0").id;
    films.source().add_locator(&asset, &super::locators::in_hours(48)).unwrap();
    films.good_night().await;
    films.are_settled().await;
}

/// Row 26. A filter that only the target's account has changes no URL that plays in the source.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn filters_of_the_account_are_created_and_changed_and_never_deleted() {
    let films = Films::mirrored().await;
    films.target().set_filter(None, "theirs", &audio()).unwrap();
    films.good_night().await;
    films.source().set_filter(None, "phone", &audio()).unwrap();
    let dry = Options { dry_run: true, ..Options::default() };
    for (how, rules) in [("is missing on the target", audio()), ("has other rules on the target", trimmed(4))] {
        films.source().set_filter(None, "phone", &rules).unwrap();
        assert_eq!(differences(&films).await, difference("phone", how));
        let (summary, monitor) = night(&films.world, dry.clone()).await;
        assert_eq!(monitor.changes_of("account mediaeast"), filters(&["phone"], &[]), "{:?}", summary.findings);
        let (_, monitor) = films.good_night().await;
        assert_eq!(monitor.changes_of("account mediaeast"), filters(&["phone"], &[]));
        assert_eq!(differences(&films).await, []);
    }
    films.source().remove_filter(None, "phone").unwrap();
    films.good_night().await;
    assert_eq!(films.target().filters(None).unwrap().len(), 2);
}

/// A dry run reports what the run does, and a run that applies a plan does nothing else.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_plan_has_the_changes_of_filters() {
    let films = Films::mirrored().await;
    set(&films, SOURCE, 0, "start", &trimmed(4));
    films.source().set_filter(None, "phone", &audio()).unwrap();
    let (_, dry) = night(&films.world, Options { dry_run: true, ..Options::default() }).await;
    assert_eq!(of(&films, TARGET, 0), BTreeMap::new(), "a dry run changes nothing");
    let items: Vec<Item> = dry.events().into_iter().filter_map(planned).collect();
    let actions: Vec<Action> = items.iter().map(|item| item.action).collect();
    assert_eq!(actions, [Action::AccountFilters, Action::Mirror]);
    set(&films, SOURCE, 0, "start", &trimmed(5));
    let plan = Arc::new(Planned::new("p", Timestamp::UNIX_EPOCH, Kind::Sync, items));
    let (summary, _) = night(&films.world, Options { plan: Some(plan), ..Options::default() }).await;
    assert_eq!(summary.causes, [(Cause::PlanStale, 1)].into(), "{:?}", summary.findings);
    assert_eq!((of(&films, TARGET, 0).len(), films.target().filters(None).unwrap().len()), (0, 1));
}

fn planned(event: RunEvent) -> Option<Item> {
    if let RunEvent::Planned(item) = event { Some(*item) } else { None }
}

/// The asset is published nevertheless: its URLs without a filter play.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_filter_that_the_service_refuses_is_owed_and_its_asset_plays() {
    let films = Films::new().await;
    set(&films, SOURCE, 0, "start", &trimmed(4));
    films.source().set_filter(None, "phone", &audio()).unwrap();
    let refuse = Rule::new(Fault::Refuse(Refuse::status(400).code("BadRequest"))).operation("Create*Filter");
    films.world.emulator.set_faults(&FaultPlan::new(1).rule(refuse)).unwrap();
    for _ in 0..2 {
        let (summary, monitor) = films.night().await;
        assert_eq!(summary.outcome, Outcome::Partial);
        assert_eq!(monitor.outcome_of("film0").unwrap().cause(), Some(Cause::RequestRefused));
        assert_eq!(summary.findings.iter().map(|one| one.cause).collect::<Vec<_>>(), [Cause::RequestRefused]);
        assert!(super::playing(&films.world, TARGET).await.contains_key(films.locator(0).as_str()));
    }
    films.world.emulator.set_faults(&FaultPlan::default()).unwrap();
    films.good_night().await;
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_acknowledged_filter_that_is_missing_when_it_is_read_back_is_owed() {
    let films = Films::mirrored().await;
    set(&films, SOURCE, 0, "start", &trimmed(4));
    let pretend = Rule::new(Fault::Pretend(Pretence::Nothing)).operation("CreateAssetFilter");
    films.world.emulator.set_faults(&FaultPlan::new(1).rule(pretend.clone().times(1))).unwrap();
    films.good_night().await;
    films.source().set_filter(None, "phone", &audio()).unwrap();
    films.world.emulator.set_faults(&FaultPlan::new(1).rule(pretend.operation("CreateFilter"))).unwrap();
    let (summary, _) = films.night().await;
    let causes: Vec<Cause> = summary.findings.iter().map(|finding| finding.cause).collect();
    assert_eq!((summary.outcome, causes), (Outcome::Partial, vec![Cause::NotThereWhenReadBack]));
}

/// Row 26. A repeated creation finds the filter, and a repeated deletion does not find it.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_lost_answer_to_a_change_of_a_filter_is_not_a_failure() {
    let films = Films::mirrored().await;
    set(&films, SOURCE, 0, "start", &trimmed(4));
    set(&films, TARGET, 0, "theirs", &audio());
    films.source().set_filter(None, "phone", &audio()).unwrap();
    let lost = Rule::new(Fault::LostAnswer).operation("{Create,Delete}{Asset,}Filter");
    films.world.emulator.set_faults(&FaultPlan::new(1).rule(lost.clone().times(3))).unwrap();
    films.good_night().await;
    set(&films, SOURCE, 0, "start", &trimmed(5));
    films.world.emulator.set_faults(&FaultPlan::new(1).rule(lost.operation("UpdateAssetFilter").times(1))).unwrap();
    films.good_night().await;
    films.are_settled().await;
}

/// The requests for filters so far, by operation.
fn asked(films: &Films) -> Vec<(String, u64)> {
    let rows = films.world.emulator.stats().requests.into_iter();
    let of_filters = rows.filter(|row| row.operation.contains("Filter"));
    of_filters.map(|row| (format!("{} {}", row.account, row.operation), row.count)).collect()
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn filters_take_four_requests_a_run_and_none_before_they_existed() {
    let mut films = Films::mirrored().await;
    films.good_night().await;
    let lists = ["mediaeast ListAssetFilters", "mediaeast ListFilters", "mediawest ListAssetFilters"];
    let lists = lists.into_iter().chain(["mediawest ListFilters"]).map(|list| (list.to_owned(), 1));
    assert_eq!(asked(&films), lists.collect::<Vec<_>>());
    films.world.emulator.reset_stats();
    speak(&mut films.world.config, "2.10");
    films.good_night().await;
    assert_eq!(asked(&films), []);
}

/// The documents list only the filters of one asset.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_service_that_lists_only_the_filters_of_one_asset_is_asked_for_each() {
    for status in [400, 403, 404, 405, 501] {
        let films = Films::mirrored().await;
        set(&films, SOURCE, 0, "start", &trimmed(4));
        set(&films, SOURCE, 1, "sound", &audio());
        set(&films, TARGET, 1, "theirs", &audio());
        let refuse = Rule::new(Fault::Refuse(Refuse::status(status))).name("/api/AssetFilters");
        films.world.emulator.set_faults(&FaultPlan::new(1).rule(refuse.to(2))).unwrap();
        let (_, monitor) = films.good_night().await;
        assert_eq!(monitor.changes_of("film0"), filters(&["start"], &[]), "{status}");
        assert_eq!(monitor.changes_of("film1"), filters(&["sound"], &["theirs"]), "{status}");
        assert_eq!(of(&films, TARGET, 1), of(&films, SOURCE, 1));
    }
}

/// The listing of the source omits a filter: the filter of the copy is not deleted because of that.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_filter_is_not_deleted_if_the_source_still_has_it() {
    let films = Films::mirrored().await;
    set(&films, SOURCE, 0, "start", &trimmed(4));
    films.good_night().await;
    let omit = Rule::new(Fault::Mangle(Mangle::Empty)).account("mediawest").name("/api/AssetFilters");
    films.world.emulator.set_faults(&FaultPlan::new(1).rule(omit)).unwrap();
    let (summary, _) = films.night().await;
    assert_eq!(summary.causes, [(Cause::ListingIncomplete, 1)].into());
    assert_eq!(of(&films, TARGET, 0).len(), 1);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn filters_that_cannot_be_read_are_not_green() {
    let films = Films::mirrored().await;
    for (operation, account) in [("ListFilters", "mediawest"), ("{ListAssetFilters,Batch}", "mediaeast")] {
        let refuse = Rule::new(Fault::Refuse(Refuse::status(403).code("Forbidden"))).account(account);
        films.world.emulator.set_faults(&FaultPlan::new(1).rule(refuse.operation(operation))).unwrap();
        let (summary, _) = films.night().await;
        assert_eq!(summary.outcome, Outcome::Partial, "{operation}");
        assert_eq!(summary.findings.iter().map(|one| one.cause).collect::<Vec<_>>(), [Cause::FiltersUnchecked]);
        let verification = films.world.verify().await;
        assert_eq!((verification.owes(), verification.findings), (true, summary.findings));
        let options = Options { policy: accepting(&[Cause::FiltersUnchecked]), ..Options::default() };
        assert_eq!(night(&films.world, options).await.0.outcome, Outcome::Complete);
    }
}
