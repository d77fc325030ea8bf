//! The users' edits of one side.

use jiff::{SignedDuration, Timestamp};
use mediamirror::clock;
use mediamirror::emulator::NewLocator;

use super::{Story, tell};
use crate::nights::look::{STORES, Thing};

/// One edit; returns the asset.
pub(super) async fn edit(story: &mut Story, side: usize) -> Option<String> {
    let things = story.library(side).0;
    let thing = story.dice.choice(&things).cloned();
    let choice = story.dice.u8(..11);
    let Some(thing) = thing.filter(|_| choice > 0) else { return Some(add_asset(story, side).await) };
    match choice {
        1 => rename(story, side, &thing),
        2 | 3 => overwrite(story, side, &thing)?,
        4 => add_blob(story, side, &thing),
        5 => dress(story, side, &thing)?,
        6 | 7 => add_locator(story, side, &thing)?,
        8 => remove_locator(story, side, &thing).await?,
        9 => change_terms(story, side, &thing)?,
        _ => {
            story.mirror.world.emulator.operator(side).delete_asset(thing.id()).await.unwrap();
            tell(format!("{}: {} ({}) is deleted", STORES[side], thing.name(), thing.id()));
        }
    }
    Some(thing.look.id)
}

async fn add_asset(story: &mut Story, side: usize) -> String {
    let name = story.name("added");
    let emulator = &story.mirror.world.emulator;
    let id = emulator.operator(side).add_asset(&name).await.unwrap();
    let container = story.library(side).get(&id).unwrap().look.container.clone();
    for blob in ["show.ism", "show.mp4"] {
        let length = story.dice.usize(1..3_000);
        let bytes = vec![story.dice.u8(..); length];
        let emulator = &story.mirror.world.emulator;
        assert!(emulator.put_blob(STORES[side], &container, blob, bytes, Some("video/mp4")));
        emulator.operator(side).add_file(&id, blob, length as u64).unwrap();
    }
    let locator = NewLocator::until(in_hours(9_000));
    story.mirror.world.emulator.operator(side).add_locator(&id, &locator).unwrap();
    tell(format!("{}: {name} ({id}) is added", STORES[side]));
    id
}

fn rename(story: &mut Story, side: usize, thing: &Thing) {
    let name = story.name("renamed");
    story.mirror.world.emulator.operator(side).rename_asset(thing.id(), Some(&name)).unwrap();
    tell(format!("{}: {} ({}) is renamed to {name}", STORES[side], thing.name(), thing.id()));
}

fn overwrite(story: &mut Story, side: usize, thing: &Thing) -> Option<()> {
    let blobs: Vec<String> = thing.blobs().map(|(name, _)| name.clone()).collect();
    let blob = story.dice.choice(&blobs)?.clone();
    let bytes = vec![story.dice.u8(..); story.dice.usize(1..5_000)];
    let put = story.mirror.world.emulator.put_blob(STORES[side], &thing.look.container, &blob, bytes, None);
    tell(format!("{}: {}/{blob} is overwritten", STORES[side], thing.name()));
    put.then_some(())
}

fn add_blob(story: &mut Story, side: usize, thing: &Thing) {
    let name = story.name("caption");
    let emulator = &story.mirror.world.emulator;
    assert!(emulator.put_blob(STORES[side], &thing.look.container, &name, vec![1; 100], Some("text/vtt")));
    emulator.operator(side).add_file(thing.id(), &name, 100).unwrap();
    tell(format!("{}: {}/{name} is added", STORES[side], thing.name()));
}

fn dress(story: &mut Story, side: usize, thing: &Thing) -> Option<()> {
    let blobs: Vec<String> = thing.blobs().map(|(name, _)| name.clone()).collect();
    let blob = story.dice.choice(&blobs)?.clone();
    let value = story.name("x");
    let (emulator, container) = (&story.mirror.world.emulator, &thing.look.container);
    let done = if story.dice.bool() {
        emulator.set_tags(STORES[side], container, &blob, &[("kind", value.as_str())])
    } else {
        emulator.set_metadata(STORES[side], container, &blob, &[("kind", value.as_str())])
    };
    tell(format!("{}: {}/{blob} is {value}", STORES[side], thing.name()));
    done.then_some(())
}

fn add_locator(story: &mut Story, side: usize, thing: &Thing) -> Option<()> {
    let expiry = in_hours(story.dice.i64(4_000..9_000));
    let name = story.dice.bool().then(|| story.name("play"));
    let locator = NewLocator { name, ..NewLocator::until(expiry) };
    let made = story.mirror.world.emulator.operator(side).add_locator(thing.id(), &locator).ok()?;
    tell(format!("{}: locator {made} on {}", STORES[side], thing.name()));
    Some(())
}

fn any_locator(story: &mut Story, thing: &Thing) -> Option<String> {
    let ids: Vec<String> = thing.locators().map(|locator| locator.id.clone()).collect();
    story.dice.choice(&ids).cloned()
}

async fn remove_locator(story: &mut Story, side: usize, thing: &Thing) -> Option<()> {
    let locator = any_locator(story, thing)?;
    story.mirror.world.emulator.operator(side).remove_locator(&locator).await.unwrap();
    tell(format!("{}: {locator} of {} is removed", STORES[side], thing.name()));
    Some(())
}

fn change_terms(story: &mut Story, side: usize, thing: &Thing) -> Option<()> {
    let locator = any_locator(story, thing)?;
    let expiry = in_hours(story.dice.i64(4_000..9_000));
    story.mirror.world.emulator.operator(side).set_locator_expiry(&locator, expiry).unwrap();
    tell(format!("{}: {locator} of {} ends at {expiry}", STORES[side], thing.name()));
    Some(())
}

/// The time in a number of hours, in whole seconds, because locators are compared to the second.
fn in_hours(hours: i64) -> Timestamp {
    let at = clock::now() + SignedDuration::from_hours(hours);
    Timestamp::from_second(at.as_second()).unwrap()
}
