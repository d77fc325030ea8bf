//! Tests of the features that the blob client needs, for any blob service: the emulator in process, the emulator on
//! sockets, and Azurite.
//!
//! Every function takes a [`Fixture`]: two accounts of one service, with a separate container in both. The fixture
//! declares operations that the service does not have; the service must refuse these clearly. `every_case` lists all
//! functions, so that each one runs with every service.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::{AsyncRawResponse, HttpClient, Method, Request};
use bytes::Bytes;
use futures::TryStreamExt;
use mediamirror::blob::{self, BlobAccount, LeaseAnswer, LeaseBreak, LeaseRenewal, LeaseState, WriteIf, Written};
use mediamirror::call::Caller;
use mediamirror::error::{Disposition, Error};
use mediamirror::memory::Memory;
use mediamirror::model::{AccountName, Blob, BlobProperties, BlobRef, ContainerName, CopyStatus, LeaseId, Plane};
use mediamirror::redact::Secret;
use mediamirror::retry::RetryPolicy;
use mediamirror::state::{self, Holder, PairState, StateError, TargetLock};
use mediamirror::throttle::{Lane, LaneLimits};
use mediamirror::transport::{AllowedHosts, guarded};
use mediamirror::verdict::Cause;
use url::Url;

/// Passes the names of all cases to a macro, which makes a test for each.
macro_rules! every_case {
    ($make_tests:ident) => {
        $make_tests! {
            listing_shows_what_was_written,
            a_missing_container_is_told,
            an_asynchronous_copy_arrives_whole,
            blocks_arrive_as_one_blob,
            blocks_left_behind_are_found_again,
            one_request_brings_everything,
            a_source_that_changed_or_vanished_is_reported,
            a_copy_within_an_account_is_done_at_once,
            an_append_blob_grows_at_its_end,
            a_page_blob_is_written_in_pages,
            a_copy_has_the_type_of_its_source,
            a_sealed_append_blob_is_written_no_more,
            stored_access_policies_are_replaced_as_a_whole,
            a_wrong_key_ends_the_run,
            a_lease_is_acquired_renewed_released_and_broken,
            a_lock_has_one_holder_until_it_is_released_or_broken,
            a_state_is_only_written_over_what_was_read,
            stored_policies_and_public_access_are_set_apart,
            what_is_set_for_an_account_is_read_back,
        }
    };
}
pub(crate) use every_case;

#[path = "blob/containers.rs"]
mod containers;
#[path = "blob/copies.rs"]
mod copies;
#[path = "blob/leases.rs"]
mod leases;
#[path = "blob/raw.rs"]
mod raw;
#[path = "blob/settings.rs"]
mod settings;
#[path = "blob/types.rs"]
mod types;

pub(crate) use containers::stored_access_policies_are_replaced_as_a_whole;
pub(crate) use copies::{
    a_copy_within_an_account_is_done_at_once, a_source_that_changed_or_vanished_is_reported,
    an_asynchronous_copy_arrives_whole, blocks_arrive_as_one_blob, blocks_left_behind_are_found_again,
    one_request_brings_everything,
};
pub(crate) use leases::{
    a_lease_is_acquired_renewed_released_and_broken, a_lock_has_one_holder_until_it_is_released_or_broken,
    a_state_is_only_written_over_what_was_read,
};

pub(crate) use raw::{Answer, Raw};
pub(crate) use settings::{stored_policies_and_public_access_are_set_apart, what_is_set_for_an_account_is_read_back};
pub(crate) use types::{
    a_copy_has_the_type_of_its_source, a_page_blob_is_written_in_pages, a_sealed_append_blob_is_written_no_more,
    an_append_blob_grows_at_its_end,
};

/// Names that must be unchanged by every operation.
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
    /// The target account with a transport that never sends a block list.
    pub(crate) broken: BlobAccount,
    /// There in both, empty.
    pub(crate) container: ContainerName,
    /// The two accounts without the client.
    pub(crate) raw: Sides,
    /// The features of the service.
    pub(crate) abilities: Abilities,
}

/// Both accounts with raw requests.
pub(crate) struct Sides {
    pub(crate) source: Raw,
    pub(crate) target: Raw,
}

/// Features that not every compatible service has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Abilities {
    /// Does it have Put Blob From URL?
    pub(crate) puts_from_url: bool,
    /// Does it refuse to overwrite a blob by a copy of another type, and one that is sealed? Does a seal keep the entity tag?
    pub(crate) documented_types: bool,
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

