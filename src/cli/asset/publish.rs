//! `asset publish` and `asset unpublish`: make and remove the URLs of an asset.

use std::fmt::Write as _;

use clap::Args;
use mediamirror::asset::{Downloads, Published, StreamUrl, find, publish, publish_for_download, unpublish};
use mediamirror::model::{AssetId, LocatorId, LocatorKind, Side};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::context::Context;
use super::super::exit_code::ExitCode;
use super::super::failure::CommandFailure;
use super::super::session::Session;
use super::failed;

/// Arguments of `asset publish`.
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// Id or name of the asset
    #[arg(value_name = "ASSET")]
    pub(crate) asset: String,
    /// How many days the asset plays, counted from five minutes ago
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) days: u32,
    /// Print URLs that download each file instead; anyone who has such a URL can read the asset
    #[arg(long)]
    pub(crate) sas: bool,
}

/// Arguments of `asset unpublish`.
#[derive(Debug, Args)]
pub(crate) struct UnpublishArgs {
    /// Id or name of the asset
    #[arg(value_name = "ASSET")]
    pub(crate) asset: String,
}

/// Runs `publish`.
pub(super) async fn publish_one(context: &Context, side: Side, args: &PublishArgs) -> Result<ExitCode, CommandFailure> {
    let session = Session::open_one(context, side).await?;
    let account = session.account(side);
    let asset = find(account, &args.asset).await.map_err(|error| failed(&error, false))?;
    if args.sas {
        let downloads =
            publish_for_download(account, &asset, args.days).await.map_err(|error| failed(&error, false))?;
        let shown = Exposed::of(&downloads);
        context.printer.exposing(&shown, || shown.text())?;
    } else {
        let published = publish(account, &asset, args.days).await.map_err(|error| failed(&error, false))?;
        context.printer.result(&published, || text(&published))?;
    }
    Ok(ExitCode::Success)
}

/// Runs `unpublish`.
pub(super) async fn unpublish_one(
    context: &Context,
    side: Side,
    args: &UnpublishArgs,
) -> Result<ExitCode, CommandFailure> {
    let session = Session::open_one(context, side).await?;
    let account = session.account(side);
    let asset = find(account, &args.asset).await.map_err(|error| failed(&error, false))?;
    let removed = unpublish(account, &asset.id).await.map_err(|error| failed(&error, true))?;
    let removed: Vec<Removed> =
        removed.into_iter().map(|locator| Removed { locator_id: locator.id, kind: locator.kind }).collect();
    context.printer.result(&removed, || {
        let lines = removed.iter().map(|locator| format!("removed locator {}\n", locator.locator_id));
        if removed.is_empty() { "the asset has no locators\n".to_owned() } else { lines.collect() }
    })?;
    Ok(ExitCode::Success)
}

/// A locator that was removed.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Removed {
    /// Its id, as in URLs.
    locator_id: LocatorId,
    /// Its kind.
    kind: LocatorKind,
}

/// Download URLs with their signatures: for `--sas`.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Exposed<'a> {
    /// The asset's id.
    id: &'a AssetId,
    /// Its name.
    name: &'a str,
    /// The locator made.
    locator_id: &'a LocatorId,
    /// When it ends.
    expiry: String,
    /// The URLs of its files, with their signatures.
    urls: Vec<StreamUrl>,
}

impl<'a> Exposed<'a> {
    fn of(downloads: &'a Downloads) -> Self {
        let url = |url: &mediamirror::redact::SafeUrl| url.expose().to_string();
        Self {
            id: &downloads.id,
            name: &downloads.name,
            locator_id: &downloads.locator_id,
            expiry: downloads.expiry.to_string(),
            urls: downloads.files.iter().map(|file| StreamUrl { protocol: "download", url: url(&file.url) }).collect(),
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{}, until {}\n", self.name, self.expiry);
        for StreamUrl { url, .. } in &self.urls {
            let _ = writeln!(text, "  {url}");
        }
        text
    }
}

/// The result for people.
fn text(published: &Published) -> String {
    let mut text = format!("{}, until {}\n", published.name, published.expiry);
    write_urls(&mut text, &published.urls);
    text
}

/// One URL per line, with its protocol.
pub(super) fn write_urls(text: &mut String, urls: &[StreamUrl]) {
    for StreamUrl { protocol, url } in urls {
        let _ = writeln!(text, "  {protocol:<11} {url}");
    }
}
