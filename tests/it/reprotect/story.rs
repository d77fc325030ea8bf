//! A whole failover: changes on the active side are brought back.

use mediamirror::engine::Outcome;
use mediamirror::library::FileSet;
use mediamirror::model::{AssetChange, AssetFile};
use mediamirror::verdict::Cause;

use super::{Mirror, locator};
use crate::world::{copy_of, put};

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn changes_on_the_active_side_are_brought_back_to_the_originals() {
    let mirror = Mirror::new().await;
    let world = &mirror.world;
    let film = world.seed("film", &["film.ism", "film.mp4"]).await;
    let other = world.seed("other", &["other.ism", "other.mp4"]).await;
    let still = world.seed("still", &["still.ism", "still.mp4"]).await;
    assert_eq!(mirror.night().await.outcome, Outcome::Complete);

    mirror.fail_over().await;
    let pair = world.pair();
    let copy = copy_of(world, &film.asset).await;
    put(&pair.target.storage[0], &copy, "film.vtt", vec![b'c'; 100]).await;
    let record = AssetFile {
        asset: copy.id.clone(),
        name: "film.vtt".to_owned(),
        size: 100,
        mime_type: Some("text/vtt".to_owned()),
        primary: false,
        encrypted: false,
    };
    let mut files = pair.target.library.files_of(std::slice::from_ref(&copy.id)).await.unwrap().concat();
    files.push(record);
    for result in pair.target.library.register_files(&[FileSet::new(copy.id.clone(), files)]).await {
        result.unwrap();
    }
    let renamed = AssetChange { name: Some(Some("film, restored".to_owned())), ..AssetChange::default() };
    pair.target.library.update_asset(&copy.id, &renamed).await.unwrap();
    let added = pair.target.library.publish(&[locator(&copy)]).await.remove(0).unwrap();
    let of_other = copy_of(world, &other.asset).await;
    pair.target.library.delete_locator(&other.locator.id).await.unwrap();

    let planned = mirror.reprotect(true).await;
    assert_eq!(planned.verdict, Outcome::Complete, "{planned:#?}");
    let done = mirror.reprotect(false).await;
    assert_eq!(done.outcome, Outcome::Complete, "{done:#?}");
    assert_eq!((planned.blobs.copied, planned.withdrawn), (done.blobs.copied, done.withdrawn));
    assert_eq!((done.blobs.copied, done.withdrawn, done.locators.mirrored), (1, 1, 1));
    assert_eq!(done.assets.unchanged, 1, "{done:#?}");

    let library = &pair.source.library;
    let now = library.asset(&film.asset.id).await.unwrap().unwrap();
    assert_eq!(now.label(), "film, restored");
    assert_eq!(now.alternate_id, film.asset.alternate_id);
    let there = library.locator(&added.id).await.unwrap().unwrap();
    assert_eq!(there.asset, film.asset.id);
    assert_eq!(library.locator(&other.locator.id).await.unwrap(), None);
    assert!(library.locator(&still.locator.id).await.unwrap().is_some());
    assert_eq!(library.locator(&film.locator.id).await.unwrap().unwrap().name, film.locator.name);
    assert!(
        !library.files_of(std::slice::from_ref(&film.asset.id)).await.unwrap()[0]
            .iter()
            .all(|file| file.name != "film.vtt")
    );
    drop(of_other);

    let again = mirror.reprotect(false).await;
    assert_eq!((again.outcome, again.blobs.copied, again.withdrawn), (Outcome::Complete, 0, 0));
    assert_eq!(again.assets.unchanged, 3, "{again:#?}");

    assert_eq!(mirror.come_home().await.handed_over, 0);
    let night = mirror.night().await;
    assert_eq!((night.outcome, night.withdrawn, night.blobs.copied), (Outcome::Complete, 0, 0), "{night:#?}");
    let refused = mirror.reprotect(true).await;
    assert_eq!(refused.findings[0].cause, Cause::SourceActive);
}
