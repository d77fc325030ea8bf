//! `ready`: which assets would play from the target now.

mod text;

use jiff::Timestamp;
use mediamirror::clock;
use mediamirror::engine::Options;
use mediamirror::ledger::Ledger;
use mediamirror::ready::{Assessment, Readiness, assess};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::args::ReadyArgs;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::format::Format;
use super::notify::metrics::{Label, Metrics, Prefix};
use super::notify::{Finished, Subject, notified};
use super::progress::Work;
use super::session::Session;
use super::sync::{accounts, read_ledger};

/// What is printed as JSON.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct Report {
    /// Are as many assets ready as required?
    reached: bool,
    /// The required share of ready assets, in percent.
    required_percent: f64,
    #[serde(flatten)]
    readiness: Readiness,
    /// The required share as a fraction of 1.
    #[serde(skip)]
    required: f64,
}

/// What it prints as JSON.
pub(crate) const FORMAT: Format = Format::of::<Report>("ready", "which assets would play from the target now");

/// An assessment.
const SUBJECT: Subject = Subject {
    command: "ready",
    prefix: Prefix::Ready,
    outcomes: &["ready", "not-ready"],
    is_recorded: false,
    is_dry: false,
};

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &ReadyArgs) -> Result<ExitCode, CommandFailure> {
    let command = async { assessed(&open(context, args).await?, context, args).await };
    notified(context, &args.notify, SUBJECT, Box::pin(command)).await
}

/// Runs the command as a drill, and records the result.
pub(crate) async fn drill(context: &Context, args: &ReadyArgs) -> Result<ExitCode, CommandFailure> {
    let session = open(context, args).await?;
    let mut report = Box::pin(assessed(&session, context, args)).await?;
    let drill = report.readiness.drill(args.require);
    report.reached = drill.passed;
    let (source, target) = accounts(&session);
    let recorded = Ledger::record_drill(&session.config.ledger, &source, &target, &drill);
    if recorded.is_ok() {
        report.readiness.last_drill = Some(drill);
    }
    // The result is printed even if it cannot be recorded.
    report.print(context)?;
    recorded?;
    Ok(report.code())
}

/// Opens a session without a request to the source: the assessment does that, and also works without it.
async fn open(context: &Context, args: &ReadyArgs) -> Result<Session, CommandFailure> {
    Session::open_target(context, &args.scope.overrides()).await
}

async fn assessed(session: &Session, context: &Context, args: &ReadyArgs) -> Result<Report, CommandFailure> {
    let ledger = read_ledger(session)?;
    let assessment = Assessment {
        options: Options { policy: session.config.policy.clone(), ..args.scope.options() },
        ask_source: !args.without_source,
        probe: args.probe.map(Into::into),
        sample: args.sample(&clock::now().strftime("%Y-%m-%d").to_string()),
        origin: args.origin.clone(),
        rows: args.all,
    };
    let progress = context.screen.start("ready", Work::List, &session.pair);
    let result = Box::pin(assess(&session.pair, &ledger, &assessment, &progress)).await;
    progress.finish();
    ledger.close().await?;
    let readiness = result.map_err(|error| CommandFailure::of(&error, false))?;
    let reached = readiness.reaches(args.require);
    Ok(Report { reached, required_percent: args.require * 100.0, readiness, required: args.require })
}

impl Finished for Report {
    fn code(&self) -> ExitCode {
        if self.reached { ExitCode::Success } else { ExitCode::Differences }
    }

    fn outcome(&self) -> &'static str {
        if self.reached { "ready" } else { "not-ready" }
    }

    fn run(&self) -> Option<&str> {
        None
    }

    fn print(&self, context: &Context) -> Result<(), CommandFailure> {
        context.printer.report(self.reached, self, || text::text(&self.readiness, self.reached, self.required))
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).expect("results have text keys and no failing serialiser")
    }

    fn findings(&self) -> u64 {
        let assets = &self.readiness.assets;
        (assets.not_ready + assets.unknown).saturating_sub(assets.accepted)
    }

    fn hint(&self) -> Option<&str> {
        None
    }

    fn measure(report: Option<&Self>, metrics: &mut Metrics) {
        let Some(Self { readiness, .. }) = report else { return };
        let by = |label, word: &str| vec![(label, word.to_owned())];
        let assets = &readiness.assets;
        let assets = [("ready", assets.ready), ("not-ready", assets.not_ready), ("unknown", assets.unknown)];
        let assets = assets.map(|(outcome, count)| (by(Label::Outcome, outcome), count.into()));
        metrics.gauge("assets", "Assets that should play from the target, by whether they would.", assets);
        let causes = readiness.causes.iter();
        let causes = causes.map(|(cause, count)| (by(Label::Cause, cause.code()), (*count).into()));
        metrics.gauge("problems", "Assets that are not ready or unknown, by cause.", causes);
        let bytes = &readiness.coverage.bytes;
        let (ready, missing) = (bytes.ready, bytes.total.saturating_sub(bytes.ready));
        let bytes = [("ready", ready), ("not-ready", missing)];
        let bytes = bytes.map(|(outcome, count)| (by(Label::Outcome, outcome), count.into()));
        metrics.gauge("bytes", "Bytes of blobs of assets that should play, by whether they would.", bytes);
        // A time and not an age, because an age would be updated only by the next run.
        let at = u64::try_from(readiness.at.as_second()).unwrap_or_default();
        let point = readiness.recovery_point_seconds.map(|age| (vec![], at.saturating_sub(age).into()));
        let help = "Everything that the source had at this time is on the target.";
        metrics.gauge("recovery_point_timestamp_seconds", help, point);
        let drill = readiness.last_drill.as_ref();
        let time =
            |at: Option<Timestamp>| at.and_then(|at| u64::try_from(at.as_second()).ok()).map(|at| (vec![], at.into()));
        metrics.gauge("last_drill_timestamp_seconds", "When the last drill was.", time(drill.map(|drill| drill.at)));
        let passed = time(drill.and_then(|drill| drill.last_passed));
        metrics.gauge("last_passed_drill_timestamp_seconds", "When a drill last passed.", passed);
    }
}
