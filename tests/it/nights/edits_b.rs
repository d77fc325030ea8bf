//! The users' edits of the target: they damage our copies, and they have their own assets there.

use jiff::SignedDuration;
use mediamirror::clock;
use mediamirror::emulator::NewLocator;

use super::edits_a::some_headers;
use super::look::{A, B, Library, STORES, Thing, is_ours};
use super::story::{Story, tell};

const STORE: &str = STORES[B];

/// One edit of the target.
pub(super) async fn edit(story: &mut Story) {
    match story.dice.u8(..23) {
        0 => rename(story),
        1 => remove_mark(story),
        2..=9 => damage_blob(story),
        10 | 11 => edit_records(story),
        12 | 13 => remove_locator(story).await,
        14 | 15 => change_terms(story),
        16 => lose_container(story),
        17 => delete_copy(story).await,
        18 | 19 => drop(add_foreign_asset(story).await),
        20 => add_foreign_locator(story),
        _ => reserve_an_id(story).await,
    }
}

fn rename(story: &mut Story) {
    let Some(copy) = story.any_copy() else { return };
    let name = story.name("spoiled");
    story.world.emulator.operator(B).rename_asset(copy.id(), Some(&name)).unwrap();
    tell(format!("B: {} ({}) is renamed to {name}", copy.name(), copy.id()));
}

fn remove_mark(story: &mut Story) {
    let Some(copy) = story.any_copy() else { return };
    let text = story.one_of(&[None, Some("something else")]).flatten();
    story.world.emulator.operator(B).set_alternate_id(copy.id(), text).unwrap();
    story.unmarked.insert(copy.id().to_owned());
    tell(format!("B: {} ({}) gets the alternate id {text:?}", copy.name(), copy.id()));
}

fn damage_blob(story: &mut Story) {
    let Some(copy) = story.any_copy().filter(|copy| !copy.is_empty()) else { return };
    let Some(blob) = story.any_blob(&copy) else { return };
    let container = copy.look.container.clone();
    let edit = story.dice.u8(..10);
    let apart = match edit {
        0 | 1 => story.may_exchange(&container, &blob),
        4 | 5 => story.may_dress(&container, &blob),
        _ => true,
    };
    if !apart {
        return;
    }
    let emulator = &story.world.emulator;
    let (done, what) = match edit {
        0 | 1 => (emulator.exchange_bytes(STORE, &container, &blob), "gets other bytes"),
        2 => (emulator.put_blob(STORE, &container, &blob, vec![7; 70], None), "is overwritten"),
        3 => (emulator.delete_blob(STORE, &container, &blob), "is deleted"),
        4 => {
            let headers = some_headers(story);
            (story.world.emulator.set_headers(STORE, &container, &blob, &headers), "gets other headers")
        }
        5 => (emulator.set_metadata(STORE, &container, &blob, &[("spoiled", "yes")]), "gets other metadata"),
        6 => (emulator.set_tags(STORE, &container, &blob, &[("spoiled", "yes")]), "gets other tags"),
        7 => {
            let name = story.name("theirs");
            story.foreign_blobs.insert((container.clone(), name.clone()));
            let done = story.world.emulator.put_blob(STORE, &container, &name, vec![9; 90], None);
            tell(format!("B: {}/{name} is added", copy.name()));
            (done, "has company")
        }
        8 => (emulator.archive(STORE, &container, &blob), "is archived"),
        _ => {
            let all: Vec<String> = copy.blobs().map(|(name, _)| name.clone()).collect();
            let done = all.iter().all(|name| emulator.delete_blob(STORE, &container, name));
            (done, "is deleted with all others")
        }
    };
    assert!(done);
    tell(format!("B: {}/{blob} {what}", copy.name()));
}

fn edit_records(story: &mut Story) {
    let Some(copy) = story.any_copy().filter(|copy| !copy.look.files.is_empty()) else { return };
    let (Some(file), Some(origin)) = (story.one_of(&copy.look.files), copy.origin()) else { return };
    let operator = story.world.emulator.operator(B);
    let what = match story.dice.u8(..4) {
        0 => operator.remove_file(&file.id).map(|()| "is removed"),
        1 => operator.set_mime_type(&file.id, Some("spoiled/type")).map(|()| "gets another MIME type"),
        2 => operator.set_primary(copy.id(), Some(&file.name)).map(|()| "becomes the primary one"),
        _ => operator.add_file(copy.id(), "spoiled.mp4", 5).map(|_| "has company"),
    };
    let Ok(what) = what else { return };
    story.edit_records_of(&origin.source);
    tell(format!("B: the record {}/{} {what}", copy.name(), file.name));
}

