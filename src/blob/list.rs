//! Listing a container, page by page. It is also how the state of asynchronous copies is followed: 5,000 states for one
//! request.
//!
//! A page whose blobs would take too much memory is requested again as smaller pages.

mod page;
mod ranges;

use std::sync::atomic::Ordering;

use azure_core::http::Method;
use futures::TryStreamExt;
use futures::stream::{self, BoxStream, StreamExt};

use super::account::BlobAccount;
use super::properties::control_call;
use super::tag_access::TagAccess;
use super::tags::refused;
use crate::error::{CallError, Error, Failure};
use crate::memory::LISTED_PAGE;
use crate::model::{Blob, ContainerName, Extent, LeftOut, Selection};
use page::{Page, Unreadable};
use ranges::{Listing, Pace, Range};

/// The most blobs that the service gives at once.
pub(crate) const MOST_BLOBS: usize = 5_000;
/// How many times fewer entries the next smaller page has.
const SMALLER: usize = 10;

/// The entries of the next smaller page; `None` if it has only one.
pub(super) fn fewer(entries: usize) -> Option<usize> {
    (entries > 1).then(|| (entries / SMALLER).max(1))
}

/// How large a page may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageSize {
    /// Its blobs.
    pub(crate) blobs: usize,
    /// The memory that they may take, in bytes.
    pub(crate) bytes: usize,
}

impl PageSize {
    /// To see whether there is a blob.
    pub(crate) const ONE: Self = Self { blobs: 1, bytes: LISTED_PAGE };
    /// As large as a page can be.
    pub(crate) const LARGEST: Self = Self { blobs: MOST_BLOBS, bytes: LISTED_PAGE };

    /// The next smaller one.
    fn smaller(self) -> Option<Self> {
        Some(Self { blobs: fewer(self.blobs)?, ..self })
    }
}

/// A page of a listing, only what belongs to the library.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    pub(crate) blobs: Vec<Blob>,
    pub(crate) left_out: LeftOut,
    /// Its folders, if the listing does not descend into them.
    pub(crate) folders: u64,
}

impl Selected {
    /// The blobs of a page that belong to the library.
    fn of(selection: &Selection, container: &ContainerName, page: Page) -> Self {
        let Page { mut blobs, folders, .. } = page;
        let mut left_out = LeftOut::default();
        if !selection.takes_all() {
            blobs.retain(|blob| selection.takes(container, blob, &mut left_out));
        }
        Self { blobs, left_out, folders: folders.len() as u64 }
    }
}

/// What is listed.
#[derive(Debug, Clone)]
struct Part {
    container: ContainerName,
    /// The names of all its blobs begin so.
    prefix: String,
    /// Folders stand for what is in them.
    by_folder: bool,
}

impl Part {
    fn of(container: &ContainerName, extent: &Extent) -> Self {
        let (prefix, by_folder) = match extent {
            Extent::Whole => ("", false),
            Extent::Folder(folder) => (folder.as_str(), false),
            Extent::Loose => ("", true),
        };
        Self { container: container.clone(), prefix: prefix.to_owned(), by_folder }
    }
}

