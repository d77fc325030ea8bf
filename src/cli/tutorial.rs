//! `tutorial`: the failover-streaming tutorial from start to end, with two emulated regions or two configured accounts;
//! it leaves nothing behind.

mod film;
mod inventory;
mod report;
mod steps;

use std::path::Path;

use mediamirror::config::Config;
use mediamirror::emulator::{Emulator, EmulatorHandle};

use super::access;
use super::args::TutorialArgs;
use super::context::Context;
use super::demo;
use super::emulator::failed;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::format::Format;
use super::init::read_app_config;
use super::session::Session;
use super::signals::Interruption;
use film::Film;
use inventory::Inventory;
use report::Report;
use steps::Tutorial;

/// What it prints as JSON.
pub(crate) const FORMAT: Format = Format::of::<Report>("tutorial", "the steps of the tutorial, and what plays");

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &TutorialArgs) -> Result<ExitCode, CommandFailure> {
    let interruption = Interruption::listen(&context.screen, "stopping; removing everything that was created")?;
    let film = Film::of(args.file.as_deref())?;
    if context.global.config_named {
        let session = configured(&context.global.config).await?;
        return go_through(context, args, &session, &film, &interruption).await;
    }
    context.printer.note("starting two empty regions on loopback …");
    let emulator = Emulator::builder().start().await.map_err(|error| failed(&error))?;
    let result = emulated(context, args, &emulator, &film, &interruption).await;
    emulator.shutdown().await;
    result
}

async fn emulated(
    context: &Context,
    args: &TutorialArgs,
    emulator: &EmulatorHandle,
    film: &Film,
    interruption: &Interruption,
) -> Result<ExitCode, CommandFailure> {
    let session = Session::of(demo::config(emulator)?)?;
    go_through(context, args, &session, film, interruption).await
}

/// Two real accounts, from a configuration or from the tutorial's own `App.config`.
async fn configured(path: &Path) -> Result<Session, CommandFailure> {
    let config =
        if is_xml(path) { read_app_config(path)?.config(std::path::PathBuf::new())? } else { Config::load(path)? };
    let session = Session::of(config)?;
    access::check(path, &session.config, &session.pair).await?;
    Ok(session)
}

fn is_xml(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim_start_matches('\u{feff}').trim_start().starts_with('<')
}

/// Runs the whole tutorial. Everything it created is removed, even after a failure.
async fn go_through(
    context: &Context,
    args: &TutorialArgs,
    session: &Session,
    film: &Film,
    interruption: &Interruption,
) -> Result<ExitCode, CommandFailure> {
    let before = Inventory::of(&session.pair).await?;
    let tutorial = Tutorial::new(context, session, film, &args.preset);
    let played = tokio::select! {
        played = tutorial.play(interruption) => Some(played),
        () = interruption.stop.cancelled() => None,
    };
    if !args.keep {
        tutorial.clean_up(&before).await?;
    }
    let Some(played) = played else { return Ok(interruption.code()) };
    let left = if args.keep { Vec::new() } else { Inventory::of(&session.pair).await?.beyond(&before) };
    let report = Report::new(played?, &before, left, args.keep);
    context.printer.result(&report, || report.text())?;
    Ok(if report.good() { ExitCode::Success } else { ExitCode::Partial })
}
