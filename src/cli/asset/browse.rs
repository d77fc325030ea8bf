//! `asset list`, `asset show`, `asset endpoints` and `asset policies`: the contents of an account, and its unused
//! policies.

use std::fmt::Write as _;

use bytesize::ByteSize;
use clap::{Args, Subcommand};
use jiff::SignedDuration;
use mediamirror::asset::{Details, Listed, find, list, prune, show, unused};
use mediamirror::library::authoring::AccessPolicy;
use mediamirror::model::{Side, StreamingHost};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::context::Context;
use super::super::exit_code::ExitCode;
use super::super::failure::CommandFailure;
use super::super::plain;
use super::super::session::Session;
use super::failed;
use super::publish::write_urls;

/// Arguments of `asset show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Id or name of the asset
    #[arg(value_name = "ASSET")]
    pub(crate) asset: String,
}

/// The subcommands for access policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PoliciesCommand {
    /// Remove unused access policies, which some tools leave behind
    Prune(PruneArgs),
}

/// Arguments of `asset policies prune`.
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Show what would be removed; remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Remove only policies that are at least this many hours old; needed while other tools make locators
    #[arg(long, value_name = "HOURS", default_value_t = 0)]
    pub(crate) older_than: u32,
}

/// Runs `list`.
pub(super) async fn list_all(context: &Context, side: Side) -> Result<ExitCode, CommandFailure> {
    let session = Session::open_one(context, side).await?;
    let assets = list(session.account(side)).await.map_err(|error| failed(&error, false))?;
    context.printer.result(&assets, || {
        let lines: String = assets.iter().map(line).collect();
        if lines.is_empty() { "no assets\n".to_owned() } else { lines }
    })?;
    Ok(ExitCode::Success)
}

/// Runs `show`.
pub(super) async fn show_one(context: &Context, side: Side, args: &ShowArgs) -> Result<ExitCode, CommandFailure> {
    let session = Session::open_one(context, side).await?;
    let account = session.account(side);
    let refused = |error| failed(&error, false);
    let asset = find(account, &args.asset).await.map_err(refused)?;
    let details = show(account, asset).await.map_err(refused)?;
    context.printer.result(&details, || text(&details))?;
    Ok(ExitCode::Success)
}

/// A streaming endpoint for programs.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Endpoint {
    /// Its name.
    name: String,
    /// The URL of its host.
    url: String,
    /// Does it answer viewers?
    running: bool,
}

/// Runs `endpoints`.
pub(super) async fn endpoints(context: &Context, side: Side) -> Result<ExitCode, CommandFailure> {
    let session = Session::open_one(context, side).await?;
    let hosts = session.account(side).library.streaming_hosts().await.map_err(|error| failed(&error, false))?;
    let shown = |StreamingHost { name, url, running }| Endpoint { name, url, running };
    let endpoints: Vec<Endpoint> = hosts.into_iter().map(shown).collect();
    context.printer.result(&endpoints, || {
        let mut text = String::new();
        for Endpoint { name, url, running } in &endpoints {
            let state = if *running { "running" } else { "stopped" };
            let _ = writeln!(text, "{name}  {state}  {url}");
        }
        if endpoints.is_empty() { "no streaming endpoints\n".to_owned() } else { text }
    })?;
    Ok(ExitCode::Success)
}

/// The result of `policies prune`.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Pruned {
    /// Were they removed? With --dry-run, they are not.
    removed: bool,
    /// The policies.
    policies: Vec<Policy>,
}

/// A policy for programs.
#[derive(Debug, JsonSchema, Serialize)]
struct Policy {
    /// The service's id.
    id: String,
    /// Its name.
    name: String,
    /// When it was created.
    created: Option<String>,
    /// How long its locators are valid.
    days: f64,
}

/// Runs `policies prune`.
pub(super) async fn prune_policies(
    context: &Context,
    side: Side,
    args: &PruneArgs,
) -> Result<ExitCode, CommandFailure> {
    let session = Session::open_one(context, side).await?;
    let account = session.account(side);
    let age = SignedDuration::from_hours(i64::from(args.older_than));
    let policies = unused(account, age).await.map_err(|error| failed(&error, false))?;
    if !args.dry_run {
        prune(account, &policies).await.map_err(|error| failed(&error, true))?;
    }
    let pruned = Pruned { removed: !args.dry_run, policies: policies.into_iter().map(Policy::from).collect() };
    context.printer.result(&pruned, || pruned.text())?;
    Ok(ExitCode::Success)
}

impl From<AccessPolicy> for Policy {
    fn from(policy: AccessPolicy) -> Self {
        Self {
            id: policy.id,
            name: policy.name,
            created: policy.created.map(|at| at.to_string()),
            days: policy.minutes / (24.0 * 60.0),
        }
    }
}

impl Pruned {
    fn text(&self) -> String {
        if self.policies.is_empty() {
            return "every access policy is in use\n".to_owned();
        }
        let did = if self.removed { "removed" } else { "would remove" };
        let mut text = String::new();
        for Policy { id, name, .. } in &self.policies {
            let _ = writeln!(text, "{did} {id}  {}", plain::line(name));
        }
        text
    }
}

/// An asset as one line.
fn line(asset: &Listed) -> String {
    let name = plain::line(asset.name.as_deref().unwrap_or("(no name)"));
    let created = asset.created.map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M").to_string());
    format!("{}  {created}  {name}\n", asset.id)
}

/// An asset with its files and locators.
fn text(details: &Details) -> String {
    let asset = &details.asset;
    let name = plain::line(asset.name.as_deref().unwrap_or("(no name)"));
    let mut text = format!("{name}\n  id         {}\n", asset.id);
    for (label, value) in [
        ("created", asset.created.map(|at| at.to_string())),
        ("storage", asset.storage_account.as_ref().map(ToString::to_string)),
        ("container", asset.container.as_ref().map(ToString::to_string)),
        ("alternate", asset.alternate_id.clone()),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let _ = writeln!(text, "  {label:<10} {}", plain::line(&value));
        }
    }
    for file in &details.files {
        let primary = if file.primary { ", primary" } else { "" };
        let mime = plain::line(file.mime_type.as_deref().unwrap_or("no type"));
        let name = plain::line(&file.name);
        let _ = writeln!(text, "  file       {name}: {}, {mime}{primary}", ByteSize(file.bytes));
    }
    for locator in &details.locators {
        let _ = writeln!(text, "  locator    {} until {}", locator.id, locator.expiry);
        write_urls(&mut text, &locator.urls);
    }
    text
}
