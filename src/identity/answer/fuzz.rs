//! Any text as the answer of a token service.

use jiff::Timestamp;

use super::{read_terms, refusal};
use crate::fuzz::{CANARY, keeps_secret, target};

const WORDS: &[&str] = &[
    "access_token",
    "accessToken",
    "expires_in",
    "expires_on",
    "ExpiresOn=",
    "error",
    "error_description",
    "message",
    "null",
    "{",
    "}",
    "[",
    "\"",
    ":",
    "-1",
    "1e300",
    ".",
    "&",
    "<h1>",
];

#[test]
fn any_text_gives_a_token_with_ordered_times_or_none_and_no_refusal_contains_a_token() {
    let now = Timestamp::from_second(1_796_000_000).unwrap();
    target("token", WORDS, |input| {
        let text = String::from_utf8_lossy(input);
        let refused = refusal(401, None, &format!("{{\"access_token\":\"{CANARY}\",\"error\":{text:?}}}")).to_string();
        keeps_secret(&refused);
        keeps_secret(&refusal(401, None, &format!("{text} access_token={CANARY}")).to_string());
        // Not made a secret: its value would be masked in every text, including the labels of other secrets.
        let document = serde_json::from_str(&text).unwrap_or_default();
        let Some((value, renew, expiry)) = read_terms(&document, now) else { return "none".to_owned() };
        assert!(renew >= now && renew <= expiry && !value.is_empty(), "{renew} {expiry}");
        format!("{}", expiry.duration_since(now).as_secs().min(100_000) / 10_000)
    });
}
