//! Changes that another program makes to an account's content, without a request: so that tests can check whether a
//! mirror notices them.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::account::{BlobAccount, pairs};
use super::encryption::Encryption;
use super::properties::{BlobHeaders, Pairs, Tier, etag_text};
use super::stored::Blob;
use crate::emulator::storage::{Content, Described, Headers, StorageError};

impl BlobAccount {
    /// Replaces the bytes of a blob with others of the same length. Headers (including the checksum), metadata, tags
    /// and tier do not change; entity tag and time change as in a write.
    pub(crate) fn exchange_bytes(&self, container: &str, name: &str) -> Result<(), StorageError> {
        let seed = self.stamp().etag;
        self.alter(container, name, true, |blob| {
            blob.body = Content::Synthetic { seed, length: blob.body.len() }.into();
        })
    }

    /// Sets the headers of a blob; those that are `None` are cleared.
    pub(crate) fn set_headers(&self, container: &str, name: &str, headers: &Headers) -> Result<(), StorageError> {
        let headers = self.share(headers.stored());
        self.alter(container, name, true, |blob| blob.headers = headers)
    }

    /// Sets the metadata of a blob.
    pub(crate) fn set_metadata(
        &self,
        container: &str,
        name: &str,
        metadata: BTreeMap<String, String>,
    ) -> Result<(), StorageError> {
        self.alter(container, name, true, |blob| blob.metadata = pairs(metadata))
    }

    /// Sets the index tags of a blob; neither entity tag nor time changes.
    pub(crate) fn set_tags(
        &self,
        container: &str,
        name: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<(), StorageError> {
        self.alter(container, name, false, |blob| blob.extras().tags = pairs(tags))
    }

    /// Moves a blob to the archive tier; neither entity tag nor time changes.
    pub(crate) fn archive(&self, container: &str, name: &str) -> Result<(), StorageError> {
        self.alter(container, name, false, |blob| blob.extras().tier = Some(Tier::Archive))
    }

    /// Makes a blob as if it was written with that key; then every read must have the key.
    pub(crate) fn set_customer_key(&self, container: &str, name: &str, key: &[u8; 32]) -> Result<(), StorageError> {
        let encryption = Encryption::CustomerKey(Sha256::digest(key).into());
        self.alter(container, name, true, |blob| blob.extras().encryption = Some(encryption))
    }

    /// Makes a blob as if it was written in that encryption scope.
    pub(crate) fn set_encryption_scope(&self, container: &str, name: &str, scope: &str) -> Result<(), StorageError> {
        let encryption = Encryption::Scope(scope.into());
        self.alter(container, name, true, |blob| blob.extras().encryption = Some(encryption))
    }

    /// Everything about a blob except its bytes.
    pub(crate) fn describe(&self, container: &str, name: &str) -> Result<Described, StorageError> {
        let missing = |_| StorageError::NoContainer(container.to_owned());
        let found = self.container(container).map_err(missing)?;
        let contents = found.lock_at(self.elapsed()).map_err(missing)?;
        contents.blobs.get(name).map(described).ok_or_else(|| StorageError::NoBlob(name.to_owned()))
    }

    /// The names of all containers, in order.
    pub(crate) fn container_names(&self) -> Vec<String> {
        self.containers_from("", usize::MAX).iter().map(|container| container.name.to_string()).collect()
    }

    fn alter(
        &self,
        container: &str,
        name: &str,
        another_version: bool,
        change: impl FnOnce(&mut Blob),
    ) -> Result<(), StorageError> {
        let missing = |_| StorageError::NoContainer(container.to_owned());
        let found = self.container(container).map_err(missing)?;
        let mut contents = found.lock_to_change(self.elapsed()).map_err(missing)?;
        let blob = contents.blobs.get_mut(name).ok_or_else(|| StorageError::NoBlob(name.to_owned()))?;
        change(blob);
        if another_version {
            blob.forget_copy();
            blob.touch(self.stamp());
        }
        Ok(())
    }
}

impl Headers {
    fn stored(&self) -> BlobHeaders {
        let text = |value: &Option<String>| value.as_deref().map(Into::into);
        BlobHeaders {
            content_type: text(&self.content_type),
            content_encoding: text(&self.content_encoding),
            content_language: text(&self.content_language),
            content_disposition: text(&self.content_disposition),
            cache_control: text(&self.cache_control),
            content_md5: self.content_md5.as_deref().map(Into::into),
        }
    }
}

fn described(blob: &Blob) -> Described {
    let text = |value: &Option<Box<str>>| value.as_deref().map(str::to_owned);
    let map = |pairs: Option<&Pairs>| {
        let pairs = pairs.into_iter().flat_map(|pairs| pairs.iter());
        pairs.map(|(name, value)| (name.to_string(), value.to_string())).collect()
    };
    let headers = &blob.headers;
    Described {
        etag: etag_text(blob.etag),
        last_modified: i64::from(blob.modified),
        length: blob.body.len(),
        headers: Headers {
            content_type: text(&headers.content_type),
            content_encoding: text(&headers.content_encoding),
            content_language: text(&headers.content_language),
            content_disposition: text(&headers.content_disposition),
            cache_control: text(&headers.cache_control),
            content_md5: headers.content_md5.as_deref().map(<[u8]>::to_vec),
        },
        metadata: map(blob.metadata.as_ref()),
        tags: map(blob.tags()),
        tier: blob.tier().map(|tier| tier.name().to_owned()),
    }
}
