//! `sync`: mirrors the library, or says what would be mirrored.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mediamirror::clock;
use mediamirror::connect::Pair;
use mediamirror::engine::{Limit, Options, Outcome, RunLimits, Summary, mirror};
use mediamirror::ledger::{Ledger, LedgerError};
use mediamirror::model::AccountName;
use mediamirror::monitor::{AssetOutcome, Monitor, RunEvent};
use serde::Serialize;
use tokio_util::task::AbortOnDropHandle;

use super::args::SyncArgs;
use super::args::global::Output;
use super::args::limits::Closed;
use super::changes::{Changed, Changes};
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::progress::Progress;
use super::session::Session;
use super::signals::Interruption;
use super::summary;

/// What the first Ctrl-C answers.
const DRAINING: &str = "stopping: work in progress finishes first; once more to leave at once";

/// What is printed as JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    changes: Vec<&'a Changed>,
    /// Changed assets that are not among them.
    changes_left_out: u64,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &SyncArgs) -> Result<ExitCode, CommandFailure> {
    // Before anything is asked: outside its window a run does nothing. A dry run has no limits.
    let limits = if args.dry_run { Ok(RunLimits::default()) } else { args.limits.limits(clock::now()) };
    let limits = limits.map_err(|closed| outside(&closed))?;
    let mut session = Session::open(context, &args.scope.overrides()).await?;
    session.check_of_blobs("--settings", args.settings)?;
    session.config.policy.guards = args.guards.limits().over(session.config.policy.guards);
    let mut options = args.options(&session.config.policy);
    options.limits = limits;
    let ledger = if args.rebuild_ledger { rebuilt(context, &session)? } else { open_ledger(&session, &options)? };
    let interruption = Interruption::listen(&context.screen, DRAINING)?;
    let json = context.global.output == Output::Json;
    let changes = Arc::new(Changes::new(args.all, json));
    let summary = mirrored(context, &session.pair, &ledger, &options, &interruption, &changes).await;
    let closed = ledger.close().await;
    let summary = summary?;
    closed?;
    let code = match (summary.outcome, summary.verdict) {
        (Outcome::Complete, _) | (Outcome::DryRun, Outcome::Complete) => ExitCode::Success,
        (Outcome::Held, _) | (Outcome::DryRun, Outcome::Held) => ExitCode::Held,
        (Outcome::Partial | Outcome::DryRun, _) => ExitCode::Partial,
        (Outcome::Interrupted, _) if summary.limit.is_some() => ExitCode::Limit,
        (Outcome::Interrupted, _) => interruption.code(),
    };
    let kept = changes.take();
    let report = Report { summary: &summary, changes: kept.changed(), changes_left_out: kept.more_changed() };
    let text = || summary::text(&summary, &kept, context.global.verbose > 0);
    let printed = context.printer.report(code == ExitCode::Success, &report, text);
    if summary.outcome == Outcome::Interrupted {
        context.printer.note(&resume_line(&context.global.config, summary.limit));
    }
    printed.map(|()| code)
}

/// It is not the time to run.
fn outside(closed: &Closed) -> CommandFailure {
    let remedy = format!("run again when it opens, at {:.0}, or without --window", closed.opens);
    CommandFailure::new(ExitCode::Limit, "outside --window: nothing was done", remedy)
}

/// One run of the engine, with its progress on the screen. `changes` keeps what it changed.
pub(crate) async fn mirrored(
    context: &Context,
    pair: &Arc<Pair>,
    ledger: &Ledger,
    options: &Options,
    interruption: &Interruption,
    changes: &Arc<Changes>,
) -> Result<Summary, CommandFailure> {
    let progress = context.screen.start("sync");
    let witness = Arc::new(Witness { progress, changes: Arc::clone(changes), wrote: AtomicBool::new(false) });
    let monitor: Arc<dyn Monitor> = witness.clone();
    let stop = interruption.stop.clone();
    // A task among the others: this future is polled by the program's first thread alone, which every answer of the ledger
    // and every end of an asset would have to wake.
    let run = tokio::spawn(mirror(Arc::clone(pair), ledger.clone(), options.clone(), monitor, stop));
    let result = match AbortOnDropHandle::new(run).await {
        Ok(result) => result,
        Err(error) => resume_unwind(error.into_panic()),
    };
    witness.progress.finish();
    result.map_err(|error| CommandFailure::of(&error, witness.wrote.load(Ordering::Relaxed)))
}

/// The ledger of the pair. A dry run only reads it, beside another run if need be.
fn open_ledger(session: &Session, options: &Options) -> Result<Ledger, LedgerError> {
    if options.dry_run {
        return read_ledger(session);
    }
    let (source, target) = accounts(session);
    Ledger::open(&session.config.ledger, &source, &target)
}

/// The ledger of the pair for reading, beside another run if need be; an empty one where there is none yet.
pub(crate) fn read_ledger(session: &Session) -> Result<Ledger, LedgerError> {
    let (source, target) = accounts(session);
    Ledger::open_read_only(&session.config.ledger, &source, &target)?.map_or_else(Ledger::in_memory, Ok)
}

/// A new ledger in the place of the one that is there, which is moved aside.
fn rebuilt(context: &Context, session: &Session) -> Result<Ledger, LedgerError> {
    let (source, target) = accounts(session);
    let path = &session.config.ledger;
    let (ledger, moved) = Ledger::rebuild(path, &source, &target)?;
    let names: Vec<String> = moved.iter().map(|name| name.display().to_string()).collect();
    let fate = if names.is_empty() { "there was none".to_owned() } else { format!("moved to {}", names.join(", ")) };
    context.printer.note(&format!(
        "ledger {}: {fate}; a new one is created from the marks on the target's assets",
        path.display()
    ));
    Ok(ledger)
}

/// The pair that the ledger belongs to.
fn accounts(session: &Session) -> (AccountName, AccountName) {
    (AccountName::new(&session.config.source.account), AccountName::new(&session.config.target.account))
}

/// How to resume after an interruption.
fn resume_line(config: &Path, limit: Option<Limit>) -> String {
    let why = match limit {
        None => "interrupted",
        Some(Limit::Duration) => "--max-duration is over",
        Some(Limit::Window) => "the end of --window is reached",
        Some(Limit::Bytes) => "--max-bytes is reached",
        Some(Limit::Requests) => "--max-requests is reached",
    };
    format!("{why}; completed work is recorded. To resume: mediamirror --config {} sync", config.display())
}

/// Passes events on and remembers whether one says that the target was written to.
#[derive(Debug)]
struct Witness {
    progress: Progress,
    changes: Arc<Changes>,
    wrote: AtomicBool,
}

impl Monitor for Witness {
    fn event(&self, event: RunEvent) {
        if matches!(
            event,
            RunEvent::BlobCopied { .. }
                | RunEvent::Changed { .. }
                | RunEvent::AssetFinished { outcome: AssetOutcome::Mirrored, .. }
        ) {
            self.wrote.store(true, Ordering::Relaxed);
        }
        self.changes.see(&event);
        self.progress.event(event);
    }
}
