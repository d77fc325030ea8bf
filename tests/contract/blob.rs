//! What the blob client needs of a blob service, run against any: the emulator in the process, the emulator on sockets,
//! and Azurite.
//!
//! Every function takes a [`Fixture`]: two accounts of one service, with a container of its own in both. A service that
//! lacks an operation is told so in the fixture, and then has to refuse it clearly. `every_case` lists all of them, so
//! that each is run against each service.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::{AsyncRawResponse, HttpClient, Method, Request};
use bytes::Bytes;
use futures::TryStreamExt;
use mediamirror::blob::{BlobAccount, LeaseAnswer, LeaseBreak, LeaseRenewal, LeaseState, WriteIf, Written};
use mediamirror::call::Caller;
use mediamirror::error::{Disposition, Error};
use mediamirror::model::{AccountName, Blob, BlobProperties, BlobRef, ContainerName, CopyStatus, LeaseId, Plane};
use mediamirror::redact::Secret;
use mediamirror::retry::RetryPolicy;
use mediamirror::state::{self, Holder, PairState, StateError, TargetLock};
use mediamirror::throttle::{Lane, LaneLimits};
use mediamirror::transport::{AllowedHosts, guarded};
use mediamirror::verdict::Cause;
use url::Url;

/// Gives the names of all cases to a macro, which makes a test of each.
macro_rules! every_case {
    ($make_tests:ident) => {
        $make_tests! {
            listing_shows_what_was_written,
            a_missing_container_is_told,
            an_asynchronous_copy_arrives_whole,
            blocks_arrive_as_one_blob,
            blocks_left_behind_are_found_again,
            one_request_brings_everything,
            a_source_that_changed_or_vanished_is_told,
            a_copy_within_an_account_is_done_at_once,
            a_wrong_key_ends_the_run,
            a_lease_is_acquired_renewed_released_and_broken,
            a_lock_has_one_holder_until_it_is_released_or_broken,
            a_state_is_only_written_over_what_was_read,
        }
    };
}
pub(crate) use every_case;

/// Names that have to come through every operation.
const NAMES: &[&str] = &[
    "plain.mp4",
    "folder/sub folder/a b.ism",
    "50%25 + more#1?x=y&z.mp4",
    "übung/日本語.mp4",
    "double//slash",
    "dots...ok/..a",
    "tab-free <tag> & \"quotes\" 'n' all.xml",
];

/// Two accounts of one service.
pub(crate) struct Fixture {
    /// Where blobs are copied from.
    pub(crate) source: BlobAccount,
    /// Where they are copied to.
    pub(crate) target: Arc<BlobAccount>,
    /// The source account with a wrong key.
    pub(crate) impostor: BlobAccount,
    /// The target account through a line on which no block list is ever written.
    pub(crate) broken: BlobAccount,
    /// There in both, empty.
    pub(crate) container: ContainerName,
    /// Does the service have Put Blob From URL?
    pub(crate) puts_from_url: bool,
}

impl Fixture {
    fn at(&self, name: &str) -> BlobRef {
        BlobRef { container: self.container.clone(), name: name.to_owned() }
    }

    async fn listed(&self, account: &BlobAccount) -> BTreeMap<String, Blob> {
        let pages: Vec<Vec<Blob>> = account.list(&self.container).try_collect().await.unwrap();
        pages.into_iter().flatten().map(|blob| (blob.name.clone(), blob)).collect()
    }

    async fn seed(&self, name: &str, length: usize) -> Blob {
        let content = Bytes::from(vec![7_u8; length]);
        self.source.put_blob(&self.at(name), content, &full_properties()).await.unwrap();
        self.listed(&self.source).await.remove(name).expect("a written blob is listed")
    }
}

/// The properties without the hash.
fn hashless(blob: &Blob) -> BlobProperties {
    BlobProperties { content_md5: None, ..blob.properties.clone() }
}

