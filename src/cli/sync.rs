//! `sync`: mirrors the library, or says what would be mirrored.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use mediamirror::engine::{Options, Outcome, Summary, mirror};
use mediamirror::ledger::Ledger;
use mediamirror::model::AccountName;
use mediamirror::monitor::{AssetOutcome, Monitor, RunEvent};

use super::Context;
use super::args::SyncArgs;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::session::Session;
use super::signals::Interruption;
use super::summary;

/// What the first Ctrl-C answers.
const DRAINING: &str = "stopping: what was begun is being ended; once more to leave at once";

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &SyncArgs) -> Result<ExitCode, CommandFailure> {
    let session = Session::open(context, &args.scope.overrides())?;
    let options = args.options();
    let ledger = open_ledger(&session, &options)?;
    let interruption = Interruption::listen(DRAINING)?;
    let summary = mirrored(context, &session, &ledger, &options, &interruption).await;
    let closed = ledger.close().await;
    let summary = summary?;
    closed?;
    context.printer.result(&summary, || summary::text(&summary, context.global.verbose > 0));
    Ok(match summary.outcome {
        Outcome::Complete | Outcome::DryRun => ExitCode::Success,
        Outcome::Partial => ExitCode::Partial,
        Outcome::Interrupted => {
            context.printer.note(&resume_line(&context.global.config));
            interruption.code()
        }
    })
}

/// One run of the engine, with its progress on the screen.
pub(crate) async fn mirrored(
    context: &Context,
    session: &Session,
    ledger: &Ledger,
    options: &Options,
    interruption: &Interruption,
) -> Result<Summary, CommandFailure> {
    let progress = context.screen.start("sync");
    let witness = Witness { monitor: &progress, changed: AtomicBool::new(false) };
    let result = mirror(&session.pair, ledger, options, &witness, &interruption.stop).await;
    let changed = witness.changed.into_inner();
    progress.finish();
    result.map_err(|error| CommandFailure::of(&error, changed))
}

/// The ledger of the pair. A dry run reads the one that is there and never makes one.
fn open_ledger(session: &Session, options: &Options) -> Result<Ledger, CommandFailure> {
    let path = &session.config.ledger;
    if options.dry_run && !path.exists() {
        return Ok(Ledger::in_memory()?);
    }
    let account = |name: &str| AccountName::new(name);
    Ok(Ledger::open(path, &account(&session.config.source.account), &account(&session.config.target.account))?)
}

/// How to go on after an interruption.
fn resume_line(config: &Path) -> String {
    format!("interrupted; what is done is recorded. To go on: mediamirror --config {} sync", config.display())
}

/// Passes events on and remembers whether one says that the target was written to.
#[derive(Debug)]
struct Witness<'a> {
    monitor: &'a dyn Monitor,
    changed: AtomicBool,
}

impl Monitor for Witness<'_> {
    fn event(&self, event: RunEvent) {
        if matches!(
            event,
            RunEvent::BlobCopied { .. } | RunEvent::AssetFinished { outcome: AssetOutcome::Mirrored, .. }
        ) {
            self.changed.store(true, Ordering::Relaxed);
        }
        self.monitor.event(event);
    }
}
