//! `urls`: the pairs of URLs that differ in the host alone.

use std::fmt::Write as _;

use mediamirror::config::policy::Accepted;
use mediamirror::engine::urls::{UrlPair, target_silence, urls};

use super::Context;
use super::args::ScopeArgs;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::plain;
use super::printer;
use super::session::Session;

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &ScopeArgs) -> Result<ExitCode, CommandFailure> {
    let session = Session::open(context, &args.overrides()).await?;
    let pairs = urls(&session.pair, &args.options()).await.map_err(|error| CommandFailure::of(&error, false))?;
    let silence = target_silence(&session.pair).await.map_err(|error| CommandFailure::of(&error, false))?;
    context.printer.result(&pairs, || text(&pairs))?;
    let mut accepted = Accepted::new(&session.config.policy.accept);
    let Some(silence) = silence.filter(|silence| !accepted.accepts(silence.cause, "")) else {
        return Ok(ExitCode::Success);
    };
    printer::note(&format!("warning: {}", silence.line(true)));
    Ok(ExitCode::Partial)
}

/// The pairs for people: the asset, then one URL a line.
pub(crate) fn text(pairs: &[UrlPair]) -> String {
    let mut text = String::new();
    for pair in pairs {
        let target = pair.target_url.as_deref().unwrap_or("(not mirrored)");
        let [asset, source, target] = [&pair.asset, &pair.source_url, target].map(plain::line);
        let _ = writeln!(text, "{asset}\n  {source}\n  {target}");
    }
    if pairs.is_empty() {
        text.push_str("no streaming locators in scope\n");
    }
    text
}
