//! The account key, and what it signs requests with (Shared Key).
//!
//! The key never leaves this module, neither in an error nor in a `Debug` text.

use std::fmt;

use azure_core::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use sha2::Sha256;

use crate::config::ConfigError;
use crate::model::AccountName;
use crate::redact::{REDACTED, Secret};

/// A storage account's key, ready to sign with.
#[derive(Clone)]
pub(super) struct AccountKey {
    account: AccountName,
    /// Already fed with the key, so that a signature only has to process the text.
    mac: Hmac<Sha256>,
}

impl AccountKey {
    /// Reads a key as the portal shows it.
    pub(super) fn new(account: AccountName, key: &Secret) -> Result<Self, ConfigError> {
        let unusable = || ConfigError {
            place: format!("key of storage account {account}"),
            problem: "it is not a base64 text".to_owned(),
            remedy: "copy one of the account's two access keys as it is, without quotes or line breaks".to_owned(),
            excerpt: None,
        };
        let bytes = BASE64.decode(key.expose().trim()).map_err(|_| unusable())?;
        if bytes.is_empty() {
            return Err(unusable());
        }
        let mac = Hmac::new_from_slice(&bytes).expect("HMAC takes keys of any length");
        Ok(Self { account, mac })
    }

    /// The account of the key.
    pub(super) fn account(&self) -> &AccountName {
        &self.account
    }

    /// The base64 of the HMAC-SHA256 of `text`.
    pub(super) fn sign(&self, text: &str) -> String {
        let mut mac = self.mac.clone();
        mac.update(text.as_bytes());
        BASE64.encode(mac.finalize().into_bytes())
    }

    /// The signature of a request as it is now.
    pub(super) fn sign_request(&self, request: &Request) -> String {
        self.sign(&string_to_sign(request, self.account.as_str()))
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountKey({}, {REDACTED})", self.account)
    }
}

/// The prefix of the headers that a signature covers with their names and values.
const NAMED: &str = "x-ms-";
/// Capacity for those of a copy, and for its whole text except with the longest blob names.
const USUAL_HEADERS: usize = 16;
const USUAL_LENGTH: usize = 1 << 10;

/// The date as HTTP headers write it.
pub(super) fn http_date(time: Timestamp) -> String {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&time).expect("the clock is within the years 0 to 9999")
}

/// The headers that a signature covers by their place, in this order. The length follows the second one. `Date`, which
/// `x-ms-date` replaces, follows the fourth one.
const PLACED: [&str; 9] = [
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// What a Shared Key signature covers (the layout of service version 2015-02-21 and later: a length of 0 is left empty).
fn string_to_sign(request: &Request, account: &str) -> String {
    let (mut placed, mut named) = ([""; PLACED.len()], Vec::with_capacity(USUAL_HEADERS));
    for (name, value) in request.headers().iter().map(|(name, value)| (name.as_str(), value.as_str())) {
        if let Some(rest) = name.strip_prefix(NAMED) {
            named.push((rest, value));
        } else if let Some(place) = PLACED.iter().position(|placed| *placed == name) {
            placed[place] = value;
        }
    }
    let length = match request.body().len() {
        None | Some(0) => String::new(),
        Some(length) => length.to_string(),
    };
    let [encoding, language, md5, kind, conditions @ ..] = placed;
    let mut text = String::with_capacity(USUAL_LENGTH);
    for value in [request.method().as_ref(), encoding, language, &length, md5, kind, ""].iter().chain(&conditions) {
        text.push_str(value);
        text.push('\n');
    }
    push_canonical_headers(&mut text, named);
    push_canonical_resource(&mut text, request, account);
    text
}

/// Appends every `x-ms-` header, one per line, sorted. The names are given without this prefix.
fn push_canonical_headers(text: &mut String, mut headers: Vec<(&str, &str)>) {
    headers.sort_unstable_by(|(a, _), (b, _)| Iterator::cmp(sort_key(a), sort_key(b)));
    for (name, value) in headers {
        text.push_str(NAMED);
        text.push_str(name);
        text.push(':');
        text.push_str(value.trim());
        text.push('\n');
    }
}

/// The service sorts as a dictionary does: `_`, which metadata names can contain, comes before digits and letters.
fn sort_key(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|byte| if byte == b'_' { b'.' } else { byte })
}

