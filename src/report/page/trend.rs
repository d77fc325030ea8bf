//! Compares this run with the last ones.

use super::super::chart::{Chart, Value};
use super::super::document::{Report, RunFigures};
use super::super::units::{day, moment, size, span, thousands, whole};
use crate::verdict::Outcome;

/// One figure of each run.
#[derive(Debug)]
pub(super) struct Trend {
    pub(super) label: &'static str,
    pub(super) now: String,
    /// The median of the earlier runs.
    pub(super) median: String,
    pub(super) chart: Chart,
    pub(super) from: String,
    pub(super) to: String,
}

/// A figure: its name, how it is read, and how it is shown.
type Figure = (&'static str, fn(&RunFigures) -> Option<f64>, fn(f64) -> String);

/// The figures, in order.
const FIGURES: [Figure; 4] = [
    ("not mirrored", |run| run.not_mirrored.map(as_f64), |value| thousands(whole(value))),
    ("duration", |run| run.elapsed_seconds, span),
    ("copied", |run| run.bytes_copied.map(as_f64), |value| size(whole(value))),
    ("requests", |run| run.requests.map(as_f64), |value| thousands(whole(value))),
];

/// The figures of the last runs; none if this is the first run.
pub(super) fn of(report: &Report) -> Vec<Trend> {
    let runs = &report.runs;
    let [Some(first), Some(last)] = [runs.first(), runs.last()] else { return Vec::new() };
    if runs.len() < 2 {
        return Vec::new();
    }
    let trend = |(label, read, show): Figure| {
        let values: Vec<Value> = runs.iter().map(|run| value(run, read, show)).collect();
        let earlier: Vec<f64> = runs[..runs.len() - 1].iter().filter_map(read).collect();
        Trend {
            label,
            now: read(last).map_or_else(|| "unknown".to_owned(), show),
            median: median(earlier).map_or_else(|| "unknown".to_owned(), show),
            chart: Chart::of(format!("{label} of the last {} runs", runs.len()), values),
            from: day(first.began),
            to: day(last.began),
        }
    };
    FIGURES.into_iter().map(trend).collect()
}

fn value(run: &RunFigures, read: fn(&RunFigures) -> Option<f64>, show: fn(f64) -> String) -> Value {
    let class = match run.outcome {
        Some(Outcome::Complete) => "good",
        Some(Outcome::Partial | Outcome::Interrupted) => "warn",
        _ => "bad",
    };
    let outcome = run.outcome.map_or("not ended", Outcome::code);
    let figure = read(run).map_or_else(|| "no figures".to_owned(), show);
    (read(run).unwrap_or_default(), class, format!("{}, {outcome}: {figure}", moment(run.began)))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
