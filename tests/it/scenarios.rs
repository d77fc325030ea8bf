//! Scenarios: the whole engine over services whose behaviour changes with time, in virtual time. Each file of
//! `scenarios` describes the services' behaviour over time, and what the run must reach.
//!
//! `MEDIAMIRROR_SCENARIO=halves cargo test --test it scenarios -- --nocapture` runs the files with that name and shows
//! each second.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use mediamirror::clock;
use mediamirror::emulator::faults::plan::{FaultPlan, Rule};
use mediamirror::emulator::settings::BlobLimits;
use mediamirror::emulator::{Generate, Settings, StatsSnapshot};
use mediamirror::engine::{Options, Outcome, Summary, mirror};
use mediamirror::model::CopyMethod;
use mediamirror::monitor::TestMonitor;
use mediamirror::throttle::{LaneLimits, Timetable};
use serde::Deserialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::virtual_time;
use crate::world::World;

/// How often the counts are read.
const TICK: Duration = Duration::from_millis(250);

/// A scenario file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// A description.
    #[serde(rename = "about")]
    _about: String,
    /// The library, as the emulator generates it.
    library: String,
    /// One method for every blob.
    copy_method: Option<CopyMethod>,
    /// Latency of the media accounts.
    #[serde(default)]
    media_latency_ms: u64,
    /// The configured limits of every storage account.
    #[serde(default)]
    configured: LaneLimits,
    /// The rates of requests by the time of day.
    #[serde(default)]
    timetable: Vec<TimedRate>,
    /// The phases of the services' behaviour. The first one starts at zero.
    phase: Vec<Phase>,
    /// The expectations.
    expect: Vec<Expect>,
    /// The longest time that the run may take.
    at_most_s: f64,
    /// Storage accounts whose lanes must have no refusals, and those whose lanes must have some.
    #[serde(default)]
    never_throttled: Vec<String>,
    #[serde(default)]
    throttled: Vec<String>,
}

/// The configured rate of every storage account from a time of the day.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimedRate {
    /// After the start.
    at_s: f64,
    requests_per_second: Option<NonZeroU64>,
}

/// The services' behaviour from a point in time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Phase {
    at_s: f64,
    /// Limits of storage accounts, by name; the others keep theirs.
    #[serde(default)]
    limits: BTreeMap<String, BlobLimits>,
    /// Active faults; those of the previous phase end.
    #[serde(default)]
    faults: Vec<Rule>,
}

/// An expectation for a period of time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    from_s: f64,
    to_s: f64,
    account: String,
    /// One operation only.
    operation: Option<String>,
    /// The fewest successful requests per second.
    at_least_per_second: Option<f64>,
    at_most_per_second: Option<f64>,
    /// The largest share of refused requests (429, 500 and above).
    at_most_refused: Option<f64>,
    /// The longest time without a successful request.
    longest_gap_s: Option<f64>,
}

/// The counts at a point in time.
struct Look {
    at: f64,
    counts: StatsSnapshot,
}

impl Look {
    /// The successful and the refused requests so far.
    fn counted(&self, account: &str, operation: Option<&str>) -> (u64, u64) {
        let rows = self.counts.requests.iter();
        rows.filter(|row| row.account == account && operation.is_none_or(|operation| row.operation == operation)).fold(
            (0, 0),
            |(passed, refused), row| match row.status {
                0 | 429 | 500.. => (passed, refused + row.count),
                _ => (passed + row.count, refused),
            },
        )
    }
}

/// Runs a scenario and checks the expectations.
async fn play(scenario: &Scenario, show: bool) {
    let mut settings = Settings::default();
    for region in &mut settings.regions {
        region.media.latency_ms = scenario.media_latency_ms;
    }
    let mut world = World::filled(settings, Generate::parse(&scenario.library).unwrap()).await;
    for account in [&mut world.config.source, &mut world.config.target] {
        account.limits.blob = scenario.configured;
        account.limits.blob_timetables.requests = scenario.timetable();
    }
    let pair = world.pair();
    let options = Options { copy_method: scenario.copy_method, ..Options::default() };
    let monitor = Arc::new(TestMonitor::default());
    let run = mirror(Arc::clone(&pair), world.ledger.clone(), options, monitor, CancellationToken::new());
    let looks = Mutex::new(Vec::new());
    let summary = tokio::select! {
        biased;
        summary = run => summary.unwrap(),
        () = scenario.happen(&world, &looks) => unreachable!("time goes on"),
    };
    let looks = looks.into_inner().unwrap();
    if show {
        print_looks(&looks);
    }
    scenario.check(&looks, &summary);
    for lane in pair.source.lanes.iter().chain(&pair.target.lanes) {
        let (name, throttled) = (lane.account().to_string(), lane.stats().throttled);
        assert!(throttled == 0 || !scenario.never_throttled.contains(&name), "{name} refused {throttled} times");
    }
    for name in &scenario.throttled {
        let lanes = pair.source.lanes.iter().chain(&pair.target.lanes);
        let throttled: u64 =
            lanes.filter(|lane| lane.account().as_str() == name).map(|lane| lane.stats().throttled).sum();
        assert!(throttled > 0, "{name} was to refuse something");
    }
}

