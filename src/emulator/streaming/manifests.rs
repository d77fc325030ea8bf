//! The manifests and playlists that players request from a server manifest.

use std::sync::Arc;

use super::locate::allowed;
use super::refusal::Refusal;
use super::server_manifest::ServerManifest;
use super::source::Source;
use super::target::Target;
use super::{dash, hls, smooth};
use crate::emulator::media_v2::{Protocol, PublishedLocator};
use crate::emulator::storage_account::StorageAccount;

/// The requested manifest or playlist of a server manifest.
pub(super) async fn manifest(
    storage: &Arc<StorageAccount>,
    locator: PublishedLocator,
    target: &Target,
    presentation: &str,
) -> Result<(&'static str, String), Refusal> {
    let asked = presentation.to_ascii_lowercase();
    let protocol = match asked.as_str() {
        "manifest" => Protocol::Smooth,
        "manifest(format=mpd-time-csf)" => Protocol::Dash,
        _ => Protocol::Hls,
    };
    let (source, manifest) = opened(storage, locator, target, protocol).await?;
    Ok(match asked.as_str() {
        "manifest" => (smooth::CONTENT_TYPE, smooth::client_manifest(&source, &manifest).await?),
        "manifest(format=m3u8-aapl)" | "manifest(format=m3u8-aapl-v3)" => {
            (hls::CONTENT_TYPE, hls::master(&source, &manifest, &asked).await?)
        }
        "manifest(format=mpd-time-csf)" => (dash::CONTENT_TYPE, dash::description(&source, &manifest).await?),
        _ => match hls::playlist(&source, &manifest, &asked).await? {
            Some(playlist) => (hls::CONTENT_TYPE, playlist),
            None => return Err(Refusal::Format(presentation.to_owned())),
        },
    })
}

/// A server manifest, and the asset's content as it is delivered in a protocol.
pub(super) async fn opened<'s>(
    storage: &'s Arc<StorageAccount>,
    locator: PublishedLocator,
    target: &Target,
    protocol: Protocol,
) -> Result<(Source<'s>, ServerManifest), Refusal> {
    let delivery = allowed(&locator, protocol)?;
    let restricted = !locator.protection.is_open();
    let folder = target.folder().to_owned();
    let source = Source { storage, container: locator.container, folder, protocol, delivery, restricted };
    let manifest = ServerManifest::parse(&source.text(&target.file[source.folder.len()..]).await?)
        .map_err(|problem| Refusal::Manifest { name: target.file.clone(), problem })?;
    Ok((source, manifest))
}