impl BlobAccount {
    /// All blobs of a container that belong to the library, in name order, committed ones only, in pages of up to 5,000, with
    /// copy state, metadata and tags. A page may be empty; the listing ends with the stream.
    pub fn list(&self, container: &ContainerName) -> BoxStream<'_, Result<Vec<Blob>, Error>> {
        self.list_by(container, &Extent::Whole, PageSize::LARGEST).map_ok(|page| page.blobs).boxed()
    }

    /// The top-level folders of a container, each with a slash at its end.
    pub fn folders(&self, container: &ContainerName) -> BoxStream<'_, Result<Vec<String>, Error>> {
        self.pages(container, &Extent::Loose, PageSize::LARGEST, Pace::Single).map_ok(|page| page.folders).boxed()
    }

    /// The blobs of a part of a container, in pages of that size at most.
    pub(crate) fn list_by(
        &self,
        container: &ContainerName,
        extent: &Extent,
        size: PageSize,
    ) -> BoxStream<'_, Result<Selected, Error>> {
        self.selected(container, extent, size, Pace::Single)
    }

    /// The same as fast as possible: several pages are requested at the same time where there are many folders. Between two
    /// pages the caller must not wait for anything else.
    pub(crate) fn list_ahead(
        &self,
        container: &ContainerName,
        extent: &Extent,
    ) -> BoxStream<'_, Result<Selected, Error>> {
        self.selected(container, extent, PageSize::LARGEST, Pace::Ahead)
    }

    fn selected(
        &self,
        container: &ContainerName,
        extent: &Extent,
        size: PageSize,
        pace: Pace,
    ) -> BoxStream<'_, Result<Selected, Error>> {
        let of = container.clone();
        let pages = self.pages(container, extent, size, pace);
        pages.map_ok(move |page| Selected::of(&self.selection, &of, page)).boxed()
    }

    fn pages(
        &self,
        container: &ContainerName,
        extent: &Extent,
        size: PageSize,
        pace: Pace,
    ) -> BoxStream<'_, Result<Page, Error>> {
        let listing = Listing::of(self, Part::of(container, extent), size, pace);
        stream::try_unfold(listing, async |mut listing| Ok(listing.next().await?.map(|page| (page, listing)))).boxed()
    }

    /// One page. An account that does not show its tags is listed without, from then on.
    async fn page(&self, part: &Part, range: &Range, size: PageSize) -> Result<Page, CallError> {
        let known = self.tag_access();
        if known != TagAccess::Readable {
            return Ok(self.page_with(part, range, size, false).await?.with_tags(&known.of_a_blob()));
        }
        let listed = self.page_with(part, range, size, true).await;
        if !listed.as_ref().is_err_and(|error| refused(&error.failure).is_some()) {
            return listed;
        }
        let page = self.page_with(part, range, size, false).await?;
        // Without tags it works. One refusal may be an odd answer; a second one is the account's.
        let error = match self.page_with(part, range, size, true).await {
            Ok(page) => return Ok(page),
            Err(error) => error,
        };
        let Some(access) = refused(&error.failure) else { return Err(error) };
        self.note_tag_access(access);
        Ok(page.with_tags(&access.of_a_blob()))
    }

    async fn page_with(&self, part: &Part, range: &Range, size: PageSize, tags: bool) -> Result<Page, CallError> {
        let mut url = self.container_url(&part.container);
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("restype", "container").append_pair("comp", "list");
            query.append_pair("include", if tags { "copy,metadata,tags" } else { "copy,metadata" });
            query.append_pair("maxresults", &size.blobs.to_string());
            if !part.prefix.is_empty() {
                query.append_pair("prefix", &part.prefix);
            }
            if part.by_folder {
                query.append_pair("delimiter", "/");
            }
            if let Some(from) = range.from.as_ref().filter(|_| !self.without_ranges.load(Ordering::Relaxed)) {
                query.append_pair("startFrom", from);
            }
            if let Some(marker) = &range.marker {
                query.append_pair("marker", marker);
            }
        }
        let call = control_call("ListBlobs", "list container", part.container.as_str());
        let url = &url;
        self.read
            .run(call, |_| async move {
                let mut request = self.request(url.clone(), Method::Get);
                request.insert_header("accept", "application/xml");
                let answer = self.send(&mut request, &[200]).await?;
                let page = page::parse(answer.body().as_ref(), size).map_err(failure)?;
                if page.next.is_some() && page.next == range.marker {
                    return Err(Failure::Unexpected("the listing does not advance".to_owned()));
                }
                Ok(page)
            })
            .await
    }
}

