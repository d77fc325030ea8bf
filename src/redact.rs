//! Values that cannot print what they protect: keys, tokens, and the signatures inside URLs.
//!
//! Everything that may end up on a screen, in a log, a report or the ledger goes through here. Redaction is by
//! allow-list: a query parameter not known to be harmless is masked.

use std::fmt;
use std::ops::Range;

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

/// Names whose value is a secret wherever it stands, in lower case.
const SECRET_NAMES: &[&str] =
    &["sig", "signature", "client_secret", "hmacsha256", "accountkey", "access_token", "wrap_password"];

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
        f.write_str(&mask_marked(shown.as_str()))?;
        // As it is encoded: a decoded value could hold a line break, an escape sequence, or an `&` with a secret behind it.
        let mut separator = '?';
        for pair in self.0.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            write!(f, "{separator}{}", mask_marked(&mask_assignment(pair)))?;
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
    let text = mask_marked(text);
    text.split_inclusive(ends_word).map(scrub_word).collect()
}

/// Characters that end a word in a message; a URL never holds them.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '(' | ')')
}

/// Masks one word: its URL's query, or every parameter of a query that came without its URL.
fn scrub_word(word: &str) -> String {
    let end = word.trim_end_matches(ends_word);
    let tail = &word[end.len()..];
    let lower = end.to_ascii_lowercase();
    if let Some(start) = lower.find("http://").or_else(|| lower.find("https://"))
        && let Ok(url) = Url::parse(&end[start..])
    {
        return format!("{}{}{tail}", &end[..start], SafeUrl::new(url));
    }
    if SECRET_NAMES.iter().any(|name| lower.contains(&format!("{name}="))) {
        let masked: Vec<String> = end.split('&').map(mask_assignment).collect();
        return format!("{}{tail}", masked.join("&"));
    }
    word.to_owned()
}

/// Masks the value of `name=value`, or a bare value, unless the name is known to be harmless or there is nothing to mask.
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

/// Masks the values of secret names and what follows a scheme of authorisation. Both are looked for in the text as it came:
/// masking one first could take away the word the other is known by, as in `access_token=Bearer …`.
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

/// The value of every secret name wherever it stands: in a path, in JSON, in a text encoded once more, in quotes.
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

/// Values in a text, from where they start to where they end, asked for in the text's order.
///
/// The text is walked once: what starts within the last value (`sig=sig=sig=…`) ends where that ends. Whoever writes the text
/// could otherwise make a few megabytes of it cost minutes.
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

/// Length of what stands between a secret's name and its value, if it is an assignment: `=`, however often encoded, or a
/// `:` after a quote, with the quotes and spaces around.
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

