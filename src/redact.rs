//! Values that cannot print what they protect: keys, tokens, and the signatures inside URLs.
//!
//! Everything that may end up on a screen, in a log, a report or the ledger goes through here. Redaction is by
//! allow-list: a query parameter not known to be harmless is masked.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// What is printed in place of a protected value.
pub const REDACTED: &str = "REDACTED";

/// Query parameters that may be printed. Everything else is masked.
const HARMLESS_PARAMETERS: &[&str] = &[
    "restype",
    "comp",
    "include",
    "prefix",
    "delimiter",
    "maxresults",
    "marker",
    "blockid",
    "copyid",
    "timeout",
    "api-version",
    "assetid",
    "sv",
    "sr",
    "sp",
    "st",
    "se",
    "si",
    "spr",
    "ss",
    "srt",
    "$filter",
    "$top",
    "$skip",
    "$orderby",
    "$select",
];

/// A secret text: an account key, a client secret, a token.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// The secret itself, for the one place that sends or signs with it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

/// A URL that prints without its secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct SafeUrl(Url);

impl SafeUrl {
    /// Wraps a URL, which may carry a SAS.
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// The URL with everything in it, for sending.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        shown.set_query(None);
        shown.set_fragment(None);
        f.write_str(shown.as_str())?;
        let mut separator = '?';
        for (name, value) in self.0.query_pairs() {
            let harmless = HARMLESS_PARAMETERS.contains(&name.as_ref());
            write!(f, "{separator}{name}={}", if harmless { value.as_ref() } else { REDACTED })?;
            separator = '&';
        }
        Ok(())
    }
}

impl fmt::Debug for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A foreign text (a service's message, an error chain) with every URL's secrets, bearer token and signature masked.
pub fn scrub(text: &str) -> String {
    let words: String = text.split_inclusive(ends_word).map(scrub_word).collect();
    mask_credentials(words)
}

/// Characters that end a word in a message; a URL never holds them.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '(' | ')')
}

/// Masks one word: its URL's query, or any `sig=`-like assignment in it.
fn scrub_word(word: &str) -> String {
    let end = word.trim_end_matches(ends_word);
    let tail = &word[end.len()..];
    if let Some(start) = end.find("http://").or_else(|| end.find("https://"))
        && let Ok(url) = Url::parse(&end[start..])
    {
        return format!("{}{}{tail}", &end[..start], SafeUrl::new(url));
    }
    if end.contains("sig=") || end.contains("client_secret=") || end.contains("HMACSHA256=") {
        let masked: Vec<String> = end.split('&').map(mask_assignment).collect();
        return format!("{}{tail}", masked.join("&"));
    }
    word.to_owned()
}

/// Masks the value of `name=value` unless the name is known to be harmless.
fn mask_assignment(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if !HARMLESS_PARAMETERS.contains(&name) => format!("{name}={REDACTED}"),
        _ => pair.to_owned(),
    }
}

/// Masks what follows `Bearer` or `SharedKey`.
fn mask_credentials(mut text: String) -> String {
    for scheme in ["Bearer ", "SharedKey "] {
        let mut from = 0;
        while let Some(at) = text[from..].find(scheme) {
            let start = from + at + scheme.len();
            let length = text[start..].find(char::is_whitespace).unwrap_or(text.len() - start);
            text.replace_range(start..start + length, REDACTED);
            from = start + REDACTED.len();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), REDACTED);
    }

    #[test]
    fn a_url_prints_without_signature_or_user() {
        let url = Url::parse("https://u:p@h/c/b?sv=1&sig=abc%2B&se=2&token=x").unwrap();
        assert_eq!(SafeUrl::new(url).to_string(), "https://h/c/b?sv=1&sig=REDACTED&se=2&token=REDACTED");
    }

    #[test]
    fn text_is_scrubbed_of_urls_assignments_and_bearers() {
        let text = "error for url (http://h/c?sig=abc&sp=r): Authorization: Bearer eyJ0 x sig=zzz&sp=r";
        let clean = scrub(text);
        assert!(!clean.contains("abc") && !clean.contains("eyJ0") && !clean.contains("zzz"), "{clean}");
        assert!(clean.contains("sp=r"), "{clean}");
    }

    #[test]
    fn harmless_text_is_left_as_it_is() {
        assert_eq!(scrub("the asset's name is \"a b\" (12 blobs)"), "the asset's name is \"a b\" (12 blobs)");
    }
}
