//! Checks a night's verdicts: which guards are reached, and which causes have a reason. This follows from the contents
//! of both accounts, not from the planner.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use mediamirror::config::policy::Allow;
use mediamirror::engine::verify::{Difference, Verification};
use mediamirror::engine::{Outcome, Problem, Summary};
use mediamirror::model::AssetId;
use mediamirror::monitor::AssetOutcome;
use mediamirror::verdict::Cause;

use super::look::{Thing, is_ours};
use super::oracle::{Night, State};
use super::story::Story;

/// May a guard hold something tonight, and must it?
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reached {
    pub(super) may: bool,
    pub(super) must: bool,
}

/// Assets that stopped playing in an earlier night.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopped {
    pub(super) at: Timestamp,
    pub(super) published: u64,
    /// Including copies whose mark was removed.
    pub(super) most_published: u64,
    /// The smallest possible number, and the largest.
    pub(super) least: u64,
    pub(super) most: u64,
}

/// What the guards have to check tonight.
pub(super) struct Guards {
    pub(super) withdraw: Reached,
    pub(super) shrink: Reached,
    pub(super) overwrite: Reached,
    /// Copies that A does not want to play any more, and those that play.
    pub(super) stopping: u64,
    pub(super) published: u64,
    /// Including copies whose mark was removed.
    pub(super) most_published: u64,
}

/// The number of assets that stop playing above which the guard holds, by the contract.
fn limit(published: u64) -> u64 {
    if published < 40 { (published / 2).max(3) } else { (published / 10).max(20) }
}

impl Guards {
    /// `earlier`: what earlier nights stopped, except those with faults.
    pub(super) fn of(state: &State, story: &Story, earlier: &[Stopped], now: Timestamp) -> Self {
        let published = state.b.copies().filter(|(copy, _)| copy.locators().any(is_ours)).count() as u64;
        // A copy whose mark was removed can count or not.
        let marked = |thing: &Thing| thing.origin().map(|origin| origin.source);
        let never = |holder: &Thing| holder.is_protected() || holder.look.options == 1;
        let stopping = stopping(state, now, marked, never);
        // An asset without blobs to which a locator moved counts, unless it is unknown that it has none.
        let at_most = self::stopping(state, now, |copy| story.source_of(copy), |heir| never(heir) || heir.is_empty());
        let recent: Vec<&Stopped> =
            earlier.iter().filter(|night| now.duration_since(night.at) < SignedDuration::from_hours(7 * 24)).collect();
        let least: u64 = recent.iter().map(|night| night.least).sum();
        let most: u64 = recent.iter().map(|night| night.most).sum();
        let at_first = recent.first().map_or(published, |night| night.published);
        let known = |copy: &&Thing| copy.locators().any(is_ours) && story.source_of(copy).is_some();
        let most_published = state.b.0.iter().filter(known).count() as u64;
        let most_at_first = recent.first().map_or(most_published, |night| night.most_published);
        let holds =
            stopping > 0 && least + stopping > limit(most_at_first) && stopping > limit(published.max(most_published));
        let alone = at_most > limit(published.min(at_first).saturating_sub(1));
        let may = alone || (at_most > 0 && most + at_most > limit(at_first));
        Self {
            withdraw: Reached { may: may || (story.was_troubled && at_most > 0), must: holds },
            shrink: shrink(state, story),
            overwrite: overwrite(state, story),
            stopping,
            published,
            most_published,
        }
    }

    /// May one of them hold something?
    fn may_hold(&self) -> bool {
        self.withdraw.may || self.shrink.may || self.overwrite.may
    }

    /// Must one of them hold something, without those whose held changes the operator allows?
    fn must_hold(&self, allowed: &Allow) -> bool {
        let must = |reached: Reached, allowed: &Option<String>| reached.must && allowed.is_none();
        must(self.withdraw, &allowed.withdraw)
            || must(self.shrink, &allowed.shrink)
            || must(self.overwrite, &allowed.overwrite)
    }
}

/// Copies with one of our valid locators that A does not serve from the copy's asset, if A publishes nothing of that
/// asset or protects it. A moved locator does not count, unless it moved to an asset that B `never` publishes.
fn stopping(
    state: &State,
    now: Timestamp,
    source: impl Fn(&Thing) -> Option<String>,
    never: impl Fn(&Thing) -> bool,
) -> u64 {
    let stops = |copy: &Thing, source: &str| {
        let thing = state.a.get(source);
        let gone = thing.is_none_or(|thing| thing.is_protected() || thing.locators().next().is_none());
        gone && copy.locators().filter(|locator| is_ours(locator) && locator.expiry > Some(now)).any(|locator| {
            let holder = state.a.holder(&locator.guid).map(|(holder, _)| holder);
            holder.is_none_or(&never)
        })
    };
    state.b.0.iter().filter(|copy| source(copy).is_some_and(|source| stops(copy, &source))).count() as u64
}

