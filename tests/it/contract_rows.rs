//! Rows of the contract that simulated nights found violated, each as the smallest example.

mod records;

use std::collections::BTreeMap;
use std::time::Duration;

use mediamirror::config::policy::{Allow, GuardLimits, Policy, Share};
use mediamirror::emulator::FaultPlan;
use mediamirror::emulator::faults::plan::{Fault, Mangle, Refuse, Rule};
use mediamirror::engine::verify::verify;
use mediamirror::engine::{Options, Outcome};
use mediamirror::model::{Asset, AssetId};
use mediamirror::monitor::TestMonitor;
use mediamirror::verdict::Cause;

use crate::world::{Seeded, World, accepting, copies_of, copy_of};

const BLOBS: [&str; 2] = ["show.ism", "show.mp4"];

/// Published assets that were mirrored half a day ago.
async fn mirrored(count: usize) -> (World, Vec<Seeded>) {
    let world = World::empty().await;
    let mut seeded = Vec::new();
    for number in 0..count {
        seeded.push(world.seed(&format!("show-{number}"), &BLOBS).await);
    }
    tokio::time::advance(Duration::from_hours(1)).await;
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
    tokio::time::advance(Duration::from_hours(12)).await;
    (world, seeded)
}

fn container(asset: &Asset) -> &str {
    asset.container.as_ref().unwrap().as_str()
}