/// `/account/path` and the query's parameters, decoded, one per line, sorted. In a path-style URL, the path begins with
/// the account again, as the service expects.
fn push_canonical_resource(text: &mut String, request: &Request, account: &str) {
    let url = request.url();
    text.push('/');
    text.push_str(account);
    text.push_str(url.path());
    if url.query().is_none() {
        return;
    }
    let mut pairs: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned())).collect();
    pairs.sort_unstable();
    let mut last: Option<&str> = None;
    for (name, value) in &pairs {
        if last == Some(name.as_str()) {
            text.push(',');
        } else {
            text.push('\n');
            text.push_str(name);
            text.push(':');
        }
        text.push_str(value);
        last = Some(name);
    }
}

#[cfg(test)]
mod tests {
    use azure_core::http::Method;
    use url::Url;

    use super::*;

    /// The well-known key of the storage emulator, published in the vendor's documentation.
    const KNOWN_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    fn request(method: Method, url: &str, headers: &[(&'static str, &'static str)]) -> Request {
        let mut request = Request::new(Url::parse(url).unwrap(), method);
        for (name, value) in headers {
            request.insert_header(*name, *value);
        }
        request
    }

    #[test]
    fn a_list_is_signed_as_documented() {
        let request = request(
            Method::Get,
            "https://acct.blob.core.windows.net/c?restype=container&comp=list&include=copy%2Cmetadata&include=tags",
            &[("x-ms-version", "2026-04-06"), ("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"), ("accept", "x")],
        );
        assert_eq!(
            string_to_sign(&request, "acct"),
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2026-04-06\n/acct/c\n\
             comp:list\ninclude:copy,metadata,tags\nrestype:container"
        );
    }

    #[test]
    fn a_path_style_url_names_the_account_twice_and_keeps_its_encoding() {
        let mut request = request(
            Method::Put,
            "http://127.0.0.1:10000/acct/c/a%2Fb%20c?comp=block&blockid=QUI%3D",
            &[("content-type", "application/xml"), ("x-ms-meta-a1", "2"), ("x-ms-meta-a_b", " 1 ")],
        );
        request.set_body("four".to_owned());
        assert_eq!(
            string_to_sign(&request, "acct"),
            "PUT\n\n\n4\n\napplication/xml\n\n\n\n\n\n\nx-ms-meta-a_b:1\nx-ms-meta-a1:2\n/acct/acct/c/a%2Fb%20c\n\
             blockid:QUI=\ncomp:block"
        );
    }

    #[test]
    fn a_signature_is_the_hmac_of_the_text() {
        // RFC 4231, test case 2: key "Jefe", "what do ya want for nothing?".
        let key = AccountKey::new(AccountName::new("a"), &Secret::new("SmVmZQ==")).unwrap();
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let bytes = BASE64.decode(key.sign("what do ya want for nothing?")).unwrap();
        let hex: String = bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        assert_eq!(hex, expected);
    }

    #[test]
    fn a_bad_key_is_reported_with_its_account_and_not_printed() {
        let error = AccountKey::new(AccountName::new("acct"), &Secret::new("not base64!")).unwrap_err().to_string();
        assert!(error.contains("acct") && !error.contains("not base64!"), "{error}");
        let key = AccountKey::new(AccountName::new("acct"), &Secret::new(KNOWN_KEY)).unwrap();
        assert!(!format!("{key:?}").contains("Eby8"), "{key:?}");
    }

    #[test]
    fn dates_are_written_for_http() {
        assert_eq!(http_date(Timestamp::UNIX_EPOCH), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
