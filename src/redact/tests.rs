use std::cell::Cell;

use proptest::prelude::*;

use super::*;

#[test]
fn a_secret_is_not_printed() {
    assert_eq!(format!("{:?}", Secret::new("hunter2")), REDACTED);
    assert_eq!(format!("{:?}", InUse::new("hunter2")), REDACTED);
}

#[test]
fn a_url_is_printed_without_signature_and_user() {
    let url = Url::parse("https://u:p@h/c/b?sv=1&sig=abc%2B&se=2&token=x").unwrap();
    assert_eq!(SafeUrl::new(url).to_string(), "https://h/c/b?sv=1&sig=REDACTED&se=2&token=REDACTED");
}

#[test]
fn hostile_megabytes_are_scrubbed_in_one_pass() {
    for part in ["sig=", "sig%3D", "sig ", "sig=a,", "bearer", "bearer ", "https://h/?sig=", "sig%25", "sig=a&c"] {
        let text = part.repeat((1 << 20) / part.len());
        assert!(scrub(&text).len() <= 4 * text.len(), "{part}");
    }
}

#[test]
fn secrets_in_urls_assignments_and_bearer_tokens_are_scrubbed() {
    let text = "error for url (http://h/c?sig=abc&sp=r): Authorization: Bearer eyJ0 x sig=zzz&sp=r";
    let clean = scrub(text);
    assert!(!clean.contains("abc") && !clean.contains("eyJ0") && !clean.contains("zzz"), "{clean}");
    assert!(clean.contains("sp=r"), "{clean}");
}

#[test]
fn harmless_text_is_not_changed() {
    assert_eq!(scrub("the asset's name is \"a b\" (12 blobs)"), "the asset's name is \"a b\" (12 blobs)");
}

#[test]
fn signatures_are_found_in_all_forms() {
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
fn a_signature_in_the_path_or_in_a_harmless_parameter_of_a_url_is_not_printed() {
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

/// A predicate that counts how often it is called.
fn counting(count: &Cell<usize>, ends: fn(char) -> bool) -> impl Fn(char) -> bool {
    move |c| {
        count.set(count.get() + 1);
        ends(c)
    }
}

#[test]
fn a_hostile_text_is_processed_once_for_each_name() {
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
fn a_url_is_printed_without_line_breaks_and_escapes() {
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
    fn scrub_removes_every_signature(
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
