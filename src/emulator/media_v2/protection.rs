//! Protection of content keys: the certificate with which clients encrypt them, and the decryption of protected
//! configurations.
//!
//! The key pair is part of the program. It protects nothing: an emulator holds test data.

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockDecryptMut as _, BlockEncrypt as _, KeyInit as _, KeyIvInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{Oaep, RsaPrivateKey};
use sha1::{Digest as _, Sha1};

use super::errors::ApiError;
use crate::emulator::media_account::schema::KEYS;
use crate::emulator::media_account::store::{Row, State};
use crate::emulator::media_account::value::Value;

const CERTIFICATE: &[u8] = include_bytes!("protection/certificate.der");
const PRIVATE_KEY: &[u8] = include_bytes!("protection/key.der");

/// The published values of `ContentKeyType`: common, storage, configuration, envelope, common cbcs, and two of `FairPlay`.
const KEY_TYPES: [i32; 7] = [0, 1, 2, 4, 6, 7, 8];
/// `ContentKeyType` of keys that encrypt configurations.
const CONFIGURATION: i32 = 2;
/// Documented option of a task whose configuration is encrypted.
const PROTECTED: i32 = 1;
/// The documented scheme and version of an encrypted configuration.
const SCHEME: (&str, &str) = ("ConfigurationEncryption", "1.0");

/// The function imports.
pub(super) const KEY_ID: &str = "GetProtectionKeyId";
/// The other one.
pub(super) const KEY: &str = "GetProtectionKey";

/// The thumbprint that names the certificate.
fn thumbprint() -> String {
    use std::fmt::Write as _;
    Sha1::digest(CERTIFICATE).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").expect("writing to a string never fails");
        text
    })
}

/// The answer of a function import for its parameter.
pub(super) fn answer(function: &str, parameter: Option<&str>) -> Result<String, ApiError> {
    let given = parameter.unwrap_or_default();
    if function == KEY_ID {
        let known = given.parse().is_ok_and(|kind: i32| KEY_TYPES.contains(&kind));
        return known.then(thumbprint).ok_or_else(|| invalid("contentKeyType"));
    }
    let asked = given.trim_matches('\'');
    let ours = asked.eq_ignore_ascii_case(&thumbprint());
    ours.then(|| STANDARD.encode(CERTIFICATE)).ok_or_else(|| ApiError::no_entity("ProtectionKey"))
}

fn invalid(name: &str) -> ApiError {
    ApiError::bad(format!("The value of property '{name}' is invalid."))
}

/// Refuses a content key of no known type, and one for configurations that this service could not use.
pub(super) fn check_key(key: &Row) -> Result<(), ApiError> {
    if !KEY_TYPES.contains(&key.int("ContentKeyType")) {
        return Err(invalid("ContentKeyType"));
    }
    if key.int("ContentKeyType") != CONFIGURATION {
        return Ok(());
    }
    if !key.text("ProtectionKeyId").eq_ignore_ascii_case(&thumbprint()) {
        return Err(invalid("ProtectionKeyId"));
    }
    let clear = clear_key(key).ok_or_else(|| invalid("EncryptedContentKey"))?;
    let given = key.text("Checksum");
    if !given.is_empty() && Some(given) != checksum(&clear, key.text("Id")).as_deref() {
        return Err(invalid("Checksum"));
    }
    Ok(())
}

/// A content key as a client would have made it. Its bytes are derived from its guid.
pub(super) fn made_key(key_type: i32, guid: &str) -> Row {
    Row::new(&KEYS)
        .with("Id", Value::text(KEYS.id_of(guid)))
        .with("ContentKeyType", Value::Int(key_type))
        .with("EncryptedContentKey", Value::text(STANDARD.encode(Sha1::digest(format!("content key {guid}")))))
        .with("ProtectionKeyId", Value::text(thumbprint()))
}

fn clear_key(key: &Row) -> Option<Vec<u8>> {
    let private = RsaPrivateKey::from_pkcs8_der(PRIVATE_KEY).expect("the key is part of the program");
    let sealed = STANDARD.decode(key.text("EncryptedContentKey")).ok()?;
    private.decrypt(Oaep::new::<Sha1>(), &sealed).ok().filter(|clear| clear.len() == 32)
}

/// The checksum of a key: the first eight bytes of the id's GUID, as .NET orders its bytes, encrypted with the key.
fn checksum(key: &[u8], id: &str) -> Option<String> {
    let guid = uuid::Uuid::try_parse(id.rsplit(':').next()?).ok()?;
    let mut block = aes::Block::from(guid.to_bytes_le());
    Aes256::new_from_slice(key).ok()?.encrypt_block(&mut block);
    Some(STANDARD.encode(&block[..8]))
}

/// Refuses a task whose configuration is marked as encrypted but cannot be decrypted.
pub(super) fn check_task(state: &State, task: &Row) -> Result<(), ApiError> {
    if task.int("Options") & PROTECTED == 0 {
        return Ok(());
    }
    if KEYS.canonical(task.text("EncryptionKeyId")).is_none_or(|id| state.get(&KEYS, &id).is_none()) {
        return Err(ApiError::no_entity(KEYS.name));
    }
    if (task.text("EncryptionScheme"), task.text("EncryptionVersion")) != SCHEME {
        return Err(invalid("EncryptionScheme"));
    }
    Ok(())
}

/// The decrypted configuration of a task; `None` if it cannot be decrypted.
pub(super) fn configuration(state: &State, task: &Row) -> Option<String> {
    let given = task.text("Configuration");
    if task.int("Options") & PROTECTED == 0 {
        return Some(given.to_owned());
    }
    let key = clear_key(state.get(&KEYS, &KEYS.canonical(task.text("EncryptionKeyId"))?)?)?;
    let iv = STANDARD.decode(task.text("InitializationVector")).ok()?;
    let cipher = cbc::Decryptor::<Aes256>::new_from_slices(&key, &iv).ok()?;
    let clear = cipher.decrypt_padded_vec_mut::<Pkcs7>(&STANDARD.decode(given).ok()?).ok()?;
    String::from_utf8(clear).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_is_identified_only_by_its_thumbprint() {
        let id = answer(KEY_ID, Some("2")).unwrap();
        assert_eq!((id.len(), id.bytes().all(|b| b.is_ascii_hexdigit())), (40, true), "{id}");
        assert_eq!(answer(KEY, Some(&format!("'{id}'"))).unwrap(), STANDARD.encode(CERTIFICATE));
        assert_eq!(answer(KEY, Some("'00'")).unwrap_err().status, 404);
        assert_eq!(answer(KEY_ID, None).unwrap_err().status, 400);
    }

    #[test]
    fn the_checksum_uses_the_byte_order_of_net_guids() {
        // AES-256 of sixteen zeros with a key of zeros begins with these bytes (NIST's vectors).
        let zeros = "nb:kid:UUID:00000000-0000-0000-0000-000000000000";
        assert_eq!(
            checksum(&[0; 32], zeros).unwrap(),
            STANDARD.encode([0xdc, 0x95, 0xc0, 0x78, 0xa2, 0x40, 0x89, 0x89])
        );
        assert_eq!(checksum(&[0; 5], zeros), None);
    }
}
