//! A library that is a storage account, mirrored to another one: containers are the assets.

mod by_name;
pub(crate) mod containers;
mod deletes;
mod folders;
mod hierarchy;
mod order;
mod ranges;
mod selection;
mod settings;
mod types;
mod unwritable;

use std::sync::Arc;

use mediamirror::config::policy::Adopt;
use mediamirror::config::{AccountConfig, ServiceConfig, StorageCredential};
use mediamirror::doctor::{Verdict, WriteTest, examine};
use mediamirror::engine::urls::urls;
use mediamirror::engine::{Options, Outcome};
use mediamirror::error::Error;
use mediamirror::model::{Asset, AssetEncryption, BlobProperties, BlobRef, ContainerName, NewAsset, SCRATCH, Side};
use mediamirror::monitor::TestMonitor;
use mediamirror::redact::Secret;
use tokio_util::sync::CancellationToken;

use crate::blob_contract::{Access, Raw};
use crate::world::{World, account_signature, once};

/// Two storage accounts of the emulator as libraries.
pub(crate) async fn world() -> World {
    let mut world = World::empty().await;
    for account in [&mut world.config.source, &mut world.config.target] {
        let AccountConfig { service, account, storage, .. } = account;
        *service = ServiceConfig::Blobs;
        account.clone_from(&storage[0].account);
    }
    world
}

/// Makes a container of the source with those blobs.
async fn fill(world: &World, container: &str, blobs: &[&str]) {
    fill_side(world, Side::Source, container, blobs).await;
}

pub(crate) async fn fill_side(world: &World, side: Side, container: &str, blobs: &[&str]) {
    let pair = world.pair();
    let side = if side == Side::Source { &pair.source } else { &pair.target };
    let (account, container) = (&side.storage[0], ContainerName::new(container));
    account.create_container(&container).await.unwrap();
    for name in blobs {
        let at = BlobRef { container: container.clone(), name: (*name).to_owned() };
        let properties = BlobProperties { content_type: Some("video/mp4".to_owned()), ..BlobProperties::default() };
        account.put_blob(&at, format!("{container} {name}").into(), &properties).await.unwrap();
    }
}

/// An account of the world with raw requests.
fn raw(world: &World, region: usize) -> Raw {
    let region = &world.emulator.ready().regions[region];
    let (name, key) = (region.storage_account.clone(), region.storage_key.clone());
    let access = Access { name, endpoint: region.blob.parse().unwrap(), key };
    Raw::new(&world.emulator.http_client(), &access)
}

/// The containers of the target with their blobs, without the program's own.
async fn mirrored(world: &World) -> Vec<(String, Vec<String>)> {
    use futures::TryStreamExt as _;
    let pair = world.pair();
    let assets: Vec<Asset> = pair.target.library.assets().try_concat().await.unwrap();
    let mut found = Vec::new();
    for asset in assets {
        let blobs = pair.target.storage[0].list(&ContainerName::new(asset.id.as_str())).try_concat().await.unwrap();
        found.push((asset.id.to_string(), blobs.into_iter().map(|blob| blob.name).collect()));
    }
    found
}

