//! Everything that a seed decides: the library, the services, the users' edits between the nights, and the faults.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use mediamirror::config::policy::Policy;
use mediamirror::emulator::faults::plan::{Fault, FaultPlan, Mangle, Refuse, Rule};
use mediamirror::emulator::{Generate, NewLocator, Settings, Sizes};
use mediamirror::engine::Options;
use mediamirror::verdict::Cause;

use super::look::{A, B, Library, Thing};
use super::{edits_a, edits_b, mass};
use crate::world::{World, accepting};

thread_local! {
    /// The events so far in the seed of this thread.
    static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Clears the events of the previous seed.
pub(super) fn forget() {
    TOLD.take();
}

/// The events of the seed, one per line.
pub(super) fn told() -> String {
    TOLD.with_borrow(|lines| lines.join("\n"))
}

/// Notes that something happened.
pub(super) fn tell(line: impl Display) {
    TOLD.with_borrow_mut(|lines| lines.push(format!("    {line}")));
}

/// A world and all edits of users.
pub(super) struct Story {
    pub(super) world: World,
    pub(super) dice: Rng,
    pub(super) options: Options,
    /// Since when an asset, or a blob of one, is missing in A.
    pub(super) lacking: HashMap<(String, Option<String>), Timestamp>,
    /// The causes that the operator accepts.
    pub(super) accept: Vec<Cause>,
    /// Is the library large enough for the guard on overwriting?
    pub(super) large: bool,
    /// The asset whose locators are replaced every night.
    pub(super) rotating: Option<String>,
    /// Assets of B that are not ours, and locators of B that are not ours: they must not change.
    pub(super) foreign_assets: Vec<String>,
    pub(super) foreign_locators: Vec<String>,
    /// Blobs that users added to our copies, by container and name.
    pub(super) foreign_blobs: HashSet<(String, String)>,
    /// Locators of B whose ids A will use later, and the source asset if it is on its copy.
    pub(super) reserved: Vec<(NewLocator, Option<String>)>,
    /// When file records of source assets were edited so that only the weekly listing shows it.
    pub(super) records_edited: HashMap<String, Timestamp>,
    /// Every blob that a source asset ever had.
    pub(super) had: HashMap<String, HashSet<String>>,
    /// The locators that A ever had, by GUID.
    pub(super) served: HashSet<String>,
    /// Copies of ours -> their source assets, also those whose mark was removed.
    pub(super) copies: HashMap<String, String>,
    /// Blobs whose bytes were replaced with the same length, and those whose headers or metadata were changed. No blob
    /// is in both: without a checksum, a visible change explains the new entity tag (contract, section 3).
    pub(super) exchanged: HashSet<(String, String)>,
    pub(super) dressed: HashSet<(String, String)>,
    /// Was there a night with faults?
    pub(super) was_troubled: bool,
    /// Copies whose mark was removed.
    pub(super) unmarked: HashSet<String>,
    /// When listings of file records left something out, until the next weekly listing.
    pub(super) files_hidden: Option<Timestamp>,
    /// The number of names so far.
    names: u32,
}

impl Story {
    pub(super) async fn new(seed: u64) -> Self {
        let mut dice = Rng::with_seed(seed);
        let large = dice.u8(..12) == 0;
        let library = library(&mut dice, large);
        let settings = settings(&mut dice);
        let mut accept = vec![Cause::SourceEmpty, Cause::StorageEncrypted];
        if dice.bool() {
            accept.push(Cause::Protected);
        }
        // Separate random numbers, so that the other decisions of a seed do not change.
        let delete_after = match Rng::with_seed(seed ^ 0x00DE_1E7E).u8(..4) {
            0 => Some("1d".parse().unwrap()),
            1 => Some("2d".parse().unwrap()),
            _ => None,
        };
        let policy = Policy { delete_after, ..accepting(&accept) };
        let options = Options { policy, assets_in_flight: Some(dice.usize(1..=8)), ..Options::default() };
        let rotates = dice.u8(..3) == 0;
        tell(format!("{library:?}, accepts {accept:?}, deletes after {delete_after:?}"));
        let world = World::filled(settings, library).await;
        let mut story = Self {
            world,
            dice,
            options,
            lacking: HashMap::new(),
            accept,
            large,
            rotating: None,
            foreign_assets: Vec::new(),
            foreign_locators: Vec::new(),
            foreign_blobs: HashSet::new(),
            reserved: Vec::new(),
            records_edited: HashMap::new(),
            had: HashMap::new(),
            served: HashSet::new(),
            copies: HashMap::new(),
            exchanged: HashSet::new(),
            dressed: HashSet::new(),
            was_troubled: false,
            unmarked: HashSet::new(),
            files_hidden: None,
            names: 0,
        };
        if rotates {
            story.rotating = story.any(A, |thing| !thing.is_empty()).map(|thing| thing.look.id);
        }
        story.remember();
        // Nothing is copied in the second in which it was written, because services store times to the second.
        tokio::time::advance(Duration::from_hours(1)).await;
        story
    }

    /// Time passes until the next night.
    pub(super) async fn pass_a_day(&mut self) {
        let days = if self.dice.u8(..8) == 0 { 8 } else { 1 };
        tell(format!("{days} days pass"));
        tokio::time::advance(Duration::from_hours(24 * days)).await;
    }

    /// May the bytes of a blob be replaced with the same length?
    pub(super) fn may_exchange(&mut self, container: &str, blob: &str) -> bool {
        let blob = (container.to_owned(), blob.to_owned());
        let may = !self.dressed.contains(&blob);
        if may {
            self.exchanged.insert(blob);
        }
        may
    }

    /// May the headers or metadata of a blob be changed?
    pub(super) fn may_dress(&mut self, container: &str, blob: &str) -> bool {
        let blob = (container.to_owned(), blob.to_owned());
        let may = !self.exchanged.contains(&blob);
        if may {
            self.dressed.insert(blob);
        }
        may
    }

    /// The users' edits of one day.
    pub(super) async fn live(&mut self) {
        self.remember();
        if self.rotating.is_some() {
            edits_a::rotate(self).await;
        }
        if self.dice.u8(..6) == 0 {
            mass::edit(self).await;
        }
        for _ in 0..self.dice.u8(..7) {
            if self.dice.u8(..5) < 3 {
                edits_a::edit(self).await;
            } else {
                edits_b::edit(self).await;
            }
            self.remember();
            if self.dice.bool() {
                tokio::time::advance(Duration::from_secs(self.dice.u64(..3_600))).await;
            }
        }
        self.remember();
    }

    /// Records which blobs the source has, and which copies are ours.
    fn remember(&mut self) {
        for (copy, origin) in Library::of(&self.world, B).copies() {
            self.copies.insert(copy.id().to_owned(), origin.source);
        }
        let now = mediamirror::clock::now();
        let things = Library::of(&self.world, A).0;
        let lacks = |(asset, blob): &(String, Option<String>)| match things.iter().find(|thing| thing.id() == asset) {
            None => true,
            Some(thing) => blob.as_ref().is_some_and(|blob| !thing.blobs().any(|(name, _)| name == blob)),
        };
        self.lacking.retain(|thing, _| lacks(thing));
        for (asset, blobs) in &self.had {
            let blobs = blobs.iter().map(|blob| Some(blob.clone())).chain([None]);
            for thing in blobs.map(|blob| (asset.clone(), blob)).filter(lacks) {
                self.lacking.entry(thing).or_insert(now);
            }
        }
        for thing in things {
            let had = self.had.entry(thing.id().to_owned()).or_default();
            had.extend(thing.blobs().map(|(name, _)| name.clone()));
            self.served.extend(thing.locators().map(|locator| locator.guid.clone()));
        }
    }

    /// The source asset of which it is our copy, even if its mark was removed.
    pub(super) fn source_of(&self, thing: &Thing) -> Option<String> {
        thing.origin().map(|origin| origin.source).or_else(|| self.copies.get(thing.id()).cloned())
    }

    /// Records that only the weekly listing of file records shows an edit of a source asset, or of its copy.
    pub(super) fn edit_records_of(&mut self, source: &str) {
        self.records_edited.insert(source.to_owned(), mediamirror::clock::now());
    }

    /// Can the file records of a source asset still differ?
    pub(super) fn records_may_differ(&self, source: &str) -> bool {
        let recent = |edited: &Timestamp| mediamirror::clock::now().duration_since(*edited).as_hours() <= 7 * 24;
        self.records_edited.get(source).is_some_and(recent)
    }

    /// One of several.
    pub(super) fn one_of<T: Clone>(&mut self, choices: &[T]) -> Option<T> {
        (!choices.is_empty()).then(|| choices[self.dice.usize(..choices.len())].clone())
    }

    /// A random asset of a region that matches `wanted`.
    pub(super) fn any(&mut self, region: usize, wanted: impl Fn(&Thing) -> bool) -> Option<Thing> {
        let all: Vec<Thing> = Library::of(&self.world, region).0.into_iter().filter(wanted).collect();
        self.one_of(&all)
    }

    /// One of our copies.
    pub(super) fn any_copy(&mut self) -> Option<Thing> {
        self.any(B, |thing| thing.origin().is_some())
    }

    /// The name of a blob of an asset.
    pub(super) fn any_blob(&mut self, thing: &Thing) -> Option<String> {
        let names: Vec<String> = thing.blobs().map(|(name, _)| name.clone()).collect();
        self.one_of(&names)
    }

    /// The id of a streaming locator of an asset.
    pub(super) fn any_locator(&mut self, thing: &Thing) -> Option<String> {
        let ids: Vec<String> = thing.locators().map(|locator| locator.id.clone()).collect();
        self.one_of(&ids)
    }

    /// A new name.
    pub(super) fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}-{}", self.names)
    }

    /// A locator that is valid for some days.
    pub(super) fn locator(&mut self) -> NewLocator {
        let now = mediamirror::clock::now();
        let hours = |hours| jiff::SignedDuration::from_hours(hours);
        let start = match self.dice.u8(..4) {
            0 => Some(now - hours(2)),
            1 => Some(now + hours(30)),
            _ => None,
        };
        let name = if self.dice.bool() { Some(self.name("link")) } else { None };
        let guid = Some(uuid::Builder::from_random_bytes(self.dice.u128(..).to_le_bytes()).into_uuid().to_string());
        NewLocator { guid, name, start, expiry: now + hours(self.dice.i64(40..9_000)) }
    }
}

