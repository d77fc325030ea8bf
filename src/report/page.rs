//! The page: one file that opens offline, rendered only from the document. It loads nothing, and needs no script to be
//! read.
//!
//! Every text of the document is foreign: the template escapes all of it, and characters that change how a text is
//! displayed are shown as escapes.

mod changes;
mod problems;
mod speed;
mod trend;
mod verdict;

use std::fmt::Write as _;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use self::changes::{ChangeRow, Taken};
#[cfg(test)]
pub(super) use self::problems::SHOWN;
use self::problems::{Assets, CauseCard};
use self::speed::Speed;
use self::trend::Trend;
use self::verdict::Verdict;
use super::chart::Chart;
use super::document::{Cost, FindingReport, Report};
use super::figures::Figures;
use super::ready::Readiness;
use super::units::{self, counted, moment, number, size, span, thousands};
use crate::ledger::Drill;
use crate::plain;

/// The style sheet. Its hash is in the page's policy, so no other style is applied.
const STYLE: &str = include_str!("page/page.css");

/// Everything that the template shows, as text.
#[derive(Debug, Template)]
#[template(path = "page/page.html", config = "src/report/askama.toml")]
struct Page<'a> {
    policy: String,
    style: &'static str,
    report: &'a Report,
    verdict: Verdict,
    tiles: Vec<Tile>,
    findings: &'a [FindingReport],
    causes: Vec<CauseCard<'a>>,
    changes: Vec<ChangeRow>,
    taken: Taken<'a>,
    ready: Option<Ready<'a>>,
    speed: Option<Speed>,
    traffic: Vec<Traffic>,
    throttling: String,
    cost: Option<Money>,
    requests: String,
    trends: Vec<Trend>,
    assets: Assets<'a>,
    made: String,
}

/// A number that matters.
#[derive(Debug)]
struct Tile {
    value: String,
    label: &'static str,
    note: String,
    tone: &'static str,
}

/// Which assets would play from the target.
#[derive(Debug)]
struct Ready<'a> {
    share: String,
    chart: Chart,
    counts: String,
    recovery_point: Option<String>,
    last_drill: Option<String>,
    all: &'a Readiness,
}

/// One of an account's services.
#[derive(Debug)]
struct Traffic {
    service: String,
    account: String,
    requests: String,
    throttled: String,
    troubled: String,
    limit: String,
    is_throttled: bool,
}

/// What the requests cost.
#[derive(Debug)]
struct Money {
    amount: String,
    rows: [[String; 4]; 3],
}

/// The page of a report.
pub fn page(report: &Report) -> String {
    let report = harmless(report);
    let figures = Figures::of(report.summary.as_ref());
    let speed = figures.as_ref().map(Speed::of);
    let page = Page {
        policy: policy(),
        style: STYLE,
        verdict: Verdict::of(&report, figures.as_ref()),
        tiles: figures.as_ref().map(tiles).unwrap_or_default(),
        findings: &report.findings,
        causes: problems::causes(&report),
        changes: changes::rows(&report),
        taken: Taken::of(&report),
        ready: report.ready.as_ref().map(ready),
        speed,
        traffic: figures.as_ref().map(traffic).unwrap_or_default(),
        throttling: figures.as_ref().map(throttling).unwrap_or_default(),
        cost: report.cost.as_ref().map(money),
        requests: figures.as_ref().map(requests).unwrap_or_default(),
        trends: trend::of(&report),
        assets: Assets::of(&report),
        made: moment(report.made),
        report: &report,
    };
    page.render().expect("memory takes everything")
}

/// Nothing may be loaded, sent or framed, and only this style sheet is applied.
fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

/// The document without characters that change how a text is displayed.
fn harmless(report: &Report) -> Report {
    let value = serde_json::to_value(report).expect("a document is JSON");
    // Times, counts and codes are not changed, so the structure is the same.
    serde_json::from_value(harmless_value(value)).unwrap_or_else(|_| report.clone())
}

