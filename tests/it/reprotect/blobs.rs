//! The same for libraries that are storage accounts, whose containers have the same name on both sides.

use mediamirror::engine::Outcome;
use mediamirror::model::{AssetId, ContainerName, LocatorId, PublicAccess, Side};

use super::Mirror;
use crate::blob_library::containers::open_world;
use crate::blob_library::fill_side;

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn containers_come_back_with_their_public_access_and_follow_the_source_again() {
    let mirror = Mirror::over(open_world().await);
    let world = &mirror.world;
    fill_side(world, Side::Source, "films", &["a.ts", "b.ts"]).await;
    fill_side(world, Side::Source, "still", &["c.ts"]).await;
    let open = ContainerName::new("films");
    mirror.side(Side::Source).storage[0].set_public_access(&open, Some(PublicAccess::Blobs)).await.unwrap();
    assert_eq!(mirror.night().await.outcome, Outcome::Complete);

    mirror.fail_over().await;
    let target = mirror.side(Side::Target);
    fill_side(world, Side::Target, "born", &["d.ts"]).await;
    target.storage[0].set_public_access(&ContainerName::new("born"), Some(PublicAccess::Blobs)).await.unwrap();
    target.storage[0].set_public_access(&open, None).await.unwrap();
    mirror.put(Side::Target, "films", "new.ts").await;

    let done = mirror.reprotect(false).await;
    assert_eq!((done.outcome, done.blobs.copied, done.withdrawn), (Outcome::Complete, 2, 1), "{done:#?}");
    assert_eq!(mirror.locator(Side::Source, &LocatorId::new("films")).await, None);
    assert!(mirror.locator(Side::Source, &LocatorId::new("born")).await.is_some());
    assert_eq!(mirror.asset(Side::Source, &AssetId::new("films")).await.unwrap().alternate_id, None);
    assert_eq!(mirror.come_home().await.handed_over, 1);
    assert_eq!(mirror.asset(Side::Source, &AssetId::new("born")).await.unwrap().alternate_id, None);

    let night = mirror.night().await;
    assert_eq!((night.outcome, night.blobs.copied, night.withdrawn), (Outcome::Complete, 0, 0), "{night:#?}");
    mirror.side(Side::Source).storage[0].set_public_access(&ContainerName::new("born"), None).await.unwrap();
    assert_eq!(mirror.night().await.withdrawn, 1);
}
