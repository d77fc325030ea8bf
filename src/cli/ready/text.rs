//! The readiness as text: the verdict, the assets that would not play with cause and remedy, then the numbers.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bytesize::ByteSize;
use comfy_table::{Table, presets};
use jiff::Timestamp;
use mediamirror::engine::health::{Replication, Shield, SourceState, Tier};
use mediamirror::ledger::Drill;
use mediamirror::play::Depth;
use mediamirror::ready::{Ages, Basis, EndpointState, Part, ProbeCounts, Readiness, Row, Standing, Unready};
use mediamirror::report::{counted, thousands};
use mediamirror::verdict::Cause;

use crate::cli::plain;
use crate::cli::wrap::{labelled, wrapped};

/// Assets that are named; `--all` and JSON have the others.
const NAMED: usize = 50;
/// Characters of a name in a row.
const NAME: usize = 24;

/// The whole.
pub(super) fn text(readiness: &Readiness, reached: bool, required: f64) -> String {
    let mut text = wrapped("", &verdict(readiness, reached, required));
    for finding in &readiness.findings {
        text.push_str(&wrapped("! ", &plain::line(&finding.line(true))));
    }
    let mut explained = BTreeSet::new();
    unready(&mut text, "not ready", &readiness.not_ready, readiness.rows.is_some(), &mut explained);
    unready(&mut text, "unknown", &readiness.unknown, readiness.rows.is_some(), &mut explained);
    if let Some(rows) = &readiness.rows {
        let _ = writeln!(text, "{}", table(rows));
    }
    for (label, line) in numbers(readiness) {
        text.push_str(&labelled(label, &plain::line(&line)));
    }
    text
}

fn verdict(readiness: &Readiness, reached: bool, required: f64) -> String {
    let (assets, target) = (&readiness.assets, &readiness.target);
    if assets.total == 0 {
        return format!("NOT READY: no asset is known that should play from {target}");
    }
    let word = if reached { "READY" } else { "NOT READY" };
    let which = if assets.ready == assets.total {
        format!("all {}", counted(assets.total, "asset"))
    } else {
        format!("{} of {}", thousands(assets.ready), counted(assets.total, "asset"))
    };
    let percent = readiness.percent().unwrap_or_default();
    let required = if reached && required >= 1.0 { String::new() } else { format!("; required: {}", part(required)) };
    format!("{word}: {which} would play from {target} now ({}){required}", part(percent / 100.0))
}

/// A fraction in percent. Only 1 is written as 100 %.
fn part(part: f64) -> String {
    let percent = (part * 1e5).floor() / 1e3;
    format!("{percent} %")
}

/// Names assets. The remedy of each cause is printed once.
fn unready(text: &mut String, word: &str, assets: &[Unready], all: bool, explained: &mut BTreeSet<Cause>) {
    let shown = if all { assets.len() } else { NAMED };
    for one in assets.iter().take(shown) {
        let accepted = if one.accepted { " (accepted)" } else { "" };
        let start = format!("  {}: ", plain::line(&one.name));
        let line = one.finding().line(explained.insert(one.cause));
        text.push_str(&wrapped(&start, &plain::line(&format!("{word}{accepted}: {line}"))));
    }
    if assets.len() > shown {
        let more = thousands((assets.len() - shown) as u64);
        let _ = writeln!(text, "  and {more} more {word}; --all names them");
    }
}

