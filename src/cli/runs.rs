//! `runs`: the history of runs in the ledger. Only `retry` sends requests.

mod prune;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use bytesize::ByteSize;
use comfy_table::{CellAlignment, Table, presets};
use jiff::Timestamp;
use mediamirror::config::{Config, Prices};
use mediamirror::engine::Outcome;
use mediamirror::ledger::{Event, Ledger, RunRow};
use mediamirror::model::{AccountName, AssetId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::args::runs::{RetryArgs, RunsArgs, RunsCommand};
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::format::Format;
use super::plain;
use super::sync::{self, Task, TaskPlan};
use super::wrap::wrapped;

/// A run that was killed or is still in progress.
const OPEN: &str = "not ended";

/// A run as this command shows it.
#[derive(Debug, JsonSchema, Serialize)]
struct Shown<'a> {
    /// The run's id.
    run: &'a str,
    /// The account that was mirrored.
    source: &'a AccountName,
    /// When it began.
    began: Timestamp,
    /// When it ended.
    ended: Option<Timestamp>,
    /// `None`: it was killed, or is still in progress.
    outcome: Option<Outcome>,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    /// Assets by how they ended; `None`: the run failed or did not end, and has no counts.
    assets: Option<&'a Value>,
    /// Requests to both sides.
    requests: Option<u64>,
    /// Bytes of the blobs copied.
    bytes_copied: Option<u64>,
}

/// Something that a run changed or found.
#[derive(Debug, JsonSchema, Serialize)]
struct Line<'a> {
    /// The source asset; `None`: it does not concern a single asset.
    asset: Option<&'a AssetId>,
    /// The asset's name then.
    name: Option<&'a str>,
    /// When.
    at: Timestamp,
    /// The code of a cause, or the kind of a change.
    code: &'a str,
    /// Is it the code of a cause? Else it is the kind of a change.
    cause: bool,
    /// Recorded details; the fields depend on the code.
    #[serde(flatten)]
    detail: &'a Map<String, Value>,
    #[serde(skip)]
    text: String,
}

/// A run with its events.
#[derive(Debug, JsonSchema, Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    run: Shown<'a>,
    /// What it changed and found.
    events: Vec<Line<'a>>,
}

impl<'a> From<&'a RunRow> for Shown<'a> {
    fn from(run: &'a RunRow) -> Self {
        let summary = run.ended.as_ref().and_then(|end| end.summary.as_ref());
        let number = |place: &str| summary?.pointer(place)?.as_u64();
        let requests = number("/requests/media").zip(number("/requests/blob"));
        Self {
            run: &run.id,
            source: &run.source,
            began: run.began,
            ended: run.ended.as_ref().map(|end| end.at),
            outcome: run.ended.as_ref().map(|end| end.outcome),
            error: run.ended.as_ref().and_then(|end| end.error.as_deref()),
            assets: summary.and_then(|summary| summary.get("assets")),
            requests: requests.map(|(media, blob)| media + blob),
            bytes_copied: number("/bytes_copied"),
        }
    }
}

/// What it prints as JSON.
pub(crate) const FORMATS: [Format; 4] = [
    Format::of::<Vec<Shown<'static>>>("runs-list", "earlier runs, the last one first"),
    Format::of::<Told<'static>>("runs-show", "an earlier run, with what it changed and found"),
    Format::of::<Told<'static>>("runs-errors", "an earlier run, with what it found"),
    Format::of::<prune::Pruned>("runs-prune", "the removed runs"),
];

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &RunsArgs) -> Result<ExitCode, CommandFailure> {
    let place = Place::of(context)?;
    match &args.command {
        RunsCommand::List(args) => list(context, &place, args.last.get()).await,
        RunsCommand::Show(args) => show(context, &place, args.run.as_deref(), false).await,
        RunsCommand::Errors(args) => show(context, &place, args.run.as_deref(), true).await,
        RunsCommand::Retry(args) => retry(context, &place, args).await,
        RunsCommand::Prune(args) => prune::run(context, &place, args).await,
    }
}

/// Where the ledger of the configuration's accounts is.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) source: AccountName,
    pub(crate) target: AccountName,
    pub(crate) prices: Option<Prices>,
}

impl Place {
    /// As the configuration says.
    pub(crate) fn of(context: &Context) -> Result<Self, CommandFailure> {
        let config = Config::load(&context.global.config)?;
        let [source, target] = [&config.source, &config.target].map(|side| AccountName::new(&side.account));
        Ok(Self { path: config.ledger, source, target, prices: config.prices })
    }

    /// The ledger, for reading.
    pub(crate) fn open(&self) -> Result<Ledger, CommandFailure> {
        Ledger::open_read_only(&self.path, &self.source, &self.target)?.ok_or_else(|| {
            let problem = format!("there is no ledger {}: nothing was mirrored yet", self.path.display());
            CommandFailure::new(ExitCode::Refused, problem, "run `mediamirror sync`, or name another --config")
        })
    }
}

