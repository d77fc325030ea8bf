//! Changes inside an asset: tags, headers, metadata, names and bytes, on either side. Rows 1, 2, 13, 19, 20 and 22.

use mediamirror::emulator::{Headers, TagSupport};
use mediamirror::engine::{Options, Outcome};
use mediamirror::model::{CopyMethod, Mark};
use mediamirror::verdict::{Cause, Change};

use super::{EAST, Films, SOURCE, TARGET, WEST, assert_plays_alike, look, night, target_locators};
use crate::world::put;

/// The number of copies of blobs since the first run.
fn copies(films: &Films) -> u64 {
    ["PutBlobFromUrl", "CopyBlob", "PutBlockFromUrl", "CopyFromUrl"].iter().map(|name| films.world.count(name)).sum()
}

/// Row 1.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn changed_index_tags_of_the_source_are_set_in_place_in_the_next_run() {
    let films = Films::mirrored().await;
    let emulator = &films.world.emulator;
    for tags in [&[("rating", "12")][..], &[("rating", "16"), ("genre", "noir")], &[]] {
        let (from, name) = films.blob(SOURCE, 2, "mp4");
        assert!(emulator.set_tags(WEST, &from, &name, tags));
        let (_, monitor) = films.good_night().await;
        assert_eq!(monitor.changes_of("film2"), [Change::Tags { blobs: 1 }]);
        let (to, name) = films.blob(TARGET, 2, "mp4");
        let arrived = emulator.describe(EAST, &to, &name).unwrap().tags;
        let wanted = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        assert_eq!(arrived, wanted);
        films.are_settled().await;
    }
    assert_eq!(copies(&films), 0, "no byte is copied for a tag");
}

/// Row 1: one side refuses to return its tags.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn tags_that_one_side_refuses_to_return_are_a_finding_and_nothing_is_removed() {
    let films = Films::mirrored().await;
    let emulator = &films.world.emulator;
    let (from, name) = films.blob(SOURCE, 2, "mp4");
    assert!(emulator.set_tags(WEST, &from, &name, &[("rating", "12")]));
    films.good_night().await;
    let (to, _) = films.blob(TARGET, 2, "mp4");
    let tags = || emulator.describe(EAST, &to, &name).unwrap().tags;
    for account in [WEST, EAST] {
        assert!(emulator.set_index_tags(account, TagSupport::Refused));
        // First with no other work, then with a blob that is copied again.
        for changed in [false, true] {
            if changed {
                let (storage, asset) = (&films.world.pair().source.storage[0], &films.films[2].asset);
                put(storage, asset, &name, format!("as it was before {account}").into_bytes()).await;
                assert!(emulator.set_tags(WEST, &from, &name, &[("rating", "12")]));
            }
            let (summary, _) = films.night().await;
            assert_eq!(summary.outcome, Outcome::Partial, "{:?}", summary.problems);
            assert_eq!(summary.causes.into_iter().collect::<Vec<_>>(), [(Cause::TagsUnreadable, 6)]);
            assert_eq!(films.world.verify().await.assets.unchecked, 6);
            if account == WEST || !changed {
                assert_eq!(tags()["rating"], "12", "{account}");
            }
        }
        assert!(emulator.set_index_tags(account, TagSupport::Offered));
        films.good_night().await;
        assert_eq!(tags()["rating"], "12");
        films.are_settled().await;
    }
}

/// Row 1: tags that could not be read in the last run are not a change.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_without_tags_causes_no_work_in_the_next_run() {
    let films = Films::mirrored().await;
    let emulator = &films.world.emulator;
    for (account, name) in [(WEST, "film2"), (EAST, "film3")] {
        assert!(emulator.set_index_tags(account, TagSupport::Refused));
        films.source().rename_asset(films.films[2].asset.id.as_str(), Some(name)).unwrap();
        films.night().await;
        assert!(emulator.set_index_tags(account, TagSupport::Offered));
        let (summary, monitor) = films.good_night().await;
        assert_eq!((summary.assets.mirrored, monitor.changes_of(name)), (0, vec![]));
    }
}

