//! Account keys made from account names, so that the same settings have the same keys on every start.
//!
//! They protect nothing: an emulator holds test data on loopback. They only have to look and work like real ones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256, Sha512};

/// The key of a storage account: 64 bytes in base64, as the real service makes them.
pub(crate) fn storage(account: &str) -> String {
    STANDARD.encode(Sha512::digest(format!("storage account key of {account}")))
}

/// The key of a media account: 32 bytes in base64, as the real service makes them.
pub(crate) fn media(account: &str) -> String {
    STANDARD.encode(Sha256::digest(format!("media account key of {account}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_stable_and_differ_by_account_and_service() {
        assert_eq!(storage("storewest"), storage("storewest"));
        assert_ne!(storage("storewest"), storage("storeeast"));
        assert_ne!(storage("same"), media("same"));
        assert_eq!(STANDARD.decode(storage("a")).unwrap().len(), 64);
        assert_eq!(STANDARD.decode(media("a")).unwrap().len(), 32);
    }
}
