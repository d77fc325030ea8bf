//! `verify`: compares both libraries and says what differs.

use std::fmt::Write as _;

use mediamirror::engine::verify::{Verification, verify};

use super::Context;
use super::args::ScopeArgs;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::plain;
use super::session::Session;

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &ScopeArgs) -> Result<ExitCode, CommandFailure> {
    let session = Session::open(context, &args.overrides()).await?;
    let progress = context.screen.start("verify");
    let result = verify(&session.pair, &args.options(), &progress).await;
    progress.finish();
    let verification = result.map_err(|error| CommandFailure::of(&error, false))?;
    context.printer.result(&verification, || text(&verification));
    Ok(if verification.differences.is_empty() && verification.assets.missing == 0 {
        ExitCode::Success
    } else {
        ExitCode::Differences
    })
}

/// The comparison for people.
pub(crate) fn text(verification: &Verification) -> String {
    let counts = &verification.assets;
    let mut text =
        format!("assets   {} same, {} different, {} missing\n", counts.same, counts.different, counts.missing);
    for difference in &verification.differences {
        let [name, item, what] = [&difference.name, &difference.item, &difference.what].map(|told| plain::line(told));
        let _ = writeln!(text, "  {name}: {item}: {what}");
    }
    text
}
