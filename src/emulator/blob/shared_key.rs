//! Shared Key authorisation: the account key signs the request itself, in the layout of 2009-09-19.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use super::ask::{Ask, header};
use super::refusal::{AUTHENTICATION_FAILED, Refusal};
use super::sas::SigningKey;
use crate::emulator::http::{http_date, parse_http_date};

/// How far a request's date may be from the service's clock.
const CLOCK_SKEW_MS: i64 = 15 * 60 * 1000;

/// Verifies `Authorization: SharedKey account:signature`.
pub(super) fn verify(
    ask: &Ask<'_>,
    credential: &str,
    account: &str,
    key: &SigningKey,
    now: i64,
) -> Result<(), Refusal> {
    let failed = |detail: &str| AUTHENTICATION_FAILED.because(format!("{} {detail}", AUTHENTICATION_FAILED.message));
    let (name, signature) = credential.split_once(':').ok_or_else(|| failed("The credential has no signature."))?;
    if name != account {
        return Err(failed("The credential is another account's."));
    }
    let date = ask.header("x-ms-date").or_else(|| ask.header("date")).and_then(parse_http_date);
    let date = date.ok_or_else(|| failed("The request has no date."))?;
    if (date * 1000 - now).abs() > CLOCK_SKEW_MS {
        return Err(failed("The date header in the request is incorrect."));
    }
    let text = string_to_sign(ask, account);
    if !key.verify(&text, signature) {
        return Err(failed(&format!(
            "The MAC signature found in the HTTP request is not the same as any computed signature. \
             Server used following string to sign: '{text}'."
        )));
    }
    Ok(())
}

/// The text that the client signed.
fn string_to_sign(ask: &Ask<'_>, account: &str) -> String {
    let mut text = String::with_capacity(512);
    text.push_str(ask.method.as_str());
    text.push('\n');
    let dated_by_own_header = ask.header("x-ms-date").is_some();
    for name in [
        "content-encoding",
        "content-language",
        "content-length",
        "content-md5",
        "content-type",
        "date",
        "if-modified-since",
        "if-match",
        "if-none-match",
        "if-unmodified-since",
        "range",
    ] {
        let value = header(ask.headers, name).unwrap_or_default();
        let silent = (name == "content-length" && value == "0") || (name == "date" && dated_by_own_header);
        text.push_str(if silent { "" } else { value });
        text.push('\n');
    }
    canonical_headers(ask.headers, &mut text);
    canonical_resource(ask, account, &mut text);
    text
}

fn canonical_headers(headers: &HeaderMap, text: &mut String) {
    let mut own: Vec<_> = headers.iter().filter(|(name, _)| name.as_str().starts_with("x-ms-")).collect();
    // The live service compares by culture, where `_` comes before digits; the official clients sign in that order.
    own.sort_unstable_by(|(a, _), (b, _)| a.as_str().bytes().map(weight).cmp(b.as_str().bytes().map(weight)));
    for (name, value) in own {
        text.push_str(name.as_str());
        text.push(':');
        text.push_str(String::from_utf8_lossy(value.as_bytes()).trim());
        text.push('\n');
    }
}

/// The position of a header name's character in the service's sort order.
fn weight(character: u8) -> u8 {
    if character == b'_' { b'.' } else { character }
}

fn canonical_resource(ask: &Ask<'_>, account: &str, text: &mut String) {
    text.push('/');
    text.push_str(account);
    text.push_str(ask.target.raw_path);
    let mut query: Vec<_> =
        ask.target.query.0.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_ref())).collect();
    query.sort_unstable();
    let mut last = None;
    for (name, value) in &query {
        if last == Some(name) {
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

/// The value of the `Authorization` header for an otherwise complete request.
pub(super) fn credential(ask: &Ask<'_>, account: &str, key: &SigningKey) -> String {
    format!("SharedKey {account}:{}", key.sign(&string_to_sign(ask, account)))
}

/// Signs a request of the service's own to a blob service outside.
pub(crate) fn sign_request(parts: &mut Parts, account: &str, key: &SigningKey) {
    let date = http_date(u32::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default());
    if let Ok(date) = HeaderValue::try_from(date) {
        parts.headers.insert("x-ms-date", date);
    }
    let credential = Ask::parse(parts).map(|ask| credential(&ask, account, key));
    if let Some(credential) = credential.ok().and_then(|credential| HeaderValue::try_from(credential).ok()) {
        parts.headers.insert("authorization", credential);
    }
}
