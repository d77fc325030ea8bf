//! Filters of dynamic packaging, of assets and of accounts. Row 26.

use mediamirror::emulator::FaultPlan;
use mediamirror::emulator::faults::plan::{Fault, Refuse, Rule};
use mediamirror::engine::{Options, Outcome};
use mediamirror::verdict::{Cause, Finding};
use serde_json::{Value, json};

use super::{Films, SOURCE, TARGET, look, night};
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

/// The findings of a run about the account, and the cause of a film.
async fn found(films: &Films, film: usize) -> (Outcome, Vec<Finding>, Option<Cause>) {
    let (summary, monitor) = films.night().await;
    let cause = monitor.outcome_of(&format!("film{film}")).unwrap().cause();
    let verification = films.world.verify().await;
    assert_eq!(verification.owes(), summary.outcome != Outcome::Complete, "a run and `verify` agree");
    assert_eq!((&verification.findings, &verification.causes), (&summary.findings, &summary.causes));
    (summary.outcome, summary.findings, cause)
}

/// Row 26.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_filter_of_a_published_asset_that_differs_on_its_copy_is_owed() {
    let films = Films::mirrored().await;
    set(&films, SOURCE, 0, "start", &trimmed(4));
    let differs = (Outcome::Partial, Vec::new(), Some(Cause::FiltersDiffer));
    assert_eq!(found(&films, 0).await, differs, "missing on the target");
    set(&films, TARGET, 0, "start", &trimmed(5));
    assert_eq!(found(&films, 0).await, differs, "with other rules");
    set(&films, TARGET, 0, "start", &trimmed(4));
    films.are_settled().await;
    set(&films, TARGET, 0, "sound", &audio());
    assert_eq!(found(&films, 0).await, differs, "only on the target");
    set(&films, SOURCE, 0, "sound", &audio());
    films.are_settled().await;
}

/// Row 26.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_new_asset_with_a_filter_is_owed_in_its_first_run() {
    let films = Films::new().await;
    set(&films, SOURCE, 0, "start", &trimmed(4));
    assert_eq!(found(&films, 0).await, (Outcome::Partial, Vec::new(), Some(Cause::FiltersDiffer)));
    set(&films, TARGET, 0, "start", &trimmed(4));
    films.are_settled().await;
}

/// Row 26.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn filters_of_an_asset_that_does_not_play_are_not_owed() {
    let films = Films::mirrored().await;
    films.source().remove_locator(&super::service_id(films.locator(0))).await.unwrap();
    set(&films, SOURCE, 0, "start", &trimmed(4));
    films.good_night().await;
    films.good_night().await;
}

/// Row 26. A filter that only the target's account has changes no URL that plays in the source.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn filters_of_the_account_that_differ_are_a_finding_of_the_run() {
    let films = Films::mirrored().await;
    films.target().set_filter(None, "theirs", &audio()).unwrap();
    films.good_night().await;
    films.source().set_filter(None, "phone", &audio()).unwrap();
    for _ in 0..2 {
        let (outcome, findings, cause) = found(&films, 0).await;
        assert_eq!((outcome, cause), (Outcome::Partial, None));
        let causes: Vec<Cause> = findings.iter().map(|finding| finding.cause).collect();
        assert_eq!(causes, [Cause::FiltersDiffer]);
        films.target().set_filter(None, "phone", &trimmed(4)).unwrap();
    }
    let options = Options { policy: accepting(&[Cause::FiltersDiffer]), ..Options::default() };
    assert_eq!(night(&films.world, options).await.0.outcome, Outcome::Complete);
    films.target().set_filter(None, "phone", &audio()).unwrap();
    films.good_night().await;
}

/// The requests for filters so far, by operation.
fn asked(films: &Films) -> Vec<(String, u64)> {
    let rows = films.world.emulator.stats().requests.into_iter();
    let of_filters = rows.filter(|row| row.operation.contains("Filter") && row.status == 200);
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
        set(&films, TARGET, 1, "sound", &audio());
        let refuse = Rule::new(Fault::Refuse(Refuse::status(status))).name("/api/AssetFilters");
        films.world.emulator.set_faults(&FaultPlan::new(1).rule(refuse)).unwrap();
        assert_eq!(found(&films, 0).await, (Outcome::Partial, Vec::new(), Some(Cause::FiltersDiffer)), "{status}");
        set(&films, TARGET, 0, "start", &trimmed(4));
        films.good_night().await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn filters_that_cannot_be_read_are_not_green() {
    let films = Films::mirrored().await;
    for (operation, account) in [("ListFilters", "mediawest"), ("{ListAssetFilters,Batch}", "mediaeast")] {
        let refuse = Rule::new(Fault::Refuse(Refuse::status(403).code("Forbidden"))).account(account);
        films.world.emulator.set_faults(&FaultPlan::new(1).rule(refuse.operation(operation))).unwrap();
        let (outcome, findings, cause) = found(&films, 0).await;
        assert_eq!((outcome, cause), (Outcome::Partial, None), "{operation}");
        assert_eq!(findings.iter().map(|finding| finding.cause).collect::<Vec<_>>(), [Cause::FiltersUnchecked]);
    }
}
