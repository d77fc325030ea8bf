//! Stored access policies, and the settings of an account.

use mediamirror::blob::AccountSettings;

use super::*;

const POLICIES: &str = "<SignedIdentifiers><SignedIdentifier><Id>viewers</Id><AccessPolicy>\
    <Start>2026-01-01T00:00:00.0000000Z</Start><Expiry>2030-01-01T00:00:00.0000000Z</Expiry><Permission>rl</Permission>\
    </AccessPolicy></SignedIdentifier></SignedIdentifiers>";
const SETTINGS: &str = "<StorageServiceProperties><Cors><CorsRule><AllowedOrigins>https://a.example,https://b.example</AllowedOrigins>\
    <AllowedMethods>GET,HEAD</AllowedMethods><AllowedHeaders>range</AllowedHeaders><ExposedHeaders>etag</ExposedHeaders>\
    <MaxAgeInSeconds>60</MaxAgeInSeconds></CorsRule></Cors><StaticWebsite><Enabled>true</Enabled>\
    <IndexDocument>index.html</IndexDocument></StaticWebsite></StorageServiceProperties>";

/// Policies are copied to another container without changing its public access.
pub(crate) async fn stored_policies_and_public_access_are_set_apart(fixture: &Fixture) {
    let (from, to, container) = (&fixture.source, &fixture.target, &fixture.container);
    let request = format!("PUT {container}?restype=container&comp=acl");
    fixture.raw.source.ask(&request, &[], POLICIES).await.expect(200);
    let of_source = from.acl(container).await.unwrap();
    assert!(!of_source.has_policies_of(&to.acl(container).await.unwrap()));
    let public = fixture.raw.target.ask(&request, &[("x-ms-blob-public-access", "blob")], "").await.status == 200;
    to.set_policies(container, &of_source).await.unwrap();
    assert!(of_source.has_policies_of(&to.acl(container).await.unwrap()));
    let level = to.container(container).await.unwrap().unwrap().public;
    assert_eq!(level.is_some(), public);
}

/// CORS rules and website of an account are copied to another one.
pub(crate) async fn what_is_set_for_an_account_is_read_back(fixture: &Fixture) {
    let (from, to) = (&fixture.source, &fixture.target);
    // The cases share the accounts, and no other case changes their settings.
    fixture.raw.source.ask("PUT ?restype=service&comp=properties", &[], SETTINGS).await.expect(202);
    let settings = from.settings().await.unwrap();
    assert_eq!((settings.cors.len(), settings.website.is_some()), (1, true));
    to.set_settings(&settings).await.unwrap();
    assert_eq!(to.settings().await.unwrap(), settings);
    to.set_settings(&AccountSettings::default()).await.unwrap();
    let none = to.settings().await.unwrap();
    assert_eq!((none.cors.len(), none.website.is_some()), (0, false));
}
