use jiff::Timestamp;

use super::*;
use crate::engine::contents::digest::BlobsDigest;
use crate::model::CopyState;

fn at(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second).ok()
}

/// A source blob that last changed at 100 s.
fn blob(length: u64) -> Blob {
    Blob {
        name: "a.mp4".into(),
        length,
        etag: "\"1\"".into(),
        last_modified: at(100),
        properties: BlobProperties { content_type: Some("video/mp4".into()), ..BlobProperties::default() },
        tier: Some("Hot".into()),
        kind: BlobKind::Block,
        copy: None,
    }
}

/// Its copy, made at that time.
fn copy(second: i64) -> Blob {
    Blob { etag: "\"2\"".into(), last_modified: at(second), tier: Some("Cool".into()), ..blob(7) }
}

fn with_md5(blob: Blob, md5: u8) -> Blob {
    Blob { properties: BlobProperties { content_md5: Some(vec![md5; 16]), ..blob.properties }, ..blob }
}

const NOTHING: &Known =
    &Known { same_source: false, verified: false, of_another_tool: false, source_sealed: None, sealed: None };
const SAME: Known =
    Known { same_source: true, verified: true, of_another_tool: false, source_sealed: None, sealed: None };
const CHANGED: &Known =
    &Known { same_source: false, verified: true, of_another_tool: false, source_sealed: None, sealed: None };

/// The target has changed since its verification, when it had this copy.
fn altered(copy: &Blob) -> Known {
    let mut digest = BlobsDigest::default();
    digest.add(copy);
    Known { sealed: Sealed::parse(&digest.texts().1), ..SAME }
}

#[test]
fn each_difference_is_named() {
    assert_eq!(difference(&blob(7), &copy(1)), None);
    assert_eq!(difference(&blob(7), &Blob { length: 5, ..copy(1) }).unwrap(), "length 5 instead of 7");
    let mut target = copy(1);
    target.properties.content_type = None;
    assert_eq!(difference(&blob(7), &target).unwrap(), "Content-Type nothing instead of \"video/mp4\"");
    let mut target = copy(1);
    target.properties.metadata.insert("k".into(), "v".into());
    assert_eq!(difference(&blob(7), &target).unwrap(), "metadata");
    let mut target = copy(1);
    target.properties.tags = [("k".to_owned(), "v".to_owned())].into();
    assert_eq!(difference(&blob(7), &target).unwrap(), "index tags");
    let mut target = copy(1);
    target.copy = Some(CopyState { id: "1".into(), status: CopyStatus::Pending, progress: None, description: None });
    assert_eq!(difference(&blob(7), &target).unwrap(), "its copy is still pending");
    assert_eq!(need(&blob(7), Some(&target), &SAME), Need::Copy(Why::Missing));
}

#[test]
fn a_missing_type_equals_the_default_type_and_metadata_names_compare_without_case() {
    let (mut source, mut target) = (blob(7), copy(101));
    source.properties.content_type = None;
    target.properties.content_type = Some("application/octet-stream".into());
    source.properties.metadata.insert("Author".into(), "x".into());
    target.properties.metadata.insert("author".into(), "x".into());
    assert_eq!(difference(&source, &target), None);
    assert_eq!(need(&source, Some(&target), NOTHING), Need::Nothing);
}

#[test]
fn without_a_checksum_and_a_record_only_a_younger_copy_is_equal() {
    assert_eq!(need(&blob(7), Some(&copy(101)), NOTHING), Need::Nothing);
    assert_eq!(need(&blob(7), Some(&copy(100)), NOTHING), Need::Copy(Why::Changed));
    let source = with_md5(blob(7), 1);
    assert_eq!(need(&source, Some(&with_md5(copy(1), 1)), NOTHING), Need::Nothing);
    assert_eq!(need(&source, Some(&with_md5(copy(101), 2)), NOTHING), Need::Copy(Why::Changed));
}

