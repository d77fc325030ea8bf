//! Shared access signatures that expire during a run: ours, which are made again, and those of the operator.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::FutureExt;
use mediamirror::config::StorageCredential;
use mediamirror::engine::verify::verify;
use mediamirror::engine::{Options, Outcome};
use mediamirror::error::Error;
use mediamirror::model::CopyMethod;
use mediamirror::monitor::{AssetOutcome, RunEvent, TestMonitor};
use mediamirror::redact::Secret;

use super::LIBRARY;
use crate::world::{World, account_signature, is_blob_copy};

/// Lets time pass at that copy without an answer: the program must send it again.
fn stall(world: &mut World, nth: u32, time: Duration) {
    let copies = AtomicU32::new(0);
    world.intercept(move |request| {
        let stalls = is_blob_copy(request) && copies.fetch_add(1, Ordering::Relaxed) + 1 == nth;
        stalls.then(|| {
            async move {
                tokio::time::advance(time).await;
                std::future::pending::<()>().await;
            }
            .boxed()
        })
    });
}

/// A machine that was suspended no longer holds the lock, and its signatures have expired.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_machine_suspended_for_eight_days_changes_nothing_more_and_the_next_run_completes() {
    for method in [CopyMethod::Put, CopyMethod::Blocks, CopyMethod::Async] {
        let mut world = World::generated(LIBRARY).await;
        stall(&mut world, 7, Duration::from_hours(8 * 24));
        let options = || Options { copy_method: Some(method), ..Options::default() };
        let error = world.try_sync(options(), &Arc::new(TestMonitor::default())).await.unwrap_err();
        assert!(matches!(error, Error::LockLost { .. }), "{method:?}: {error}");
        let (summary, _) = world.sync_with(options()).await;
        assert_eq!(summary.outcome, Outcome::Complete, "{method:?}: {:?}", summary.problems);
        assert_eq!(world.verify().await.differences, [], "{method:?}");
        assert_eq!(world.torn_blobs().await, [""; 0], "{method:?}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_signature_of_the_operator_that_expires_is_reported_with_its_account_and_the_remedy() {
    for (region, rights) in [(0, "ss=b&srt=co&sp=rlt"), (1, "ss=b&srt=co&sp=rwlt")] {
        let mut world = World::generated(LIBRARY).await;
        let storage = world.emulator.ready().regions[region].storage[0].clone();
        let ends_in = |seconds: i64| {
            let expiry = mediamirror::clock::now() + jiff::SignedDuration::from_secs(seconds);
            let expiry = expiry.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            (Secret::new(account_signature(&storage.account, &storage.key, rights, &expiry)), expiry)
        };
        let (signature, expiry) = ends_in(30);
        let account = |world: &mut World, signature: Secret| {
            let side = if region == 0 { &mut world.config.source } else { &mut world.config.target };
            side.storage[0].credential = StorageCredential::Sas(signature);
        };
        account(&mut world, signature.clone());
        // Not long enough to lose the target's lock.
        stall(&mut world, 7, Duration::from_secs(40));
        let monitor = Arc::new(TestMonitor::default());
        let error = world.try_sync(Options::default(), &monitor).await.unwrap_err();
        let message = error.to_string();
        let words = format!("the shared access signature of storage account {} expired at {expiry}", storage.account);
        assert!(message.contains(&words) && message.contains("a new one"), "{message}");
        let failed = |event| match event {
            RunEvent::AssetFinished { outcome: AssetOutcome::Not(why), .. } => Some(why.to_string()),
            _ => None,
        };
        let failed: Vec<String> = monitor.events().into_iter().filter_map(failed).collect();
        assert!(!failed.is_empty() && failed.iter().all(|why| why.contains(&words)), "{failed:?}");
        assert!(!message.contains(signature.expose().split("sig=").nth(1).unwrap()), "{message}");
        let message = verify(&world.pair(), &world.ledger, &Options::default(), &TestMonitor::default())
            .await
            .unwrap_err()
            .to_string();
        assert!(message.contains(&words), "{message}");

        // Without its signature, the run cannot release the lock, and its process, the test, continues.
        tokio::time::sleep(Duration::from_mins(1)).await;
        account(&mut world, ends_in(24 * 3_600).0);
        let (summary, _) = world.sync().await;
        assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
        assert!(summary.blobs.unchanged > 0, "it did not go on from where it ended");
        assert_eq!(world.verify().await.differences, []);
    }
}
