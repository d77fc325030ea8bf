//! Runs of assets that are selected by id, like those of `runs retry`.

use std::collections::HashSet;
use std::sync::Arc;

use mediamirror::engine::{Options, Outcome};
use mediamirror::model::AssetId;
use mediamirror::monitor::TestMonitor;

use super::{Films, SOURCE, TARGET, look, night, playing, service_id};
use crate::world::put;

fn selecting(ids: &[&AssetId]) -> Options {
    let only: HashSet<AssetId> = ids.iter().map(|id| (*id).clone()).collect();
    Options { only: Some(Arc::new(only)), ..Options::default() }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_of_selected_assets_does_not_change_another_asset_with_the_same_name() {
    let mut films = Films::mirrored().await;
    films.films.push(films.world.seed("film1", &["film1.ism", "film1.mp4"]).await);
    let source = Arc::clone(&films.world.pair().source.storage[0]);
    for film in [0, 1] {
        put(&source, &films.films[film].asset, "new.mp4", vec![1; 7]).await;
    }
    let (summary, monitor) = night(&films.world, selecting(&[&films.films[1].asset.id])).await;
    assert_eq!((summary.outcome, summary.assets.total, summary.assets.mirrored), (Outcome::Complete, 1, 1));
    assert_eq!(monitor.changes_of("film1").len(), 1, "{:?}", monitor.changes_of("film1"));
    assert_eq!(films.target().assets().len(), 6, "the other asset of that name has no copy");
    let (summary, _) = films.good_night().await;
    assert_eq!(summary.assets.mirrored, 2);
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_of_selected_assets_withdraws_and_retires_only_theirs() {
    let films = Films::mirrored().await;
    for film in [2, 3] {
        films.source().remove_locator(&service_id(films.locator(film))).await.unwrap();
    }
    for film in ["film4", "film5"] {
        films.source().delete_asset(&look(&films.world, SOURCE, film).id).await.unwrap();
    }
    let (summary, _) = night(&films.world, selecting(&[&films.films[2].asset.id])).await;
    assert_eq!((summary.outcome, summary.withdrawn, summary.assets.gone), (Outcome::Complete, 1, 0));
    // The source no longer has this asset, and its copy still plays.
    let (summary, _) = night(&films.world, selecting(&[&films.films[4].asset.id])).await;
    assert_eq!((summary.assets.total, summary.withdrawn, summary.assets.gone), (0, 1, 1), "{:?}", summary.problems);
    let plays = playing(&films.world, TARGET).await;
    for (film, expected) in [true, true, false, true, false, true].into_iter().enumerate() {
        assert_eq!(plays.contains_key(films.locator(film).as_str()), expected, "film{film}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_selection_of_assets_that_exist_nowhere_is_an_error() {
    let films = Films::mirrored().await;
    let options = selecting(&[&AssetId::new("nb:cid:UUID:00000000-0000-0000-0000-000000000001")]);
    let error = films.world.try_sync(options, &Arc::new(TestMonitor::default())).await.unwrap_err();
    assert!(error.to_string().contains("none of them is in the source"), "{error}");
}
