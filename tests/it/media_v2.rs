//! The Media Services v2 client against the emulated service.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::TryStreamExt;
use mediamirror::call::Caller;
use mediamirror::config::{AmsV2Config, AuthConfig, Limits};
use mediamirror::emulator::settings::{MediaSettings, RegionSettings, Settings};
use mediamirror::emulator::{Emulator, EmulatorHandle, Generate};
use mediamirror::error::Disposition;
use mediamirror::library::ams_v2::AmsV2;
use mediamirror::library::{FileSet, Library, OtherRecords};
use mediamirror::memory::Memory;
use mediamirror::model::{
    AccountName, Asset, AssetChange, AssetFile, Locator, LocatorId, LocatorKind, NewAsset, Plane,
};
use mediamirror::redact::Secret;
use mediamirror::retry::RetryPolicy;
use mediamirror::throttle::Lane;
use mediamirror::transport::{AllowedHosts, guarded};
use mediamirror::verdict::Cause;
use url::Url;

/// A world of two regions, with settings for the second one.
async fn world(recipe: &str, target: MediaSettings) -> EmulatorHandle {
    let mut settings = Settings::default();
    settings.regions[1] = RegionSettings { media: target, ..settings.regions[1].clone() };
    let generate = Generate::parse(recipe).unwrap();
    Emulator::builder().settings(settings).generate(generate).start_in_process().await.unwrap()
}

fn client(world: &EmulatorHandle, region: usize, version: &str) -> AmsV2 {
    let ready = &world.ready().regions[region];
    let limits = Limits::default();
    let settings = AmsV2Config {
        endpoint: Url::parse(&ready.media).unwrap(),
        redirect_hosts: vec![ready.cluster.clone()],
        api_version: version.to_owned(),
        auth: AuthConfig::Acs {
            token_url: Url::parse(&ready.token).unwrap(),
            client_id: ready.account.clone(),
            secret: Secret::new(&ready.account_key),
        },
    };
    let (account, storage) = (AccountName::new(&ready.account), AccountName::new(&ready.storage_account));
    let hosts = AllowedHosts::default();
    let lane = Lane::new(AccountName::new(&ready.account), Plane::Media, limits.media);
    let network = guarded(world.http_client(), hosts.clone(), &Memory::default());
    AmsV2::new(account, Some(storage), &settings, network, hosts, Caller::new(lane, RetryPolicy::default()))
}

async fn assets(service: &AmsV2) -> Vec<Asset> {
    service.assets().try_concat().await.unwrap()
}

async fn new_asset(service: &AmsV2, name: &str) -> Asset {
    let asset = NewAsset {
        name: Some(name.to_owned()),
        alternate_id: format!("copy of {name}'s"),
        encryption: mediamirror::model::AssetEncryption::None,
        storage_account: None,
    };
    service.create_asset(&asset).await.unwrap()
}

fn locator(asset: &Asset, guid: &str, start: Option<&str>, expiry: &str) -> Locator {
    Locator {
        id: LocatorId::new(guid),
        asset: asset.id.clone(),
        kind: LocatorKind::Streaming,
        name: Some("front page".to_owned()),
        start: start.map(|start| start.parse().unwrap()),
        expiry: expiry.parse().unwrap(),
        path: None,
        policy: None,
    }
}

