//! Keys and the signatures made with them.

use std::collections::HashMap;
use std::time::Duration;

use super::super::fake::{Answer, Fake, answer, token};
use super::*;

const VALUE: &str = "U2VjcmV0IG9mIHRoZSBkZWxlZ2F0aW9u";

fn issued(until: &str) -> Answer {
    answer(200, &[("content-type", "application/xml")]).with_body(format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><UserDelegationKey><SignedOid>oid</SignedOid><SignedTid>tid</SignedTid>\
         <SignedStart>1969-12-31T23:45:00Z</SignedStart><SignedExpiry>{until}</SignedExpiry><SignedService>b</SignedService>\
         <SignedVersion>2026-04-06</SignedVersion><Value>{VALUE}</Value></UserDelegationKey>"
    ))
}

fn key() -> DelegationKey {
    read(issued("1970-01-07T23:00:00Z").body().as_bytes(), Timestamp::UNIX_EPOCH).unwrap()
}

#[test]
fn a_signature_covers_the_twenty_four_lines_of_its_version() {
    let (query, signature) = key().query(&AccountName::new("acct"), &ContainerName::new("c"), true);
    let text = "r\n1969-12-31T23:45:00Z\n1970-01-07T23:00:00Z\n/blob/acct/c\noid\ntid\n1969-12-31T23:45:00Z\n\
                1970-01-07T23:00:00Z\nb\n2026-04-06\n\n\n\n\nhttps\n2020-12-06\nc\n\n\n\n\n\n\n";
    assert_eq!(text.split('\n').count(), 24);
    let mut mac = Hmac::<Sha256>::new_from_slice(&BASE64.decode(VALUE).unwrap()).unwrap();
    mac.update(text.as_bytes());
    assert_eq!(signature, BASE64.encode(mac.finalize().into_bytes()));
    let pairs: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!((pairs["sig"].as_str(), pairs["sp"].as_str(), pairs["sr"].as_str()), (signature.as_str(), "r", "c"));
    assert_eq!((pairs["skoid"].as_str(), pairs["sktid"].as_str(), pairs["spr"].as_str()), ("oid", "tid", "https"));
}

#[test]
fn an_answer_without_one_of_the_terms_is_no_key() {
    let whole = issued("1970-01-07T23:00:00Z").body().to_owned();
    for lacking in ["SignedOid", "SignedVersion", "Value"] {
        let body = whole.replace(lacking, "Other");
        assert!(read(body.as_bytes(), Timestamp::UNIX_EPOCH).is_none(), "{lacking}");
    }
    assert!(read(b"<html>", Timestamp::UNIX_EPOCH).is_none());
}

#[tokio::test(start_paused = true)]
async fn one_key_signs_for_all_containers_until_half_its_life_or_its_revocation() {
    let until = iso(clock::now() + LIFE);
    let tokens = || token(&"t".repeat(20));
    let fake = Fake::new([tokens(), issued(&until), issued(&until), tokens(), issued(&iso(clock::now() + LIFE * 2))]);
    let account = fake.signed_in("acct");
    let keys = || fake.asked().iter().filter(|asked| asked.url.as_str().contains("userdelegationkey")).count();
    let sign = |name: &str| {
        let (container, account) = (ContainerName::new(name), &account);
        async move { account.mint.signed(&container, "https://h/c").await.unwrap().expose().to_owned() }
    };
    let (one, other) = futures::join!(sign("one"), sign("other"));
    assert_ne!(one, other);
    assert_eq!(keys(), 1);
    let asked = fake.asked();
    assert_eq!(asked[1].url.as_str(), "http://127.0.0.1:10000/acct/?restype=service&comp=userdelegationkey");
    assert!(asked[1].body.contains(&format!("<Expiry>{until}</Expiry>")), "{}", asked[1].body);
    // Refused immediately: a new key would be refused, too.
    account.mint.renew(&ContainerName::new("one"));
    assert_eq!((sign("one").await, keys()), (one, 1));
    tokio::time::advance(Duration::from_mins(6)).await;
    account.mint.renew(&ContainerName::new("one"));
    sign("one").await;
    assert_eq!(keys(), 2);
    tokio::time::advance(Duration::from_hours(82)).await;
    sign("other").await;
    assert_eq!(keys(), 2);
    tokio::time::advance(Duration::from_hours(2)).await;
    sign("other").await;
    assert_eq!(keys(), 3);
}

#[test]
fn any_text_gives_a_usable_key_or_none() {
    const WORDS: &[&str] = &[
        "<Value>",
        "</Value>",
        "SignedExpiry",
        "SignedOid",
        "&amp;",
        "&#0;",
        "<!--",
        "<![CDATA[",
        "]]>",
        "<?",
        "9999",
        "==",
    ];
    crate::fuzz::target("delegation-key", WORDS, |input| {
        let Some(key) = read(input, Timestamp::UNIX_EPOCH) else { return "none".to_owned() };
        let (query, signature) = key.query(&AccountName::new("acct"), &ContainerName::new("c"), true);
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        let expected = ["sv", "sr", "sp", "st", "se", "skoid", "sktid", "skt", "ske", "sks", "skv", "spr", "sig"];
        assert_eq!(names, expected, "each once, and nothing of the values");
        assert_eq!(pairs.last().map(|(_, value)| value), Some(&signature));
        "taken".to_owned()
    });
}

#[tokio::test(start_paused = true)]
async fn an_old_key_is_used_if_no_new_one_is_issued() {
    let until = iso(clock::now() + LIFE);
    let down = || super::super::fake::refusal(403, "AuthorizationPermissionMismatch");
    let fake = Fake::new([token("one"), issued(&until), token("two"), down(), down(), token("three"), down()]);
    let account = fake.signed_in("acct");
    let sign = async || account.mint.signed(&ContainerName::new("c"), "https://h/c").await;
    sign().await.unwrap();
    tokio::time::advance(Duration::from_hours(90)).await;
    sign().await.unwrap();
    let asked = fake.asked().len();
    sign().await.unwrap();
    assert_eq!(fake.asked().len(), asked, "it is not asked for again and again");
    tokio::time::advance(Duration::from_hours(72)).await;
    sign().await.unwrap_err();
}
