//! Content of other tools on the target, adoption, and a reversed mirror. Rows 7 and 21.

use std::sync::Arc;

use mediamirror::config::policy::{Adopt, Policy};
use mediamirror::emulator::faults::plan::{Fault, Refuse, Rule};
use mediamirror::emulator::{AssetLook, FaultPlan, NewLocator};
use mediamirror::engine::{Options, Outcome, Summary, mirror};
use mediamirror::ledger::Ledger;
use mediamirror::model::{BlobProperties, BlobRef, ContainerName, Mark};
use mediamirror::monitor::TestMonitor;
use mediamirror::verdict::{Cause, Change};
use tokio_util::sync::CancellationToken;

use super::{EAST, Films, SOURCE, TARGET, assert_plays_alike, die_after, look, night, service_id};

/// Creates a copy of a film on the target like another tool: with the same names, equal or different bytes, and the
/// source's alternate id or its id.
async fn copied_by_another_tool(films: &Films, film: usize, alternate_id: &str, byte: u8) -> AssetLook {
    let name = format!("film{film}");
    let id = films.target().add_asset(&name).await.unwrap();
    films.target().set_alternate_id(&id, Some(alternate_id)).unwrap();
    let container = ContainerName::new(look(&films.world, TARGET, &name).container);
    let storage = &films.world.pair().target.storage[0];
    for extension in ["ism", "mp4"] {
        let blob = format!("{name}.{extension}");
        let at = BlobRef { container: container.clone(), name: blob.clone() };
        storage.put_blob(&at, vec![byte; 1024].into(), &BlobProperties::default()).await.unwrap();
        films.target().add_file(&id, &blob, 1024).unwrap();
    }
    look(&films.world, TARGET, &name)
}

/// Publishes an asset of the target under the id of a film's locator.
fn publish(films: &Films, asset: &str, film: usize) {
    let from = look(&films.world, SOURCE, &format!("film{film}")).locators.remove(0);
    let expiry = from.expiry.unwrap();
    let locator = NewLocator { guid: Some(from.guid), name: from.name, start: from.start, expiry };
    films.target().add_locator(asset, &locator).unwrap();
}

fn adopting(adopt: Adopt) -> Options {
    Options { policy: Policy { adopt, ..Policy::default() }, ..Options::default() }
}

/// The state of an asset on the target, except for the times of changes.
fn contents(films: &Films, asset: &str) -> (AssetLook, Vec<Option<String>>) {
    let look = films.target().assets().into_iter().find(|look| look.id == asset).unwrap();
    let blobs = look.files.iter().map(|file| {
        let blob = films.world.emulator.describe(EAST, &look.container, &file.name);
        blob.map(|blob| blob.etag)
    });
    (look.clone(), blobs.collect())
}

/// Row 7.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_foreign_asset_whose_alternate_id_is_a_source_id_is_not_changed() {
    let films = Films::new().await;
    let source = look(&films.world, SOURCE, "film0").id;
    let theirs = copied_by_another_tool(&films, 0, &source, b'z').await;
    let before = contents(&films, &theirs.id);
    for _ in 0..2 {
        films.night().await;
        assert_eq!(contents(&films, &theirs.id), before);
    }
    // Our copy exists, too, and plays.
    assert_plays_alike(&films.world).await;
}

/// Row 7.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_foreign_asset_that_plays_a_source_id_is_a_conflict_and_is_not_changed() {
    let films = Films::new().await;
    let source = look(&films.world, SOURCE, "film0").id;
    let theirs = copied_by_another_tool(&films, 0, &source, b'z').await;
    publish(&films, &theirs.id, 0);
    let before = contents(&films, &theirs.id);
    for _ in 0..2 {
        let (summary, monitor) = films.night().await;
        assert_eq!((summary.outcome, summary.assets.conflicts), (Outcome::Partial, 1));
        assert_eq!(monitor.outcome_of("film0").unwrap().cause(), Some(Cause::LocatorIdTaken));
        assert_eq!(contents(&films, &theirs.id), before);
    }
}

