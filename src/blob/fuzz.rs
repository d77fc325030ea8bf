//! Any text as an account's key, as names in a signature, and around secrets that are to be masked.

use futures::FutureExt as _;
use jiff::Timestamp;
use url::Url;

use super::auth::AccountKey;
use super::sas::{Reading, SasMint};
use crate::fuzz::{CANARY, keeps_secret, target};
use crate::model::{AccountName, ContainerName};
use crate::redact::{SafeUrl, Secret, scrub};

const WORDS: &[&str] = &[
    "sig=",
    "SIG%3D",
    "&",
    "?",
    "#",
    "/",
    "\\",
    "..",
    "%2F",
    "%00",
    "%",
    ":",
    "@",
    " ",
    "\t",
    "\n",
    "\"",
    "'",
    "<",
    ">",
    "(",
    ")",
    ",",
    ";",
    "=",
    "==",
    "https://",
    "HTTP://",
    "h/",
    "Bearer ",
    "SharedKey a:",
    "AccountKey=",
    "sp=r",
    "sv=1",
    "prefix=",
    "DefaultEndpointsProtocol=https;",
    "AccountName=a;",
    "EndpointSuffix=core.windows.net",
    "\\u0026",
    "&amp;",
    "\u{1b}[2J",
    "ß",
    "İ",
    "ı",
    "\u{2028}",
];

/// Opening words of a secret that is to be masked in any position.
const OPENINGS: &[&str] = &[
    "sig=",
    "?sv=1&sig=",
    "https://h/c?sp=r&sig=",
    "AccountKey=",
    "client_secret=",
    "Authorization: SharedKey a:",
    "Bearer ",
];

/// Masking adds at most this many characters: `&c` becomes `&REDACTED`, and one character of a host up to thirty in
/// Punycode.
const LONGER: usize = 32;

#[test]
fn a_secret_is_masked_in_any_text() {
    target("masking", WORDS, |input| {
        let text = String::from_utf8_lossy(input);
        let at = text.floor_char_boundary(text.len() / 2);
        for opening in OPENINGS {
            let whole = format!("{} {opening}{CANARY}&{}", &text[..at], &text[at..]);
            let clean = scrub(&whole);
            keeps_secret(&clean);
            assert!(clean.len() <= LONGER * whole.len(), "{} bytes of {}", clean.len(), whole.len());
        }
        let clean = scrub(&text);
        format!("{} {}", clean == text, clean.matches("REDACTED").count())
    });
}

#[test]
fn the_signature_of_a_url_is_masked_with_any_text() {
    target("masking", WORDS, |input| {
        let text = String::from_utf8_lossy(input);
        let Ok(mut url) = Url::parse("https://h/c").and_then(|base| base.join(&text)) else { return "none".to_owned() };
        url.query_pairs_mut().append_pair("sig", CANARY);
        let _ = url.set_password(Some(CANARY));
        let shown = format!("{0} {0:?}", SafeUrl::new(url));
        keeps_secret(&shown);
        assert!(!shown.contains(['\n', '\u{1b}']), "{shown:?}");
        shown
    });
}

#[test]
fn any_text_gives_a_usable_key_or_an_error_that_does_not_contain_it() {
    target("key", &["=", "==", "+", "/", "-", "_", "\n", " ", "AA", "\0", "\"", "AccountKey=", ";", CANARY], |input| {
        let text = String::from_utf8_lossy(input);
        match AccountKey::new(AccountName::new("a"), &Secret::new(text.as_ref())) {
            Ok(key) => {
                assert_eq!(key.sign("x").len(), 44, "32 bytes in base64");
                assert_eq!(format!("{key:?}"), "AccountKey(a, REDACTED)");
                "taken".to_owned()
            }
            Err(error) => {
                keeps_secret(&error.to_string());
                assert!(text.trim().len() < 8 || !error.to_string().contains(text.trim()), "{error}");
                "refused".to_owned()
            }
        }
    });
}

#[test]
fn a_signature_covers_any_names_and_nothing_else() {
    let key = AccountKey::new(AccountName::new("acct"), &Secret::new("SmVmZQ==")).unwrap();
    let mint = SasMint::new(Reading::Key(key.clone()), true);
    target("masking", WORDS, |input| {
        let text = String::from_utf8_lossy(input);
        let container = ContainerName::new(text.as_ref());
        let url = mint.signed(&container, "https://h/c").now_or_never().expect("a key signs at once").unwrap();
        let pairs: Vec<_> = Url::parse(url.expose()).unwrap().query_pairs().into_owned().collect();
        let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["sv", "sr", "sp", "st", "se", "spr", "sig"], "each once, and nothing of the names");
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).unwrap().1.as_str();
        assert_eq!((value("sp"), value("sr"), value("spr")), ("r", "c", "https"));
        let (start, end): (Timestamp, Timestamp) = (value("st").parse().unwrap(), value("se").parse().unwrap());
        assert!(start < end);
        let signed = format!(
            "r\n{}\n{}\n/blob/acct/{container}\n\n\nhttps\n{}\nc\n\n\n\n\n\n\n",
            value("st"),
            value("se"),
            value("sv")
        );
        assert_eq!(value("sig"), key.sign(&signed));
        assert!(!format!("{url:?}").contains(value("sig")), "{url:?}");
        mint.renew(&container);
        String::new()
    });
}
