//! The conditions after a night, from the contents of both accounts and the users' edits. Nothing here uses the
//! planner.

use std::collections::{BTreeMap, BTreeSet};

use mediamirror::emulator::{Headers, LocatorLook, Played};
use mediamirror::engine::Summary;
use mediamirror::monitor::{AssetOutcome, RunEvent, TestMonitor};
use mediamirror::verdict::Cause;

use super::look::{A, B, BlobLook, Library, Thing, is_ours};
use super::story::Story;
use crate::world::World;

/// Services store times in steps; two with a smaller difference are equal.
const SAME_TIME_MS: i64 = 1_000;

/// Both accounts at one point in time.
pub(super) struct State {
    pub(super) a: Library,
    pub(super) b: Library,
    pub(super) plays_a: BTreeMap<String, Played>,
    pub(super) plays_b: BTreeMap<String, Played>,
}

impl State {
    pub(super) async fn of(world: &World) -> Self {
        Self {
            a: Library::of(world, A),
            b: Library::of(world, B),
            plays_a: world.emulator.plays(A).await,
            plays_b: world.emulator.plays(B).await,
        }
    }
}

/// A night that ended with a summary.
pub(super) struct Night<'s> {
    pub(super) story: &'s Story,
    pub(super) before: &'s State,
    pub(super) after: &'s State,
    pub(super) summary: &'s Summary,
    pub(super) monitor: &'s TestMonitor,
}

/// The paths below locators that play: the answer is 200.
fn played(plays: &BTreeMap<String, Played>) -> impl Iterator<Item = (&String, &String, Option<[u8; 32]>)> {
    plays.iter().flat_map(|(guid, played)| {
        let answers = played.answers.iter().filter(|(_, answer)| answer.status == 200);
        answers.map(move |(path, answer)| (guid, path, answer.fingerprint))
    })
}

/// What B played before, and A still serves without encryption, still plays, unless B played it from the copy of an
/// asset that A protects now. True after every night, even with faults.
pub(super) fn nothing_went_dark(before: &State, after: &State) {
    for (guid, path, _) in played(&before.plays_b) {
        let served = after.plays_a.get(guid).and_then(|played| played.answers.get(path));
        let holder = after.a.holder(guid).map(|(thing, _)| thing);
        if served.is_none_or(|answer| answer.status != 200) || holder.is_none_or(Thing::is_protected) {
            continue;
        }
        let played_from = before.b.holder(guid).and_then(|(copy, _)| copy.origin());
        let withdrawn = after.b.holder(guid).is_none();
        if withdrawn && played_from.and_then(|origin| after.a.get(&origin.source)).is_some_and(Thing::is_protected) {
            continue;
        }
        let now = after.plays_b.get(guid).and_then(|played| played.answers.get(path)).map(|answer| answer.status);
        assert!(now == Some(200), "(c) {guid}/{path} played on B, A serves it, and B answers {now:?}");
    }
}

/// Foreign things on B are unchanged. True after every night, even with faults. A copy that lost its container is
/// replaced, together with locators that no listing shows if all listings hide some.
pub(super) fn nothing_foreign_was_touched(story: &Story, before: &State, after: &State, are_locators_hidden: bool) {
    for id in &story.foreign_assets {
        assert_eq!(before.b.get(id), after.b.get(id), "(d) foreign asset {id} was changed");
    }
    let locator = |library: &Library, id: &str| {
        library
            .locators()
            .find(|(_, locator)| locator.id == id)
            .map(|(thing, locator)| (thing.id().to_owned(), locator.clone()))
    };
    for id in &story.foreign_locators {
        let holder = before.b.locators().find(|(_, locator)| locator.id == *id).map(|(holder, _)| holder);
        let replaced =
            |holder: &Thing| holder.blobs.is_none() && holder.origin().is_some() && after.b.get(holder.id()).is_none();
        if are_locators_hidden && holder.is_some_and(replaced) {
            continue;
        }
        assert_eq!(locator(&before.b, id), locator(&after.b, id), "(d) foreign locator {id} was changed");
    }
    for (container, name) in &story.foreign_blobs {
        let blob = |library: &Library| {
            let thing = library.0.iter().find(|thing| thing.look.container == *container)?;
            thing.blobs.as_ref()?.get(name).cloned()
        };
        let was = blob(&before.b);
        assert!(was.is_none() || was == blob(&after.b), "(d) foreign blob {name} was changed");
    }
}