/// Row 7: a clone that another tool made of our copy has our mark, which names another asset id.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_clone_of_our_copy_is_not_changed_and_is_not_a_second_copy() {
    let films = Films::mirrored().await;
    let ours = look(&films.world, TARGET, "film0");
    let clone = films.target().add_asset("clone of film0").await.unwrap();
    films.target().set_alternate_id(&clone, ours.alternate_id.as_deref()).unwrap();
    films.target().add_locator(&clone, &super::locators::in_hours(48)).unwrap();
    let before = contents(&films, &clone);
    films.good_night().await;
    assert_eq!(contents(&films, &clone), before);
    // The ledger is lost: only the mark can distinguish them.
    let mut fresh = films.world;
    fresh.ledger = Ledger::in_memory().unwrap();
    let summary = fresh.sync().await.0;
    assert_eq!((summary.outcome, summary.assets.conflicts), (Outcome::Complete, 0), "{:?}", summary.problems);
    let look = fresh.emulator.operator(TARGET).assets().into_iter().find(|look| look.id == clone).unwrap();
    assert_eq!(look, before.0);
}

/// Two complete copies of one asset are a conflict that names both.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn two_copies_of_one_asset_are_a_conflict_that_names_both_and_the_playing_one() {
    let films = Films::mirrored().await;
    let (source, ours) = (look(&films.world, SOURCE, "film0").id, look(&films.world, TARGET, "film0"));
    let second = films.target().add_asset("second").await.unwrap();
    let mark = Mark::parse(ours.alternate_id.as_deref().unwrap()).unwrap();
    let mark = Mark { own: Some(mediamirror::model::AssetId::new(&second)), ..mark };
    films.target().set_alternate_id(&second, Some(&mark.text())).unwrap();
    let (summary, monitor) = films.night().await;
    assert_eq!((summary.outcome, summary.assets.conflicts), (Outcome::Partial, 1));
    let outcome = monitor.outcome_of("film0").unwrap();
    let why = outcome.finding().unwrap().to_string();
    assert!(why.starts_with("two-copies"), "{why}");
    assert!(why.contains(&format!("{} (plays)", ours.id)), "{why}");
    assert!(why.contains(&format!("{second} (does not play)")), "{why}");
    assert!(films.world.verify().await.causes.contains_key(&Cause::TwoCopies), "{source}");
    films.target().delete_asset(&second).await.unwrap();
    films.good_night().await;
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn equal_copies_of_another_tool_are_adopted_only_on_request() {
    let films = Films::new().await;
    let source = look(&films.world, SOURCE, "film0").id;
    let theirs = copied_by_another_tool(&films, 0, &source, b'x').await;
    publish(&films, &theirs.id, 0);
    let (summary, _) = night(&films.world, adopting(Adopt::No)).await;
    assert_eq!((summary.assets.conflicts, summary.assets.mirrored), (1, 5));
    films.world.emulator.reset_stats();
    let (summary, _) = night(&films.world, adopting(Adopt::Equal)).await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_eq!(films.world.count("PutBlobFromUrl"), 0, "equal bytes are not copied");
    let now = look(&films.world, TARGET, "film0");
    assert_eq!((&now.id, &now.locators[0].guid), (&theirs.id, &theirs_guid(&films, 0)));
    // Now the copy is ours: it stays ours without the option, and locators that the source revokes are withdrawn.
    films.are_settled().await;
    films.source().remove_locator(&service_id(films.locator(0))).await.unwrap();
    let (summary, _) = films.good_night().await;
    assert_eq!(summary.withdrawn, 1);
    films.are_settled().await;
}

fn theirs_guid(films: &Films, film: usize) -> String {
    films.locator(film).to_string()
}