/// What follows `Bearer` or `SharedKey`.
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

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
    fn megabytes_made_to_be_slow_are_scrubbed_in_one_pass() {
        for part in ["sig=", "sig%3D", "sig ", "sig=a,", "bearer", "bearer ", "https://h/?sig=", "sig%25", "sig=a&c"] {
            let text = part.repeat((1 << 20) / part.len());
            assert!(scrub(&text).len() <= 4 * text.len(), "{part}");
        }
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

    #[test]
    fn signatures_are_found_however_they_are_written() {
        for text in [
            "sig=CANARY",
            "SIG=CANARY&sp=r",
            "(sig='CANARY')",
            "{\"sig\": \"CANARY\"}",
            "{\\\"sig\\\":\\\"CANARY\\\"}",
            "https%3A%2F%2Fh%2Fc%3Fsv%3D1%26sig%3DCANARY",
            "https%253A%252F%252Fh%252Fc%253Fsig%253DCANARY",
            "https://h/c/sig=CANARY/b",
            "HTTPS://h/c?SIG=CANARY",
            "http://h/c?prefix=a%26sig%3DCANARY",
            "http://h/c?CANARY",
            "http://CANARY:CANARY@h/c",
            "http://h/c#CANARY",
            "http://a/?sv=1,https://b/?sig=CANARY",
            "&amp;sig=CANARY",
            "AccountName=a;AccountKey=CANARY==;x=y",
            "authorization: bearer  CANARY",
            "Authorization: SharedKey acct:CANARY",
            "SharedKeyLite acct:CANARY",
            "grant_type=x&client_secret=CANARY",
            "token?wrap_password=CANARY",
            "access_token=Bearer CANARY",
            "Bearer sig = \"CANARY\"",
            "{\"access_token\":\"CANARY\",\"expires_in\":3600}",
        ] {
            let clean = scrub(text);
            assert!(!clean.contains("CANARY"), "{text} -> {clean}");
            assert!(clean.contains(REDACTED) || text.contains(['@', '#']), "{text} -> {clean}");
        }
    }

    #[test]
    fn a_url_prints_no_signature_that_sits_in_its_path_or_within_a_harmless_parameter() {
        for (url, shown) in [
            ("http://h/a/sig=CANARY/b?sp=r", "http://h/a/sig=REDACTED?sp=r"),
            ("http://h/a/sig%3dCANARY", "http://h/a/sig%3dREDACTED"),
            ("http://h/a%3Fsv%3D1%26sig%253DCANARY?sp=r", "http://h/a%3Fsv%3D1%26sig%253DREDACTED?sp=r"),
            ("http://h/a?prefix=b%26SIG%3DCANARY&sp=r", "http://h/a?prefix=b%26SIG%3DREDACTED&sp=r"),
            ("http://h/signature/designs/a=b", "http://h/signature/designs/a=b"),
        ] {
            assert_eq!(SafeUrl::new(Url::parse(url).unwrap()).to_string(), shown);
        }
    }

    /// A predicate that counts how often it is asked.
    fn counting(count: &Cell<usize>, ends: fn(char) -> bool) -> impl Fn(char) -> bool {
        move |c| {
            count.set(count.get() + 1);
            ends(c)
        }
    }

    #[test]
    fn a_hostile_text_is_walked_once_for_each_name() {
        for repeated in
            ["sig=", "sig='", "accountkey=sig=", "access_token:", "bearer", "bearer ", "sharedkeylite", "Bearer sig="]
        {
            let text = repeated.repeat(10_000);
            let lower = text.to_ascii_lowercase();
            let asked = Cell::new(0);
            secrets(&text, &lower, counting(&asked, ends_value));
            assert!(asked.get() <= SECRET_NAMES.len() * text.len(), "{repeated}: {} of {}", asked.get(), text.len());
            asked.set(0);
            credentials(&text, &lower, counting(&asked, ends_word));
            assert!(asked.get() <= 3 * text.len(), "{repeated}: {} of {}", asked.get(), text.len());
        }
    }

    #[test]
    fn a_url_prints_no_line_breaks_and_no_escapes() {
        let url = Url::parse("https://h/c?prefix=%0A%1B[2J&comp=list").unwrap();
        assert_eq!(SafeUrl::new(url).to_string(), "https://h/c?prefix=%0A%1B[2J&comp=list");
    }

    /// The result of `secrets`, computed by a separate search after each name.
    fn secrets_one_by_one(text: &str) -> Vec<Range<usize>> {
        let lower = text.to_ascii_lowercase();
        let names = SECRET_NAMES.iter().flat_map(|name| lower.match_indices(name));
        let starts = names.filter_map(|(at, name)| {
            let from = at + name.len();
            Some(from + skip_separator(&text[from..])?)
        });
        let spans = starts.map(|start| start..start + text[start..].find(ends_value).unwrap_or(text.len() - start));
        spans.filter(|span| !span.is_empty()).collect()
    }

    proptest! {
        #[test]
        fn one_pass_finds_the_same_as_a_search_after_each_name(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["sig", "SIGNATURE", "accountkey", "=", "%253D", ":", "\"", " ", "&", ",", "a", "ä", "/"]),
                0..40,
            ),
        ) {
            let text = pieces.concat();
            prop_assert_eq!(secrets(&text, &text.to_ascii_lowercase(), ends_value), secrets_one_by_one(&text));
        }

        #[test]
        fn scrub_never_lets_a_signature_through(
            before in "\\PC{0,30}",
            opening in prop::sample::select(vec!["", "?", "&", " ", "https://h/c?", "http://h/c/b?sv=1&", "%26", "("]),
            name in prop::sample::select(vec!["sig", "SIG", "Sig"]),
            equals in prop::sample::select(vec!["=", "%3D", "%3d", "%253D", " = ", "=\""]),
            value in "[A-Za-z0-9+/%]{0,12}CANARY[A-Za-z0-9+/%]{0,12}={0,2}",
            after in "(|[&\" ]\\PC{0,30})",
        ) {
            prop_assume!(!before.contains("CANARY") && !after.contains("CANARY"));
            let text = format!("{before}{opening}{name}{equals}{value}{after}");
            let clean = scrub(&text);
            prop_assert!(!clean.contains("CANARY"), "{:?} -> {:?}", text, clean);
        }
    }
}
