//! Copies between two accounts and within one: asynchronous, in blocks, and in one request.

use super::*;

/// An asynchronous copy has all properties; starting it twice is harmless; aborting a completed copy is not an error.
pub(crate) async fn an_asynchronous_copy_arrives_whole(fixture: &Fixture) {
    for name in NAMES {
        let blob = fixture.seed(name, 1_000).await;
        let from = fixture.source.copy_source(&fixture.container, &blob).await.unwrap();
        let state = fixture.target.start_copy(&fixture.at(name), &from).await.unwrap();
        let arrived = wait_for_copy(fixture, name).await;
        assert_eq!(arrived.length, 1_000, "{name}");
        assert_eq!(arrived.properties, blob.properties, "{name}");
        assert_eq!(arrived.copy.map(|copy| copy.id), Some(state.id.clone()), "{name}");
        fixture.target.abort_copy(&fixture.at(name), &state.id).await.unwrap();
        assert!(fixture.target.properties(&fixture.at(name)).await.unwrap().is_some(), "{name} is still there");
    }
}

pub(super) async fn wait_for_copy(fixture: &Fixture, name: &str) -> Blob {
    for _ in 0..100 {
        let blob = fixture.listed(&fixture.target).await.remove(name).expect("a copy is listed from its start");
        if blob.copy.as_ref().is_none_or(|copy| copy.status != CopyStatus::Pending) {
            return blob;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the copy of {name} does not end");
}

/// Blocks become one blob with all properties; so does a blob without content.
pub(crate) async fn blocks_arrive_as_one_blob(fixture: &Fixture) {
    for (name, length) in [("two blocks", (64 << 20) + 5), ("one/block", 100), ("empty", 0)] {
        let blob = fixture.seed(name, length).await;
        let from = fixture.source.copy_source(&fixture.container, &blob).await.unwrap();
        fixture.target.put_blocks_from_url(&fixture.at(name), &from).await.unwrap();
        let arrived = fixture.listed(&fixture.target).await.remove(name).expect("it is there");
        assert_eq!(arrived.length, length as u64, "{name}");
        assert_eq!(arrived.properties, blob.properties, "{name}");
    }
}

/// The next attempt finds blocks whose list was never written, and copies none of them again.
pub(crate) async fn blocks_left_behind_are_found_again(fixture: &Fixture) {
    let (name, length) = ("left behind", (64 << 20) + 5);
    let blob = fixture.seed(name, length).await;
    let from = fixture.source.copy_source(&fixture.container, &blob).await.unwrap();
    fixture.broken.put_blocks_from_url(&fixture.at(name), &from).await.unwrap_err();
    assert!(fixture.listed(&fixture.target).await.is_empty(), "uncommitted blocks are no blob");
    let newer = fixture.seed(name, length).await;
    assert_ne!(newer.etag, blob.etag);
    // The source has changed, so copying a block again would be refused: all blocks were found.
    fixture.target.finish_blocks_from_url(&fixture.at(name), &from).await.unwrap();
    let arrived = fixture.listed(&fixture.target).await.remove(name).expect("it is there");
    assert_eq!((arrived.length, arrived.properties), (blob.length, blob.properties));
}

/// A transport that fails whenever a block list is sent.
#[derive(Debug)]
pub(super) struct NoBlockLists(pub(super) Arc<dyn HttpClient>);

#[async_trait]
impl HttpClient for NoBlockLists {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let list =
            request.url().query_pairs().any(|(name, value)| (name.as_ref(), value.as_ref()) == ("comp", "blocklist"));
        if list && request.method() == Method::Put {
            return Err(azure_core::Error::with_message(azure_core::error::ErrorKind::Io, "the line is broken"));
        }
        self.0.execute_request(request).await
    }
}

/// One request copies a blob with all properties, or is refused clearly if the service does not have it.
pub(crate) async fn one_request_brings_everything(fixture: &Fixture) {
    for (name, length) in [("some bytes", 1_000), ("none", 0)] {
        let blob = fixture.seed(name, length).await;
        let from = fixture.source.copy_source(&fixture.container, &blob).await.unwrap();
        let result = fixture.target.put_from_url(&fixture.at(name), &from).await;
        if fixture.abilities.puts_from_url {
            assert!(result.unwrap().etag.is_some());
            let arrived = fixture.listed(&fixture.target).await.remove(name).expect("it is there");
            assert_eq!(arrived.length, length as u64, "{name}");
            assert_eq!(arrived.properties, blob.properties, "{name}");
        } else {
            let error = result.unwrap_err();
            assert_eq!(error.failure().and_then(mediamirror::error::Failure::status), Some(501), "{error}");
        }
    }
}

/// Every method reports a source that changed since it was listed, or was deleted.
pub(crate) async fn a_source_that_changed_or_vanished_is_reported(fixture: &Fixture) {
    let mut changed = fixture.seed("changed", 10).await;
    "\"0x8D0000000000000\"".clone_into(&mut changed.etag);
    let mut absent = fixture.seed("changed", 10).await;
    "never written".clone_into(&mut absent.name);
    for (blob, vanished) in [(changed, false), (absent, true)] {
        let from = fixture.source.copy_source(&fixture.container, &blob).await.unwrap();
        let to = fixture.at(&blob.name);
        let error = fixture.target.start_copy(&to, &from).await.unwrap_err();
        match &error {
            Error::Found { finding, .. } if finding.cause == Cause::SourceChanging => {
                assert!(!vanished, "{error:?}");
            }
            Error::Found { finding, .. } if finding.cause == Cause::SourceVanished => {
                assert!(vanished, "{error:?}");
            }
            _ => panic!("{error:?}"),
        }
        let mut errors = vec![fixture.target.put_blocks_from_url(&to, &from).await.unwrap_err()];
        if fixture.abilities.puts_from_url {
            errors.push(fixture.target.put_from_url(&to, &from).await.unwrap_err());
        }
        for error in errors {
            match &error {
                // In HTTP, a condition on a missing resource is not met, and Azurite answers like this.
                Error::Found { finding, .. } if finding.cause == Cause::SourceChanging => {}
                Error::Found { finding, .. } if finding.cause == Cause::SourceVanished => {
                    assert!(vanished, "{error:?}");
                }
                _ => panic!("{error:?}"),
            }
        }
    }
}

/// Within an account a copy is done immediately.
pub(crate) async fn a_copy_within_an_account_is_done_at_once(fixture: &Fixture) {
    let blob = fixture.seed("original", 1_000).await;
    let from = fixture.source.copy_source(&fixture.container, &blob).await.unwrap();
    let state = fixture.source.start_copy(&fixture.at("copy"), &from).await.unwrap();
    assert_eq!(state.status, CopyStatus::Success);
    let copy = fixture.source.properties(&fixture.at("copy")).await.unwrap().expect("it is there");
    assert_eq!((copy.length, copy.properties), (1_000, blob.properties));
}
