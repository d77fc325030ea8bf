//! The summary of a run as text.

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytesize::ByteSize;
use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;
use mediamirror::engine::{DeletedCounts, Guard, MethodCount, Outcome, RequestCounts, Summary};
use mediamirror::model::LeftOut;
use mediamirror::plan::Counts;
use mediamirror::report::{counted, thousands};

use super::changes::Kept;
use super::plain;
use super::wrap::{labelled, wrapped};

/// Pauses that are shorter than this are not mentioned; in seconds.
const NOTABLE_PAUSE: u64 = 10;

/// One line for each asset that was changed or is not mirrored, one for each finding about the run as a whole, then the
/// total in one line; with `verbose`, the counts of each kind and the time of each kind of request instead of the
/// total. For a run that changed nothing, it is only the total.
pub(crate) fn text(summary: &Summary, changes: &Kept, verbose: bool) -> String {
    let mut text = changes.text();
    for finding in &summary.findings {
        text.push_str(&wrapped("! ", &plain::line(&finding.line(true))));
    }
    if verbose {
        text.push_str(&counts(summary));
        if !summary.latency.is_empty() {
            let _ = writeln!(text, "\n{}", latency_table(&summary.latency));
        }
    } else {
        text.push_str(&wrapped("", &total(summary)));
        forecast(summary, &mut text);
    }
    applied(summary, &mut text);
    held(summary, &mut text);
    text
}

/// How much of a plan was applied.
fn applied(summary: &Summary, text: &mut String) {
    let Some(Counts { items, applied, stale, not_planned, .. }) = summary.plan else { return };
    let mut parts = vec![format!("{} of {} done", thousands(applied), counted(items, "item"))];
    if stale > 0 {
        parts.push(format!("{} refused because something changed since", thousands(stale)));
    }
    let rest = items.saturating_sub(applied + stale);
    if rest > 0 {
        parts.push(format!("{} no longer needed, failed or not reached", thousands(rest)));
    }
    if not_planned > 0 {
        parts.push(format!("{} more to do that are not in the plan", thousands(not_planned)));
    }
    text.push_str(&labelled("plan", &parts.join("; ")));
}

/// How to allow what a guard held. A dry run holds nothing: only a real run records held changes in the state of the
/// pair.
fn held(summary: &Summary, text: &mut String) {
    if summary.outcome == Outcome::Held && summary.held > 0 {
        let flags = summary.held_by.iter().map(|guard| format!(" {} {}", flag(*guard), summary.run));
        let after = "after you have checked the source, run `sync` again with";
        let held = format!("{}; {after}{}", counted(summary.held, "asset"), flags.collect::<String>());
        text.push_str(&labelled("held", &held));
    }
}

/// The option that allows what a guard held.
fn flag(guard: Guard) -> &'static str {
    match guard {
        Guard::Withdraw => "--allow-withdraw",
        Guard::Shrink => "--allow-shrink",
        Guard::Overwrite => "--allow-overwrite",
        Guard::Delete => "--allow-delete",
    }
}

/// Outcome, changes and cost in one line.
fn total(summary: &Summary) -> String {
    let (assets, blobs, locators, requests) = (&summary.assets, &summary.blobs, &summary.locators, &summary.requests);
    let dry = summary.outcome == Outcome::DryRun;
    let (mirrored, copied) = if dry { ("to mirror", "to copy") } else { ("mirrored", "copied") };
    let mut parts = Vec::new();
    for (count, what) in [
        (assets.mirrored, mirrored),
        (assets.skipped, "skipped"),
        (assets.failed, "failed"),
        (assets.conflicts, if assets.conflicts == 1 { "conflict" } else { "conflicts" }),
        // Including assets that the source does not list any more.
        (summary.held, "held"),
        (assets.unchecked, "not checked"),
        (assets.gone, "gone from the source"),
    ] {
        if count > 0 {
            parts.push(format!("{} {what}", thousands(count)));
        }
    }
    if blobs.copied > 0 {
        parts.push(format!("{} {copied} ({})", counted(blobs.copied, "blob"), ByteSize(summary.bytes_copied)));
    }
    if blobs.failed > 0 {
        parts.push(format!("{} failed", counted(blobs.failed, "blob")));
    }
    if locators.mirrored > 0 {
        parts.push(format!("{} {mirrored}", counted(locators.mirrored, "locator")));
    }
    if locators.failed > 0 {
        parts.push(format!("{} failed", counted(locators.failed, "locator")));
    }
    parts.extend(deleted(summary));
    if parts.is_empty() {
        // The number of unchanged assets is omitted: all are unchanged.
        parts.push(if summary.outcome == Outcome::Interrupted { "nothing done" } else { "nothing to do" }.to_owned());
    } else if assets.unchanged > 0 {
        parts.insert(0, format!("{} unchanged", thousands(assets.unchanged)));
    }
    parts.extend(left_out(summary.left_out));
    parts.extend(to_delete(summary));
    format!(
        "{}: {}, {} ({}, {:.1} s{})",
        word(summary.outcome),
        counted(assets.total, "asset"),
        parts.join(", "),
        counted(requests.media + requests.blob, "request"),
        summary.elapsed.as_secs_f64(),
        pauses(requests),
    )
}

