//! Storage accounts that are not configured, and storage accounts that are down. Rows 9 and 10.

use std::sync::Arc;
use std::time::Duration;

use mediamirror::doctor::{Verdict, WriteTest, examine};
use mediamirror::emulator::FaultPlan;
use mediamirror::emulator::Settings;
use mediamirror::emulator::faults::plan::{Fault, Refuse, Rule};
use mediamirror::engine::{Options, Outcome};
use mediamirror::model::{AccountName, Asset, AssetEncryption, BlobProperties, BlobRef, NewAsset};
use mediamirror::monitor::TestMonitor;
use mediamirror::state::{Holder, TargetLock};
use mediamirror::verdict::Cause;
use tokio_util::sync::CancellationToken;

use super::{EAST, TARGET, assert_plays_alike, night, playing};
use crate::world::World;

/// The second storage account of the source.
const SECOND: &str = "storewest2";

/// Two regions, of which the source has two storage accounts.
fn two_accounts() -> Settings {
    let mut settings = Settings::default();
    let mut second = settings.regions[0].storage[0].clone();
    SECOND.clone_into(&mut second.account);
    settings.regions[0].storage.push(second);
    settings
}

/// A published asset with one blob in a storage account of the source.
async fn seed(world: &World, name: &str, account: usize) -> Asset {
    let pair = world.pair();
    let storage = &pair.source.storage[account];
    let wanted = NewAsset {
        name: Some(name.to_owned()),
        alternate_id: name.to_owned(),
        encryption: AssetEncryption::None,
        storage_account: Some(storage.name().clone()),
    };
    let asset = pair.source.library.create_asset(&wanted).await.unwrap();
    assert_eq!(asset.storage_account, Some(storage.name().clone()));
    let at = BlobRef { container: asset.container.clone().unwrap(), name: "film.mp4".to_owned() };
    storage.put_blob(&at, vec![b'x'; 100].into(), &BlobProperties::default()).await.unwrap();
    world.publish(&pair, &asset, 24 * 30).await;
    asset
}

/// A library with `each` assets in each storage account.
async fn library(each: usize) -> World {
    let world = World::with(two_accounts(), None).await;
    for n in 0..each {
        seed(&world, &format!("first {n}"), 0).await;
        seed(&world, &format!("second {n}"), 1).await;
    }
    world
}

fn refusing(world: &World, status: u16, code: &str) {
    let rule = Rule::new(Fault::Refuse(Refuse::status(status).code(code))).account(SECOND);
    world.emulator.set_faults(&FaultPlan::new(1).rule(rule)).unwrap();
}

/// Row 9.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_in_a_storage_account_that_is_not_configured_is_never_reported_as_complete() {
    let mut world = library(2).await;
    world.config.source.storage.pop();
    for _ in 0..2 {
        let (summary, monitor) = night(&world, Options::default()).await;
        assert_eq!((summary.outcome, summary.assets.mirrored + summary.assets.unchanged), (Outcome::Partial, 2));
        let finding = monitor.outcome_of("second 0").unwrap().finding().unwrap().clone();
        assert_eq!(finding.cause, Cause::StorageAccountNotConfigured);
        assert!(finding.detail.contains(SECOND), "{finding}");
        let verification = world.verify().await;
        assert_eq!(verification.causes.get(&Cause::StorageAccountNotConfigured), Some(&2));
        assert!(verification.owes(), "verify is not green either");
    }
    let checks = examine(&world.config, &world.pair(), &WriteTest::No).await;
    let failed: Vec<_> = checks.iter().filter(|check| check.verdict == Verdict::Fail).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!((failed[0].subject.as_str(), failed[0].check), (SECOND, "configured"));
    assert!(failed[0].remedy.as_deref().unwrap().contains("add the storage account"), "{failed:?}");
}

/// Row 9: a copy that is in a target account that is not configured.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn doctor_reports_no_missing_account_if_all_are_configured() {
    let world = library(1).await;
    let checks = examine(&world.config, &world.pair(), &WriteTest::No).await;
    assert!(checks.iter().all(|check| check.check != "configured"), "{checks:?}");
}

/// Row 10.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn only_assets_of_a_storage_account_that_is_down_or_refuses_requests_fail() {
    for (status, code, cause) in [
        (503, "ServerBusy", Cause::ServiceUnavailable),
        (500, "InternalError", Cause::ServiceUnavailable),
        (403, "AuthorizationFailure", Cause::PermissionMissing),
    ] {
        let world = library(5).await;
        refusing(&world, status, code);
        let (summary, monitor) = night(&world, Options::default()).await;
        assert_eq!(
            (summary.outcome, summary.assets.mirrored, summary.assets.failed),
            (Outcome::Partial, 5, 5),
            "{status}"
        );
        assert_eq!(summary.causes.get(&cause), Some(&5), "{status}: {:?}", summary.problems);
        for n in 0..5 {
            let outcome = monitor.outcome_of(&format!("second {n}")).unwrap();
            assert_eq!(outcome.cause(), Some(cause), "{status}");
        }
        let verification = world.verify().await;
        assert!(verification.owes() && verification.assets.same == 5, "{status}: {verification:?}");
        world.emulator.set_faults(&FaultPlan::default()).unwrap();
        let (summary, _) = night(&world, Options::default()).await;
        assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 5), "{status}");
        assert_plays_alike(&world).await;
    }
}

