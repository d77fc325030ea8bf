//! What a run did, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytesize::ByteSize;
use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;
use mediamirror::engine::{Choice, Outcome, Problem, Summary};

use super::plain;

/// The whole summary; with `latency`, the time each kind of request took.
pub(crate) fn text(summary: &Summary, latency: bool) -> String {
    let mut text = counts(summary);
    for problem in &summary.problems {
        let _ = writeln!(text, "  {}: {}", plain::line(&problem.name), plain::line(&reason(problem)));
    }
    if latency && !summary.latency.is_empty() {
        let _ = writeln!(text, "\n{}", latency_table(&summary.latency));
    }
    text
}

/// The counts, one kind a line.
fn counts(summary: &Summary) -> String {
    let (assets, blobs, locators, requests) = (&summary.assets, &summary.blobs, &summary.locators, &summary.requests);
    let done = if summary.outcome == Outcome::DryRun { "to mirror" } else { "mirrored" };
    let copied = if summary.outcome == Outcome::DryRun { "to copy" } else { "copied" };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "outcome  {}\nassets   {} in scope: {} {done}, {} unchanged, {} skipped, {} failed, {} conflicts",
        outcome(summary.outcome),
        assets.total,
        assets.mirrored,
        assets.unchanged,
        assets.skipped,
        assets.failed,
        assets.conflicts,
    );
    if assets.gone > 0 {
        let _ = writeln!(
            text,
            "gone     {} mirrored before and not listed by the source any more; their copies stay on the target",
            assets.gone,
        );
    }
    let _ = writeln!(
        text,
        "blobs    {} {copied} ({}), {} unchanged, {} failed",
        blobs.copied,
        ByteSize(summary.bytes_copied),
        blobs.unchanged,
        blobs.failed,
    );
    for Choice { method, blobs, bytes, why, .. } in &summary.copies {
        let _ = writeln!(text, "copies   {blobs} ({}) by {method}: {why}", ByteSize(*bytes));
    }
    let _ = writeln!(
        text,
        "locators {} {done}, {} unchanged, {} failed",
        locators.mirrored, locators.unchanged, locators.failed,
    );
    let _ = writeln!(
        text,
        "requests {} media, {} blob\ntime     {:.1} s",
        requests.media,
        requests.blob,
        summary.elapsed.as_secs_f64(),
    );
    if let Some(forecast) = &summary.forecast {
        let _ = writeln!(
            text,
            "a run    {} media and {} blob requests, {}, about {:.1} s under the configured limits",
            forecast.requests.media,
            forecast.requests.blob,
            ByteSize(forecast.bytes),
            forecast.duration.as_secs_f64(),
        );
        if forecast.estimated_polls > 0 {
            let _ = writeln!(
                text,
                "         about {} of the blob requests look how asynchronous copies go: an estimate, their speed is not promised",
                forecast.estimated_polls,
            );
        }
    }
    text
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Complete => "complete",
        Outcome::Partial => "partial: some assets are not mirrored",
        Outcome::Held => "held: a guard holds changes back until you allow them",
        Outcome::Interrupted => "interrupted",
        Outcome::DryRun => "dry run: nothing was changed",
    }
}

/// Why an asset is not complete on the target, and what to do about it.
pub(crate) fn reason(problem: &Problem) -> String {
    problem.finding.line(true)
}

/// Percentiles in milliseconds, one kind of request a row.
pub(crate) fn latency_table(latency: &BTreeMap<&'static str, Histogram<u64>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["request", "count", "p50 ms", "p90 ms", "p99 ms", "max ms"]);
    for (operation, histogram) in latency {
        let mut row = vec![(*operation).to_owned(), histogram.len().to_string()];
        row.extend([0.5, 0.9, 0.99].map(|quantile| milliseconds(histogram.value_at_quantile(quantile))));
        row.push(milliseconds(histogram.max()));
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Microseconds as milliseconds with one decimal.
fn milliseconds(micros: u64) -> String {
    format!("{}.{}", micros / 1_000, micros % 1_000 / 100)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use mediamirror::engine::{AssetCounts, BlobCounts, KeptCounts, LocatorCounts, Reason, RequestCounts};
    use mediamirror::model::{AssetId, CopyMethod};
    use mediamirror::verdict::{Cause, Class, Finding};

    use super::*;

    /// A summary with one conflict in it.
    pub(crate) fn example() -> Summary {
        let mut histogram = Histogram::new(2).unwrap();
        histogram.record(1_500).unwrap();
        Summary {
            outcome: Outcome::Partial,
            verdict: Outcome::Partial,
            findings: Vec::new(),
            withdrawn: 0,
            held: 0,
            kept: KeptCounts::default(),
            assets: AssetCounts { total: 3, mirrored: 1, unchanged: 1, conflicts: 1, ..AssetCounts::default() },
            blobs: BlobCounts { copied: 4, unchanged: 2, failed: 0 },
            bytes_copied: 4_096,
            copies: vec![Choice {
                method: CopyMethod::Put,
                reason: Reason::Small,
                why: "one request is the cheapest".to_owned(),
                blobs: 4,
                bytes: 4_096,
            }],
            locators: LocatorCounts { mirrored: 1, unchanged: 1, failed: 1 },
            requests: RequestCounts { media: 9, blob: 7 },
            elapsed: Duration::from_millis(1_234),
            problems: vec![Problem {
                asset: AssetId::new("nb:cid:UUID:1"),
                name: "taken".to_owned(),
                class: Class::Conflict,
                finding: Finding::new(Cause::LocatorIdTaken, "by asset 7"),
                owed: true,
            }],
            causes: BTreeMap::from([(Cause::LocatorIdTaken, 1)]),
            forecast: None,
            latency: BTreeMap::from([("PutBlobFromUrl", histogram)]),
        }
    }

    #[test]
    fn the_summary_names_every_count_and_every_problem() {
        let text = text(&example(), false);
        assert!(text.contains("3 in scope: 1 mirrored, 1 unchanged, 0 skipped, 0 failed, 1 conflicts"), "{text}");
        assert!(text.contains("4 copied (4.0 KiB), 2 unchanged, 0 failed"), "{text}");
        assert!(text.contains("copies   4 (4.0 KiB) by put: one request is the cheapest\n"), "{text}");
        assert!(
            text.contains("taken: locator-id-taken: its locator id is already used on the target: by asset 7; delete"),
            "{text}"
        );
        assert!(!text.contains("PutBlobFromUrl"), "latency is for -v: {text}");
    }

    #[test]
    fn latency_is_shown_by_kind_of_request() {
        let text = text(&example(), true);
        let row = text.lines().find(|line| line.contains("PutBlobFromUrl")).expect("a row");
        assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["PutBlobFromUrl", "1", "1.5", "1.5", "1.5", "1.5"]);
    }

    #[test]
    fn the_json_has_the_promised_shape() {
        let json = serde_json::to_value(example()).unwrap();
        for path in [
            "/outcome",
            "/assets/total",
            "/assets/mirrored",
            "/assets/unchanged",
            "/assets/skipped",
            "/assets/failed",
            "/assets/conflicts",
            "/assets/gone",
            "/blobs/copied",
            "/blobs/unchanged",
            "/blobs/failed",
            "/bytes_copied",
            "/locators/mirrored",
            "/locators/unchanged",
            "/locators/failed",
            "/problems/0/result",
            "/problems/0/code",
            "/problems/0/detail",
            "/causes/locator-id-taken",
            "/requests/media",
            "/requests/blob",
            "/elapsed_seconds",
        ] {
            assert!(json.pointer(path).is_some(), "{path} is missing in {json}");
        }
    }
}