/// Row 1: an account with a hierarchical namespace.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn tags_are_not_owed_if_the_source_lacks_support_and_are_owed_if_the_target_lacks_it() {
    let films = Films::mirrored().await;
    let emulator = &films.world.emulator;
    assert!(emulator.set_index_tags(WEST, TagSupport::None));
    let (to, name) = films.blob(TARGET, 1, "mp4");
    assert!(emulator.set_tags(EAST, &to, &name, &[("theirs", "1")]));
    films.good_night().await;
    assert_eq!(emulator.describe(EAST, &to, &name).unwrap().tags["theirs"], "1");

    assert!(emulator.set_index_tags(WEST, TagSupport::Offered) && emulator.set_index_tags(EAST, TagSupport::None));
    films.good_night().await;
    let (from, name) = films.blob(SOURCE, 2, "mp4");
    assert!(emulator.set_tags(WEST, &from, &name, &[("rating", "12")]));
    let (summary, _) = films.night().await;
    assert_eq!(summary.causes.into_iter().collect::<Vec<_>>(), [(Cause::NotSupported, 1)]);
}

/// Row 1, on the other side.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn changes_on_the_target_are_reported_by_verify_and_corrected_in_place() {
    let films = Films::mirrored().await;
    let emulator = &films.world.emulator;
    let (container, name) = films.blob(TARGET, 1, "mp4");
    assert!(emulator.set_tags(EAST, &container, &name, &[("theirs", "1")]));
    assert_eq!(films.world.verify().await.assets.different, 1);
    films.good_night().await;
    assert!(emulator.describe(EAST, &container, &name).unwrap().tags.is_empty());
    films.are_settled().await;

    assert!(emulator.set_metadata(EAST, &container, &name, &[("theirs", "1")]));
    assert_eq!(films.world.verify().await.assets.different, 1);
    films.good_night().await;
    assert!(emulator.describe(EAST, &container, &name).unwrap().metadata.is_empty());
    films.are_settled().await;

    let copy = look(&films.world, TARGET, "film1").id;
    films.target().rename_asset(&copy, Some("theirs")).unwrap();
    assert_eq!(films.world.verify().await.assets.different, 1);
    films.good_night().await;
    assert_eq!(look(&films.world, TARGET, "film1").id, copy);
    films.are_settled().await;
    assert_eq!(copies(&films), 0);
}

