//! `urls`: the pairs of URLs of which only the host name differs.

use std::fmt::Write as _;

use mediamirror::engine::urls::{UrlPair, Urls, urls};
use mediamirror::engine::{Options, Outcome};

use super::args::ScopeArgs;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::plain;
use super::printer;
use super::session::Session;
use super::sync::read_ledger;

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &ScopeArgs) -> Result<ExitCode, CommandFailure> {
    let session = Session::open(context, &args.overrides()).await?;
    let ledger = read_ledger(&session)?;
    let options = Options { policy: session.config.policy.clone(), ..args.options() };
    let result = urls(&session.pair, &ledger, &options).await;
    ledger.close().await?;
    let found = result.map_err(|error| CommandFailure::of(&error, false))?;
    context.printer.result(&found.pairs, || text(&found.pairs))?;
    for line in warnings(&found) {
        printer::note(&format!("warning: {line}"));
    }
    Ok(match found.verdict {
        Outcome::Held => ExitCode::Held,
        _ if found.differ() => ExitCode::Differences,
        Outcome::Complete => ExitCode::Success,
        _ => ExitCode::Partial,
    })
}

/// What is owed, beside the pairs.
fn warnings(found: &Urls) -> Vec<String> {
    let findings = found.findings.iter().map(|finding| plain::line(&finding.line(true)).into_owned());
    let owed = found.problems.iter().filter(|problem| problem.owed);
    let owed =
        owed.map(|problem| plain::line(&format!("{}: {}", problem.name, problem.finding.line(true))).into_owned());
    findings.chain(owed).collect()
}

/// The pairs for people: the asset, then one URL a line.
pub(crate) fn text(pairs: &[UrlPair]) -> String {
    let mut text = String::new();
    for pair in pairs {
        let target = match (&pair.target_url, pair.cause) {
            (Some(url), _) => url.clone(),
            (None, Some(cause)) => format!("(not mirrored: {cause})"),
            (None, None) => "(not mirrored yet)".to_owned(),
        };
        let [asset, source, target] = [&pair.asset, &pair.source_url, &target].map(|text| plain::line(text));
        let _ = writeln!(text, "{asset}\n  {source}\n  {target}");
    }
    if pairs.is_empty() {
        text.push_str("no streaming locators in scope\n");
    }
    text
}