/// Row 10: mirrored assets stay published while their account is down.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn copies_still_play_while_the_storage_account_of_their_sources_is_down() {
    let world = library(4).await;
    world.sync().await;
    refusing(&world, 503, "ServerBusy");
    let (summary, _) = night(&world, Options::default()).await;
    assert_eq!((summary.outcome, summary.withdrawn, summary.assets.unchanged), (Outcome::Partial, 0, 4));
    assert_eq!(playing(&world, TARGET).await.len(), 8);
}

/// Row 10: not every other asset of an account that is down is retried for minutes.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_large_account_that_is_down_takes_only_the_time_of_a_few_of_its_assets() {
    let world = library(40).await;
    refusing(&world, 503, "ServerBusy");
    let options = Options { assets_in_flight: Some(2), ..Options::default() };
    let started = tokio::time::Instant::now();
    let summary = world.sync_with(options).await.0;
    assert_eq!((summary.assets.mirrored, summary.assets.failed), (40, 40));
    let named = summary.problems.iter().filter(|problem| problem.finding.detail.contains("failed in a row"));
    assert!(named.clone().all(|problem| problem.finding.detail.contains(SECOND)));
    assert!(named.count() >= 30, "{:?}", summary.problems);
    let took = started.elapsed();
    assert!(took < Duration::from_mins(30), "{took:?}");
}

/// Row 10: if nothing succeeds, the whole run is refused and leaves nothing.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_that_all_storage_accounts_refuse_is_refused_and_leaves_nothing() {
    let world = library(5).await;
    let rule = Rule::new(Fault::Refuse(Refuse::status(403).code("AuthorizationFailure"))).account("storewest*");
    world.emulator.set_faults(&FaultPlan::new(1).rule(rule)).unwrap();
    let monitor = Arc::new(TestMonitor::default());
    let error = world.try_sync(Options::default(), &monitor).await.unwrap_err();
    assert!(error.to_string().contains("HTTP 403"), "{error}");
    assert_eq!(world.emulator.operator(TARGET).assets(), []);
}

/// Row 10: a refusal that only the copies show.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_account_that_refuses_the_target_leaves_nothing_and_does_not_affect_the_other() {
    let world = library(6).await;
    assert!(world.emulator.set_source_access(SECOND, mediamirror::emulator::SourceAccess::Refused));
    let (summary, _) = night(&world, Options::default()).await;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Partial, 6));
    assert_eq!(summary.causes.get(&Cause::SourceRefusesTarget), Some(&6), "{:?}", summary.problems);
    assert_eq!(world.emulator.operator(TARGET).assets().len(), 6);
    let checks = examine(&world.config, &world.pair(), &WriteTest::Until(CancellationToken::new())).await;
    let failed: Vec<_> = checks.iter().filter(|check| check.verdict == Verdict::Fail).collect();
    assert!(failed.len() == 1 && failed[0].found.contains("source-refuses-target"), "{failed:?}");
    let proven = checks.iter().filter(|check| check.check == "copy" && check.verdict == Verdict::Ok);
    assert_eq!(proven.count(), 1, "the other account is proven");
    assert_eq!(world.pair().source.storage[1].name(), &AccountName::new(SECOND));
}

/// A target with two storage accounts, listed in the configuration in the other order.
async fn two_on_the_target() -> World {
    let mut settings = Settings::default();
    let mut second = settings.regions[1].storage[0].clone();
    SECOND_EAST.clone_into(&mut second.account);
    settings.regions[1].storage.push(second);
    let mut world = World::with(settings, None).await;
    world.config.target.storage.reverse();
    world
}

