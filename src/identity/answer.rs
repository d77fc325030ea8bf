//! The answers of token services: a token, or why there is none.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;

use super::token::Token;
use crate::failure::Failure;
use crate::redact::{Secret, shorten, without_tags};
use crate::transport::parse_retry_after;

/// Tokens are renewed this long before they expire, as in the vendor's .NET client …
const EARLY: Duration = Duration::from_mins(10);
/// … but not before this part of their lifetime, or a token of ten minutes would be renewed all the time.
const LIFE_USED: f64 = 0.8;
/// The lifetime of a token that does not state it: far below the lifetimes of all services (1 h, 6 h, 24 h).
const DEFAULT_LIFE: Duration = Duration::from_mins(30);

/// Reads a token answer; its times are numbers or texts.
pub(super) fn read(body: &str, asked_at: Timestamp) -> Option<Token> {
    let document: Value = serde_json::from_str(body).ok()?;
    let (value, renew, expiry) = read_terms(&document, asked_at)?;
    Some(Token { value: Secret::new(value), renew, expiry })
}

/// The token, when to renew it, and when it expires.
fn read_terms(document: &Value, asked_at: Timestamp) -> Option<(&str, Timestamp, Timestamp)> {
    let value = text(document, "access_token").or_else(|| text(document, "accessToken"))?;
    let seconds = |name: &str| match document.get(name)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let stated = seconds("expires_in").and_then(|life| u64::try_from(life).ok()).map(Duration::from_secs);
    let until = |at: i64| asked_at.until(Timestamp::from_second(at).ok()?).ok()?.try_into().ok();
    let life: Duration = stated
        .or_else(|| until(seconds("expires_on")?))
        .or_else(|| until(expiry_within(value)?))
        .unwrap_or(DEFAULT_LIFE);
    let renew_after = life.mul_f64(LIFE_USED).max(life.saturating_sub(EARLY));
    Some((value, asked_at.checked_add(renew_after).ok()?, asked_at.checked_add(life).ok()?))
}

fn text<'a>(document: &'a Value, name: &str) -> Option<&'a str> {
    document.get(name)?.as_str().filter(|value| !value.is_empty())
}

/// When a token expires, according to its own text: the `ExpiresOn` of a simple web token, or the `exp` of a JSON web
/// token.
fn expiry_within(token: &str) -> Option<i64> {
    if let Some(at) = token.split('&').find_map(|pair| pair.strip_prefix("ExpiresOn=")) {
        return at.parse().ok();
    }
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Value>(&claims).ok()?.get("exp")?.as_i64()
}

/// The failure for an answer with an error status.
pub(super) fn refusal(status: u16, retry_after: Option<&str>, body: &str) -> Failure {
    let (code, message) = words(body).unwrap_or_else(|| (None, without_tags(body)));
    Failure::Refused {
        status,
        code: code.map(|code| shorten(&code)).filter(|code| !code.is_empty()),
        message: shorten(&message),
        retry_after: retry_after.and_then(parse_retry_after),
        source_refusal: None,
    }
}

/// `{"error":"invalid_client","error_description":"…"}`; the host service of App Service has `{"statusCode":400,"message":"…"}`.
fn words(body: &str) -> Option<(Option<String>, String)> {
    let document: Value = serde_json::from_str(body).ok()?;
    let word = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    Some((word("error"), word("error_description").or_else(|| word("message")).unwrap_or_default()))
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
