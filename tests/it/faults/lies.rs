//! False answers of a service: writes that are only acknowledged, stale reads, short listings, and containers that
//! another program deletes.

use futures::TryStreamExt;
use mediamirror::emulator::faults::plan::{Fault, FaultPlan, Mangle, Pretence, Rule, SourceFate};
use mediamirror::engine::{Options, Outcome, Summary};
use mediamirror::model::{CopyMethod, Locator, LocatorKind};
use mediamirror::verdict::{Cause, Change, Withdrawal};

use super::{LIBRARY, again_under, is_mended_after, is_mended_after_with, run_under, run_with};
use crate::world::World;

/// The number of the target's locators.
async fn published(world: &World) -> usize {
    let locators: Vec<_> = world.pair().target.library.locators().try_concat().await.unwrap();
    locators.len()
}

/// The number of the target's assets.
async fn copies(world: &World) -> usize {
    let assets: Vec<_> = world.pair().target.library.assets().try_concat().await.unwrap();
    assets.len()
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_that_is_acknowledged_but_not_made_is_not_reported_as_mirrored() {
    for (method, operation) in
        [(CopyMethod::Put, "PutBlobFromUrl"), (CopyMethod::Blocks, "PutBlockList"), (CopyMethod::Async, "CopyBlob")]
    {
        for how in [Pretence::Nothing, Pretence::Truncated] {
            let rule = Rule::new(Fault::Pretend(how)).operation(operation).nth(4);
            let options = Options { copy_method: Some(method), ..Options::default() };
            is_mended_after_with(std::slice::from_ref(&rule), options.clone()).await;
            let (world, ended) = run_with(&[rule], options).await;
            let summary = ended.unwrap();
            assert_eq!((summary.assets.failed, summary.assets.mirrored), (1, 5), "{operation} {how:?}");
            assert!(published(&world).await < world.pair().source.library.locators().try_concat().await.unwrap().len());
        }
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn other_bytes_are_detected_by_their_checksum() {
    let world = World::empty().await;
    world.seed("film", &["film.ism", "film.mp4"]).await;
    let rule = Rule::new(Fault::Pretend(Pretence::Other)).operation("PutBlobFromUrl").nth(1);
    let options = Options { copy_method: Some(CopyMethod::Put), ..Options::default() };
    let summary = again_under(&world, &[rule], options).await.unwrap();
    assert_eq!((summary.outcome, summary.assets.failed), (Outcome::Partial, 1));
    assert_eq!(published(&world).await, 0);
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
    assert_eq!(world.torn_blobs().await, [""; 0]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn records_and_locators_that_are_acknowledged_but_not_made_are_made_later() {
    for nth in 1..=3 {
        let rule = Rule::new(Fault::Pretend(Pretence::Nothing)).operation("Batch").account("mediaeast").nth(nth);
        let (world, ended) = run_under(&[rule]).await;
        assert_eq!(ended.unwrap().outcome, Outcome::Complete, "batch {nth}");
        world.emulator.set_faults(&FaultPlan::default()).unwrap();
        assert_eq!(world.verify().await.differences, [], "batch {nth}");
    }
    is_mended_after(&[Rule::new(Fault::Pretend(Pretence::Nothing)).operation("CreateAsset").nth(2)]).await;
    is_mended_after(&[Rule::new(Fault::Pretend(Pretence::Nothing)).operation("CreateAccessPolicy").nth(1)]).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn no_asset_is_reported_as_mirrored_if_the_media_service_only_acknowledges() {
    let rule = Rule::new(Fault::Pretend(Pretence::Nothing)).operation("{Batch,Create*,Update*}").account("mediaeast");
    is_mended_after(&[rule.clone().from(8)]).await;
    let (world, ended) = run_under(&[rule.operation("Batch")]).await;
    let summary = ended.unwrap();
    assert_eq!((summary.assets.mirrored, summary.assets.failed), (0, 6), "{:?}", summary.problems);
    assert_eq!(published(&world).await, 0);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn nothing_is_made_twice_after_stale_reads_of_the_media_api() {
    for account in ["mediawest", "mediaeast"] {
        for operation in ["ListAssets", "GetAsset", "ListFiles", "{List,Get}Locator*"] {
            // As long as the engine expects stale listings: it reads again after two seconds.
            let stale = Rule::new(Fault::Stale).operation(operation).account(account).every(2).until_s(1.5);
            let lost = Rule::new(Fault::LostAnswer).operation("CreateAsset").every(2);
            let world = World::generated(LIBRARY).await;
            let ended = again_under(&world, &[stale, lost], Options::default()).await;
            world.emulator.set_faults(&FaultPlan::default()).unwrap();
            if let Ok(Summary { outcome: Outcome::Complete, .. }) = &ended {
                assert_eq!(world.verify().await.differences, [], "{account} {operation}");
            }
            assert_eq!(world.sync().await.0.outcome, Outcome::Complete, "{account} {operation}: {ended:?}");
            assert_eq!(copies(&world).await, 6, "{account} {operation}");
        }
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_target_that_seems_empty_is_not_filled_a_second_time() {
    let world = World::generated(LIBRARY).await;
    world.sync().await;
    let empty = Rule::new(Fault::Mangle(Mangle::Empty)).operation("ListAssets").account("mediaeast");
    let summary = again_under(&world, &[empty], Options::default()).await.unwrap();
    assert_eq!((summary.outcome, summary.assets.failed), (Outcome::Partial, 6));
    let why = summary.problems[0].finding.to_string();
    assert!(why.contains("listing-incomplete") && why.contains("the target's"), "{why}");
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    assert_eq!(world.sync().await.0.assets.unchanged, 6);
    assert_eq!(copies(&world).await, 6);
}

/// Guarantee 10: missing rows of a listing are not withdrawn, because the source still returns them on request.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_source_that_seems_empty_or_halved_is_reported_and_changes_nothing() {
    for (how, hidden) in [(Mangle::Empty, 6), (Mangle::Half, 3)] {
        let world = World::generated(LIBRARY).await;
        world.sync().await;
        let short = Rule::new(Fault::Mangle(how)).operation("ListAssets").account("mediawest");
        let summary = again_under(&world, &[short], Options::default()).await.unwrap();
        // A library of six that seems to lose half can have lost three; but the source still returns each of them on
        // request.
        let (outcome, cause) = match how {
            Mangle::Empty => (Outcome::Held, Cause::HeldByGuard),
            _ => (Outcome::Partial, Cause::ListingIncomplete),
        };
        assert_eq!(summary.outcome, outcome, "{how:?}");
        assert_eq!((summary.assets.unchanged, summary.assets.gone), (6 - hidden, 0), "{how:?}");
        assert_eq!(summary.causes.get(&cause), Some(&hidden), "{how:?}: {:?}", summary.problems);
        world.emulator.set_faults(&FaultPlan::default()).unwrap();
        assert_eq!(world.verify().await.differences, [], "{how:?}: nothing was deleted or changed");
        let summary = world.sync().await.0;
        assert_eq!((summary.outcome, summary.assets.unchanged), (Outcome::Complete, 6), "{how:?}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_deleted_in_the_source_is_withdrawn_and_retired_and_its_copy_is_kept() {
    let world = World::generated(LIBRARY).await;
    world.sync().await;
    let pair = world.pair();
    let assets: Vec<_> = pair.source.library.assets().try_concat().await.unwrap();
    let locators: Vec<_> = pair.source.library.locators().try_concat().await.unwrap();
    let locator = locators.iter().find(|locator| locator.asset == assets[2].id).unwrap().id.clone();
    pair.source.library.delete_asset(&assets[2].id).await.unwrap();
    let (summary, monitor) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.gone), (Outcome::Complete, 1));
    assert_eq!((summary.assets.total, copies(&world).await), (5, 6));
    let withdrawn = Change::LocatorWithdrawn { id: locator, kind: LocatorKind::Streaming, why: Withdrawal::Revoked };
    assert_eq!(monitor.changes_of(assets[2].label()), [withdrawn, Change::Retired]);
    let (summary, monitor) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.gone, summary.kept.assets), (Outcome::Complete, 0, 1));
    assert_eq!(monitor.changes_of(assets[2].label()), [], "it is said once");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_container_that_seems_empty_is_not_mirrored_as_empty() {
    let empty = Rule::new(Fault::Mangle(Mangle::Empty)).operation("ListBlobs").account("storewest");
    let (world, ended) = run_under(std::slice::from_ref(&empty)).await;
    let summary = ended.unwrap();
    assert_eq!((summary.assets.mirrored, summary.assets.skipped), (0, 6), "{:?}", summary.problems);
    assert_eq!(published(&world).await, 0);
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    assert_eq!(world.sync().await.0.assets.mirrored, 6);
    let summary = again_under(&world, &[empty], Options::default()).await.unwrap();
    assert_eq!((summary.assets.unchanged, summary.assets.skipped), (0, 6));
    let why = summary.problems[0].finding.to_string();
    assert!(why.contains("source-lost"), "{why}");
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    assert_eq!(world.verify().await.differences, []);
    assert_eq!(world.sync().await.0.assets.unchanged, 6);
}

/// The listing is truncated after a whole entry and otherwise well-formed: a list of blobs, files or locators looks
/// like a shorter one. For a list of assets, the locators show the missing ones.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_short_first_listing_is_completed_by_the_next_run_and_reported_by_verify() {
    for (operation, how, outcome, missing, lacking) in [
        ("ListAssets", Mangle::Half, Outcome::Partial, 3, 0),
        ("ListBlobs", Mangle::Half, Outcome::Complete, 0, 6),
        ("ListLocators", Mangle::Empty, Outcome::Complete, 0, 6),
        ("ListFiles", Mangle::Empty, Outcome::Complete, 0, 6),
    ] {
        let world = World::generated(LIBRARY).await;
        tokio::time::advance(std::time::Duration::from_hours(1)).await;
        let short = Rule::new(Fault::Mangle(how)).operation(operation).account("*west");
        let summary = again_under(&world, &[short], Options::default()).await.unwrap();
        assert_eq!(summary.outcome, outcome, "{operation}: {:?}", summary.causes);
        world.emulator.set_faults(&FaultPlan::default()).unwrap();
        let compared = world.verify().await.assets;
        assert_eq!((compared.missing, compared.different), (missing, lacking), "{operation}");
        if operation == "ListFiles" {
            // They have not changed, so only the weekly run that lists all of them finds them.
            assert_eq!(world.sync().await.0.assets.unchanged, 6);
            tokio::time::advance(std::time::Duration::from_hours(7 * 24)).await;
        }
        let summary = world.sync().await.0;
        assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, missing + lacking), "{operation}");
        assert_eq!(world.count("PutBlobFromUrl"), 30, "{operation}: nothing was copied twice");
        assert_eq!(world.verify().await.differences, [], "{operation}");
    }
}

/// A container of more blobs than are kept is listed several times, and the listings must agree.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn one_short_listing_of_a_long_container_is_detected() {
    let short = Rule::new(Fault::Mangle(Mangle::Half)).operation("ListBlobs").account("storewest");
    // The third one is for the manifests, which are all in its first half, so nothing is missing.
    for (nth, noticed) in [(1, true), (2, true), (3, false), (4, true)] {
        let world = World::generated("assets=1,blobs=2100,seed=1,sizes=small,awkward=false,real=false").await;
        tokio::time::advance(std::time::Duration::from_secs(5)).await;
        let summary = again_under(&world, &[short.clone().nth(nth)], Options::default()).await.unwrap();
        let expected = if noticed { (Outcome::Partial, 0) } else { (Outcome::Complete, 1) };
        assert_eq!((summary.outcome, published(&world).await), expected, "{nth}: {:?}", summary.problems);
        world.emulator.set_faults(&FaultPlan::default()).unwrap();
        assert_eq!(world.sync().await.0.outcome, Outcome::Complete, "{nth}");
        assert_eq!(world.verify().await.differences, [], "{nth}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_whose_container_is_deleted_is_replaced_by_the_next_run() {
    let gone = Rule::new(Fault::ContainerDeleted).operation("PutBlobFromUrl").account("storeeast").nth(9);
    let options = Options { copy_method: Some(CopyMethod::Put), ..Options::default() };
    let (world, ended) = run_with(&[gone], options.clone()).await;
    let summary = ended.unwrap();
    assert_eq!((summary.assets.mirrored, summary.assets.failed), (5, 1), "{:?}", summary.problems);
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    let summary = world.sync_with(options).await.0;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 1), "{:?}", summary.problems);
    assert_eq!(copies(&world).await, 6, "the copy without a container is gone");
    assert_eq!(world.verify().await.differences, []);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_source_whose_container_is_deleted_while_it_is_copied_is_not_published() {
    for method in [CopyMethod::Put, CopyMethod::Blocks, CopyMethod::Async] {
        let gone = Rule::new(Fault::Source(SourceFate::ContainerDeleted))
            .operation("{PutBlobFromUrl,PutBlockFromUrl,CopyBlob}")
            .nth(9);
        let options = Options { copy_method: Some(method), ..Options::default() };
        let (world, ended) = run_with(&[gone], options.clone()).await;
        let summary = ended.unwrap();
        assert_eq!((summary.assets.mirrored, summary.problems.len()), (5, 1), "{method:?}: {:?}", summary.problems);
        world.emulator.set_faults(&FaultPlan::default()).unwrap();
        let summary = world.sync_with(options).await.0;
        let why = summary.problems[0].finding.to_string();
        assert!(why.contains("source-empty"), "{why}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_extension_of_a_locator_that_is_only_acknowledged_is_reported() {
    let world = World::empty().await;
    let seeded = world.seed("film", &["film.ism", "film.mp4"]).await;
    world.sync().await;
    let longer = seeded.locator.expiry + jiff::SignedDuration::from_hours(24);
    let locator = Locator { expiry: longer, ..seeded.locator };
    world.pair().source.library.update_locator(&locator).await.unwrap();
    let rule = Rule::new(Fault::Pretend(Pretence::Nothing)).operation("UpdateLocator");
    let summary = again_under(&world, std::slice::from_ref(&rule), Options::default()).await.unwrap();
    assert_eq!((summary.outcome, summary.assets.failed), (Outcome::Partial, 1));
    let summary = again_under(&world, &[rule.nth(1)], Options::default()).await.unwrap();
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 1), "{:?}", summary.problems);
    assert_eq!(world.verify().await.differences, []);
}