fn library(dice: &mut Rng, large: bool) -> Generate {
    Generate {
        assets: if large { 6 } else { dice.u32(3..=8) },
        blobs: if large { 25 } else { dice.u32(1..=5) },
        seed: dice.u64(..),
        sizes: Sizes::Small,
        awkward: dice.u8(..5) == 0,
        real: false,
        published: true,
        protected: if dice.u8(..3) == 0 { dice.u32(1..=2) } else { 0 },
    }
}

fn settings(dice: &mut Rng) -> Settings {
    let mut settings = Settings::default();
    for region in &mut settings.regions {
        region.media.latency_ms = dice.u64(1..40);
        region.media.refuse_batch = dice.u8(..12) == 0;
        region.media.random_container_names = dice.u8(..6) == 0;
        region.storage[0].limits.latency_ms = dice.u64(1..40);
    }
    settings
}

/// The faults of one night: listings that skip rows, or refused requests.
pub(super) fn troubles(dice: &mut Rng) -> FaultPlan {
    let account = ["mediawest", "mediaeast", "storewest", "storeeast"][dice.usize(..4)];
    let rule = match dice.u8(..5) {
        0 | 1 => {
            let operation = ["ListAssets", "ListLocators", "ListFiles", "{ListAssets,ListLocators}"][dice.usize(..4)];
            let how = if dice.u8(..4) == 0 { Mangle::Empty } else { Mangle::Half };
            Rule::new(Fault::Mangle(how)).operation(operation).account(["*west", "*east", "*"][dice.usize(..3)])
        }
        2 => Rule::new(Fault::Refuse(Refuse::status(503))).account(account).probability(0.3),
        3 => Rule::new(Fault::Refuse(Refuse::status(403))).account(account).probability(0.1),
        _ => Rule::new(Fault::Refuse(Refuse::status(500))).account(account).from(dice.u64(1..40)),
    };
    FaultPlan::new(dice.u64(..)).rule(rule)
}
