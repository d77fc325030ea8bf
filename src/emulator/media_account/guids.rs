//! Guids: read from clients and from ids, or derived from a text.

use sha2::{Digest, Sha256};

/// A guid with hyphens in lower case, or `None` if it is invalid.
pub(crate) fn canonical_guid(guid: &str) -> Option<String> {
    (guid.len() == 36).then(|| uuid::Uuid::try_parse(guid).ok())?.map(|g| g.to_string())
}

/// The guid of an id.
pub(crate) fn guid_of_id(id: &str) -> &str {
    id.rsplit(':').next().unwrap_or_default()
}

/// A guid that is derived from a text.
pub(crate) fn guid_from_text(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