/// Things missing in the source are deleted only after the configured time, and never if they play. True after every
/// night, even with faults.
pub(super) fn nothing_is_deleted_early(story: &Story, before: &State, after: &State) {
    let now = mediamirror::clock::now();
    let is_due = |asset: &str, blob: Option<&str>| {
        let lacking = story.lacking.get(&(asset.to_owned(), blob.map(str::to_owned)));
        let after = story.options.policy.delete_after.map(mediamirror::config::policy::Age::duration);
        lacking.zip(after).is_some_and(|(since, after)| now.duration_since(*since) >= after)
    };
    for (copy, origin) in before.b.copies() {
        // One that lost its container is replaced.
        let Some(was) = &copy.blobs else { continue };
        let there = after.b.get(copy.id());
        let Some(there) = there else {
            let plays = copy.locators().next().is_some();
            let may = origin.retired && !plays && is_due(&origin.source, None);
            assert!(may, "(g) the copy {} of {} was deleted", copy.id(), origin.source);
            continue;
        };
        for name in was.keys().filter(|name| there.blobs.as_ref().is_none_or(|blobs| !blobs.contains_key(*name))) {
            let may = is_due(&origin.source, Some(name)) && after.a.get(&origin.source).is_some();
            assert!(may, "(g) blob {name} of {} was deleted", copy.id());
        }
    }
}

/// No source asset has two complete copies. True after every night, even with faults.
pub(super) fn nothing_is_there_twice(after: &State) {
    for thing in &after.a.0 {
        let copies: Vec<&str> = after.b.copies_of(thing.id()).into_iter().map(Thing::id).collect();
        assert!(copies.len() <= 1, "(f) {} has the copies {copies:?}", thing.name());
    }
}

