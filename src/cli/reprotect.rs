//! `reprotect`: plans what has to be brought back from the active target to the source.

use super::args::failover::ReprotectArgs;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::plan::make;

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &ReprotectArgs) -> Result<ExitCode, CommandFailure> {
    let command = format!("reprotect --out {}", args.out.display());
    make(context, &args.mirror(), &args.out, args.all, command).await
}
