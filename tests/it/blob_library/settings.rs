//! Stored access policies, CORS rules and the static website: compared and mirrored on request.

use std::sync::Arc;

use mediamirror::config::StorageCredential;
use mediamirror::engine::verify::{Verification, verify};
use mediamirror::engine::{Options, Outcome};
use mediamirror::model::{ContainerName, PublicAccess};
use mediamirror::monitor::{RunEvent, Silent};
use mediamirror::plan::{Action, Kind, Planned};
use mediamirror::redact::Secret;

use super::containers::{open, open_world, opened};
use super::{fill, raw};
use crate::world::{World, account_signature};

const POLICIES: &str = "<SignedIdentifiers><SignedIdentifier><Id>viewers</Id><AccessPolicy>\
    <Expiry>2030-01-01T00:00:00Z</Expiry><Permission>r</Permission></AccessPolicy></SignedIdentifier></SignedIdentifiers>";
const SETTINGS: &str = "<StorageServiceProperties><Cors><CorsRule><AllowedOrigins>*</AllowedOrigins>\
    <AllowedMethods>GET</AllowedMethods><AllowedHeaders/><ExposedHeaders/><MaxAgeInSeconds>1</MaxAgeInSeconds></CorsRule></Cors>\
    </StorageServiceProperties>";

fn asked() -> Options {
    Options { settings: true, ..Options::default() }
}

/// A mirror of one public container, whose source then gets a stored access policy and a CORS rule.
async fn changed() -> World {
    let world = open_world().await;
    fill(&world, "films", &["a.ts"]).await;
    open(&world, "films", Some(PublicAccess::Blobs)).await;
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
    raw(&world, 0)
        .ask("PUT films?restype=container&comp=acl", &[("x-ms-blob-public-access", "blob")], POLICIES)
        .await
        .expect(200);
    raw(&world, 0).ask("PUT ?restype=service&comp=properties", &[], SETTINGS).await.expect(202);
    world
}

async fn compared(world: &World) -> Verification {
    verify(&world.pair(), &world.ledger, &asked(), &Silent).await.unwrap()
}

/// The differences, in order.
fn items(verification: &Verification) -> Vec<(&str, &str)> {
    verification.differences.iter().map(|one| (one.name.as_str(), one.item.as_str())).collect()
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn policies_and_cors_rules_are_compared_and_mirrored_only_on_request() {
    let world = changed().await;
    assert_eq!(world.verify().await.differences, []);
    world.emulator.reset_stats();
    assert_eq!(world.sync().await.0.assets.unchanged, 1);
    assert_eq!(world.count("GetContainerAcl"), 0);
    let differ = [("account storeeast", "CORS rules"), ("films", "container")];
    assert_eq!(items(&compared(&world).await), differ);

    let (dry, _) = world.sync_with(Options { dry_run: true, ..asked() }).await;
    assert_eq!(dry.verdict, Outcome::Complete);
    assert_eq!(items(&compared(&world).await), differ, "a dry run changes nothing");
    let (summary, monitor) = world.sync_with(asked()).await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    let changes = format!("{:?}", monitor.events());
    assert!(changes.contains("Policies") && changes.contains("Cors"), "{changes}");
    assert_eq!(items(&compared(&world).await), []);
    assert_eq!(opened(&world, "films").await, Some(PublicAccess::Blobs));
    let pair = world.pair();
    let films = ContainerName::new("films");
    let [from, to] = [&pair.source, &pair.target].map(|side| &side.storage[0]);
    assert!(from.acl(&films).await.unwrap().has_policies_of(&to.acl(&films).await.unwrap()));
    assert_eq!(from.settings().await.unwrap(), to.settings().await.unwrap());

    world.emulator.reset_stats();
    let (summary, _) = world.sync_with(asked()).await;
    assert_eq!((summary.assets.unchanged, world.count("SetContainerAcl")), (1, 0));
    assert_eq!((world.count("GetContainerAcl"), world.count("SetBlobServiceProperties")), (2, 0));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn settings_that_a_signature_cannot_read_are_not_reported_as_equal() {
    let mut world = changed().await;
    let of = world.emulator.ready().regions[0].storage[0].clone();
    let signature = account_signature(&of.account, &of.key, "ss=b&srt=sco&sp=rlt", "2099-01-01T00:00:00Z");
    world.config.source.storage[0].credential = StorageCredential::Sas(Secret::new(signature));
    let verification = compared(&world).await;
    let causes: Vec<&str> = verification.findings.iter().map(|finding| finding.cause.code()).collect();
    assert_eq!((causes.as_slice(), verification.verdict), (&["settings-unchecked"][..], Outcome::Partial));
    assert_eq!(items(&verification), [("account storeeast", "CORS rules")]);
    let (summary, _) = world.sync_with(asked()).await;
    assert_eq!((summary.outcome, summary.assets.unchanged), (Outcome::Partial, 1), "{:?}", summary.findings);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn policies_and_cors_rules_are_items_of_a_plan_and_missing_ones_are_not_changed() {
    let world = changed().await;
    let (_, monitor) = world.sync_with(Options { dry_run: true, ..asked() }).await;
    let item = |event| if let RunEvent::Planned(item) = event { Some(*item) } else { None };
    let items: Vec<_> = monitor.events().into_iter().filter_map(item).collect();
    let actions: Vec<Action> = items.iter().map(|item| item.action).collect();
    assert_eq!(actions, [Action::Policies, Action::AccountSettings]);
    let applied = |id: &str, items| {
        let plan = Arc::new(Planned::new(id, mediamirror::clock::now(), Kind::Sync, items));
        world.sync_with(Options { plan: Some(plan), ..asked() })
    };
    let (summary, _) = applied("empty", Vec::new()).await;
    assert_eq!(summary.outcome, Outcome::Partial, "what is left is owed");
    assert_eq!(summary.plan.map(|counts| (counts.applied, counts.not_planned)), Some((0, 2)));
    assert_eq!(compared(&world).await.differences.len(), 2, "nothing was planned");
    let (summary, _) = applied("both", items).await;
    assert_eq!((summary.outcome, summary.plan.map(|counts| counts.applied)), (Outcome::Complete, Some(2)));
    assert_eq!(compared(&world).await.differences, []);
}