/// Row 2.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_renamed_asset_gets_its_new_name_in_the_next_run() {
    let films = Films::mirrored().await;
    let asset = look(&films.world, SOURCE, "film3").id;
    let copy = look(&films.world, TARGET, "film3").id;
    for name in [Some("director's cut"), None, Some("film3")] {
        films.source().rename_asset(&asset, name).unwrap();
        assert_eq!(films.world.verify().await.assets.different, 1, "{name:?}");
        let (_, monitor) = films.good_night().await;
        assert_eq!(monitor.changes_of(name.unwrap_or(&asset)), [Change::Name], "{name:?}");
        let there = films.target().assets().into_iter().find(|asset| asset.id == copy).unwrap();
        assert_eq!(there.name.as_deref().unwrap_or_default(), name.unwrap_or_default());
        films.are_settled().await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_alternate_id_of_the_source_is_kept_after_the_mark_and_updated() {
    let films = Films::mirrored().await;
    let asset = look(&films.world, SOURCE, "film0").id;
    let original = || {
        let text = look(&films.world, TARGET, "film0").alternate_id.unwrap();
        Mark::parse(&text).unwrap().original
    };
    assert_eq!(original().as_deref(), Some("seed film0"));
    for alternate_id in [Some("cms:4711;a%3Bb"), None, Some("mediamirror")] {
        films.source().set_alternate_id(&asset, alternate_id).unwrap();
        films.good_night().await;
        assert_eq!(original().as_deref(), alternate_id);
        films.are_settled().await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_alternate_id_without_space_for_the_mark_is_a_cause_and_blocks_nothing_else() {
    let films = Films::new().await;
    let asset = look(&films.world, SOURCE, "film0").id;
    films.source().set_alternate_id(&asset, Some(&"x".repeat(3_990))).unwrap();
    let (summary, monitor) = films.night().await;
    assert_eq!(monitor.outcome_of("film0").unwrap().cause(), Some(Cause::MarkTooLong));
    assert_eq!((summary.outcome, summary.assets.mirrored), (Outcome::Partial, 5));
}

/// Row 13.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_overwritten_with_the_same_length_and_checksum_is_noticed_and_copied_again() {
    let films = Films::mirrored().await;
    for extension in ["ism", "mp4"] {
        let (container, name) = films.blob(TARGET, 4, extension);
        assert!(films.world.emulator.exchange_bytes(EAST, &container, &name));
        let differences = films.world.verify().await.differences;
        assert_eq!((differences.len(), differences[0].item.as_str()), (1, name.as_str()), "{differences:?}");
        let (_, monitor) = films.good_night().await;
        assert_eq!(monitor.changes_of("film4"), [Change::Blobs { blobs: 1 }]);
        assert_eq!(films.world.torn_blobs().await, Vec::<String>::new());
        films.are_settled().await;
    }
}

/// Row 19.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_cleared_content_type_is_equal_after_one_run_with_every_copy_method() {
    for method in [None, Some(CopyMethod::Put), Some(CopyMethod::Blocks), Some(CopyMethod::Async)] {
        let films = Films::new().await;
        let (container, name) = films.blob(SOURCE, 0, "mp4");
        assert!(films.world.emulator.set_headers(WEST, &container, &name, &Headers::default()));
        let options = Options { copy_method: method, ..Options::default() };
        let (summary, _) = night(&films.world, options.clone()).await;
        assert_eq!(summary.outcome, Outcome::Complete, "{method:?}: {:?}", summary.problems);
        films.are_settled().await;
        // The second film is cleared after it was mirrored.
        let (container, name) = films.blob(SOURCE, 1, "mp4");
        assert!(films.world.emulator.set_headers(WEST, &container, &name, &Headers::default()));
        let (summary, _) = night(&films.world, options).await;
        assert_eq!(summary.outcome, Outcome::Complete, "{method:?}: {:?}", summary.problems);
        films.are_settled().await;
    }
}

/// Row 20.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn headers_and_metadata_are_set_in_place_if_nothing_else_changed() {
    let films = Films::mirrored().await;
    let emulator = &films.world.emulator;
    let (from, name) = films.blob(SOURCE, 0, "mp4");
    let described = emulator.describe(WEST, &from, &name).unwrap();
    let headers = Headers {
        content_type: Some("video/mp4".to_owned()),
        cache_control: Some("max-age=60".to_owned()),
        content_language: Some("sw".to_owned()),
        content_md5: described.headers.content_md5.clone(),
        ..Headers::default()
    };
    assert!(emulator.set_headers(WEST, &from, &name, &headers));
    let (_, monitor) = films.good_night().await;
    assert_eq!(monitor.changes_of("film0"), [Change::Headers { blobs: 1 }]);
    let (to, name) = films.blob(TARGET, 0, "mp4");
    assert_eq!(emulator.describe(EAST, &to, &name).unwrap().headers, headers);
    films.are_settled().await;

    assert!(emulator.set_metadata(WEST, &from, &name, &[("Studio", "a"), ("year", "1946")]));
    let (_, monitor) = films.good_night().await;
    assert_eq!(monitor.changes_of("film0"), [Change::Headers { blobs: 1 }]);
    let there = emulator.describe(EAST, &to, &name).unwrap();
    assert_eq!((there.metadata.len(), &there.headers), (2, &headers), "headers stay when metadata is set");
    films.are_settled().await;

    // All at the same time, with one of them removed.
    let headers = Headers { cache_control: None, ..headers };
    assert!(emulator.set_headers(WEST, &from, &name, &headers));
    assert!(emulator.set_metadata(WEST, &from, &name, &[]));
    assert!(emulator.set_tags(WEST, &from, &name, &[("k", "v")]));
    films.good_night().await;
    let there = emulator.describe(EAST, &to, &name).unwrap();
    assert_eq!((there.metadata.len(), there.tags.len(), &there.headers), (0, 1, &headers));
    films.are_settled().await;
    assert_eq!(copies(&films), 0, "no byte is copied for a header");
}

/// Row 20: without a checksum, a change of bytes with the same length is never treated as a change of headers.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn bytes_that_change_together_with_headers_are_copied() {
    let films = Films::mirrored().await;
    put(&films.world.pair().source.storage[0], &films.films[5].asset, "film5.mp4", vec![b'y'; 1024]).await;
    let (from, name) = films.blob(SOURCE, 5, "mp4");
    let headers = films.world.emulator.describe(WEST, &from, &name).unwrap().headers;
    let headers = Headers { cache_control: Some("no-store".to_owned()), ..headers };
    assert!(films.world.emulator.set_headers(WEST, &from, &name, &headers));
    films.good_night().await;
    assert_eq!(films.world.torn_blobs().await, Vec::<String>::new());
    films.are_settled().await;
    assert_eq!(copies(&films), 1);
}

