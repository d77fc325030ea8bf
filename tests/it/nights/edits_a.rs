//! The users' edits of the source.

use jiff::SignedDuration;
use mediamirror::clock;
use mediamirror::emulator::{Headers, NewLocator};

use super::look::{A, B, Library, STORES, Thing};
use super::story::{Story, tell};

const STORE: &str = STORES[A];

/// One edit of the source.
pub(super) async fn edit(story: &mut Story) {
    match story.dice.u8(..30) {
        0 | 1 => add_asset(story).await,
        2 => rename(story),
        3 => set_alternate_id(story),
        4 => delete_asset(story).await,
        5..=7 => change_bytes(story),
        8 => add_blob(story),
        9 | 10 => delete_blob(story),
        11 => set_headers(story),
        12 => set_metadata(story),
        13 | 14 => set_tags(story),
        15 => archive(story),
        16 | 17 => edit_records(story),
        18 | 19 => add_locator(story),
        20 | 21 => remove_locator(story).await,
        22 | 23 => change_terms(story),
        24 | 25 => move_locator(story).await,
        26 => protect(story),
        27 => unprotect(story),
        28 => use_a_reserved_id(story),
        _ => lose_container(story),
    }
}

async fn add_asset(story: &mut Story) {
    let name = story.name("added");
    let emulator = &story.world.emulator;
    let id = emulator.operator(A).add_asset(&name).await.unwrap();
    let container = Library::of(&story.world, A).get(&id).unwrap().look.container.clone();
    for (blob, kind) in
        [("show.ism", None), ("show.mp4", Some("video/mp4")), ("note", Some("application/octet-stream"))]
    {
        let length = story.dice.u64(1..3_000);
        assert!(emulator.put_blob(
            STORE,
            &container,
            blob,
            vec![story.dice.u8(..); usize::try_from(length).unwrap()],
            kind
        ));
        emulator.operator(A).add_file(&id, blob, length).unwrap();
    }
    emulator.operator(A).set_primary(&id, Some("show.ism")).unwrap();
    tell(format!("A: asset {name} ({id}) is added"));
    for _ in 0..story.dice.u8(..3) {
        let locator = story.locator();
        publish(story, &id, &locator);
    }
}

/// Makes a locator, unless the asset has five.
fn publish(story: &Story, asset: &str, locator: &NewLocator) {
    if story.world.emulator.operator(A).add_locator(asset, locator).is_ok() {
        tell(format!("A: {locator:?} on {asset}"));
    }
}

fn rename(story: &mut Story) {
    let Some(thing) = story.any(A, |_| true) else { return };
    let name = if story.dice.u8(..5) == 0 { None } else { Some(story.name("renamed")) };
    story.world.emulator.operator(A).rename_asset(thing.id(), name.as_deref()).unwrap();
    tell(format!("A: {} ({}) is renamed to {name:?}", thing.name(), thing.id()));
}

fn set_alternate_id(story: &mut Story) {
    let Some(thing) = story.any(A, |_| true) else { return };
    let copied = Library::of(&story.world, B).0.into_iter().find_map(|thing| thing.look.alternate_id);
    let choices = [None, Some("cms;17 % ü".to_owned()), Some(story.name("cms")), copied];
    let alternate_id = story.one_of(&choices).flatten();
    story.world.emulator.operator(A).set_alternate_id(thing.id(), alternate_id.as_deref()).unwrap();
    tell(format!("A: {} gets the alternate id {alternate_id:?}", thing.name()));
}

async fn delete_asset(story: &mut Story) {
    let Some(thing) = story.any(A, |_| true) else { return };
    story.world.emulator.operator(A).delete_asset(thing.id()).await.unwrap();
    tell(format!("A: {} ({}) is deleted", thing.name(), thing.id()));
}

/// Changes the bytes of a blob: either the same length with the same headers, or another length. The same length with
/// other headers and no checksum cannot be distinguished from only new headers, as the manual says.
pub(super) fn change(story: &mut Story, thing: &Thing, blob: &str) {
    let container = &thing.look.container;
    let described = story.world.emulator.describe(STORE, container, blob).unwrap();
    let kind = described.headers.content_type.as_deref();
    let done = if story.dice.bool() && story.may_exchange(container, blob) {
        story.world.emulator.exchange_bytes(STORE, container, blob)
    } else {
        let length = story.dice.usize(1..5_000);
        let bytes = vec![story.dice.u8(..); length + usize::from(described.length == length as u64)];
        story.world.emulator.put_blob(STORE, container, blob, bytes, kind)
    };
    assert!(done);
    tell(format!("A: the bytes of {}/{blob} change", thing.name()));
}

fn change_bytes(story: &mut Story) {
    let Some(thing) = story.any(A, |thing| !thing.is_empty()) else { return };
    let Some(blob) = story.any_blob(&thing) else { return };
    change(story, &thing, &blob);
}

