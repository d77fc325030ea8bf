//! Assets that are made, deleted or lost while the target is active, and their owner after the return.

use mediamirror::engine::Outcome;
use mediamirror::model::{AssetEncryption, Mark, NewAsset, Side};
use mediamirror::verdict::Cause;

use super::{Mirror, locator};
use crate::nights::look::B;
use crate::world::{copy_of, put};

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_made_on_the_target_becomes_an_original_of_the_source_and_follows_it() {
    let mirror = Mirror::new().await;
    let world = &mirror.world;
    world.seed("film", &["film.ism", "film.mp4"]).await;
    mirror.night().await;
    mirror.fail_over().await;
    let target = mirror.side(Side::Target);
    let wanted = NewAsset {
        name: Some("born in B".to_owned()),
        alternate_id: "theirs".to_owned(),
        encryption: AssetEncryption::None,
        storage_account: None,
    };
    let born = target.library.create_asset(&wanted).await.unwrap();
    put(&target.storage[0], &born, "born.mp4", vec![b'x'; 500]).await;
    let plays = target.library.publish(&[locator(&born)]).await.remove(0).unwrap();

    let done = mirror.reprotect(false).await;
    assert_eq!((done.outcome, done.blobs.copied), (Outcome::Complete, 1), "{done:#?}");
    let there = mirror.locator(Side::Source, &plays.id).await.unwrap();
    let copied = mirror.asset(Side::Source, &there.asset).await.unwrap();
    assert!(copied.alternate_id.unwrap().starts_with("mediamirror:"));
    // After an interruption, it is repeated from its start.
    assert_eq!(mirror.come_home().await.handed_over, 1);
    let original = mirror.asset(Side::Source, &there.asset).await.unwrap();
    assert_eq!(original.alternate_id.as_deref(), Some("theirs"));
    let copy = mirror.asset(Side::Target, &born.id).await.unwrap();
    let mark = Mark::parse(&copy.alternate_id.unwrap()).unwrap();
    assert_eq!((mark.source, mark.own), (original.id.clone(), Some(born.id)));

    let night = mirror.night().await;
    assert_eq!((night.outcome, night.blobs.copied, night.locators.mirrored), (Outcome::Complete, 0, 0), "{night:#?}");
    // Its locators follow the source, although another program made them on the target.
    mirror.side(Side::Source).library.delete_locator(&plays.id).await.unwrap();
    let night = mirror.night().await;
    assert_eq!((night.outcome, night.withdrawn), (Outcome::Complete, 1), "{night:#?}");
    assert_eq!(mirror.locator(Side::Target, &plays.id).await, None);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn assets_deleted_on_the_active_side_do_not_play_from_the_source() {
    let mirror = Mirror::new().await;
    let world = &mirror.world;
    let film = world.seed("film", &["film.ism", "film.mp4"]).await;
    for name in ["a", "b", "c", "d"] {
        world.seed(name, &["x.ism", "x.mp4"]).await;
    }
    mirror.night().await;
    mirror.fail_over().await;
    let copy = copy_of(world, &film.asset).await;
    mirror.side(Side::Target).library.delete_asset(&copy.id).await.unwrap();

    let done = mirror.reprotect(false).await;
    assert_eq!((done.outcome, done.withdrawn), (Outcome::Complete, 1), "{done:#?}");
    assert_eq!(mirror.locator(Side::Source, &film.locator.id).await, None);
    assert_eq!(mirror.blobs(Side::Source, &film.asset).await, ["film.ism", "film.mp4"]);
    assert_eq!(mirror.asset(Side::Source, &film.asset.id).await.unwrap().alternate_id, film.asset.alternate_id);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_lost_original_is_made_again_and_a_retired_one_is_not() {
    let mirror = Mirror::new().await;
    let world = &mirror.world;
    let film = world.seed("film", &["film.ism", "film.mp4"]).await;
    let retired = world.seed("retired", &["r.ism", "r.mp4"]).await;
    for name in ["a", "b", "c", "d"] {
        world.seed(name, &["x.ism", "x.mp4"]).await;
    }
    mirror.night().await;
    mirror.side(Side::Source).library.delete_asset(&retired.asset.id).await.unwrap();
    assert_eq!(mirror.night().await.withdrawn, 1);
    mirror.side(Side::Source).library.delete_asset(&film.asset.id).await.unwrap();
    mirror.fail_over().await;

    let done = mirror.reprotect(false).await;
    assert_eq!((done.outcome, done.blobs.copied), (Outcome::Complete, 2), "{done:#?}");
    let again = mirror.locator(Side::Source, &film.locator.id).await.unwrap();
    assert_ne!(again.asset, film.asset.id);
    assert_eq!(mirror.come_home().await.handed_over, 1);
    let night = mirror.night().await;
    assert_eq!((night.outcome, night.blobs.copied, night.withdrawn), (Outcome::Complete, 0, 0), "{night:#?}");
    assert_eq!(night.assets.total, 5, "{night:#?}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn nightly_runs_are_held_while_the_target_is_active_and_runs_back_while_the_source_is() {
    let mirror = Mirror::new().await;
    mirror.world.seed("film", &["film.ism", "film.mp4"]).await;
    mirror.night().await;
    assert_eq!(mirror.reprotect(false).await.findings[0].cause, Cause::SourceActive);
    mirror.fail_over().await;
    let night = mirror.night().await;
    assert_eq!((night.outcome, night.findings[0].cause), (Outcome::Held, Cause::TargetActive));
    assert!(!mediamirror::engine::failover::activate_target(&mirror.world.pair()).await.unwrap().changed);
}

/// The withdrawal is first, and must not hide that another locator of the asset has changed.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_with_an_earlier_expiry_is_brought_back_with_a_withdrawal_of_the_same_asset() {
    let mirror = Mirror::new().await;
    let world = &mirror.world;
    let film = world.seed("film", &["film.ism", "film.mp4"]).await;
    mirror.night().await;
    mirror.fail_over().await;
    let copy = copy_of(world, &film.asset).await;
    let target = mirror.side(Side::Target);
    let added = target.library.publish(&[locator(&copy)]).await.remove(0).unwrap();
    let back = mirror.reprotect(false).await;
    assert_eq!((back.outcome, back.locators.mirrored), (Outcome::Complete, 1), "{back:#?}");

    let sooner = added.expiry - jiff::SignedDuration::from_hours(1);
    world.emulator.operator(B).set_locator_expiry(&format!("nb:lid:UUID:{}", added.id), sooner).unwrap();
    target.library.delete_locator(&film.locator.id).await.unwrap();
    let back = mirror.reprotect(false).await;
    assert_eq!((back.outcome, back.withdrawn), (Outcome::Complete, 1), "{back:#?}");
    let there = mirror.locator(Side::Source, &added.id).await.unwrap();
    assert_eq!(there.expiry.as_second(), sooner.as_second());
    assert_eq!(mirror.locator(Side::Source, &film.locator.id).await, None);
}