/// Row 22.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_whose_container_was_deleted_is_replaced_in_the_next_run_and_plays() {
    let films = Films::mirrored().await;
    let old = look(&films.world, TARGET, "film1");
    assert!(films.world.emulator.delete_container(EAST, &old.container));
    let verification = films.world.verify().await;
    assert_eq!(verification.assets.different, 1, "{:?}", verification.differences);
    let (_, monitor) = films.good_night().await;
    let changes = monitor.changes_of("film1");
    assert!(changes.iter().any(|change| matches!(change, Change::LocatorMoved { .. })), "{changes:?}");
    assert_ne!(look(&films.world, TARGET, "film1").id, old.id, "the copy without a container is gone");
    films.are_settled().await;
}

/// Row 22: a single 404 is not a proof; the request is repeated.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_container_with_a_single_404_is_not_replaced() {
    use mediamirror::emulator::FaultPlan;
    use mediamirror::emulator::faults::plan::{Fault, Refuse, Rule};
    let films = Films::mirrored().await;
    let old = look(&films.world, TARGET, "film1");
    let refuse = Refuse::status(404).code("ContainerNotFound");
    let rule =
        Rule::new(Fault::Refuse(refuse)).account(EAST).operation("ListBlobs").name(format!("*{}*", old.container));
    films.world.emulator.set_faults(&FaultPlan::new(1).rule(rule.times(1))).unwrap();
    films.good_night().await;
    assert_eq!(look(&films.world, TARGET, "film1").id, old.id);
    films.are_settled().await;
}

/// Row 22.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_whose_container_was_emptied_is_filled_again_and_its_locators_stay_as_they_are() {
    let films = Films::mirrored().await;
    let old = look(&films.world, TARGET, "film1");
    for extension in ["ism", "mp4"] {
        assert!(films.world.emulator.delete_blob(EAST, &old.container, &format!("film1.{extension}")));
    }
    let before = target_locators(&films.world).await;
    let (_, monitor) = films.good_night().await;
    assert_eq!(monitor.changes_of("film1"), [Change::Blobs { blobs: 2 }]);
    assert_eq!(target_locators(&films.world).await, before);
    assert_eq!(look(&films.world, TARGET, "film1").id, old.id);
    films.are_settled().await;
}

/// A blob that the source deletes from an asset that still plays is kept and counted, and is not a difference.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_deleted_source_blob_is_kept_and_counted_and_is_source_lost_if_a_record_names_it() {
    let films = Films::mirrored().await;
    let (container, name) = films.blob(SOURCE, 2, "mp4");
    assert!(films.world.emulator.delete_blob(WEST, &container, &name));
    let (summary, monitor) = films.night().await;
    assert_eq!(monitor.outcome_of("film2").unwrap().cause(), Some(Cause::SourceLost));
    assert_eq!(summary.outcome, Outcome::Partial);
    let record = look(&films.world, SOURCE, "film2").files.into_iter().find(|file| file.name == name).unwrap();
    films.source().remove_file(&record.id).unwrap();
    let (summary, _) = films.good_night().await;
    assert_eq!(summary.kept.blobs, 1);
    let (container, name) = films.blob(TARGET, 2, "mp4");
    assert!(films.world.emulator.describe(EAST, &container, &name).is_some());
    let verification = films.world.verify().await;
    assert_eq!((verification.differences, verification.extra.blobs), (Vec::new(), 1));
    let (summary, _) = films.good_night().await;
    assert_eq!((summary.assets.unchanged, summary.kept.blobs), (6, 1), "it is counted every night");
}

/// Unchanged locators are not written when contents change.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn new_blobs_are_copied_in_the_next_run_and_play() {
    let films = Films::mirrored().await;
    put(&films.world.pair().source.storage[0], &films.films[0].asset, "subtitles.vtt", vec![b'v'; 99]).await;
    let asset = look(&films.world, SOURCE, "film0").id;
    films.source().add_file(&asset, "subtitles.vtt", 99).unwrap();
    let before = target_locators(&films.world).await;
    films.good_night().await;
    assert_eq!(target_locators(&films.world).await, before);
    assert_plays_alike(&films.world).await;
    films.are_settled().await;
}
