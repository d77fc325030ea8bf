//! What must be true after a run back and after the return, from what both accounts hold.

use std::collections::{BTreeMap, BTreeSet};

use mediamirror::engine::Summary;
use mediamirror::verdict::Cause;

use super::Story;
use crate::nights::look::{A, B, Library, Thing};

/// What is known when the target becomes active.
pub(super) struct Expected {
    /// Copy -> original.
    originals: BTreeMap<String, String>,
    /// Originals that changed in the last hours.
    late: BTreeSet<String>,
    /// Copies whose originals had been deleted before a night saw it.
    retired: BTreeSet<String>,
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
        Self { originals, late: story.late.clone(), retired }
    }

    /// After each run back. `first`: it is the first since the failover, so that what was written to A before is known.
    pub(super) fn holds_after_a_run_back(&self, story: &Story, before: &Library, summary: &Summary, first: bool) {
        let (a, b) = (story.library(A), story.library(B));
        let conflicts: BTreeSet<&str> = summary
            .problems
            .iter()
            .filter(|problem| problem.finding.cause == Cause::ChangedOnBothSides)
            .map(|problem| problem.asset.as_str())
            .collect();
        for copy in b.0.iter().filter(|copy| !self.retired.contains(copy.id())) {
            let original = self.originals.get(copy.id());
            let late = original.is_some_and(|original| self.late.contains(original));
            let edited = story.edited.contains(copy.id());
            if late {
                let kept = original.and_then(|original| Some((before.get(original)?, a.get(original)?)));
                let is_kept = kept.is_some_and(|(was, is)| was.blobs == is.blobs && was.look.name == is.look.name);
                let was_deleted = original.is_some_and(|original| before.get(original).is_none());
                assert!(was_deleted || is_kept, "(b) {} changed in A, and a run back changed it", copy.name());
                assert!(was_deleted || edited || !conflicts.contains(copy.id()), "(b) {} is no conflict", copy.name());
            } else {
                assert!(!conflicts.contains(copy.id()), "(b) {} changed on B alone", copy.name());
                is_equal(&a, copy);
            }
        }
        if first {
            self.untouched_originals_are_untouched(story, before, &a, &b);
        }
        self.deleted_copies_do_not_play(&a, &b);
        nothing_is_there_twice(&a);
    }

    /// What nobody edited on B since the failover is in A as it was.
    fn untouched_originals_are_untouched(&self, story: &Story, before: &Library, a: &Library, b: &Library) {
        for (copy, original) in &self.originals {
            if b.get(copy).is_some() && !story.edited.contains(copy) {
                let was = before.get(original);
                assert!(was.is_none() || was == a.get(original), "(c) {original} was written to for nothing");
            }
        }
    }

    /// What was deleted on B does not play from A, unless A has changed its locators meanwhile.
    fn deleted_copies_do_not_play(&self, a: &Library, b: &Library) {
        for (copy, original) in &self.originals {
            if b.get(copy).is_none() && !self.late.contains(original) {
                let plays = a.get(original).is_some_and(|thing| thing.locators().next().is_some());
                assert!(!plays, "(d) {copy} was deleted on B, and {original} plays in A");
            }
        }
    }

    /// After the return nothing is marked in A, and A plays what B plays but for what A alone has changed.
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

/// The asset of A that belongs to a copy is what the copy is.
fn is_equal(a: &Library, copy: &Thing) {
    let of_mark = copy.origin().and_then(|origin| a.get(&origin.source));
    let born = || a.0.iter().find(|thing| is_copy_of(thing, copy.id()));
    let thing = born().or(of_mark).unwrap_or_else(|| panic!("(b) {} ({}) is not in A", copy.name(), copy.id()));
    assert_eq!(thing.look.name, copy.look.name, "(b) the name of {}", copy.id());
    for (name, content) in copy.blobs() {
        let there = thing.blobs.as_ref().and_then(|blobs| blobs.get(name));
        let same = there.is_some_and(|there| {
            (there.bytes, &there.described.metadata, &there.described.tags)
                == (content.bytes, &content.described.metadata, &content.described.tags)
        });
        assert!(same, "(b) {}/{name} differs", copy.name());
    }
    let guids = |thing: &Thing| -> BTreeMap<String, (Option<String>, Option<i64>)> {
        let terms = |locator: &mediamirror::emulator::LocatorLook| {
            (locator.name.clone(), locator.expiry.map(jiff::Timestamp::as_second))
        };
        thing.locators().map(|locator| (locator.guid.clone(), terms(locator))).collect()
    };
    assert_eq!(guids(thing), guids(copy), "(b) the locators of {} ({})", copy.name(), copy.id());
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
