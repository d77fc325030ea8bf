//! The nights of one seed: a dry run, a run, a comparison, and the conditions afterwards.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_core::http::Method;
use jiff::SignedDuration;
use mediamirror::clock;
use mediamirror::config::policy::Allow;
use mediamirror::emulator::FaultPlan;
use mediamirror::emulator::faults::plan::Fault;
use mediamirror::engine::verify::verify;
use mediamirror::engine::{DeletedCounts, Options, Outcome, Summary};
use mediamirror::monitor::{RunEvent, TestMonitor};

use super::look::{Thing, is_ours};
use super::oracle::{
    Night, State, nothing_foreign_was_touched, nothing_is_deleted_early, nothing_is_there_twice, nothing_went_dark,
};
use super::story::{Story, forget, tell, troubles};
use super::verdicts::{Guards, Stopped};
use crate::virtual_time;

/// Nights of a seed, without those without edits.
const NIGHTS: u32 = 4;
/// The maximum age of a listing of all file records.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The longest time that a run of a small library may take, even with faults.
const LONGEST_RUN: Duration = Duration::from_hours(24);

/// Runs one seed to its end; panics with the violated condition.
pub(super) fn simulate(seed: u64) {
    forget();
    // The jitter of retries and the order of random choices in the emulator depend on the seed, too.
    fastrand::seed(seed);
    virtual_time::block_on(nights(seed));
}

async fn nights(seed: u64) {
    let mut story = Story::new(seed).await;
    let writes = watch(&mut story);
    let mut stopped = Vec::new();
    for night in 0..NIGHTS {
        if night > 0 {
            story.pass_a_day().await;
            story.live().await;
        }
        if seed % 4 == 1 && story.dice.bool() {
            troubled_night(&mut story).await;
            continue;
        }
        let is_settled = fair_night(&mut story, &writes, &mut stopped).await;
        // If the source's records were hidden from a run, a weekly listing shows them again.
        if is_settled && story.files_hidden.is_none() && story.dice.u8(..3) == 0 {
            quiet_night(&mut story, &writes).await;
        }
    }
}

/// Write requests to the target, except those for the state that the program stores there.
type Writes = Arc<Mutex<Vec<String>>>;

fn watch(story: &mut Story) -> Writes {
    let writes = Writes::default();
    let (seen, region) = (Arc::clone(&writes), story.world.emulator.ready().regions[B_REGION].clone());
    let (cluster, blob) = (region.cluster, region.storage[0].blob.clone());
    story.world.intercept(move |request| {
        let url = request.url().as_str();
        let written = !matches!(request.method(), Method::Get | Method::Head) || url.contains("CreateFileInfos");
        let target = url.contains(&cluster) || url.starts_with(&blob);
        if written && target && !url.contains("/mediamirror-state") {
            seen.lock().unwrap().push(format!("{} {}", request.method(), request.url().path()));
        }
        None
    });
    writes
}

const B_REGION: usize = super::look::B;

/// A night without faults of the services. Returns whether another run would change nothing without edits.
async fn fair_night(story: &mut Story, writes: &Writes, stopped: &mut Vec<Stopped>) -> bool {
    let before = State::of(&story.world).await;
    let now = clock::now();
    let guards = Guards::of(&before, story, stopped, now);
    writes.lock().unwrap().clear();
    let (dry, _) = run(story, Options { dry_run: true, ..story.options.clone() }).await;
    let written = std::mem::take(&mut *writes.lock().unwrap());
    assert!(written.is_empty(), "a dry run wrote {written:?}");
    let (summary, monitor) = run(story, story.options.clone()).await;
    tell(format!("night: {:?}, {:?}, {:?}", summary.outcome, summary.assets, summary.causes));
    let after = State::of(&story.world).await;
    let night = Night { story, before: &before, after: &after, summary: &summary, monitor: &monitor };
    nothing_went_dark(&before, &after);
    nothing_foreign_was_touched(story, &before, &after, false);
    nothing_is_there_twice(&after);
    nothing_is_deleted_early(story, &before, &after);
    night.mirrored_assets_are_equal();
    night.nothing_plays_that_was_withdrawn();
    night.verdicts_are_true(&guards);
    let (said, did) = (&dry.problems, &summary.problems);
    assert_eq!(dry.verdict, summary.verdict, "(e) the dry run said {said:?}, the run {did:?}");
    assert_eq!(night.named(&dry), night.named(&summary), "(e) the dry run said {said:?}, the run {did:?}");
    assert_eq!(dry.findings, summary.findings, "(e) the dry run and the run");
    assert_eq!(dry.deleted, summary.deleted, "(e) the dry run and the run");
    if summary.deleted != DeletedCounts::default() {
        tell(format!("deleted: {:?}", summary.deleted));
    }
    let verification = verify(&story.world.pair(), &story.world.ledger, &story.options, &TestMonitor::default()).await;
    let verification = verification.unwrap();
    night.agrees_with(&verification);
    let least = if summary.outcome == Outcome::Held { 0 } else { guards.stopping };
    let most = silenced(&before, &after);
    if most > 0 {
        let Guards { published, most_published, .. } = guards;
        stopped.push(Stopped { at: now, published, most_published, least, most });
    }
    // Only the weekly listing shows an edit of a record; `verify` finds it immediately, if it compares the asset.
    let differ = |asset: &String| verification.differences.iter().any(|one| one.asset.as_str() == asset);
    let skipped = |asset: &String| verification.problems.iter().any(|one| one.asset.as_str() == asset);
    story.records_edited.retain(|asset, _| differ(asset) || skipped(asset));
    // Assets that are not compared are not written, even after a long time without edits.
    let is_quiet = story.records_edited.keys().all(skipped);
    let outcome = summary.outcome;
    if outcome != Outcome::Held && story.files_hidden.is_some_and(|hidden| now.duration_since(hidden) > WEEK) {
        story.files_hidden = None;
    }
    // Held changes are allowed in the next night, or not.
    let allow = (outcome == Outcome::Held && story.dice.bool()).then_some(summary.run);
    story.options.allow =
        Allow { withdraw: allow.clone(), shrink: allow.clone(), overwrite: allow.clone(), delete: allow };
    outcome == Outcome::Complete && is_quiet
}