impl Scenario {
    /// The timetable of the rates, relative to the current time.
    fn timetable(&self) -> Option<Arc<Timetable>> {
        let rates = self.timetable.iter().map(|rate| {
            let from = clock::now() + SignedDuration::from_secs_f64(rate.at_s);
            (from.to_zoned(TimeZone::UTC).time(), rate.requests_per_second)
        });
        Timetable::new(TimeZone::UTC, rates.collect()).map(Arc::new)
    }

    /// Starts the phases on time, and records the counts.
    async fn happen(&self, world: &World, looks: &Mutex<Vec<Look>>) {
        let started = Instant::now();
        let mut phases = self.phase.iter().peekable();
        loop {
            let at = started.elapsed().as_secs_f64();
            while let Some(phase) = phases.next_if(|phase| phase.at_s <= at) {
                for (account, limits) in &phase.limits {
                    assert!(world.emulator.set_limits(account, limits), "no account {account}");
                }
                let plan = phase.faults.iter().cloned().fold(FaultPlan::new(1), FaultPlan::rule);
                world.emulator.set_faults(&plan).unwrap();
            }
            looks.lock().unwrap().push(Look { at, counts: world.emulator.stats() });
            tokio::time::sleep(TICK).await;
        }
    }

    fn check(&self, looks: &[Look], summary: &Summary) {
        let seconds = summary.elapsed.as_secs_f64();
        assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
        assert!(seconds <= self.at_most_s, "it took {seconds} s, not {} at most", self.at_most_s);
        for expect in &self.expect {
            assert!(expect.to_s <= seconds, "the run was over after {seconds} s, before {expect:?}");
            expect.check(looks);
        }
    }
}

impl Expect {
    fn check(&self, looks: &[Look]) {
        let looks: Vec<&Look> = looks.iter().filter(|look| (self.from_s..=self.to_s).contains(&look.at)).collect();
        let counts: Vec<(f64, u64, u64)> = looks
            .iter()
            .map(|look| {
                let (passed, refused) = look.counted(&self.account, self.operation.as_deref());
                (look.at, passed, refused)
            })
            .collect();
        let (first, last) = (counts[0], counts[counts.len() - 1]);
        let (passed, refused) = ((last.1 - first.1) as f64, (last.2 - first.2) as f64);
        let per_second = passed / (last.0 - first.0);
        if let Some(least) = self.at_least_per_second {
            assert!(per_second >= least, "{per_second:.1} a second pass: {self:?}");
        }
        if let Some(most) = self.at_most_per_second {
            assert!(per_second <= most, "{per_second:.1} a second pass: {self:?}");
        }
        if let Some(most) = self.at_most_refused {
            let share = refused / (passed + refused).max(1.0);
            assert!(share <= most, "{share:.4} is refused: {self:?}");
        }
        if let Some(longest) = self.longest_gap_s {
            let mut since = first;
            for count in counts {
                if count.1 > since.1 {
                    since = count;
                }
                assert!(count.0 - since.0 <= longest, "none from {} to {}: {self:?}", since.0, count.0);
            }
        }
    }
}

/// Prints each second of the requested scenario.
#[expect(clippy::print_stdout, reason = "what a scenario does is asked for")]
fn print_looks(looks: &[Look]) {
    let accounts = ["storewest", "storeeast"];
    let mut before = [(0, 0); 2];
    for look in looks.iter().step_by(4) {
        let now = accounts.map(|account| look.counted(account, None));
        let words: Vec<String> = accounts
            .iter()
            .zip(before.iter().zip(&now))
            .map(|(account, (before, now))| {
                format!("{account} {} passed {} refused", now.0 - before.0, now.1 - before.1)
            })
            .collect();
        println!("{:6.2} s: {}", look.at, words.join(", "));
        before = now;
    }
}

/// Runs a file; returns why it failed, if it did.
fn failure_of(file: &Path, show: bool) -> Option<String> {
    let play = || {
        let scenario: Scenario = toml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        fastrand::seed(1);
        virtual_time::block_on(play(&scenario, show));
    };
    let panic = catch_unwind(AssertUnwindSafe(play)).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    Some(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
}

#[test]
fn lanes_follow_what_the_services_allow() {
    let asked = std::env::var("MEDIAMIRROR_SCENARIO").ok();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenarios");
    let files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| asked.as_ref().is_none_or(|asked| path.to_string_lossy().contains(asked)))
        .collect();
    assert!(!files.is_empty(), "no such scenario");
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(why) = failure_of(file, asked.is_some()) {
                        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                        failures.lock().unwrap().push(format!("{name}: {why}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
