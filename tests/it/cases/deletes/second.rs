//! Second copies of one asset.

use mediamirror::engine::{Options, Outcome};
use mediamirror::verdict::{Cause, Change};

use crate::cases::locators::in_hours;
use crate::cases::{EAST, Films, TARGET, look, night};

/// A second complete copy of the first film, as created by a run that did not see the first copy.
async fn second_copy(films: &Films, blobs: &[&str]) -> String {
    let first = look(&films.world, TARGET, "film0");
    let id = films.target().add_asset("film0 again").await.unwrap();
    let mark = first.alternate_id.unwrap().replace(&first.id, &id);
    films.target().set_alternate_id(&id, Some(&mark)).unwrap();
    let container = look(&films.world, TARGET, "film0 again").container;
    for blob in blobs {
        assert!(films.world.emulator.put_blob(EAST, &container, blob, vec![b'x'; 1024], None));
    }
    id
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn dedupe_deletes_the_copy_that_does_not_play_and_the_asset_is_mirrored_again() {
    let films = Films::mirrored().await;
    let id = second_copy(&films, &["film0.mp4"]).await;
    let (summary, _) = films.night().await;
    assert_eq!(summary.causes.get(&Cause::TwoCopies), Some(&1), "{:?}", summary.problems);
    let options = |dry_run| Options { dedupe: true, dry_run, ..Options::default() };
    for dry_run in [true, false] {
        let (summary, monitor) = night(&films.world, options(dry_run)).await;
        assert_eq!(summary.verdict, Outcome::Complete, "{:?}", summary.problems);
        let changes = monitor.changes_of("film0");
        let named = |change: &Change| matches!(change, Change::SecondCopyDeleted { copy, .. } if copy.as_str() == id);
        assert!(changes.iter().any(named), "{changes:?}");
        assert_eq!(films.target().assets().len(), if dry_run { 7 } else { 6 });
    }
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn dedupe_keeps_a_second_copy_that_has_other_content_or_a_locator() {
    let films = Films::mirrored().await;
    let id = second_copy(&films, &["film0.mp4", "unique.mp4"]).await;
    let options = || Options { dedupe: true, ..Options::default() };
    let (summary, _) = night(&films.world, options()).await;
    assert_eq!((summary.outcome, films.target().assets().len()), (Outcome::Partial, 7), "{:?}", summary.problems);
    let container = look(&films.world, TARGET, "film0 again").container;
    assert!(films.world.emulator.delete_blob(EAST, &container, "unique.mp4"));
    films.target().add_locator(&id, &in_hours(24 * 60)).unwrap();
    let (summary, _) = night(&films.world, options()).await;
    assert_eq!((summary.outcome, films.target().assets().len()), (Outcome::Partial, 7), "{:?}", summary.problems);
}