fn numbers(readiness: &Readiness) -> Vec<(&'static str, String)> {
    let (assets, replication, coverage) = (&readiness.assets, &readiness.replication, &readiness.coverage);
    let counts = [
        (assets.not_ready, "not ready"),
        (assets.unknown, "unknown"),
        (assets.accepted, "of them accepted"),
        (assets.not_expected, "not published or withheld"),
    ];
    let mirrored = [
        (replication.current, "current"),
        (replication.as_recorded, "as last recorded"),
        (replication.behind, "behind the source"),
        (replication.missing, "missing"),
        (replication.unknown, "unknown"),
    ];
    let mut lines = vec![
        ("assets", format!("{} ready{}", thousands(assets.ready), listed(&counts))),
        ("mirrored", listed(&mirrored).trim_start_matches(", ").to_owned()),
        ("coverage", covered(coverage.assets, coverage.locators, coverage.bytes)),
        ("endpoint", endpoint(readiness)),
        ("recovery", recovery(readiness)),
    ];
    if readiness.pending.assets > 0 {
        lines.push(("pending", ages(&readiness.pending)));
    }
    lines.extend(readiness.probes.as_ref().map(|probes| ("probe", probed(probes))));
    lines.push(("proof", proofs(readiness)));
    lines.push(("source", source(readiness)));
    if let Some(drill) = &readiness.last_drill {
        lines.push(("drill", drilled(drill)));
    }
    lines.retain(|(_, line)| !line.is_empty());
    lines
}

/// Lists the counts that are not zero.
fn listed(counts: &[(u64, &str)]) -> String {
    let shown = counts.iter().filter(|(count, _)| *count > 0);
    shown.map(|(count, what)| format!(", {} {what}", thousands(*count))).collect::<Vec<_>>().concat()
}

fn covered(assets: Part, locators: Part, bytes: Part) -> String {
    let percent = |one: Part| {
        #[expect(clippy::cast_precision_loss, reason = "a percentage")]
        part(if one.total == 0 { 0.0 } else { one.ready as f64 / one.total as f64 })
    };
    let mut text = format!("{} of the assets", percent(assets));
    if locators.total > 0 {
        let _ = write!(text, ", {} of the locators", percent(locators));
    }
    let _ = write!(text, ", {} of the bytes ({} of {})", percent(bytes), ByteSize(bytes.ready), ByteSize(bytes.total));
    text
}

fn endpoint(readiness: &Readiness) -> String {
    let endpoint = &readiness.endpoint;
    let hosts = endpoint.hosts.join(", ");
    match endpoint.state {
        EndpointState::Running => format!("running: {hosts}"),
        EndpointState::Stopped => "stopped".to_owned(),
        EndpointState::Unreachable => format!("does not answer: {}", endpoint.detail),
        EndpointState::NotNeeded => format!("none needed: {hosts}"),
    }
}

fn recovery(readiness: &Readiness) -> String {
    let except = match readiness.replication.missing {
        0 => String::new(),
        missing => format!(
            ", except {} that {} no complete copy",
            counted(missing, "asset"),
            if missing == 1 { "has" } else { "have" }
        ),
    };
    match (readiness.recovery_point_seconds, readiness.recovery_point_basis) {
        (Some(0), Some(Basis::Comparison)) => format!("the target has everything that the source has now{except}"),
        (Some(seconds), Some(Basis::Comparison)) => {
            format!("the target has everything up to {} ago", length(seconds))
        }
        (Some(seconds), _) => {
            format!("what the source changed in the last {} may be missing (since the last whole run)", length(seconds))
        }
        (None, _) => "unknown: no run has compared all assets yet".to_owned(),
    }
}

