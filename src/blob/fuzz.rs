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

/// Opening words of a secret that is to be masked wherever it stands.
const OPENINGS: &[&str] = &[
    "sig=",
    "?sv=1&sig=",
    "https://h/c?sp=r&sig=",
    "AccountKey=",
    "client_secret=",
    "Authorization: SharedKey a:",
    "Bearer ",
];

/// A text grows by so much at most: `&c` becomes `&REDACTED`, and a single character of a host up to thirty of Punycode.
const LONGER: usize = 32;

#[test]
fn any_text_around_a_secret_lets_it_be_masked() {
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
fn any_text_in_a_url_leaves_its_signature_masked() {
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
fn any_text_is_a_key_that_signs_or_an_error_that_does_not_repeat_it() {
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
fn any_names_give_a_signature_that_covers_them_and_nothing_else() {
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