impl Night<'_> {
    /// The outcome of each source asset according to the run.
    pub(super) fn outcomes(&self) -> BTreeMap<String, AssetOutcome> {
        let ended = self.monitor.events().into_iter().filter_map(|event| match event {
            RunEvent::AssetFinished { asset, outcome, .. } => Some((asset.as_str().to_owned(), outcome)),
            _ => None,
        });
        ended.collect()
    }

    /// The causes of an asset in the summary.
    pub(super) fn causes_of(&self, source: &str) -> BTreeSet<Cause> {
        let problems = self.summary.problems.iter().filter(|problem| problem.asset.as_str() == source);
        problems.map(|problem| problem.finding.cause).collect()
    }

    /// Does a guard hold something of that asset, and is this reported?
    fn is_held(&self, source: &str) -> bool {
        let held = [Cause::HeldByGuard, Cause::PlaysInTheClear, Cause::SourceOlder];
        self.causes_of(source).iter().any(|cause| held.contains(cause))
    }

    /// (a) Assets that are reported as mirrored are equal on B and in A.
    pub(super) fn mirrored_assets_are_equal(&self) {
        for (source, outcome) in self.outcomes() {
            if let (AssetOutcome::Mirrored | AssetOutcome::Unchanged, Some(thing)) =
                (outcome, self.after.a.get(&source))
            {
                let copies = self.after.b.copies_of(&source);
                let [copy] = copies.as_slice() else {
                    panic!("(a) {} is mirrored and has {} copies", thing.name(), copies.len())
                };
                self.is_equal(thing, copy);
            }
        }
    }

    fn is_equal(&self, thing: &Thing, copy: &Thing) {
        let name = thing.name();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        assert_eq!(text(&thing.look.name), text(&copy.look.name), "(a) the name of {name}");
        let origin = copy.origin().unwrap();
        let alternate_id = thing.look.alternate_id.clone().filter(|text| !text.is_empty());
        assert_eq!((origin.original, origin.retired), (alternate_id, false), "(a) the alternate id of {name}");
        for (blob, content) in thing.blobs() {
            let there = copy.blobs.as_ref().and_then(|blobs| blobs.get(blob));
            let there = there.unwrap_or_else(|| panic!("(a) {name}/{blob} is missing"));
            blobs_are_equal(&format!("{name}/{blob}"), content, there);
        }
        let had = self.story.had.get(thing.id());
        for (blob, _) in copy.blobs().filter(|(blob, _)| !thing.blobs().any(|(name, _)| name == *blob)) {
            let kept = had.is_some_and(|had| had.contains(blob));
            let theirs = self.story.foreign_blobs.contains(&(copy.look.container.clone(), blob.clone()));
            assert!(kept || theirs, "(a) {name}/{blob} is on B alone");
        }
        self.kept_blobs_are_kept(thing, copy);
        if !self.story.records_may_differ(thing.id()) {
            records_are_equal(thing, copy);
        }
        locators_are_equal(thing, copy);
    }

    /// Blobs of B that A has deleted are kept.
    fn kept_blobs_are_kept(&self, thing: &Thing, copy: &Thing) {
        let Some(was) = self.before.b.get(copy.id()) else { return };
        for (blob, content) in was.blobs().filter(|(blob, _)| !thing.blobs().any(|(name, _)| name == *blob)) {
            let there = copy.blobs.as_ref().and_then(|blobs| blobs.get(blob));
            // Another rule checks that it was not deleted early.
            let is_deleted = there.is_none() && self.story.options.policy.delete_after.is_some();
            assert!(is_deleted || Some(content) == there, "(a) {}/{blob} is not kept", thing.name());
        }
    }

    /// (b) None of our locators plays that A has withdrawn, and nothing that A protects plays without encryption.
    pub(super) fn nothing_plays_that_was_withdrawn(&self) {
        for (copy, locator) in self.after.b.locators().filter(|(_, locator)| is_ours(locator)) {
            let source = self.story.source_of(copy);
            let label = || format!("{} on {} ({})", locator.id, copy.name(), copy.id());
            if source.as_ref().is_some_and(|source| self.is_held(source)) {
                continue;
            }
            // A copy without container and mark plays nothing, and nothing shows that it is ours.
            if copy.blobs.is_none() && copy.origin().is_none() && self.story.unmarked.contains(copy.id()) {
                continue;
            }
            match self.after.a.holder(&locator.guid) {
                None => panic!("(b) A has withdrawn {}", label()),
                Some((holder, _)) if holder.is_protected() => panic!("(b) A protects {}", label()),
                Some((holder, _)) if Some(holder.id()) != source.as_deref() => {
                    let waits = !self.causes_of(holder.id()).is_empty() && holder.look.options != 1;
                    assert!(waits, "(b) A has moved {} to {}", label(), holder.id());
                }
                Some(_) => {}
            }
        }
        for (guid, path, fingerprint) in played(&self.after.plays_b) {
            let Some((holder, _)) = self.after.a.holder(guid) else { continue };
            let Some((copy, _)) = self.after.b.holder(guid).filter(|(_, locator)| is_ours(locator)) else { continue };
            let source = self.story.copies.get(copy.id()).map_or(holder.id(), String::as_str);
            let clear = holder.is_protected() && fingerprint.is_some();
            assert!(
                !clear || self.is_held(source),
                "(b) {guid}/{path} plays in the clear, {} is protected",
                holder.name()
            );
        }
    }

    /// Does its copy have blobs that it does not have?
    fn has_kept_blobs(&self, thing: &Thing) -> bool {
        let copies = self.after.b.copies_of(thing.id());
        let has = |name: &String| thing.blobs().any(|(blob, _)| blob == name);
        copies.iter().any(|copy| copy.blobs().any(|(name, _)| !has(name)))
    }

    /// Of (e): after a run that is reported as complete, everything on B plays as in A.
    pub(super) fn everything_plays_alike(&self) {
        for (guid, path, fingerprint) in played(&self.after.plays_a) {
            let (holder, _) = self.after.a.holder(guid).unwrap();
            let accepted =
                (holder.is_protected() && self.story.accept.contains(&Cause::Protected)) || holder.look.options == 1;
            // A manifest depends on all blobs, and blobs that A has deleted are kept on B.
            if accepted || (path.contains(".ism/") && self.has_kept_blobs(holder)) {
                continue;
            }
            let there = self.after.plays_b.get(guid).and_then(|played| played.answers.get(path));
            let alike = there.is_some_and(|there| (there.status, there.fingerprint) == (200, fingerprint));
            assert!(alike, "(e) complete, but A plays {guid}/{path} of {} and B answers {there:?}", holder.name());
        }
    }
}

