//! `plan`: writes what `sync` would do to a file, and shows such a file.

pub(crate) mod bind;
mod view;

use std::path::Path;

use mediamirror::engine::Outcome;
use mediamirror::plan::Line;

use super::args::MirrorArgs;
use super::args::plan::PlanArgs;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::format::Format;
use super::sync::{self, Task, TaskPlan};

/// What it prints as JSON, as `reprotect` does, and the lines of the file that it writes.
pub(crate) const FORMATS: [Format; 3] = [
    Format::of::<view::Document<'static>>("plan", "a plan: what a run would do"),
    Format::of::<view::Document<'static>>("reprotect", "a plan: what is brought back to the source"),
    Format::of::<Line>("plan-file", "a line of the file that `plan --out` writes"),
];

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &PlanArgs) -> Result<ExitCode, CommandFailure> {
    if let Some(file) = &args.show {
        view::show(context, file, args.all)?;
        return Ok(ExitCode::Success);
    }
    let Some(file) = &args.out else { return Err(CommandFailure::unexpected("no file is named")) };
    let command = format!("plan --out {}", file.display());
    make(context, &args.mirror(), file, args.all, command).await
}

/// Writes a plan of what such a run would do, and shows it.
pub(crate) async fn make(
    context: &Context,
    mirror: &MirrorArgs,
    file: &Path,
    all: bool,
    command: String,
) -> Result<ExitCode, CommandFailure> {
    let task = Task { args: mirror, rebuild_ledger: false, only: None, plan: TaskPlan::Make(file), command };
    let finished = sync::carry_out(context, task).await?;
    if finished.summary.outcome == Outcome::Interrupted {
        context.printer.note("interrupted; no plan was written");
        return Ok(finished.code);
    }
    view::show_new(context, file, all, finished.code == ExitCode::Success)?;
    let config = context.global.config.display();
    let allow: Vec<String> = mirror.guards.allow_flags().map(|(flag, run)| format!(" {flag} {run}")).collect();
    let command = format!("mediamirror --config {config} apply {}{}", file.display(), allow.concat());
    context.printer.note(&format!("to apply this plan, once: {command}"));
    Ok(finished.code)
}