/// Equal lengths without a checksum do not prove that another tool's copy is equal.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_of_another_tool_without_checksums_is_unchecked_until_it_is_overwritten() {
    let films = Films::new().await;
    let source = look(&films.world, SOURCE, "film0");
    for blob in ["film0.ism", "film0.mp4"] {
        let put = films.world.emulator.put_blob(super::WEST, &source.container, blob, vec![b'x'; 1024], None);
        assert!(put);
    }
    tokio::time::sleep(std::time::Duration::from_hours(1)).await;
    let theirs = copied_by_another_tool(&films, 0, &source.id, b'z').await;
    publish(&films, &theirs.id, 0);
    let (summary, monitor) = night(&films.world, adopting(Adopt::Equal)).await;
    assert_eq!(monitor.outcome_of("film0").unwrap().cause(), Some(Cause::AdoptionUnproven));
    assert_eq!(summary.outcome, Outcome::Partial);
    let (summary, _) = night(&films.world, adopting(Adopt::Overwrite)).await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_eq!(films.world.torn_blobs().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_adopted_locator_is_ours_even_if_the_run_was_interrupted_after_it_marked_the_copy() {
    let mut films = Films::of(2).await;
    films.good_night().await;
    let source = films.world.seed("adopted", &["adopted.ism"]).await;
    let theirs = films.target().add_asset("adopted").await.unwrap();
    films.target().set_alternate_id(&theirs, Some(source.asset.id.as_str())).unwrap();
    let container = look(&films.world, TARGET, "adopted").container;
    let described =
        films.world.emulator.describe(super::WEST, source.asset.container.as_ref().unwrap().as_str(), "adopted.ism");
    assert!(films.world.emulator.put_blob(EAST, &container, "adopted.ism", vec![b'x'; 1024], None));
    assert!(films.world.emulator.set_headers(EAST, &container, "adopted.ism", &described.unwrap().headers));
    let from = look(&films.world, SOURCE, "adopted").locators.remove(0);
    let locator =
        NewLocator { guid: Some(from.guid), name: from.name, start: from.start, expiry: from.expiry.unwrap() };
    films.target().add_locator(&theirs, &locator).unwrap();
    die_after(&mut films.world, adopting(Adopt::Equal), "mediamirror:").await;
    let mark = look(&films.world, TARGET, "adopted").alternate_id.unwrap();
    assert!(mark.contains(&theirs), "it was interrupted after it marked the copy: {mark}");
    films.source().remove_locator(&from.id).await.unwrap();
    let (summary, _) = night(&films.world, adopting(Adopt::Equal)).await;
    assert_eq!((summary.outcome, summary.withdrawn), (Outcome::Complete, 1), "{:?}", summary.problems);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_different_copy_of_another_tool_is_reported_and_overwritten_only_on_request() {
    let films = Films::new().await;
    let source = look(&films.world, SOURCE, "film0").id;
    let theirs = copied_by_another_tool(&films, 0, &source, b'z').await;
    publish(&films, &theirs.id, 0);
    let before = contents(&films, &theirs.id);
    let (summary, monitor) = night(&films.world, adopting(Adopt::Equal)).await;
    assert_eq!((summary.outcome, summary.assets.conflicts), (Outcome::Partial, 1), "{:?}", summary.problems);
    let outcome = monitor.outcome_of("film0").unwrap();
    let why = outcome.finding().unwrap().to_string();
    assert!(why.starts_with("foreign-copy") && why.contains("film0.ism"), "{why}");
    assert_eq!(contents(&films, &theirs.id), before);
    let (summary, _) = night(&films.world, adopting(Adopt::Overwrite)).await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_eq!(films.world.torn_blobs().await, Vec::<String>::new());
    films.are_settled().await;
}

/// An equal name is not enough to adopt another tool's copy.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_that_has_only_the_name_of_a_source_asset_is_not_adopted() {
    let films = Films::new().await;
    let theirs = copied_by_another_tool(&films, 0, "theirs", b'x').await;
    let before = contents(&films, &theirs.id);
    let (summary, _) = night(&films.world, adopting(Adopt::Overwrite)).await;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 6));
    assert_eq!(contents(&films, &theirs.id), before);
}

/// A foreign locator with the id and the terms of the source's counts as present, until the source revokes it.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_foreign_locator_on_our_copy_counts_as_present_and_is_reported_every_night_after_the_source_revokes_it() {
    let films = Films::mirrored().await;
    let copy = look(&films.world, TARGET, "film0").id;
    films.target().remove_locator(&service_id(films.locator(0))).await.unwrap();
    publish(&films, &copy, 0);
    films.good_night().await;
    films.are_settled().await;
    films.source().remove_locator(&service_id(films.locator(0))).await.unwrap();
    for _ in 0..2 {
        let (summary, _) = films.night().await;
        assert_eq!(summary.outcome, Outcome::Partial);
        assert_eq!(summary.causes.get(&Cause::ForeignLocatorRevoked), Some(&1), "{:?}", summary.problems);
        assert_eq!(films.world.verify().await.causes, summary.causes);
        assert_eq!(look(&films.world, TARGET, "film0").locators.len(), 1, "it is not touched");
    }
    films.target().remove_locator(&service_id(films.locator(0))).await.unwrap();
    films.good_night().await;
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn only_the_foreign_locator_fails_that_the_source_cannot_be_asked_for() {
    let films = Films::mirrored().await;
    for film in [0, 1] {
        let copy = look(&films.world, TARGET, &format!("film{film}")).id;
        films.target().remove_locator(&service_id(films.locator(film))).await.unwrap();
        publish(&films, &copy, film);
    }
    films.good_night().await;
    for film in [0, 1] {
        films.source().remove_locator(&service_id(films.locator(film))).await.unwrap();
    }
    films.world.seed("premiere", &["premiere.ism"]).await;
    let refuse = Rule::new(Fault::Refuse(Refuse::status(503))).account("mediawest").operation("GetLocator");
    let refuse = refuse.name(format!("*{}*", films.locator(0)));
    films.world.emulator.set_faults(&FaultPlan::new(1).rule(refuse)).unwrap();
    let (summary, _) = films.night().await;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Partial, 1), "{:?}", summary.problems);
    let causes: Vec<_> = summary.causes.iter().map(|(cause, count)| (*cause, *count)).collect();
    assert_eq!(causes, [(Cause::ForeignLocatorRevoked, 1), (Cause::ServiceUnavailable, 1)]);
    assert_eq!(films.world.verify().await.causes, summary.causes);
}

