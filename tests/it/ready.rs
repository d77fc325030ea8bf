//! `ready` with the emulator: what would play from the target now, with the source available and with the source down.

mod down;
mod drills;
mod probes;

use std::time::Duration;

use mediamirror::config::policy::{GuardLimits, Policy, Share};
use mediamirror::emulator::{FaultPlan, Operator};
use mediamirror::engine::{Options, Outcome};
use mediamirror::error::Error;
use mediamirror::ledger::Ledger;
use mediamirror::monitor::TestMonitor;
use mediamirror::play::{Depth, Sample};
use mediamirror::ready::{Assessment, Basis, EndpointState, Readiness, assess};
use mediamirror::verdict::Cause;

use crate::world::{Seeded, World, accepting, copy_of, put};

/// The regions, and the storage account of the target.
const SOURCE: usize = 0;
const TARGET: usize = 1;
const EAST: &str = "storeeast";
/// Films in the library.
const FILMS: u64 = 4;

/// A library of a few films, each published with one locator.
struct Library {
    world: World,
    films: Vec<Seeded>,
}

impl Library {
    /// After its first night.
    async fn mirrored() -> Self {
        let world = World::empty().await;
        let mut films = Vec::new();
        for n in 0..FILMS {
            let (manifest, media) = (format!("film{n}.ism"), format!("film{n}.mp4"));
            films.push(world.seed(&format!("film{n}"), &[&manifest, &media]).await);
        }
        let library = Self { world, films };
        library.night().await;
        library.world.emulator.reset_stats();
        library
    }

    async fn night(&self) {
        let (summary, _) = self.world.sync().await;
        assert_eq!(summary.outcome, Outcome::Complete, "{:?} {:?}", summary.problems, summary.findings);
    }

    fn operator(&self, region: usize) -> Operator<'_> {
        self.world.emulator.operator(region)
    }

    /// The container of a film's copy.
    async fn container(&self, film: usize) -> String {
        copy_of(&self.world, &self.films[film].asset).await.container.unwrap().to_string()
    }

    async fn ready(&self) -> Readiness {
        Box::pin(self.assess(&asking())).await
    }

    async fn assess(&self, assessment: &Assessment) -> Readiness {
        Box::pin(self.try_assess(&self.world.ledger, assessment)).await.unwrap()
    }

    async fn try_assess(&self, ledger: &Ledger, assessment: &Assessment) -> Result<Readiness, Error> {
        let found = Box::pin(assess(&self.world.pair(), ledger, assessment, &TestMonitor::default())).await?;
        let (assets, replication) = (&found.assets, &found.replication);
        assert_eq!(assets.total, assets.ready + assets.not_ready + assets.unknown);
        let health = replication.current + replication.behind + replication.missing;
        assert_eq!(assets.total, health + replication.as_recorded + replication.unknown);
        assert_eq!(assets.not_ready, found.not_ready.len() as u64);
        assert_eq!(assets.unknown, found.unknown.len() as u64);
        assert_eq!(found.causes.values().sum::<u64>(), assets.not_ready + assets.unknown);
        assert_eq!((found.coverage.assets.ready, found.coverage.assets.total), (assets.ready, assets.total));
        Ok(found)
    }
}

/// Everything, without a probe.
fn asking() -> Assessment {
    Assessment {
        options: Options::default(),
        ask_source: true,
        probe: None,
        sample: Sample::all(),
        origin: "https://viewer.example".to_owned(),
        rows: true,
    }
}

fn with_policy(policy: Policy) -> Assessment {
    Assessment { options: Options { policy, ..Options::default() }, ..asking() }
}

/// Names and causes of assets that are not ready.
fn not_ready(readiness: &Readiness) -> Vec<(&str, Cause)> {
    readiness.not_ready.iter().map(|one| (one.name.as_str(), one.cause)).collect()
}

