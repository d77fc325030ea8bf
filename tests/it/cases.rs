//! Cases from the field: an operator of a mirror reported each, and each is tested together with similar cases.
//!
//! | Row | Case | Test |
//! | --- | --- | --- |
//! | 1 | index tags changed | `contents` |
//! | 2 | asset renamed | `contents` |
//! | 3 | locator or asset deleted, locator expired | `locators` |
//! | 4 | locator moved to another asset | `locators`, `moves` |
//! | 5 | a new locator every night | `locators` |
//! | 6 | protected assets | `protection` |
//! | 7 | a foreign asset that has a source id | `theirs` |
//! | 8 | two runs at once | `runs`, `cli::against_emulator::a_second_run_at_the_same_time_is_refused_with_six` |
//! | 9 | a storage account that is not configured | `accounts` |
//! | 10 | one of two storage accounts is down | `accounts` |
//! | 11 | nothing matches, everything is gone, containers are gone | `guards` |
//! | 12 | the target's streaming endpoint is stopped | `runs`, `commands` |
//! | 13 | a copy overwritten with the same length | `contents` |
//! | 14 | the exit code of a dry run | `runs`, `commands` |
//! | 15 | three changes in a large library | `commands` |
//! | 16 | the target cannot see the source | `refusals` |
//! | 17 | the source refuses the target | `refusals` |
//! | 18 | customer keys, encryption scopes, wrong checksums | `refusals` |
//! | 19 | Content-Type cleared | `contents` |
//! | 20 | only headers or metadata changed | `contents` |
//! | 21 | the mirror reversed | `theirs` |
//! | 22 | a container of the target deleted or emptied | `contents` |
//! | 23 | standard output is full | `outside::outputs::a_full_standard_output_is_an_error_and_the_run_is_complete_nevertheless` |
//! | 24 | Ctrl-C on a terminal | `outside::terminal::an_interruption_shows_its_hint_above_the_bars_and_leaves_no_bar_behind` |
//! | 25 | names and checksums that the service refuses | `mediamirror::emulator::blob`, its tests `descriptions` |
//! | 26 | filters of dynamic packaging | `filters` |

mod accounts;
mod agreement;
#[cfg(feature = "emulator")]
mod commands;
mod contents;
mod deletes;
mod doctor;
mod filters;
mod guards;
mod locators;
mod moves;
mod plans;
mod protection;
mod refusals;
mod runs;
mod selected;
#[cfg(feature = "emulator")]
mod switching;
mod theirs;
mod urls;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use azure_core::http::request::Body;
use futures::{FutureExt, TryStreamExt};
use globset::{Glob, GlobSetBuilder};
use mediamirror::emulator::{AssetLook, Operator, PlayedAnswer};
use mediamirror::engine::urls::{Urls, urls};
use mediamirror::engine::verify::{Verification, verify};
use mediamirror::engine::{Options, Outcome, Summary};
use mediamirror::model::{Locator, LocatorId};
use mediamirror::monitor::TestMonitor;
use tokio_util::sync::CancellationToken;

use crate::world::{Seeded, World};

/// The regions, and their default storage accounts.
const SOURCE: usize = 0;
const TARGET: usize = 1;
const WEST: &str = "storewest";
const EAST: &str = "storeeast";

/// A library of a few films, each published under one locator. With this number, one may change without reaching a
/// guard.
struct Films {
    world: World,
    films: Vec<Seeded>,
}

impl Films {
    /// Six films that are not mirrored yet.
    async fn new() -> Self {
        Self::of(6).await
    }

    /// A library of `count` films that are not mirrored yet.
    async fn of(count: usize) -> Self {
        let world = World::empty().await;
        let mut films = Vec::with_capacity(count);
        for n in 0..count {
            let (manifest, media) = (format!("film{n}.ism"), format!("film{n}.mp4"));
            films.push(world.seed(&format!("film{n}"), &[&manifest, &media]).await);
        }
        Self { world, films }
    }

    /// Six films after their first run.
    async fn mirrored() -> Self {
        let films = Self::new().await;
        let (summary, _) = films.world.sync().await;
        assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
        films.world.emulator.reset_stats();
        films
    }

    fn locator(&self, film: usize) -> &LocatorId {
        &self.films[film].locator.id
    }

