//! A planned asset, before it is stored. Plans are made without an emulator, so that they can be compared.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::emulator::storage::{Content, NewBlob};

/// An asset to be.
#[derive(Debug, Clone, Default)]
pub(super) struct PlannedAsset {
    pub(super) name: String,
    pub(super) guid: Uuid,
    /// 1 = storage-encrypted.
    pub(super) options: i32,
    pub(super) blobs: Vec<PlannedBlob>,
    /// Name of the primary file.
    pub(super) primary: Option<String>,
    pub(super) locators: Vec<PlannedLocator>,
    /// The container is removed at the end.
    pub(super) lose_container: bool,
    /// Its blobs have no file records.
    pub(super) unregistered: bool,
    /// Content key and delivery policy.
    pub(super) protection: Option<PlannedProtection>,
}

impl PlannedAsset {
    /// The same with only blobs.
    pub(super) fn unpublished(self) -> Self {
        Self { unregistered: true, primary: None, locators: Vec::new(), protection: None, ..self }
    }
}

/// A blob to be.
#[derive(Debug, Clone)]
pub(super) struct PlannedBlob {
    pub(super) name: String,
    pub(super) content: Content,
    pub(super) cache_control: Option<&'static str>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
}

/// A planned streaming locator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlannedLocator {
    pub(super) guid: Uuid,
    pub(super) start: Option<Timestamp>,
    pub(super) expiry: Timestamp,
}

/// The protection of a planned asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlannedProtection {
    /// Type and guid of a content key.
    pub(super) key: Option<(i32, Uuid)>,
    /// Type, protocols and guid of a delivery policy.
    pub(super) policy: Option<(i32, i32, Uuid)>,
}

impl PlannedBlob {
    pub(super) fn new(name: impl Into<String>, content: Content) -> Self {
        Self { name: name.into(), content, cache_control: None, metadata: BTreeMap::new(), tags: BTreeMap::new() }
    }

    pub(super) fn text(name: impl Into<String>, text: String) -> Self {
        Self::new(name, Content::Bytes(text.into()))
    }

    /// The blob as it is stored.
    pub(super) fn stored(self) -> NewBlob {
        NewBlob {
            content_type: content_type(&self.name).map(str::to_owned),
            cache_control: self.cache_control.map(str::to_owned),
            content: self.content,
            metadata: self.metadata,
            tags: self.tags,
        }
    }
}

/// A fixed time, so that the same recipe always makes the same library.
fn fixed(text: &str) -> Timestamp {
    text.parse().expect("a fixed moment is well written")
}

impl PlannedLocator {
    /// Valid since the start of the service and for a very long time.
    pub(super) fn lasting(guid: Uuid) -> Self {
        Self { guid, start: None, expiry: fixed("2099-01-01T00:00:00Z") }
    }

    /// Was valid for one year in the past.
    pub(super) fn expired(guid: Uuid) -> Self {
        Self { guid, start: Some(fixed("2014-01-01T00:00:00Z")), expiry: fixed("2015-01-01T00:00:00Z") }
    }

    /// Not valid for long.
    pub(super) fn future(guid: Uuid) -> Self {
        Self { guid, start: Some(fixed("2098-01-01T00:00:00Z")), expiry: fixed("2099-01-01T00:00:00Z") }
    }
}

/// The content type that the service's encoders and uploaders gave a file.
pub(super) fn content_type(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "mp4" | "m4v" | "ismv" => "video/mp4",
        "m4a" | "isma" => "audio/mp4",
        "ism" => "application/octet-stream",
        "ismc" => "application/vnd.ms-sstr+xml",
        "xml" => "text/xml",
        "json" => "application/json",
        "vtt" => "text/vtt",
        "txt" => "text/plain",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        _ => return None,
    })
}
