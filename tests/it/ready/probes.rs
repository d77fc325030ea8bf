//! Probes: viewers' requests to the target's host.

use mediamirror::emulator::faults::plan::{Fault, Refuse, ResetAt, Rule};
use mediamirror::emulator::stats::Plane;

use super::*;

const RECIPE: &str = "assets=3,blobs=4,seed=1,sizes=small,awkward=false,real=true";

/// A library of films that play, mirrored.
async fn films() -> Library {
    let library = Library { world: World::generated(RECIPE).await, films: Vec::new() };
    library.night().await;
    library
}

fn probing(depth: Depth) -> Assessment {
    Assessment { probe: Some(depth), ..asking() }
}

/// Sets a fault of the target's streaming host for paths of that form.
fn strike(library: &Library, name: &str, fault: Fault) {
    let rule = Rule::new(fault).account("mediaeast").plane(Plane::Streaming).name(name);
    library.world.emulator.set_faults(&FaultPlan::new(1).rule(rule)).unwrap();
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn every_depth_plays_a_library_that_plays() {
    let library = films().await;
    let mut urls = Vec::new();
    for depth in [Depth::Manifest, Depth::Segment] {
        let readiness = library.assess(&probing(depth)).await;
        let probes = readiness.probes.as_ref().unwrap();
        assert_eq!((probes.probed, probes.plays, probes.fails, probes.unknown), (3, 3, 0, 0), "{readiness:?}");
        assert_eq!(readiness.assets.ready, 3);
        urls.push(probes.urls);
        assert!(readiness.rows.unwrap().iter().all(|row| row.probe == Some(true)));
    }
    assert!(urls[0] >= 9 && urls[1] > urls[0], "{urls:?}");
    let endpoint = library.assess(&probing(Depth::Endpoint)).await;
    assert_eq!((endpoint.assets.ready, endpoint.probes.unwrap().probed), (3, 0));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn only_the_ends_of_a_title_in_one_large_file_are_read() {
    let recipe = "assets=3,blobs=2,seed=1,sizes=1000000000,awkward=false,real=false";
    let library = Library { world: World::generated(recipe).await, films: Vec::new() };
    library.night().await;
    let readiness = library.assess(&probing(Depth::Segment)).await;
    let probes = readiness.probes.as_ref().unwrap();
    assert_eq!((probes.probed, probes.plays), (3, 3), "{readiness:?}");
    assert_eq!(readiness.assets.ready, 3);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn only_the_deepest_probe_finds_a_refused_segment() {
    let library = films().await;
    strike(&library, "*bars*QualityLevels(*)/Manifest(*", Fault::Refuse(Refuse::status(404).code("x")));
    assert_eq!(library.assess(&probing(Depth::Manifest)).await.assets.ready, 3);
    let readiness = library.assess(&probing(Depth::Segment)).await;
    assert!(library.world.emulator.fault_strikes()[0] > 0, "the rule struck");
    assert_eq!(not_ready(&readiness), [("bars", Cause::DoesNotPlay)]);
    assert!(readiness.not_ready[0].detail.ends_with("HTTP 404"), "{}", readiness.not_ready[0].detail);
    assert_eq!(readiness.probes.unwrap().fails, 1);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn probes_work_while_the_source_is_down() {
    let library = films().await;
    let down = Rule::new(Fault::Reset(ResetAt::Before)).account("*west*");
    library.world.emulator.set_faults(&FaultPlan::new(1).rule(down)).unwrap();
    let readiness = library.assess(&probing(Depth::Segment)).await;
    assert_eq!((readiness.assets.ready, readiness.probes.unwrap().plays), (3, 3));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn assets_of_a_host_that_does_not_answer_are_unknown() {
    let library = films().await;
    strike(&library, "*", Fault::Reset(ResetAt::Before));
    for depth in [Depth::Endpoint, Depth::Segment] {
        let readiness = library.assess(&probing(depth)).await;
        assert_eq!(readiness.endpoint.state, EndpointState::Unreachable, "{:?}", readiness.endpoint);
        assert_eq!((readiness.assets.ready, readiness.assets.unknown), (0, 3));
        assert!(unknown(&readiness).iter().all(|(_, cause)| *cause == Cause::ProbeUnanswered));
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_sample_is_never_empty_and_the_others_are_assessed_by_their_records() {
    let library = films().await;
    let sample = Sample { part: 0.000_001, seed: "monday".to_owned() };
    let readiness = library.assess(&Assessment { sample, ..probing(Depth::Manifest) }).await;
    let probes = readiness.probes.as_ref().unwrap();
    assert_eq!((probes.probed, probes.plays, probes.seed.as_str()), (1, 1, "monday"), "{readiness:?}");
    assert_eq!(readiness.assets.ready, 3);
    assert_eq!(readiness.rows.unwrap().iter().filter(|row| row.probe.is_some()).count(), 1);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_probe_proves_a_copy_without_a_record_of_its_publication() {
    let library = films().await;
    let down = Rule::new(Fault::Reset(ResetAt::Before)).account("*west*");
    library.world.emulator.set_faults(&FaultPlan::new(1).rule(down)).unwrap();
    let nothing = Ledger::in_memory().unwrap();
    let readiness = library.try_assess(&nothing, &probing(Depth::Manifest)).await.unwrap();
    assert_eq!((readiness.assets.ready, readiness.assets.unknown), (3, 0), "{readiness:?}");
}