#[test]
fn headers_metadata_and_tags_are_set_in_place_where_the_bytes_are_known_to_be_equal() {
    let mend = |headers, metadata, tags| Need::Mend(Mend { headers, metadata, tags, seal: false });
    let mut source = with_md5(blob(7), 1);
    source.properties.tags = [("k".to_owned(), "v".to_owned())].into();
    assert_eq!(need(&source, Some(&with_md5(copy(1), 1)), &SAME), mend(false, false, true));
    source.properties.cache_control = Some("no-store".into());
    source.properties.metadata.insert("k".into(), "v".into());
    assert_eq!(need(&source, Some(&with_md5(copy(1), 1)), NOTHING), mend(true, true, true));
    // Without a checksum the difference explains the new entity tag, but only if the copy was equal before.
    source.properties.content_md5 = None;
    assert_eq!(need(&source, Some(&copy(1)), CHANGED), mend(true, true, true));
    assert_eq!(need(&source, Some(&copy(1)), NOTHING), Need::Copy(Why::Changed));
}

#[test]
fn a_change_of_tags_does_not_explain_a_new_entity_tag() {
    let mut source = blob(7);
    source.properties.tags = [("k".to_owned(), "v".to_owned())].into();
    assert_eq!(need(&source, Some(&copy(1)), CHANGED), Need::Copy(Why::Changed));
    assert_eq!(need(&source, Some(&copy(1)), &SAME), Need::Mend(Mend { tags: true, ..Mend::default() }));
}

#[test]
fn a_blob_that_was_written_on_the_target_after_its_verification_is_copied_again() {
    let source = with_md5(blob(7), 1);
    let before = with_md5(copy(150), 1);
    let rewritten = Blob { etag: "\"3\"".into(), ..before.clone() };
    assert_eq!(need(&source, Some(&before), &altered(&before)), Need::Nothing);
    assert_eq!(need(&source, Some(&rewritten), &altered(&before)), Need::Copy(Why::Damaged), "in the same second");
    assert_eq!(need(&source, Some(&with_md5(copy(200), 1)), &altered(&before)), Need::Copy(Why::Damaged));
    assert_eq!(need(&source, Some(&with_md5(copy(200), 2)), &altered(&before)), Need::Copy(Why::Damaged));
    assert_eq!(need(&source, Some(&Blob { length: 5, ..copy(200) }), &SAME), Need::Copy(Why::Damaged));
    let mut headers = with_md5(copy(200), 1);
    headers.properties.content_language = Some("de".into());
    assert!(matches!(need(&source, Some(&headers), &altered(&before)), Need::Mend(_)), "the header explains it");
}

#[test]
fn a_sealed_blob_is_sealed_in_place_and_a_blob_that_is_sealed_only_on_the_target_is_copied_again() {
    let of = |kind, blob: Blob| Blob { kind, ..blob };
    let (open, sealed) = (BlobKind::Append, BlobKind::SealedAppend);
    let source = of(sealed, blob(7));
    assert_eq!(need(&source, Some(&of(sealed, copy(101))), NOTHING), Need::Nothing);
    let seal = Need::Mend(Mend { seal: true, ..Mend::default() });
    assert_eq!(need(&source, Some(&of(open, copy(101))), NOTHING), seal);
    assert_eq!(difference(&source, &of(open, copy(101))).unwrap(), "not sealed");
    let source = of(open, blob(7));
    assert_eq!(need(&source, Some(&of(sealed, copy(101))), &SAME), Need::Copy(Why::Damaged));
    assert_eq!(difference(&source, &of(sealed, copy(101))).unwrap(), "sealed");
    assert_eq!(need(&source, Some(&copy(101)), &SAME), Need::Copy(Why::Damaged), "another type");
}

#[test]
fn a_source_that_is_older_than_its_copy_was_restored() {
    let source = Blob { length: 5, ..blob(7) };
    assert_eq!(need(&source, Some(&copy(100 + 15 * 60 + 1)), CHANGED), Need::Copy(Why::Older));
    assert_eq!(need(&source, Some(&copy(100 + 15 * 60)), CHANGED), Need::Copy(Why::Changed));
    assert_eq!(need(&source, Some(&copy(5_000)), &altered(&copy(4_000))), Need::Copy(Why::Damaged));
}
