//! `sync`: mirrors the library, or shows what would be mirrored.

mod finished;
mod way;

use std::collections::HashSet;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mediamirror::clock;
use mediamirror::connect::Pair;
use mediamirror::engine::{Limit, Options, Outcome, RunLimits, Summary, mirror};
use mediamirror::ledger::{Ledger, LedgerError};
use mediamirror::model::{AccountName, AssetId};
use mediamirror::monitor::{AssetOutcome, Monitor, RunEvent};
use mediamirror::plan::{self, PlanFile};
use tokio_util::task::AbortOnDropHandle;

use super::args::global::Output;
use super::args::limits::Closed;
use super::args::{MirrorArgs, SyncArgs};
use super::changes::Changes;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::format::Format;
use super::notify::events::Events;
use super::notify::{Finished as _, Subject, notified};
use super::plan::bind;
use super::progress::{Progress, Work};
use super::session::Session;
use super::signals::Interruption;
pub(super) use finished::Report;
pub(crate) use finished::{FinishedRun, SUBJECT};
use way::Way;

/// Printed after the first Ctrl-C.
const DRAINING: &str = "finishing work in progress; press Ctrl-C again to leave at once";

/// What to mirror, and how.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    /// The flags.
    pub(crate) args: &'a MirrorArgs,
    /// Start a new ledger?
    pub(crate) rebuild_ledger: bool,
    /// Only these source assets; `None` = all that the flags select.
    pub(crate) only: Option<HashSet<AssetId>>,
    /// The plan that it makes or applies.
    pub(crate) plan: TaskPlan<'a>,
    /// The command that resumes it.
    pub(crate) command: String,
}

/// Whether a task makes or applies a plan.
#[derive(Debug)]
pub(crate) enum TaskPlan<'a> {
    /// Nothing.
    No,
    /// It writes one to that file.
    Make(&'a Path),
    /// It applies the plan in that file.
    Apply(&'a Path, Box<plan::Read>),
}

/// What it prints as JSON.
pub(crate) const FORMATS: [Format; 5] = [
    Format::of::<Report<'static>>("sync", "a run, or a dry run"),
    Format::of::<Report<'static>>("apply", "a run that applied a plan"),
    Format::of::<Report<'static>>("prune", "a run that also deleted what the source has deleted"),
    Format::of::<Report<'static>>("dedupe", "a run that also deleted second copies"),
    Format::of::<Report<'static>>("runs-retry", "a run of the assets that an earlier run did not mirror"),
];

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &SyncArgs) -> Result<ExitCode, CommandFailure> {
    let (rebuild_ledger, command) = (args.rebuild_ledger, SUBJECT.command.to_owned());
    let task = Task { args: &args.mirror, rebuild_ledger, only: None, plan: TaskPlan::No, command };
    let subject = Subject { is_dry: args.mirror.dry_run, ..SUBJECT };
    notified(context, &args.notify, subject, Box::pin(carry_out(context, task))).await
}

/// Runs a task, and prints the result as `sync` does.
pub(crate) async fn run_task(context: &Context, task: Task<'_>) -> Result<ExitCode, CommandFailure> {
    let run = carry_out(context, task).await?;
    let printed = run.print(context);
    if let Some(line) = run.hint() {
        context.printer.note(line);
    }
    printed.map(|()| run.code)
}

/// Runs a task or plans it.
pub(crate) async fn carry_out(context: &Context, task: Task<'_>) -> Result<FinishedRun, CommandFailure> {
    let args = task.args;
    // Before any request, because outside its window a run does nothing. A dry run has no limits.
    let limits = if args.dry_run { Ok(RunLimits::default()) } else { args.limits.limits(clock::now()) };
    let limits = limits.map_err(|closed| outside(&closed))?;
    let mut session = Session::open(context, &args.scope.overrides()).await?;
    session.check_of_blobs("--settings", args.settings)?;
    args.cleanup.apply(&mut session)?;
    session.config.policy.guards = args.guards.limits().over(session.config.policy.guards);
    let mut options = args.options(&session.config.policy);
    options.limits = limits;
    options.rebuild = task.rebuild_ledger;
    options.only = task.only.map(Arc::new);
    let way = Way::open(context, &session, args, &mut options).await?;
    let prepared = prepare(&session, &way, task.plan, args, &mut options).await;
    let listening = prepared.and_then(|file| Ok((file, Interruption::listen(&context.screen, DRAINING)?)));
    let (plan_file, interruption) = match listening {
        Ok(ready) => ready,
        Err(failure) => {
            // Releases the locks for the next command. The first error is the one to report.
            let _ = way.close().await;
            return Err(failure);
        }
    };
    let json = context.global.output == Output::Json || context.events.get().is_some();
    let changes = Arc::new(Changes::new(args.all, json).with_plan(plan_file.as_ref()));
    let summary = mirrored(context, &way.pair, &way.ledger, &options, &interruption, &changes).await;
    let closed = way.close().await;
    let summary = summary?;
    closed?;
    if let Some(file) = plan_file.filter(|_| summary.outcome == Outcome::DryRun) {
        bind::finish(&file, &summary, session.config.prices.as_ref())?;
    }
    let code = match (summary.outcome, summary.verdict) {
        (Outcome::Complete, _) | (Outcome::DryRun, Outcome::Complete) => ExitCode::Success,
        (Outcome::Held, _) | (Outcome::DryRun, Outcome::Held) => ExitCode::Held,
        (Outcome::Partial | Outcome::DryRun | Outcome::Failed, _) => ExitCode::Partial,
        (Outcome::Interrupted, _) if summary.limit.is_some() => ExitCode::Limit,
        (Outcome::Interrupted, _) => interruption.code(),
    };
    let resume = || resume_line(&context.global.config, &task.command, summary.limit);
    let resume = (summary.outcome == Outcome::Interrupted).then(resume);
    Ok(FinishedRun { summary, changes: changes.take(), code, resume })
}

