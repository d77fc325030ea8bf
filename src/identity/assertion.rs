//! The assertion that an application sends instead of a secret: a JSON web token that it signs itself, or that another
//! issuer signed.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha1::{Digest as _, Sha1};
use url::Url;

use crate::clock;
use crate::config::ClientCertificate;
use crate::failure::Failure;
use crate::files;
use crate::redact::Secret;

/// The kind of assertion in the form.
pub(super) const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion is valid, in seconds, as in Microsoft's own libraries.
const LIFE: i64 = 600;
/// The largest token of another issuer, in bytes.
const LARGEST: u64 = 64 << 10;

/// An assertion signed with the key of a certificate, for one request to that address.
pub(super) fn signed(certificate: &ClientCertificate, client_id: &str, token_url: &Url) -> Secret {
    let now = clock::now().as_second();
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha1::digest(certificate.der()));
    let head = json!({ "alg": "RS256", "typ": "JWT", "x5t": thumbprint });
    let claims = json!({
        "aud": token_url.as_str(),
        "iss": client_id,
        "sub": client_id,
        "jti": uuid::Uuid::new_v4().to_string(),
        "nbf": now,
        "exp": now + LIFE,
    });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&head), part(&claims));
    let signature = URL_SAFE_NO_PAD.encode(certificate.sign(&text));
    Secret::new(format!("{text}.{signature}"))
}

/// The token of another issuer, read from its file for each request: the issuer renews it.
pub(super) fn from_file(file: &Path) -> Result<Secret, Failure> {
    let fail = |why: String| Failure::Credential(format!("the token file {} {why}", file.display()));
    let text = files::read(file, LARGEST).map_err(|error| fail(format!("cannot be read: {error}")))?;
    match text.trim() {
        "" => Err(fail("is empty".to_owned())),
        token => Ok(Secret::new(token)),
    }
}
