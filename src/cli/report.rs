//! `report`: the report of a run, from the ledger or from a file. It sends no requests.

mod csv;
mod text;

use std::path::Path;

use mediamirror::files;
use mediamirror::ledger::{Ledger, RunRow};
use mediamirror::redact::mask;
use mediamirror::report::{self, ReadError, Report};

use super::args::global::Output;
use super::args::report::ReportArgs;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::format::Format;
use super::printer::Printer;
use super::runs::{Place, find};

/// The most assets in a report without `--all`: a few megabytes.
const MOST_ASSETS: usize = 10_000;

/// What it prints as JSON.
pub(crate) const FORMAT: Format = Format::of::<Report>("report", "the report of a run");

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &ReportArgs) -> Result<ExitCode, CommandFailure> {
    if args.csv && context.global.output == Output::Json {
        return Err(CommandFailure::new(ExitCode::Usage, "--csv prints no JSON", "leave out --output json"));
    }
    let mut report = if let Some(path) = &args.from {
        report::read(path).map_err(|error| unreadable(path, &error))?
    } else {
        let place = Place::of(context)?;
        let ledger = place.open()?;
        let made = made(&ledger, &place, args).await;
        ledger.close().await?;
        made?
    };
    if let Some(path) = &args.ready {
        report.ready = Some(report::read_readiness(path).map_err(|error| unreadable(path, &error))?);
    }
    if let Some(path) = &args.html {
        let page = report::page(&report);
        files::write_public(path, &mask(&page)).map_err(|error| CommandFailure::file("write", path, &error))?;
        context.printer.note(&format!("the report of run {} is in {}", report.run.id, path.display()));
    }
    match () {
        // It was already printed while the ledger was read.
        () if args.csv => {}
        () if args.json => Printer::json(&report)?,
        () if args.html.is_none() || context.global.output == Output::Json => {
            context.printer.result(&report, || text::text(&report))?;
        }
        () => {}
    }
    Ok(ExitCode::Success)
}

/// Makes the report from the ledger, and prints the table, if requested.
async fn made(ledger: &Ledger, place: &Place, args: &ReportArgs) -> Result<Report, CommandFailure> {
    let runs = ledger.runs(usize::MAX).await?;
    let run: &RunRow = find(&runs, args.run.as_deref())?;
    if args.csv {
        csv::print(ledger, run).await?;
    }
    let most = if args.all { usize::MAX } else { MOST_ASSETS };
    let target = if run.source == place.source { &place.target } else { &place.source };
    let report = report::collect(ledger, (run, &runs), target, most).await?;
    Ok(match &place.prices {
        Some(prices) => report.priced(prices),
        None => report,
    })
}

fn unreadable(path: &Path, error: &ReadError) -> CommandFailure {
    let remedy = match error {
        ReadError::File(_) => "check the path, and that this user may read the file",
        ReadError::NotAReport(_) => "give a file that the named command wrote as JSON",
        ReadError::Newer(_) => "use the release that wrote it, or a later one",
    };
    CommandFailure::new(ExitCode::Refused, format!("failed to read {}: {error}", path.display()), remedy)
}