fn expected(containers: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let one = |(name, blobs): &(&str, &[&str])| ((*name).to_owned(), blobs.iter().map(|b| (*b).to_owned()).collect());
    containers.iter().map(one).collect()
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn containers_are_copied_under_their_names_and_a_second_run_copies_nothing() {
    let world = world().await;
    fill(&world, "films", &["a/1.ts", "a/2.ts", "a.m3u8"]).await;
    fill(&world, "series", &["one.mp4"]).await;

    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 2), "{:?}", summary.problems);
    let all = expected(&[("films", &["a.m3u8", "a/1.ts", "a/2.ts"]), ("series", &["one.mp4"])]);
    assert_eq!(mirrored(&world).await, all);
    let verification = world.verify().await;
    assert_eq!((verification.assets.same, verification.differences.len()), (2, 0), "{:?}", verification.problems);

    world.emulator.reset_stats();
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.unchanged), (Outcome::Complete, 2), "{:?}", summary.problems);
    assert_eq!((world.count("PutBlobFromUrl"), world.count("SetContainerMetadata")), (0, 0));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_second_run_without_the_ledger_finds_the_copies_by_their_marks() {
    let mut world = world().await;
    fill(&world, "films", &["a.ts", "b.ts"]).await;
    world.sync().await;
    world.ledger = mediamirror::ledger::Ledger::in_memory().unwrap();
    world.emulator.reset_stats();
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 0), "{:?}", summary.problems);
    assert_eq!(world.count("CreateContainer"), 0);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_foreign_container_of_that_name_is_not_changed() {
    let world = world().await;
    fill(&world, "films", &["a.ts"]).await;
    let (pair, container) = (world.pair(), ContainerName::new("films"));
    pair.target.storage[0].create_container(&container).await.unwrap();
    for run in 0..3 {
        let (summary, _) = world.sync_with(Options { dry_run: run == 0, ..Options::default() }).await;
        let causes: Vec<&str> = summary.problems.iter().map(|problem| problem.finding.cause.code()).collect();
        assert_eq!((summary.verdict, causes.as_slice()), (Outcome::Partial, &["foreign-copy"][..]), "run {run}");
        assert_eq!(mirrored(&world).await, expected(&[("films", &[])]));
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_containers_of_the_program_and_of_the_service_are_not_assets() {
    let world = world().await;
    fill(&world, "films", &["a.ts"]).await;
    fill(&world, "mediamirror-state", &["x"]).await;
    fill(&world, "$logs", &["y"]).await;
    // The scratch asset of an interrupted write test.
    let scratch = NewAsset {
        name: Some(format!("{SCRATCH}1")),
        alternate_id: format!("{SCRATCH}1"),
        encryption: AssetEncryption::None,
        storage_account: None,
    };
    world.pair().source.library.create_asset(&scratch).await.unwrap();
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.total), (Outcome::Complete, 1), "{:?}", summary.problems);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_dry_run_forecasts_the_requests_of_a_first_run() {
    let world = world().await;
    fill(&world, "films", &["a.ts", "b.ts"]).await;
    fill(&world, "series", &["one.mp4"]).await;
    let (dry, _) = world.sync_with(Options { dry_run: true, ..Options::default() }).await;
    assert_eq!(mirrored(&world).await, []);
    let (run, _) = world.sync().await;
    let forecast = dry.forecast.unwrap();
    assert_eq!((forecast.requests, forecast.charged), (run.requests, run.charged));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_container_with_blobs_counts_as_published_and_an_empty_one_does_not() {
    let world = world().await;
    fill(&world, "films", &["a.ts", "b.ts"]).await;
    fill(&world, "empty", &[]).await;
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.skipped), (Outcome::Complete, 1), "{:?}", summary.problems);
    // The copy is needed if a mirrored container is empty now.
    let account = &world.emulator.ready().regions[0].storage[0].account;
    for blob in ["a.ts", "b.ts"] {
        assert!(world.emulator.delete_blob(account, "films", blob));
    }
    let (summary, _) = world.sync().await;
    let causes: Vec<&str> =
        summary.problems.iter().filter(|one| one.owed).map(|one| one.finding.cause.code()).collect();
    assert_eq!(
        (summary.outcome, causes.as_slice()),
        (Outcome::Partial, &["source-lost"][..]),
        "{:?}",
        summary.problems
    );
    assert_eq!(mirrored(&world).await, expected(&[("films", &["a.ts", "b.ts"])]));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_foreign_container_that_replaced_our_copy_is_not_changed() {
    let world = world().await;
    fill(&world, "films", &["a.ts"]).await;
    world.sync().await;
    let (pair, container) = (world.pair(), ContainerName::new("films"));
    let target = &pair.target.storage[0];
    target.delete_container(&container).await.unwrap();
    tokio::time::advance(std::time::Duration::from_hours(1)).await;
    target.create_container(&container).await.unwrap();
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Partial, "{:?}", summary.problems);
    assert_eq!(mirrored(&world).await, expected(&[("films", &[])]));
    // After it is deleted, the copy is made again.
    target.delete_container(&container).await.unwrap();
    tokio::time::advance(std::time::Duration::from_hours(1)).await;
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_eq!(mirrored(&world).await, expected(&[("films", &["a.ts"])]));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_container_that_another_tool_copied_is_adopted_if_configured() {
    let mut world = world().await;
    fill(&world, "films", &["a.ts"]).await;
    let (pair, container) = (world.pair(), ContainerName::new("films"));
    let target = &pair.target.storage[0];
    target.create_container(&container).await.unwrap();
    let at = BlobRef { container, name: "a.ts".to_owned() };
    target.put_blob(&at, "something else".into(), &BlobProperties::default()).await.unwrap();
    let policy = |adopt| mediamirror::config::Policy { adopt, ..mediamirror::config::Policy::default() };
    for (adopt, outcome) in
        [(Adopt::No, Outcome::Partial), (Adopt::Equal, Outcome::Partial), (Adopt::Overwrite, Outcome::Complete)]
    {
        for dry_run in [true, false] {
            let (summary, _) = world.sync_with(Options { dry_run, policy: policy(adopt), ..Options::default() }).await;
            assert_eq!(summary.verdict, outcome, "{adopt:?}, dry run {dry_run}: {:?}", summary.problems);
        }
    }
    world.config.policy = policy(Adopt::No);
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_library_without_locators_has_no_pairs_of_urls() {
    let world = world().await;
    fill(&world, "films", &["a.ts"]).await;
    world.sync().await;
    let error = urls(&world.pair(), &world.ledger, &Options::default()).await.unwrap_err();
    assert!(matches!(&error, Error::NoLocators { account } if account.as_str() == "storewest"), "{error}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn doctor_lists_a_storage_account_and_its_write_test_leaves_no_container() {
    let world = world().await;
    fill(&world, "films", &["a.ts"]).await;
    fill(&world, "series", &["one.mp4"]).await;
    let checks = examine(&world.config, &world.pair(), &WriteTest::Until(CancellationToken::new())).await;
    let of = |subject: &str| -> Vec<&str> {
        let of_it = checks.iter().filter(|check| check.subject == subject);
        of_it.map(|check| check.check).collect()
    };
    assert_eq!(of("storewest"), ["reachable", "clock", "credential", "containers", "list", "read"]);
    let written = ["write", "copy", "container-write", "state"];
    assert_eq!(of("storeeast"), [&["reachable", "clock", "credential", "containers"][..], &written].concat());
    assert!(checks.iter().all(|check| check.verdict == Verdict::Ok), "{checks:?}");
    let listed = checks.iter().find(|check| check.check == "containers").unwrap();
    assert_eq!(listed.found, "may be listed (2)");
    assert_eq!(mirrored(&world).await, []);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn signatures_with_the_minimum_of_permissions_mirror_a_storage_account_and_pass_doctor() {
    for (types, enough) in [("sco", true), ("co", false)] {
        let mut world = world().await;
        fill(&world, "films", &["a.ts"]).await;
        for (region, permissions) in [(0, "rlt"), (1, "rwlt")] {
            let of = world.emulator.ready().regions[region].storage[0].clone();
            let rights = format!("ss=b&srt={types}&sp={permissions}");
            let signature = account_signature(&of.account, &of.key, &rights, "2099-01-01T00:00:00Z");
            let side = if region == 0 { &mut world.config.source } else { &mut world.config.target };
            side.storage[0].credential = StorageCredential::Sas(Secret::new(signature));
        }
        let checks = examine(&world.config, &world.pair(), &WriteTest::No).await;
        let sas: Vec<_> = checks.iter().filter(|check| check.check == "sas").collect();
        assert_eq!(sas.len(), 2);
        for check in sas {
            assert_eq!(check.verdict == Verdict::Ok, enough, "{check:?}");
            assert_eq!(check.found.contains("srt=co lacks s"), !enough, "{check:?}");
            assert!(enough || check.remedy.as_ref().is_some_and(|remedy| remedy.contains("Service")), "{check:?}");
        }
        let result = world.try_sync(Options::default(), &Arc::new(TestMonitor::default())).await;
        match result {
            Ok(summary) if enough => assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 1)),
            result => assert!(!enough && result.is_err(), "{result:?}"),
        }
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_that_is_deleted_during_the_run_is_made_again() {
    let mut world = world().await;
    fill(&world, "films", &["a.ts", "b.ts"]).await;
    world.sync().await;
    fill(&world, "films-2", &["c.ts"]).await;
    let (pair, container) = (world.pair(), ContainerName::new("films"));
    // After the target's containers were listed, when the source's container is read.
    let deletion = async move { pair.target.storage[0].delete_container(&container).await.unwrap() };
    let reads = |request: &azure_core::http::Request| {
        request.url().as_str().contains("storewest/films?restype=container&comp=list")
    };
    world.intercept(once(reads, Box::pin(deletion)));
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_eq!(mirrored(&world).await, expected(&[("films", &["a.ts", "b.ts"]), ("films-2", &["c.ts"])]));
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.unchanged), (Outcome::Complete, 2), "{:?}", summary.problems);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_of_another_account_that_was_copied_with_its_metadata_is_not_ours() {
    let world = world().await;
    fill(&world, "films", &["a.ts"]).await;
    let (pair, container) = (world.pair(), ContainerName::new("films"));
    let source = pair.source.library.account();
    let mark = format!("mediamirror:{source};films;elsewhere/films;;");
    let metadata = [("mediamirror".to_owned(), mark)].into();
    pair.target.storage[0].create_container_with(&container, &metadata).await.unwrap();
    let (summary, _) = world.sync().await;
    let causes: Vec<&str> = summary.problems.iter().map(|problem| problem.finding.cause.code()).collect();
    assert_eq!((summary.outcome, causes.as_slice()), (Outcome::Partial, &["foreign-copy"][..]));
    assert_eq!(mirrored(&world).await, expected(&[("films", &[])]));
}
