//! Keys, signatures and tokens.

use std::time::Duration;

use crate::emulator::blob::sas::sign_container;
use crate::emulator::blob::testing::{Ground, KEYS, encode};
use crate::emulator::storage::StoredPolicy;

const BLOCK: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

async fn ground() -> std::sync::Arc<Ground> {
    let ground = Ground::new();
    ground.accounts[0].create_container("films").unwrap();
    ground.accounts[0].create_container("other").unwrap();
    ground.ask(0, "PUT /west/films/a", &[BLOCK], "hello").await.expect(201);
    ground
}

/// An account SAS of 2021-06-08.
fn account_sas(ground: &Ground, services: &str, types: &str, permissions: &str) -> String {
    let expiry = ground.iso(60);
    let text = format!("west\n{permissions}\n{services}\n{types}\n\n{expiry}\n\n\n2021-06-08\n\n");
    let signature = encode(&ground.accounts[0].sign(&text));
    format!("sv=2021-06-08&ss={services}&srt={types}&sp={permissions}&se={}&sig={signature}", encode(&expiry))
}

#[tokio::test(start_paused = true)]
async fn a_shared_key_must_be_that_of_the_account_and_its_date_recent() {
    let ground = ground().await;
    ground.ask(0, "GET /west/films/a?timeout=30", &[("if-match", "*")], "").await.expect(200);
    ground.open(0, "DELETE /west/films/a", &[]).await.refused(401, "NoAuthenticationInformation");
    ground.open(0, "GET /west/films/a", &[]).await.refused(409, "PublicAccessNotPermitted");
    let date = ground.date();
    let forged = [("x-ms-date", &*date), ("authorization", "SharedKey west:AAAA")];
    let got = ground.open(0, "GET /west/films/a", &forged).await.refused(403, "AuthenticationFailed");
    assert!(got.text().contains("MAC signature"), "{}", got.text());
    let stranger = [("x-ms-date", &*date), ("authorization", "SharedKey east:AAAA")];
    ground.open(0, "GET /west/films/a", &stranger).await.refused(403, "AuthenticationFailed");
    ground.open(0, "GET /west/films/a", &[("authorization", "SharedKey west:AAAA")]).await.expect(403);
    let clock = ground.accounts[0].now_millis();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(ground.accounts[0].now_millis() - clock, 1000);
}

