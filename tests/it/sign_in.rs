//! Storage accounts with principals of Entra ID and without account keys: whole runs and the checks of doctor.

use std::sync::{Arc, Mutex};

use azure_core::http::Request;
use futures::TryStreamExt as _;
use mediamirror::config::{
    AccountConfig, AuthConfig, IdentityService, Proof, ServiceConfig, SignIn, StorageCredential,
};
use mediamirror::doctor::{Check, Verdict, WriteTest, examine};
use mediamirror::emulator::faults::plan::{Fault, FaultPlan, Refuse, Rule};
use mediamirror::emulator::{PrincipalSettings, Role, RoleAssignment, Settings};
use mediamirror::engine::{Options, Outcome};
use mediamirror::model::{BlobProperties, BlobRef, ContainerName, CopyMethod, IndexTags};
use mediamirror::monitor::TestMonitor;
use mediamirror::redact::Secret;
use mediamirror::verdict::Cause;
use tokio_util::sync::CancellationToken;

use crate::world::World;

const WEST: &str = "storewest";
const EAST: &str = "storeeast";
const SECRET: &str = "s3cret~of-the-application";

fn principal(client_id: &str, account: &str, role: Role) -> PrincipalSettings {
    PrincipalSettings {
        client_id: client_id.to_owned(),
        tenant: "contoso".to_owned(),
        secret: Some(SECRET.to_owned()),
        roles: vec![RoleAssignment { account: account.to_owned(), role }],
        ..PrincipalSettings::default()
    }
}

/// Two regions with a principal each.
fn settings(source: Role, target: Role) -> Settings {
    let principals = vec![principal("reader", WEST, source), principal("writer", EAST, target)];
    Settings { principals, ..Settings::default() }
}

fn root(token: &str) -> String {
    token.trim_end_matches("/v2/OAuth2-13").to_owned()
}

/// Configures the sign-in of each side as its principal.
fn sign_in(world: &mut World) {
    let ready = world.emulator.ready().clone();
    let sides = [(&mut world.config.source, "reader", 0), (&mut world.config.target, "writer", 1)];
    for (side, client_id, region) in sides {
        let token_url = format!("{}/contoso/oauth2/v2.0/token", root(&ready.regions[region].token)).parse().unwrap();
        let proof = Proof::Secret(Secret::new(SECRET));
        let sign_in = SignIn::Application { token_url, client_id: client_id.to_owned(), proof };
        side.storage[0].credential = StorageCredential::SignIn(sign_in);
    }
}

/// Configures the storage accounts as libraries.
fn as_libraries(world: &mut World) {
    for side in [&mut world.config.source, &mut world.config.target] {
        let AccountConfig { service, account, storage, .. } = side;
        *service = ServiceConfig::Blobs;
        account.clone_from(&storage[0].account);
    }
}

/// A library of one container with two blobs, one of them with a tag, written by the account key.
async fn library(settings: Settings) -> World {
    let mut world = World::with(settings, None).await;
    as_libraries(&mut world);
    let pair = world.pair();
    let (account, container) = (&pair.source.storage[0], ContainerName::new("films"));
    account.create_container(&container).await.unwrap();
    for name in ["a.ts", "b.ts"] {
        let at = BlobRef { container: container.clone(), name: name.to_owned() };
        account.put_blob(&at, name.into(), &BlobProperties::default()).await.unwrap();
    }
    sign_in(&mut world);
    world
}

/// Records all requests: URL and headers in one text.
fn listen(world: &mut World) -> Arc<Mutex<Vec<String>>> {
    let sent = Arc::<Mutex<Vec<String>>>::default();
    let note = Arc::clone(&sent);
    world.intercept(move |request: &Request| {
        let headers: Vec<_> =
            request.headers().iter().map(|(name, value)| format!("{}: {}", name.as_str(), value.as_str())).collect();
        note.lock().unwrap().push(format!("{}\n{}", request.url(), headers.join("\n")));
        None
    });
    sent
}

async fn names(world: &World) -> Vec<String> {
    let pair = world.pair();
    let listed: Vec<_> = pair.target.storage[0].list(&ContainerName::new("films")).try_concat().await.unwrap();
    listed.into_iter().map(|blob| blob.name).collect()
}