/// The second storage account of the target.
const SECOND_EAST: &str = "storeeast2";

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_state_is_in_the_default_storage_account_for_any_order_in_the_configuration() {
    let mut world = two_on_the_target().await;
    let has_state = |world: &World, account: &str| {
        world.emulator.containers(account).unwrap().iter().any(|name| name == mediamirror::state::CONTAINER)
    };
    seed(&world, "film", 0).await;
    assert_eq!(night(&world, Options::default()).await.0.outcome, Outcome::Complete);
    assert!(has_state(&world, EAST) && !has_state(&world, SECOND_EAST));
    world.config.target.storage.reverse();
    assert_eq!(night(&world, Options::default()).await.0.outcome, Outcome::Complete);
    assert!(!has_state(&world, SECOND_EAST));

    world.config.target.storage.retain(|storage| storage.account != EAST);
    let other = world.config.source.storage[0].clone();
    world.config.target.storage.push(mediamirror::config::StorageConfig { account: "elsewhere".to_owned(), ..other });
    let error = world.try_sync(Options::default(), &Arc::new(TestMonitor::default())).await.unwrap_err();
    assert!(matches!(error, mediamirror::error::Error::Config(_)) && error.to_string().contains(EAST), "{error}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_write_test_of_doctor_holds_the_lock_and_tries_each_storage_account_of_the_target() {
    let world = two_on_the_target().await;
    seed(&world, "film", 0).await;
    let checks = examine(&world.config, &world.pair(), &WriteTest::Until(CancellationToken::new())).await;
    for account in [EAST, SECOND_EAST] {
        for name in ["write", "copy"] {
            let found = checks.iter().find(|check| check.subject == account && check.check == name);
            assert!(found.is_some_and(|check| check.verdict == Verdict::Ok), "{account} {name}: {found:?}");
        }
    }
    let writing = Rule::new(Fault::Refuse(Refuse::status(403).code("AuthorizationFailure"))).operation("PutBlob");
    let rule = writing.account(SECOND_EAST);
    world.emulator.set_faults(&FaultPlan::new(1).rule(rule)).unwrap();
    let checks = examine(&world.config, &world.pair(), &WriteTest::Until(CancellationToken::new())).await;
    let failed: Vec<_> = checks.iter().filter(|check| check.verdict == Verdict::Fail).collect();
    assert!(matches!(&failed[..], [one] if one.subject == SECOND_EAST && one.check == "write"), "{failed:?}");
    world.emulator.set_faults(&FaultPlan::default()).unwrap();

    let account = Arc::clone(world.pair().target.default_storage().await.unwrap());
    let target = AccountName::new(&world.config.target.account);
    let lock = TargetLock::take(account, &target, &Holder::here()).await.unwrap();
    world.emulator.reset_stats();
    let checks = examine(&world.config, &world.pair(), &WriteTest::Until(CancellationToken::new())).await;
    assert!(checks.iter().any(|check| check.check == "state" && check.verdict == Verdict::Fail), "{checks:?}");
    assert_eq!((world.count("CreateAsset"), world.count("PutBlob")), (0, 0), "a run holds the lock");
    lock.check().unwrap();
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn new_copies_are_created_where_the_storage_map_says_and_existing_ones_stay() {
    let mut settings = two_accounts();
    let mut second = settings.regions[1].storage[0].clone();
    SECOND_EAST.clone_into(&mut second.account);
    settings.regions[1].storage.push(second);
    let mut world = World::with(settings, None).await;
    for (name, account) in [("first", 0), ("second", 1)] {
        seed(&world, name, account).await;
    }
    let places = async |world: &World| {
        let assets: Vec<Asset> = futures::TryStreamExt::try_concat(world.pair().target.library.assets()).await.unwrap();
        let place = |asset: Asset| (asset.name.unwrap(), asset.storage_account.unwrap().to_string());
        let mut places: Vec<_> = assets.into_iter().map(place).collect();
        places.sort();
        places
    };
    let expected = |pairs: &[(&str, &str)]| -> Vec<_> {
        pairs.iter().map(|(name, account)| ((*name).to_owned(), (*account).to_owned())).collect()
    };
    assert_eq!(night(&world, Options::default()).await.0.outcome, Outcome::Complete);
    assert_eq!(places(&world).await, expected(&[("first", EAST), ("second", EAST)]));

    let name = AccountName::new;
    world.config.storage_map = [(name(SECOND), name(SECOND_EAST))].into();
    seed(&world, "third", 1).await;
    assert_eq!(night(&world, Options::default()).await.0.outcome, Outcome::Complete);
    let all = [("first", EAST), ("second", EAST), ("third", SECOND_EAST)];
    assert_eq!(places(&world).await, expected(&all), "an existing copy stays where it is");
    assert_plays_alike(&world).await;
    assert!(!world.verify().await.owes());

    let checks = examine(&world.config, &world.pair(), &WriteTest::Until(CancellationToken::new())).await;
    let map = checks.iter().find(|check| check.check == "storage-map").unwrap();
    assert_eq!(map.found, "new copies: storewest -> storeeast (default), storewest2 -> storeeast2");
    let copies = checks.iter().filter(|check| check.check == "copy" && check.verdict == Verdict::Ok);
    assert_eq!(copies.count(), 4, "each pair of storage accounts is tried: {checks:?}");
}
