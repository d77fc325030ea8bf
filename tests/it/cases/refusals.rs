//! Copies that the services refuse: the target cannot see the source, the source refuses the target, or a blob cannot
//! be copied unchanged. Rows 16, 17 and 18.

use std::sync::Arc;

use mediamirror::doctor::{Check, Verdict, WriteTest, examine};
use mediamirror::emulator::{Headers, SourceAccess};
use mediamirror::engine::{Options, Outcome};
use mediamirror::model::CopyMethod;
use mediamirror::monitor::TestMonitor;
use mediamirror::verdict::Cause;
use tokio_util::sync::CancellationToken;

use super::{Films, SOURCE, TARGET, WEST, night, playing};

const METHODS: [CopyMethod; 3] = [CopyMethod::Put, CopyMethod::Blocks, CopyMethod::Async];

fn by(method: CopyMethod) -> Options {
    Options { copy_method: Some(method), ..Options::default() }
}

/// The checks of a write test of the target's permissions.
async fn proof(films: &Films) -> Vec<Check> {
    examine(&films.world.config, &films.world.pair(), &WriteTest::Until(CancellationToken::new())).await
}

/// Row 16.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_target_that_cannot_see_the_source_is_not_reported_as_a_changing_source() {
    for method in METHODS {
        let films = Films::new().await;
        assert!(films.world.emulator.set_source_access(WEST, SourceAccess::Hidden));
        let (summary, _) = night(&films.world, by(method)).await;
        assert_eq!(summary.outcome, Outcome::Partial, "{method:?}");
        assert_eq!(summary.causes.get(&Cause::SourceNotVisible), Some(&6), "{method:?}: {:?}", summary.problems);
        let line = summary.problems[0].finding.line(true);
        assert!(line.contains("private endpoint") && line.contains("signature"), "{line}");
        let copies: u64 =
            ["PutBlobFromUrl", "PutBlockFromUrl", "CopyBlob"].iter().map(|op| films.world.count(op)).sum();
        assert!(copies <= 24, "{method:?}: each blob is tried twice at most, not {copies} times for twelve blobs");
        assert!(playing(&films.world, TARGET).await.is_empty());
        let checks = proof(&films).await;
        let failed = checks.iter().find(|check| check.verdict == Verdict::Fail).unwrap();
        assert!(failed.found.contains("source-not-visible"), "{method:?}: {failed:?}");
        assert!(films.world.emulator.set_source_access(WEST, SourceAccess::Open));
        films.good_night().await;
        films.are_settled().await;
    }
}

/// Row 17.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_source_that_refuses_the_target_leaves_nothing_behind_and_doctor_reports_it() {
    for method in METHODS {
        let films = Films::new().await;
        assert!(films.world.emulator.set_source_access(WEST, SourceAccess::Refused));
        let checks = proof(&films).await;
        let failed: Vec<&Check> = checks.iter().filter(|check| check.verdict == Verdict::Fail).collect();
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert!(failed[0].found.contains("source-refuses-target"), "{failed:?}");
        assert_eq!(films.target().assets(), [], "the proof leaves nothing");
        let monitor = Arc::new(TestMonitor::default());
        let error = films.world.try_sync(by(method), &monitor).await.unwrap_err();
        assert_eq!(error.cause(), Some(Cause::SourceRefusesTarget), "{method:?}: {error}");
        assert_eq!(films.target().assets(), [], "{method:?}: what the attempt made is removed again");
        let removed = monitor.events().into_iter().any(|event| format!("{event:?}").contains("removed again"));
        assert!(removed, "{method:?}: {:?}", monitor.events());
        assert!(films.world.emulator.set_source_access(WEST, SourceAccess::Open));
        films.good_night().await;
        films.are_settled().await;
    }
}

