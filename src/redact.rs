//! Values that do not print their secrets: keys, tokens, and the signatures in URLs.
//!
//! All text for the screen, logs, reports and the ledger passes through this module. Redaction uses an allow-list: a
//! query parameter is masked unless it is known to be harmless.

mod encodings;
mod excerpt;
mod live;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub(crate) use excerpt::{shorten, without_tags};
pub(crate) use live::{InUse, sent};

/// The text that replaces a secret.
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

/// How much of a foreign text is searched for a short excerpt, in characters.
const SEARCHED: usize = 4_096;

/// Names whose value is always a secret, in lower case.
const SECRET_NAMES: &[&str] = &[
    "sig",
    "signature",
    "client_secret",
    "client_assertion",
    "hmacsha256",
    "accountkey",
    "access_token",
    "accesstoken",
    "wrap_password",
];

/// A secret text: an account key, a client secret, a token. While it exists, [`mask`] and [`scrub`] recognise its
/// value.
#[derive(Clone)]
pub struct Secret(Arc<Held>);

struct Held {
    text: SecretString,
    _in_use: InUse,
}

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        let value = value.into();
        let in_use = InUse::new(&value);
        Self(Arc::new(Held { text: SecretString::from(value), _in_use: in_use }))
    }

    /// The secret itself, for sending it or signing with it.
    pub fn expose(&self) -> &str {
        self.0.text.expose_secret()
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
#[derive(Clone)]
pub struct SafeUrl {
    url: Url,
    _in_use: Option<Arc<InUse>>,
}

impl SafeUrl {
    /// Wraps a URL, which may have a SAS.
    pub fn new(url: Url) -> Self {
        let signature = url.query_pairs().find(|(name, _)| name == "sig").map(|(_, value)| InUse::new(&value));
        Self { url, _in_use: signature.map(Arc::new) }
    }

    /// The URL with its secrets, for sending.
    pub fn expose(&self) -> &Url {
        &self.url
    }
}

impl PartialEq for SafeUrl {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl Eq for SafeUrl {}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.url))
    }
}

/// A URL without its secrets.
fn shown(url: &Url) -> String {
    let mut bare = url.clone();
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.set_query(None);
    bare.set_fragment(None);
    let mut shown = mask_marked(bare.as_str());
    // Not decoded: a decoded value could have a line break, an escape sequence, or an `&` before a secret.
    let mut separator = '?';
    for pair in url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        shown.push(separator);
        shown.push_str(&mask_marked(&mask_assignment(pair)));
        separator = '&';
    }
    shown
}

impl fmt::Debug for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Masks the values of all current and recent secrets in a text that leaves the program.
pub fn mask(text: &str) -> Cow<'_, str> {
    live::mask(text)
}

/// Masks a foreign text (a service's message, an error chain) as [`mask`] does, and everything that is a secret
/// according to its name: secrets of URLs, bearer tokens and signatures. These can be secrets that this program never
/// had.
pub fn scrub(text: &str) -> String {
    let text = mask_marked(&mask(text));
    text.split_inclusive(ends_word).map(scrub_word).collect()
}

/// The redacted start of a foreign text of any length. Truncate it only afterwards, because a part of a secret is not
/// found.
pub(crate) fn scrub_beginning(text: &str) -> String {
    scrub(text.char_indices().nth(SEARCHED).map_or(text, |(end, _)| &text[..end]))
}

/// Characters that end a word in a message; a URL never has them.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '(' | ')')
}

/// Masks one word: the query of a URL, or every parameter of a query without a URL.
fn scrub_word(word: &str) -> String {
    let end = word.trim_end_matches(ends_word);
    let tail = &word[end.len()..];
    let lower = end.to_ascii_lowercase();
    if let Some(start) = lower.find("http://").or_else(|| lower.find("https://"))
        && let Ok(url) = Url::parse(&end[start..])
    {
        return format!("{}{}{tail}", &end[..start], shown(&url));
    }
    if SECRET_NAMES.iter().any(|name| lower.contains(&format!("{name}="))) {
        let masked: Vec<String> = end.split('&').map(mask_assignment).collect();
        return format!("{}{tail}", masked.join("&"));
    }
    word.to_owned()
}