/// Copies whose mark was removed can count or not.
fn shrink(state: &State, story: &Story) -> Reached {
    let copies = state.b.copies().filter(|(_, origin)| !origin.retired).map(|(_, origin)| origin.source);
    let marked = Shrunken::of(state, copies);
    let unmarked = state.b.0.iter().filter(|thing| thing.origin().is_none());
    let known = unmarked.filter_map(|thing| story.copies.get(thing.id()).cloned());
    let copies = state.b.copies().filter(|(_, origin)| !origin.retired).map(|(_, origin)| origin.source);
    let all = Shrunken::of(state, copies.chain(known));
    Reached { may: marked.is_many() || all.is_many(), must: marked.is_held() && all.is_held() }
}

/// Copies, and those whose source asset does not exist any more.
struct Shrunken {
    copies: usize,
    lost: usize,
}

impl Shrunken {
    fn of(state: &State, sources: impl Iterator<Item = String>) -> Self {
        let sources: Vec<String> = sources.collect();
        let lost = sources.iter().filter(|source| state.a.get(source).is_none()).count();
        Self { copies: sources.len(), lost }
    }

    fn is_many(&self) -> bool {
        self.lost * 5 > self.copies
    }

    /// The contract says "over 20 %"; with very few copies, the program holds only if all are lost.
    fn is_held(&self) -> bool {
        self.is_many() && (self.lost > 3 || self.lost == self.copies)
    }
}

/// Blobs of copies that have different bytes on both sides, and blobs that may have been written. A copy whose mark was
/// removed can count or not; the contents of an asset that is never published, or that has lost a blob, are not
/// compared.
fn overwrite(state: &State, story: &Story) -> Reached {
    let known = state.b.0.iter().filter_map(|copy| Some((copy, state.a.get(&story.source_of(copy)?)?)));
    let marked = state.b.copies().filter_map(|(copy, origin)| Some((copy, state.a.get(&origin.source)?)));
    let never = |thing: &Thing| thing.is_protected() || thing.look.options == 1 || thing.lacks_a_blob();
    let mirrored = marked.filter(|(_, thing)| !never(thing));
    let (most, least) = (Overwritten::of(known), Overwritten::of(mirrored));
    // Changes of users on B do not count, and equal bytes with another entity tag can count.
    Reached { may: most.changed + 20 > least.limit(), must: least.changed > most.limit() + 20 }
}

/// Blobs that are compared, and those with other bytes than their copies.
#[derive(Default)]
struct Overwritten {
    compared: u64,
    changed: u64,
}

impl Overwritten {
    fn of<'a>(pairs: impl Iterator<Item = (&'a Thing, &'a Thing)>) -> Self {
        let mut counted = Self::default();
        for (copy, thing) in pairs {
            for (name, blob) in thing.blobs() {
                let there = copy.blobs.as_ref().and_then(|blobs| blobs.get(name));
                counted.compared += 1;
                counted.changed += u64::from(there.is_some_and(|there| there != blob && there.bytes != blob.bytes));
            }
        }
        counted
    }

    fn limit(&self) -> u64 {
        (self.compared / 5).max(100)
    }
}

