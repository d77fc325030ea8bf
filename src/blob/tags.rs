//! The index tags of an account's blobs: what its answers show about them, and how they are sent.

use std::sync::atomic::Ordering;

use super::account::BlobAccount;
use super::tag_access::TagAccess;
use crate::error::Failure;
use crate::model::BlobProperties;

impl BlobAccount {
    /// Does the account show the index tags of its blobs, according to its answers so far?
    pub fn tag_access(&self) -> TagAccess {
        let known = self.tags.0.load(Ordering::Relaxed);
        [TagAccess::Refused, TagAccess::NotOffered]
            .into_iter()
            .find(|access| *access as u8 == known)
            .unwrap_or(TagAccess::Readable)
    }

    /// Remembers that the account does not show its tags.
    pub(super) fn note_tag_access(&self, access: TagAccess) {
        let readable = TagAccess::Readable as u8;
        if self.tags.0.compare_exchange(readable, access as u8, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tracing::warn!(account = %self.name, ?access, "lists no index tags");
        }
    }

    /// Index tags as `x-ms-tags` writes them: as an encoded form. `None` if the account would refuse them.
    pub(super) fn tags_header(&self, properties: &BlobProperties) -> Option<String> {
        let tags = properties.tags.read().filter(|tags| !tags.is_empty())?;
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        (self.tag_access() == TagAccess::Readable).then(|| form.extend_pairs(tags).finish().replace('+', "%20"))
    }
}

/// What a refusal shows about tags, if it can be about them. A request that was not authenticated shows nothing.
pub(super) fn refused(failure: &Failure) -> Option<TagAccess> {
    match (failure.status()?, failure.code()) {
        (403, Some("AuthenticationFailed")) => None,
        (400, Some("InvalidQueryParameterValue")) => Some(TagAccess::NotOffered),
        (409, Some(code)) if code.starts_with("FeatureNot") => Some(TagAccess::NotOffered),
        // Anything else proves nothing about the account.
        (400 | 403 | 409, _) => Some(TagAccess::Refused),
        _ => None,
    }
}