async fn list(context: &Context, place: &Place, last: usize) -> Result<ExitCode, CommandFailure> {
    let ledger = place.open()?;
    let runs = ledger.runs(last).await;
    ledger.close().await?;
    let runs = runs?;
    let shown: Vec<Shown<'_>> = runs.iter().map(Shown::from).collect();
    context.printer.result(&shown, || table(&shown))?;
    Ok(ExitCode::Success)
}

async fn show(
    context: &Context,
    place: &Place,
    wanted: Option<&str>,
    errors: bool,
) -> Result<ExitCode, CommandFailure> {
    let ledger = place.open()?;
    let found = with_events(&ledger, wanted).await;
    ledger.close().await?;
    let (run, events) = found?;
    let lines = events.iter().map(line).filter(|line| line.cause || !errors);
    let told = Told { run: Shown::from(&run), events: lines.collect() };
    context.printer.result(&told, || text(&told))?;
    Ok(ExitCode::Success)
}

async fn retry(context: &Context, place: &Place, args: &RetryArgs) -> Result<ExitCode, CommandFailure> {
    let ledger = place.open()?;
    let found = with_events(&ledger, Some(&args.run)).await;
    ledger.close().await?;
    let (run, events) = found?;
    let refused = |problem: String, remedy: &str| Err(CommandFailure::new(ExitCode::Refused, problem, remedy));
    if run.source != place.source {
        let problem = format!("run {} mirrored account {}, and the source is {} now", run.id, run.source, place.source);
        return refused(problem, "use the configuration of that run");
    }
    // Only findings that are owed are retried.
    let owed = |event: &Event| event.finding().is_some_and(|(_, owed)| owed);
    let only: HashSet<AssetId> = events.into_iter().filter(owed).filter_map(|event| event.asset).collect();
    if only.is_empty() {
        let problem = format!("the ledger has no asset of run {} to retry", run.id);
        return refused(problem, "`mediamirror sync` resumes what that run did not reach");
    }
    let command = format!("runs retry {}", run.id);
    sync::run_task(
        context,
        Task { args: &args.mirror, rebuild_ledger: false, only: Some(only), plan: TaskPlan::No, command },
    )
    .await
}

/// The run with that id, or the last one, with its events.
async fn with_events(ledger: &Ledger, wanted: Option<&str>) -> Result<(RunRow, Vec<Event>), CommandFailure> {
    let runs = ledger.runs(usize::MAX).await?;
    let run = find(&runs, wanted)?.clone();
    let events = ledger.events_of(&run.id).await?;
    Ok((run, events))
}

/// The run with that id, or the last one, of runs with the newest first.
pub(crate) fn find<'a>(runs: &'a [RunRow], wanted: Option<&str>) -> Result<&'a RunRow, CommandFailure> {
    runs.iter().find(|run| wanted.is_none_or(|wanted| run.id == wanted)).ok_or_else(|| {
        let problem = wanted.map_or_else(|| "the ledger has no runs".to_owned(), |id| format!("there is no run {id}"));
        CommandFailure::new(ExitCode::Refused, problem, "`mediamirror runs list` shows all runs")
    })
}

fn line(event: &Event) -> Line<'_> {
    let (finding, change) = (event.finding(), event.change());
    let text = match (&finding, &change) {
        (Some((finding, _)), _) => finding.line(true),
        (None, Some(change)) => change.to_string(),
        (None, None) => event.code.clone(),
    };
    Line {
        asset: event.asset.as_ref(),
        name: event.name.as_deref(),
        at: event.at,
        code: &event.code,
        cause: finding.is_some(),
        detail: &event.detail,
        text,
    }
}

/// One run a row.
fn table(runs: &[Shown<'_>]) -> String {
    if runs.is_empty() {
        return "the ledger has no runs".to_owned();
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
            run.outcome.map_or(OPEN, Outcome::code).to_owned(),
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

/// A run, and one line for each change and each finding.
fn text(told: &Told<'_>) -> String {
    let run = &told.run;
    let mut text = String::new();
    let took = if run.ended.is_some() { format!(", took {}", took(run)) } else { String::new() };
    let outcome = run.outcome.map_or(OPEN, Outcome::code);
    let _ = writeln!(text, "run {}, began {:.0}{took}: {}", plain::line(run.run), run.began, outcome);
    if let Some(error) = run.error {
        text.push_str(&wrapped("! ", &plain::line(error)));
    }
    for line in &told.events {
        let name = line.name.or(line.asset.map(AssetId::as_str)).map_or_else(String::new, |name| format!("{name}  "));
        let sign = if line.cause { '!' } else { '~' };
        text.push_str(&wrapped(&format!("{sign} {}", plain::line(&name)), &plain::line(&line.text)));
    }
    if told.events.is_empty() {
        text.push_str("nothing was changed or found\n");
    }
    text
}
