//! The assertion of an application with a certificate: a JSON web token that it signs itself, with RSA and SHA-256.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rsa::pkcs8::DecodePublicKey as _;
use rsa::{Pkcs1v15Sign, RsaPublicKey};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use super::Refused;

/// The prefix of a SHA-256 digest in a PKCS#1 signature (RFC 8017, 9.2).
pub(super) const DIGEST_INFO: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];

/// Is the assertion signed with the key of that certificate (PEM), for that application and that address, and valid
/// now?
pub(super) fn verify(assertion: &str, certificate: &str, client: &str, url: &str, now: i64) -> Result<(), Refused> {
    let malformed = || Refused(400, "invalid_request", "AADSTS50027: JWT token is invalid or malformed.");
    let (text, signature) = assertion.rsplit_once('.').ok_or_else(malformed)?;
    let (head, claims) = text.split_once('.').ok_or_else(malformed)?;
    let (head, claims) = (part(head).ok_or_else(malformed)?, part(claims).ok_or_else(malformed)?);
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    let unknown = || {
        Refused(
            401,
            "invalid_client",
            "AADSTS700027: The certificate with identifier used to sign the client assertion is \
                 not registered on application.",
        )
    };
    let der = der(certificate).ok_or_else(unknown)?;
    let named = head.get("x5t").and_then(Value::as_str);
    let alg = head.get("alg").and_then(Value::as_str);
    if alg != Some("RS256") || named != Some(URL_SAFE_NO_PAD.encode(Sha1::digest(&der)).as_str()) {
        return Err(unknown());
    }
    let key = public_key(&der).ok_or_else(unknown)?;
    let padding = Pkcs1v15Sign { hash_len: Some(32), prefix: DIGEST_INFO.into() };
    key.verify(padding, &Sha256::digest(text.as_bytes()), &signature).map_err(|_| unknown())?;
    let word = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let time = |name: &str| claims.get(name).and_then(Value::as_i64);
    if word("iss") != client || word("sub") != client || word("aud") != url || word("jti").is_empty() {
        let text = "AADSTS700023: Client assertion audience or issuer is not valid.";
        return Err(Refused(401, "invalid_client", text));
    }
    let in_time = time("nbf").is_some_and(|from| from <= now + 300) && time("exp").is_some_and(|until| now < until);
    let late = "AADSTS700024: Client assertion is not within its valid time range.";
    if in_time { Ok(()) } else { Err(Refused(401, "invalid_client", late)) }
}

fn part(encoded: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
}

/// The bytes of the first certificate in a PEM text.
fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
}

fn public_key(der: &[u8]) -> Option<RsaPublicKey> {
    let certificate = Certificate::from_der(der).ok()?;
    let info = certificate.tbs_certificate.subject_public_key_info.to_der().ok()?;
    RsaPublicKey::from_public_key_der(&info).ok()
}