/// Masks the value of `name=value`, or a bare value, unless the name is known to be harmless or the value is empty.
fn mask_assignment(pair: &str) -> String {
    let (name, value) = pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value)));
    match value {
        _ if HARMLESS_PARAMETERS.contains(&name) => pair.to_owned(),
        Some("") => pair.to_owned(),
        Some(_) => format!("{name}={REDACTED}"),
        None if pair.is_empty() => String::new(),
        None => REDACTED.to_owned(),
    }
}

/// Masks the values of secret names and the text after a scheme of authorisation. Both are searched in the original
/// text: masking one first could remove the word that identifies the other, as in `access_token=Bearer …`.
fn mask_marked(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut spans = secrets(text, &lower, ends_value);
    spans.extend(credentials(text, &lower, ends_word));
    spans.sort_unstable_by_key(|span| span.start);
    let (mut masked, mut done) = (String::with_capacity(text.len()), 0);
    for span in spans {
        if span.start >= done {
            masked.push_str(&text[done..span.start]);
            masked.push_str(REDACTED);
        }
        done = done.max(span.end);
    }
    masked.push_str(&text[done..]);
    masked
}

/// Characters that end the value of a secret name.
fn ends_value(c: char) -> bool {
    ends_word(c) || matches!(c, '&' | ',' | ';' | '\\')
}

/// The values of all secret names in any place: in a path, in JSON, in a text that was encoded again, in quotes.
fn secrets(text: &str, lower: &str, ends: impl Fn(char) -> bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for name in SECRET_NAMES {
        let mut values = Values::new(text, &ends);
        for (at, name) in lower.match_indices(name) {
            let from = at + name.len();
            found.extend(skip_separator(&text[from..]).and_then(|length| values.at(from + length)));
        }
    }
    found
}

/// Finds the ends of values in a text; starts are given in the order of the text.
///
/// The text is processed once: a value that starts within the last one (`sig=sig=sig=…`) ends where that ends.
/// Otherwise an attacker could make a few megabytes of text take minutes.
struct Values<'a, F> {
    text: &'a str,
    ends: F,
    last: Range<usize>,
}

impl<'a, F: Fn(char) -> bool> Values<'a, F> {
    fn new(text: &'a str, ends: F) -> Self {
        Self { text, ends, last: 0..0 }
    }

    /// The value that starts there, unless it is empty.
    fn at(&mut self, start: usize) -> Option<Range<usize>> {
        if !self.last.contains(&start) {
            let rest = &self.text[start..];
            let length = rest.find(&self.ends).unwrap_or(rest.len());
            self.last = start..start + length;
        }
        (start < self.last.end).then_some(start..self.last.end)
    }
}

/// The length of the separator between a secret's name and its value, if it is an assignment: a `=`, encoded any number
/// of times, or a `:` after a quote, with the quotes and spaces around it.
fn skip_separator(text: &str) -> Option<usize> {
    let decoration = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | '<' | '(');
    let rest = text.trim_start_matches(decoration);
    let quoted = rest.len() < text.len();
    let value = if let Some(value) = rest.strip_prefix('=') {
        value
    } else if let Some(encoded) = rest.strip_prefix('%') {
        let encoded = encoded.trim_start_matches("25");
        encoded.strip_prefix("3D").or_else(|| encoded.strip_prefix("3d"))?
    } else {
        rest.strip_prefix(':').filter(|_| quoted)?
    };
    Some(text.len() - value.trim_start_matches(decoration).len())
}

/// The text after `Bearer` or `SharedKey`.
fn credentials(text: &str, lower: &str, ends: impl Fn(char) -> bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for scheme in ["bearer", "sharedkey", "sharedkeylite"] {
        let mut values = Values::new(text, &ends);
        for (at, scheme) in lower.match_indices(scheme) {
            let from = at + scheme.len();
            let start = text.len() - text[from..].trim_start().len();
            if start > from {
                found.extend(values.at(start));
            }
        }
    }
    found
}
