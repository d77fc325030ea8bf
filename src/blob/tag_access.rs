//! Does an account show the index tags of its blobs?

use std::sync::atomic::AtomicU8;

use super::sas::SharedAccess;
use super::signer::Credential;
use crate::model::IndexTags;

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
    /// The tags of a blob whose tags were not requested because of this.
    pub(super) fn of_a_blob(self) -> IndexTags {
        match self {
            Self::Readable => IndexTags::default(),
            Self::Refused => IndexTags::Unreadable,
            Self::NotOffered => IndexTags::NotOffered,
        }
    }
}

/// What is known about the index tags of an account. It only changes from readable to refused or not offered.
#[derive(Debug)]
pub(super) struct TagsKnown(pub(super) AtomicU8);

impl TagsKnown {
    /// The first assumption from the credential: a signature without the permission need not be tried.
    pub(super) fn at_first(credential: &Credential) -> Self {
        let access = match credential {
            Credential::Key(_) | Credential::Tokens(_) => TagAccess::Readable,
            Credential::Sas(sas) => SharedAccess::read(sas.expose()).tag_access(),
        };
        Self(AtomicU8::new(access as u8))
    }
}

impl SharedAccess {
    /// Does the signature permit reading index tags? A signature with a stored policy does not show its permissions.
    pub fn tag_access(&self) -> TagAccess {
        let refused = !self.permissions.is_empty() && !self.permissions.contains('t');
        if refused { TagAccess::Refused } else { TagAccess::Readable }
    }
}