fn add_blob(story: &mut Story) {
    let Some(thing) = story.any(A, |thing| thing.blobs.is_some()) else { return };
    let name = story.name("blob");
    assert!(story.world.emulator.put_blob(STORE, &thing.look.container, &name, vec![1; 100], Some("text/plain")));
    let record = story.dice.bool();
    if record {
        story.world.emulator.operator(A).add_file(thing.id(), &name, 100).unwrap();
    }
    tell(format!("A: {}/{name} is added, with a record: {record}", thing.name()));
}

/// Deletes a blob, usually with its record: then it is kept on B. Without deleting the record, the source has lost the
/// blob.
fn delete_blob(story: &mut Story) {
    let Some(thing) = story.any(A, |thing| !thing.is_empty()) else { return };
    let Some(blob) = story.any_blob(&thing) else { return };
    assert!(story.world.emulator.delete_blob(STORE, &thing.look.container, &blob));
    let record = thing.look.files.iter().find(|file| file.name == blob).filter(|_| story.dice.u8(..4) > 0);
    if let Some(record) = record {
        story.world.emulator.operator(A).remove_file(&record.id).unwrap();
    }
    tell(format!("A: {}/{blob} is deleted, with its record: {}", thing.name(), record.is_some()));
}

fn set_headers(story: &mut Story) {
    let Some(thing) = story.any(A, |thing| !thing.is_empty()) else { return };
    let Some(blob) = story.any_blob(&thing) else { return };
    if !story.may_dress(&thing.look.container, &blob) {
        return;
    }
    let headers = some_headers(story);
    assert!(story.world.emulator.set_headers(STORE, &thing.look.container, &blob, &headers));
    tell(format!("A: {}/{blob} gets {headers:?}", thing.name()));
}

/// Headers, some of them missing.
pub(super) fn some_headers(story: &mut Story) -> Headers {
    let mut some = |text: &str| story.dice.bool().then(|| text.to_owned());
    Headers {
        content_type: some("application/octet-stream").or_else(|| some("video/mp4")),
        content_encoding: some("gzip"),
        content_language: some("de"),
        content_disposition: some("attachment; filename=\"a b.mp4\""),
        cache_control: some("max-age=60"),
        content_md5: None,
    }
}

fn set_metadata(story: &mut Story) {
    let Some(thing) = story.any(A, |thing| !thing.is_empty()) else { return };
    let Some(blob) = story.any_blob(&thing) else { return };
    if !story.may_dress(&thing.look.container, &blob) {
        return;
    }
    let value = story.name("value");
    let metadata: &[(&str, &str)] = if story.dice.bool() { &[("Camera", &value), ("take", "2")] } else { &[] };
    assert!(story.world.emulator.set_metadata(STORE, &thing.look.container, &blob, metadata));
    tell(format!("A: {}/{blob} gets the metadata {metadata:?}", thing.name()));
}

fn set_tags(story: &mut Story) {
    let Some(thing) = story.any(A, |thing| !thing.is_empty()) else { return };
    let Some(blob) = story.any_blob(&thing) else { return };
    let value = story.name("value");
    let tags: &[(&str, &str)] = if story.dice.u8(..3) > 0 { &[("rights", &value)] } else { &[] };
    assert!(story.world.emulator.set_tags(STORE, &thing.look.container, &blob, tags));
    tell(format!("A: {}/{blob} gets the tags {tags:?}", thing.name()));
}

fn archive(story: &mut Story) {
    let Some(thing) = story.any(A, |thing| !thing.is_empty()) else { return };
    let Some(blob) = story.any_blob(&thing) else { return };
    assert!(story.world.emulator.archive(STORE, &thing.look.container, &blob));
    tell(format!("A: {}/{blob} is archived", thing.name()));
}

fn edit_records(story: &mut Story) {
    let Some(thing) = story.any(A, |thing| !thing.look.files.is_empty()) else { return };
    let Some(file) = story.one_of(&thing.look.files) else { return };
    let operator = story.world.emulator.operator(A);
    let what = match story.dice.u8(..4) {
        0 => {
            operator.remove_file(&file.id).unwrap();
            story.edit_records_of(thing.id());
            "is removed"
        }
        1 => {
            operator.set_mime_type(&file.id, [None, Some("video/x-test")][story.dice.usize(..2)]).unwrap();
            "gets another MIME type"
        }
        2 => {
            operator.set_primary(thing.id(), Some(&file.name)).unwrap();
            "becomes the primary one"
        }
        _ => {
            operator.set_primary(thing.id(), None).unwrap();
            "is not the primary one, nor is any other"
        }
    };
    tell(format!("A: the record {}/{} {what}", thing.name(), file.name));
}

fn add_locator(story: &mut Story) {
    let Some(thing) = story.any(A, |_| true) else { return };
    let locator = story.locator();
    publish(story, thing.id(), &locator);
}

