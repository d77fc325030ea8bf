//! `demo`: two emulated regions in this process, on real sockets; the first one's library is mirrored to the second by
//! the real engine, compared, played from both, and mirrored again, which must change nothing.

pub(super) mod playback;
mod report;

use std::sync::Arc;

use azure_core::http::HttpClient;
use mediamirror::config::{BlobsConfig, Config, Hooks, Policy};
use mediamirror::connect::Pair;
use mediamirror::emulator::{Emulator, EmulatorHandle};
use mediamirror::engine::urls::urls;
use mediamirror::engine::verify::verify;
use mediamirror::engine::{Options, Outcome};
use mediamirror::error::Error;
use mediamirror::ledger::Ledger;
use mediamirror::monitor::Silent;

use super::args::DemoArgs;
use super::changes::Changes;
use super::context::Context;
use super::emulator::{failed, parse_recipe};
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::format::Format;
use super::regions;
use super::session::Session;
use super::signals::Interruption;
use super::sync::mirrored;
use report::{Cost, Report};

/// What it prints as JSON.
pub(crate) const FORMAT: Format = Format::of::<Report>("demo", "a run between two emulated regions, and its check");

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &DemoArgs) -> Result<ExitCode, CommandFailure> {
    let interruption = Interruption::listen(&context.screen, "stopping; press Ctrl-C again to leave at once")?;
    let recipe = format!("assets={},blobs={},seed=1,sizes=real,awkward=true,real=true", args.assets, args.blobs);
    let generate = parse_recipe(&recipe)?;
    context.printer.note("starting two regions on loopback, with a library in the first one …");
    let emulator = Emulator::builder().generate(generate).start().await.map_err(|error| failed(&error))?;
    let result = mirror_and_compare(context, &emulator, &interruption).await;
    emulator.shutdown().await;
    let Some(report) = result? else { return Ok(interruption.code()) };
    context.printer.result(&report, || report.text(context.global.verbose > 0))?;
    Ok(if report.surprises.is_empty() { ExitCode::Success } else { ExitCode::Partial })
}

/// The whole demonstration; `None` if it was interrupted.
async fn mirror_and_compare(
    context: &Context,
    emulator: &EmulatorHandle,
    interruption: &Interruption,
) -> Result<Option<Report>, CommandFailure> {
    let Session { pair, network, .. } = Session::of(config(emulator)?)?;
    let options = Options::default();
    // In memory, so that the demonstration leaves no file.
    let ledger = Ledger::in_memory()?;
    let of = |error: Error| CommandFailure::of(&error, true);

    emulator.reset_stats();
    let first =
        mirrored(context, &pair, &ledger, &options, interruption, &Arc::new(Changes::new(false, false))).await?;
    let cost = Cost::of(&emulator.stats(), &first);
    if first.outcome == Outcome::Interrupted {
        return Ok(None);
    }
    context.printer.note("comparing both libraries …");
    let verification = verify(&pair, &ledger, &options, &Silent).await.map_err(of)?;
    context.printer.note("fetching every manifest from both regions …");
    let playback = playbacks((&pair, &ledger), &options, network.as_ref()).await?;
    context.printer.note("mirroring again …");
    let second =
        mirrored(context, &pair, &ledger, &options, interruption, &Arc::new(Changes::new(false, false))).await?;
    if second.outcome == Outcome::Interrupted {
        return Ok(None);
    }
    ledger.close().await?;
    Ok(Some(Report::new(first, verification, playback, second, cost)))
}

/// Requests every streaming URL in both regions.
async fn playbacks(
    (pair, ledger): (&Arc<Pair>, &Ledger),
    options: &Options,
    network: &dyn HttpClient,
) -> Result<Vec<playback::Playback>, CommandFailure> {
    let found = urls(pair, ledger, options).await.map_err(|error| CommandFailure::of(&error, true))?;
    Ok(playback::play_all(network, found.pairs).await)
}

/// The first region is the source, the second the target.
pub(super) fn config(emulator: &EmulatorHandle) -> Result<Config, CommandFailure> {
    let [source, target, ..] = emulator.ready().regions.as_slice() else {
        return Err(CommandFailure::unexpected("the emulator has fewer than two regions"));
    };
    Ok(Config {
        source: regions::account(source)?,
        target: regions::account(target)?,
        ledger: std::path::PathBuf::new(),
        policy: Policy::default(),
        storage_map: std::collections::BTreeMap::new(),
        blobs: BlobsConfig::default(),
        prices: None,
        roots: Vec::new(),
        hooks: Hooks::default(),
    })
}