fn comparable(mut files: Vec<AssetFile>) -> BTreeSet<(String, u64, Option<String>, bool)> {
    files.drain(..).map(|file| (file.name, file.size, file.mime_type, file.primary)).collect()
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_large_library_is_listed_completely_and_each_entity_once() {
    let world = world("assets=1300,blobs=2,seed=1,sizes=small", MediaSettings::default()).await;
    let source = client(&world, 0, "2.19");
    let assets = assets(&source).await;
    let ids: BTreeSet<_> = assets.iter().map(|asset| asset.id.clone()).collect();
    assert_eq!((assets.len(), ids.len()), (1300, 1300));
    assert!(assets.iter().all(|asset| asset.container.is_some() && asset.created.is_some()));
    let files: Vec<AssetFile> = source.files(None).try_concat().await.unwrap();
    let some: Vec<_> = assets.iter().take(40).map(|asset| asset.id.clone()).collect();
    for (asset, of_asset) in some.iter().zip(source.files_of(&some).await.unwrap()) {
        let listed: Vec<_> = files.iter().filter(|file| file.asset == *asset).cloned().collect();
        assert_eq!(comparable(listed), comparable(of_asset), "{asset}");
    }
    let locators: Vec<Locator> = source.locators().try_concat().await.unwrap();
    let streaming = locators.iter().find(|locator| locator.kind == LocatorKind::Streaming).unwrap();
    assert!(streaming.path.as_ref().unwrap().ends_with(&format!("/{}/", streaming.id)));
    let later = "2199-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(source.files(Some(later)).try_concat().await.unwrap().len(), 0);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_new_asset_is_found_by_its_alternate_id() {
    let world = world("assets=2,blobs=2", MediaSettings::default()).await;
    let target = client(&world, 1, "2.19");
    let made = new_asset(&target, "ünïcode & more").await;
    let found = target.assets_by_alternate_id("copy of ünïcode & more's").await.unwrap();
    let read = target.asset(&made.id).await.unwrap().unwrap();
    assert_eq!(found, std::slice::from_ref(&read));
    // The service rounds the date when it stores it.
    assert_eq!(Asset { created: made.created, ..read }, made);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_old_version_finds_the_container_and_leaves_no_locator_behind() {
    let world = world("assets=2,blobs=2", MediaSettings { random_container_names: true, ..Default::default() }).await;
    let (old, new) = (client(&world, 1, "2.1"), client(&world, 1, "2.19"));
    let asset = new_asset(&new, "a").await;
    assert_eq!(old.asset(&asset.id).await.unwrap().unwrap().container, None);
    assert_eq!(old.container(&asset.id).await.unwrap(), asset.container);
    assert_eq!(old.locators().try_concat().await.unwrap(), []);
}

fn file(name: &str, size: u64, primary: bool) -> AssetFile {
    AssetFile {
        asset: mediamirror::model::AssetId::new("source"),
        name: name.to_owned(),
        size,
        mime_type: Some("video/mp4".to_owned()),
        primary,
        encrypted: false,
    }
}

/// A set with exactly those records.
fn exactly(asset: &Asset, files: Vec<AssetFile>) -> FileSet {
    FileSet { others: OtherRecords::Delete, ..FileSet::new(asset.id.clone(), files) }
}

/// Registers twice, the second time with a change, and reads after each.
async fn registers_and_changes(refuse_batch: bool) {
    let world = world("assets=2,blobs=2", MediaSettings { refuse_batch, ..Default::default() }).await;
    let target = client(&world, 1, "2.19");
    let (one, two) = (new_asset(&target, "one").await, new_asset(&target, "two").await);
    let many: Vec<_> = (0..230).map(|n| file(&format!("{n}.mp4"), n, n == 7)).collect();
    let few = vec![file("a.ism", 1, true), file("b.mp4", 5_000_000_000, false)];
    let changed = vec![file("a.ism", 1, false), file("b.mp4", 5_000_000_000, true), file("c.mp4", 3, false)];
    for files in [few, changed, vec![file("b.mp4", 1, true)]] {
        let sets = [exactly(&one, files.clone()), exactly(&two, many.clone())];
        for result in target.register_files(&sets).await {
            result.unwrap();
        }
        let there = target.files_of(&[two.id.clone(), one.id.clone()]).await.unwrap();
        assert_eq!(comparable(there[0].clone()), comparable(many.clone()));
        assert_eq!(comparable(there[1].clone()), comparable(files));
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn file_records_are_set_in_batches() {
    registers_and_changes(false).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn file_records_are_set_without_batches() {
    registers_and_changes(true).await;
}

const G1: &str = "11111111-1111-4111-8111-111111111111";
const G2: &str = "22222222-2222-4222-8222-222222222222";
const G3: &str = "33333333-3333-4333-8333-333333333333";
const G4: &str = "44444444-4444-4444-8444-444444444444";

/// Publishes every kind of locator, reads them back, publishes them again, changes one.
async fn publishes_exactly(refuse_batch: bool) {
    let world = world("assets=2,blobs=2", MediaSettings { refuse_batch, ..Default::default() }).await;
    let target = client(&world, 1, "2.19");
    let asset = new_asset(&target, "one").await;
    let wanted = [
        locator(&asset, G1, Some("2026-01-01T00:00:00Z"), "2126-01-01T00:00:00Z"),
        locator(&asset, G2, None, "2126-01-01T00:00:00.123Z"),
        locator(&asset, G3, Some("2026-01-01T00:00:00.5Z"), "2126-02-01T00:00:01Z"),
        // Ended long ago.
        locator(&asset, G4, Some("2016-01-01T00:00:00Z"), "2016-02-01T00:00:01Z"),
    ];
    for _ in 0..2 {
        for (wanted, made) in wanted.iter().zip(target.publish(&wanted).await) {
            let there = target.locator(&wanted.id).await.unwrap().unwrap();
            let (path, policy) = (there.path.clone(), there.policy.clone());
            assert_eq!(there, Locator { path, policy, ..wanted.clone() });
            assert_eq!(made.unwrap(), there);
        }
    }
    let changed = Locator {
        name: None,
        start: None,
        expiry: "2150-01-01T00:00:00Z".parse().unwrap(),
        ..target.locator(&wanted[0].id).await.unwrap().unwrap()
    };
    target.update_locator(&changed).await.unwrap();
    assert_eq!(target.locator(&wanted[0].id).await.unwrap().unwrap(), changed);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn locators_keep_id_name_start_and_expiry_in_batches() {
    publishes_exactly(false).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn locators_keep_id_name_start_and_expiry_without_batches() {
    publishes_exactly(true).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_conflict_names_the_owner_of_the_locator() {
    let world = world("assets=2,blobs=2", MediaSettings::default()).await;
    let target = client(&world, 1, "2.19");
    let (one, two) = (new_asset(&target, "holiday").await, new_asset(&target, "two").await);
    let expiry = "2126-01-01T00:00:00Z";
    target.publish(&[locator(&one, G1, None, expiry)]).await.remove(0).unwrap();
    let results = target.publish(&[locator(&two, G1, None, expiry), locator(&two, G2, None, expiry)]).await;
    let error = results[0].as_ref().unwrap_err();
    assert!(error.cause() == Some(Cause::LocatorIdTaken) && error.to_string().contains("holiday"), "{error}");
    results[1].as_ref().unwrap();
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_id_taken_by_another_account_of_the_data_centre_is_a_conflict() {
    let mut settings = Settings::default();
    for region in &mut settings.regions {
        region.data_center = Some("same".to_owned());
    }
    let world = Emulator::builder().settings(settings).start_in_process().await.unwrap();
    let (source, target) = (client(&world, 0, "2.19"), client(&world, 1, "2.19"));
    let expiry = "2126-01-01T00:00:00Z";
    let asset = new_asset(&source, "a").await;
    source.publish(&[locator(&asset, G1, None, expiry)]).await.remove(0).unwrap();
    let asset = new_asset(&target, "a").await;
    let error = target.publish(&[locator(&asset, G1, None, expiry)]).await.remove(0).unwrap_err();
    assert!(error.to_string().contains("another account of the same data centre"), "{error}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_sixth_locator_is_refused_permanently() {
    let world = world("assets=2,blobs=2", MediaSettings::default()).await;
    let target = client(&world, 1, "2.19");
    let asset = new_asset(&target, "a").await;
    let guids = (0..6).map(|n| format!("0000000{n}-1111-4111-8111-111111111111"));
    let six: Vec<_> = guids.map(|guid| locator(&asset, &guid, None, "2126-01-01T00:00:00Z")).collect();
    let mut results = target.publish(&six).await;
    let error = results.pop().unwrap().unwrap_err();
    assert_eq!(error.disposition(), Disposition::Permanent);
    assert!(error.to_string().contains("5 locators"), "{error}");
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_streaming_host_is_reported() {
    let world = world("assets=2,blobs=2", MediaSettings::default()).await;
    for version in ["2.19", "2.1"] {
        let hosts = client(&world, 0, version).streaming_hosts().await.unwrap();
        let url = world.ready().regions[0].streaming.as_str();
        assert!(hosts.iter().any(|host| host.url == url && host.running), "{version}: {hosts:?}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_mistyped_key_is_reported_as_such() {
    let world = world("assets=2,blobs=2", MediaSettings::default()).await;
    let mut ready = world.ready().regions[0].clone();
    ready.account_key = "d3Jvbmc=".to_owned();
    let hosts = AllowedHosts::default();
    let lane = Lane::new(AccountName::new(&ready.account), Plane::Media, Limits::default().media);
    let settings = AmsV2Config {
        endpoint: Url::parse(&ready.media).unwrap(),
        redirect_hosts: vec![],
        api_version: "2.19".to_owned(),
        auth: AuthConfig::Acs {
            token_url: Url::parse(&ready.token).unwrap(),
            client_id: ready.account.clone(),
            secret: Secret::new(ready.account_key),
        },
    };
    let account = AccountName::new(ready.account);
    let network = guarded(world.http_client(), hosts.clone(), &Memory::default());
    let service: Arc<dyn Library> =
        Arc::new(AmsV2::new(account, None, &settings, network, hosts, Caller::new(lane, RetryPolicy::default())));
    let error = service.assets().try_concat().await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Fatal);
    assert!(error.to_string().contains("no access token"), "{error}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn tokens_that_expire_within_a_minute_cause_no_error() {
    let world = world("assets=2,blobs=2", MediaSettings { token_lifetime_s: 60, ..Default::default() }).await;
    let target = client(&world, 1, "2.19");
    let asset = new_asset(&target, "a").await;
    for _ in 0..5 {
        tokio::time::advance(std::time::Duration::from_secs(50)).await;
        assert!(target.asset(&asset.id).await.unwrap().is_some());
        tokio::time::advance(std::time::Duration::from_secs(100)).await;
        assert!(target.asset(&asset.id).await.unwrap().is_some());
    }
}

/// Publishes, renames, marks and withdraws an asset.
async fn renames_and_withdraws(refuse_batch: bool) {
    let world = world("assets=2,blobs=2", MediaSettings { refuse_batch, ..Default::default() }).await;
    let target = client(&world, 1, "2.19");
    let asset = new_asset(&target, "one").await;
    let wanted = [G1, G2].map(|guid| locator(&asset, guid, None, "2126-01-01T00:00:00Z"));
    let made: Vec<Locator> = target.publish(&wanted).await.into_iter().collect::<Result<_, _>>().unwrap();
    let ours = target.our_policies().await.unwrap();
    assert!(made.iter().all(|locator| ours.contains(locator.policy.as_ref().unwrap())), "{made:?} {ours:?}");

    let mark = "copy of one's|complete".to_owned();
    let change = AssetChange { name: Some(None), alternate_id: Some(Some(mark)), metadata: None };
    let set = FileSet { change: Some(change), ..FileSet::new(asset.id.clone(), vec![file("a.mp4", 1, true)]) };
    target.register_files(&[set]).await.remove(0).unwrap();
    let [renamed] = &target.assets_by_mark("copy of one's").await.unwrap()[..] else { panic!("it is found once") };
    assert_eq!((&renamed.id, renamed.name.as_ref()), (&asset.id, None));

    let ids = [G1, G3, G2].map(LocatorId::new);
    for result in target.remove_locators(&ids).await {
        result.unwrap();
    }
    target.delete_locator(&ids[0]).await.unwrap();
    assert_eq!(target.locators_of(&ids).await.unwrap(), [None, None, None]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_is_renamed_marked_and_withdrawn_in_batches() {
    renames_and_withdraws(false).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_is_renamed_marked_and_withdrawn_without_batches() {
    renames_and_withdraws(true).await;
}
