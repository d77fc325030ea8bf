//! `completions`: prints the script with which a shell completes the program's command line.

use clap::CommandFactory as _;

use super::args::{Cli, CompletionsArgs};
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::printer::Printer;

/// Runs the command.
pub(crate) fn run(args: &CompletionsArgs) -> Result<ExitCode, CommandFailure> {
    let (mut command, mut script) = (Cli::command(), Vec::new());
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    Printer::data(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::Success)
}
