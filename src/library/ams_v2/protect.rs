//! Configurations that only the service can read: encrypted with a new key, which is itself encrypted with the
//! service's certificate and stored as a content key.

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockEncrypt as _, BlockEncryptMut as _, KeyInit as _, KeyIvInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::rand_core::{OsRng, RngCore as _};
use rsa::{Oaep, RsaPublicKey};
use serde_json::{Value, json};
use sha1::Sha1;
use uuid::Uuid;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use super::account::AmsV2;
use super::assets::unreadable;
use super::calls::safe;
use super::odata;
use super::wire::Ask;
use crate::error::{Error, Failure};

/// The API's number of a content key that encrypts configurations.
const CONFIGURATION: u8 = 2;
/// The API's flag of a task whose configuration is encrypted.
const PROTECTED: u8 = 1;
/// The action as in "failed to …".
const PROTECT: &str = "protect the configuration with the key of account";

/// An encrypted text, and what the service needs to decrypt it.
#[derive(Debug, Clone)]
pub(super) struct Protected {
    configuration: String,
    iv: String,
    /// Id of the content key.
    key: String,
}

impl Protected {
    /// Puts it into a task instead of the clear text.
    pub(super) fn put_into(&self, task: &mut Value) {
        task["Configuration"] = json!(self.configuration);
        task["Options"] = json!(PROTECTED);
        task["EncryptionKeyId"] = json!(self.key);
        task["EncryptionScheme"] = json!("ConfigurationEncryption");
        task["EncryptionVersion"] = json!("1.0");
        task["InitializationVector"] = json!(self.iv);
    }
}

/// A new key of 256 bits and the text encrypted with it.
struct Sealed {
    key: [u8; 32],
    iv: [u8; 16],
    text: Vec<u8>,
}

fn seal(text: &str) -> Sealed {
    let (mut key, mut iv) = ([0; 32], [0; 16]);
    OsRng.fill_bytes(&mut key);
    OsRng.fill_bytes(&mut iv);
    let cipher = cbc::Encryptor::<Aes256>::new(&key.into(), &iv.into());
    Sealed { key, iv, text: cipher.encrypt_padded_vec_mut::<Pkcs7>(text.as_bytes()) }
}

/// The checksum with which the service checks the key: the id's GUID, in the byte order of .NET, encrypted with the
/// key; eight bytes.
fn checksum(key: &[u8; 32], id: Uuid) -> String {
    let mut block = aes::Block::from(id.to_bytes_le());
    Aes256::new(key.into()).encrypt_block(&mut block);
    STANDARD.encode(&block[..8])
}

/// The key, encrypted for the owner of that certificate (base64 of DER).
fn wrap(key: &[u8], certificate: &str) -> Result<String, Failure> {
    let wrong = |why: String| Failure::Unexpected(format!("a protection key that cannot be used: {why}"));
    let der = STANDARD.decode(certificate.trim()).map_err(|error| wrong(error.to_string()))?;
    let certificate = Certificate::from_der(&der).map_err(|error| wrong(error.to_string()))?;
    let public = certificate.tbs_certificate.subject_public_key_info.to_der();
    let public = public.map_err(|error| wrong(error.to_string()))?;
    let public = RsaPublicKey::from_public_key_der(&public).map_err(|error| wrong(error.to_string()))?;
    let wrapped = public.encrypt(&mut OsRng, Oaep::new::<Sha1>(), key).map_err(|error| wrong(error.to_string()))?;
    Ok(STANDARD.encode(wrapped))
}

impl AmsV2 {
    /// Encrypts a configuration with a new key and sends the key to the service.
    pub(super) async fn protect(&self, configuration: &str) -> Result<Protected, Error> {
        let account = self.0.account.as_str();
        let thumbprint = self.ask_text("GetProtectionKeyId", &format!("contentKeyType={CONFIGURATION}")).await?;
        let query = format!("ProtectionKeyId='{}'", odata::escape(&thumbprint));
        let certificate = self.ask_text("GetProtectionKey", &query).await?;
        let sealed = seal(configuration);
        let guid = Uuid::new_v4();
        let key = format!("nb:kid:UUID:{guid}");
        let wrapped = wrap(&sealed.key, &certificate).map_err(|failure| unreadable(PROTECT, account, failure))?;
        let entity = json!({
            "Id": key,
            "ContentKeyType": CONFIGURATION,
            "EncryptedContentKey": wrapped,
            "ProtectionKeyId": thumbprint,
            "ProtectionKeyType": 0,
            "Checksum": checksum(&sealed.key, guid),
        });
        // Its id is ours: if one with that id exists, an earlier attempt made it.
        match self.wire().act(safe("CreateContentKey", PROTECT, account), &Ask::post("ContentKeys", entity)).await {
            Err(error) if error.failure.status() != Some(409) => return Err(error.into()),
            _ => {}
        }
        Ok(Protected { configuration: STANDARD.encode(sealed.text), iv: STANDARD.encode(sealed.iv), key })
    }

    /// Removes the content key of a job that was not created.
    pub(super) async fn unprotect(&self, protected: &Protected) {
        if let Err(error) = self.delete_content_key(&protected.key).await {
            tracing::warn!(%error, "a content key that nothing uses is left behind");
        }
    }

    /// Removes a content key. It is a success if it does not exist.
    pub(super) async fn delete_content_key(&self, id: &str) -> Result<(), Error> {
        let ask = Ask::delete(odata::entity("ContentKeys", id));
        match self.wire().act(safe("DeleteContentKey", "delete content key", id), &ask).await {
            Err(error) if !error.failure.is_absent() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The text answer of a function.
    async fn ask_text(&self, function: &'static str, query: &str) -> Result<String, Error> {
        let account = self.0.account.as_str();
        let row = self.wire().row(safe(function, PROTECT, account), &Ask::get(format!("{function}?{query}"))).await?;
        let text = row.words(function).or_else(|| row.words("value")).map(str::to_owned);
        text.ok_or_else(|| {
            unreadable(PROTECT, account, Failure::Unexpected(format!("{function} answered no text"))).into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_encrypted_with_a_new_key_and_padded_to_whole_blocks() {
        let (one, other) = (seal("H264 Multiple Bitrate 720p"), seal("H264 Multiple Bitrate 720p"));
        assert_eq!((one.text.len(), seal("").text.len()), (32, 16));
        assert!(one.key != other.key && one.iv != other.iv && one.text != other.text);
    }

    #[test]
    fn the_checksum_is_the_documented_one() {
        // AES-256 of sixteen zeros with a key of zeros begins with these bytes (NIST's vectors).
        let expected = STANDARD.encode([0xdc, 0x95, 0xc0, 0x78, 0xa2, 0x40, 0x89, 0x89]);
        assert_eq!(checksum(&[0; 32], Uuid::nil()), expected);
    }

    #[test]
    fn an_answer_without_a_certificate_is_unexpected() {
        for wrong in ["", "%%%", "aGVsbG8="] {
            assert!(matches!(wrap(&[0; 32], wrong), Err(Failure::Unexpected(_))), "{wrong:?}");
        }
    }
}
