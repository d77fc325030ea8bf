//! A target that another program fills, such as object replication: it is compared, and nothing is written to it.

use std::collections::BTreeSet;

use mediamirror::config::Policy;
use mediamirror::config::policy::Adopt;
use mediamirror::engine::verify::{Verification, verify};
use mediamirror::engine::{Options, Outcome};
use mediamirror::model::Side;
use mediamirror::monitor::Silent;
use mediamirror::play::{Sample, read_bytes};

use super::{fill_side, world};
use crate::world::World;

fn by_name() -> Options {
    let policy = Policy { adopt: Adopt::Equal, ..Policy::default() };
    Options { policy, by_name: true, ..Options::default() }
}

async fn compared(world: &World) -> Verification {
    verify(&world.pair(), &world.ledger, &by_name(), &Silent).await.unwrap()
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_target_that_another_program_fills_is_compared_by_name_and_not_changed() {
    let world = world().await;
    for side in [Side::Source, Side::Target] {
        fill_side(&world, side, "films", &["a.ts", "b.ts"]).await;
    }
    world.emulator.reset_stats();
    let verification = compared(&world).await;
    assert_eq!((verification.assets.same, verification.verdict), (1, Outcome::Complete), "{verification:?}");
    let read = read_bytes(&world.pair(), &by_name(), &BTreeSet::new(), &Sample::all()).await.unwrap();
    assert_eq!((read.blobs, read.same), (2, 2), "{:?}", read.found.problems);
    let writes = ["PutBlob", "SetContainerMetadata", "CreateContainer", "LeaseBlob"];
    assert_eq!(writes.map(|operation| world.count(operation)), [0; 4]);

    assert!(world.emulator.put_blob("storeeast", "films", "b.ts", "other", Some("video/mp4")));
    fill_side(&world, Side::Source, "series", &["c.ts"]).await;
    let verification = compared(&world).await;
    assert_eq!(verification.assets.missing, 1, "{verification:?}");
    let differences: Vec<(&str, &str)> =
        verification.differences.iter().map(|one| (one.name.as_str(), one.item.as_str())).collect();
    assert_eq!(differences, [("films", "b.ts"), ("series", "asset")]);
    assert_eq!((verification.assets.different, verification.problems.len()), (1, 0), "{verification:?}");
}