/// Row 17: complete copies are never removed.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn mirrored_assets_stay_unchanged_if_the_source_starts_to_refuse_the_target() {
    let mut films = Films::mirrored().await;
    films.films.push(films.world.seed("film6", &["film6.ism", "film6.mp4"]).await);
    films.films.push(films.world.seed("film7", &["film7.ism", "film7.mp4"]).await);
    assert!(films.world.emulator.set_source_access(WEST, SourceAccess::Refused));
    let (summary, _) = films.night().await;
    assert_eq!((summary.outcome, summary.assets.unchanged), (Outcome::Partial, 6), "{:?}", summary.problems);
    assert_eq!(summary.causes.get(&Cause::SourceRefusesTarget), Some(&2));
    assert_eq!(films.target().assets().len(), 6, "only what plays is there");
    assert!(films.world.emulator.set_source_access(WEST, SourceAccess::Open));
    films.good_night().await;
    films.are_settled().await;
}

/// Row 17: the write test of a healthy pair copies one blob and leaves nothing behind.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_write_test_copies_one_blob_between_the_storage_accounts_and_removes_it() {
    let films = Films::new().await;
    films.world.emulator.reset_stats();
    let checks = proof(&films).await;
    let copy = checks.iter().find(|check| check.check == "copy").unwrap();
    assert_eq!((copy.verdict, copy.subject.as_str()), (Verdict::Ok, super::EAST), "{copy:?}");
    assert!(copy.found.contains(WEST), "{copy:?}");
    assert_eq!(films.world.count("PutBlobFromUrl") + films.world.count("PutBlockFromUrl"), 1);
    assert_eq!(films.target().assets(), []);
    let checks = examine(&films.world.config, &films.world.pair(), &WriteTest::No).await;
    assert!(checks.iter().all(|check| check.verdict != Verdict::Fail), "{checks:?}");
}

/// Row 18.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_with_a_customer_key_has_a_separate_cause_and_blocks_nothing_else() {
    for method in METHODS {
        let films = Films::new().await;
        let (container, blob) = films.blob(SOURCE, 0, "mp4");
        assert!(films.world.emulator.set_customer_key(WEST, &container, &blob, &[7; 32]));
        let (summary, monitor) = night(&films.world, by(method)).await;
        assert_eq!(monitor.outcome_of("film0").unwrap().cause(), Some(Cause::CustomerKey), "{method:?}");
        assert_eq!((summary.assets.mirrored, summary.assets.conflicts), (5, 0), "{method:?}");
        let line = summary.problems[0].finding.line(true);
        assert!(line.contains(&blob) && line.contains("without a customer-provided key"), "{line}");
    }
}

/// Row 18.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_in_an_encryption_scope_is_copied_or_has_a_separate_cause() {
    for method in METHODS {
        let films = Films::new().await;
        let (container, blob) = films.blob(SOURCE, 0, "mp4");
        assert!(films.world.emulator.set_encryption_scope(WEST, &container, &blob, "films"));
        let (summary, monitor) = night(&films.world, by(method)).await;
        match monitor.outcome_of("film0").unwrap().cause() {
            None => films.are_settled().await,
            cause => assert_eq!(cause, Some(Cause::EncryptionScope), "{method:?}: {:?}", summary.problems),
        }
        assert_eq!(summary.assets.conflicts, 0, "{method:?}");
    }
}

/// Row 18.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_wrong_checksum_is_copied_and_an_invalid_one_has_a_separate_cause() {
    for method in METHODS {
        for md5 in [vec![1; 16], vec![1; 5], vec![1; 20]] {
            let films = Films::new().await;
            let (container, blob) = films.blob(SOURCE, 0, "mp4");
            let headers = Headers { content_md5: Some(md5.clone()), ..Headers::default() };
            assert!(films.world.emulator.set_headers(WEST, &container, &blob, &headers));
            let (summary, monitor) = night(&films.world, by(method)).await;
            assert_eq!((summary.assets.total, summary.assets.conflicts), (6, 0), "{method:?} {md5:?}");
            assert_eq!(summary.causes.contains_key(&Cause::WrongChecksum), md5.len() != 16, "{method:?} {md5:?}");
            match monitor.outcome_of("film0").unwrap().cause() {
                // The service stores a checksum unchanged: the copy has the source's checksum, even a wrong one.
                None => films.are_settled().await,
                cause => assert_eq!(cause, Some(Cause::WrongChecksum), "{method:?}: {:?}", summary.problems),
            }
        }
    }
}
