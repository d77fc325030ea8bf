//! Rows about edited file records.

use super::*;

/// Gives the first file record of a source asset another MIME type, an hour before the next run: the overlapping
/// listings of two runs do not include it twice.
async fn edit_record(world: &World, seeded: &Seeded) {
    let source = world.emulator.operator(0);
    let asset = source.assets().into_iter().find(|asset| asset.id == seeded.asset.id.as_str()).unwrap();
    source.set_mime_type(&asset.files[0].id, Some("video/x-edited")).unwrap();
    tokio::time::advance(Duration::from_hours(1)).await;
}

/// Does the copy have that MIME type, too?
async fn has_edited_record(world: &World, seeded: &Seeded) -> bool {
    let copy = copy_of(world, &seeded.asset).await;
    let asset = world.emulator.operator(1).assets().into_iter().find(|asset| asset.id == copy.id.as_str()).unwrap();
    asset.files.iter().any(|file| file.mime_type.as_deref() == Some("video/x-edited"))
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_record_that_changed_shortly_before_a_run_is_registered_once() {
    let (world, seeded) = mirrored(2).await;
    edit_record(&world, &seeded[0]).await;
    edit_record(&world, &seeded[1]).await;
    tokio::time::advance(Duration::from_secs(1)).await;
    let file = world.emulator.operator(0).assets().remove(1).files.remove(0);
    world.emulator.operator(0).set_mime_type(&file.id, Some("video/x-later")).unwrap();
    assert_eq!(world.sync().await.0.assets.mirrored, 2);
    tokio::time::advance(Duration::from_hours(2)).await;
    let (summary, monitor) = world.sync().await;
    assert_eq!((summary.outcome, summary.assets.unchanged), (Outcome::Complete, 2), "{:?}", monitor.events());
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_that_became_protected_does_not_make_later_nights_write_the_records_of_others_again() {
    let (world, seeded) = mirrored(2).await;
    world.emulator.operator(0).link_content_key(seeded[0].asset.id.as_str(), 4).unwrap();
    edit_record(&world, &seeded[1]).await;
    assert_eq!(world.sync().await.0.assets.mirrored, 1);
    assert!(has_edited_record(&world, &seeded[1]).await);
    for night in 1..20 {
        tokio::time::advance(Duration::from_hours(24)).await;
        let listed = world.count("ListFiles");
        let (summary, monitor) = world.sync().await;
        assert_eq!(summary.assets.mirrored, 0, "night {night}: {:?}", monitor.events());
        // The changed records of the source, or once a week all records of both sides.
        let listed = world.count("ListFiles") - listed;
        assert_eq!(listed, if night % 7 == 0 { 2 } else { 1 }, "night {night}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_record_that_changed_in_a_night_in_which_its_asset_failed_is_mirrored_the_next_night() {
    let (world, seeded) = mirrored(2).await;
    edit_record(&world, &seeded[0]).await;
    let refuse = Refuse::status(400).code("InvalidQueryParameterValue");
    let rule =
        Rule::new(Fault::Refuse(refuse)).operation("ListBlobs").name(format!("*/{}", container(&seeded[0].asset)));
    world.emulator.set_faults(&FaultPlan { rules: vec![rule], ..FaultPlan::default() }).unwrap();
    assert_eq!(world.sync().await.0.outcome, Outcome::Partial);
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    tokio::time::advance(Duration::from_hours(24)).await;
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
    assert!(has_edited_record(&world, &seeded[0]).await);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_record_that_changed_before_a_held_night_is_mirrored_once_the_hold_ends() {
    let (world, seeded) = mirrored(2).await;
    assert!(world.emulator.delete_container("storeeast", "mediamirror-state"));
    edit_record(&world, &seeded[0]).await;
    assert_eq!(world.sync().await.0.outcome, Outcome::Held);
    tokio::time::advance(Duration::from_hours(24)).await;
    assert_eq!(world.sync_with(Options { rebuild: true, ..Options::default() }).await.0.outcome, Outcome::Complete);
    assert!(has_edited_record(&world, &seeded[0]).await);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_record_of_an_asset_that_a_listing_hid_is_mirrored_after_a_complete_listing() {
    let (world, seeded) = mirrored(6).await;
    for one in &seeded {
        edit_record(&world, one).await;
    }
    let rule = Rule::new(Fault::Mangle(Mangle::Half)).operation("ListAssets").account("mediawest");
    world.emulator.set_faults(&FaultPlan { rules: vec![rule], ..FaultPlan::default() }).unwrap();
    assert!(world.sync().await.0.causes.contains_key(&Cause::ListingIncomplete));
    world.emulator.set_faults(&FaultPlan::default()).unwrap();
    tokio::time::advance(Duration::from_hours(12)).await;
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
    for one in &seeded {
        assert!(has_edited_record(&world, one).await);
    }
}

/// The blobs of such a large container are not kept in memory, so their names must be listed again.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_record_without_a_blob_that_only_a_large_copy_has_is_a_difference() {
    let world = World::generated("assets=1,blobs=1100,seed=1,sizes=small,awkward=false,real=false").await;
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
    let target = world.emulator.operator(1);
    target.add_file(&target.assets()[0].id, "stray.mp4", 1).unwrap();
    // The next verify lists all file records of both sides.
    tokio::time::advance(Duration::from_hours(8 * 24)).await;
    let differences = world.verify().await.differences;
    let items: Vec<&str> = differences.iter().map(|difference| difference.item.as_str()).collect();
    assert_eq!(items, ["stray.mp4"], "{differences:?}");
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
    assert_eq!(world.verify().await.differences, []);
}
