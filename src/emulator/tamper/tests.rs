//! Each change and its visible effects.

use std::time::Duration;

use crate::emulator::{Emulator, EmulatorHandle, Headers, SourceAccess};

const AT: (&str, &str, &str) = ("storewest", "cat", "a.mp4");

/// An emulator with a blob `cat/a.mp4` in its first storage account.
async fn emulator() -> EmulatorHandle {
    let emulator = Emulator::builder().start_in_process().await.unwrap();
    emulator.internal(AT.0).unwrap().create_container(AT.1).unwrap();
    assert!(emulator.put_blob(AT.0, AT.1, AT.2, "0123456789", Some("video/mp4")));
    emulator
}

#[tokio::test(start_paused = true)]
async fn exchanged_bytes_keep_the_description_and_change_the_entity_tag() {
    let emulator = emulator().await;
    let headers = Headers {
        content_type: Some("video/mp4".to_owned()),
        content_md5: Some(b"sixteen bytes it".to_vec()),
        ..Headers::default()
    };
    assert!(emulator.set_headers(AT.0, AT.1, AT.2, &headers));
    assert!(emulator.set_metadata(AT.0, AT.1, AT.2, &[("title", "a")]));
    assert!(emulator.set_tags(AT.0, AT.1, AT.2, &[("k", "v")]));
    let before = emulator.describe(AT.0, AT.1, AT.2).unwrap();
    let bytes = emulator.fingerprint(AT.0, AT.1, AT.2).unwrap();
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(emulator.exchange_bytes(AT.0, AT.1, AT.2));
    let after = emulator.describe(AT.0, AT.1, AT.2).unwrap();
    assert_ne!(emulator.fingerprint(AT.0, AT.1, AT.2).unwrap(), bytes);
    assert!(after.etag != before.etag && after.last_modified == before.last_modified + 2, "{after:?}");
    let expected = super::Described { etag: after.etag.clone(), last_modified: after.last_modified, ..before };
    assert_eq!(after, expected);
    assert_eq!(after.headers, headers);
    let exchanged = emulator.fingerprint(AT.0, AT.1, AT.2).unwrap();
    assert!(emulator.exchange_bytes(AT.0, AT.1, AT.2));
    assert_ne!(emulator.fingerprint(AT.0, AT.1, AT.2).unwrap(), exchanged, "the bytes are others each time");
    assert_eq!((after.length, after.metadata["title"].as_str(), after.tags["k"].as_str()), (10, "a", "v"));
}

#[tokio::test(start_paused = true)]
async fn tags_and_tier_keep_the_entity_tag_and_headers_and_metadata_change_it() {
    let emulator = emulator().await;
    let version = || emulator.describe(AT.0, AT.1, AT.2).unwrap().etag;
    let first = version();
    assert!(emulator.set_tags(AT.0, AT.1, AT.2, &[("k", "v")]));
    assert!(emulator.archive(AT.0, AT.1, AT.2));
    assert_eq!(version(), first);
    assert_eq!(emulator.describe(AT.0, AT.1, AT.2).unwrap().tier.as_deref(), Some("Archive"));
    assert!(emulator.set_headers(AT.0, AT.1, AT.2, &Headers::default()));
    let second = version();
    assert_ne!(second, first);
    assert_eq!(emulator.describe(AT.0, AT.1, AT.2).unwrap().headers.content_type, None);
    assert!(emulator.set_metadata(AT.0, AT.1, AT.2, &[]));
    assert_ne!(version(), second);
}

#[tokio::test(start_paused = true)]
async fn a_container_is_deleted_with_its_blobs_and_missing_things_are_not_changed() {
    let emulator = emulator().await;
    emulator.internal(AT.0).unwrap().create_container("bird").unwrap();
    assert_eq!(emulator.containers(AT.0).unwrap(), ["bird", "cat"]);
    assert!(emulator.set_customer_key(AT.0, AT.1, AT.2, &[7; 32]));
    assert!(emulator.internal(AT.0).unwrap().read_blob(AT.1, AT.2, 0, 1).is_err());
    assert!(emulator.set_encryption_scope(AT.0, AT.1, AT.2, "vault"));
    assert!(emulator.internal(AT.0).unwrap().read_blob(AT.1, AT.2, 0, 1).is_ok());
    assert!(emulator.delete_container(AT.0, AT.1));
    assert!(!emulator.delete_container(AT.0, AT.1));
    assert_eq!(emulator.containers(AT.0).unwrap(), ["bird"]);
    assert!(!emulator.exchange_bytes(AT.0, AT.1, AT.2));
    assert!(!emulator.archive(AT.0, "bird", AT.2));
    assert_eq!(emulator.describe(AT.0, AT.1, AT.2), None);
    assert_eq!(emulator.containers("nowhere"), None);
    assert!(emulator.set_source_access(AT.0, SourceAccess::Refused));
    assert!(!emulator.set_source_access("nowhere", SourceAccess::Refused));
}
