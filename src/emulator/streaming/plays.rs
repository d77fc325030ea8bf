//! Lists what plays: the answers that the streaming host would give now for all published assets, without a request.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::locate::{allowed, locate};
use super::manifests::manifest;
use super::protected;
use super::refusal::Refusal;
use super::target::Target;
use crate::emulator::media_v2::{self, Delivery, Protocol, PublishedLocator};
use crate::emulator::storage_account::StorageAccount;
use crate::emulator::world::World;

/// The answers for one streaming locator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// 200 if the locator is served; otherwise the status of all its paths.
    pub status: u16,
    /// The answer for each path below the locator: every file of the container, and the Smooth, HLS and DASH manifests
    /// of every server manifest, and its Smooth manifest with each filter. With delivery policies, also the files as HLS
    /// and DASH deliver them.
    pub answers: BTreeMap<String, PlayedAnswer>,
}

/// The answer for one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayedAnswer {
    /// The status.
    pub status: u16,
    /// A digest of the body, equal for equal bodies; `None` of refusals, encrypted files, and files that are stored outside.
    pub fingerprint: Option<[u8; 32]>,
}

impl PlayedAnswer {
    fn of(outcome: Result<Option<[u8; 32]>, Refusal>) -> Self {
        match outcome {
            Ok(fingerprint) => Self { status: 200, fingerprint },
            Err(refusal) => Self { status: refusal.status().as_u16(), fingerprint: None },
        }
    }
}

/// The manifests that players request from a server manifest.
const MANIFESTS: [&str; 3] = ["manifest", "manifest(format=m3u8-aapl)", "manifest(format=mpd-time-csf)"];

/// The current answers of a region, by the GUIDs of streaming locators.
pub(crate) async fn plays(world: &World, region: usize) -> BTreeMap<String, Played> {
    let mut all = BTreeMap::new();
    for guid in media_v2::streaming_guids(&world.regions[region].media) {
        let played = match played(world, region, &guid).await {
            Ok(answers) => Played { status: 200, answers },
            Err(refusal) => Played { status: refusal.status().as_u16(), answers: BTreeMap::new() },
        };
        all.insert(guid, played);
    }
    all
}

async fn played(world: &World, region: usize, guid: &str) -> Result<BTreeMap<String, PlayedAnswer>, Refusal> {
    let (locator, storage) = locate(world, region, guid)?;
    let names: Vec<String> = storage.list_blobs(&locator.container).await?.into_iter().map(|blob| blob.name).collect();
    let mut answers = BTreeMap::new();
    for name in &names {
        answers.insert(name.clone(), PlayedAnswer::of(file(&locator, storage, Protocol::Progressive, name)));
    }
    for name in names.iter().filter(|name| name.to_ascii_lowercase().ends_with(".ism")) {
        let target = Target { guid: guid.to_owned(), file: name.clone(), presentation: None, filters: Vec::new() };
        for presentation in MANIFESTS {
            let text = manifest(storage, locator.clone(), &target, presentation).await;
            let outcome = text.map(|(_, text)| Some(Sha256::digest(text).into()));
            answers.insert(format!("{name}/{presentation}"), PlayedAnswer::of(outcome));
        }
        for (filter, rules) in &locator.filters {
            let text = manifest(storage, locator.clone(), &target, "manifest").await;
            // What the filter selects depends on its rules.
            let outcome = text.map(|(_, text)| Some(Sha256::digest(text + rules).into()));
            answers.insert(format!("{name}/manifest(filter={filter})"), PlayedAnswer::of(outcome));
        }
        if locator.protection.is_open() {
            continue;
        }
        let beside = names.iter().filter_map(|other| Some((other, other.strip_prefix(target.folder())?)));
        for (blob, relative) in beside {
            for protocol in [Protocol::Hls, Protocol::Dash] {
                let path = format!("{name}/{}", protected::media_url(protocol, relative));
                answers.insert(path, PlayedAnswer::of(file(&locator, storage, protocol, blob)));
            }
        }
    }
    Ok(answers)
}

/// The digest of a file as a protocol delivers it.
fn file(
    locator: &PublishedLocator,
    storage: &Arc<StorageAccount>,
    protocol: Protocol,
    name: &str,
) -> Result<Option<[u8; 32]>, Refusal> {
    match (allowed(locator, protocol)?, storage.as_ref()) {
        (Delivery::Clear, StorageAccount::Internal(account)) => {
            Ok(Some(account.fingerprint(&locator.container, name)?))
        }
        _ => Ok(None),
    }
}
