//! What `doctor` reports about a library before a run does, and that its write test leaves nothing behind.

use futures::FutureExt;
use mediamirror::doctor::{Check, Verdict, WriteTest, examine};
use mediamirror::emulator::FaultPlan;
use mediamirror::emulator::faults::plan::{Fault, Refuse, Rule};
use mediamirror::model::{AssetEncryption, NewAsset};
use tokio_util::sync::CancellationToken;

use super::{EAST, Films, SOURCE, TARGET};
use crate::world::{World, is_blob_copy};

async fn look(world: &World) -> Vec<Check> {
    examine(&world.config, &world.pair(), &WriteTest::No).await
}

async fn prove(world: &World) -> Vec<Check> {
    examine(&world.config, &world.pair(), &WriteTest::Until(CancellationToken::new())).await
}

fn failed(checks: &[Check]) -> Vec<(&str, &'static str)> {
    let failed = checks.iter().filter(|check| check.verdict == Verdict::Fail);
    failed.map(|check| (check.subject.as_str(), check.check)).collect()
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn doctor_reads_all_pages_of_the_assets() {
    let world = World::generated("assets=1100,blobs=1,seed=1,sizes=small,awkward=false,real=false").await;
    let checks = look(&world).await;
    let listed = checks.iter().find(|check| check.check == "assets").unwrap();
    assert_eq!(listed.found, "may be listed (1100)");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_stopped_streaming_endpoint_fails_on_the_target_and_is_a_warning_on_the_source() {
    let films = Films::of(1).await;
    for (region, expected) in [(SOURCE, Verdict::Warn), (TARGET, Verdict::Fail)] {
        films.world.emulator.operator(region).set_streaming(false).unwrap();
        let checks = prove(&films.world).await;
        let streaming: Vec<_> = checks.iter().filter(|check| check.check == "streaming").collect();
        assert_eq!((streaming[region].verdict, streaming[1 - region].verdict), (expected, Verdict::Ok));
        assert!(streaming[region].remedy.as_deref().unwrap().contains("start a streaming endpoint"));
        assert!(checks.iter().any(|check| check.check == "copy" && check.verdict == Verdict::Ok), "{checks:?}");
        films.world.emulator.operator(region).set_streaming(true).unwrap();
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_leftover_of_an_interrupted_write_test_is_removed_by_the_next_one() {
    let films = Films::of(1).await;
    let pair = films.world.pair();
    for (name, mark) in [("mediamirror-doctor-1-2", "mediamirror-doctor-1-2"), ("somebody's", "theirs")] {
        let asset = NewAsset {
            name: Some(name.to_owned()),
            alternate_id: mark.to_owned(),
            encryption: AssetEncryption::None,
            storage_account: None,
        };
        pair.target.library.create_asset(&asset).await.unwrap();
    }
    look(&films.world).await;
    assert_eq!(films.target().assets().len(), 2, "without a write test nothing is removed");
    let checks = prove(&films.world).await;
    assert_eq!(failed(&checks), []);
    let removed = checks.iter().find(|check| check.check == "leftover").unwrap();
    assert!(removed.found.contains("mediamirror-doctor-1-2"), "{removed:?}");
    let left: Vec<_> = films.target().assets().into_iter().map(|asset| asset.name).collect();
    assert_eq!(left, [Some("somebody's".to_owned())]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_write_test_copies_in_blocks_if_the_service_cannot_copy_a_blob_in_one_request() {
    let films = Films::of(1).await;
    let lacking = Rule::new(Fault::Refuse(Refuse::status(501).code("NotImplemented"))).operation("PutBlobFromUrl");
    films.world.emulator.set_faults(&FaultPlan::new(1).rule(lacking)).unwrap();
    let checks = prove(&films.world).await;
    assert_eq!(failed(&checks), []);
    let copy = checks.iter().find(|check| check.check == "copy").unwrap();
    assert!(copy.found.contains("in blocks") && copy.found.contains("does not implement"), "{copy:?}");
    assert_eq!(films.world.count("PutBlockFromUrl"), 1);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_interrupted_write_test_leaves_no_asset_and_no_lock_behind() {
    let mut films = Films::of(1).await;
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    films.world.intercept(move |request| {
        if !is_blob_copy(request) {
            return None;
        }
        cancelled.cancel();
        Some(std::future::pending().boxed())
    });
    let checks = examine(&films.world.config, &films.world.pair(), &WriteTest::Until(stop.clone())).await;
    assert!(stop.is_cancelled() && checks.iter().all(|check| check.check != "copy"), "{checks:?}");
    assert_eq!(films.target().assets(), []);
    films.world.intercept(|_| None);
    let checks = prove(&films.world).await;
    assert_eq!(failed(&checks), [], "the lock is free");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_refused_copy_is_reported_with_the_pair_of_storage_accounts_and_the_cause() {
    use mediamirror::emulator::SourceAccess;
    for (access, cause) in
        [(SourceAccess::Refused, "source-refuses-target"), (SourceAccess::Hidden, "source-not-visible")]
    {
        let films = Films::of(1).await;
        assert!(films.world.emulator.set_source_access(super::WEST, access));
        let checks = prove(&films.world).await;
        assert_eq!(failed(&checks), [(EAST, "copy")]);
        let copy = checks.iter().find(|check| check.check == "copy").unwrap();
        assert!(copy.found.contains(super::WEST) && copy.found.contains(cause), "{copy:?}");
        assert!(copy.remedy.is_some());
        assert_eq!(films.target().assets(), [], "the scratch asset is removed all the same");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_streaming_host_that_no_connection_reaches_fails() {
    let mut films = Films::of(1).await;
    films.world.config.target.streaming_url = Some("http://127.0.0.1:1/".parse().unwrap());
    let pair = mediamirror::connect::connect(&films.world.config, mediamirror::transport::network().unwrap()).unwrap();
    let answer = pair.target.ask_as_viewer(films.world.config.target.streaming_url.as_ref().unwrap()).await;
    assert!(matches!(answer, Err(mediamirror::failure::Failure::Connect(_))), "{answer:?}");
    let elsewhere = "http://127.0.0.1:2/".parse().unwrap();
    let answer = pair.target.ask_as_viewer(&elsewhere).await;
    assert!(matches!(answer, Err(mediamirror::failure::Failure::ForeignHost(_))), "{answer:?}");
}
