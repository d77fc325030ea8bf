//! Public access and metadata of containers.

use std::sync::Arc;

use mediamirror::config::{Policy, StorageCredential};
use mediamirror::engine::{Options, Outcome};
use mediamirror::model::{ContainerName, PublicAccess};
use mediamirror::redact::Secret;

use super::{expected, fill, mirrored, world};
use crate::world::{World, account_signature, once};

/// A world in which both accounts allow public containers.
pub(crate) async fn open_world() -> World {
    let world = world().await;
    for region in 0..2 {
        let account = world.emulator.ready().regions[region].storage[0].account.clone();
        assert!(world.emulator.allow_public_access(&account, true));
    }
    world
}

/// Sets the public access of a container of the source.
pub(super) async fn open(world: &World, container: &str, level: Option<PublicAccess>) {
    let container = ContainerName::new(container);
    world.pair().source.storage[0].set_public_access(&container, level).await.unwrap();
}

/// What anyone can read in a container of the target.
pub(super) async fn opened(world: &World, container: &str) -> Option<PublicAccess> {
    let found = world.pair().target.storage[0].container(&ContainerName::new(container)).await.unwrap();
    found.and_then(|found| found.public)
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_public_container_is_private_until_its_blobs_are_there_and_follows_its_source() {
    let mut world = open_world().await;
    fill(&world, "films", &["a.ts"]).await;
    fill(&world, "drafts", &["b.ts"]).await;
    open(&world, "films", Some(PublicAccess::Blobs)).await;
    // The public access when the first blob is copied.
    let seen = Arc::new(std::sync::Mutex::new(None));
    let (pair, note) = (world.pair(), Arc::clone(&seen));
    let look = async move {
        let found = pair.target.storage[0].container(&ContainerName::new("films")).await.unwrap().unwrap();
        *note.lock().unwrap() = Some(found.public);
    };
    let copies = |request: &azure_core::http::Request| request.url().path().ends_with("storeeast/films/a.ts");
    world.intercept(once(copies, Box::pin(look)));
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.locators.mirrored), (Outcome::Complete, 1), "{:?}", summary.problems);
    assert_eq!(*seen.lock().unwrap(), Some(None));
    assert_eq!((opened(&world, "films").await, opened(&world, "drafts").await), (Some(PublicAccess::Blobs), None));
    assert_eq!(world.verify().await.differences, []);

    let (summary, _) = world.sync().await;
    assert_eq!((summary.assets.unchanged, summary.locators.unchanged), (2, 1), "{:?}", summary.problems);
    // Another level, then none.
    open(&world, "films", Some(PublicAccess::Container)).await;
    assert_eq!(world.verify().await.differences.len(), 1);
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
    assert_eq!(opened(&world, "films").await, Some(PublicAccess::Container));
    open(&world, "films", None).await;
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.withdrawn), (Outcome::Complete, 1), "{:?}", summary.problems);
    assert_eq!(opened(&world, "films").await, None);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_container_deleted_in_the_source_is_closed_and_its_blobs_are_kept() {
    let world = open_world().await;
    for name in ["films", "series", "shorts"] {
        fill(&world, name, &["a.ts"]).await;
        open(&world, name, Some(PublicAccess::Blobs)).await;
    }
    world.sync().await;
    world.pair().source.storage[0].delete_container(&ContainerName::new("films")).await.unwrap();
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.withdrawn), (Outcome::Complete, 1), "{:?}", summary.problems);
    assert_eq!((opened(&world, "films").await, opened(&world, "series").await), (None, Some(PublicAccess::Blobs)));
    assert!(mirrored(&world).await.contains(&("films".to_owned(), vec!["a.ts".to_owned()])));
    // The operator withholds another one.
    let policy = Policy { withhold: vec!["series".to_owned()], ..Default::default() };
    let (summary, _) = world.sync_with(Options { policy, ..Options::default() }).await;
    assert_eq!(summary.withdrawn, 1, "{:?}", summary.problems);
    assert_eq!(opened(&world, "series").await, None);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn if_public_access_cannot_be_set_the_run_reports_it_and_the_blobs_are_copied() {
    let mut world = open_world().await;
    fill(&world, "films", &["a.ts"]).await;
    open(&world, "films", Some(PublicAccess::Blobs)).await;
    let east = world.emulator.ready().regions[1].storage[0].clone();
    assert!(world.emulator.allow_public_access(&east.account, false));
    let causes = |summary: &mediamirror::engine::Summary| -> Vec<String> {
        summary.problems.iter().map(|problem| problem.finding.to_string()).collect()
    };
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Partial);
    assert!(causes(&summary).concat().contains("does not allow public containers"), "{:?}", causes(&summary));
    assert_eq!(mirrored(&world).await, expected(&[("films", &["a.ts"])]));

    assert!(world.emulator.allow_public_access(&east.account, true));
    let rights = "ss=b&srt=sco&sp=rwlt";
    let key = world.config.target.storage[0].credential.clone();
    let signature = Secret::new(account_signature(&east.account, &east.key, rights, "2099-01-01T00:00:00Z"));
    world.config.target.storage[0].credential = StorageCredential::Sas(signature);
    let (summary, _) = world.sync().await;
    assert!(causes(&summary).concat().contains("shared access signature"), "{:?}", causes(&summary));
    world.config.target.storage[0].credential = key;
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
    assert_eq!(opened(&world, "films").await, Some(PublicAccess::Blobs));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_metadata_of_containers_is_mirrored_and_a_change_of_it_copies_nothing() {
    let world = world().await;
    fill(&world, "films", &["a.ts"]).await;
    let (pair, films) = (world.pair(), ContainerName::new("films"));
    for metadata in [&[("owner", "me"), ("year", "2026")][..], &[("owner", "you")], &[]] {
        let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        pair.source.storage[0].set_container_metadata(&films, &metadata).await.unwrap();
        world.emulator.reset_stats();
        let (summary, _) = world.sync().await;
        assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
        let mut there = pair.target.storage[0].container(&films).await.unwrap().unwrap().metadata;
        assert!(there.remove("mediamirror").is_some());
        assert_eq!(there, metadata);
        assert_eq!(world.verify().await.differences, []);
    }
    assert_eq!(world.count("PutBlobFromUrl"), 0);
    // Another client changes the copy.
    let mut there = pair.target.storage[0].container(&films).await.unwrap().unwrap().metadata;
    there.insert("owner".to_owned(), "somebody".to_owned());
    pair.target.storage[0].set_container_metadata(&films, &there).await.unwrap();
    assert_eq!(world.verify().await.differences.len(), 1);
    world.sync().await;
    assert_eq!(pair.target.storage[0].container(&films).await.unwrap().unwrap().metadata.len(), 1);
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_containers_of_websites_and_of_the_root_are_mirrored() {
    let world = world().await;
    fill(&world, "$web", &["index.html"]).await;
    fill(&world, "$root", &["crossdomain.xml"]).await;
    for outcome in [(2, 0), (0, 2)] {
        let (summary, _) = world.sync().await;
        assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
        assert_eq!((summary.assets.mirrored, summary.assets.unchanged), outcome);
    }
    assert_eq!(mirrored(&world).await, expected(&[("$root", &["crossdomain.xml"]), ("$web", &["index.html"])]));
}
