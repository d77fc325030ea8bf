//! Edits of many assets at the same time, some of which the guards hold.

use super::edits_a::{change, withdraw};
use super::look::{A, Library, Thing};
use super::story::{Story, tell};

/// Edits many assets of the source.
pub(super) async fn edit(story: &mut Story) {
    match story.dice.u8(..4) {
        0 => unpublish(story).await,
        1 => delete(story).await,
        2 => protect(story),
        _ => overwrite(story),
    }
}

/// A part of the assets of the source.
fn part(story: &mut Story) -> Vec<Thing> {
    let mut all = Library::of(&story.world, A).0;
    story.dice.shuffle(&mut all);
    let share = story.dice.usize(1..=4);
    all.truncate(all.len() * share / 4);
    all
}

async fn unpublish(story: &mut Story) {
    for thing in part(story) {
        let locators: Vec<String> = thing.locators().map(|locator| locator.id.clone()).collect();
        for locator in locators {
            withdraw(story, &thing, &locator).await;
        }
    }
}

async fn delete(story: &mut Story) {
    for thing in part(story) {
        story.world.emulator.operator(A).delete_asset(thing.id()).await.unwrap();
        tell(format!("A: {} ({}) is deleted", thing.name(), thing.id()));
    }
}

fn protect(story: &mut Story) {
    for thing in part(story) {
        story.world.emulator.operator(A).link_content_key(thing.id(), 0).unwrap();
        tell(format!("A: {} ({}) is protected", thing.name(), thing.id()));
    }
}

/// Changes all blobs of some assets; in a large library, these are more than a hundred.
fn overwrite(story: &mut Story) {
    let things = if story.large && story.dice.bool() { Library::of(&story.world, A).0 } else { part(story) };
    for thing in things {
        let names: Vec<String> = thing.blobs().map(|(name, _)| name.clone()).collect();
        for name in names {
            change(story, &thing, &name);
        }
    }
}