/// With other terms it is a conflict while the source has the id, and it is still reported afterwards.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_foreign_locator_on_our_copy_with_other_terms_is_reported_every_night_even_after_the_source_revokes_it() {
    let films = Films::mirrored().await;
    let copy = look(&films.world, TARGET, "film0").id;
    films.target().remove_locator(&service_id(films.locator(0))).await.unwrap();
    let guid = Some(films.locator(0).to_string());
    let locator = NewLocator { guid, ..super::locators::in_hours(77) };
    films.target().add_locator(&copy, &locator).unwrap();
    for _ in 0..2 {
        let (summary, _) = films.night().await;
        assert_eq!(summary.causes.into_keys().collect::<Vec<_>>(), [Cause::LocatorIdTaken]);
    }
    films.source().remove_locator(&service_id(films.locator(0))).await.unwrap();
    for _ in 0..2 {
        let (summary, _) = films.night().await;
        assert_eq!(summary.outcome, Outcome::Partial);
        assert_eq!(summary.causes.get(&Cause::ForeignLocatorRevoked), Some(&1), "{:?}", summary.problems);
        assert_eq!(films.world.verify().await.causes, summary.causes);
        assert_eq!(look(&films.world, TARGET, "film0").locators.len(), 1, "it is not touched");
    }
    films.target().remove_locator(&service_id(films.locator(0))).await.unwrap();
    films.good_night().await;
    films.are_settled().await;
}

/// One run of the reversed mirror, with a separate ledger.
async fn turned_round(films: &Films, options: Options) -> (Summary, Arc<TestMonitor>) {
    let mut config = films.world.config.clone();
    std::mem::swap(&mut config.source, &mut config.target);
    let pair = mediamirror::connect::connect(&config, films.world.emulator.http_client()).unwrap();
    let monitor = Arc::new(TestMonitor::default());
    let events = Arc::clone(&monitor);
    let ledger = Ledger::in_memory().unwrap();
    let summary = mirror(Arc::new(pair), ledger, options, events, CancellationToken::new()).await.unwrap();
    (summary, monitor)
}

/// Row 21.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_reversed_mirror_exits_with_nine_and_creates_nothing() {
    let films = Films::mirrored().await;
    // One asset is unpublished, and one is new in the former target.
    films.source().remove_locator(&service_id(films.locator(0))).await.unwrap();
    films.good_night().await;
    films.target().add_asset("new in the east").await.unwrap();
    let before = [SOURCE, TARGET].map(|region| films.world.emulator.operator(region).assets());
    for dry_run in [true, false] {
        let (summary, monitor) = turned_round(&films, Options { dry_run, ..Options::default() }).await;
        assert_eq!(summary.verdict, Outcome::Held, "{:?}", monitor.events());
        let causes: Vec<Cause> = summary.findings.iter().map(|finding| finding.cause).collect();
        assert_eq!(causes, [Cause::DirectionReversed]);
        let after = [SOURCE, TARGET].map(|region| films.world.emulator.operator(region).assets());
        assert_eq!(after, before, "nothing is made on either side");
    }
    let containers = films.world.emulator.containers(super::WEST).unwrap();
    assert_eq!(containers.len(), before[0].len() + 1, "beside the lock: {containers:?}");
    films.good_night().await;
    films.are_settled().await;
}

/// Row 21: our copies in the source are never copied back, even if most of its assets are new.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn new_assets_do_not_hide_that_the_mirror_is_reversed() {
    let films = Films::mirrored().await;
    for n in 0..20 {
        films.target().add_asset(&format!("new {n}")).await.unwrap();
    }
    let (summary, monitor) = turned_round(&films, Options::default()).await;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Held, 0), "{:?}", monitor.events());
    let changed: Vec<Change> = monitor.changes_of("film0");
    assert_eq!(changed, []);
}
