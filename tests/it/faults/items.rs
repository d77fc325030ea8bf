//! One item that always fails: the others are mirrored, it is reported with its reason, and the number of retries is
//! limited.

use mediamirror::emulator::faults::plan::{Fault, FaultPlan, Refuse, Rule};
use mediamirror::engine::{Options, Outcome, Summary};
use mediamirror::model::CopyMethod;
use mediamirror::retry::RetryPolicy;
use mediamirror::verdict::Class;
use serde_json::Value;

use super::again_under;
use crate::cli::against_emulator::Emulator;
use crate::world::{Seeded, World, copies_of};

/// Every operation by which a blob is copied.
const COPIES: &str = "{PutBlobFromUrl,PutBlockFromUrl,CopyBlob}";
/// Permanent refusals of an item, with the most requests per item.
const ALWAYS: [(u16, &str, u32); 7] = [
    (400, "InvalidHeaderValue", 1),
    (403, "InsufficientAccountPermissions", 1),
    (403, "AuthorizationPermissionMismatch", 1),
    (403, "", 1),
    // One retry with another signature.
    (403, "CannotVerifyCopySource", 2),
    (500, "InternalError", 8),
    (500, "", 8),
];

/// Three assets; one of them has a blob `poison.mp4`.
async fn library() -> (World, Seeded) {
    let world = World::empty().await;
    world.seed("first", &["first.ism", "first.mp4"]).await;
    let struck = world.seed("struck", &["struck.ism", "a.mp4", "poison.mp4", "z.mp4"]).await;
    world.seed("third", &["third.ism", "third.mp4"]).await;
    (world, struck)
}

/// Always that answer.
fn refused(status: u16, code: &str) -> Rule {
    let refuse = Refuse::status(status);
    Rule::new(Fault::Refuse(if code.is_empty() { refuse } else { refuse.code(code) }))
}

/// The only problem of a run, of the asset `struck`.
fn only_problem(summary: &Summary) -> String {
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Partial, 2), "{:?}", summary.problems);
    let [problem] = &summary.problems[..] else { panic!("{:?}", summary.problems) };
    assert_eq!(problem.name, "struck");
    assert!(matches!(problem.class, Class::Failed | Class::Conflict), "{problem:?}");
    problem.finding.to_string()
}