/// Binds the run to the plan that it applies, or starts the one that it makes.
async fn prepare(
    session: &Session,
    way: &Way,
    plan: TaskPlan<'_>,
    args: &MirrorArgs,
    options: &mut Options,
) -> Result<Option<Arc<PlanFile>>, CommandFailure> {
    match plan {
        TaskPlan::No => Ok(None),
        TaskPlan::Make(path) => bind::begin(session, (way.kind, &way.ledger), path, args.plan_scope()).await.map(Some),
        TaskPlan::Apply(path, read) => {
            options.plan = Some(Arc::new(bind::bound(session, (way.kind, &way.ledger), path, *read).await?));
            Ok(None)
        }
    }
}

/// The error for a run outside its window.
fn outside(closed: &Closed) -> CommandFailure {
    let remedy = format!("run again when it opens, at {:.0}, or without --window", closed.opens);
    CommandFailure::new(ExitCode::Limit, "outside --window: nothing was done", remedy)
}

/// One run of the engine, with its progress on the screen. `changes` collects what it changed.
pub(crate) async fn mirrored(
    context: &Context,
    pair: &Arc<Pair>,
    ledger: &Ledger,
    options: &Options,
    interruption: &Interruption,
    changes: &Arc<Changes>,
) -> Result<Summary, CommandFailure> {
    let work = if options.dry_run { Work::Compare } else { Work::Mirror };
    let progress = context.screen.start("sync", work, pair);
    let (changes, events) = (Arc::clone(changes), context.events.get().cloned());
    let witness = Arc::new(Witness { progress, changes, events, wrote: AtomicBool::new(false) });
    let monitor: Arc<dyn Monitor> = witness.clone();
    let stop = interruption.stop.clone();
    // Spawned as a task: only the program's first thread polls this future, and every answer of the ledger and every
    // finished asset would have to wake it.
    let run = tokio::spawn(mirror(Arc::clone(pair), ledger.clone(), options.clone(), monitor, stop));
    let result = match AbortOnDropHandle::new(run).await {
        Ok(result) => result,
        Err(error) => resume_unwind(error.into_panic()),
    };
    witness.progress.finish();
    result.map_err(|error| CommandFailure::of(&error, witness.wrote.load(Ordering::Relaxed)))
}

/// The ledger of the pair. A dry run only reads it, even during another run.
fn open_ledger(session: &Session, options: &Options) -> Result<Ledger, LedgerError> {
    if options.dry_run {
        return read_ledger(session);
    }
    let (source, target) = accounts(session);
    Ledger::open(&session.config.ledger, &source, &target)
}

/// The ledger of the pair for reading, even during another run; an empty one if there is none yet.
pub(crate) fn read_ledger(session: &Session) -> Result<Ledger, LedgerError> {
    let (source, target) = accounts(session);
    Ledger::open_read_only(&session.config.ledger, &source, &target)?.map_or_else(Ledger::in_memory, Ok)
}

/// Moves the existing ledger aside and creates a new one.
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
pub(crate) fn accounts(session: &Session) -> (AccountName, AccountName) {
    (AccountName::new(&session.config.source.account), AccountName::new(&session.config.target.account))
}

/// How to resume after an interruption.
fn resume_line(config: &Path, command: &str, limit: Option<Limit>) -> String {
    let why = match limit {
        None => "interrupted",
        Some(Limit::Duration) => "--max-duration is over",
        Some(Limit::Window) => "the end of --window is reached",
        Some(Limit::Bytes) => "--max-bytes is reached",
        Some(Limit::Requests) => "--max-requests is reached",
    };
    format!("{why}; completed work is recorded. To resume: mediamirror --config {} {command}", config.display())
}

/// Forwards events and records whether one shows that something was written to the target.
#[derive(Debug)]
struct Witness {
    progress: Progress,
    changes: Arc<Changes>,
    events: Option<Arc<Events>>,
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
        if let Some(events) = &self.events {
            events.event(&event);
        }
        self.progress.event(event);
    }
}
