//! The command line: parses the arguments, runs the command, reports the result. It is the only part that prints.
//!
//! Standard output has only data; progress, logs and errors go to standard error.

mod access;
mod apply;
mod args;
mod asset;
mod changes;
mod cleanup;
mod completions;
mod context;
mod csv;
#[cfg(feature = "emulator")]
mod demo;
mod doctor;
#[cfg(feature = "emulator")]
mod emulator;
mod excerpt;
mod exit_code;
mod explain;
mod failover;
mod failure;
mod files;
mod format;
mod init;
mod logging;
mod man;
mod manual;
mod notify;
mod plan;
mod printer;
mod progress;
mod ready;
#[cfg(feature = "emulator")]
mod regions;
mod report;
mod reprotect;
mod runs;
mod schema;
mod session;
mod signals;
mod summary;
mod sync;
mod template;
mod turned;
#[cfg(feature = "emulator")]
mod tutorial;
mod units;
mod unlock;
mod urls;
mod verify;
mod wrap;

use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::sync::OnceLock;

use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _};
use mediamirror::plain;

use args::global::{Color, Output};
use args::{Cli, Command};
use context::{Context, Known};
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
    if let Err(failure) = logging::start(&cli.global, &screen, color) {
        printer::failure(&failure, cli.global.output, color);
        return failure.code.into();
    }
    let context = Context {
        printer: Printer::new(&cli.global),
        global: cli.global,
        screen,
        known: Known::default(),
        events: OnceLock::new(),
    };
    match block_on(&context, cli.command) {
        Ok(code) => {
            tracing::info!(exit_code = code as u8, "ended");
            code.into()
        }
        Err(failure) => {
            tracing::info!(exit_code = failure.code as u8, error = %failure, "ended");
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

/// Starts the runtime and runs the command in it.
fn block_on(context: &Context, command: Command) -> Result<ExitCode, CommandFailure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers(&command))
        .enable_all()
        .build()
        .map_err(|error| CommandFailure::unexpected(format!("failed to start the runtime: {error}")))?;
    let result = runtime.block_on(dispatch(context, command));
    // A blocking read that never ends must not keep the program alive.
    runtime.shutdown_background();
    result
}

/// The most threads that send requests and read answers. One thread handles about ten thousand requests per second,
/// half of a storage account's limit. Several threads wake each other: on two cores, two threads took an eighth more
/// processor time per blob than one, and the run was not faster.
const MOST_WORKERS: usize = 4;

/// The number of a command's threads; the emulator has one per core.
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
        Command::Plan(args) => plan::run(context, &args).await,
        Command::Apply(args) => apply::run(context, &args).await,
        Command::Prune(args) => cleanup::prune(context, args).await,
        Command::Dedupe(args) => cleanup::dedupe(context, args).await,
        Command::Verify(args) => verify::run(context, &args).await,
        Command::Ready(args) => ready::run(context, &args).await,
        Command::Urls(args) => urls::run(context, &args).await,
        Command::Asset(args) => asset::run(context, &args).await,
        Command::Failover(args) => failover::run(context, &args).await,
        Command::Reprotect(args) => reprotect::run(context, &args).await,
        Command::Doctor(args) => doctor::run(context, &args).await,
        Command::Runs(args) => runs::run(context, &args).await,
        Command::Report(args) => report::run(context, &args).await,
        Command::Unlock(args) => unlock::run(context, &args).await,
        Command::Explain(args) => explain::run(context, &args),
        Command::Manual(args) => manual::run(context, &args),
        Command::Schema(args) => schema::run(context, &args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(context, &args),
        Command::Init(args) => init::run(context, &args),
    }
}

/// Prints the parser's output: help, version, or an error.
fn print_usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    if error.use_stderr() {
        // It cannot be reported anywhere else.
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

/// Should the output to that stream be styled?
fn wants_color(when: Color, stream: &impl IsTerminal) -> bool {
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && stream.is_terminal(),
    }
}