/// A duration in its two largest units.
fn length(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min"),
        3_600..172_800 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

fn ages(ages: &Ages) -> String {
    let counts = [
        (ages.up_to_5_minutes, "for up to 5 min"),
        (ages.up_to_15_minutes, "for 5-15 min"),
        (ages.up_to_1_hour, "for 15-60 min"),
        (ages.up_to_24_hours, "for 1-24 h"),
        (ages.older, "for more than 24 h"),
        (ages.unknown, "for an unknown time"),
    ];
    format!("{} changed in the source: {}", counted(ages.assets, "asset"), listed(&counts).trim_start_matches(", "))
}

fn probed(probes: &ProbeCounts) -> String {
    let depth = match probes.depth {
        Depth::Endpoint => return "each streaming host was asked".to_owned(),
        Depth::Manifest => "manifests",
        Depth::Segment => "manifests and segments",
    };
    let seed = if probes.seed.is_empty() { String::new() } else { format!(", sample of seed {}", probes.seed) };
    let counts = [(probes.fails, "fail"), (probes.unknown, "unknown")];
    let assets = counted(probes.probed, "asset");
    let urls = counted(probes.urls, "URL");
    format!("{depth} of {assets}{seed}: {} play ({urls}){}", thousands(probes.plays), listed(&counts))
}

fn proofs(readiness: &Readiness) -> String {
    let proofs = &readiness.last_proof;
    let span = match (proofs.oldest, proofs.newest) {
        (Some(oldest), Some(newest)) if day(oldest) == day(newest) => format!("at {}", day(oldest)),
        (Some(oldest), Some(newest)) => format!("between {} and {}", day(oldest), day(newest)),
        _ => return listed(&[(proofs.never, "never proven by a run")]).trim_start_matches(", ").to_owned(),
    };
    format!("a run proved the copies {span}{}", listed(&[(proofs.never, "never")]))
}

fn source(readiness: &Readiness) -> String {
    let by = match readiness.last_whole_run {
        Some(at) => format!("judged by the ledger (last whole run {}) and the target", day(at)),
        None => "judged by the target's marks and what the ledger has".to_owned(),
    };
    match &readiness.source {
        SourceState::Answered => "answered".to_owned(),
        SourceState::Silent { why } => format!("does not answer: {by}; {why}"),
        SourceState::NotAsked if readiness.target_active => format!("not asked, the target is the active side: {by}"),
        SourceState::NotAsked => format!("not asked: {by}"),
    }
}

fn drilled(drill: &Drill) -> String {
    let (ready, total, played) = (thousands(drill.ready), counted(drill.total, "asset"), thousands(drill.played));
    let found = format!("{ready} of {total} ready, {played} played");
    let last = match drill.last_passed {
        _ if drill.passed => return format!("passed at {}: {found}", day(drill.at)),
        Some(at) => format!("the last one that passed was at {}", day(at)),
        None => "no drill has passed yet".to_owned(),
    };
    format!("failed at {}: {found}; {last}", day(drill.at))
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A row for each asset.
fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["asset", "ready", "mirrored", "host", "tier", "protected", "probe", "last proof"]);
    for row in rows {
        table.add_row([
            shortened(&plain::line(&row.name)),
            word(row.ready).to_owned(),
            replication(row.mirrored).to_owned(),
            match row.endpoint {
                EndpointState::Running | EndpointState::NotNeeded => "ok",
                EndpointState::Stopped => "stopped",
                EndpointState::Unreachable => "silent",
            }
            .to_owned(),
            match row.tier {
                Tier::Online => "ok",
                Tier::Archive => "archive",
                Tier::Unknown => "?",
            }
            .to_owned(),
            match row.protection {
                Shield::Clear => "no",
                Shield::Protected => "yes",
                Shield::Unknown => "?",
            }
            .to_owned(),
            row.probe.map_or("-", |plays| if plays { "ok" } else { "fails" }).to_owned(),
            row.last_proof.map_or_else(|| "never".to_owned(), |at| at.strftime("%m-%d %H:%M").to_string()),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME {
        name.to_owned()
    } else {
        format!("{}…", name.chars().take(NAME - 1).collect::<String>())
    }
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Ready => "yes",
        Standing::NotReady => "NO",
        Standing::Unknown => "?",
        Standing::NotExpected => "-",
    }
}

fn replication(replication: Replication) -> &'static str {
    match replication {
        Replication::Current => "current",
        Replication::Behind => "behind",
        Replication::Missing => "missing",
        Replication::AsRecorded => "recorded",
        Replication::Unknown => "?",
    }
}
