//! Shared access signatures that end while a run goes on: ours, which are minted anew, and those an operator gave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::FutureExt;
use mediamirror::engine::verify::verify;
use mediamirror::engine::{Options, Outcome};
use mediamirror::model::CopyMethod;
use mediamirror::monitor::{AssetOutcome, RunEvent, TestMonitor};
use mediamirror::redact::Secret;

use super::LIBRARY;
use crate::world::{World, account_signature, is_blob_copy};

/// At that copy so much time passes, and its answer never comes: the program has to send it again.
fn stall(world: &mut World, nth: u32, time: Duration) {
    let copies = AtomicU32::new(0);
    world.intercept(move |request| {
        let stalls = is_blob_copy(request) && copies.fetch_add(1, Ordering::Relaxed) + 1 == nth;
        stalls.then(|| {
            async move {
                pass(time).await;
                std::future::pending::<()>().await;
            }
            .boxed()
        })
    });
}

/// Lets so much time pass, in which the target's lock is renewed.
async fn pass(time: Duration) {
    let step = Duration::from_secs(15);
    for _ in 0..time.as_secs() / step.as_secs() {
        tokio::time::advance(step).await;
        // A renewal is answered meanwhile.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
}

/// Copies that were refused with 403. Without any fault, that is what the source answers to a signature that is over.
fn refused_copies(world: &World) -> u64 {
    let copies = ["PutBlobFromUrl", "PutBlockFromUrl", "CopyBlob"];
    let rows = world.emulator.stats().requests;
    rows.iter().filter(|row| row.status == 403 && copies.contains(&row.operation.as_str())).map(|row| row.count).sum()
}

#[tokio::test(start_paused = true)]
async fn a_signature_of_ours_that_ends_during_a_copy_is_minted_anew() {
    for method in [CopyMethod::Put, CopyMethod::Blocks, CopyMethod::Async] {
        let mut world = World::generated(LIBRARY).await;
        stall(&mut world, 7, Duration::from_hours(8 * 24));
        let (summary, _) = world.sync_with(Options { copy_method: Some(method), ..Options::default() }).await;
        assert_eq!(summary.outcome, Outcome::Complete, "{method:?}: {:?}", summary.problems);
        assert!(refused_copies(&world) > 0, "{method:?}: {:?}", world.emulator.stats());
        assert_eq!(world.verify().await.differences, [], "{method:?}");
        assert_eq!(world.torn_blobs().await, [""; 0], "{method:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_signature_of_the_operator_that_ends_during_the_run_is_named_with_its_account_and_the_remedy() {
    for (region, permissions) in [(0, "rl"), (1, "rwl")] {
        let mut world = World::generated(LIBRARY).await;
        let storage = world.emulator.ready().regions[region].storage[0].clone();
        let ends_in = |hours: i64| {
            let expiry = mediamirror::clock::now() + jiff::SignedDuration::from_hours(hours);
            let expiry = expiry.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            (Secret::new(account_signature(&storage.account, &storage.key, permissions, &expiry)), expiry)
        };
        let (signature, expiry) = ends_in(1);
        let account = |world: &mut World, signature: Secret| {
            let side = if region == 0 { &mut world.config.source } else { &mut world.config.target };
            side.storage[0].key = signature;
        };
        account(&mut world, signature.clone());
        stall(&mut world, 7, Duration::from_hours(2));
        let monitor = Arc::new(TestMonitor::default());
        let error = world.try_sync(Options::default(), &monitor).await.unwrap_err();
        let told = error.to_string();
        let words = format!("the shared access signature of storage account {} ended at {expiry}", storage.account);
        assert!(told.contains(&words) && told.contains("a new one"), "{told}");
        let failed = |event| match event {
            RunEvent::AssetFinished { outcome: AssetOutcome::Not(why), .. } => Some(why.to_string()),
            _ => None,
        };
        let failed: Vec<String> = monitor.events().into_iter().filter_map(failed).collect();
        assert!(!failed.is_empty() && failed.iter().all(|why| why.contains(&words)), "{failed:?}");
        assert!(!told.contains(signature.expose().split("sig=").nth(1).unwrap()), "{told}");
        let told = verify(&world.pair(), &world.ledger, &Options::default(), &TestMonitor::default())
            .await
            .unwrap_err()
            .to_string();
        assert!(told.contains(&words), "{told}");

        account(&mut world, ends_in(24).0);
        let (summary, _) = world.sync().await;
        assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
        assert!(summary.blobs.unchanged > 0, "it did not go on from where it ended");
        assert_eq!(world.verify().await.differences, []);
    }
}
