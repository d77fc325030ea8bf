//! Access tokens: JSON web tokens, signed with a key that only the directory has.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The claims of a token.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) aud: String,
    pub(super) oid: String,
    pub(super) tid: String,
    pub(super) appid: String,
    pub(super) nbf: i64,
    pub(super) exp: i64,
}

fn mac(key: &[u8], text: &str) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length").chain_update(text)
}

pub(super) fn sign(claims: &Claims, key: &[u8]) -> String {
    let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
    let claims = serde_json::to_vec(claims).expect("texts and numbers always serialise");
    let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(mac(key, &text).finalize().into_bytes());
    format!("{text}.{signature}")
}

/// The claims of a token, if it is unaltered.
pub(super) fn verify(token: &str, key: &[u8]) -> Option<Claims> {
    let (text, signature) = token.trim().rsplit_once('.')?;
    mac(key, text).verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.split_once('.')?.1).ok()?).ok()
}
