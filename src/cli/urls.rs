//! `urls`: prints the pairs of URLs, of which only the host name differs, and configurations that switch viewers
//! between the hosts.

mod bicep;
mod containers;
mod csv;
mod hosts;
mod nginx;
mod old_locators;
mod steering;

use std::fmt::Write as _;

use mediamirror::engine::urls::{UrlPair, Urls, urls};
use mediamirror::engine::{Options, Outcome};

use self::hosts::{Hosts, Probe};
use self::old_locators::OldLocators;
use super::args::global::Output;
use super::args::urls::{UrlsArgs, UrlsFormat};
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::format::Format;
use super::plain;
use super::printer::{self, Printer};
use super::session::Session;
use super::sync::read_ledger;

/// What it prints as JSON.
pub(crate) const FORMAT: Format = Format::of::<Vec<UrlPair>>("urls", "the pairs of URLs");

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &UrlsArgs) -> Result<ExitCode, CommandFailure> {
    check(context, args)?;
    let old = args.old_locators.as_deref().map(OldLocators::read).transpose()?;
    let session = Session::open(context, &args.scope.overrides()).await?;
    let configured = args.format.filter(|format| *format != UrlsFormat::Csv);
    if let (Some(format), false) = (configured, session.pair.source.library.capabilities().locators) {
        return of_containers(context, &session, format, old.as_ref()).await;
    }
    if old.is_some() {
        let problem = "--old-locators: the libraries are media accounts, which still publish their locators";
        return Err(hosts::refused(problem, "leave out the flag; it is only for `service = \"blobs\"`"));
    }
    let found = list(&session, args).await?;
    match args.format {
        None => context.printer.result(&found.pairs, || text(&found.pairs))?,
        Some(UrlsFormat::Csv) => Printer::file(&csv::table(&found.pairs))?,
        Some(format) => {
            let hosts = Hosts::new(
                hosts::streaming_host(&session.pair.source, &found.pairs).await?,
                hosts::streaming_host(&session.pair.target, &found.pairs).await?,
            );
            let probe = if probes(format) { Some(hosts::probe(&found.pairs)?) } else { None };
            write_configuration(context, format, &hosts, probe.as_ref(), None)?;
        }
    }
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

/// Writes a configuration for storage accounts. They have no pairs of URLs, so nothing is compared.
async fn of_containers(
    context: &Context,
    session: &Session,
    format: UrlsFormat,
    old: Option<&OldLocators>,
) -> Result<ExitCode, CommandFailure> {
    let [source, target] = [&session.config.source, &session.config.target].map(containers::blob_host);
    let hosts = Hosts::new(source?, target?);
    let probe = if probes(format) { Some(containers::probe(&session.pair).await?) } else { None };
    write_configuration(context, format, &hosts, probe.as_ref(), old)?;
    Ok(ExitCode::Success)
}

/// Refuses flags that contradict each other.
fn check(context: &Context, args: &UrlsArgs) -> Result<(), CommandFailure> {
    let usage = |problem: &str, remedy: &str| Err(CommandFailure::new(ExitCode::Usage, problem, remedy));
    if args.format.is_some() && context.global.output == Output::Json {
        return usage("--format and --output json exclude each other", "use only one of them");
    }
    if args.old_locators.is_some() && args.format != Some(UrlsFormat::Nginx) {
        return usage("--old-locators needs --format nginx", "add --format nginx, or leave out --old-locators");
    }
    Ok(())
}

async fn list(session: &Session, args: &UrlsArgs) -> Result<Urls, CommandFailure> {
    let ledger = read_ledger(session)?;
    let options = Options { policy: session.config.policy.clone(), ..args.scope.options() };
    let result = urls(&session.pair, &ledger, &options).await;
    ledger.close().await?;
    result.map_err(|error| CommandFailure::of(&error, false))
}

/// Does that configuration check both hosts by requesting a path?
fn probes(format: UrlsFormat) -> bool {
    matches!(format, UrlsFormat::FrontDoor | UrlsFormat::TrafficManager)
}

fn write_configuration(
    context: &Context,
    format: UrlsFormat,
    hosts: &Hosts,
    probe: Option<&Probe>,
    old: Option<&OldLocators>,
) -> Result<(), CommandFailure> {
    let text = match (format, probe) {
        (UrlsFormat::FrontDoor, Some(probe)) => bicep::front_door(hosts, probe)?,
        (UrlsFormat::TrafficManager, Some(probe)) => bicep::traffic_manager(hosts, probe)?,
        (UrlsFormat::Steering, _) => {
            let manifest = steering::manifest(hosts)?;
            context.printer.note(&format!("note: {}", steering::note(hosts)));
            manifest
        }
        _ => nginx::server(hosts, old),
    };
    Printer::file(&format!("{}\n", text.trim_end()))
}

/// The findings that are owed.
fn warnings(found: &Urls) -> Vec<String> {
    let findings = found.findings.iter().map(|finding| plain::line(&finding.line(true)).into_owned());
    let owed = found.problems.iter().filter(|problem| problem.owed);
    let owed =
        owed.map(|problem| plain::line(&format!("{}: {}", problem.name, problem.finding.line(true))).into_owned());
    findings.chain(owed).collect()
}

/// The pairs as text: the asset, then one URL per line.
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
