//! Keys that customers provide with each request, and encryption scopes.
//!
//! Nothing is encrypted. Only the access is emulated: a blob that was written with a key can be read only with that
//! key. Like the service, it stores only a digest of the key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

use super::ask::Ask;
use super::missing_features::ENCRYPTION;
use super::operation::Operation;
use super::refusal::{ENCRYPTION_KEY_MISMATCH, Refusal, USES_CUSTOMER_KEY, USES_NO_CUSTOMER_KEY};

/// How a blob is encrypted if not with the account's own key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Encryption {
    /// With the customer's key that has this SHA-256.
    CustomerKey([u8; 32]),
    /// With the key of a scope of the account.
    Scope(Box<str>),
}

/// The names of the headers that carry a key.
struct Names {
    key: &'static str,
    digest: &'static str,
    algorithm: &'static str,
}

/// The headers with the key of the addressed blob.
const OWN: Names =
    Names { key: "x-ms-encryption-key", digest: "x-ms-encryption-key-sha256", algorithm: "x-ms-encryption-algorithm" };
/// The headers with the key of a copy's source.
const SOURCE: Names = Names {
    key: "x-ms-source-encryption-key",
    digest: "x-ms-source-encryption-key-sha256",
    algorithm: "x-ms-source-encryption-algorithm",
};
/// The header with the scope of a write.
const SCOPE: &str = "x-ms-encryption-scope";

/// Refuses the headers with operations for which they are not implemented.
pub(super) fn check_implemented(ask: &Ask<'_>, operation: Operation) -> Result<(), Refusal> {
    use Operation::{
        CopyFromUrl, GetBlob, GetBlobProperties, PutBlob, PutBlobFromUrl, PutBlockFromUrl, PutBlockList,
        SetBlobMetadata,
    };
    let implemented = [
        (OWN.key, &[PutBlob, PutBlobFromUrl, GetBlob, GetBlobProperties, SetBlobMetadata][..]),
        (SOURCE.key, &[PutBlobFromUrl, PutBlockFromUrl]),
        (SCOPE, &[PutBlob, PutBlobFromUrl, PutBlockList, CopyFromUrl]),
    ];
    let refused =
        |(name, operations): &(&str, &[Operation])| ask.headers.contains_key(*name) && !operations.contains(&operation);
    if implemented.iter().any(refused) { Err(Refusal::not_implemented(ENCRYPTION)) } else { Ok(()) }
}

impl Encryption {
    /// The encryption that a write requests.
    pub(super) fn of_write(ask: &Ask<'_>) -> Result<Option<Self>, Refusal> {
        match (key_sent(ask, &OWN)?, ask.header(SCOPE)) {
            (Some(_), Some(_)) => Err(Refusal::header(SCOPE)),
            (Some(digest), None) => Ok(Some(Self::CustomerKey(digest))),
            (None, scope) => Ok(scope.map(|scope| Self::Scope(scope.into()))),
        }
    }

    /// The response header that names it.
    pub(super) fn header(&self) -> (&'static str, String) {
        match self {
            Self::CustomerKey(digest) => (OWN.digest, BASE64.encode(digest)),
            Self::Scope(scope) => (SCOPE, scope.to_string()),
        }
    }

    /// The element of a listing that names it.
    pub(super) fn element(&self) -> (&'static str, String) {
        match self {
            Self::CustomerKey(digest) => ("CustomerProvidedKeySha256", BASE64.encode(digest)),
            Self::Scope(scope) => ("EncryptionScope", scope.to_string()),
        }
    }
}

/// Checks the key that a request on a blob carries.
pub(super) fn check_key(ask: &Ask<'_>, encryption: Option<&Encryption>) -> Result<(), Refusal> {
    check(key_sent(ask, &OWN)?, encryption)
}

/// Checks the key that a copy carries for its source.
pub(super) fn check_source_key(ask: &Ask<'_>, encryption: Option<&Encryption>) -> Result<(), Refusal> {
    check(key_sent(ask, &SOURCE)?, encryption)
}

fn check(sent: Option<[u8; 32]>, encryption: Option<&Encryption>) -> Result<(), Refusal> {
    match (encryption, sent) {
        (Some(Encryption::CustomerKey(_)), None) => Err(USES_CUSTOMER_KEY),
        (Some(Encryption::CustomerKey(known)), Some(digest)) if *known != digest => Err(ENCRYPTION_KEY_MISMATCH),
        (Some(Encryption::CustomerKey(_)), Some(_)) | (_, None) => Ok(()),
        (_, Some(_)) => Err(USES_NO_CUSTOMER_KEY),
    }
}

/// The digest of the key in a request, if its headers are complete.
fn key_sent(ask: &Ask<'_>, names: &Names) -> Result<Option<[u8; 32]>, Refusal> {
    let Some(key) = ask.header(names.key) else {
        let without = [names.digest, names.algorithm].into_iter().any(|name| ask.header(name).is_some());
        return if without { Err(Refusal::missing_header(names.key)) } else { Ok(None) };
    };
    let required = |name| ask.header(name).ok_or_else(|| Refusal::missing_header(name));
    let (digest, algorithm) = (required(names.digest)?, required(names.algorithm)?);
    let key = BASE64.decode(key).ok().filter(|key| key.len() == 32).ok_or_else(|| Refusal::header(names.key))?;
    let known: [u8; 32] = Sha256::digest(key).into();
    if BASE64.encode(known) != digest {
        return Err(Refusal::header(names.digest));
    }
    if algorithm == "AES256" { Ok(Some(known)) } else { Err(Refusal::header(names.algorithm)) }
}