/// Every property a blob can be given.
fn full_properties() -> BlobProperties {
    BlobProperties {
        content_type: Some("video/mp4".to_owned()),
        content_encoding: Some("identity".to_owned()),
        content_language: Some("de-DE".to_owned()),
        content_disposition: Some("attachment; filename=\"a.mp4\"".to_owned()),
        cache_control: Some("max-age=3600".to_owned()),
        // The service computes it, for Put Blob.
        content_md5: None,
        metadata: [("a_b", "1"), ("a1", "two words"), ("ab", "3")].map(pair).into(),
        tags: [("kind", "a=b c"), ("year", "2026")].map(pair).into(),
    }
}

fn pair((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// What is listed is what was written, name by name; looking at a blob agrees with the listing.
pub(crate) async fn listing_shows_what_was_written(fixture: &Fixture) {
    for name in NAMES {
        let blob = fixture.seed(name, 11).await;
        assert_eq!(blob.length, 11);
        assert_eq!(hashless(&blob), full_properties(), "{name}");
        assert_eq!(blob.properties.content_md5.as_ref().map(Vec::len), Some(16), "{name}");
        assert!(blob.block_blob && blob.etag.ends_with('"') && blob.last_modified.is_some(), "{blob:?}");
        let looked = fixture.source.properties(&fixture.at(name)).await.unwrap().expect("it is there");
        assert_eq!(looked.properties, blob.properties, "{name}");
        assert_eq!((looked.length, looked.etag), (blob.length, blob.etag), "{name}");
    }
    assert_eq!(fixture.listed(&fixture.source).await.len(), NAMES.len());
    assert_eq!(fixture.source.properties(&fixture.at("absent")).await.unwrap(), None);
}

/// A container that is not there is told as such.
pub(crate) async fn a_missing_container_is_told(fixture: &Fixture) {
    let absent = ContainerName::new("absent-container");
    assert!(fixture.source.container_exists(&fixture.container).await.unwrap());
    assert!(!fixture.source.container_exists(&absent).await.unwrap());
    let error = fixture.source.list(&absent).try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.failure().and_then(|failure| failure.code()), Some("ContainerNotFound"), "{error}");
}

/// An asynchronous copy arrives with everything; begun again it does no harm; aborting what is over is no error.
pub(crate) async fn an_asynchronous_copy_arrives_whole(fixture: &Fixture) {
    for name in NAMES {
        let blob = fixture.seed(name, 1_000).await;
        let from = fixture.source.copy_source(&fixture.container, &blob).unwrap();
        let state = fixture.target.start_copy(&fixture.at(name), &from).await.unwrap();
        let arrived = wait_for_copy(fixture, name).await;
        assert_eq!(arrived.length, 1_000, "{name}");
        assert_eq!(arrived.properties, blob.properties, "{name}");
        assert_eq!(arrived.copy.map(|copy| copy.id), Some(state.id.clone()), "{name}");
        fixture.target.abort_copy(&fixture.at(name), &state.id).await.unwrap();
        assert!(fixture.target.properties(&fixture.at(name)).await.unwrap().is_some(), "{name} is still there");
    }
}

async fn wait_for_copy(fixture: &Fixture, name: &str) -> Blob {
    for _ in 0..100 {
        let blob = fixture.listed(&fixture.target).await.remove(name).expect("a copy is listed from its start");
        if blob.copy.as_ref().is_none_or(|copy| copy.status != CopyStatus::Pending) {
            return blob;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the copy of {name} does not end");
}

/// Blocks arrive as one blob with everything; so does a blob without content.
pub(crate) async fn blocks_arrive_as_one_blob(fixture: &Fixture) {
    for (name, length) in [("two blocks", (64 << 20) + 5), ("one/block", 100), ("empty", 0)] {
        let blob = fixture.seed(name, length).await;
        let from = fixture.source.copy_source(&fixture.container, &blob).unwrap();
        fixture.target.put_blocks_from_url(&fixture.at(name), &from).await.unwrap();
        let arrived = fixture.listed(&fixture.target).await.remove(name).expect("it is there");
        assert_eq!(arrived.length, length as u64, "{name}");
        assert_eq!(arrived.properties, blob.properties, "{name}");
    }
}

/// Blocks whose list was never written are found by the next attempt, which copies none of them again.
pub(crate) async fn blocks_left_behind_are_found_again(fixture: &Fixture) {
    let (name, length) = ("left behind", (64 << 20) + 5);
    let blob = fixture.seed(name, length).await;
    let from = fixture.source.copy_source(&fixture.container, &blob).unwrap();
    fixture.broken.put_blocks_from_url(&fixture.at(name), &from).await.unwrap_err();
    assert!(fixture.listed(&fixture.target).await.is_empty(), "uncommitted blocks are no blob");
    let newer = fixture.seed(name, length).await;
    assert_ne!(newer.etag, blob.etag);
    // The source is in another state now, so a block copied again would be refused: all of them were found.
    fixture.target.finish_blocks_from_url(&fixture.at(name), &from).await.unwrap();
    let arrived = fixture.listed(&fixture.target).await.remove(name).expect("it is there");
    assert_eq!((arrived.length, arrived.properties), (blob.length, blob.properties));
}

/// A line that breaks whenever a block list is to be written.
#[derive(Debug)]
struct NoBlockLists(Arc<dyn HttpClient>);

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

/// One request brings everything, or is refused clearly where the service does not know it.
pub(crate) async fn one_request_brings_everything(fixture: &Fixture) {
    for (name, length) in [("some bytes", 1_000), ("none", 0)] {
        let blob = fixture.seed(name, length).await;
        let from = fixture.source.copy_source(&fixture.container, &blob).unwrap();
        let result = fixture.target.put_from_url(&fixture.at(name), &from).await;
        if fixture.puts_from_url {
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

/// A source that changed since it was listed, or is gone, is told as such by every method.
pub(crate) async fn a_source_that_changed_or_vanished_is_told(fixture: &Fixture) {
    let mut changed = fixture.seed("changed", 10).await;
    "\"0x8D0000000000000\"".clone_into(&mut changed.etag);
    let mut absent = fixture.seed("changed", 10).await;
    "never written".clone_into(&mut absent.name);
    for (blob, vanished) in [(changed, false), (absent, true)] {
        let from = fixture.source.copy_source(&fixture.container, &blob).unwrap();
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
        if fixture.puts_from_url {
            errors.push(fixture.target.put_from_url(&to, &from).await.unwrap_err());
        }
        for error in errors {
            match &error {
                // HTTP says of a condition on something absent that it is not met, and Azurite answers so.
                Error::Found { finding, .. } if finding.cause == Cause::SourceChanging => {}
                Error::Found { finding, .. } if finding.cause == Cause::SourceVanished => {
                    assert!(vanished, "{error:?}");
                }
                _ => panic!("{error:?}"),
            }
        }
    }
}

/// Within an account a copy is done at once.
pub(crate) async fn a_copy_within_an_account_is_done_at_once(fixture: &Fixture) {
    let blob = fixture.seed("original", 1_000).await;
    let from = fixture.source.copy_source(&fixture.container, &blob).unwrap();
    let state = fixture.source.start_copy(&fixture.at("copy"), &from).await.unwrap();
    assert_eq!(state.status, CopyStatus::Success);
    let copy = fixture.source.properties(&fixture.at("copy")).await.unwrap().expect("it is there");
    assert_eq!((copy.length, copy.properties), (1_000, blob.properties));
}

/// A wrong key ends the run, where it is used and where a copy's source is signed with it.
pub(crate) async fn a_wrong_key_ends_the_run(fixture: &Fixture) {
    let error = fixture.impostor.list(&fixture.container).try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Fatal, "{error}");
    let blob = fixture.seed("unreadable", 10).await;
    let from = fixture.impostor.copy_source(&fixture.container, &blob).unwrap();
    let to = fixture.at("unreadable");
    let mut errors = vec![
        fixture.target.start_copy(&to, &from).await.unwrap_err(),
        fixture.target.put_blocks_from_url(&to, &from).await.unwrap_err(),
    ];
    if fixture.puts_from_url {
        errors.push(fixture.target.put_from_url(&to, &from).await.unwrap_err());
    }
    for error in errors {
        assert_eq!(error.disposition(), Disposition::Fatal, "{error}");
        assert!(
            matches!(error.cause(), Some(Cause::SourceSignatureRefused | Cause::SourceRefusesTarget))
                && !error.to_string().contains("sig="),
            "{error}"
        );
    }
}

/// A lease goes from one holder to the next, and each action that was repeated is done once.
pub(crate) async fn a_lease_is_acquired_renewed_released_and_broken(fixture: &Fixture) {
    let (account, at) = (&fixture.target, fixture.at("lease"));
    let [first, second] = [LeaseId::random(), LeaseId::random()];
    assert_eq!(account.acquire_lease(&at, &first, 60).await.unwrap(), LeaseAnswer::Missing);
    account.write_small(&at, Bytes::new(), WriteIf::Absent).await.unwrap();
    for _ in 0..2 {
        let granted = account.acquire_lease(&at, &first, 60).await.unwrap();
        assert!(matches!(granted, LeaseAnswer::Granted), "{granted:?}");
        assert_eq!(account.acquire_lease(&at, &second, 60).await.unwrap(), LeaseAnswer::HeldByAnother);
        let renewed = account.renew_lease(&at, &first).await.unwrap();
        assert!(matches!(renewed, LeaseRenewal::Renewed), "{renewed:?}");
        assert_eq!(account.renew_lease(&at, &second).await.unwrap(), LeaseRenewal::Lost);
    }
    for (id, written) in [(&second, false), (&first, true)] {
        let done = account.write_small(&at, Bytes::from_static(b"{}"), WriteIf::Lease(id)).await.unwrap();
        assert_eq!(matches!(done, Written::Done { .. }), written, "{done:?}");
    }
    account.release_lease(&at, &second).await.unwrap();
    assert_eq!(account.read_small(&at, 99).await.unwrap().whole().unwrap().lease, LeaseState::Leased);
    account.release_lease(&at, &first).await.unwrap();
    assert_eq!(account.renew_lease(&at, &first).await.unwrap(), LeaseRenewal::Lost);
    let granted = account.acquire_lease(&at, &second, 60).await.unwrap();
    assert!(matches!(granted, LeaseAnswer::Granted), "{granted:?}");
    for _ in 0..2 {
        let read = account.read_small(&at, 99).await.unwrap().whole().unwrap();
        let other = account.break_lease(&at, "\"0x1\"").await.unwrap();
        assert_eq!(other, LeaseBreak::Changed, "another entity tag is another holder");
        assert_eq!(account.read_small(&at, 99).await.unwrap().whole().unwrap().lease, read.lease);
        assert_eq!(account.break_lease(&at, &read.etag).await.unwrap(), LeaseBreak::Ended);
        assert_eq!(account.read_small(&at, 99).await.unwrap().whole().unwrap().lease, LeaseState::Broken);
    }
    assert_eq!(account.renew_lease(&at, &second).await.unwrap(), LeaseRenewal::Lost);
}

/// The lock of a target, named after the case's container.
pub(crate) async fn a_lock_has_one_holder_until_it_is_released_or_broken(fixture: &Fixture) {
    let target = AccountName::new(fixture.container.as_str());
    let take = async |host: &str| {
        let holder = Holder { host: host.to_owned(), ..Holder::here() };
        TargetLock::take(Arc::clone(&fixture.target), &target, &holder).await
    };
    let first = take("ark").await.unwrap();
    let error = take("boat").await.unwrap_err();
    assert!(matches!(&error, Error::Locked { holder, .. } if holder.host == "ark"), "{error}");
    first.check().unwrap();
    first.release().await.unwrap();
    let second = take("boat").await.unwrap();
    let broken = state::unlock(&fixture.target, &target).await.unwrap();
    assert_eq!(broken.map(|holder| holder.host).as_deref(), Some("boat"));
    assert_eq!(state::unlock(&fixture.target, &target).await.unwrap(), None);
    let third = take("canoe").await.unwrap();
    // It is no longer its own to release.
    second.release().await.unwrap();
    assert_eq!(state::holder(&fixture.target, &target).await.unwrap().unwrap().host, "canoe");
    third.release().await.unwrap();
}

/// The state of a pair whose target is named after the case's container.
pub(crate) async fn a_state_is_only_written_over_what_was_read(fixture: &Fixture) {
    let (source, target) = (AccountName::new("source"), AccountName::new(fixture.container.as_str()));
    let read = async || PairState::read(&fixture.target, &source, &target).await.unwrap();
    assert_eq!(read().await, None);
    let lock = TargetLock::take(Arc::clone(&fixture.target), &target, &Holder::here()).await.unwrap();
    let mut state = PairState::new();
    let first = state.write(&lock, &source, None).await.unwrap();
    assert_eq!(read().await, Some((state.clone(), first.clone())));
    state.adopted.insert("a locator".to_owned());
    let second = state.write(&lock, &source, Some(&first)).await.unwrap();
    for stale in [None, Some(first.as_str())] {
        let error = PairState::new().write(&lock, &source, stale).await.unwrap_err();
        assert!(matches!(error, Error::State(StateError::Changed { .. })), "{error}");
    }
    assert_eq!(read().await, Some((state, second)));
    lock.release().await.unwrap();
}

impl Fixture {
    /// Two accounts of the service that `network` reaches, each at its endpoint with its name and key, and `container` made in
    /// both.
    pub(crate) async fn new(
        network: &Arc<dyn HttpClient>,
        source: &Access,
        target: &Access,
        container: &str,
        puts_from_url: bool,
    ) -> Self {
        let impostor = Access { key: target.key.clone(), ..source.clone() };
        let fixture = Self {
            source: account(network, source),
            target: Arc::new(account(network, target)),
            impostor: account(network, &impostor),
            broken: account(&(Arc::new(NoBlockLists(Arc::clone(network))) as Arc<dyn HttpClient>), target),
            container: ContainerName::new(container),
            puts_from_url,
        };
        fixture.source.create_container(&fixture.container).await.unwrap();
        fixture.target.create_container(&fixture.container).await.unwrap();
        fixture.target.create_container(&fixture.container).await.expect("making it again is no error");
        fixture
    }
}

/// How an account is reached.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// Its name.
    pub(crate) name: String,
    /// Its root.
    pub(crate) endpoint: Url,
    /// Its key.
    pub(crate) key: String,
}

/// A client of the account, with an allow-list and lanes of its own.
fn account(network: &Arc<dyn HttpClient>, access: &Access) -> BlobAccount {
    let hosts = AllowedHosts::default();
    hosts.allow(&access.endpoint);
    let transport = guarded(Arc::clone(network), hosts);
    let account = AccountName::new(&access.name);
    let caller = |plane| {
        Caller::new(
            Lane::new(account.clone(), plane, LaneLimits::default()),
            RetryPolicy { max_attempts: 2, ..RetryPolicy::default() },
        )
    };
    let (read, write) = (caller(Plane::BlobRead), caller(Plane::BlobWrite));
    let key = Secret::new(&access.key);
    BlobAccount::new(account.clone(), access.endpoint.clone(), &key, transport, read, write).unwrap()
}
