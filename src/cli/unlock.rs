//! `unlock`: shows which run holds the lock of the target, and breaks the lock on request.

use mediamirror::clock;
use mediamirror::config::Config;
use mediamirror::model::AccountName;
use mediamirror::state::{self, Holder};
use schemars::JsonSchema;
use serde::Serialize;

use super::args::UnlockArgs;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::format::Format;
use super::plain;
use super::session::Session;

/// What is printed as JSON.
#[derive(Debug, JsonSchema, Serialize)]
struct Lock {
    /// The target's media account.
    target: AccountName,
    /// The run that holds the lock, or held it until now.
    holder: Option<Holder>,
    /// Was the lock broken?
    broken: bool,
}

/// What it prints as JSON.
pub(crate) const FORMAT: Format = Format::of::<Lock>("unlock", "the lock of the target");

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &UnlockArgs) -> Result<ExitCode, CommandFailure> {
    let session = Session::of(Config::load(&context.global.config)?)?;
    let endpoint = &session.pair.target;
    let target = endpoint.library.account().clone();
    let account = endpoint.default_storage().await.map_err(|error| CommandFailure::of(&error, false))?;
    let held = if args.yes { state::unlock(account, &target).await } else { state::holder(account, &target).await };
    let holder = held.map_err(|error| CommandFailure::of(&error, false))?;
    let lock = Lock { broken: args.yes && holder.is_some(), target, holder };
    context.printer.result(&lock, || text(&lock))?;
    Ok(if lock.holder.is_some() && !lock.broken { ExitCode::Locked } else { ExitCode::Success })
}

fn text(lock: &Lock) -> String {
    let target = &lock.target;
    let Some(holder) = &lock.holder else {
        return format!("no run holds the lock of target account {target}");
    };
    let holder = holder.described_at(clock::now());
    let holder = plain::line(&holder);
    if lock.broken {
        return format!(
            "broke the lock of target account {target}; it was held by {holder}\n\
             if that process is still alive, stop it before you start another run"
        );
    }
    format!(
        "the lock of target account {target} is held by {holder}\n\
         the lock of a killed run expires within two minutes\n\
         if you are sure that the process is dead, `mediamirror unlock --yes` breaks the lock now"
    )
}
