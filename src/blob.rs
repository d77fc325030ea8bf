//! Blob storage accounts: listing, and the server-side copies into them.

pub mod copy;

use std::sync::Arc;

use futures::stream::BoxStream;
use url::Url;

use crate::call::Caller;
use crate::error::Error;
use crate::model::{AccountName, Blob, BlobRef, ContainerName, CopyState};
use crate::redact::{SafeUrl, Secret};
use crate::throttle::Lane;

/// Blobs of a listing page at most.
pub const LIST_PAGE: usize = 5_000;

/// A storage account.
#[derive(Debug)]
pub struct BlobAccount {
    name: AccountName,
}

/// What a copy reads: a signed URL and the state the source must still be in.
#[derive(Debug, Clone)]
pub struct CopySource {
    /// The source blob's URL with a read-only SAS.
    pub url: SafeUrl,
    /// The blob as listed: its ETag is the condition of the copy, its properties arrive with it.
    pub blob: Blob,
    /// The lane to slow when the source is throttled.
    pub lane: Arc<Lane>,
}

/// What a finished copy left at the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The destination's entity tag.
    pub etag: Option<String>,
}

impl BlobAccount {
    /// An account reached through `transport`, reads and writes on their lanes.
    pub fn new(
        _name: AccountName,
        _endpoint: Url,
        _key: Secret,
        _transport: Arc<dyn azure_core::http::HttpClient>,
        _read: Caller,
        _write: Caller,
    ) -> Self {
        todo!("C2")
    }

    /// Its name.
    pub fn name(&self) -> &AccountName {
        &self.name
    }

    /// All blobs of a container in name order, committed ones only, in pages of up to 5,000, with copy state, metadata and tags.
    pub fn list(&self, _container: &ContainerName) -> BoxStream<'_, Result<Vec<Blob>, Error>> {
        todo!("C2")
    }

    /// One blob, or `None`.
    pub async fn properties(&self, _blob: &BlobRef) -> Result<Option<Blob>, Error> {
        todo!("C2")
    }

    /// What a copy of that blob is to read. The container's read-only SAS is minted once and renewed before it ends.
    pub fn copy_source(&self, _container: &ContainerName, _blob: &Blob) -> Result<CopySource, Error> {
        todo!("C2")
    }

    /// Put Blob From URL: done when it returns.
    pub async fn put_from_url(&self, _to: &BlobRef, _from: &CopySource) -> Result<Copied, Error> {
        todo!("C2")
    }

    /// Put Block From URL in parallel, then Put Block List: done when it returns.
    pub async fn put_blocks_from_url(&self, _to: &BlobRef, _from: &CopySource) -> Result<Copied, Error> {
        todo!("C2")
    }

    /// Copy Blob: begun when it returns (often done at once). A copy of the same source already pending there is adopted.
    pub async fn start_copy(&self, _to: &BlobRef, _from: &CopySource) -> Result<CopyState, Error> {
        todo!("C2")
    }

    /// Ends a pending copy; the empty blob it leaves is removed. A copy that is over already is no error.
    pub async fn abort_copy(&self, _to: &BlobRef, _copy_id: &str) -> Result<(), Error> {
        todo!("C2")
    }
}
