//! The conditions after a run back and after the return, from the contents of both accounts.

use std::collections::{BTreeMap, BTreeSet};

use mediamirror::engine::Summary;
use mediamirror::verdict::Cause;

use super::Story;
use crate::nights::look::{A, B, Library, Thing};

/// The expectations when the target becomes active.
pub(super) struct Expected {
    /// Copy -> original.
    originals: BTreeMap<String, String>,
    /// Originals that were edited after the last night, even if the edit was undone.
    late: BTreeSet<String>,
    /// The remaining edits of originals that only A has.
    left: BTreeMap<String, Vec<Aspect>>,
    /// Copies whose originals were deleted after the last night.
    retired: BTreeSet<String>,
}

/// A part of an asset, and its value; `None` if it does not exist.
type Aspect = (Part, Option<String>);

/// A part that can be edited separately.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Name,
    Blob(String),
    Locator(String),
}

impl Expected {
    pub(super) fn at_the_failover(story: &Story) -> Self {
        let target = story.library(B);
        let (mut originals, mut retired) = (BTreeMap::new(), BTreeSet::new());
        for (copy, origin) in target.copies() {
            if origin.retired {
                retired.insert(copy.id().to_owned());
            } else {
                originals.insert(copy.id().to_owned(), origin.source);
            }
        }
        let source = story.library(A);
        let left = story.late.iter().filter_map(|original| {
            let (was, is) = (aspects(story.settled.get(original)?), aspects(source.get(original)?));
            let parts: BTreeSet<&Part> = was.keys().chain(is.keys()).collect();
            let edited = parts.into_iter().filter(|part| was.get(part) != is.get(part));
            Some((original.clone(), edited.map(|part| (part.clone(), is.get(part).cloned())).collect()))
        });
        let left = left.collect();
        Self { originals, late: story.late.clone(), left, retired }
    }

    /// Does A have an edit of that original that the copy does not have? When the copy has all of them, A is in the
    /// state after a run back.
    fn is_left(&mut self, original: &str, copy: &Thing) -> bool {
        let there = aspects(copy);
        let left = self.left.get(original);
        let is_left = left.is_some_and(|left| left.iter().any(|(part, is)| there.get(part) != is.as_ref()));
        if !is_left {
            self.left.remove(original);
        }
        is_left
    }

    /// The conditions after each run back. `first`: it is the first one since the failover, so the earlier state of A
    /// is known.
    pub(super) fn holds_after_a_run_back(&mut self, story: &Story, before: &Library, summary: &Summary, first: bool) {
        let (a, b) = (story.library(A), story.library(B));
        let conflicts: BTreeSet<&str> = summary
            .problems
            .iter()
            .filter(|problem| problem.finding.cause == Cause::ChangedOnBothSides)
            .map(|problem| problem.asset.as_str())
            .collect();
        let copies: Vec<&Thing> = b.0.iter().filter(|copy| !self.retired.contains(copy.id())).collect();
        for copy in copies {
            let original = self.originals.get(copy.id()).cloned();
            let late = original.filter(|original| self.late.contains(original));
            let Some(original) = late else {
                assert!(!conflicts.contains(copy.id()), "(b) {} changed on B alone", copy.name());
                is_equal(&a, copy);
                continue;
            };
            let Some(was) = before.get(&original) else { continue };
            let is_kept = a.get(&original).is_some_and(|is| was.blobs == is.blobs && was.look.name == is.look.name);
            let edited = story.edited.contains(copy.id());
            assert!(edited || !conflicts.contains(copy.id()), "(b) {} is no conflict", copy.name());
            if self.is_left(&original, copy) {
                assert!(is_kept, "(b) {} changed in A, and a run back changed it", copy.name());
            } else if !is_kept {
                is_equal(&a, copy);
            }
        }
        if first {
            self.untouched_originals_are_untouched(story, before, &a, &b);
        }
        self.deleted_copies_do_not_play(&a, &b);
        nothing_is_there_twice(&a);
    }

