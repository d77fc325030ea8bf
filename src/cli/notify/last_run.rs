//! The metrics of the last run, and of all runs before it.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use mediamirror::clock;
use mediamirror::config::{Config, account_of};
use mediamirror::engine::Outcome;
use mediamirror::ledger::Ledger;
use mediamirror::model::{AccountName, Plane, Side};

use super::super::context::Context;
use super::super::printer;
use super::metrics::{Label, Metrics};
use super::{FAILED, Finished, Subject, textfile};

/// How many runs are searched for the last complete one: as many as a ledger keeps.
const RUNS: usize = 1_000;
/// The metric that is always kept, and its help text.
const LAST_SUCCESS: (&str, &str) = ("last_success_timestamp_seconds", "When the last run ended with exit code 0.");

/// How the last run ended.
#[derive(Debug)]
pub(super) struct LastRun<'a> {
    pub(super) context: &'a Context,
    pub(super) subject: Subject,
    pub(super) took: Duration,
    pub(super) outcome: &'a str,
    /// Did it end with 0?
    pub(super) success: bool,
}

impl LastRun<'_> {
    /// Writes the metrics; if that fails, it is a warning.
    pub(super) async fn write<F: Finished>(&self, path: &Path, finished: Option<&F>) {
        let now = clock::now();
        let before = textfile::read(path);
        let account = self.account().or_else(|| before.account(self.subject.prefix)).unwrap_or_default();
        let mut metrics = Metrics::new(self.subject.prefix, account);
        self.measure_end(&mut metrics, now);
        let success = match before.value(&metrics, LAST_SUCCESS.0) {
            _ if self.success => Some(seconds(now)),
            Some(before) => Some(before),
            None => self.success_in_ledger().await.map(seconds),
        };
        metrics.gauge(LAST_SUCCESS.0, LAST_SUCCESS.1, success.map(|at| (vec![], at.into())));
        self.measure_requests(&mut metrics);
        F::measure(finished, &mut metrics);
        metrics.continue_from(|name| before.counts(name));
        if let Err(error) = textfile::write(path, &metrics, self.subject.prefix) {
            printer::note(&format!("warning: failed to write the metrics to {}: {error}", path.display()));
        }
    }

    /// Adds its time, duration and outcome.
    fn measure_end(&self, metrics: &mut Metrics, now: Timestamp) {
        let outcomes = || self.subject.outcomes.iter().copied().chain([FAILED]);
        let of = |word: &str| vec![(Label::Outcome, word.to_owned())];
        let states = outcomes().map(|word| (of(word), u64::from(word == self.outcome).into()));
        let help = "The outcome of the last run: 1 for that one, 0 for the others.";
        metrics.gauge("last_run_outcome", help, states);
        let runs = outcomes().map(|word| (of(word), u64::from(word == self.outcome)));
        metrics.counter("runs_total", "Runs by outcome.", runs);
        metrics.gauge("last_run_timestamp_seconds", "When the last run ended.", [(vec![], seconds(now).into())]);
        let took = (self.took.as_secs_f64() * 1_000.0).round() / 1_000.0;
        metrics.gauge("last_run_duration_seconds", "How long the last run took.", [(vec![], took.into())]);
    }

    /// Adds the requests to each account, also those of a failed run.
    fn measure_requests(&self, metrics: &mut Metrics) {
        let (mut sent, mut throttled) = (Vec::new(), Vec::new());
        let pair = self.context.known.pair.get();
        for side in pair.into_iter().flat_map(|pair| [&pair.source, &pair.target]) {
            for lane in side.lanes.iter().filter(|lane| !matches!(lane.plane(), Plane::Viewer | Plane::SignIn)) {
                let account = lane.account().to_string();
                let labels = vec![(Label::Side, side.side.to_string()), (Label::Account, account)];
                let stats = lane.stats();
                sent.push((labels.clone(), stats.requests));
                throttled.push((labels, stats.throttled));
            }
        }
        metrics.counter("requests_total", "Requests sent, retries included.", sent);
        metrics.counter("throttled_requests_total", "Requests refused because of a limit of the account.", throttled);
    }

    /// The account that a run writes to.
    fn account(&self) -> Option<String> {
        let known = self.context.known.config.get().map(|config| config.target.account.clone());
        known.or_else(|| account_of(&self.context.global.config, Side::Target))
    }

    /// When the last complete run ended, according to the ledger.
    async fn success_in_ledger(&self) -> Option<Timestamp> {
        let config = self.context.known.config.get().filter(|_| self.subject.is_recorded)?;
        success_in(config).await
    }
}

async fn success_in(config: &Config) -> Option<Timestamp> {
    let (source, target) = (AccountName::new(&config.source.account), AccountName::new(&config.target.account));
    let ledger = Ledger::open_read_only(&config.ledger, &source, &target).ok()??;
    let runs = ledger.runs(RUNS).await.unwrap_or_default();
    let _ = ledger.close().await;
    let of_this_direction = runs.into_iter().filter(|run| run.source == source);
    of_this_direction.filter_map(|run| run.ended).find(|end| end.outcome == Outcome::Complete).map(|end| end.at)
}

/// A time in seconds since 1970, with milliseconds.
#[expect(clippy::cast_precision_loss, reason = "milliseconds far below 2^52")]
fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1_000.0
}
