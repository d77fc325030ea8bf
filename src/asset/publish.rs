//! Publishing: a streaming locator and the URLs that play, or a SAS locator and the URLs that download.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::clock;
use crate::connect::Endpoint;
use crate::engine::urls::below;
use crate::error::Error;
use crate::model::{Asset, AssetEncryption, AssetFile, AssetId, Locator, LocatorId, LocatorKind};
use crate::redact::SafeUrl;

/// A locator starts this much in the past, because clocks can differ. (The failover tutorial uses the same value.)
const BACKDATED: SignedDuration = SignedDuration::from_mins(5);
/// Minutes of a day.
const DAY: u32 = 24 * 60;
/// The suffix of a server manifest's URL for each protocol.
const PROTOCOLS: [(&str, &str); 3] =
    [("smooth", "/manifest"), ("hls", "/manifest(format=m3u8-aapl)"), ("dash", "/manifest(format=mpd-time-csf)")];

/// An asset that plays.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Published {
    /// Its id.
    pub id: AssetId,
    /// Its name.
    pub name: String,
    /// The locator made.
    pub locator_id: LocatorId,
    /// When it starts.
    pub start: Option<Timestamp>,
    /// When it ends.
    pub expiry: Timestamp,
    /// What to give to players.
    pub urls: Vec<StreamUrl>,
}

/// A URL that plays.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct StreamUrl {
    /// `smooth`, `hls`, `dash`, or `progressive` if the asset has no server manifest.
    pub protocol: &'static str,
    /// The URL.
    pub url: String,
}

/// An asset whose files can be downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloads {
    /// Its id.
    pub id: AssetId,
    /// Its name.
    pub name: String,
    /// The locator made.
    pub locator_id: LocatorId,
    /// When it ends.
    pub expiry: Timestamp,
    /// One for each file.
    pub files: Vec<Download>,
}

/// A file that can be downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Its name.
    pub file: String,
    /// Anybody who has the URL can read the asset.
    pub url: SafeUrl,
}

/// Makes a streaming locator that is valid for `days` days, and returns the URLs. It shares access policies with the
/// mirror.
///
/// # Errors
/// It is storage-encrypted, or has as many locators as an asset may.
pub async fn publish(account: &Endpoint, asset: &Asset, days: u32) -> Result<Published, Error> {
    refuse_storage_encryption(asset)?;
    let (start, expiry) = life(days);
    let wanted = Locator {
        id: new_id(),
        asset: asset.id.clone(),
        kind: LocatorKind::Streaming,
        name: None,
        start: Some(start),
        expiry,
        path: None,
        policy: None,
    };
    let files = files_of(account, asset).await?;
    let made: Locator = account.library.publish(&[wanted]).await.into_iter().collect::<Result<Vec<_>, _>>()?.remove(0);
    Ok(Published {
        id: asset.id.clone(),
        name: asset.label().to_owned(),
        start: made.start,
        expiry: made.expiry,
        urls: stream_urls(account, &made, &files),
        locator_id: made.id,
    })
}

/// Makes a SAS locator that is valid for `days` days and permits reading, and returns each file's URL.
///
/// The service may take half a minute until the URLs work.
pub async fn publish_for_download(account: &Endpoint, asset: &Asset, days: u32) -> Result<Downloads, Error> {
    let (start, expiry) = life(days);
    let locator_id = new_id();
    let files = files_of(account, asset).await?;
    let container =
        account.authoring()?.create_read_sas(&asset.id, &locator_id, start, days.saturating_mul(DAY)).await?;
    let files = files.into_iter().map(|file| {
        let mut url = container.expose().clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(&file.name);
        }
        Download { file: file.name, url: SafeUrl::new(url) }
    });
    Ok(Downloads { id: asset.id.clone(), name: asset.label().to_owned(), locator_id, expiry, files: files.collect() })
}

/// Removes every locator of an asset, streaming and SAS; returns them.
pub async fn unpublish(account: &Endpoint, asset: &AssetId) -> Result<Vec<Locator>, Error> {
    let locators = account.library.locators_of_asset(asset).await?;
    for locator in &locators {
        account.library.delete_locator(&locator.id).await?;
    }
    Ok(locators)
}

/// What a locator of an asset with those files plays.
pub(super) fn stream_urls(account: &Endpoint, locator: &Locator, files: &[AssetFile]) -> Vec<StreamUrl> {
    let Some(manifest) = server_manifest(files) else {
        let url = |file: &AssetFile| StreamUrl { protocol: "progressive", url: below(account, locator, &file.name) };
        return files.iter().map(url).collect();
    };
    let root = below(account, locator, manifest);
    PROTOCOLS.iter().map(|(protocol, end)| StreamUrl { protocol, url: format!("{root}{end}") }).collect()
}

/// The `.ism` with which a player starts: the primary one, or else the first by name.
fn server_manifest(files: &[AssetFile]) -> Option<&str> {
    let manifests = files.iter().filter(|file| file.name.to_ascii_lowercase().ends_with(".ism"));
    manifests.map(|file| (!file.primary, file.name.as_str())).min().map(|(_, name)| name)
}

async fn files_of(account: &Endpoint, asset: &Asset) -> Result<Vec<AssetFile>, Error> {
    let mut files = account.library.files_of(std::slice::from_ref(&asset.id)).await?;
    Ok(files.pop().unwrap_or_default())
}

/// Start and expiry in whole seconds, so that each follows from the other and the duration of a shared policy.
fn life(days: u32) -> (Timestamp, Timestamp) {
    let start = clock::now() - BACKDATED;
    let start = Timestamp::from_second(start.as_second()).unwrap_or(start);
    (start, start + SignedDuration::from_mins(i64::from(days.saturating_mul(DAY))))
}

fn new_id() -> LocatorId {
    LocatorId::new(uuid::Uuid::new_v4().to_string())
}

/// Refuses an asset that would not play: storage encryption needs a delivery policy that decrypts it.
fn refuse_storage_encryption(asset: &Asset) -> Result<(), Error> {
    if asset.encryption != AssetEncryption::Storage {
        return Ok(());
    }
    let reason = "it is storage-encrypted, so it does not play without a delivery policy that decrypts it";
    Err(Error::input(asset.label(), reason, "upload the films into an asset that is not encrypted, and publish it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_manifest_is_the_primary_one_or_the_first() {
        let file = |name: &str, primary| AssetFile {
            asset: AssetId::new("a"),
            name: name.to_owned(),
            size: 1,
            mime_type: None,
            primary,
            encrypted: false,
        };
        assert_eq!(server_manifest(&[file("b.ism", false), file("a.ISM", false)]), Some("a.ISM"));
        assert_eq!(server_manifest(&[file("b.ism", true), file("a.ism", false)]), Some("b.ism"));
        assert_eq!(server_manifest(&[file("a.mp4", true)]), None);
    }

    #[test]
    fn a_locator_starts_five_minutes_ago_and_is_valid_for_whole_days() {
        let (start, expiry) = life(30);
        assert_eq!(expiry.duration_since(start), SignedDuration::from_hours(30 * 24));
        let ago = clock::now().duration_since(start);
        assert!(ago >= BACKDATED && ago < BACKDATED + SignedDuration::from_secs(5), "{ago:?}");
    }
}