async fn remove_locator(story: &mut Story) {
    let Some(thing) = story.any(A, |thing| thing.locators().next().is_some()) else { return };
    let Some(locator) = story.any_locator(&thing) else { return };
    withdraw(story, &thing, &locator).await;
}

/// Removes a locator of the source.
pub(super) async fn withdraw(story: &Story, thing: &Thing, locator: &str) {
    story.world.emulator.operator(A).remove_locator(locator).await.unwrap();
    tell(format!("A: {locator} is removed from {} ({})", thing.name(), thing.id()));
}

fn change_terms(story: &mut Story) {
    let Some(thing) = story.any(A, |thing| thing.locators().next().is_some()) else { return };
    let Some(locator) = story.any_locator(&thing) else { return };
    let operator = story.world.emulator.operator(A);
    let (now, hours) = (clock::now(), SignedDuration::from_hours);
    let what = match story.dice.u8(..5) {
        0 => {
            let name = story.dice.bool().then_some("another name");
            operator.set_locator_name(&locator, name).unwrap();
            "is renamed"
        }
        1 => {
            operator.set_locator_expiry(&locator, now + hours(20_000)).unwrap();
            "is extended"
        }
        2 => {
            operator.set_locator_expiry(&locator, now + hours(60)).unwrap();
            "is shortened"
        }
        3 => {
            operator.set_locator_expiry(&locator, now - hours(1)).unwrap();
            "is expired"
        }
        _ => {
            let start = [None, Some(now - hours(3)), Some(now + hours(3))][story.dice.usize(..3)];
            operator.set_locator_start(&locator, start).unwrap();
            "gets another start"
        }
    };
    tell(format!("A: {locator} of {} {what}", thing.name()));
}

async fn move_locator(story: &mut Story) {
    let Some(from) = story.any(A, |thing| thing.locators().next().is_some()) else { return };
    let Some(locator) = story.any_locator(&from) else { return };
    let Some(to) = story.any(A, |thing| thing.id() != from.id()) else { return };
    if story.world.emulator.operator(A).move_locator(&locator, to.id()).await.is_ok() {
        tell(format!("A: {locator} moves from {} to {} ({})", from.name(), to.name(), to.id()));
    }
}

fn protect(story: &mut Story) {
    let Some(thing) = story.any(A, |_| true) else { return };
    let operator = story.world.emulator.operator(A);
    // Encrypted; only with a key, which protects nothing; with a policy that allows everything without encryption.
    match story.dice.u8(..3) {
        0 => {
            operator.link_content_key(thing.id(), 4).unwrap();
            operator.link_delivery_policy(thing.id(), 3, 7).unwrap();
        }
        1 => drop(operator.link_content_key(thing.id(), 4).unwrap()),
        _ => drop(operator.link_delivery_policy(thing.id(), 2, 0xFFFF).unwrap()),
    }
    tell(format!("A: {} ({}) is protected", thing.name(), thing.id()));
}

fn unprotect(story: &mut Story) {
    let Some(thing) = story.any(A, Thing::is_protected) else { return };
    let operator = story.world.emulator.operator(A);
    for policy in &thing.look.delivery_policies {
        operator.unlink_delivery_policy(thing.id(), policy).unwrap();
    }
    for key in &thing.look.content_keys {
        operator.unlink_content_key(thing.id(), key).unwrap();
    }
    tell(format!("A: {} is not protected any more", thing.name()));
}

/// Makes a locator with an id that a foreign locator already uses on B.
fn use_a_reserved_id(story: &mut Story) {
    let Some((locator, source)) = story.reserved.pop() else { return };
    let there = |id: &String| Library::of(&story.world, A).get(id).is_some();
    let asset = source.filter(there).or_else(|| story.any(A, |_| true).map(|thing| thing.look.id));
    if let Some(asset) = asset {
        publish(story, &asset, &locator);
    }
}

fn lose_container(story: &mut Story) {
    if story.dice.u8(..3) > 0 {
        return;
    }
    let Some(thing) = story.any(A, |thing| !thing.is_empty()) else { return };
    assert!(story.world.emulator.delete_container(STORE, &thing.look.container));
    tell(format!("A: the container of {} is deleted", thing.name()));
}

/// Replaces all locators of the rotating asset: at most five.
pub(super) async fn rotate(story: &mut Story) {
    let Some(thing) = story.rotating.as_ref().and_then(|id| Library::of(&story.world, A).get(id).cloned()) else {
        return;
    };
    let locators: Vec<String> = thing.locators().map(|locator| locator.id.clone()).collect();
    for locator in &locators {
        withdraw(story, &thing, locator).await;
    }
    for _ in 0..locators.len().max(1) + usize::from(story.dice.bool()) {
        let locator = story.locator();
        publish(story, thing.id(), &locator);
    }
}