fn harmless_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(plain::line(&text).into_owned()),
        Value::Array(values) => values.into_iter().map(harmless_value).collect(),
        Value::Object(values) => values
            .into_iter()
            .map(|(key, value)| (plain::line(&key).into_owned(), harmless_value(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other,
    }
}

fn tiles(figures: &Figures) -> Vec<Tile> {
    let assets = figures.assets;
    let not_mirrored = assets.not_mirrored();
    let tile = |count: u64, label, note: String, tone| Tile { value: thousands(count), label, note, tone };
    let parts = [
        (assets.failed, "failed"),
        (assets.skipped, "skipped"),
        (assets.conflicts, "in conflict"),
        (assets.held, "held"),
        (assets.unchecked, "not checked"),
    ];
    let parts =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{} {what}", thousands(*count)));
    let parts = parts.collect::<Vec<_>>().join(", ");
    let left_out = figures.left_out.by_path + figures.left_out.archived;
    let left_out = if left_out > 0 {
        format!("{} left out by the configuration", counted(left_out, "blob"))
    } else {
        String::new()
    };
    let failed =
        if figures.blobs.failed > 0 { format!(", {} failed", thousands(figures.blobs.failed)) } else { String::new() };
    vec![
        tile(assets.total, "assets in scope", left_out, ""),
        tile(assets.mirrored, "new or changed", format!("{} unchanged", thousands(assets.unchanged)), ""),
        tile(not_mirrored, "not mirrored", parts, if not_mirrored > 0 { "warn" } else { "" }),
        tile(figures.blobs.copied, "blobs copied", format!("{}{failed}", size(figures.bytes_copied)), ""),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn ready(ready: &Readiness) -> Ready<'_> {
    let assets = &ready.assets;
    let percent = if assets.total > 0 { assets.ready as f64 / assets.total as f64 * 100.0 } else { 0.0 };
    // 99.96 % is not 100 %.
    let percent = if percent < 100.0 { (percent * 10.0).floor() / 10.0 } else { percent };
    let counts = format!(
        "{} of {} would play from the target, {} would not, {} unknown",
        thousands(assets.ready),
        counted(assets.total, "asset"),
        thousands(assets.not_ready),
        thousands(assets.unknown)
    );
    Ready {
        share: format!("{percent} %"),
        chart: Chart::share(counts.clone(), (assets.ready as f64, assets.total as f64), "good"),
        counts,
        recovery_point: ready.recovery_point_seconds.map(|seconds| span(seconds as f64)),
        last_drill: ready.last_drill.as_ref().map(drilled),
        all: ready,
    }
}

/// The last drill as a sentence.
fn drilled(drill: &Drill) -> String {
    let word = if drill.passed { "passed" } else { "failed" };
    let found = format!("{} of {} would have played", thousands(drill.ready), counted(drill.total, "asset"));
    let last = match drill.last_passed {
        _ if drill.passed => String::new(),
        Some(at) => format!("; the last one that passed was at {}", moment(at)),
        None => "; no drill has passed yet".to_owned(),
    };
    format!("The last drill {word} at {}: {found}{last}.", moment(drill.at))
}

fn traffic(figures: &Figures) -> Vec<Traffic> {
    let row = |lane: &super::figures::TrafficFigures| {
        let service = match lane.plane.as_str() {
            "media" => "media service",
            "blob-read" => "blob service, reads",
            "blob-write" => "blob service, writes",
            other => other,
        };
        let limit = match (lane.limits.requests_per_second, lane.limits.bytes_per_second) {
            (Some(requests), Some(bytes)) => format!("{} requests/s, {}/s", thousands(requests), size(bytes)),
            (Some(requests), None) => format!("{} requests/s", thousands(requests)),
            (None, Some(bytes)) => format!("{}/s", size(bytes)),
            (None, None) => "none".to_owned(),
        };
        let limit = if lane.has_timetable { format!("by timetable; at the end: {limit}") } else { limit };
        Traffic {
            service: format!("{}: {service}", lane.side),
            account: lane.account.clone(),
            requests: thousands(lane.requests),
            throttled: thousands(lane.throttled),
            troubled: thousands(lane.troubled),
            limit,
            is_throttled: lane.throttled > 0,
        }
    };
    figures.traffic.iter().map(row).collect()
}

fn throttling(figures: &Figures) -> String {
    let throttled: u64 = figures.traffic.iter().map(|lane| lane.throttled).sum();
    let mut text = match throttled {
        0 => "No service asked this run to slow down.".to_owned(),
        1 => "A service refused 1 request because of its rate; it was sent again.".to_owned(),
        many => format!("Services refused {} requests because of their rate; they were sent again.", thousands(many)),
    };
    if figures.requests.pauses_seconds >= 0.1 {
        let pauses = span(figures.requests.pauses_seconds);
        let _ = write!(text, " The longest pauses that a service asked for sum up to {pauses}.");
    }
    if figures.requests.pause_limit_reached {
        text.push_str(" A service asked for longer pauses than a run grants.");
    }
    text
}

fn requests(figures: &Figures) -> String {
    let requests = figures.requests;
    format!(
        "{}, retries included: {} to the media services, {} to the blob services.",
        counted(requests.media + requests.blob, "request"),
        thousands(requests.media),
        thousands(requests.blob)
    )
}

fn money(cost: &Cost) -> Money {
    let price = |value: f64| format!("{value} {}", cost.currency);
    let row = |what: &str, count: String, price: String, sum: f64| {
        [what.to_owned(), count, price, format!("{} {}", number(sum), cost.currency)]
    };
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let of = |count: u64, price: f64| count as f64 / 10_000.0 * price;
    Money {
        amount: format!("{} {}", number(cost.amount), cost.currency),
        rows: [
            row(
                "reads",
                thousands(cost.reads),
                format!("{} for 10,000", price(cost.price_of_reads)),
                of(cost.reads, cost.price_of_reads),
            ),
            row(
                "writes",
                thousands(cost.writes),
                format!("{} for 10,000", price(cost.price_of_writes)),
                of(cost.writes, cost.price_of_writes),
            ),
            row(
                "gigabytes that left the source's region",
                number(cost.gigabytes),
                format!("{} each", price(cost.price_of_gigabytes)),
                cost.gigabytes * cost.price_of_gigabytes,
            ),
        ],
    }
}
