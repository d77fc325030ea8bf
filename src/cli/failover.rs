//! `failover`: shows which side of the pair is active, makes the target active, and later the source again; or runs a
//! drill.

use std::sync::Arc;

use mediamirror::config::{Config, LimitOverrides};
use mediamirror::engine::failover::{self, ActiveSide};
use mediamirror::engine::{Options, Outcome, Summary};
use mediamirror::ledger::Ledger;
use mediamirror::model::AccountName;
use mediamirror::report::counted;
use mediamirror::state::Active;
use schemars::JsonSchema;
use serde::Serialize;

use super::args::failover::FailoverArgs;
use super::changes::{Changes, Kept};
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::format::Format;
use super::ready;
use super::session::Session;
use super::signals::Interruption;
use super::summary;
use super::sync::{self, mirrored};
use super::turned::Turned;

/// Printed after the first Ctrl-C.
const STOPPING: &str = "stopping: nothing is changed yet; press Ctrl-C again to leave at once";

/// What is printed as JSON.
#[derive(Debug, JsonSchema, Serialize)]
struct Report {
    /// The account that is active.
    account: AccountName,
    #[serde(flatten)]
    side: ActiveSide,
}

/// What it prints as JSON. A refused `--commit` prints the remaining run; `--test` prints what `ready` prints.
pub(crate) const FORMAT: Format = Format::any_of::<Report, sync::Report<'static>, ready::Report>(
    "failover",
    "the active side, what is left to do, or a drill",
);

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &FailoverArgs) -> Result<ExitCode, CommandFailure> {
    if args.commit {
        return commit(context).await;
    }
    if args.test {
        return ready::drill(context, &args.drill()).await;
    }
    let session = Session::of(Config::load(&context.global.config)?)?;
    let done = if args.show {
        failover::active_side(&session.pair).await
    } else {
        failover::activate_target(&session.pair).await
    };
    let side = done.map_err(|error| CommandFailure::of(&error, false))?;
    print(context, &session, side)?;
    Ok(ExitCode::Success)
}

fn print(context: &Context, session: &Session, side: ActiveSide) -> Result<(), CommandFailure> {
    let account = match side.active {
        Active::Source => &session.config.source.account,
        Active::Target => &session.config.target.account,
    };
    let report = Report { account: AccountName::new(account), side };
    context.printer.result(&report, || text(&report))
}

fn text(report: &Report) -> String {
    let Report { account, side: ActiveSide { active, changed, handed_over } } = report;
    let now = if *changed { "now active" } else { "active" };
    match active {
        Active::Target => format!(
            "{now}: the target, {account}\n\
             `sync` ends with 9 and writes nothing until the source is active again\n\
             to come back: `mediamirror reprotect`, then `mediamirror failover --commit`"
        ),
        Active::Source if *handed_over > 0 => format!(
            "{now}: the source, {account}; {} made on the target are its originals now",
            counted(*handed_over, "asset")
        ),
        Active::Source => format!("{now}: the source, {account}"),
    }
}

/// Makes the source active again, if nothing remains to be brought back.
async fn commit(context: &Context) -> Result<ExitCode, CommandFailure> {
    let session = Session::open(context, &LimitOverrides::default()).await?;
    let interruption = Interruption::listen(&context.screen, STOPPING)?;
    let turned = Turned::prepare(&session, None, false).await?;
    let base = Arc::clone(&turned.base);
    let result = commit_turned(context, &session, turned, &interruption).await;
    let released = base.release().await;
    let code = result?;
    released.map_err(|error| CommandFailure::of(&error, false))?;
    Ok(code)
}

async fn commit_turned(
    context: &Context,
    session: &Session,
    Turned { pair, base, ledger }: Turned,
    interruption: &Interruption,
) -> Result<ExitCode, CommandFailure> {
    let options = Options { base: Some(Arc::clone(&base)), dry_run: true, rebuild: true, ..Options::default() };
    let changes = Arc::new(Changes::new(false, false));
    let left = mirrored(context, &pair, &ledger, &options, interruption, &changes).await;
    let kept = changes.take();
    let rows = failover::rows_back(&ledger).await;
    let closed = ledger.close().await;
    let (left, rows) = (left?, rows.map_err(|error| CommandFailure::of(&error, false))?);
    closed?;
    if interruption.stop.is_cancelled() {
        return Ok(interruption.code());
    }
    if left.verdict == Outcome::Held {
        return refuse(context, &left, &kept, ExitCode::Held);
    }
    if left.verdict != Outcome::Complete || !kept.changed().is_empty() {
        return refuse(context, &left, &kept, ExitCode::Differences);
    }
    let (source, target) = (session.pair.source.library.account(), session.pair.target.library.account());
    let nights = Ledger::open(&session.config.ledger, source, target)?;
    let done = failover::activate_source(&session.pair, base.take_lock(), rows, &nights).await;
    nights.close().await?;
    print(context, session, done.map_err(|error| CommandFailure::of(&error, true))?)?;
    Ok(ExitCode::Success)
}

/// Reports what remains to be brought back.
fn refuse(context: &Context, left: &Summary, kept: &Kept, code: ExitCode) -> Result<ExitCode, CommandFailure> {
    context.printer.result(&sync::Report::of(left, kept), || summary::text(left, kept, context.global.verbose > 0))?;
    context.printer.note("the target stays active: bring this back with `mediamirror reprotect` first");
    Ok(code)
}
