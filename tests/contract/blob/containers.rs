//! The properties of containers.

use super::*;

/// One policy, as a client writes it.
const POLICY: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><SignedIdentifiers><SignedIdentifier><Id>viewers</Id><AccessPolicy>\
    <Start>2026-01-01T00:00:00.0000000Z</Start><Expiry>2099-01-01T00:00:00.0000000Z</Expiry><Permission>rl</Permission>\
    </AccessPolicy></SignedIdentifier></SignedIdentifiers>";

/// Stored access policies are read unchanged, and those that are not sent again are removed.
pub(crate) async fn stored_access_policies_are_replaced_as_a_whole(fixture: &Fixture) {
    let (raw, container) = (&fixture.raw.source, &fixture.container);
    let [get, set] = ["GET", "PUT"].map(|verb| format!("{verb} {container}?restype=container&comp=acl"));
    let policies = async || {
        let answer = raw.ask(&get, &[], "").await.expect(200);
        String::from_utf8(answer.body.to_vec()).unwrap()
    };
    assert!(!policies().await.contains("<Id>"));
    raw.ask(&set, &[], POLICY).await.expect(200);
    let found = policies().await;
    let has = |text: &str| found.contains(text);
    assert!(has("<Id>viewers</Id>") && has("<Permission>rl</Permission>"), "{found}");
    assert!(has("<Start>2026-01-01T00:00:00") && has("<Expiry>2099-01-01T00:00:00"), "{found}");
    let six =
        (0..6).map(|at| format!("<SignedIdentifier><Id>{at}</Id></SignedIdentifier>")).collect::<Vec<_>>().concat();
    let too_many = raw.ask(&set, &[], format!("<SignedIdentifiers>{six}</SignedIdentifiers>")).await;
    assert_eq!(too_many.status, 400, "{too_many:?}");
    raw.ask(&set, &[], "").await.expect(200);
    assert!(!policies().await.contains("<Id>"));
    let absent = "GET absent-container?restype=container&comp=acl";
    raw.ask(absent, &[], "").await.refused(404, "ContainerNotFound");
}