/// How many assets of the target lost all locators of ours.
fn silenced(before: &State, after: &State) -> u64 {
    let plays = |thing: &Thing| thing.locators().any(is_ours);
    let silent = |thing: &&Thing| plays(thing) && !after.b.get(thing.id()).is_some_and(plays);
    before.b.0.iter().filter(silent).count() as u64
}

/// A night without edits after a complete one: nothing is written.
async fn quiet_night(story: &mut Story, writes: &Writes) {
    let days = story.dice.u64(..9);
    tell(format!("{days} quiet days pass"));
    tokio::time::advance(Duration::from_hours(24 * days)).await;
    let before = State::of(&story.world).await;
    writes.lock().unwrap().clear();
    let (summary, monitor) = run(story, story.options.clone()).await;
    let written = std::mem::take(&mut *writes.lock().unwrap());
    assert_eq!(summary.outcome, Outcome::Complete, "a quiet night: {:?}", summary.problems);
    let changed = |event: &RunEvent| matches!(event, RunEvent::AssetStarted { .. } | RunEvent::Changed { .. });
    let events: Vec<RunEvent> = monitor.events().into_iter().filter(changed).collect();
    nothing_is_deleted_early(story, &before, &State::of(&story.world).await);
    // Due deletions are made even without edits.
    if story.options.policy.delete_after.is_some() && !events.is_empty() {
        return;
    }
    assert!(written.is_empty(), "a quiet night wrote {written:?}: {events:?}");
    assert_eq!(before.b, State::of(&story.world).await.b, "a quiet night changed something");
}

/// A night in which listings skip rows, or requests are refused. The run does no harm, even if it fails.
async fn troubled_night(story: &mut Story) {
    let before = State::of(&story.world).await;
    let plan: FaultPlan = troubles(&mut story.dice);
    tell(format!("faults: {:?}", plan.rules));
    story.world.emulator.set_faults(&plan).unwrap();
    (story.options.allow, story.was_troubled) = (Allow::default(), true);
    let hides = |listing: &str, account: &str| {
        plan.rules.iter().any(|rule| {
            let strikes = rule.operation.contains(listing) && matches!(rule.fault, Fault::Mangle(_));
            strikes && account.ends_with(rule.account.trim_start_matches('*'))
        })
    };
    if hides("ListFiles", "mediawest") || hides("ListFiles", "mediaeast") {
        story.files_hidden = Some(clock::now());
    }
    let are_locators_hidden = hides("ListLocators", "mediaeast");
    let monitor = Arc::new(TestMonitor::default());
    let ended = tokio::time::timeout(LONGEST_RUN, story.world.try_sync(story.options.clone(), &monitor)).await;
    story.world.emulator.set_faults(&FaultPlan::default()).unwrap();
    match ended.expect("the run comes to an end") {
        Ok(summary) => {
            tell(format!("night with faults: {:?}, {:?}, {:?}", summary.outcome, summary.assets, summary.causes));
            let counts = summary.assets;
            let not = counts.skipped + counts.failed + counts.conflicts + counts.held + counts.unchecked;
            let sum = counts.mirrored + counts.unchanged + not;
            assert_eq!(counts.total, sum, "(e) {counts:?}");
        }
        Err(error) => tell(format!("night with faults: {error}")),
    }
    let after = State::of(&story.world).await;
    nothing_went_dark(&before, &after);
    nothing_foreign_was_touched(story, &before, &after, are_locators_hidden);
    nothing_is_there_twice(&after);
    nothing_is_deleted_early(story, &before, &after);
    // Only the weekly listing shows that records are missing that a listing left out.
    for thing in &after.a.0 {
        story.edit_records_of(thing.id());
    }
}

async fn run(story: &Story, options: Options) -> (Summary, Arc<TestMonitor>) {
    let monitor = Arc::new(TestMonitor::default());
    let ended = tokio::time::timeout(LONGEST_RUN, story.world.try_sync(options, &monitor)).await;
    let summary = ended.expect("the run comes to an end").unwrap_or_else(|error| panic!("the run failed: {error}"));
    (summary, monitor)
}
