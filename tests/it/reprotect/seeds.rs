//! Simulated failover and return: a seed decides the library, the last changes of the source, and the edits of the
//! target while it is active and after the return. An oracle that is independent of the comparison checks the contents
//! and the playback of both accounts.
//!
//! `MEDIAMIRROR_SWITCH_SEED=17 cargo test --test it reprotect::seeds -- --nocapture` replays one seed and shows its
//! events, `MEDIAMIRROR_SWITCHES=2000` runs this number of seeds, starting with `MEDIAMIRROR_FIRST_SWITCH`.

mod edits;
mod oracle;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

use fastrand::Rng;
use globset::{Glob, GlobSet, GlobSetBuilder};
use mediamirror::engine::{Outcome, Summary};
use mediamirror::verdict::Cause;

use self::oracle::Expected;
use super::Mirror;
use crate::nights::look::{A, B, Library};
use crate::seeds::Simulation;
use crate::virtual_time;
use crate::world::World;

thread_local! {
    /// The events so far in the seed of this thread.
    static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn tell(line: impl Display) {
    TOLD.with_borrow_mut(|lines| lines.push(format!("    {line}")));
}

fn told() -> String {
    TOLD.with_borrow(|lines| lines.join("\n"))
}

#[test]
fn a_failover_and_a_return_lose_nothing_and_make_nothing_twice() {
    let simulation = Simulation {
        filter: "reprotect::seeds",
        replay: "MEDIAMIRROR_SWITCH_SEED",
        seeds: "MEDIAMIRROR_SWITCHES",
        first: "MEDIAMIRROR_FIRST_SWITCH",
        ordinary: 40,
        simulate,
        story: told,
    };
    simulation.run();
}

/// Conflicts that a person must decide: both sides have changed an asset, or one has deleted what the other changed.
const CONFLICTS: [Cause; 2] = [Cause::ChangedOnBothSides, Cause::ForeignLocatorRevoked];

fn simulate(seed: u64) {
    TOLD.take();
    fastrand::seed(seed);
    virtual_time::block_on(switch(seed));
}

/// The story of one seed.
struct Story {
    mirror: Mirror,
    dice: Rng,
    /// Originals that were edited in the source after the last night, and those whose copies were edited on the target.
    late: BTreeSet<String>,
    edited: BTreeSet<String>,
    /// The source after the last night.
    settled: Library,
    names: u32,
}

async fn switch(seed: u64) {
    let mut dice = Rng::with_seed(seed);
    let (assets, blobs) = (dice.u8(1..9), dice.u8(1..5));
    let recipe = format!("assets={assets},blobs={blobs},seed={seed},sizes=small,awkward=false,real=false");
    let mirror = Mirror::over(World::generated(&recipe).await);
    let settled = Library::of(&mirror.world, A);
    let mut story = Story { mirror, dice, late: BTreeSet::new(), edited: BTreeSet::new(), settled, names: 0 };
    tell(&recipe);
    story.time_passes().await;
    story.night().await;
    for _ in 0..story.dice.u8(..3) {
        story.edit_source().await;
        story.night().await;
    }
    story.all_is_seen();
    if story.dice.bool() {
        story.edit_source().await;
    }
    for _ in 0..story.dice.u8(1..3) {
        story.fail_over_and_back().await;
    }
}

impl Story {
    /// Marks that the last night has processed everything so far.
    fn all_is_seen(&mut self) {
        self.late.clear();
        self.settled = self.library(A);
    }

    async fn time_passes(&mut self) {
        tokio::time::advance(Duration::from_secs(self.dice.u64(600..90_000))).await;
    }

    /// A night that must make everything equal.
    async fn night(&mut self) {
        let summary = self.mirror.night().await;
        tell(format!("night: {:?}, {:?}, {:?}", summary.outcome, summary.assets, summary.causes));
        assert_eq!(summary.outcome, Outcome::Complete, "{:?} {:?}", summary.problems, summary.findings);
        self.time_passes().await;
    }

    fn library(&self, region: usize) -> Library {
        Library::of(&self.mirror.world, region)
    }

    async fn fail_over_and_back(&mut self) {
        let mut expected = Expected::at_the_failover(self);
        self.mirror.fail_over().await;
        tell("B is active");
        self.edited.clear();
        for round in 0..self.dice.u8(1..4) {
            self.time_passes().await;
            self.edit_target().await;
            self.time_passes().await;
            let before = self.library(A);
            let summary = self.reprotect(None).await;
            expected.holds_after_a_run_back(self, &before, &summary, round == 0);
        }
        let causes = self.dry(None).await.causes;
        if CONFLICTS.iter().any(|cause| causes.contains_key(cause)) {
            tell("what both have changed is taken from B");
            let everything = GlobSetBuilder::new().add(Glob::new("*").unwrap()).build().unwrap();
            self.reprotect(Some(everything)).await;
        }
        self.time_passes().await;
        let home = self.mirror.come_home().await;
        tell(format!("A is active: {home:?}"));
        expected.holds_at_home(self).await;
        self.night().await;
        let verification = self.mirror.verify().await;
        assert_eq!(verification.differences, [], "(f) after the first night");
        self.all_is_seen();
        self.edit_source().await;
        self.night().await;
        assert_eq!(self.mirror.verify().await.differences, [], "(f) after the second night");
        self.all_is_seen();
        if self.dice.bool() {
            self.edit_source().await;
        }
    }

    async fn dry(&self, prefer: Option<GlobSet>) -> Summary {
        self.mirror.reprotect_preferring(true, prefer).await
    }

    /// Runs back, and checks that its dry run was right.
    async fn reprotect(&mut self, prefer: Option<GlobSet>) -> Summary {
        let dry = self.dry(prefer.clone()).await;
        let done = self.mirror.reprotect_preferring(false, prefer).await;
        tell(format!("back: {:?}, {:?}, {:?}, withdrawn {}", done.outcome, done.assets, done.causes, done.withdrawn));
        assert_eq!((dry.verdict, &dry.causes), (done.outcome, &done.causes), "(a) the dry run and the run");
        assert_eq!(dry.blobs.copied, done.blobs.copied, "(a) blobs of the dry run and of the run");
        assert_eq!(dry.withdrawn, done.withdrawn, "(a) locators of the dry run and of the run");
        assert!(matches!(done.outcome, Outcome::Complete | Outcome::Partial), "{:?}", done.findings);
        let expected = |cause: &Cause| CONFLICTS.contains(cause) || *cause == Cause::OriginalChanged;
        let only_conflicts = done.causes.keys().all(expected);
        assert!(only_conflicts, "(a) {:?}", done.problems);
        done
    }

    fn name(&mut self, what: &str) -> String {
        self.names += 1;
        format!("{what} {}", self.names)
    }

    /// The users' edits of the source on one day, or after the last night.
    async fn edit_source(&mut self) {
        for _ in 0..self.dice.u8(..4) {
            if let Some(original) = edits::edit(self, A).await {
                self.late.insert(original);
            }
        }
        self.time_passes().await;
    }

    /// The users' edits of the active target.
    async fn edit_target(&mut self) {
        for _ in 0..self.dice.u8(..6) {
            if let Some(copy) = edits::edit(self, B).await {
                self.edited.insert(copy);
            }
        }
    }
}