/// Does a region publish that locator?
fn publishes(world: &World, region: usize, seeded: &Seeded) -> bool {
    let assets = world.emulator.operator(region).assets();
    assets.iter().flat_map(|asset| &asset.locators).any(|locator| locator.guid == seeded.locator.id.as_str())
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_that_becomes_protected_is_withdrawn_even_if_the_mark_of_its_copy_was_removed() {
    let (world, seeded) = mirrored(2).await;
    let copy = copy_of(&world, &seeded[0].asset).await;
    world.emulator.operator(1).set_alternate_id(copy.id.as_str(), None).unwrap();
    world.emulator.operator(0).link_content_key(seeded[0].asset.id.as_str(), 4).unwrap();
    let (summary, _) = world.sync().await;
    assert_eq!(summary.causes.keys().collect::<Vec<_>>(), [&Cause::Protected]);
    assert!(!publishes(&world, 1, &seeded[0]) && publishes(&world, 1, &seeded[1]));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_without_a_mark_is_retired_when_its_source_is_deleted() {
    let (world, seeded) = mirrored(6).await;
    let copy = copy_of(&world, &seeded[0].asset).await;
    world.emulator.operator(1).set_alternate_id(copy.id.as_str(), None).unwrap();
    world.emulator.operator(0).delete_asset(seeded[0].asset.id.as_str()).await.unwrap();
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.withdrawn, summary.assets.gone), (Outcome::Complete, 1, 1));
    assert_eq!(world.sync().await.0.assets.gone, 0, "its mark has the date");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_protected_asset_held_by_a_guard_is_reported_even_if_its_cause_is_accepted() {
    let (world, seeded) = mirrored(4).await;
    for one in &seeded {
        world.emulator.operator(0).link_content_key(one.asset.id.as_str(), 4).unwrap();
    }
    let options = Options { policy: accepting(&[Cause::Protected]), ..Options::default() };
    let (summary, _) = world.sync_with(options).await;
    assert_eq!((summary.outcome, summary.held, summary.withdrawn), (Outcome::Held, 4, 0));
    assert_eq!(summary.causes.into_iter().collect::<Vec<_>>(), [(Cause::PlaysInTheClear, 4)]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn verify_reports_what_a_guard_held() {
    let (world, seeded) = mirrored(3).await;
    for one in &seeded {
        world.emulator.operator(0).delete_asset(one.asset.id.as_str()).await.unwrap();
    }
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Held);
    let verification = world.verify().await;
    assert_eq!(verification.differences.len(), 3, "{:?}", verification.differences);
    assert_eq!((verification.verdict, verification.problems), (Outcome::Held, summary.problems));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn verify_reports_a_blob_that_the_source_has_lost() {
    let (world, seeded) = mirrored(2).await;
    assert!(world.emulator.delete_blob("storewest", container(&seeded[0].asset), "show.mp4"));
    let (summary, _) = world.sync().await;
    assert_eq!(summary.causes.keys().collect::<Vec<_>>(), [&Cause::SourceLost]);
    assert_eq!(world.verify().await.causes, summary.causes);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_dry_run_reports_blobs_that_are_archived_on_either_side() {
    let (world, seeded) = mirrored(2).await;
    let copy = copy_of(&world, &seeded[0].asset).await;
    assert!(world.emulator.archive("storeeast", container(&copy), "show.mp4"));
    let source = container(&seeded[1].asset);
    assert!(world.emulator.put_blob("storewest", source, "show.mp4", vec![7; 70], None));
    assert!(world.emulator.archive("storewest", source, "show.mp4"));
    let (dry, _) = world.sync_with(Options { dry_run: true, ..Options::default() }).await;
    let (summary, _) = world.sync().await;
    assert_eq!(summary.causes.keys().collect::<Vec<_>>(), [&Cause::ArchivedInSource, &Cause::ArchivedInTarget]);
    assert_eq!((dry.verdict, dry.causes), (summary.verdict, summary.causes));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_that_only_the_target_has_can_be_archived() {
    let (world, seeded) = mirrored(1).await;
    let copy = copy_of(&world, &seeded[0].asset).await;
    assert!(world.emulator.put_blob("storeeast", container(&copy), "theirs.mp4", vec![7; 70], None));
    assert!(world.emulator.archive("storeeast", container(&copy), "theirs.mp4"));
    for _ in 0..2 {
        let (summary, _) = world.sync().await;
        assert_eq!((summary.outcome, summary.causes), (Outcome::Complete, BTreeMap::new()));
    }
    assert_eq!(world.verify().await.differences, []);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_that_moved_to_an_empty_asset_is_withdrawn() {
    let (world, seeded) = mirrored(2).await;
    let empty = world.emulator.operator(0).add_asset("empty").await.unwrap();
    let locator = format!("nb:lid:UUID:{}", seeded[0].locator.id);
    world.emulator.operator(0).move_locator(&locator, &empty).await.unwrap();
    let options = Options { policy: accepting(&[Cause::SourceEmpty]), ..Options::default() };
    let (summary, _) = world.sync_with(options.clone()).await;
    assert_eq!((summary.outcome, summary.withdrawn), (Outcome::Complete, 1));
    assert!(!publishes(&world, 1, &seeded[0]));
    let verification = verify(&world.pair(), &world.ledger, &options, &TestMonitor::default()).await.unwrap();
    assert_eq!(verification.differences, []);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_changed_blob_that_could_not_be_copied_is_copied_the_next_night() {
    let blob = "show.mp4";
    for damaged in [false, true] {
        let (world, seeded) = mirrored(1).await;
        let copy = copy_of(&world, &seeded[0].asset).await;
        let (account, container) =
            if damaged { ("storeeast", container(&copy)) } else { ("storewest", container(&seeded[0].asset)) };
        let headers = world.emulator.describe(account, container, blob).unwrap().headers;
        let headers = mediamirror::emulator::Headers { content_md5: None, ..headers };
        for (account, asset) in [("storewest", &seeded[0].asset), ("storeeast", &copy)] {
            assert!(world.emulator.set_headers(account, self::container(asset), blob, &headers));
        }
        assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
        tokio::time::advance(Duration::from_hours(24)).await;
        assert!(world.emulator.exchange_bytes(account, container, blob));
        let refused =
            Rule::new(Fault::Refuse(Refuse::status(500))).operation("{PutBlobFromUrl,PutBlockFromUrl,CopyBlob}");
        world.emulator.set_faults(&FaultPlan::new(1).rule(refused)).unwrap();
        assert_eq!(world.sync().await.0.outcome, Outcome::Partial);
        world.emulator.set_faults(&FaultPlan::default()).unwrap();
        tokio::time::advance(Duration::from_hours(24)).await;
        let (summary, _) = world.sync().await;
        assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 1), "damaged: {damaged}");
        assert_eq!(world.torn_blobs().await, Vec::<String>::new(), "damaged: {damaged}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_without_its_container_and_with_a_foreign_locator_is_replaced_and_given_up() {
    let (world, seeded) = mirrored(1).await;
    let copy = copy_of(&world, &seeded[0].asset).await;
    let expiry = mediamirror::clock::now() + jiff::SignedDuration::from_hours(100);
    let foreign = mediamirror::emulator::NewLocator::until(expiry);
    let foreign = world.emulator.operator(1).add_locator(copy.id.as_str(), &foreign).unwrap();
    assert!(world.emulator.delete_container("storeeast", container(&copy)));
    for _ in 0..2 {
        assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
        let copies: Vec<AssetId> =
            copies_of(&world.pair(), &seeded[0].asset).await.into_iter().map(|copy| copy.id).collect();
        assert!(copies.len() == 1 && copies[0] != copy.id, "{copies:?}");
    }
    let look = world.emulator.operator(1).assets().into_iter().find(|look| look.id == copy.id.as_str()).unwrap();
    assert_eq!(look.locators.into_iter().map(|locator| locator.id).collect::<Vec<_>>(), [foreign]);
}

/// Before the old copy is deleted, its locators are listed. Ours are recognised by their policy.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_without_its_container_is_deleted_with_our_locators_that_a_listing_hides() {
    let (world, seeded) = mirrored(1).await;
    let copy = copy_of(&world, &seeded[0].asset).await;
    let locators = world.emulator.operator(0).assets().into_iter().flat_map(|look| look.locators);
    for locator in locators.collect::<Vec<_>>() {
        world.emulator.operator(0).remove_locator(&locator.id).await.unwrap();
    }
    assert!(world.emulator.delete_container("storeeast", container(&copy)));
    let short = Rule::new(Fault::Mangle(Mangle::Empty)).operation("ListLocators").account("mediaeast").nth(1);
    world.emulator.set_faults(&FaultPlan::new(1).rule(short)).unwrap();
    world.sync().await;
    let left = world.emulator.operator(1).assets().into_iter().find(|look| look.id == copy.id.as_str());
    assert!(left.is_none(), "{left:#?}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_change_that_the_guard_on_overwriting_held_is_made_after_the_operator_allows_it() {
    let (world, seeded) = mirrored(1).await;
    assert!(world.emulator.put_blob("storewest", container(&seeded[0].asset), "show.mp4", vec![7; 70], None));
    let guards = GuardLimits { max_overwrite: Some(Share::Count(0)), ..GuardLimits::default() };
    let options = Options { policy: Policy { guards, ..Policy::default() }, ..Options::default() };
    let (held, _) = world.sync_with(options.clone()).await;
    assert_eq!((held.outcome, held.blobs.copied), (Outcome::Held, 0));
    tokio::time::advance(Duration::from_hours(1)).await;
    let allow = Allow { overwrite: Some(held.run), ..Allow::default() };
    let (summary, _) = world.sync_with(Options { allow, ..options }).await;
    assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 1));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_used_locator_id_is_reported_even_if_nothing_else_has_changed() {
    let (world, seeded) = mirrored(1).await;
    let foreign = world.emulator.operator(1).add_asset("foreign").await.unwrap();
    let expiry = mediamirror::clock::now() + jiff::SignedDuration::from_hours(100);
    let guid = Some("0b2e5b1c-7f0a-4d4e-9a55-0123456789ab".to_owned());
    let locator = mediamirror::emulator::NewLocator { guid, name: None, start: None, expiry };
    world.emulator.operator(1).add_locator(&foreign, &locator).unwrap();
    world.emulator.operator(0).add_locator(seeded[0].asset.id.as_str(), &locator).unwrap();
    for _ in 0..2 {
        let (summary, _) = world.sync().await;
        assert_eq!((summary.outcome, summary.assets.conflicts), (Outcome::Partial, 1));
        assert_eq!(summary.causes.into_iter().collect::<Vec<_>>(), [(Cause::LocatorIdTaken, 1)]);
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn new_headers_in_the_source_do_not_explain_other_bytes_on_the_target() {
    let (world, seeded) = mirrored(1).await;
    let copy = copy_of(&world, &seeded[0].asset).await;
    assert!(world.emulator.exchange_bytes("storeeast", container(&copy), "show.mp4"));
    assert!(world.emulator.set_metadata("storewest", container(&seeded[0].asset), "show.mp4", &[("take", "2")]));
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.blobs.copied), (Outcome::Complete, 1));
    assert_eq!(world.torn_blobs().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_without_its_container_is_replaced_even_if_runs_end_in_between() {
    for operation in ["DeleteAsset", "UpdateAsset"] {
        let (world, seeded) = mirrored(2).await;
        let copy = copy_of(&world, &seeded[0].asset).await;
        assert!(world.emulator.delete_container("storeeast", container(&copy)));
        let refuse = Refuse::status(400).code("InvalidInput");
        let rule = Rule::new(Fault::Refuse(refuse)).operation(operation).account("mediaeast");
        world.emulator.set_faults(&FaultPlan { rules: vec![rule], ..FaultPlan::default() }).unwrap();
        let (summary, _) = world.sync().await;
        assert_eq!(summary.outcome, Outcome::Partial, "{operation}: {:?}", summary.problems);
        world.emulator.set_faults(&FaultPlan::default()).unwrap();
        tokio::time::advance(Duration::from_hours(1)).await;
        let (summary, _) = world.sync().await;
        assert_eq!(summary.outcome, Outcome::Complete, "{operation}: {:?}", summary.problems);
        assert_ne!(copy_of(&world, &seeded[0].asset).await.id, copy.id, "{operation}");
        assert!(publishes(&world, 1, &seeded[0]), "{operation}");
        assert_eq!(world.verify().await.differences, [], "{operation}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_foreign_locator_with_an_id_of_the_source_on_a_copy_without_its_container_is_a_conflict() {
    let (world, seeded) = mirrored(1).await;
    let copy = copy_of(&world, &seeded[0].asset).await;
    let target = world.emulator.operator(1);
    let look = target.assets().remove(0);
    target.remove_locator(&look.locators[0].id).await.unwrap();
    let there = look.locators[0].clone();
    let expiry = there.expiry.unwrap();
    let foreign =
        mediamirror::emulator::NewLocator { guid: Some(there.guid), name: there.name, start: there.start, expiry };
    target.add_locator(copy.id.as_str(), &foreign).unwrap();
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
    assert!(world.emulator.delete_container("storeeast", container(&copy)));
    for _ in 0..2 {
        let (summary, _) = world.sync().await;
        assert_eq!(summary.causes.into_keys().collect::<Vec<_>>(), [Cause::LocatorIdTaken]);
    }
}

/// The same world with an empty ledger.
fn without_ledger(mut world: World) -> World {
    world.ledger = mediamirror::ledger::Ledger::in_memory().unwrap();
    world
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_guard_on_overwriting_works_without_a_ledger() {
    let (world, seeded) = mirrored(1).await;
    assert!(world.emulator.put_blob("storewest", container(&seeded[0].asset), "show.mp4", vec![7; 70], None));
    let world = without_ledger(world);
    let guards = GuardLimits { max_overwrite: Some(Share::Count(0)), ..GuardLimits::default() };
    let options = Options { policy: Policy { guards, ..Policy::default() }, ..Options::default() };
    let (held, _) = world.sync_with(options).await;
    assert_eq!((held.outcome, held.blobs.copied), (Outcome::Held, 0));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_that_the_source_has_lost_is_reported_even_without_a_ledger() {
    for all in [false, true] {
        let (world, seeded) = mirrored(2).await;
        // Only the mark shows that it was mirrored.
        world.emulator.operator(0).remove_locator(&format!("nb:lid:UUID:{}", seeded[0].locator.id)).await.unwrap();
        assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
        for blob in BLOBS.iter().filter(|blob| all || **blob == "show.mp4") {
            assert!(world.emulator.delete_blob("storewest", container(&seeded[0].asset), blob));
        }
        let world = without_ledger(world);
        let (summary, _) = world.sync().await;
        assert_eq!(summary.outcome, Outcome::Partial, "all: {all}");
        assert_eq!(summary.causes.keys().collect::<Vec<_>>(), [&Cause::SourceLost], "all: {all}");
        assert_eq!(world.verify().await.causes, summary.causes, "all: {all}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_new_copy_has_no_records_that_its_source_does_not_have() {
    for refuse_batch in [true, false] {
        let mut settings = mediamirror::emulator::Settings::default();
        settings.regions[1].media.refuse_batch = refuse_batch;
        let world = World::with(settings, None).await;
        // A name that is not allowed in a new record: the service makes the records from the container.
        let seeded = world.seed("show", &["show.ism", "show (1).mp4"]).await;
        assert!(world.emulator.put_blob("storewest", container(&seeded.asset), "notes.txt", vec![7; 70], None));
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(world.sync().await.0.outcome, Outcome::Complete, "refuse_batch: {refuse_batch}");
        let names = |region: usize| {
            let files = world.emulator.operator(region).assets().remove(0).files;
            let mut names: Vec<String> = files.into_iter().map(|file| file.name).collect();
            names.sort();
            names
        };
        assert_eq!(names(1), names(0), "refuse_batch: {refuse_batch}");
        assert_eq!(world.verify().await.differences, [], "refuse_batch: {refuse_batch}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_protected_asset_without_locators_is_mirrored_and_has_one_verdict_every_night() {
    let (world, seeded) = mirrored(2).await;
    world.emulator.operator(0).link_content_key(seeded[0].asset.id.as_str(), 4).unwrap();
    world.emulator.operator(0).remove_locator(&format!("nb:lid:UUID:{}", seeded[0].locator.id)).await.unwrap();
    let source = container(&seeded[0].asset);
    assert!(world.emulator.put_blob("storewest", source, "more.mp4", vec![7; 70], None));
    for night in 0..2 {
        let (dry, _) = world.sync_with(Options { dry_run: true, ..Options::default() }).await;
        let (summary, _) = world.sync().await;
        assert_eq!((dry.assets.skipped, summary.assets.skipped), (0, 0), "night {night}");
        assert_eq!(summary.outcome, Outcome::Complete, "night {night}: {:?}", summary.problems);
        assert_eq!((summary.withdrawn, summary.blobs.copied), if night == 0 { (1, 1) } else { (0, 0) });
        let verification = world.verify().await;
        assert_eq!((verification.differences, verification.assets.same), (Vec::new(), 2), "night {night}");
        tokio::time::advance(Duration::from_hours(1)).await;
    }
}
