//! Changes that another program makes to the emulator's content, without a request that is counted, authorised or
//! affected by a fault.
//!
//! Each method returns `false` (or `None`) if there is nothing with that name, or if it is stored externally.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::blob::account::BlobAccount;
use super::handle::EmulatorHandle;
use super::settings::{Protection, SourceAccess, TagSupport};
use super::storage::{Content, Described, Headers, NewBlob, StorageError};
use super::storage_account::StorageAccount;

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl EmulatorHandle {
    fn internal(&self, account: &str) -> Option<&BlobAccount> {
        match self.world.storage(account).map(AsRef::as_ref) {
            Some(StorageAccount::Internal(account)) => Some(account),
            Some(StorageAccount::External(_)) | None => None,
        }
    }

    fn alter(&self, account: &str, change: impl FnOnce(&BlobAccount) -> Result<(), StorageError>) -> bool {
        self.internal(account).is_some_and(|account| change(account).is_ok())
    }

    /// Writes a blob.
    #[must_use]
    pub fn put_blob(
        &self,
        account: &str,
        container: &str,
        blob: &str,
        bytes: impl Into<Bytes>,
        content_type: Option<&str>,
    ) -> bool {
        let new = NewBlob {
            content: Content::Bytes(bytes.into()),
            content_type: content_type.map(str::to_owned),
            cache_control: None,
            metadata: BTreeMap::new(),
            tags: BTreeMap::new(),
        };
        self.alter(account, |account| account.put_blob(container, blob, new))
    }

    /// Replaces the bytes of a blob with others of the same length. Headers (including the checksum), metadata and tags
    /// do not change; entity tag and time change as in a write.
    #[must_use]
    pub fn exchange_bytes(&self, account: &str, container: &str, blob: &str) -> bool {
        self.alter(account, |account| account.exchange_bytes(container, blob))
    }

    /// Sets the headers of a blob; those that are `None` are cleared.
    #[must_use]
    pub fn set_headers(&self, account: &str, container: &str, blob: &str, headers: &Headers) -> bool {
        self.alter(account, |account| account.set_headers(container, blob, headers))
    }

    /// Sets the metadata of a blob.
    #[must_use]
    pub fn set_metadata(&self, account: &str, container: &str, blob: &str, metadata: &[(&str, &str)]) -> bool {
        self.alter(account, |account| account.set_metadata(container, blob, owned(metadata)))
    }

    /// Sets the index tags of a blob; neither entity tag nor time changes.
    #[must_use]
    pub fn set_tags(&self, account: &str, container: &str, blob: &str, tags: &[(&str, &str)]) -> bool {
        self.alter(account, |account| account.set_tags(container, blob, owned(tags)))
    }

    /// Moves a blob to the archive tier; neither entity tag nor time changes.
    #[must_use]
    pub fn archive(&self, account: &str, container: &str, blob: &str) -> bool {
        self.alter(account, |account| account.archive(container, blob))
    }

    /// Makes a blob as if it was written with a customer's key; then every read must have the key.
    #[must_use]
    pub fn set_customer_key(&self, account: &str, container: &str, blob: &str, key: &[u8; 32]) -> bool {
        self.alter(account, |account| account.set_customer_key(container, blob, key))
    }

    /// Makes a blob as if it was written in an encryption scope.
    #[must_use]
    pub fn set_encryption_scope(&self, account: &str, container: &str, blob: &str, scope: &str) -> bool {
        self.alter(account, |account| account.set_encryption_scope(container, blob, scope))
    }

    /// Deletes a container with all its blobs, even if it is leased.
    #[must_use]
    pub fn delete_container(&self, account: &str, container: &str) -> bool {
        self.alter(account, |account| account.delete_container(container))
    }

    /// The names of all containers of an account, in order.
    pub fn containers(&self, account: &str) -> Option<Vec<String>> {
        self.internal(account).map(BlobAccount::container_names)
    }

    /// The names of all blobs of a container, in order.
    pub fn blobs(&self, account: &str, container: &str) -> Option<Vec<String>> {
        let blobs = self.internal(account)?.list_blobs(container).ok()?;
        Some(blobs.into_iter().map(|blob| blob.name).collect())
    }

    /// Everything about a blob except its bytes.
    pub fn describe(&self, account: &str, container: &str, blob: &str) -> Option<Described> {
        self.internal(account)?.describe(container, blob).ok()
    }

    /// Sets what an account answers when the blob service of another account reads from it.
    #[must_use]
    pub fn set_source_access(&self, account: &str, access: SourceAccess) -> bool {
        self.internal(account).map(|account| account.set_source_access(access)).is_some()
    }

    /// Allows or forbids public containers in that storage account; `false`: there is no such account here.
    #[must_use]
    pub fn allow_public_access(&self, account: &str, allowed: bool) -> bool {
        self.internal(account).map(|account| account.allow_public_access(allowed)).is_some()
    }

    /// Protects a container, or removes the protection; it need not exist.
    #[must_use]
    pub fn protect(&self, account: &str, container: &str, protection: Option<Protection>) -> bool {
        self.internal(account).map(|account| account.protect(container, protection)).is_some()
    }

    /// Sets whether the blobs of an account have index tags, and whether requests for them are refused.
    #[must_use]
    pub fn set_index_tags(&self, account: &str, support: TagSupport) -> bool {
        self.internal(account).map(|account| account.set_index_tags(support)).is_some()
    }
}

#[cfg(test)]
mod tests;