impl Night<'_> {
    /// (e) Every asset has one verdict, the counts add up, and the run ends accordingly.
    pub(super) fn verdicts_are_true(&self, guards: &Guards) {
        let counts = self.summary.assets;
        let not = counts.skipped + counts.failed + counts.conflicts + counts.held + counts.unchecked;
        let sum = counts.mirrored + counts.unchanged + not;
        assert_eq!((counts.total, sum), (self.after.a.0.len() as u64, counts.total), "(e) {counts:?}");
        let outcomes = self.outcomes();
        for thing in &self.after.a.0 {
            assert!(outcomes.contains_key(thing.id()), "(e) {} has no verdict", thing.name());
        }
        self.causes_have_reasons(guards);
        let allowed = &self.story.options.allow;
        let (must, may) = (guards.must_hold(allowed), guards.may_hold());
        match self.summary.outcome {
            Outcome::Held => assert!(may, "(e) held without a reason: {:?}", self.summary.problems),
            other => assert!(!must, "(e) a guard is reached, and the run is {other:?}"),
        }
        if self.summary.outcome == Outcome::Partial {
            let problems = &self.summary.problems;
            assert!(problems.iter().any(|problem| problem.owed), "(e) partial, and nothing is owed: {problems:?}");
        }
        if self.summary.outcome == Outcome::Complete {
            self.everything_plays_alike();
            let owed: Vec<_> = self.summary.problems.iter().filter(|problem| problem.owed).collect();
            assert!(owed.is_empty(), "(e) complete, and owed: {owed:?}");
        }
    }

    /// Every reported problem has a reason.
    fn causes_have_reasons(&self, guards: &Guards) {
        for problem in &self.summary.problems {
            let thing = self.after.a.get(problem.asset.as_str());
            let good = self.has_a_reason(problem.finding.cause, problem.asset.as_str(), thing, guards);
            assert!(good, "(e) {}: {} is not true", problem.name, problem.finding);
        }
        let other = self.summary.findings.iter().find(|finding| finding.cause != Cause::DeletionsPutOff);
        assert!(other.is_none(), "(e) {other:?}");
    }

    fn has_a_reason(&self, cause: Cause, source: &str, thing: Option<&Thing>, guards: &Guards) -> bool {
        let known = |copy: &&Thing| self.story.source_of(copy).as_deref() == Some(source);
        let copies: Vec<&Thing> = self.after.b.0.iter().filter(known).collect();
        let held = guards.may_hold();
        if cause == Cause::HeldByGuard {
            return held;
        }
        // Also for an asset that A deleted; for a copy whose mark was removed, by the copy's own id.
        if cause == Cause::ForeignLocatorRevoked {
            let itself = self.after.b.get(source);
            return copies.into_iter().chain(itself).any(|copy| self.is_revoked_elsewhere(copy));
        }
        // For an asset that A deleted.
        if cause == Cause::NotDeleted {
            return thing.is_none() && self.story.options.policy.delete_after.is_some();
        }
        let Some(thing) = thing else { return false };
        match cause {
            Cause::PlaysInTheClear => held && thing.is_protected(),
            Cause::Protected => thing.is_protected(),
            Cause::StorageEncrypted => thing.look.options == 1,
            Cause::SourceEmpty => thing.is_empty() && copies.is_empty(),
            Cause::SourceLost => thing.is_empty() || thing.lacks_a_blob(),
            Cause::ArchivedInSource => thing.blobs().any(|(_, blob)| blob.is_archived()),
            Cause::ArchivedInTarget => self.is_archived_in_target(source),
            Cause::LocatorIdTaken => thing.locators().any(|locator| self.is_taken(&locator.guid)),
            Cause::NoLocatorRoom => self.is_full(thing),
            Cause::RequestRefused => thing.has_a_record_that_cannot_be_made(),
            _ => false,
        }
    }

    /// Does a copy of that asset have an archived blob that the asset has, too?
    fn is_archived_in_target(&self, source: &str) -> bool {
        let Some(thing) = self.after.a.get(source) else { return false };
        let copies = self.after.b.0.iter().filter(|copy| self.story.source_of(copy).as_deref() == Some(source));
        copies
            .flat_map(Thing::blobs)
            .any(|(name, blob)| blob.is_archived() && thing.blobs().any(|(ours, _)| ours == name))
    }

    /// The causes by asset, and whether they are owed. If both sides have archived blobs, a run can report either side.
    pub(super) fn named(&self, summary: &Summary) -> BTreeSet<(AssetId, Cause, bool)> {
        let both = |asset: &AssetId| {
            let thing = self.after.a.get(asset.as_str());
            let in_source = thing.is_some_and(|thing| thing.blobs().any(|(_, blob)| blob.is_archived()));
            in_source && self.is_archived_in_target(asset.as_str())
        };
        let named = summary.problems.iter().map(|problem| {
            let cause = match problem.finding.cause {
                Cause::ArchivedInTarget if both(&problem.asset) => Cause::ArchivedInSource,
                cause => cause,
            };
            (problem.asset.clone(), cause, problem.owed)
        });
        named.collect()
    }

    /// Does a foreign locator use this locator id of A on B?
    fn is_taken(&self, guid: &str) -> bool {
        let theirs = |state: &State| state.b.holder(guid).is_some_and(|(_, locator)| !is_ours(locator));
        theirs(self.before) || theirs(self.after)
    }

    /// Does the copy have a foreign locator with an id that A once served, and serves no more?
    fn is_revoked_elsewhere(&self, copy: &Thing) -> bool {
        let revoked = |guid: &str| self.story.served.contains(guid) && self.after.a.holder(guid).is_none();
        copy.locators().any(|locator| !is_ours(locator) && revoked(&locator.guid))
    }

    /// Would the copy have more than five locators, with foreign ones, those that a guard holds, and those that moved
    /// away tonight? Locators that A has withdrawn do not count.
    fn is_full(&self, thing: &Thing) -> bool {
        let wanted: BTreeSet<&str> = thing.locators().map(|locator| locator.guid.as_str()).collect();
        let (before, after) = (self.before.b.copies_of(thing.id()), self.after.b.copies_of(thing.id()));
        let left = before.iter().flat_map(|copy| copy.look.locators.iter());
        let left = left.filter(|locator| self.after.a.holder(&locator.guid).is_some());
        let there = after.iter().flat_map(|copy| copy.look.locators.iter()).chain(left);
        wanted.into_iter().chain(there.map(|locator| locator.guid.as_str())).collect::<BTreeSet<_>>().len() > 5
    }

    /// Is it a locator that moved to an asset which could not be mirrored?
    fn waits(&self, guid: &str) -> bool {
        let holder = self.after.a.holder(guid);
        holder.is_some_and(|(holder, _)| !self.causes_of(holder.id()).is_empty())
    }

    /// Are the held things copies that play nothing of ours: the source asset is gone, or the copy had lost its container and
    /// was replaced?
    fn holds_what_plays_nothing(&self) -> bool {
        let held: Vec<_> = self.summary.problems.iter().filter(|problem| problem.owed).collect();
        !held.is_empty()
            && held.iter().all(|problem| {
                let source = problem.asset.as_str();
                let of_source = |copy: &&Thing| self.story.source_of(copy).as_deref() == Some(source);
                let before: Vec<&Thing> = self.before.b.0.iter().filter(of_source).collect();
                let stays =
                    before.iter().all(|copy| !copy.locators().any(is_ours) && self.after.b.get(copy.id()).is_some());
                let gone = self.after.a.get(source).is_none() && stays;
                let lost = !before.is_empty() && before.iter().all(|copy| copy.blobs.is_none());
                let replaced = lost && self.after.b.copies_of(source).iter().any(|copy| copy.blobs.is_some());
                problem.finding.cause == Cause::HeldByGuard && (gone || replaced)
            })
    }

    /// Of (e): directly after the run, `verify` reports the same as the run.
    pub(super) fn agrees_with(&self, verification: &Verification) {
        let outcome = self.summary.outcome;
        let excused = |difference: &&Difference| {
            let asset = difference.asset.as_str();
            let late = self.story.records_may_differ(asset);
            late && difference.what.contains("file record")
        };
        let differences: Vec<_> = verification.differences.iter().filter(|one| !excused(one)).collect();
        // The blobs that A has lost are known from its file records.
        let late = |problem: &&Problem| {
            let asset = problem.asset.as_str();
            let lost = self.after.a.get(asset).is_some_and(|thing| thing.is_empty() || thing.lacks_a_blob());
            problem.finding.cause == Cause::SourceLost && lost && self.story.records_may_differ(asset)
        };
        let owed: Vec<&Problem> = verification.problems.iter().filter(|problem| problem.owed).collect();
        let excused = !owed.is_empty() && owed.iter().all(late);
        let clean = differences.is_empty() && !verification.owes();
        match outcome {
            Outcome::Complete => {
                let fine = clean || (differences.is_empty() && excused);
                assert!(fine, "(e) complete, and verify finds {differences:?} {:?}", verification.problems);
            }
            // New copies of the same night can make the guard on shrinking allow the others, and held changes of a
            // replaced copy disappear with it.
            Outcome::Held if clean && self.holds_what_plays_nothing() => {}
            _ => assert!(!clean, "(e) {outcome:?} {:?}, and verify finds nothing", self.summary.problems),
        }
        for (source, outcome) in self.outcomes() {
            let good = matches!(outcome, AssetOutcome::Mirrored | AssetOutcome::Unchanged);
            let found = differences.iter().find(|one| one.asset.as_str() == source && !self.waits(&one.item));
            assert!(!good || found.is_none(), "(e) {source} is {outcome:?}, and verify finds {found:?}");
        }
    }
}
