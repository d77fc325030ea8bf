//! Who gets a token, and what it is valid for.

use super::*;
use crate::emulator::settings::{Role, RoleAssignment};

fn principal(client_id: &str) -> PrincipalSettings {
    PrincipalSettings {
        client_id: client_id.to_owned(),
        tenant: "contoso".to_owned(),
        secret: Some("s3cret".to_owned()),
        certificate: None,
        federated_token: None,
        managed: false,
        roles: vec![RoleAssignment { account: "storewest".to_owned(), role: Role::Reader }],
        media: vec!["mediawest".to_owned()],
    }
}

fn directory() -> Directory {
    let managed = PrincipalSettings { managed: true, secret: None, ..principal("machine") };
    Directory::new(&Settings { principals: vec![principal("app"), managed], ..Settings::default() })
}

fn form(pairs: &[(&str, &str)]) -> Form {
    let usual = [
        ("grant_type", "client_credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("scope", "https://storage.azure.com/.default"),
    ];
    usual.iter().chain(pairs).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn ask(pairs: &[(&str, &str)]) -> Result<Issued, Refused> {
    directory().token("Contoso", "https://login/contoso/oauth2/v2.0/token", &form(pairs), 1_000, 60)
}

#[test]
fn a_token_is_valid_for_its_resource_until_it_expires() {
    let directory = directory();
    let issued = ask(&[]).unwrap();
    assert_eq!((issued.expires_on, issued.resource.as_str()), (1_060, STORAGE));
    assert_eq!(directory.admits_to_storage(&issued.token, 1_059), directory.principal("app"));
    assert_eq!(directory.admits_to_storage(&issued.token, 1_060), None);
    assert_eq!(directory.admits_to_storage(&format!("{}x", issued.token), 1_000), None);
    assert!(!directory.admits_to_media(&issued.token, "mediawest", 1_000));
    let media = ask(&[("scope", "https://rest.media.azure.net/.default")]).unwrap().token;
    assert!(directory.admits_to_media(&media, "mediawest", 1_000));
    assert!(!directory.admits_to_media(&media, "mediaeast", 1_000));
    assert_eq!(directory.admits_to_storage(&media, 1_000), None);
}

#[test]
fn a_token_is_refused_with_wrong_credentials() {
    for (pairs, status, code) in [
        (&[("client_secret", "wrong")][..], 401, "AADSTS7000215"),
        (&[("client_id", "other")], 400, "AADSTS700016"),
        (&[("client_secret", "")], 401, "AADSTS7000218"),
        (&[("scope", "https://storage.azure.com")], 400, "AADSTS1002012"),
        (&[("scope", "https://graph.example/.default")], 400, "AADSTS500011"),
        (&[("grant_type", "password")], 400, "AADSTS70003"),
        (
            &[("client_secret", ""), ("client_assertion", "a.b.c"), ("client_assertion_type", JWT_BEARER)],
            401,
            "AADSTS700213",
        ),
    ] {
        let Refused(found, _, text) = ask(pairs).unwrap_err();
        assert_eq!((found, text.split(':').next()), (status, Some(code)), "{pairs:?}");
    }
    let elsewhere = directory().token("fabrikam", "", &form(&[]), 1_000, 60).unwrap_err();
    assert!(elsewhere.2.starts_with("AADSTS90002"));
}

#[test]
fn a_machine_gets_tokens_only_for_its_own_identity() {
    let directory = directory();
    let issued = directory.managed(None, "https://storage.azure.com/", 1_000, 60).unwrap();
    assert_eq!(directory.admits_to_storage(&issued.token, 1_000), directory.principal("machine"));
    directory.managed(Some("machine"), STORAGE, 1_000, 60).unwrap();
    directory.managed(Some("app"), STORAGE, 1_000, 60).unwrap_err();
}

const KEY: &[u8] = include_bytes!("../media_v2/protection/key.der");
const CERTIFICATE: &[u8] = include_bytes!("../media_v2/protection/certificate.der");
const URL: &str = "https://login/contoso/oauth2/v2.0/token";

/// An assertion of these claims, signed with the certificate's key.
fn assertion(head: &Value, claims: &Value) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    use rsa::pkcs8::DecodePrivateKey as _;
    let text = format!("{}.{}", BASE64.encode(head.to_string()), BASE64.encode(claims.to_string()));
    let key = rsa::RsaPrivateKey::from_pkcs8_der(KEY).unwrap();
    let padding = rsa::Pkcs1v15Sign { hash_len: Some(32), prefix: assertion::DIGEST_INFO.into() };
    let signature = key.sign(padding, &Sha256::digest(text.as_bytes())).unwrap();
    format!("{text}.{}", BASE64.encode(signature))
}

#[test]
fn an_assertion_needs_the_key_of_the_certificate_this_address_and_a_valid_time() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(CERTIFICATE));
    let thumbprint = URL_SAFE_NO_PAD.encode(<sha1::Sha1 as sha1::Digest>::digest(CERTIFICATE));
    let head = json!({ "alg": "RS256", "x5t": thumbprint });
    let claims = json!({ "aud": URL, "iss": "app", "sub": "app", "jti": "1", "nbf": 900, "exp": 1_500 });
    let verify = |assertion: &str| assertion::verify(assertion, &pem, "app", URL, 1_000).map_err(|refused| refused.2);
    let good = assertion(&head, &claims);
    verify(&good).unwrap();
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        verify(&assertion(&head, &claims)).unwrap_err().split(':').next().unwrap().to_owned()
    };
    assert_eq!(with("aud", json!("https://elsewhere")), "AADSTS700023");
    assert_eq!(with("iss", json!("other")), "AADSTS700023");
    assert_eq!(with("exp", json!(1_000)), "AADSTS700024");
    assert_eq!(with("nbf", json!(2_000)), "AADSTS700024");
    let other = assertion(&json!({ "alg": "RS256", "x5t": "b3RoZXI" }), &claims);
    let (text, signature) = good.rsplit_once('.').unwrap();
    let first = if signature.starts_with('B') { 'C' } else { 'B' };
    let altered = format!("{text}.{first}{}", &signature[1..]);
    for bad in [other, altered] {
        assert!(verify(&bad).unwrap_err().starts_with("AADSTS700027"), "{bad}");
    }
    verify("no assertion").unwrap_err();
}
