//! `apply`: applies a plan.

use mediamirror::plan::{self, Kind};

use super::args::plan::ApplyArgs;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::notify::{Subject, notified};
use super::plan::bind::failed;
use super::sync::{self, FinishedRun, SUBJECT, Task, TaskPlan};

/// Runs the command. It is a run like any other: its metrics continue those of `sync`.
pub(crate) async fn run(context: &Context, args: &ApplyArgs) -> Result<ExitCode, CommandFailure> {
    let subject = Subject { command: "apply", ..SUBJECT };
    notified(context, &args.notify, subject, Box::pin(apply(context, args))).await
}

async fn apply(context: &Context, args: &ApplyArgs) -> Result<FinishedRun, CommandFailure> {
    let read = plan::read(&args.file, |_| {}, |_| {}).map_err(failed)?;
    let Some(mirror) = args.mirror(read.header.kind, &read.header.scope) else {
        let problem = format!("plan {} has a glob that cannot be used", args.file.display());
        return Err(CommandFailure::new(ExitCode::Refused, problem, "make a new plan with `mediamirror plan --out`"));
    };
    // A plan is applied once, so this command resumes an interrupted one.
    let command = match read.header.kind {
        Kind::Sync => "sync",
        Kind::Reprotect => "reprotect --out FILE",
    };
    let command = command.to_owned();
    let plan = TaskPlan::Apply(&args.file, Box::new(read));
    sync::carry_out(context, Task { args: &mirror, rebuild_ledger: false, only: None, plan, command }).await
}