fn found<'c>(checks: &'c [Check], subject: &str, check: &str) -> &'c Check {
    let all = || checks.iter().map(|check| (&check.subject, check.check)).collect::<Vec<_>>();
    checks
        .iter()
        .find(|one| one.subject == subject && one.check == check)
        .unwrap_or_else(|| panic!("{check}: {:?}", all()))
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_owner_on_each_side_mirrors_everything_and_no_account_key_is_used() {
    let mut world = library(settings(Role::Owner, Role::Owner)).await;
    assert!(world.emulator.set_tags(WEST, "films", "a.ts", &[("rating", "12")]));
    let sent = listen(&mut world);
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_eq!(names(&world).await, ["a.ts", "b.ts"]);
    assert_eq!(world.emulator.describe(EAST, "films", "a.ts").unwrap().tags["rating"], "12");
    let sent = sent.lock().unwrap();
    assert!(!sent.iter().any(|sent| sent.contains("SharedKey")), "the account key signs nothing");
    let sources: Vec<_> = sent.iter().filter(|sent| sent.contains("x-ms-copy-source: ")).collect();
    assert!(!sources.is_empty());
    for source in sources {
        assert!(source.contains("skoid=") && source.contains("sp=r&") && source.contains("sr=c&"), "{source}");
    }
    let tokens = sent.iter().filter(|sent| sent.contains("/oauth2/v2.0/token")).count();
    let keys = sent.iter().filter(|sent| sent.contains("comp=userdelegationkey")).count();
    assert_eq!((tokens, keys), (3, 1), "one token a side, one for the listing of this test, and one key");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_reader_and_a_contributor_mirror_everything_except_index_tags_and_report_this() {
    let world = library(settings(Role::Reader, Role::Contributor)).await;
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Partial, "{:?}", summary.problems);
    assert_eq!(summary.causes.into_iter().collect::<Vec<_>>(), [(Cause::TagsUnreadable, 1)]);
    assert_eq!(names(&world).await, ["a.ts", "b.ts"]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn tags_that_only_the_source_shows_do_not_prevent_a_contributor_from_copying() {
    let world = library(settings(Role::Owner, Role::Contributor)).await;
    // Both are in progress at the same time.
    for blob in ["a.ts", "b.ts"] {
        assert!(world.emulator.set_tags(WEST, "films", blob, &[("rating", "12")]));
    }
    let (summary, _) = world.sync().await;
    assert_eq!(summary.causes.into_iter().collect::<Vec<_>>(), [(Cause::TagsUnreadable, 1)], "{:?}", summary.problems);
    assert_eq!(names(&world).await, ["a.ts", "b.ts"]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_media_library_is_mirrored_with_only_principals() {
    let mut settings = settings(Role::Owner, Role::Owner);
    for (principal, media) in settings.principals.iter_mut().zip(["mediawest", "mediaeast"]) {
        principal.media = vec![media.to_owned()];
    }
    let mut world = World::with(settings, Some("assets=3,blobs=3,seed=1,sizes=small,awkward=false,real=false")).await;
    sign_in(&mut world);
    for side in [&mut world.config.source, &mut world.config.target] {
        let StorageCredential::SignIn(sign_in) = side.storage[0].credential.clone() else { panic!("it signs in") };
        let ServiceConfig::AmsV2(service) = &mut side.service else { panic!("it is a media account") };
        service.auth = AuthConfig::Entra { sign_in, resource: "https://rest.media.azure.net".to_owned() };
    }
    let sent = listen(&mut world);
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 3), "{:?}", summary.problems);
    assert!(!sent.lock().unwrap().iter().any(|sent| sent.contains("SharedKey") || sent.contains("OAuth2-13")));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_continues_after_its_tokens_expire() {
    let mut settings = settings(Role::Owner, Role::Owner);
    settings.regions[1].storage[0].limits.async_copy_min_ms = 5 * 60_000;
    let world = library(settings).await;
    let short = Rule::new(Fault::TokenLifetimeS(30)).operation("EntraTokenV2");
    world.emulator.set_faults(&FaultPlan::new(1).rule(short)).unwrap();
    let only_async = Options { copy_method: Some(CopyMethod::Async), ..Options::default() };
    let (summary, _) = world.sync_with(only_async).await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    let tokens = world
        .emulator
        .stats()
        .requests
        .iter()
        .filter(|row| row.operation == "EntraTokenV2")
        .map(|row| row.count)
        .sum::<u64>();
    assert!(tokens > 8, "{tokens} tokens of half a minute each");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn doctor_passes_with_the_minimum_of_roles_and_names_a_missing_one() {
    let world = library(settings(Role::Owner, Role::Owner)).await;
    let look = async |write: bool| {
        let test = if write { WriteTest::Until(CancellationToken::new()) } else { WriteTest::No };
        examine(&world.config, &world.pair(), &test).await
    };
    let assign = |account: &str, client_id: &str, role| assert!(world.emulator.assign_role(account, client_id, role));
    let checks = look(true).await;
    assert!(checks.iter().all(|check| check.verdict == Verdict::Ok), "{checks:?}");
    assert_eq!(found(&checks, WEST, "user-delegation").verdict, Verdict::Ok);

    assign(WEST, "reader", Some(Role::Reader));
    assign(EAST, "writer", Some(Role::Contributor));
    let checks = look(true).await;
    assert!(checks.iter().all(|check| check.verdict != Verdict::Fail), "{checks:?}");
    for account in [WEST, EAST] {
        let tags = found(&checks, account, "tags");
        assert!(tags.remedy.as_deref().unwrap().contains("Storage Blob Data Owner"), "{tags:?}");
    }

    assign(WEST, "reader", Some(Role::Delegator));
    assign(EAST, "writer", Some(Role::Reader));
    let checks = look(true).await;
    let source = checks.iter().find(|check| check.subject == WEST && check.verdict == Verdict::Fail).unwrap();
    assert!(source.remedy.as_deref().unwrap().contains("Storage Blob Data Reader"), "{source:?}");

    assign(WEST, "reader", Some(Role::Reader));
    let checks = look(true).await;
    let target = checks.iter().find(|check| check.subject == EAST && check.verdict == Verdict::Fail).unwrap();
    assert!(target.remedy.as_deref().unwrap().contains("Storage Blob Data Contributor"), "{target:?}");

    assign(WEST, "reader", None);
    let checks = look(false).await;
    let refused = found(&checks, WEST, "credential");
    assert_eq!(refused.verdict, Verdict::Fail);
    assert!(refused.remedy.as_deref().unwrap().contains("Storage Blob Data Reader"), "{refused:?}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_wrong_secret_ends_the_run_before_anything_is_written_and_is_not_retried() {
    let mut world = library(settings(Role::Owner, Role::Owner)).await;
    let StorageCredential::SignIn(SignIn::Application { proof, .. }) = &mut world.config.target.storage[0].credential
    else {
        panic!("it signs in")
    };
    *proof = Proof::Secret(Secret::new("not-the-right-secret"));
    let error = world.try_sync(Options::default(), &Arc::new(TestMonitor::default())).await.unwrap_err().to_string();
    assert!(error.contains("AADSTS7000215") && !error.contains("not-the-right-secret"), "{error}");
    assert!(!world.emulator.stats().requests.iter().any(|row| row.account == EAST && row.operation.starts_with("Put")));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_waits_for_a_failing_token_service() {
    let world = library(settings(Role::Owner, Role::Owner)).await;
    let busy = Rule::new(Fault::Refuse(Refuse::status(503))).operation("EntraTokenV2").times(3);
    world.emulator.set_faults(&FaultPlan::new(1).rule(busy)).unwrap();
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_identity_of_the_machine_signs_in_to_both_sides() {
    let owner = |account: &str| RoleAssignment { account: account.to_owned(), role: Role::Owner };
    let machine = PrincipalSettings {
        client_id: "machine".to_owned(),
        tenant: "contoso".to_owned(),
        managed: true,
        roles: vec![owner(WEST), owner(EAST)],
        ..PrincipalSettings::default()
    };
    let mut world = library(Settings { principals: vec![machine], ..Settings::default() }).await;
    let ready = world.emulator.ready().clone();
    for (region, side) in [&mut world.config.source, &mut world.config.target].into_iter().enumerate() {
        let service = IdentityService::Machine(root(&ready.regions[region].token).parse().unwrap());
        side.storage[0].credential = StorageCredential::SignIn(SignIn::ManagedIdentity { service, client_id: None });
    }
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    let pair = world.pair();
    let blob = BlobRef { container: ContainerName::new("films"), name: "a.ts".to_owned() };
    let copy = pair.target.storage[0].properties(&blob).await.unwrap().unwrap();
    assert_eq!(copy.properties.tags, IndexTags::default());
}