fn locators_are_equal(thing: &Thing, copy: &Thing) {
    let now = mediamirror::clock::now();
    for locator in thing.locators() {
        let there = copy.locators().find(|there| there.guid == locator.guid);
        match there {
            Some(there) => assert!(same_terms(locator, there), "(a) {locator:?} of {} is {there:?}", thing.name()),
            None => assert!(
                locator.expiry.is_some_and(|expiry| expiry <= now),
                "(a) {locator:?} of {} is missing",
                thing.name()
            ),
        }
    }
}

fn same_terms(source: &LocatorLook, target: &LocatorLook) -> bool {
    let near = |one: Option<jiff::Timestamp>, other: Option<jiff::Timestamp>| match (one, other) {
        (Some(one), Some(other)) => (one.as_millisecond() - other.as_millisecond()).abs() < SAME_TIME_MS,
        (None, None) => true,
        _ => false,
    };
    source.name == target.name && near(source.start, target.start) && near(source.expiry, target.expiry)
}

fn blobs_are_equal(name: &str, source: &BlobLook, target: &BlobLook) {
    assert_eq!(source.bytes, target.bytes, "(a) the bytes of {name}");
    let (source, target) = (&source.described, &target.described);
    assert_eq!(headers(&source.headers), headers(&target.headers), "(a) the headers of {name}");
    if source.headers.content_md5.is_some() {
        assert_eq!(source.headers.content_md5, target.headers.content_md5, "(a) the checksum of {name}");
    }
    let folded = |metadata: &BTreeMap<String, String>| {
        metadata.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(folded(&source.metadata), folded(&target.metadata), "(a) the metadata of {name}");
    assert_eq!(source.tags, target.tags, "(a) the tags of {name}");
}

/// Without the checksum; `application/octet-stream` is the same as no type.
fn headers(headers: &Headers) -> Headers {
    let content_type = headers.content_type.clone().filter(|kind| kind != "application/octet-stream");
    Headers { content_type, content_md5: None, ..headers.clone() }
}

fn records_are_equal(thing: &Thing, copy: &Thing) {
    let of = |thing: &Thing, wanted: &dyn Fn(&str) -> bool| {
        let files = thing.look.files.iter().filter(|file| wanted(&file.name));
        let described = files.map(|file| (file.name.clone(), (file.size, file.mime_type.clone(), file.primary)));
        described.collect::<BTreeMap<_, _>>()
    };
    let is_kept = |name: &str| {
        let has = |thing: &Thing| thing.blobs().any(|(blob, _)| blob == name);
        has(copy) && !has(thing) && !thing.look.files.iter().any(|file| file.name == name)
    };
    let (source, target) = (of(thing, &|_| true), of(copy, &|name| !is_kept(name)));
    assert_eq!(source, target, "(a) the file records of {}", thing.name());
}
