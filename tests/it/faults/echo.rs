//! A service repeats the secrets of a request in its error. Events, errors and the ledger must not contain them.

use std::sync::{Arc, Mutex};

use mediamirror::emulator::FaultPlan;
use mediamirror::emulator::faults::plan::{Echo, Fault, Rule};
use mediamirror::engine::Options;
use mediamirror::engine::verify::verify;
use mediamirror::ledger::Ledger;
use mediamirror::model::AccountName;
use mediamirror::monitor::TestMonitor;

use crate::credentials::{self, FORMS};
use crate::world::World;

const LIBRARY: &str = "assets=2,blobs=2,seed=3,sizes=small,awkward=false,real=false";
/// The secrets of all requests.
type Seen = Arc<Mutex<Vec<String>>>;

/// Records every credential and every signature that is sent.
fn watch(world: &mut World) -> Seen {
    let seen = Seen::default();
    let noted = Arc::clone(&seen);
    world.intercept(move |request| {
        noted.lock().unwrap().extend(credentials::sent_with(request));
        None
    });
    seen
}

/// One run in which every answer of an operation is an echo. Returns how many secrets were sent.
async fn echoing(operation: &str, echo: Echo) -> usize {
    let mut world = World::generated(LIBRARY).await;
    let place = tempfile::tempdir().unwrap();
    let [source, target] = [&world.config.source, &world.config.target].map(|side| AccountName::new(&side.account));
    world.ledger = Ledger::open(&place.path().join("mirror.ledger"), &source, &target).unwrap();
    let seen = watch(&mut world);
    world.emulator.set_faults(&FaultPlan::new(1).rule(Rule::new(Fault::Echo(echo)).operation(operation))).unwrap();
    let monitor = Arc::new(TestMonitor::default());
    let ended = world.try_sync(Options::default(), &monitor).await;
    let compared = verify(&world.pair(), &world.ledger, &Options::default(), &TestMonitor::default()).await;
    let said = [&ended.as_ref().err(), &compared.as_ref().err()].map(|error| error.map(ToString::to_string));
    let mut artefacts = format!("{:?} {ended:?} {compared:?} {said:?}", monitor.events());
    world.ledger.clone().close().await.unwrap();
    for entry in std::fs::read_dir(place.path()).unwrap() {
        artefacts.push_str(&String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()));
    }
    let seen = seen.lock().unwrap();
    for secret in seen.iter() {
        for needle in credentials::needles(secret) {
            assert!(!artefacts.contains(&needle), "{operation} {echo:?}: {needle} of {secret} is in {artefacts}");
        }
    }
    seen.len()
}

/// Guarantee 8.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn secrets_that_a_service_repeats_are_not_printed_or_stored() {
    let world = World::generated(LIBRARY).await;
    world.sync().await;
    let operations: std::collections::BTreeSet<String> =
        world.emulator.stats().requests.iter().map(|row| row.operation.clone()).collect();
    assert!(operations.len() > 10, "{operations:?}");
    let mut forms = FORMS.into_iter().cycle();
    let mut sent = 0;
    for operation in operations {
        for status in [403, 500] {
            sent += echoing(&operation, Echo { status, form: forms.next().unwrap() }).await;
        }
    }
    for operation in ["PutBlobFromUrl", "ListAssets", "ListBlobs"] {
        for form in FORMS {
            sent += echoing(operation, Echo { status: 403, form }).await;
        }
    }
    assert!(sent > 1_000, "{sent}");
}