    /// Originals that were not edited on B since the failover are unchanged in A.
    fn untouched_originals_are_untouched(&self, story: &Story, before: &Library, a: &Library, b: &Library) {
        for (copy, original) in &self.originals {
            if b.get(copy).is_some() && !story.edited.contains(copy) {
                let was = before.get(original);
                assert!(was.is_none() || was == a.get(original), "(c) {original} was written to for nothing");
            }
        }
    }

    /// Assets that were deleted on B do not play from A, unless A has changed their locators meanwhile.
    fn deleted_copies_do_not_play(&self, a: &Library, b: &Library) {
        for (copy, original) in &self.originals {
            if b.get(copy).is_none() && !self.late.contains(original) {
                let plays = a.get(original).is_some_and(|thing| thing.locators().next().is_some());
                assert!(!plays, "(d) {copy} was deleted on B, and {original} plays in A");
            }
        }
    }

    /// After the return, nothing is marked in A, and A plays what B plays, except for changes that only A has.
    pub(super) async fn holds_at_home(&self, story: &Story) {
        let (a, b) = (story.library(A), story.library(B));
        for thing in &a.0 {
            let marked = thing.look.alternate_id.as_deref().is_some_and(|text| text.starts_with("mediamirror:"));
            assert!(!marked, "(e) {} is still marked as a copy", thing.name());
            assert!(b.copies_of(thing.id()).len() <= 1, "(e) {} has several copies", thing.name());
        }
        let (plays_a, plays_b) =
            (story.mirror.world.emulator.plays(A).await, story.mirror.world.emulator.plays(B).await);
        for (guid, played) in &plays_b {
            let copy = b.holder(guid).map(|(copy, _)| copy.id().to_owned()).unwrap_or_default();
            let is_late = self.originals.get(&copy).is_some_and(|original| self.late.contains(original));
            if is_late || self.retired.contains(&copy) {
                continue;
            }
            for (path, answer) in played.answers.iter().filter(|(_, answer)| answer.status == 200) {
                let there = plays_a.get(guid).and_then(|played| played.answers.get(path));
                assert!(there == Some(answer), "(e) {guid}/{path} plays in B, and A answers {there:?}");
            }
        }
    }
}

/// All parts of an asset.
fn aspects(thing: &Thing) -> BTreeMap<Part, String> {
    let name = (Part::Name, thing.name().to_owned());
    let blobs = thing.blobs().map(|(name, blob)| {
        let (metadata, tags) = (&blob.described.metadata, &blob.described.tags);
        (Part::Blob(name.clone()), format!("{:?} {metadata:?} {tags:?}", blob.bytes))
    });
    let locators = thing.locators().map(|locator| {
        let expiry = locator.expiry.map(jiff::Timestamp::as_second);
        (Part::Locator(locator.guid.clone()), format!("{:?} {expiry:?}", locator.name))
    });
    std::iter::once(name).chain(blobs).chain(locators).collect()
}

/// Checks that the asset of A that belongs to a copy is equal to it.
fn is_equal(a: &Library, copy: &Thing) {
    let of_mark = copy.origin().and_then(|origin| a.get(&origin.source));
    let born = || a.0.iter().find(|thing| is_copy_of(thing, copy.id()));
    let thing = born().or(of_mark).unwrap_or_else(|| panic!("(b) {} ({}) is not in A", copy.name(), copy.id()));
    let (mut there, wanted) = (aspects(thing), aspects(copy));
    // A blob that B has deleted is kept in A.
    there.retain(|part, _| !matches!(part, Part::Blob(_)) || wanted.contains_key(part));
    assert_eq!(there, wanted, "(b) {} ({})", copy.name(), copy.id());
}

fn is_copy_of(thing: &Thing, of: &str) -> bool {
    let mark = format!("mediamirror:mediaeast;{of};{};", thing.id());
    thing.look.alternate_id.as_deref().is_some_and(|text| text.starts_with(&mark))
}

fn nothing_is_there_twice(a: &Library) {
    let mut seen = BTreeSet::new();
    for thing in &a.0 {
        let of = thing.look.alternate_id.as_deref().and_then(|text| text.strip_prefix("mediamirror:mediaeast;"));
        if let Some(of) = of.and_then(|text| text.split(';').next()) {
            assert!(seen.insert(of.to_owned()), "(f) {of} is in A twice");
        }
    }
}