/// Names and causes of assets whose state is unknown.
fn unknown(readiness: &Readiness) -> Vec<(&str, Cause)> {
    readiness.unknown.iter().map(|one| (one.name.as_str(), one.cause)).collect()
}

async fn later(minutes: u64) {
    tokio::time::sleep(Duration::from_mins(minutes)).await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_mirrored_library_is_completely_ready() {
    let library = Library::mirrored().await;
    let readiness = library.ready().await;
    assert_eq!((readiness.assets.ready, readiness.assets.total), (FILMS, FILMS), "{readiness:?}");
    assert!(readiness.reaches(1.0) && readiness.percent() == Some(100.0));
    assert_eq!((readiness.recovery_point_seconds, readiness.recovery_point_basis), (Some(0), Some(Basis::Comparison)));
    assert_eq!((readiness.pending.assets, readiness.replication.current), (0, FILMS));
    assert_eq!((readiness.coverage.locators.ready, readiness.coverage.locators.total), (FILMS, FILMS));
    assert_eq!((readiness.coverage.bytes.ready, readiness.coverage.bytes.total), (FILMS * 2048, FILMS * 2048));
    assert_eq!((readiness.endpoint.state, readiness.last_proof.never), (EndpointState::Running, 0));
    let rows = readiness.rows.unwrap();
    assert!(rows.iter().all(|row| row.last_proof.is_some() && row.pending_since.is_none() && row.cause.is_none()));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_assessment_lists_both_sides_and_writes_nothing() {
    let library = Library::mirrored().await;
    library.ready().await;
    let stats = library.world.emulator.stats();
    let of = |operation: &str, account: &str| -> u64 {
        let rows = stats.requests.iter().filter(|row| row.operation == operation && row.account.contains(account));
        rows.map(|row| row.count).sum()
    };
    // One listing a container.
    assert_eq!((of("ListBlobs", "west"), of("ListBlobs", "east")), (FILMS, FILMS), "{:?}", stats.requests);
    let all: u64 = stats.requests.iter().map(|row| row.count).sum();
    assert!(all < 2 * FILMS + 30, "{all}: {:?}", stats.requests);
    let writes = ["Put", "Copy", "Create", "Delete", "Merge", "Update", "Lease", "Set"];
    let wrote = stats.requests.iter().filter(|row| writes.iter().any(|word| row.operation.starts_with(word)));
    assert_eq!(wrote.count(), 0, "{:?}", stats.requests);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_archived_copy_is_current_and_not_ready() {
    let library = Library::mirrored().await;
    assert!(library.world.emulator.archive(EAST, &library.container(1).await, "film1.mp4"));
    let readiness = library.ready().await;
    assert_eq!(not_ready(&readiness), [("film1", Cause::ArchivedInTarget)]);
    assert_eq!(readiness.assets.ready, FILMS - 1);
    assert!(!readiness.reaches(1.0) && readiness.reaches(0.75) && !readiness.reaches(0.76));
    let accepted = library.assess(&with_policy(accepting(&[Cause::ArchivedInTarget]))).await;
    assert!(accepted.reaches(1.0) && accepted.assets.accepted == 1 && accepted.assets.ready == FILMS - 1);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn nothing_is_ready_while_the_endpoint_of_the_target_is_stopped() {
    let library = Library::mirrored().await;
    library.operator(TARGET).set_streaming(false).unwrap();
    let readiness = library.ready().await;
    assert_eq!(readiness.endpoint.state, EndpointState::Stopped);
    assert_eq!((readiness.assets.ready, readiness.causes.get(&Cause::TargetNotStreaming)), (0, Some(&FILMS)));
    assert_eq!(readiness.replication.current, FILMS, "their health is another matter");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_that_changed_since_is_behind_and_still_ready() {
    let library = Library::mirrored().await;
    later(60).await;
    let (pair, film) = (library.world.pair(), &library.films[2].asset);
    put(&pair.source.storage[0], film, "film2.en.vtt", b"WEBVTT".to_vec()).await;
    later(7).await;
    put(&pair.source.storage[0], &library.films[0].asset, "film0.mp4", vec![b'y'; 2048]).await;
    later(3).await;
    let readiness = library.ready().await;
    assert_eq!((readiness.assets.ready, readiness.replication.behind), (FILMS, 2), "{readiness:?}");
    assert_eq!((readiness.pending.up_to_5_minutes, readiness.pending.up_to_15_minutes), (1, 1));
    let seconds = readiness.recovery_point_seconds.unwrap();
    assert!((590..=620).contains(&seconds), "{seconds}");
    assert!(readiness.reaches(1.0));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_new_asset_and_a_new_locator_are_not_ready_until_they_are_mirrored() {
    let library = Library::mirrored().await;
    later(90).await;
    library.world.seed("premiere", &["premiere.ism", "premiere.mp4"]).await;
    let film = &library.films[3].asset;
    let second = library.world.publish(&library.world.pair(), film, 24).await;
    let readiness = library.ready().await;
    assert_eq!(not_ready(&readiness), [("film3", Cause::LocatorMissing), ("premiere", Cause::NotMirroredYet)]);
    assert!(readiness.not_ready[0].detail.contains(second.id.as_str()));
    assert_eq!((readiness.replication.missing, readiness.replication.behind), (1, 1));
    // The time of a locator is unknown: the time of the last proof is used.
    assert_eq!((readiness.pending.assets, readiness.pending.up_to_24_hours), (2, 1), "{:?}", readiness.pending);
    library.night().await;
    let after = library.ready().await;
    assert_eq!((after.assets.ready, after.pending.assets), (FILMS + 1, 0), "{after:?}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_damaged_copy_is_not_ready() {
    let library = Library::mirrored().await;
    later(60).await;
    let emulator = &library.world.emulator;
    assert!(emulator.delete_blob(EAST, &library.container(0).await, "film0.mp4"));
    assert!(emulator.put_blob(EAST, &library.container(1).await, "film1.mp4", "other", None));
    assert!(emulator.delete_container(EAST, &library.container(2).await));
    let copy = copy_of(&library.world, &library.films[3].asset).await;
    library.operator(TARGET).remove_locator(&format!("nb:lid:UUID:{}", library.films[3].locator.id)).await.unwrap();
    let expected = [
        ("film0", Cause::CopyAltered),
        ("film1", Cause::CopyAltered),
        ("film2", Cause::TargetContainerDeleted),
        ("film3", Cause::LocatorMissing),
    ];
    let readiness = library.ready().await;
    assert_eq!(not_ready(&readiness), expected, "{}", copy.id);
    let offline = library.assess(&Assessment { ask_source: false, ..asking() }).await;
    assert_eq!(not_ready(&offline), expected, "the ledger and the target say the same");
    library.night().await;
    assert_eq!(library.ready().await.assets.ready, FILMS);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn assets_that_do_not_have_to_play_are_not_in_the_total() {
    let library = Library::mirrored().await;
    let (source, id) = (library.operator(SOURCE), format!("nb:lid:UUID:{}", library.films[0].locator.id));
    source.remove_locator(&id).await.unwrap();
    let policy = Policy { withhold: vec!["film1".to_owned()], ..Policy::default() };
    let readiness = library.assess(&with_policy(policy.clone())).await;
    assert_eq!((readiness.assets.total, readiness.assets.not_expected), (2, 2), "{readiness:?}");
    assert!(readiness.reaches(1.0));
    let (summary, _) = library.world.sync_with(Options { policy, ..Options::default() }).await;
    assert_eq!(summary.outcome, Outcome::Complete);
    let offline = library.assess(&Assessment { ask_source: false, ..asking() }).await;
    assert_eq!((offline.assets.total, offline.assets.not_expected), (2, 2), "{offline:?}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_protected_asset_is_not_ready_with_and_without_the_source() {
    let library = Library::mirrored().await;
    library.operator(SOURCE).link_content_key(library.films[0].asset.id.as_str(), 1).unwrap();
    let (summary, _) = library.world.sync().await;
    assert_eq!(summary.causes.get(&Cause::Protected), Some(&1), "{:?}", summary.problems);
    for ask_source in [true, false] {
        let readiness = library.assess(&Assessment { ask_source, ..asking() }).await;
        assert_eq!(not_ready(&readiness), [("film0", Cause::Protected)], "{ask_source}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_that_somebody_protects_is_not_ready_with_and_without_the_source() {
    let library = Library::mirrored().await;
    let target = library.operator(TARGET);
    let copies = target.assets();
    let copy = copies.iter().find(|asset| asset.name.as_deref() == Some("film0")).unwrap();
    target.link_delivery_policy(&copy.id, 1, 65_535).unwrap();
    for _ in 0..2 {
        for ask_source in [true, false] {
            let readiness = library.assess(&Assessment { ask_source, ..asking() }).await;
            assert_eq!(not_ready(&readiness), [("film0", Cause::CopyProtected)], "{ask_source}");
        }
        library.world.sync().await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_empty_library_is_not_green() {
    let library = Library { world: World::empty().await, films: Vec::new() };
    for ask_source in [true, false] {
        let readiness = library.assess(&Assessment { ask_source, ..asking() }).await;
        assert_eq!(readiness.assets.total, 0);
        assert!(!readiness.reaches(0.01) && readiness.percent().is_none());
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_source_that_lost_most_of_its_assets_does_not_pass() {
    let library = Library::mirrored().await;
    for film in &library.films[1..] {
        library.operator(SOURCE).delete_asset(film.asset.id.as_str()).await.unwrap();
    }
    let guards = GuardLimits { max_shrink: Some(Share::Count(1)), ..GuardLimits::default() };
    let readiness = library.assess(&with_policy(Policy { guards, ..Policy::default() })).await;
    assert_eq!((readiness.assets.total, readiness.assets.ready), (1, 1));
    assert!(readiness.findings.iter().any(|finding| finding.cause == Cause::HeldByGuard), "{:?}", readiness.findings);
    assert!(!readiness.reaches(1.0), "the listing of the source is doubtful");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn locators_that_have_expired_or_start_later_are_not_expected_to_play() {
    let library = Library::mirrored().await;
    let source = library.operator(SOURCE);
    let id = |film: usize| format!("nb:lid:UUID:{}", library.films[film].locator.id);
    let now = mediamirror::clock::now();
    source.set_locator_expiry(&id(0), now - jiff::SignedDuration::from_mins(1)).unwrap();
    source.set_locator_start(&id(1), Some(now + jiff::SignedDuration::from_hours(1))).unwrap();
    let readiness = library.ready().await;
    assert_eq!((readiness.assets.not_expected, readiness.assets.ready), (2, 2), "{readiness:?}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_with_other_filters_than_its_copy_is_not_ready() {
    let library = Library::mirrored().await;
    let source = library.operator(SOURCE);
    let film = source.assets().into_iter().find(|asset| asset.name.as_deref() == Some("film0")).unwrap();
    source.set_filter(Some(&film.id), "start", &serde_json::json!({})).unwrap();
    let readiness = library.ready().await;
    assert_eq!(not_ready(&readiness), [("film0", Cause::FiltersDiffer)]);
    assert_eq!(readiness.replication.behind, 1);
    library.night().await;
    assert!(library.ready().await.reaches(1.0));
    source.set_filter(None, "phone", &serde_json::json!({})).unwrap();
    let readiness = library.ready().await;
    assert_eq!((not_ready(&readiness), readiness.reaches(1.0)), (Vec::new(), false), "URLs of all assets can name it");
    let accepting = with_policy(accepting(&[Cause::FiltersDiffer]));
    assert!(library.assess(&accepting).await.reaches(1.0));
    library.night().await;
    assert!(library.ready().await.reaches(1.0));
}
