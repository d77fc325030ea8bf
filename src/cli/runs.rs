//! `runs`: the history of runs in the ledger. No service is asked.

use std::collections::HashMap;
use std::fmt::Write as _;

use bytesize::ByteSize;
use comfy_table::{CellAlignment, Table, presets};
use jiff::Timestamp;
use mediamirror::config::Config;
use mediamirror::ledger::{Event, Ledger, RunRow};
use mediamirror::model::{AccountName, AssetId};
use mediamirror::verdict::Cause;
use serde::Serialize;
use serde_json::{Map, Value};

use super::args::runs::{RunsArgs, RunsCommand};
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::plain;
use super::wrap::wrapped;

/// A run that was killed, or still goes on.
const OPEN: &str = "not ended";

/// A run as this command shows it.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    run: &'a str,
    source: &'a AccountName,
    began: Timestamp,
    ended: Option<Timestamp>,
    /// `None`: it was killed, or still goes on.
    outcome: Option<&'a str>,
    /// Assets by how they ended; `None`: the run has no counts, as it failed or did not end.
    assets: Option<&'a Value>,
    requests: Option<u64>,
    bytes_copied: Option<u64>,
}

/// Something that a run changed or found.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// The source asset; `None`: it concerns no single asset.
    asset: Option<&'a AssetId>,
    /// The asset's name, where the ledger knows it.
    name: Option<&'a str>,
    at: Timestamp,
    code: &'a str,
    /// Is it the code of a cause? Else it is the kind of a change.
    cause: bool,
    #[serde(flatten)]
    detail: &'a Map<String, Value>,
}

/// A run with its events.
#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    run: Shown<'a>,
    events: Vec<Line<'a>>,
}

impl<'a> From<&'a RunRow> for Shown<'a> {
    fn from(run: &'a RunRow) -> Self {
        let counts = run.ended.as_ref().and_then(|end| end.counts.as_ref());
        Self {
            run: &run.id,
            source: &run.source,
            began: run.began,
            ended: run.ended.as_ref().map(|end| end.at),
            outcome: run.ended.as_ref().map(|end| end.outcome.as_str()),
            assets: counts.map(|counts| &counts.assets),
            requests: counts.map(|counts| counts.requests),
            bytes_copied: counts.map(|counts| counts.bytes),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &RunsArgs) -> Result<ExitCode, CommandFailure> {
    let config = Config::load(&context.global.config)?;
    let [source, target] = [&config.source, &config.target].map(|side| AccountName::new(&side.account));
    let Some(ledger) = Ledger::open_read_only(&config.ledger, &source, &target)? else {
        let problem = format!("there is no ledger {}: nothing was mirrored yet", config.ledger.display());
        return Err(CommandFailure::new(
            ExitCode::Refused,
            problem,
            "run `mediamirror sync`, or name another --config",
        ));
    };
    let shown = match &args.command {
        RunsCommand::List(args) => list(context, &ledger, args.last.get()).await,
        RunsCommand::Show(args) => show(context, &ledger, args.run.as_deref(), false).await,
        RunsCommand::Errors(args) => show(context, &ledger, args.run.as_deref(), true).await,
    };
    ledger.close().await?;
    shown
}

async fn list(context: &Context, ledger: &Ledger, last: usize) -> Result<ExitCode, CommandFailure> {
    let runs = ledger.runs(last).await?;
    let shown: Vec<Shown<'_>> = runs.iter().map(Shown::from).collect();
    context.printer.result(&shown, || table(&shown))?;
    Ok(ExitCode::Success)
}

async fn show(
    context: &Context,
    ledger: &Ledger,
    wanted: Option<&str>,
    errors: bool,
) -> Result<ExitCode, CommandFailure> {
    let runs = ledger.runs(usize::MAX).await?;
    let Some(run) = runs.iter().find(|run| wanted.is_none_or(|wanted| run.id == wanted)) else {
        let problem = wanted.map_or_else(|| "the ledger knows no run".to_owned(), |id| format!("there is no run {id}"));
        return Err(CommandFailure::new(ExitCode::Refused, problem, "`mediamirror runs list` shows all runs"));
    };
    let events = ledger.events_of(&run.id).await?;
    let names = names(ledger, &events).await?;
    let lines = events.iter().map(|event| line(event, &names)).filter(|line| line.cause || !errors);
    let told = Told { run: Shown::from(run), events: lines.collect() };
    context.printer.result(&told, || text(&told))?;
    Ok(ExitCode::Success)
}

/// The names of the assets of some events, where the ledger knows them.
async fn names(ledger: &Ledger, events: &[Event]) -> Result<HashMap<AssetId, String>, CommandFailure> {
    let mut names = HashMap::new();
    for asset in events.iter().filter_map(|event| event.asset.as_ref()) {
        if !names.contains_key(asset)
            && let Some(name) = ledger.asset(asset).await?.and_then(|row| row.facts.name)
        {
            names.insert(asset.clone(), name);
        }
    }
    Ok(names)
}

fn line<'a>(event: &'a Event, names: &'a HashMap<AssetId, String>) -> Line<'a> {
    Line {
        asset: event.asset.as_ref(),
        name: event.asset.as_ref().and_then(|asset| names.get(asset)).map(String::as_str),
        at: event.at,
        code: &event.code,
        cause: Cause::of_code(&event.code).is_some(),
        detail: &event.detail,
    }
}

/// One run a row.
fn table(runs: &[Shown<'_>]) -> String {
    if runs.is_empty() {
        return "the ledger knows no run".to_owned();
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["run", "took", "outcome", "mirrored", "failed", "requests", "bytes"]);
    for run in runs {
        let number =
            |name: &str| run.assets.and_then(|assets| assets.get(name)).map_or(String::new(), Value::to_string);
        table.add_row([
            run.run.to_owned(),
            took(run),
            run.outcome.unwrap_or(OPEN).to_owned(),
            number("mirrored"),
            number("failed"),
            run.requests.map_or(String::new(), |requests| requests.to_string()),
            run.bytes_copied.map_or(String::new(), |bytes| ByteSize(bytes).to_string()),
        ]);
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    plain::lines(&table.to_string()).into_owned()
}

fn took(run: &Shown<'_>) -> String {
    let Some(ended) = run.ended else { return String::new() };
    let seconds = ended.duration_since(run.began).as_secs().max(0);
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5_999 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// A run, and one line for each thing that it changed or found.
fn text(told: &Told<'_>) -> String {
    let run = &told.run;
    let mut text = String::new();
    let took = if run.ended.is_some() { format!(", took {}", took(run)) } else { String::new() };
    let outcome = run.outcome.unwrap_or(OPEN);
    let _ = writeln!(text, "run {}, began {:.0}{took}: {}", plain::line(run.run), run.began, plain::line(outcome));
    for line in &told.events {
        let name = line.name.or(line.asset.map(AssetId::as_str)).map_or_else(String::new, |name| format!("{name}  "));
        let sign = if line.cause { '!' } else { '~' };
        let mut words = line.code.to_owned();
        for (key, value) in line.detail {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = write!(words, ", {key} {value}");
        }
        if let Some(cause) = Cause::of_code(line.code).filter(|_| line.cause) {
            let _ = write!(words, ": {}; {}", cause.sentence(), cause.remedy());
        }
        text.push_str(&wrapped(&format!("{sign} {}", plain::line(&name)), &plain::line(&words)));
    }
    if told.events.is_empty() {
        text.push_str("nothing was changed or found\n");
    }
    text
}