/// What was deleted, if anything was.
fn deleted(summary: &Summary) -> Option<String> {
    let DeletedCounts { assets, blobs, bytes } = summary.deleted;
    let done = if summary.outcome == Outcome::DryRun { "to delete" } else { "deleted" };
    let blobs = format!("{} {done} ({})", counted(blobs, "blob"), ByteSize(bytes));
    match assets {
        0 if summary.deleted == DeletedCounts::default() => None,
        0 => Some(blobs),
        _ => Some(format!("{} and {blobs}", counted(assets, "asset"))),
    }
}

/// What will be deleted later, if anything.
fn to_delete(summary: &Summary) -> Option<String> {
    let first = summary.pending_deletions.first()?;
    let blobs = summary.pending_deletions.iter().map(|pending| pending.blobs).sum();
    Some(format!("{} to be deleted from {:.0} on", counted(blobs, "blob"), first.on))
}

/// What the configuration leaves out, if anything: the outcome does not include it.
pub(crate) fn left_out(left_out: LeftOut) -> Option<String> {
    let blobs = counted(left_out.blobs(), "blob");
    match left_out {
        LeftOut { by_path: 0, archived: 0 } => None,
        LeftOut { archived: 0, .. } => Some(format!("{blobs} left out")),
        LeftOut { archived, .. } => Some(format!("{blobs} left out ({} archived)", thousands(archived))),
    }
}

/// The pauses that services asked for, if they were long.
fn pauses(requests: &RequestCounts) -> String {
    let seconds = requests.pauses.as_secs();
    match requests.pause_limit_reached {
        true => format!(", a service asked for pauses of more than the {seconds} s that were granted"),
        false if seconds >= NOTABLE_PAUSE => format!(", a service asked for pauses of {seconds} s"),
        false => String::new(),
    }
}

/// The outcome as in JSON, except for `dry run`, which has two words.
fn word(outcome: Outcome) -> &'static str {
    if outcome == Outcome::DryRun { "dry run" } else { outcome.code() }
}

/// The counts, one kind per line.
fn counts(summary: &Summary) -> String {
    let (assets, blobs, locators, requests) = (&summary.assets, &summary.blobs, &summary.locators, &summary.requests);
    let done = if summary.outcome == Outcome::DryRun { "to mirror" } else { "mirrored" };
    let copied = if summary.outcome == Outcome::DryRun { "to copy" } else { "copied" };
    let mut text = String::new();
    let _ = writeln!(text, "outcome  {}", outcome(summary.outcome));
    let of_assets = format!(
        "{} in scope: {} {done}, {} unchanged, {} skipped, {} failed, {} conflicts, {} held, {} not checked",
        assets.total,
        assets.mirrored,
        assets.unchanged,
        assets.skipped,
        assets.failed,
        assets.conflicts,
        assets.held,
        assets.unchecked,
    );
    text.push_str(&labelled("assets", &of_assets));
    if assets.gone > 0 {
        let gone = "mirrored before and no longer listed by the source; their copies stay on the target";
        text.push_str(&labelled("gone", &format!("{} {gone}", assets.gone)));
    }
    let _ = writeln!(
        text,
        "blobs    {} {copied} ({}), {} unchanged, {} failed",
        blobs.copied,
        ByteSize(summary.bytes_copied),
        blobs.unchanged,
        blobs.failed,
    );
    if let Some(left_out) = left_out(summary.left_out) {
        let _ = writeln!(text, "         {left_out}");
    }
    for line in deleted(summary).into_iter().chain(to_delete(summary)) {
        text.push_str(&labelled("", &line));
    }
    for MethodCount { method, blobs, bytes, why, .. } in &summary.copies {
        text.push_str(&labelled("copies", &format!("{blobs} ({}) by {method}: {why}", ByteSize(*bytes))));
    }
    let _ = writeln!(
        text,
        "locators {} {done}, {} unchanged, {} failed",
        locators.mirrored, locators.unchanged, locators.failed,
    );
    let _ = writeln!(
        text,
        "requests {} media, {} blob\ntime     {:.1} s{}",
        requests.media,
        requests.blob,
        summary.elapsed.as_secs_f64(),
        pauses(requests),
    );
    forecast(summary, &mut text);
    text
}

/// What a run will cost, after a dry run.
fn forecast(summary: &Summary, text: &mut String) {
    if let Some(forecast) = &summary.forecast {
        let _ = writeln!(text, "a run    would be {}", outcome(summary.verdict));
        let cost = format!(
            "{} media and {} blob requests, {}, about {:.1} s under the configured limits",
            forecast.requests.media,
            forecast.requests.blob,
            ByteSize(forecast.bytes),
            forecast.duration.as_secs_f64(),
        );
        text.push_str(&labelled("", &cost));
        if forecast.estimated_polls > 0 {
            let _ = writeln!(
                text,
                "         about {} of the blob requests are polls of asynchronous copies (estimate)",
                forecast.estimated_polls,
            );
        }
    }
}

/// The outcome, and what it means.
pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Partial => "partial: some assets are not mirrored",
        Outcome::Held => "held: some changes were not made, because you have to decide",
        Outcome::DryRun => "dry run: nothing was changed",
        Outcome::Complete | Outcome::Interrupted | Outcome::Failed => outcome.code(),
    }
}

/// Percentiles in milliseconds, one kind of request per row.
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
