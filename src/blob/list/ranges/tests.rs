use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, StatusCode};
use bytes::Bytes;
use futures::TryStreamExt;

use super::*;
use crate::blob::fake::account_over;
use crate::blob::signer::Access;
use crate::model::{ContainerName, Extent};
use crate::redact::Secret;

/// How a service handles `startFrom`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ranges {
    Known,
    Ignored,
    Refused,
}

/// A service with one container, which takes a second for a page.
#[derive(Debug)]
struct Service {
    names: Mutex<Vec<String>>,
    ranges: Ranges,
    /// The listing has a separate row for each folder among the blobs.
    hierarchical: bool,
    requests: AtomicUsize,
    /// The requests in progress, and their highest number.
    now: AtomicUsize,
    most: AtomicUsize,
    /// Names are in the order of their lower-case forms.
    folded: bool,
    /// Pages are larger than memory allows.
    heavy: AtomicBool,
}

const SIZE: PageSize = PageSize { blobs: 100, bytes: WALKED_PAGE };

impl Service {
    fn of(names: impl IntoIterator<Item = String>, ranges: Ranges) -> Arc<Self> {
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort_unstable();
        Arc::new(Self {
            names: Mutex::new(names),
            ranges,
            hierarchical: false,
            folded: false,
            requests: AtomicUsize::new(0),
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            heavy: AtomicBool::new(false),
        })
    }

    /// What it sorts a name by.
    fn key(&self, name: &str) -> String {
        if self.folded { name.to_lowercase() } else { name.to_owned() }
    }

    /// The answer to a request, as XML; `None`: it is refused.
    fn answer(&self, ask: &HashMap<String, String>) -> Option<String> {
        let get = |key: &str| ask.get(key).map_or("", String::as_str);
        if !get("startFrom").is_empty() && self.ranges == Ranges::Refused {
            return None;
        }
        let from = if self.ranges == Ranges::Known { get("startFrom") } else { "" };
        let prefix = get("prefix");
        let (mut rows, mut next) = (String::new(), "");
        let (mut count, mut folders) = (0, BTreeSet::new());
        let most: usize = get("maxresults").parse().unwrap();
        let names = self.names.lock().unwrap();
        for name in names.iter().filter(|name| name.starts_with(prefix)) {
            if [from, get("marker")].iter().any(|start| !start.is_empty() && self.key(name) < self.key(start)) {
                continue;
            }
            if count == most {
                next = name;
                break;
            }
            let folder = name[prefix.len()..].split_once('/').map(|(folder, _)| format!("{prefix}{folder}/"));
            match folder {
                Some(folder) if !get("delimiter").is_empty() => {
                    if folders.insert(folder.clone()) {
                        write!(rows, "<BlobPrefix><Name>{folder}</Name></BlobPrefix>").unwrap();
                        count += 1;
                    }
                    continue;
                }
                Some(folder) if self.hierarchical && folders.insert(folder.clone()) => {
                    let kind = "<ResourceType>directory</ResourceType>";
                    write!(rows, "<Blob><Name>{folder}</Name><Properties>{kind}</Properties></Blob>").unwrap();
                    count += 1;
                }
                _ => {}
            }
            let heavy = if self.heavy.load(Ordering::Relaxed) { "x".repeat(60_000) } else { String::new() };
            let properties = "<Properties><Etag>0x1</Etag><Content-Length>1</Content-Length></Properties>";
            write!(rows, "<Blob><Name>{name}</Name>{properties}<Metadata><m>{heavy}</m></Metadata></Blob>").unwrap();
            count += 1;
        }
        Some(format!("<EnumerationResults><Blobs>{rows}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>"))
    }
}

#[async_trait]
impl HttpClient for Service {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.now.fetch_sub(1, Ordering::Relaxed);
        let ask = request.url().query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
        let (status, body) = match self.answer(&ask) {
            Some(body) => (200, body),
            None => (400, "<Error><Code>UnsupportedQueryParameter</Code></Error>".to_owned()),
        };
        Ok(AsyncRawResponse::from_bytes(StatusCode::from(status), Headers::new(), Bytes::from(body)))
    }
}

/// Folders of `blobs` blobs each.
fn films(films: usize, blobs: usize) -> impl Iterator<Item = String> {
    (0..films).flat_map(move |film| (0..blobs).map(move |blob| format!("vod/film{film:04}/{blob:03}.ts")))
}

fn account(service: &Arc<Service>) -> BlobAccount {
    account_over(Arc::<Service>::clone(service), "acct", Access::Key(Secret::new("SmVmZQ==")))
}

