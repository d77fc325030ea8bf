//! A command's reports to other programs: its events while it runs, and its result or error at the end, in a file of
//! metrics and by the operator's hooks.
//!
//! Nothing here changes the exit code. A failed report is a warning.

pub(crate) mod events;
mod hooks;
mod last_run;
pub(crate) mod metrics;
mod summary;
#[cfg(test)]
mod tests;
mod textfile;

use std::future::Future;

use serde_json::Value;
use tokio::time::Instant;

use super::args::notify::NotifyArgs;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use events::Events;
use last_run::LastRun;
use metrics::{Metrics, Prefix};
use summary::Summary;

/// The outcome of a command that ended with an error.
const FAILED: &str = "failed";
/// The outcome of a command that a limit or a signal stopped.
pub(crate) const INTERRUPTED: &str = "interrupted";

/// The result of a command. It decides how the command ends, and every kind of output is made from it.
pub(crate) trait Finished {
    /// The exit code of this result.
    fn code(&self) -> ExitCode;
    /// The word for how the command ended, one of [`Subject::outcomes`].
    fn outcome(&self) -> &'static str;
    /// The run's id, if it is a run.
    fn run(&self) -> Option<&str>;
    /// Prints it on standard output.
    ///
    /// # Errors
    /// Standard output cannot be written.
    fn print(&self, context: &Context) -> Result<(), CommandFailure>;
    /// What is printed as JSON.
    fn json(&self) -> Value;
    /// The number of findings that are owed.
    fn findings(&self) -> u64;
    /// A line of text that follows the result.
    fn hint(&self) -> Option<&str>;
    /// Adds its counts to the metrics. `None`: the command ended with an error and has no counts; its counters keep the
    /// values of earlier runs.
    fn measure(finished: Option<&Self>, metrics: &mut Metrics);
}

/// A command that reports to other programs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    /// Its name.
    pub(crate) command: &'static str,
    /// The prefix of its metrics.
    pub(crate) prefix: Prefix,
    /// How it can end without an error.
    pub(crate) outcomes: &'static [&'static str],
    /// Are its runs in the ledger?
    pub(crate) is_recorded: bool,
    /// Does it write nothing?
    pub(crate) is_dry: bool,
}

/// Runs a command, prints its result and reports it, or the error.
///
/// # Errors
/// The command's own, or that its result could not be printed.
pub(crate) async fn notified<F: Finished>(
    context: &Context,
    args: &NotifyArgs,
    subject: Subject,
    command: impl Future<Output = Result<F, CommandFailure>>,
) -> Result<ExitCode, CommandFailure> {
    let notifier = Notifier { context, args, subject, began: Instant::now() };
    let events = args.events.map(|_| context.events.get_or_init(|| Events::start(subject.command).into()));
    // Checks before the command starts whether the reports at its end are possible.
    let checked = notifier.check();
    let is_checked = checked.is_ok();
    let result = match checked {
        Ok(()) => command.await,
        Err(failure) => Err(failure),
    };
    let (finished, ended) = notifier.print(result, events.map(AsRef::as_ref));
    if is_checked {
        notifier.report(finished.as_ref(), &ended).await;
    }
    ended
}

/// Reports how a command ends.
#[derive(Debug)]
struct Notifier<'a> {
    context: &'a Context,
    args: &'a NotifyArgs,
    subject: Subject,
    began: Instant,
}

impl Notifier<'_> {
    fn check(&self) -> Result<(), CommandFailure> {
        match &self.args.metrics_textfile {
            None => Ok(()),
            Some(path) if self.subject.is_dry => {
                let problem = format!("--metrics-textfile {}: a dry run writes nothing", path.display());
                Err(CommandFailure::new(ExitCode::Usage, problem, "leave out that option, or --dry-run"))
            }
            Some(path) => textfile::check(path, self.subject.prefix),
        }
    }

    /// Prints the result, or the last line of the events.
    fn print<F: Finished>(
        &self,
        result: Result<F, CommandFailure>,
        events: Option<&Events>,
    ) -> (Option<F>, Result<ExitCode, CommandFailure>) {
        let (finished, mut ended) = match result {
            Ok(finished) => {
                let code = finished.code();
                (Some(finished), Ok(code))
            }
            Err(failure) => (None, Err(failure)),
        };
        let printed = match (events, &finished) {
            (Some(events), _) => events.finish(self.summary(finished.as_ref(), &ended)),
            (None, Some(finished)) => finished.print(self.context),
            (None, None) => Ok(()),
        };
        if let Some(hint) = finished.as_ref().and_then(Finished::hint) {
            self.context.printer.note(hint);
        }
        if ended.is_ok() {
            ended = ended.and_then(|code| printed.map(|()| code));
        }
        (finished, ended)
    }

    fn summary<'a, F: Finished>(
        &self,
        finished: Option<&'a F>,
        ended: &'a Result<ExitCode, CommandFailure>,
    ) -> Summary<'a> {
        Summary {
            command: self.subject.command,
            outcome: outcome(finished, ended),
            run: finished.and_then(Finished::run),
            exit_code: code(ended) as u8,
            exit_error: ended.as_ref().err().map(CommandFailure::fields),
            result: finished.map(Finished::json),
            events_left_out: None,
        }
    }

    async fn report<F: Finished>(&self, finished: Option<&F>, ended: &Result<ExitCode, CommandFailure>) {
        if let Some(path) = &self.args.metrics_textfile {
            let last_run = LastRun {
                context: self.context,
                subject: self.subject,
                took: self.began.elapsed(),
                outcome: outcome(finished, ended),
                success: code(ended) == ExitCode::Success,
            };
            last_run.write(path, finished).await;
        }
        if !self.subject.is_dry && !self.args.no_hooks {
            let findings = finished.map_or(0, Finished::findings);
            Box::pin(hooks::run(self.context, self.summary(finished, ended), findings)).await;
        }
    }
}

/// The exit code of a command that ended like this.
fn code(ended: &Result<ExitCode, CommandFailure>) -> ExitCode {
    ended.as_ref().map_or_else(|failure| failure.code, |code| *code)
}

/// The word for how a command ended.
fn outcome<F: Finished>(finished: Option<&F>, ended: &Result<ExitCode, CommandFailure>) -> &'static str {
    match (finished, ended) {
        (Some(finished), _) => finished.outcome(),
        // Outside its window, a command ends before it starts.
        (None, Err(failure)) if failure.code == ExitCode::Limit => INTERRUPTED,
        (None, _) => FAILED,
    }
}