#[tokio::test]
async fn a_signature_made_by_hand_from_the_documented_layout_is_accepted() {
    use base64::Engine as _;
    use hmac::Mac as _;
    let ground = ground().await;
    let date = ground.date();
    let text = format!(
        "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:2020-12-06\n/west/west/films\ncomp:list\nprefix:a b\nrestype:container"
    );
    let key = base64::engine::general_purpose::STANDARD.decode(KEYS[0]).unwrap();
    let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap().chain_update(text).finalize().into_bytes();
    let credential = format!("SharedKey west:{}", base64::engine::general_purpose::STANDARD.encode(mac));
    let headers = [("x-ms-date", &*date), ("x-ms-version", "2020-12-06"), ("authorization", &*credential)];
    ground.open(0, "GET /west/films?restype=container&comp=list&prefix=a%20b", &headers).await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn a_container_signature_is_valid_for_its_container_permissions_and_time() {
    let ground = ground().await;
    let sas = ground.service_sas(0, "c", "films", "rl", 60);
    ground.open(0, &format!("GET /west/films/a?{sas}"), &[]).await.expect(200);
    ground.open(0, &format!("GET /west/films?restype=container&comp=list&{sas}"), &[]).await.expect(200);
    ground.open(0, &format!("PUT /west/films/b?{sas}"), &[BLOCK]).await.refused(403, "AuthorizationPermissionMismatch");
    ground.open(0, &format!("GET /west/other/a?{sas}"), &[]).await.refused(403, "AuthenticationFailed");
    ground.open(0, &format!("GET /west/films?restype=container&{sas}"), &[]).await.refused(403, "AuthorizationFailure");
    ground.open(0, &format!("GET /west?comp=list&{sas}"), &[]).await.refused(403, "AuthorizationFailure");
    let widened = sas.replace("sp=rl", "sp=rwl");
    ground.open(0, &format!("GET /west/films/a?{widened}"), &[]).await.refused(403, "AuthenticationFailed");
    let tags = format!("GET /west/films?restype=container&comp=list&include=tags&{sas}");
    ground.open(0, &tags, &[]).await.refused(403, "AuthorizationPermissionMismatch");
    tokio::time::advance(Duration::from_secs(61)).await;
    ground.open(0, &format!("GET /west/films/a?{sas}"), &[]).await.refused(403, "AuthenticationFailed");
}

#[tokio::test]
async fn a_blob_signature_is_valid_only_for_that_blob_and_create_does_not_overwrite() {
    let ground = ground().await;
    let sas = ground.service_sas(0, "b", "films/a", "rc", 60);
    ground.open(0, &format!("HEAD /west/films/a?{sas}"), &[]).await.expect(200);
    ground.open(0, &format!("GET /west/films/b?{sas}"), &[]).await.refused(403, "AuthenticationFailed");
    ground.open(0, &format!("PUT /west/films/a?{sas}"), &[BLOCK]).await.refused(403, "UnauthorizedBlobOverwrite");
    let sas = ground.service_sas(0, "b", "films/b", "c", 60);
    ground.open(0, &format!("PUT /west/films/b?{sas}"), &[BLOCK]).await.expect(201);
    let sas = ground.service_sas(0, "b", "films/c", "c", 60);
    let tagged = [BLOCK, ("x-ms-tags", "a=b")];
    ground.open(0, &format!("PUT /west/films/c?{sas}"), &tagged).await.refused(403, "AuthorizationPermissionMismatch");
}

#[tokio::test]
async fn a_locator_is_valid_while_its_stored_policy_exists() {
    let ground = ground().await;
    let account = &ground.accounts[0];
    let at = |seconds| Some(jiff::Timestamp::from_second(ground.now() / 1000 + seconds).unwrap());
    let policy = |start| StoredPolicy { start, expiry: None, permissions: "rl".to_owned() };
    let get = async |query: String| ground.open(0, &format!("GET /west/films/a?{query}"), &[]).await;
    let sas = sign_container("west", KEYS[0], "films", "locator", None, at(60));
    get(sas.clone()).await.refused(403, "AuthenticationFailed");
    account.set_policy("films", "locator", policy(None)).unwrap();
    get(sas.clone()).await.expect(200);
    account.set_policy("films", "locator", policy(at(30))).unwrap();
    get(sas.clone()).await.refused(403, "AuthenticationFailed");
    account.set_policy("films", "locator", policy(at(-1))).unwrap();
    get(sign_container("west", KEYS[0], "films", "locator", at(-5), at(60))).await.expect(200);
    get(sign_container("west", KEYS[0], "films", "locator", at(5), at(60))).await.refused(403, "AuthenticationFailed");
    get(sign_container("west", KEYS[0], "films", "locator", None, at(-1))).await.refused(403, "AuthenticationFailed");
    account.remove_policy("films", "locator").unwrap();
    get(sas).await.refused(403, "AuthenticationFailed");
    for id in ["1", "2", "3", "4", "5"] {
        account.set_policy("films", id, policy(None)).unwrap();
    }
    assert!(account.set_policy("films", "6", policy(None)).is_err());
    account.set_policy("films", "5", policy(None)).unwrap();
}

#[tokio::test]
async fn policies_are_written_and_read_as_xml_and_at_most_five() {
    let ground = ground().await;
    let acl = |ids: &[&str]| {
        let one = |id: &&str| {
            format!(
                "<SignedIdentifier><Id>{id}</Id><AccessPolicy><Start>2020-01-01</Start><Expiry>2099-01-01T00:00:00.0000000Z</Expiry><Permission>r</Permission></AccessPolicy></SignedIdentifier>"
            )
        };
        let inner: String = ids.iter().map(one).collect();
        format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><SignedIdentifiers>{inner}</SignedIdentifiers>")
    };
    let target = "/west/films?restype=container&comp=acl";
    ground.ask(0, &format!("PUT {target}"), &[], acl(&["a", "b&amp;c"])).await.expect(200);
    let got = ground.ask(0, &format!("GET {target}"), &[], "").await.expect(200);
    assert!(
        got.text().contains("<Id>b&amp;c</Id>") && got.text().contains("<Permission>r</Permission>"),
        "{}",
        got.text()
    );
    ground
        .ask(0, &format!("PUT {target}"), &[], acl(&["1", "2", "3", "4", "5", "6"]))
        .await
        .refused(400, "InvalidXmlDocument");
    let sas = sign_container("west", KEYS[0], "films", "a", None, None);
    ground.open(0, &format!("GET /west/films/a?{sas}"), &[]).await.expect(200);
    let public = [("x-ms-blob-public-access", "blob")];
    ground.ask(0, &format!("PUT {target}"), &public, acl(&[])).await.refused(409, "PublicAccessNotPermitted");
    let sas = account_sas(&ground, "b", "sco", "rwdlactt");
    ground.open(0, &format!("GET {target}&{sas}"), &[]).await.refused(403, "AuthorizationFailure");
}

#[tokio::test]
async fn an_account_signature_is_limited_to_its_services_types_and_permissions() {
    let ground = ground().await;
    let all = account_sas(&ground, "b", "sco", "rwdlac");
    ground.open(0, &format!("GET /west/?comp=list&{all}"), &[]).await.expect(200);
    ground.open(0, &format!("PUT /west/new?restype=container&{all}"), &[]).await.expect(201);
    ground.open(0, &format!("PUT /west/new/a?{all}"), &[BLOCK]).await.expect(201);
    ground.open(0, &format!("GET /west/new/a?restype=account&comp=properties&{all}"), &[]).await.expect(200);
    let objects = account_sas(&ground, "b", "o", "rl");
    ground.open(0, &format!("GET /west/films/a?{objects}"), &[]).await.expect(200);
    let listed = ground.open(0, &format!("GET /west/films?restype=container&comp=list&{objects}"), &[]).await;
    listed.refused(403, "AuthorizationResourceTypeMismatch");
    ground
        .open(0, &format!("DELETE /west/films/a?{objects}"), &[])
        .await
        .refused(403, "AuthorizationPermissionMismatch");
    let queue = account_sas(&ground, "q", "sco", "r");
    ground.open(0, &format!("GET /west/films/a?{queue}"), &[]).await.refused(403, "AuthorizationServiceMismatch");
    ground.open(0, &format!("GET /west/films/a?{}", objects.replace("sp=rl", "sp=rwl")), &[]).await.expect(403);
}

#[tokio::test]
async fn a_delegation_key_is_issued_to_a_principal_with_a_token() {
    let ground = ground().await;
    let (start, expiry) = (ground.iso(-60), ground.iso(3600));
    let body = format!("<KeyInfo><Start>{start}</Start><Expiry>{expiry}</Expiry></KeyInfo>");
    let target = "/west/?restype=service&comp=userdelegationkey";
    ground.ask(0, &format!("POST {target}"), &[], body.clone()).await.refused(403, "AuthorizationFailure");
    let bearer =
        axum::http::Request::post(target).header("authorization", "Bearer reader").header("x-ms-version", "2022-11-02");
    let got = ground.send(0, bearer.body(axum::body::Body::from(body)).unwrap()).await.expect(200);
    let field = |tag: &str| {
        let text = got.text().split(&format!("<{tag}>")).nth(1).unwrap();
        text.split("</").next().unwrap().to_owned()
    };
    let (oid, tid) = (field("SignedOid"), field("SignedTid"));
    let key = crate::emulator::blob::sas::SigningKey::from_base64(&field("Value"));
    // Lines between the key's version and the address, and between the encryption scope and the headers.
    for (version, delegate, required) in [("2022-11-02", "\n\n\n", ""), ("2026-04-06", "\n\n\n\n\n", "\n\n")] {
        let text = format!(
            "r\n\n{expiry}\n/blob/west/films\n{oid}\n{tid}\n{start}\n{expiry}\nb\n2022-11-02\n{delegate}\n\n{version}\nc\n\n\n{required}\n\n\n\n"
        );
        let sas = format!(
            "sv={version}&sr=c&sp=r&se={0}&skoid={oid}&sktid={tid}&skt={1}&ske={0}&sks=b&skv=2022-11-02&sig={2}",
            encode(&expiry),
            encode(&start),
            encode(&key.sign(&text))
        );
        ground.open(0, &format!("GET /west/films/a?{sas}"), &[]).await.expect(200);
        let stretched = sas.replace(&encode(&expiry), &encode(&ground.iso(7200)));
        ground.open(0, &format!("GET /west/films/a?{stretched}"), &[]).await.refused(403, "AuthenticationFailed");
    }
}

#[tokio::test]
async fn anyone_can_read_public_blobs_and_the_level_decides_about_the_listing() {
    let ground = ground().await;
    ground.accounts[0].allow_public_access(true);
    let (acl, list) = ("/west/films?restype=container&comp=acl", "GET /west/films?restype=container&comp=list");
    let identifiers = "<?xml version=\"1.0\" encoding=\"utf-8\"?><SignedIdentifiers></SignedIdentifiers>";
    ground.open(0, "GET /west/films/a", &[]).await.refused(404, "ResourceNotFound");
    for (level, listed) in [("blob", false), ("container", true)] {
        let public = [("x-ms-blob-public-access", level)];
        ground.ask(0, &format!("PUT {acl}"), &public, identifiers.to_owned()).await.expect(200);
        let shown = ground.ask(0, "HEAD /west/films?restype=container", &[], "").await.expect(200);
        assert_eq!(shown.header("x-ms-blob-public-access"), level);
        let containers = ground.ask(0, "GET /west/?comp=list", &[], "").await.expect(200);
        assert!(containers.text().contains(&format!("<PublicAccess>{level}</PublicAccess>")), "{}", containers.text());
        ground.open(0, "GET /west/films/a", &[]).await.expect(200);
        let answer = ground.open(0, list, &[]).await;
        if listed {
            answer.expect(200)
        } else {
            answer.refused(404, "ResourceNotFound")
        };
        ground.open(0, "PUT /west/films/b", &[BLOCK]).await.refused(401, "NoAuthenticationInformation");
    }
    let unknown = [("x-ms-blob-public-access", "all")];
    ground.ask(0, &format!("PUT {acl}"), &unknown, identifiers.to_owned()).await.refused(400, "InvalidHeaderValue");
    ground.ask(0, &format!("PUT {acl}"), &[], identifiers.to_owned()).await.expect(200);
    ground.open(0, "GET /west/films/a", &[]).await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn a_role_permits_its_documented_operations() {
    let ground = ground().await;
    let head = ("x-ms-version", "2022-11-02");
    let tags = ("x-ms-tags", "a=b");
    let ask = async |who: &str, request: &str, headers: &[(&str, &str)]| {
        let bearer = format!("Bearer {who}");
        let got = ground.open(0, request, &[&[head, ("authorization", bearer.as_str())], headers].concat()).await;
        (got.status.as_u16(), got.code().to_owned())
    };
    let list = "GET /west/films?restype=container&comp=list";
    let with_tags = "GET /west/films?restype=container&comp=list&include=tags";
    for (request, headers, permitted) in [
        ("GET /west/films/a", &[][..], &["reader", "contributor", "owner"][..]),
        (list, &[], &["reader", "contributor", "owner"]),
        (with_tags, &[], &["owner"]),
        ("PUT /west/films/b", &[BLOCK], &["contributor", "owner"]),
        ("PUT /west/films/b", &[BLOCK, tags], &["owner"]),
        ("DELETE /west/films/b", &[], &["contributor"]),
        ("GET /west/films?restype=container&comp=acl", &[], &["owner"]),
    ] {
        for who in ["reader", "contributor", "owner", "delegator", "stranger"] {
            let (status, code) = ask(who, request, headers).await;
            if permitted.contains(&who) {
                assert!((200..300).contains(&status), "{who}: {request}: {status} {code}");
            } else if who != "owner" {
                assert_eq!((status, code.as_str()), (403, "AuthorizationPermissionMismatch"), "{who}: {request}");
            }
        }
    }
    assert_eq!(ask("forged", list, &[]).await, (401, "InvalidAuthenticationInfo".to_owned()));
}

#[tokio::test]
async fn a_delegated_signature_permits_only_what_its_principal_may_do() {
    let ground = ground().await;
    for (who, read) in [("reader", 200), ("delegator", 403)] {
        let (start, expiry) = (ground.iso(-60), ground.iso(3600));
        let body = format!("<KeyInfo><Start>{start}</Start><Expiry>{expiry}</Expiry></KeyInfo>");
        let asked = axum::http::Request::post("/west/?restype=service&comp=userdelegationkey")
            .header("authorization", format!("Bearer {who}"))
            .header("x-ms-version", "2022-11-02");
        let got = ground.send(0, asked.body(axum::body::Body::from(body)).unwrap()).await.expect(200);
        let value = got.text().split("<Value>").nth(1).unwrap().split('<').next().unwrap().to_owned();
        let key = crate::emulator::blob::sas::SigningKey::from_base64(&value);
        let text = format!(
            "rw\n\n{expiry}\n/blob/west/films\n{who}\ntenant\n{start}\n{expiry}\nb\n2022-11-02\n\n\n\n\n\n2020-12-06\nc\n\n\n\n\n\n\n"
        );
        let sas = format!(
            "sv=2020-12-06&sr=c&sp=rw&se={0}&skoid={who}&sktid=tenant&skt={1}&ske={0}&sks=b&skv=2022-11-02&sig={2}",
            encode(&expiry),
            encode(&start),
            encode(&key.sign(&text))
        );
        ground.open(0, &format!("GET /west/films/a?{sas}"), &[]).await.expect(read);
        let written = ground.open(0, &format!("PUT /west/films/z?{sas}"), &[BLOCK]).await;
        written.refused(403, "AuthorizationPermissionMismatch");
    }
}
