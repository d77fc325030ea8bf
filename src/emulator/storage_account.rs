//! Accesses of the media plane (or streaming host, or library) to a storage account, which is either the emulator's own
//! or that of an external server (Azurite).
//!
//! These are internal accesses of the service: they are neither authorised nor throttled.

use bytes::Bytes;
use jiff::Timestamp;

use super::blob::account::BlobAccount;
use super::blob::sas;
use super::external::ExternalAccount;
use super::storage::{NewBlob, StorageError, StoredBlob, StoredPolicy};

/// A storage account attached to a media account.
#[derive(Debug)]
pub(crate) enum StorageAccount {
    /// The emulator's own blob plane.
    Internal(BlobAccount),
    /// A blob service outside, reached with its account key.
    External(ExternalAccount),
}

impl StorageAccount {
    /// The account's name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Internal(a) => a.name(),
            Self::External(a) => a.name(),
        }
    }

    /// `http://host:port/account`, no trailing slash; a container's URL is this + `/` + its name.
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Internal(a) => a.url(),
            Self::External(a) => a.url(),
        }
    }

    /// The account key in base64.
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Internal(a) => a.key(),
            Self::External(a) => a.key(),
        }
    }

    pub(crate) async fn create_container(&self, container: &str) -> Result<(), StorageError> {
        match self {
            Self::Internal(a) => a.create_container(container),
            Self::External(a) => a.create_container(container).await,
        }
    }

    pub(crate) async fn delete_container(&self, container: &str) -> Result<(), StorageError> {
        match self {
            Self::Internal(a) => a.delete_container(container),
            Self::External(a) => a.delete_container(container).await,
        }
    }

    pub(crate) async fn container_exists(&self, container: &str) -> Result<bool, StorageError> {
        match self {
            Self::Internal(a) => Ok(a.container_exists(container)),
            Self::External(a) => a.container_exists(container).await,
        }
    }

    /// All blobs of a container in name order, without uncommitted ones.
    pub(crate) async fn list_blobs(&self, container: &str) -> Result<Vec<StoredBlob>, StorageError> {
        match self {
            Self::Internal(a) => a.list_blobs(container),
            Self::External(a) => a.list_blobs(container).await,
        }
    }

    pub(crate) async fn put_blob(&self, container: &str, name: &str, blob: NewBlob) -> Result<(), StorageError> {
        match self {
            Self::Internal(a) => a.put_blob(container, name, blob),
            Self::External(a) => a.put_blob(container, name, blob).await,
        }
    }

    /// `length` bytes from `offset` (shorter at the blob's end), with the blob's description.
    pub(crate) async fn read_blob(
        &self,
        container: &str,
        name: &str,
        offset: u64,
        length: u64,
    ) -> Result<(StoredBlob, Bytes), StorageError> {
        match self {
            Self::Internal(a) => a.read_blob(container, name, offset, length),
            Self::External(a) => a.read_blob(container, name, offset, length).await,
        }
    }

    /// Copies a blob inside this account (encoding jobs); content and headers arrive unchanged.
    pub(crate) async fn copy_within(&self, from: (&str, &str), to: (&str, &str)) -> Result<(), StorageError> {
        match self {
            Self::Internal(a) => a.copy_within(from, to),
            Self::External(a) => a.copy_within(from, to).await,
        }
    }

    /// Adds or replaces a stored access policy; a container holds five at most.
    pub(crate) async fn set_policy(&self, container: &str, id: &str, policy: StoredPolicy) -> Result<(), StorageError> {
        match self {
            Self::Internal(a) => a.set_policy(container, id, policy),
            Self::External(a) => a.set_policy(container, id, policy).await,
        }
    }

    /// Removes a stored access policy; it need not exist.
    pub(crate) async fn remove_policy(&self, container: &str, id: &str) -> Result<(), StorageError> {
        match self {
            Self::Internal(a) => a.remove_policy(container, id),
            Self::External(a) => a.remove_policy(container, id).await,
        }
    }

    /// The query (without `?`) of a container SAS that refers to stored policy `id`; `start` and `expiry` are in the
    /// URL and therefore not in the policy.
    pub(crate) fn sign_policy_sas(
        &self,
        container: &str,
        id: &str,
        start: Option<Timestamp>,
        expiry: Option<Timestamp>,
    ) -> String {
        sas::sign_container(self.name(), self.key(), container, id, start, expiry)
    }
}
