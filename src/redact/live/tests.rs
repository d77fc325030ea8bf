use proptest::prelude::*;

use super::*;
use crate::redact::{Secret, scrub};

/// A signature with every character that encodings change.
const SIGNATURE: &str = "mP2/k+9zQ7dXw+1uYb/4LrTt8sVhEo0aJcN5gZiFqKM=";

fn percent(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c.into() } else { format!("%{:02X}", u32::from(c)) }).collect()
}

#[test]
fn a_secret_is_found_by_its_value_in_every_form_and_context() {
    let _secret = Secret::new(SIGNATURE);
    let trimmed = SIGNATURE.trim_end_matches('=');
    for form in [
        SIGNATURE.to_owned(),
        trimmed.to_owned(),
        SIGNATURE.to_uppercase(),
        SIGNATURE.to_lowercase(),
        percent(SIGNATURE),
        percent(SIGNATURE).to_lowercase(),
        percent(&percent(SIGNATURE)),
        percent(&percent(&percent(SIGNATURE))),
        trimmed.replace('+', "-").replace('/', "_"),
        SIGNATURE.replace('+', " "),
        SIGNATURE.replace('/', "\\/").replace('=', "\\u003d").replace('+', "\\u002B"),
        SIGNATURE.replace('=', "\\\\u003D"),
        SIGNATURE.replace('+', "&#43;").replace('/', "&#x2F;").replace('=', "&#x3d;"),
        BASE64.encode(SIGNATURE),
        BASE64.encode(format!("a{SIGNATURE}b")),
        BASE64.encode(format!("ab{SIGNATURE}bc")),
    ] {
        for (before, after) in [("", ""), ("sig: ", ", no"), ("'", "'"), ("xyz", "!"), ("%", "%41"), ("\\", "\\")] {
            let masked = mask(&format!("{before}{form}{after}")).into_owned();
            let core = &form[4..form.len() - 4];
            assert!(masked.contains(REDACTED) && !masked.contains(core), "{before}{form}{after} became {masked}");
        }
    }
}

#[test]
fn the_text_around_a_secret_is_not_changed() {
    let _secret = Secret::new("a-key-of-some-account");
    assert_eq!(mask("the key a-key-of-some-account, it is"), "the key REDACTED, it is");
    assert_eq!(mask("ü a%2dkey%2Dof-some-account ü"), "ü REDACTED ü");
    assert_eq!(mask("100 % \\ & &amp; %zz \\u12 &#; nothing"), "100 % \\ & &amp; %zz \\u12 &#; nothing");
    assert!(matches!(mask("a-key-of-another-account"), Cow::Borrowed(_)));
}

#[test]
fn the_start_of_a_truncated_secret_is_masked() {
    let _secret = Secret::new("cut-off-by-the-service-somewhere");
    assert_eq!(mask("it was cut-off-by-the-serv"), "it was REDACTED");
    assert_eq!(mask("{\"it\": \"was cut-off-by-the-serv\"}"), "{\"it\": \"was REDACTED\"}");
    for harmless in ["it was cut-off", "cut-off-by-the-serv1", "cut-off-by-another"] {
        assert_eq!(mask(harmless), harmless);
    }
}

#[test]
fn the_signature_in_a_query_is_a_separate_secret() {
    let _secret = Secret::new("sv=2020-12-06&sp=rl&sig=Within%2BaQuery%2Fof0urs%3D");
    assert_eq!(mask("found Within+aQuery/of0urs= here"), "found REDACTED here");
    assert_eq!(mask("sp=rl and sv=2020-12-06"), "sp=rl and sv=2020-12-06");
}

#[test]
fn the_signature_of_a_request_is_masked_after_it_was_sent() {
    sent("c2lnbmF0dXJlIG9mIG9uZSByZXF1ZXN0=");
    let text = scrub("The MAC signature found in the HTTP request 'c2lnbmF0dXJlIG9mIG9uZSByZXF1ZXN0=' is not the same");
    assert_eq!(text, "The MAC signature found in the HTTP request 'REDACTED' is not the same");
}

#[test]
fn a_former_secret_is_masked_for_a_time() {
    let gone: Arc<str> = "used-a-short-time-ago".into();
    let mut known = Known::default();
    known.add(&gone);
    known.add(&gone);
    known.release(&gone);
    let finds = |known: &Known| known.find(&undone("x used-a-short-time-ago")).len();
    assert_eq!((finds(&known), known.retired.len()), (1, 0), "it is used once more");
    known.release(&gone);
    assert_eq!((finds(&known), known.retired.len()), (1, 1));
    for n in 0..KEPT {
        let other: Arc<str> = format!("another-secret-{n}").into();
        known.add(&other);
        known.release(&other);
    }
    assert_eq!((finds(&known), known.retired.len()), (0, KEPT));
    assert!(!known.secrets.contains_key(&gone));
}

#[test]
fn a_text_of_megabytes_is_searched_in_one_pass() {
    let _secret = Secret::new("%25%25%25%25%25%25");
    for part in ["%25", "%2525", "\\\\", "\\u005c", "&amp;", "%", "&"] {
        let text = part.repeat((1 << 20) / part.len());
        assert!(mask(&text).len() <= text.len() + REDACTED.len(), "{part}");
    }
}

proptest! {
    #[test]
    fn any_secret_is_found_in_any_text_and_nothing_panics(
        secret in "[A-Za-z0-9+/]{16,60}={0,2}",
        before in any::<String>(),
        after in any::<String>(),
        depth in 0..4,
    ) {
        let _secret = Secret::new(&secret);
        let form = (0..depth).fold(secret.clone(), |form, _| percent(&form));
        let masked = mask(&format!("{before} {form} {after}")).into_owned();
        prop_assert!(!masked.contains(&form), "{masked}");
    }

    #[test]
    fn no_text_without_a_secret_is_changed(text in any::<String>()) {
        let mut known = Known::default();
        known.add(&"a secret that nobody writes by chance".into());
        prop_assert!(known.find(&undone(&text)).is_empty());
    }
}
