//! Drills: tests of a failover that are recorded and shown by the next assessment.

use mediamirror::emulator::faults::plan::{Fault, Refuse, ResetAt, Rule};
use mediamirror::emulator::stats::Plane;
use mediamirror::engine::health::SourceState;
use mediamirror::ledger::Drill;
use mediamirror::model::AccountName;
use mediamirror::play::Depth;
use tempfile::TempDir;

use super::*;

const RECIPE: &str = "assets=3,blobs=4,seed=1,sizes=small,awkward=false,real=true";

/// A library of films that play, mirrored, with a ledger on disk that a run has open.
struct Stage {
    library: Library,
    place: TempDir,
}

impl Stage {
    async fn mirrored() -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut world = World::generated(RECIPE).await;
        let (source, target) = accounts(&world);
        world.ledger = Ledger::open(&place.path().join("mirror.ledger"), &source, &target).unwrap();
        let library = Library { world, films: Vec::new() };
        library.night().await;
        Self { library, place }
    }

    /// Runs a drill as the command does.
    async fn drill(&self, assessment: &Assessment, part: f64) -> Drill {
        let readiness = self.library.assess(assessment).await;
        let drill = readiness.drill(part);
        let (source, target) = accounts(&self.library.world);
        Ledger::record_drill(&self.place.path().join("mirror.ledger"), &source, &target, &drill).unwrap();
        drill
    }

    /// The last drill according to the next assessment.
    async fn last(&self) -> Option<Drill> {
        self.library.assess(&Assessment { ask_source: false, ..asking() }).await.last_drill
    }

    fn strike(&self, rule: Rule) {
        self.library.world.emulator.set_faults(&FaultPlan::new(1).rule(rule)).unwrap();
    }
}

fn accounts(world: &World) -> (AccountName, AccountName) {
    (AccountName::new(&world.config.source.account), AccountName::new(&world.config.target.account))
}

fn probing(depth: Depth) -> Assessment {
    Assessment { probe: Some(depth), ..asking() }
}

fn viewers() -> Rule {
    Rule::new(Fault::Reset(ResetAt::Before)).account("mediaeast").plane(Plane::Streaming)
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_passed_drill_is_shown_by_the_next_assessment_even_if_a_later_one_fails() {
    let stage = Stage::mirrored().await;
    assert_eq!(stage.last().await, None);
    let first = stage.drill(&probing(Depth::Segment), 1.0).await;
    assert!(first.passed && first.last_passed == Some(first.at), "{first:?}");
    assert_eq!((first.total, first.ready, first.played), (3, 3, 3));
    assert_eq!(stage.last().await, Some(first.clone()));
    later(60).await;
    let refused = Rule::new(Fault::Refuse(Refuse::status(404).code("x"))).account("mediaeast").plane(Plane::Streaming);
    stage.strike(refused.name("*bars*QualityLevels(*)/Manifest(*"));
    let second = stage.drill(&probing(Depth::Segment), 1.0).await;
    assert!(!second.passed && second.at > first.at, "{second:?}");
    assert_eq!((second.total, second.ready, second.last_passed), (3, 2, Some(first.at)));
    assert_eq!(stage.last().await, Some(second));
    let enough = stage.drill(&probing(Depth::Segment), 0.6).await;
    assert!(enough.passed, "as much is ready as was required: {enough:?}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_drill_passes_while_the_source_is_down_and_leaves_nothing_on_the_target() {
    let stage = Stage::mirrored().await;
    stage.strike(Rule::new(Fault::Reset(ResetAt::Before)).account("*west*"));
    stage.library.world.emulator.reset_stats();
    let readiness = stage.library.assess(&probing(Depth::Segment)).await;
    assert!(matches!(readiness.source, SourceState::Silent { .. }), "{:?}", readiness.source);
    let drill = stage.drill(&probing(Depth::Segment), 1.0).await;
    assert!(drill.passed && drill.played == 3, "{drill:?}");
    assert_eq!(stage.last().await, Some(drill));
    let looks = ["Get", "List", "Head", "AcsToken", "FrontDoor", "Root"];
    let stats = stage.library.world.emulator.stats();
    let wrote = stats.requests.iter().filter(|row| !looks.iter().any(|look| row.operation.starts_with(look)));
    assert_eq!(wrote.count(), 0, "{:?}", stats.requests);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_drill_that_could_not_probe_anything_does_not_pass() {
    let stage = Stage::mirrored().await;
    let records = stage.library.assess(&asking()).await;
    assert!(records.reaches(1.0) && !records.drill(1.0).passed, "records alone pass no drill");
    assert!(stage.library.assess(&probing(Depth::Endpoint)).await.drill(1.0).passed);
    stage.strike(viewers());
    // Even if the operator accepts causes, because no asset has played.
    let policy = accepting(&[Cause::ProbeUnanswered]);
    for depth in [Depth::Endpoint, Depth::Manifest, Depth::Segment] {
        let options = Options { policy: policy.clone(), ..Options::default() };
        let assessment = Assessment { options, ..probing(depth) };
        let readiness = stage.library.assess(&assessment).await;
        assert!(readiness.reaches(1.0) && readiness.assets.accepted == 3, "{depth:?}: {readiness:?}");
        let drill = stage.drill(&assessment, 1.0).await;
        assert!(!drill.passed && drill.played == 0 && drill.last_passed.is_none(), "{depth:?}: {drill:?}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_drill_of_a_library_without_assets_does_not_pass() {
    let library = Library { world: World::empty().await, films: Vec::new() };
    let drill = library.assess(&probing(Depth::Endpoint)).await.drill(0.01);
    assert!(!drill.passed && drill.total == 0, "{drill:?}");
}