/// The failure for a page that cannot be used.
fn failure(why: Unreadable) -> Failure {
    match why {
        Unreadable::TooLarge(limit) => Failure::TooLarge(limit),
        Unreadable::Invalid(why) => Failure::Unexpected(format!("a page of the listing cannot be read: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Answer, Fake, answer, refusal};
    use super::*;
    use crate::model::IndexTags;

    fn page(names: &[&str], next: &str) -> Answer {
        let mut blobs = String::new();
        for name in names {
            let properties = "<Properties><Etag>0x1</Etag><Content-Length>1</Content-Length></Properties>";
            blobs = format!("{blobs}<Blob><Name>{name}</Name>{properties}</Blob>");
        }
        let body =
            format!("<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>");
        answer(200, &[]).with_body(body)
    }

    async fn names(account: &BlobAccount) -> Result<Vec<String>, Error> {
        let pages: Vec<Vec<Blob>> = account.list(&ContainerName::new("c")).try_collect().await?;
        Ok(pages.into_iter().flatten().map(|blob| blob.name).collect())
    }

    #[tokio::test]
    async fn all_pages_are_listed_including_empty_ones() {
        let fake = Fake::new([page(&["a", "b"], "m &amp; 1"), page(&[], "m2"), page(&["c"], "")]);
        assert_eq!(names(&fake.account("acct")).await.unwrap(), ["a", "b", "c"]);
        let asked = fake.asked();
        let markers: Vec<Option<String>> = asked
            .iter()
            .map(|asked| {
                asked.url.query_pairs().find(|(name, _)| name == "marker").map(|(_, value)| value.into_owned())
            })
            .collect();
        assert_eq!(markers, [None, Some("m & 1".to_owned()), Some("m2".to_owned())]);
        assert!(asked[0].url.query().unwrap().contains("include=copy%2Cmetadata%2Ctags&maxresults=5000"));
    }

    /// A page of blobs with `each` bytes of metadata each.
    fn heavy_page(blobs: usize, each: usize, next: &str) -> Answer {
        let metadata = format!("<Metadata><m>{}</m></Metadata>", "x".repeat(each));
        let properties = "<Properties><Etag>0x1</Etag><Content-Length>1</Content-Length></Properties>";
        let names = (0..blobs).map(|at| format!("<Blob><Name>{at:05}</Name>{properties}{metadata}</Blob>"));
        let blobs = names.collect::<Vec<_>>().concat();
        let body =
            format!("<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>");
        answer(200, &[]).with_body(body)
    }

    #[tokio::test]
    async fn a_page_that_takes_too_much_memory_is_requested_as_smaller_pages() {
        let size = PageSize { blobs: 100, bytes: 100 << 10 };
        let fake = Fake::new([heavy_page(100, 2_000, "m"), heavy_page(10, 2_000, "m"), heavy_page(10, 2_000, "")]);
        let account = fake.account("acct");
        let pages: Vec<Selected> =
            account.list_by(&ContainerName::new("c"), &Extent::Whole, size).try_collect().await.unwrap();
        assert_eq!(pages.iter().map(|page| page.blobs.len()).sum::<usize>(), 20);
        let asked: Vec<String> = fake.asked().iter().map(|asked| asked.url.query().unwrap().to_owned()).collect();
        assert!(asked[0].ends_with("maxresults=100"), "{asked:?}");
        assert!(asked[1].ends_with("maxresults=10") && asked[2].ends_with("maxresults=10&marker=m"), "{asked:?}");
    }

    #[tokio::test]
    async fn a_page_of_one_blob_that_is_too_large_ends_the_listing() {
        let size = PageSize { blobs: 10, bytes: 10 << 10 };
        let fake = Fake::new([heavy_page(10, 20_000, ""), heavy_page(1, 20_000, "")]);
        let listed: Result<Vec<Selected>, _> =
            fake.account("acct").list_by(&ContainerName::new("c"), &Extent::Whole, size).try_collect().await;
        let error = listed.unwrap_err();
        assert_eq!(error.failure(), Some(&Failure::TooLarge(10 << 10)));
    }

    #[tokio::test]
    async fn a_page_with_more_blobs_than_requested_is_refused() {
        let size = PageSize { blobs: 2, bytes: LISTED_PAGE };
        let fake = Fake::new([page(&["a", "b", "c"], "")]);
        let listed: Result<Vec<Selected>, _> =
            fake.account("acct").list_by(&ContainerName::new("c"), &Extent::Whole, size).try_collect().await;
        let error = listed.unwrap_err().to_string();
        assert!(error.contains("it has more than the 2 entries that were asked for"), "{error}");
    }

    #[tokio::test]
    async fn a_repeated_marker_is_an_error() {
        let fake = Fake::new([page(&["a"], "m")]);
        let error = names(&fake.account("acct")).await.unwrap_err().to_string();
        assert!(error.contains("does not advance"), "{error}");
        assert_eq!(fake.asked().len(), 2);
    }

    #[tokio::test]
    async fn an_account_that_refuses_tags_twice_is_then_listed_without_tags() {
        for (status, code, expected) in [
            (403, "AuthorizationPermissionMismatch", IndexTags::Unreadable),
            (400, "InvalidQueryParameterValue", IndexTags::NotOffered),
            (409, "FeatureNotYetSupportedForHierarchicalNamespaceAccounts", IndexTags::NotOffered),
        ] {
            let no = || refusal(status, code);
            let fake = Fake::new([no(), page(&["a"], ""), no(), page(&["b"], "")]);
            let account = fake.account("acct");
            for name in ["a", "b"] {
                let listed = account.list(&ContainerName::new("c")).try_concat().await.unwrap();
                assert_eq!((listed[0].name.as_str(), &listed[0].properties.tags), (name, &expected));
            }
            let asked = fake.asked();
            let tagged: Vec<bool> = asked.iter().map(|asked| asked.url.query().unwrap().contains("tags")).collect();
            assert_eq!(tagged, [true, false, true, false]);
        }
    }

    #[tokio::test]
    async fn one_refusal_of_tags_says_nothing_about_the_account() {
        let fake = Fake::new([refusal(403, "AuthorizationFailure"), page(&["a"], ""), page(&["a"], "")]);
        let account = fake.account("acct");
        let listed = account.list(&ContainerName::new("c")).try_concat().await.unwrap();
        assert_eq!(listed[0].properties.tags, IndexTags::default());
        assert_eq!(account.tag_access(), TagAccess::Readable);
    }

    #[tokio::test]
    async fn a_refusal_unrelated_to_tags_is_returned_and_tags_are_still_requested() {
        let fake = Fake::new([refusal(403, "AccountIsDisabled"), refusal(403, "AccountIsDisabled"), page(&["a"], "")]);
        let account = fake.account("acct");
        assert!(names(&account).await.unwrap_err().to_string().contains("AccountIsDisabled"));
        names(&account).await.unwrap();
        assert!(fake.asked()[2].url.query().unwrap().contains("tags"));
    }

    #[tokio::test]
    async fn a_missing_container_is_recognised_by_its_code() {
        let fake = Fake::new([refusal(404, "ContainerNotFound")]);
        let error = names(&fake.account("acct")).await.unwrap_err();
        assert_eq!(error.failure().and_then(Failure::code), Some("ContainerNotFound"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreadable_page_is_an_error_and_a_busy_service_is_retried() {
        let broken = answer(200, &[]).with_body("<EnumerationResults><Blobs>");
        let fake = Fake::new([refusal(503, "ServerBusy"), broken]);
        let error = names(&fake.account("acct")).await.unwrap_err().to_string();
        assert!(error.contains("cannot be read"), "{error}");
    }
}
