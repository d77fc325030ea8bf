//! The source is down: only the ledger and the target are used.

use mediamirror::emulator::faults::plan::{Fault, Hang, Refuse, ResetAt, Rule};
use mediamirror::engine::health::{Replication, SourceState};
use tokio::time::Instant;

use super::*;

impl Library {
    /// Sets this fault for every account of the source.
    fn strike(&self, fault: Fault) {
        let plan = FaultPlan::new(1).rule(Rule::new(fault).account("*west*"));
        self.world.emulator.set_faults(&plan).unwrap();
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_source_that_is_down_is_no_error_and_its_assets_are_assessed_by_the_ledger() {
    for fault in [
        Fault::Refuse(Refuse::status(503).code("ServerBusy")),
        Fault::Reset(ResetAt::Before),
        Fault::Hang(Hang::Before),
    ] {
        let library = Library::mirrored().await;
        later(120).await;
        assert!(library.world.emulator.archive(EAST, &library.container(1).await, "film1.mp4"));
        library.strike(fault.clone());
        let started = Instant::now();
        let readiness = library.ready().await;
        let took = started.elapsed();
        assert!(took < Duration::from_mins(2), "{fault:?}: {took:?}");
        assert!(matches!(readiness.source, SourceState::Silent { .. }), "{fault:?}: {:?}", readiness.source);
        assert_eq!(not_ready(&readiness), [("film1", Cause::ArchivedInTarget)], "{fault:?}");
        assert_eq!((readiness.assets.ready, readiness.assets.unknown), (FILMS - 1, 0), "{fault:?}");
        assert_eq!(readiness.replication.as_recorded, FILMS - 1);
        assert_eq!(readiness.recovery_point_basis, Some(Basis::LastWholeRun));
        let seconds = readiness.recovery_point_seconds.unwrap();
        assert!((7_200..7_500).contains(&seconds), "{fault:?}: {seconds}");
        assert!(readiness.reaches(0.75) && !readiness.reaches(1.0));
        assert_eq!(readiness.last_proof.never, 0);
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_source_that_stops_answering_during_the_listing_is_down() {
    let library = Library::mirrored().await;
    let rule = Rule::new(Fault::Hang(Hang::Before)).account("mediawest").operation("ListLocators");
    library.world.emulator.set_faults(&FaultPlan::new(1).rule(rule)).unwrap();
    let started = Instant::now();
    let readiness = library.ready().await;
    assert!(library.world.emulator.fault_strikes()[0] > 0, "the rule struck");
    assert!(matches!(readiness.source, SourceState::Silent { .. }), "{:?}", readiness.source);
    assert_eq!(readiness.assets.ready, FILMS);
    // Each attempt waits one minute for its answer. (Virtual time runs ahead while a busy machine opens the ledger.)
    assert!(started.elapsed() < Duration::from_mins(4), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_source_that_refuses_the_credentials_is_an_error() {
    let library = Library::mirrored().await;
    library.strike(Fault::Refuse(Refuse::status(401).code("InvalidAuthenticationInfo")));
    let error = library.try_assess(&library.world.ledger, &asking()).await.unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
    let offline = library.assess(&Assessment { ask_source: false, ..asking() }).await;
    assert_eq!((offline.source, offline.assets.ready), (SourceState::NotAsked, FILMS));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn without_source_no_request_is_sent_to_the_source() {
    let library = Library::mirrored().await;
    library.assess(&Assessment { ask_source: false, ..asking() }).await;
    let stats = library.world.emulator.stats();
    let of = |account: &str| {
        stats.requests.iter().filter(|row| row.account.contains(account)).map(|row| row.count).sum::<u64>()
    };
    assert_eq!(of("west"), 0, "{:?}", stats.requests);
    assert!(of("east") < FILMS + 15, "{:?}", stats.requests);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_storage_account_of_the_source_that_is_down_leaves_its_copies_ready() {
    let library = Library::mirrored().await;
    let rule = Rule::new(Fault::Refuse(Refuse::status(503).code("ServerBusy"))).account("storewest");
    library.world.emulator.set_faults(&FaultPlan::new(1).rule(rule)).unwrap();
    let readiness = library.ready().await;
    assert_eq!((readiness.assets.ready, readiness.replication.unknown), (FILMS, FILMS), "{readiness:?}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn without_a_ledger_the_marks_of_the_copies_show_what_is_ready_and_what_is_unknown() {
    let library = Library::mirrored().await;
    let unpublished = crate::world::seed_asset(&library.world.pair(), "draft").await;
    put(&library.world.pair().source.storage[0], &unpublished, "draft.mp4", vec![b'd'; 10]).await;
    library.night().await;
    library.strike(Fault::Reset(ResetAt::Before));
    let nothing = Ledger::in_memory().unwrap();
    let readiness = library.try_assess(&nothing, &asking()).await.unwrap();
    assert_eq!((readiness.assets.ready, readiness.last_proof.never), (FILMS, FILMS + 1), "{readiness:?}");
    assert_eq!(unknown(&readiness), [("draft", Cause::NotProven)]);
    assert_eq!((readiness.recovery_point_seconds, readiness.last_whole_run), (None, None));
    assert!(!readiness.reaches(1.0), "what is not known never counts as ready");
    let with_ledger = library.ready().await;
    assert_eq!((with_ledger.assets.total, with_ledger.assets.not_expected), (FILMS, 1), "{with_ledger:?}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_in_the_ledger_that_is_missing_on_the_target_is_not_ready() {
    let library = Library::mirrored().await;
    let copy = copy_of(&library.world, &library.films[0].asset).await;
    library.operator(TARGET).delete_asset(copy.id.as_str()).await.unwrap();
    let readiness = library.assess(&Assessment { ask_source: false, ..asking() }).await;
    assert_eq!(not_ready(&readiness), [("film0", Cause::CopyMissing)]);
    assert_eq!(readiness.rows.unwrap()[0].mirrored, Replication::Missing);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_that_the_last_night_could_not_mirror_is_not_ready_with_that_cause() {
    let library = Library::mirrored().await;
    let film = library.world.seed("premiere", &["premiere.ism", "premiere.mp4"]).await;
    let container = film.asset.container.unwrap();
    assert!(library.world.emulator.archive("storewest", container.as_str(), "premiere.mp4"));
    let (summary, _) = library.world.sync().await;
    assert_eq!(summary.outcome, Outcome::Partial);
    library.strike(Fault::Reset(ResetAt::Before));
    let readiness = library.ready().await;
    assert_eq!(not_ready(&readiness), [("premiere", Cause::ArchivedInSource)], "{:?}", readiness.not_ready);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_that_the_source_deleted_is_not_in_the_total() {
    let library = Library::mirrored().await;
    library.operator(SOURCE).delete_asset(library.films[0].asset.id.as_str()).await.unwrap();
    let (summary, _) = library.world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    for ask_source in [true, false] {
        let readiness = library.assess(&Assessment { ask_source, ..asking() }).await;
        assert_eq!((readiness.assets.total, readiness.assets.ready), (FILMS - 1, FILMS - 1), "{ask_source}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_assessment_does_not_wait_for_a_source_that_stops_answering() {
    let library = Library::mirrored().await;
    let rule = Rule::new(Fault::Hang(Hang::Before)).account("storewest").operation("ListBlobs");
    library.world.emulator.set_faults(&FaultPlan::new(1).rule(rule)).unwrap();
    let started = Instant::now();
    let readiness = library.ready().await;
    assert!(started.elapsed() < Duration::from_mins(3), "{:?}", started.elapsed());
    assert_eq!((readiness.assets.ready, readiness.replication.unknown), (FILMS, FILMS), "{readiness:?}");
    assert!(readiness.findings.iter().any(|finding| finding.cause == Cause::ServiceUnavailable));
}
