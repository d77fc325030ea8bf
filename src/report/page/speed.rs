//! The speed of the run: copied data over time, copy methods, and the latency of services.

use super::super::chart::Chart;
use super::super::figures::{Figures, LatencyFigures};
use super::super::units::{number, rate, size, span, thousands, whole};

/// The most kinds of requests that are shown.
const FREQUENT: usize = 8;

/// The speed of the run.
#[derive(Debug)]
pub(super) struct Speed {
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) timeline: Option<Timeline>,
    pub(super) methods: Vec<[String; 4]>,
    /// The most frequent kinds of requests.
    pub(super) latency: Vec<Latency>,
    /// The others.
    pub(super) rare: Vec<Latency>,
}

/// The copied data over time.
#[derive(Debug)]
pub(super) struct Timeline {
    pub(super) caption: String,
    pub(super) chart: Chart,
    pub(super) end: String,
    pub(super) highest: String,
}

/// A kind of request.
#[derive(Debug)]
pub(super) struct Latency {
    pub(super) operation: String,
    pub(super) count: String,
    pub(super) p50: String,
    pub(super) p90: String,
    pub(super) p99: String,
    pub(super) max: String,
    /// From the median to the 99th percentile.
    pub(super) chart: Chart,
}

impl Speed {
    pub(super) fn of(figures: &Figures) -> Self {
        let seconds = figures.elapsed_seconds;
        let mut facts = vec![("took", span(seconds))];
        if figures.bytes_copied > 0 {
            facts.push(("copied", size(figures.bytes_copied)));
            facts.push(("on average", format!("{}/s", size(whole(rate(figures.bytes_copied, seconds))))));
            facts.push(("blobs", format!("{}/s", number(rate(figures.blobs.copied, seconds)))));
        }
        facts.push(("requests", format!("{}/s", number(rate(figures.all_requests(), seconds)))));
        let methods = figures
            .copies
            .iter()
            .map(|copy| [copy.method.clone(), thousands(copy.blobs), size(copy.bytes), copy.why.clone()]);
        let mut latency = latency(figures);
        let rare = latency.split_off(latency.len().min(FREQUENT));
        Self { facts, timeline: timeline(figures), methods: methods.collect(), latency, rare }
    }
}

/// Bytes per second; for a run that copied none, assets per second.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn timeline(figures: &Figures) -> Option<Timeline> {
    let line = &figures.timeline;
    let step = line.step_seconds.max(1);
    let of_bytes = line.bytes.iter().any(|bytes| *bytes > 0);
    let counts = if of_bytes { &line.bytes } else { &line.assets };
    if counts.iter().all(|count| *count == 0) || counts.len() < 3 {
        return None;
    }
    let shown = |count: u64| {
        let rate = count as f64 / step as f64;
        if of_bytes { format!("{}/s", size(whole(rate))) } else { format!("{} assets/s", number(rate)) }
    };
    let values = counts.iter().enumerate().map(|(at, count)| {
        let title = format!("after {}: {}", span((at as u64 * step) as f64), shown(*count));
        (*count as f64, "info", title)
    });
    let what = if of_bytes { "Bytes copied a second" } else { "Assets a second" };
    Some(Timeline {
        caption: format!("{what}, in steps of {step} s"),
        chart: Chart::of(what, values.collect()),
        end: span((counts.len() as u64 * step) as f64),
        highest: shown(counts.iter().copied().max().unwrap_or_default()),
    })
}

/// The kinds of requests, the most frequent first.
fn latency(figures: &Figures) -> Vec<Latency> {
    let mut kinds: Vec<(&String, &LatencyFigures)> = figures.latency.iter().collect();
    kinds.sort_by(|a, b| (b.1.count, a.0).cmp(&(a.1.count, b.0)));
    let slowest = kinds.iter().map(|(_, latency)| latency.p99_milliseconds).fold(0.0, f64::max);
    let row = |(operation, latency): (&String, &LatencyFigures)| Latency {
        operation: operation.clone(),
        count: thousands(latency.count),
        p50: milliseconds(latency.p50_milliseconds),
        p90: milliseconds(latency.p90_milliseconds),
        p99: milliseconds(latency.p99_milliseconds),
        max: milliseconds(latency.max_milliseconds),
        chart: Chart::range("", (latency.p50_milliseconds, latency.p99_milliseconds), slowest, "info"),
    };
    kinds.into_iter().map(row).collect()
}

fn milliseconds(value: f64) -> String {
    if value >= 100.0 { thousands(whole(value)) } else { format!("{value:.1}") }
}
