//! Does an account show the index tags of its blobs?

use std::sync::atomic::{AtomicU8, Ordering};

use super::BlobAccount;
use super::auth::Credential;
use super::sas::SharedAccess;
use crate::error::Failure;
use crate::model::{BlobProperties, IndexTags};

/// Does an account show the index tags of its blobs?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum TagAccess {
    /// Yes, unless a refusal shows otherwise.
    Readable,
    /// It refuses: the permission is missing.
    Refused,
    /// It has none, such as an account with a hierarchical namespace.
    NotOffered,
}

impl TagAccess {
    /// The tags of a blob whose tags were not asked for because of this.
    pub(super) fn of_a_blob(self) -> IndexTags {
        match self {
            Self::Readable => IndexTags::default(),
            Self::Refused => IndexTags::Unreadable,
            Self::NotOffered => IndexTags::NotOffered,
        }
    }
}

/// What is known of an account. It becomes worse, and never better.
#[derive(Debug)]
pub(super) struct TagsKnown(AtomicU8);

impl TagsKnown {
    /// What the credential says: a signature without the permission need not be tried.
    pub(super) fn at_first(credential: &Credential) -> Self {
        let access = match credential {
            Credential::Key(_) => TagAccess::Readable,
            Credential::Sas(sas) => SharedAccess::read(sas.expose()).tag_access(),
        };
        Self(AtomicU8::new(access as u8))
    }
}

impl SharedAccess {
    /// Does it permit to read index tags? One with a stored policy does not say what it permits.
    pub fn tag_access(&self) -> TagAccess {
        let refused = !self.permissions.is_empty() && !self.permissions.contains('t');
        if refused { TagAccess::Refused } else { TagAccess::Readable }
    }
}

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

    /// Index tags as `x-ms-tags` writes them: a form's encoding. None where the account would refuse them.
    pub(super) fn tags_header(&self, properties: &BlobProperties) -> Option<String> {
        let tags = properties.tags.read().filter(|tags| !tags.is_empty())?;
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        (self.tag_access() == TagAccess::Readable).then(|| form.extend_pairs(tags).finish().replace('+', "%20"))
    }
}

/// What a refusal says about tags, if it may be about them. A request that was not even authenticated says nothing.
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