/// A locator of ours on one of our copies.
fn any_of_ours(story: &mut Story) -> Option<(Thing, String)> {
    let copy = story.any(B, |thing| thing.origin().is_some() && thing.locators().any(is_ours))?;
    let ids: Vec<String> =
        copy.locators().filter(|locator| is_ours(locator)).map(|locator| locator.id.clone()).collect();
    let locator = story.one_of(&ids)?;
    Some((copy, locator))
}

async fn remove_locator(story: &mut Story) {
    let Some((copy, locator)) = any_of_ours(story) else { return };
    story.world.emulator.operator(B).remove_locator(&locator).await.unwrap();
    tell(format!("B: {locator} is removed from {}", copy.name()));
}

fn change_terms(story: &mut Story) {
    let Some((copy, locator)) = any_of_ours(story) else { return };
    let operator = story.world.emulator.operator(B);
    let now = clock::now();
    match story.dice.u8(..3) {
        0 => operator.set_locator_name(&locator, Some("spoiled")).unwrap(),
        1 => operator.set_locator_expiry(&locator, now + SignedDuration::from_hours(77)).unwrap(),
        _ => operator.set_locator_start(&locator, Some(now + SignedDuration::from_hours(9))).unwrap(),
    }
    tell(format!("B: the terms of {locator} on {} are changed", copy.name()));
}

fn lose_container(story: &mut Story) {
    let Some(copy) = story.any_copy().filter(|copy| copy.blobs.is_some()) else { return };
    assert!(story.world.emulator.delete_container(STORE, &copy.look.container));
    tell(format!("B: the container of {} ({}) is deleted", copy.name(), copy.id()));
}

async fn delete_copy(story: &mut Story) {
    let Some(copy) = story.any(B, |thing| thing.origin().is_some() && thing.locators().all(is_ours)) else { return };
    story.world.emulator.operator(B).delete_asset(copy.id()).await.unwrap();
    tell(format!("B: our copy {} ({}) is deleted", copy.name(), copy.id()));
}

/// Adds a foreign asset, which can have a copy of our mark or the id of a source asset.
async fn add_foreign_asset(story: &mut Story) -> Option<String> {
    let name = story.name("foreign");
    let id = story.world.emulator.operator(B).add_asset(&name).await.unwrap();
    let container = Library::of(&story.world, B).get(&id)?.look.container.clone();
    assert!(story.world.emulator.put_blob(STORE, &container, "show.ism", vec![5; 50], None));
    story.world.emulator.operator(B).add_file(&id, "show.ism", 50).unwrap();
    let mark = story.any_copy().and_then(|copy| copy.look.alternate_id);
    let source = story.any(A, |_| true).map(|thing| thing.look.id);
    let alternate_id = story.one_of(&[None, mark, source]).flatten();
    story.world.emulator.operator(B).set_alternate_id(&id, alternate_id.as_deref()).unwrap();
    tell(format!("B: foreign asset {name} ({id}) is made with the alternate id {alternate_id:?}"));
    if story.dice.bool() {
        let locator = story.locator();
        put_foreign_locator(story, &id, &locator);
    }
    story.foreign_assets.push(id.clone());
    Some(id)
}

fn put_foreign_locator(story: &mut Story, asset: &str, locator: &NewLocator) -> bool {
    let Ok(id) = story.world.emulator.operator(B).add_locator(asset, locator) else { return false };
    tell(format!("B: foreign {locator:?} on {asset}"));
    story.foreign_locators.push(id);
    true
}

/// Adds a foreign locator to our copy.
fn add_foreign_locator(story: &mut Story) {
    let Some(copy) = story.any_copy() else { return };
    let locator = story.locator();
    put_foreign_locator(story, copy.id(), &locator);
}

/// Adds a foreign locator whose id a locator of A gets later.
async fn reserve_an_id(story: &mut Story) {
    let locator = story.locator();
    let (asset, source) = if story.dice.bool() {
        let Some(copy) = story.any_copy() else { return };
        (copy.id().to_owned(), copy.origin().map(|origin| origin.source))
    } else {
        let Some(asset) = add_foreign_asset(story).await else { return };
        (asset, None)
    };
    if put_foreign_locator(story, &asset, &locator) {
        story.reserved.push((locator, source));
    }
}