/// Lists the container and checks that every blob is listed once and in order; returns the seconds that it took.
async fn list(account: &BlobAccount, service: &Service, size: PageSize) -> u64 {
    let began = tokio::time::Instant::now();
    let pages = account.pages(&ContainerName::new("c"), &Extent::Whole, size, Pace::Ahead).map_ok(|page| page.blobs);
    let listed: Vec<String> = pages.try_concat().await.unwrap().into_iter().map(|blob| blob.name).collect();
    assert!(listed == *service.names.lock().unwrap(), "{} blobs came", listed.len());
    began.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_container_with_folders_is_listed_in_a_fifth_of_the_time_with_few_more_requests() {
    let service = Service::of(films(1_000, 10), Ranges::Known);
    let seconds = list(&account(&service), &service, SIZE).await;
    let requests = service.requests.load(Ordering::Relaxed);
    assert!(seconds <= 100 / 5, "{seconds} s for 100 pages");
    assert!(requests <= 140, "{requests} requests for 100 pages");
    assert_eq!(service.most.load(Ordering::Relaxed), 8);
}

#[tokio::test(start_paused = true)]
async fn folders_of_more_than_half_a_page_take_at_most_twice_the_requests() {
    let service = Service::of(films(60, 60), Ranges::Known);
    let seconds = list(&account(&service), &service, SIZE).await;
    let requests = service.requests.load(Ordering::Relaxed);
    assert!(seconds <= 36 / 2 && requests <= 72, "{seconds} s, {requests} requests for 36 pages");
}

#[tokio::test(start_paused = true)]
async fn a_container_without_folders_or_with_few_or_tiny_folders_is_listed_page_by_page() {
    let flat: Vec<String> = (0..1_000).map(|blob| format!("{blob:05}.ts")).collect();
    for (names, most) in [(flat, 10), (films(500, 2).collect(), 13), (films(2, 500).collect(), 13)] {
        let service = Service::of(names, Ranges::Known);
        list(&account(&service), &service, SIZE).await;
        let requests = service.requests.load(Ordering::Relaxed);
        assert!(requests <= most, "{requests} requests for 10 pages");
    }
}

#[tokio::test(start_paused = true)]
async fn folders_of_different_sizes_and_loose_blobs_are_listed_completely_and_in_order() {
    for seed in 0..6 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut names = BTreeSet::new();
        for top in ["a", "a-b", "b", "vod", "\u{e9}t\u{e9}"] {
            for folder in 0..dice.usize(0..120) {
                for blob in 0..dice.usize(0..40) {
                    names.insert(format!("{top}/{folder}/{blob}"));
                    names.insert(format!("{top}/{folder}-{blob}"));
                }
            }
        }
        let service = Service::of(names, Ranges::Known);
        list(&account(&service), &service, SIZE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_ignores_or_refuses_ranges_is_asked_once() {
    // A service may refuse the request because of tags, so it is repeated without them.
    for (ranges, requests) in [(Ranges::Ignored, 1), (Ranges::Refused, 2)] {
        let service = Service::of(films(200, 10), ranges);
        let account = account(&service);
        let first = list(&account, &service, SIZE).await;
        let second = list(&account, &service, SIZE).await;
        assert_eq!((first, second), (20 + requests, 20), "{ranges:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_with_a_hierarchical_namespace_is_listed_page_by_page() {
    let names = films(200, 10).collect::<Vec<_>>();
    let mut service = Arc::into_inner(Service::of(names, Ranges::Known)).unwrap();
    service.hierarchical = true;
    let service = Arc::new(service);
    list(&account(&service), &service, SIZE).await;
    assert_eq!(service.most.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn pages_too_large_for_the_memory_ahead_are_requested_in_smaller_pages() {
    let service = Service::of(films(100, 10), Ranges::Known);
    service.heavy.store(true, Ordering::Relaxed);
    let size = PageSize { blobs: 100, bytes: 12 << 20 };
    let account = account(&service);
    list(&account, &service, size).await;
    assert!(service.most.load(Ordering::Relaxed) > 1, "the folders were seen");
}

#[tokio::test(start_paused = true)]
async fn blobs_that_are_created_or_deleted_while_ranges_are_read_do_no_harm() {
    let service = Service::of(films(300, 10), Ranges::Known);
    let (account, container) = (account(&service), ContainerName::new("c"));
    let mut pages = account.pages(&container, &Extent::Whole, SIZE, Pace::Ahead);
    let mut listed = Vec::new();
    while let Some(page) = pages.try_next().await.unwrap() {
        listed.extend(page.blobs.into_iter().map(|blob| blob.name));
        let mut names = service.names.lock().unwrap();
        names.retain(|name| !name.starts_with("vod/film0250/"));
        names.extend((0..50).map(|blob| format!("vod/film0200/new{}-{blob}", listed.len())));
        names.sort_unstable();
    }
    assert!(listed.is_sorted_by(|a, b| a < b), "each once, in order");
    let stayed = films(300, 10).filter(|name| !name.starts_with("vod/film0250/"));
    assert!(stayed.into_iter().all(|name| listed.contains(&name)), "none of those that stayed is missing");
}

#[tokio::test(start_paused = true)]
async fn no_blob_is_missed_at_a_service_that_lists_in_another_order() {
    for seed in 0..6 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut names: Vec<String> = films(200, 10).collect();
        for name in &mut names {
            if dice.u8(..10) == 0 {
                *name = name.replace("film", if dice.bool() { "Film" } else { "fiLM" });
            }
        }
        let mut service = Arc::into_inner(Service::of(names, Ranges::Known)).unwrap();
        service.folded = true;
        service.names.get_mut().unwrap().sort_by_key(|name| (name.to_lowercase(), name.clone()));
        let service = Arc::new(service);
        list(&account(&service), &service, SIZE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_blob_that_is_deleted_where_two_ranges_meet_hides_no_other_blob() {
    let service = Service::of(films(300, 10), Ranges::Known);
    let (account, container) = (account(&service), ContainerName::new("c"));
    let mut pages = account.pages(&container, &Extent::Whole, SIZE, Pace::Ahead);
    let mut listed = Vec::new();
    while let Some(page) = pages.try_next().await.unwrap() {
        listed.extend(page.blobs.into_iter().map(|blob| blob.name));
        // The first blob of each folder can be where a range begins.
        service.names.lock().unwrap().retain(|name| !name.ends_with("/000.ts"));
    }
    assert!(listed.is_sorted_by(|a, b| a < b), "each once, in order");
    let stayed = films(300, 10).filter(|name| !name.ends_with("/000.ts"));
    assert!(stayed.into_iter().all(|name| listed.binary_search(&name).is_ok()), "none of those that stayed is missing");
}
