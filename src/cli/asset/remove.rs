//! `asset delete`: deletes assets with everything that belongs to them, after a confirmation.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Args;
use mediamirror::asset::{all, find, remove};
use mediamirror::connect::Endpoint;
use mediamirror::model::{Asset, AssetId, Side};
use mediamirror::redact::scrub;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::context::Context;
use super::super::exit_code::ExitCode;
use super::super::failure::CommandFailure;
use super::super::plain;
use super::super::printer;
use super::super::session::Session;
use super::failed;

/// Arguments of `asset delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Ids or names of assets
    #[arg(value_name = "ASSET", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) assets: Vec<String>,
    /// Delete every asset of the account
    #[arg(long)]
    pub(crate) all: bool,
    /// Do not ask for a confirmation
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// The result for an asset.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Deletion {
    /// The asset's id.
    id: AssetId,
    /// Its name.
    name: String,
    /// Why it was not deleted.
    error: Option<String>,
}

/// Runs the command.
pub(super) async fn run(context: &Context, side: Side, args: &DeleteArgs) -> Result<ExitCode, CommandFailure> {
    let session = Session::open_one(context, side).await?;
    let account = session.account(side);
    let assets = chosen(account, args).await?;
    if !args.yes && !assets.is_empty() && !agreed(account, &assets).await? {
        context.printer.note("nothing was deleted");
        return Ok(ExitCode::Refused);
    }
    let mut deletions = Vec::new();
    for asset in assets {
        let error = remove(account, &asset.id).await.err().map(|error| scrub(&error.to_string()));
        deletions.push(Deletion { name: asset.label().to_owned(), id: asset.id, error });
    }
    context.printer.result(&deletions, || text(&deletions))?;
    let complete = deletions.iter().all(|deletion| deletion.error.is_none());
    Ok(if complete { ExitCode::Success } else { ExitCode::Unexpected })
}

/// The assets to delete, all of which are found before the first one is deleted.
async fn chosen(account: &Endpoint, args: &DeleteArgs) -> Result<Vec<Asset>, CommandFailure> {
    let refused = |error| failed(&error, false);
    if args.all {
        return all(account).await.map_err(refused);
    }
    let mut assets: Vec<Asset> = Vec::new();
    for wanted in &args.assets {
        let asset = find(account, wanted).await.map_err(refused)?;
        if !assets.iter().any(|known| known.id == asset.id) {
            assets.push(asset);
        }
    }
    Ok(assets)
}

/// Asks for confirmation on a terminal; without one, nobody can answer.
async fn agreed(account: &Endpoint, assets: &[Asset]) -> Result<bool, CommandFailure> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        let problem = format!("deleting {} assets needs a confirmation, and there is no terminal", assets.len());
        return Err(CommandFailure::new(ExitCode::Refused, problem, "confirm with --yes"));
    }
    for asset in assets {
        printer::note(&format!("  {}  {}", asset.id, plain::line(asset.label())));
    }
    let (count, account) = (assets.len(), account.library.account());
    printer::note(&format!("delete these {count} assets of account {account}, blobs and locators included? (yes/no)"));
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let line = answer.await.ok().and_then(Result::ok).unwrap_or_default();
    Ok(matches!(line.trim(), "y" | "yes"))
}

/// The result for people.
fn text(deletions: &[Deletion]) -> String {
    let line = |deletion: &Deletion| match &deletion.error {
        None => format!("deleted {}  {}\n", deletion.id, plain::line(&deletion.name)),
        Some(error) => {
            format!("not deleted {}  {}: {}\n", deletion.id, plain::line(&deletion.name), plain::line(error))
        }
    };
    if deletions.is_empty() { "no assets\n".to_owned() } else { deletions.iter().map(line).collect() }
}
