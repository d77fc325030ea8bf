//! `verify`: compares both libraries and says what differs.

use std::fmt::Write as _;

use mediamirror::engine::verify::{Verification, verify};
use mediamirror::engine::{Options, Outcome};

use super::args::ScopeArgs;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::plain;
use super::session::Session;
use super::summary::counted;
use super::sync::read_ledger;
use super::wrap::{labelled, wrapped};

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &ScopeArgs) -> Result<ExitCode, CommandFailure> {
    let session = Session::open(context, &args.overrides()).await?;
    let ledger = read_ledger(&session)?;
    let options = Options { policy: session.config.policy.clone(), ..args.options() };
    let progress = context.screen.start("verify");
    let result = verify(&session.pair, &ledger, &options, &progress).await;
    progress.finish();
    ledger.close().await?;
    let verification = result.map_err(|error| CommandFailure::of(&error, false))?;
    let code = match verification.verdict {
        Outcome::Held => ExitCode::Held,
        _ if !verification.differences.is_empty() => ExitCode::Differences,
        Outcome::Complete => ExitCode::Success,
        _ => ExitCode::Partial,
    };
    context.printer.report(code == ExitCode::Success, &verification, || text(&verification))?;
    Ok(code)
}

/// The comparison for people.
pub(crate) fn text(verification: &Verification) -> String {
    let counts = &verification.assets;
    let assets = format!(
        "{} in scope: {} same, {} different, {} missing, {} not mirrored, {} unchecked",
        counts.total, counts.same, counts.different, counts.missing, counts.not_mirrored, counts.unchecked
    );
    let mut text = labelled("assets", &assets);
    let extra = &verification.extra;
    if extra.assets + extra.blobs > 0 {
        let (assets, blobs) = (counted(extra.assets, "asset"), counted(extra.blobs, "blob"));
        let _ = writeln!(text, "extra    {assets} and {blobs} on the target alone");
    }
    for finding in &verification.findings {
        text.push_str(&wrapped("  ", &plain::line(&finding.line(true))));
    }
    for problem in &verification.problems {
        let start = format!("  {}: ", plain::line(&problem.name));
        text.push_str(&wrapped(&start, &plain::line(&problem.finding.line(true))));
    }
    for difference in &verification.differences {
        let [name, item, what] = [&difference.name, &difference.item, &difference.what].map(|text| plain::line(text));
        text.push_str(&wrapped(&format!("  {name}: "), &format!("{item}: {what}")));
    }
    text
}