/// A listing returns all written blobs; the properties of each blob agree with the listing.
pub(crate) async fn listing_shows_what_was_written(fixture: &Fixture) {
    for name in NAMES {
        let blob = fixture.seed(name, 11).await;
        assert_eq!(blob.length, 11);
        assert_eq!(hashless(&blob), full_properties(), "{name}");
        assert_eq!(blob.properties.content_md5.as_ref().map(Vec::len), Some(16), "{name}");
        assert!(
            blob.kind == mediamirror::model::BlobKind::Block
                && blob.etag.ends_with('"')
                && blob.last_modified.is_some(),
            "{blob:?}"
        );
        let looked = fixture.source.properties(&fixture.at(name)).await.unwrap().expect("it is there");
        assert_eq!(looked.properties, blob.properties, "{name}");
        assert_eq!((looked.length, looked.etag), (blob.length, blob.etag), "{name}");
    }
    assert_eq!(fixture.listed(&fixture.source).await.len(), NAMES.len());
    assert_eq!(fixture.source.properties(&fixture.at("absent")).await.unwrap(), None);
}

/// A missing container is reported as such.
pub(crate) async fn a_missing_container_is_told(fixture: &Fixture) {
    let absent = ContainerName::new("absent-container");
    assert!(fixture.source.container_exists(&fixture.container).await.unwrap());
    assert!(!fixture.source.container_exists(&absent).await.unwrap());
    let error = fixture.source.list(&absent).try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.failure().and_then(|failure| failure.code()), Some("ContainerNotFound"), "{error}");
}

/// A wrong key ends the run, both for requests and for the signature of a copy's source.
pub(crate) async fn a_wrong_key_ends_the_run(fixture: &Fixture) {
    let error = fixture.impostor.list(&fixture.container).try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Fatal, "{error}");
    let blob = fixture.seed("unreadable", 10).await;
    let from = fixture.impostor.copy_source(&fixture.container, &blob).await.unwrap();
    let to = fixture.at("unreadable");
    let mut errors = vec![
        fixture.target.start_copy(&to, &from).await.unwrap_err(),
        fixture.target.put_blocks_from_url(&to, &from).await.unwrap_err(),
    ];
    if fixture.abilities.puts_from_url {
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

impl Fixture {
    /// Two accounts of the service that `network` reaches, each at its endpoint with its name and key, and `container` made in
    /// both.
    pub(crate) async fn new(
        network: &Arc<dyn HttpClient>,
        source: &Access,
        target: &Access,
        container: &str,
        abilities: Abilities,
    ) -> Self {
        let impostor = Access { key: target.key.clone(), ..source.clone() };
        let fixture = Self {
            source: account(network, source),
            target: Arc::new(account(network, target)),
            impostor: account(network, &impostor),
            broken: account(&(Arc::new(copies::NoBlockLists(Arc::clone(network))) as Arc<dyn HttpClient>), target),
            container: ContainerName::new(container),
            raw: Sides { source: Raw::new(network, source), target: Raw::new(network, target) },
            abilities,
        };
        fixture.source.create_container(&fixture.container).await.unwrap();
        fixture.target.create_container(&fixture.container).await.unwrap();
        fixture.target.create_container(&fixture.container).await.expect("making it again is no error");
        fixture
    }
}

/// The address and credential of an account.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// Its name.
    pub(crate) name: String,
    /// Its root.
    pub(crate) endpoint: Url,
    /// Its key.
    pub(crate) key: String,
}

/// A client of the account, with its own allow-list and lanes.
fn account(network: &Arc<dyn HttpClient>, access: &Access) -> BlobAccount {
    let hosts = AllowedHosts::default();
    hosts.allow(&access.endpoint);
    let memory = Memory::default();
    let transport = guarded(Arc::clone(network), hosts, &memory);
    let account = AccountName::new(&access.name);
    let caller = |plane| {
        Caller::new(
            Lane::new(account.clone(), plane, LaneLimits::default()),
            RetryPolicy { max_attempts: 2, ..RetryPolicy::default() },
        )
    };
    let (read, write) = (caller(Plane::BlobRead), caller(Plane::BlobWrite));
    let key = blob::Access::Key(Secret::new(&access.key));
    BlobAccount::new(account.clone(), access.endpoint.clone(), key, (transport, memory), read, write).unwrap()
}
