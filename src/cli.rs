//! The command line: parses the arguments, runs the command, reports the result. It is the only part that prints.
//!
//! Standard output carries data alone; progress, logs and errors go to standard error.

mod access;
mod args;
mod asset;
mod changes;
mod context;
#[cfg(feature = "emulator")]
mod demo;
mod doctor;
#[cfg(feature = "emulator")]
mod emulator;
mod exit_code;
mod explain;
mod failure;
mod files;
mod init;
mod logging;
mod manual;
mod plain;
mod printer;
mod progress;
#[cfg(feature = "emulator")]
mod regions;
mod runs;
mod session;
mod signals;
mod summary;
mod sync;
#[cfg(feature = "emulator")]
mod tutorial;
mod unlock;
mod urls;
mod verify;
mod wrap;

use std::io::IsTerminal;
use std::num::NonZeroUsize;

use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _};

use args::global::{Color, Output};
use args::{Cli, Command};
use context::Context;
use exit_code::ExitCode;
use failure::CommandFailure;
use printer::Printer;
use progress::Screen;

/// Runs the program.
pub(crate) fn run() -> std::process::ExitCode {
    std::panic::set_hook(Box::new(printer::panicked));
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => return print_usage(&error).into(),
    };
    let color = wants_color(cli.global.color, &std::io::stderr());
    let screen = Screen::new(&cli.global);
    logging::start(&cli.global, &screen, color);
    let context = Context { printer: Printer::new(&cli.global), global: cli.global, screen };
    match block_on(&context, cli.command) {
        Ok(code) => code.into(),
        Err(failure) => {
            printer::failure(&failure, context.global.output, color);
            failure.code.into()
        }
    }
}

/// Parses the arguments.
fn parse() -> Result<Cli, clap::Error> {
    let matches = Cli::command().try_get_matches()?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    let subcommand = matches.subcommand().map(|(_, matches)| matches);
    cli.global.config_named = [Some(&matches), subcommand]
        .into_iter()
        .flatten()
        .any(|matches| matches.value_source("config") == Some(ValueSource::CommandLine));
    Ok(cli)
}

/// Starts the runtime and the command in it.
fn block_on(context: &Context, command: Command) -> Result<ExitCode, CommandFailure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers(&command))
        .enable_all()
        .build()
        .map_err(|error| CommandFailure::unexpected(format!("failed to start the runtime: {error}")))?;
    let result = runtime.block_on(dispatch(context, command));
    // A blocking read that never ends must not hold the program back.
    runtime.shutdown_background();
    result
}

/// Threads that send requests and read answers, at most. One keeps up with some ten thousand requests a second, half of what
/// a storage account allows; several wake each other: on two cores, a blob took two threads an eighth more processor time
/// than one, and the run as long.
const MOST_WORKERS: usize = 4;

/// How many threads a command works with; the emulator has as many as there are cores.
fn workers(command: &Command) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    match command {
        #[cfg(feature = "emulator")]
        Command::Demo(_) | Command::Tutorial(_) | Command::Emulator(_) => cores,
        _ => (cores / 2).clamp(1, MOST_WORKERS),
    }
}

async fn dispatch(context: &Context, command: Command) -> Result<ExitCode, CommandFailure> {
    match command {
        #[cfg(feature = "emulator")]
        Command::Demo(args) => demo::run(context, &args).await,
        #[cfg(feature = "emulator")]
        Command::Tutorial(args) => tutorial::run(context, &args).await,
        #[cfg(feature = "emulator")]
        Command::Emulator(args) => emulator::run(context, &args).await,
        Command::Sync(args) => sync::run(context, &args).await,
        Command::Verify(args) => verify::run(context, &args).await,
        Command::Urls(args) => urls::run(context, &args).await,
        Command::Asset(args) => asset::run(context, &args).await,
        Command::Doctor(args) => doctor::run(context, &args).await,
        Command::Runs(args) => runs::run(context, &args).await,
        Command::Unlock(args) => unlock::run(context, &args).await,
        Command::Explain(args) => explain::run(context, &args),
        Command::Manual(args) => manual::run(context, &args),
        Command::Init(args) => init::run(context, &args),
    }
}

/// Prints the parser's output: help, version, or an error.
fn print_usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    if error.use_stderr() {
        // There is no other place to report it.
        return ExitCode::Usage;
    }
    match printer::written_out(printed) {
        Ok(()) => ExitCode::Success,
        Err(failure) => {
            printer::failure(&failure, Output::Text, false);
            failure.code
        }
    }
}

/// Is what goes to that stream to be styled?
fn wants_color(when: Color, stream: &impl IsTerminal) -> bool {
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && stream.is_terminal(),
    }
}