/// Two more runs: one that tries again with the fault, and one without it that is complete.
async fn is_tried_again_and_mended(world: &World, rule: &Rule, options: Options) {
    let summary = again_under(world, std::slice::from_ref(rule), options.clone()).await.unwrap();
    assert_eq!((summary.assets.failed, summary.assets.unchanged), (1, 2), "{:?}", summary.problems);
    assert!(world.emulator.fault_strikes()[0] > 0, "it was not tried again");
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    let (summary, _) = world.sync_with(options).await;
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 1), "{:?}", summary.problems);
    assert_eq!(world.verify().await.differences, []);
    assert_eq!(world.torn_blobs().await, [""; 0]);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_that_always_fails_is_reported_and_everything_else_is_mirrored() {
    for method in [CopyMethod::Put, CopyMethod::Blocks, CopyMethod::Async] {
        for (status, code, requests) in ALWAYS {
            let (world, struck) = library().await;
            let options = Options { copy_method: Some(method), ..Options::default() };
            let rule = refused(status, code).operation(COPIES).name("*/poison.mp4");
            let summary = again_under(&world, std::slice::from_ref(&rule), options.clone()).await.unwrap();
            let why = only_problem(&summary);
            assert!(why.contains("poison.mp4") && why.contains(format!("HTTP {status} {code}").trim()), "{why}");
            // All except the manifest that contains it.
            assert_eq!((summary.blobs.copied, summary.blobs.failed), (6, 1), "{method:?} {status}");
            assert_eq!(world.emulator.fault_strikes(), [u64::from(requests)], "{method:?} {status} {code}");
            let target = &world.pair().target;
            assert!(target.library.locator(&struck.locator.id).await.unwrap().is_none(), "it is not published");
            is_tried_again_and_mended(&world, &rule, options).await;
        }
    }
    assert_eq!(RetryPolicy::default().max_attempts, 8, "what is counted here");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_whose_container_always_fails_is_reported_and_the_others_are_mirrored() {
    for (status, code, requests) in ALWAYS {
        let (world, struck) = library().await;
        let container = struck.asset.container.clone().unwrap();
        let rule = refused(status, code).operation("ListBlobs").name(format!("*/{container}"));
        let options = Options::default();
        let summary = again_under(&world, std::slice::from_ref(&rule), options.clone()).await.unwrap();
        let why = only_problem(&summary);
        assert!(why.contains(container.as_str()) && why.contains(&format!("HTTP {status}")), "{why}");
        // If the refusal can be about tags, the listing is also requested without them.
        let most = u64::from(if requests == 1 { 2 } else { requests });
        assert_eq!(world.emulator.fault_strikes(), [most], "{status} {code}");
        is_tried_again_and_mended(&world, &rule, options).await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn permissions_that_are_insufficient_for_every_asset_end_the_run() {
    let world = World::empty().await;
    world.seed("only", &["only.ism"]).await;
    let rule = refused(403, "AuthorizationPermissionMismatch").operation(COPIES);
    let error = again_under(&world, &[rule], Options::default()).await.unwrap_err();
    assert!(error.to_string().contains("only.ism: HTTP 403"), "{error}");
}

/// The target's answers about a blob that cannot be changed, and the reported causes.
const HINDRANCES: [(u16, &str, &str); 6] = [
    (412, "LeaseIdMissing", "blob-leased"),
    (409, "BlobImmutableDueToPolicy", "blob-immutable"),
    (409, "BlobImmutableDueToLegalHold", "blob-immutable"),
    (409, "BlobOperationNotSupported", "target-not-writable"),
    (409, "BlobArchived", "archived-in-target"),
    (409, "ContainerBeingDeleted", "target-container-deleted"),
];

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_that_the_target_refuses_to_change_is_reported_with_the_remedy() {
    for method in [CopyMethod::Put, CopyMethod::Blocks, CopyMethod::Async] {
        for (status, code, cause) in HINDRANCES {
            let (world, _) = library().await;
            let options = Options { copy_method: Some(method), ..Options::default() };
            // The block list overwrites a blob, not the blocks.
            let rule = refused(status, code).operation("{PutBlobFromUrl,PutBlockList,CopyBlob}").name("*/poison.mp4");
            let summary = again_under(&world, std::slice::from_ref(&rule), options.clone()).await.unwrap();
            let why = only_problem(&summary);
            assert!(why.contains("poison.mp4") && why.contains(&format!("(HTTP {status} {code}")), "{why}");
            assert!(why.starts_with(cause), "{why}");
            assert_eq!((summary.assets.failed, summary.assets.conflicts), (1, 0), "{method:?} {code}");
            assert_eq!((summary.blobs.copied, world.emulator.fault_strikes()[0]), (6, 1), "{method:?} {code}");
            is_tried_again_and_mended(&world, &rule, options).await;
        }
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_archived_source_blob_is_reported_with_the_remedy_and_the_others_are_mirrored() {
    for method in [CopyMethod::Put, CopyMethod::Blocks, CopyMethod::Async] {
        let (world, _) = library().await;
        let options = Options { copy_method: Some(method), ..Options::default() };
        let archived = Refuse::status(409).code("CannotVerifyCopySource").source(409, "BlobArchived");
        let rule = Rule::new(Fault::Refuse(archived)).operation(COPIES).name("*/poison.mp4");
        let summary = again_under(&world, std::slice::from_ref(&rule), options.clone()).await.unwrap();
        let why = only_problem(&summary);
        assert!(why.contains("archived-in-source") && why.contains("poison.mp4"), "{why}");
        is_tried_again_and_mended(&world, &rule, options).await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_that_only_the_target_cannot_find_is_not_reported_as_changed() {
    for method in [CopyMethod::Put, CopyMethod::Blocks, CopyMethod::Async] {
        let (world, _) = library().await;
        let options = Options { copy_method: Some(method), ..Options::default() };
        let rule = refused(404, "CannotVerifyCopySource").operation(COPIES).name("*/poison.mp4");
        let summary = again_under(&world, std::slice::from_ref(&rule), options.clone()).await.unwrap();
        let why = only_problem(&summary);
        assert!(why.contains("source-not-visible") && why.contains("poison.mp4"), "{why}");
        assert_eq!(world.emulator.fault_strikes(), [2], "{method:?}: one answer may be stale");
        is_tried_again_and_mended(&world, &rule, options).await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_container_that_is_being_deleted_is_reported_and_the_others_are_mirrored() {
    let being_deleted = |account: &str, container: &str| {
        refused(409, "ContainerBeingDeleted").account(account).operation("ListBlobs").name(format!("*/{container}"))
    };
    let (world, struck) = library().await;
    let rule = being_deleted("storewest", struck.asset.container.as_ref().unwrap().as_str());
    let summary = again_under(&world, &[rule], Options::default()).await.unwrap();
    assert_eq!((summary.assets.mirrored, summary.assets.skipped), (2, 1), "{:?}", summary.problems);
    let why = summary.problems[0].finding.to_string();
    assert!(why.contains("source-empty"), "{why}");
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    world.sync().await;

    let copies = copies_of(&world.pair(), &struck.asset).await;
    let rule = being_deleted("storeeast", copies[0].container.as_ref().unwrap().as_str());
    let summary = again_under(&world, &[rule], Options::default()).await.unwrap();
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Complete, 1), "{:?}", summary.problems);
    let replaced = copies_of(&world.pair(), &struck.asset).await;
    assert!(replaced.len() == 1 && replaced[0].id != copies[0].id, "{replaced:?}");
}

#[test]
fn a_blob_that_always_fails_ends_the_program_with_three_and_the_next_run_with_zero() {
    let poison = "[[rule]]\noperation = \"PutBlobFromUrl\"\nname = \"*-00002_1000.mp4\"\ntimes = 1\n\
                  fault = { refuse = { status = 400, code = \"InvalidHeaderValue\" } }\n";
    let emulator = Emulator::with("", "assets=4,blobs=5,seed=1,sizes=small,awkward=false", poison);
    let (code, summary) = emulator.json(&["sync"]);
    assert_eq!((code, &summary["outcome"]), (Some(3), &Value::from("partial")), "{summary}");
    assert_eq!((&summary["assets"]["mirrored"], &summary["assets"]["failed"]), (&Value::from(3), &Value::from(1)));
    let why = summary["problems"][0]["detail"].as_str().unwrap();
    assert!(why.contains("-00002_1000.mp4: HTTP 400 InvalidHeaderValue"), "{why}");
    let (code, summary) = emulator.json(&["sync"]);
    assert_eq!((code, &summary["assets"]["unchanged"]), (Some(0), &Value::from(3)), "{summary}");
}