    fn source(&self) -> Operator<'_> {
        self.world.emulator.operator(SOURCE)
    }

    fn target(&self) -> Operator<'_> {
        self.world.emulator.operator(TARGET)
    }

    /// Runs an hour later.
    async fn night(&self) -> (Summary, Arc<TestMonitor>) {
        night(&self.world, Options::default()).await
    }

    /// Runs an hour later and mirrors everything.
    async fn good_night(&self) -> (Summary, Arc<TestMonitor>) {
        let (summary, monitor) = self.night().await;
        assert_eq!(summary.outcome, Outcome::Complete, "{:?} {:?}", summary.problems, summary.findings);
        (summary, monitor)
    }

    /// Checks that both regions play the same, `verify` finds nothing, and another run changes nothing.
    async fn are_settled(&self) {
        assert_plays_alike(&self.world).await;
        let verification = self.world.verify().await;
        assert_eq!((verification.differences, verification.problems), (Vec::new(), Vec::new()));
        let before = writes(&self.world);
        let (summary, monitor) = self.good_night().await;
        assert_eq!(summary.assets.unchanged, summary.assets.total, "{:?}", monitor.events());
        assert_eq!(writes(&self.world), before, "a night without changes writes nothing");
    }

    /// Compares both sides with the operator's options.
    async fn verify_with(&self, options: &Options) -> Verification {
        verify(&self.world.pair(), &self.world.ledger, options, &TestMonitor::default()).await.unwrap()
    }

    /// The pairs of URLs with the operator's options.
    async fn urls_with(&self, options: &Options) -> Urls {
        urls(&self.world.pair(), &self.world.ledger, options).await.unwrap()
    }

    /// The container and the blob of a film in a region.
    fn blob(&self, region: usize, film: usize, extension: &str) -> (String, String) {
        let name = format!("film{film}");
        (look(&self.world, region, &name).container, format!("{name}.{extension}"))
    }
}

/// Runs an hour later with those options.
async fn night(world: &World, options: Options) -> (Summary, Arc<TestMonitor>) {
    tokio::time::sleep(Duration::from_hours(1)).await;
    world.sync_with(options).await
}

/// The writes to the target so far, except for its lock and its state.
fn writes(world: &World) -> Vec<(String, u64)> {
    let stats = world.emulator.stats();
    let quiet = ["List", "Get", "FrontDoor", "AcsToken", "Batch"];
    let rows = stats.requests.iter().filter(|row| !quiet.iter().any(|word| row.operation.starts_with(word)));
    let rows = rows.filter(|row| !row.operation.contains("Lease") && row.operation != "PutBlob");
    rows.map(|row| (format!("{} {}", row.account, row.operation), row.count)).collect()
}

/// Each playing locator with its answer.
async fn playing(world: &World, region: usize) -> BTreeMap<String, BTreeMap<String, PlayedAnswer>> {
    let all = world.emulator.plays(region).await.into_iter();
    all.filter(|(_, played)| played.status == 200).map(|(guid, played)| (guid, played.answers)).collect()
}

async fn assert_plays_alike(world: &World) {
    assert_eq!(playing(world, TARGET).await, playing(world, SOURCE).await);
}

/// Stops the next run immediately after it sent a request with that text to the target's media account.
async fn die_after(world: &mut World, options: Options, text: &'static str) {
    let (cluster, written) = (world.emulator.ready().regions[TARGET].cluster.clone(), AtomicBool::new(false));
    let dead = CancellationToken::new();
    let killed = dead.clone();
    world.intercept(move |request| {
        let of_target = request.url().as_str().contains(&cluster);
        if of_target && written.load(Ordering::Relaxed) {
            killed.cancel();
            return Some(std::future::pending().boxed());
        }
        if let (true, Body::Bytes(body)) = (of_target, request.body()) {
            written.fetch_or(String::from_utf8_lossy(body).contains(text), Ordering::Relaxed);
        }
        None
    });
    let monitor = Arc::new(TestMonitor::default());
    tokio::select! {
        ended = world.try_sync(options, &monitor) => panic!("the run ended before it could die: {:?}", ended.map(|run| run.outcome)),
        () = dead.cancelled() => {}
    }
    world.intercept(|_| None);
}

/// The asset with that name in a region.
fn look(world: &World, region: usize, name: &str) -> AssetLook {
    let all = world.emulator.operator(region).assets();
    let mut found = all.into_iter().filter(|asset| asset.name.as_deref() == Some(name));
    let look = found.next().unwrap_or_else(|| panic!("no asset {name} in region {region}"));
    assert_eq!(found.next(), None, "there are two assets {name} in region {region}");
    look
}

/// The options of a run over the assets with that name.
fn only(name: &str) -> Options {
    let globs = GlobSetBuilder::new().add(Glob::new(name).unwrap()).build().unwrap();
    Options { include: Some(globs), ..Options::default() }
}

/// A locator's id as the service writes it.
fn service_id(id: &LocatorId) -> String {
    format!("nb:lid:UUID:{id}")
}

/// All locators of the target.
async fn target_locators(world: &World) -> Vec<Locator> {
    world.pair().target.library.locators().try_concat().await.unwrap()
}
